"""Where data may lie and whose provider may hold it; acts on stated facts only, and says what is not known.

`left_out` is the one rule on providers: the gate, the prices and the offer for a probe all ask it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from advisor.catalog import Catalog
from advisor.catalog.rent import MEMBERS
from advisor.domain.gates import DISCLAIMER, Gate, GateStatus
from advisor.domain.hardware import Accelerator
from advisor.domain.profile import Profile
from advisor.domain.record import record
from advisor.domain.text import counted
from advisor.engine.gates.countries import resolve_area, resolve_country
from advisor.engine.gates.remedies import ANY_PROVIDER, ANY_SELLER, BUY, either

US = "US"
ALIASES = {"amazon": "aws", "google": "gcp", "microsoft": "azure", "oracle": "oci"}
"""Companies by which clouds are called, and the catalog's names of those."""
NOBODY = "No provider is left to rent from"


def left_out(profile: Profile, catalog: Catalog) -> frozenset[str]:
    """Providers that the profile does not rent from: with headquarters known to be in the United States."""
    if not profile.place.exclude_us_providers:
        return frozenset()
    return frozenset(n for n, s in catalog.gate_facts.sellers.items() if s.headquarters == US)


def barred_name(provider: str, barred: Collection[str]) -> bool:
    """Whether a provider as a user writes it is one of those left out.

    >>> barred_name("Amazon Web Services", {"aws"}), barred_name("Digital Ocean", {"digitalocean"})
    (True, True)
    >>> barred_name("Stadtwerke", {"aws"})
    False
    """
    words = re.findall(r"[a-z0-9]+", provider.casefold())
    return any(ALIASES.get(word, word) in barred for word in ("".join(words), *words))


def first_offer(profile: Profile, sellers: Sequence[tuple[str, float]], catalog: Catalog) -> str:
    """The provider to ask, of those that may be rented from, cheapest first; one of unknown home only in the end."""
    barred = left_out(profile, catalog)
    names = [name for name, _ in sellers if name not in barred]
    if not profile.place.exclude_us_providers or not names:
        return names[0] if names else ""
    known = [name for name in names if name in catalog.gate_facts.sellers]
    return known[0] if known else f"{names[0]}, headquarters not in the catalog: ask first"


@record
class ProviderView:
    """Providers of a part as far as residency and headquarters are known."""

    named_there: tuple[str, ...]
    """Providers whose price rows name an allowed country."""
    excluded: tuple[str, ...]
    """Providers with headquarters in the United States."""
    elsewhere: tuple[str, ...]
    """Providers with headquarters outside the United States."""
    unknown: tuple[str, ...]
    """Providers whose headquarters the catalog does not hold."""
    placeless: int
    """Price rows that name no country."""
    rows: int
    quoted: tuple[str, ...] = ()
    """Providers of the user's own quotes that may be rented from."""


def providers_of(
    accelerator: str, allowed: frozenset[str], catalog: Catalog, seller: str = "any", quoted: Sequence[str] = ()
) -> ProviderView:
    """Providers that rent the part out, by what is known of their place and home.

    Of one class of seller only those with a price are known to belong to it.
    """
    classes = {name for known, names in MEMBERS.items() if seller in ("any", known) for name in names}
    rows = [r for r in catalog.rent_prices if r.accelerator == accelerator and r.seller_class in classes]
    listed = {p for a in catalog.availability if a.accelerator == accelerator for p in a.providers}
    if seller != "any":
        listed = set()
    names = sorted({r.provider for r in rows} | listed)
    homes = {n: catalog.gate_facts.sellers[n].headquarters for n in names if n in catalog.gate_facts.sellers}
    there = sorted({r.provider for r in rows if allowed & set(r.countries)}) if allowed else []
    return ProviderView(
        named_there=tuple(there),
        excluded=tuple(n for n in names if homes.get(n) == US),
        elsewhere=tuple(n for n in names if n in homes and homes[n] != US),
        unknown=tuple(n for n in names if n not in homes),
        placeless=sum(not r.countries for r in rows),
        rows=len(rows),
        quoted=tuple(quoted),
    )


def residency_gate(profile: Profile, accelerator: Accelerator, catalog: Catalog) -> Gate:
    """Country of deployment and providers against where data may lie and whose provider may hold it."""
    place, mode = profile.place, profile.procurement.mode
    rule = (
        "Some data must stay in named countries, and a provider with headquarters in the United States can be"
        " compelled to hand data over wherever it lies (CLOUD Act)."
    )
    rules = catalog.export
    allowed, names = resolve_area(place.data_residency, rules, field="place.data_residency")
    here = resolve_country(place.country, rules, field="place.country")
    if not allowed and not place.exclude_us_providers:
        return Gate(
            gate="residency", status="pass", title="No restriction asked for",
            reason=f"{rule} The profile restricts neither.", citation="profile: place", source="profile",
        )  # fmt: skip
    asked = [f"Data may lie in {names}."] if allowed else []
    if place.exclude_us_providers:
        asked.append("Providers with headquarters in the United States are left out.")
    if allowed and here.iso2 not in allowed:
        return Gate(
            gate="residency", status="fail", title=f"{here.name} is outside the countries where data may lie",
            reason=" ".join([rule, *asked, f"The profile deploys in {here.name}."]),
            remedy=f"set place.country to one of {', '.join(sorted(allowed))}",
            citation="profile: place", source="profile", blocks="all", disclaimer=DISCLAIMER,
        )  # fmt: skip
    if mode == "buy":
        return Gate(
            gate="residency", status="pass", title=f"Hardware of your own in {here.name}",
            reason=" ".join([rule, *asked, "The profile buys, and the hardware stands in an allowed country; who runs"
                             " the room and who has remote hands in it is for the contract."]),
            citation="profile: place", source="profile", disclaimer=DISCLAIMER,
        )  # fmt: skip
    seller, barred = profile.procurement.seller, left_out(profile, catalog)
    quotes = [q for q in profile.procurement.quotes if q.accelerator == accelerator.id and q.kind == "rent"]
    dropped = sorted({q.provider for q in quotes if barred_name(q.provider, barred)})
    if dropped:
        asked.append(f"Your quote from {', '.join(dropped)} is left out with them.")
    quoted = [q.provider or "your quote" for q in quotes if not barred_name(q.provider, barred)]
    view = providers_of(accelerator.id, allowed or frozenset({here.iso2}), catalog, seller, quoted)
    status, title, remedy, facts = _judge(view, bool(allowed), place.exclude_us_providers, mode)
    if title == NOBODY:
        remedy = _openings(profile, accelerator.id, catalog)
    sellers = catalog.gate_facts.sellers
    cited = [sellers[n].provenance for n in (*view.excluded, *view.elsewhere)]
    return Gate(
        gate="residency",
        status=status,
        condition="review" if status == "condition" else "",
        title=title,
        reason=" ".join([rule, *asked, *facts]),
        remedy=remedy,
        arithmetic=f"{view.rows} price rows, {view.placeless} of them name no country",
        citation="rent price rows with their countries; headquarters of providers",
        source="; ".join(dict.fromkeys(p.source_id for p in cited)),
        as_of=max((p.as_of for p in cited if p.as_of), default=None),
        confidence="low" if view.unknown or view.placeless else "medium",
        blocks="all" if status == "fail" else "rent" if title == NOBODY else "nothing",
        disclaimer=DISCLAIMER,
    )


def _openings(profile: Profile, accelerator: str, catalog: Catalog) -> str:
    """The changes of a profile after each of which a provider is left, and buying where it is not allowed yet."""
    no_us, seller = profile.place.exclude_us_providers, profile.procurement.seller
    everyone = providers_of(accelerator, frozenset(), catalog)
    of_class = providers_of(accelerator, frozenset(), catalog, seller)
    ways = [ANY_PROVIDER] if no_us and (*of_class.excluded, *of_class.elsewhere) else []
    others = (*everyone.elsewhere, *everyone.unknown, *(() if no_us else everyone.excluded))
    ways += [ANY_SELLER] if seller != "any" and others else []
    ways += [BUY] if profile.procurement.mode == "rent" else []
    return either(ways) or "buy"


def _judge(view: ProviderView, placed: bool, no_us: bool, mode: str) -> tuple[GateStatus, str, str, list[str]]:
    facts = []
    if placed:
        facts.append(
            f"Sellers whose prices name such a place: {', '.join(view.named_there) or 'none'}; {view.placeless} of"
            f" {view.rows} price rows name no country."
        )
    if no_us:
        facts.append(f"Left out: {', '.join(view.excluded) or 'none known'}.")
        facts.append(f"Headquarters elsewhere: {', '.join(view.elsewhere) or 'none known'}.")
        facts.append(f"Headquarters not in the catalog: {', '.join(view.unknown) or 'none'}.")
        if view.quoted:
            facts.append(f"Ask for the headquarters behind your quotes: {', '.join(view.quoted)}.")
    usable = [n for n in (*view.elsewhere, *view.unknown) if n] if no_us else [*view.excluded, *view.elsewhere]
    usable = [*usable, *view.quoted] if no_us else [*usable, *view.unknown, *view.quoted]
    if not usable:
        return ("fail" if mode == "rent" else "condition"), NOBODY, "", facts
    sure = [n for n in view.named_there if not no_us or n in view.elsewhere] if placed else list(view.elsewhere)
    if sure:
        meet = "meets" if len(sure) == 1 else "meet"
        return "pass", f"{counted(len(sure), 'provider')} {meet} it by what is known: {', '.join(sure)}", "", facts
    return (
        "condition",
        "No provider is known to meet it",
        "ask the providers for the place of the hardware and for their ownership in writing",
        facts,
    )
