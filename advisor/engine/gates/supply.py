"""Who sells a part, how long it takes, and whether that meets the start date."""

from __future__ import annotations

import math
from datetime import date

from advisor.catalog import Catalog
from advisor.catalog.gates import LeadTime
from advisor.catalog.rent import MEMBERS
from advisor.domain.gates import DelayWeeks, Gate
from advisor.domain.hardware import Accelerator
from advisor.domain.market import Availability
from advisor.domain.profile import Profile
from advisor.domain.record import record
from advisor.domain.text import counted
from advisor.engine.gates.countries import resolve_country
from advisor.engine.gates.remedies import ANY_PROVIDER, ANY_SELLER, BUY, either, quote_for
from advisor.engine.gates.residency import barred_name, left_out

FEW_SELLERS = 4
"""Below it a quote is an offer, not a market; the same limit as for rent prices."""

_DAYS_PER_WEEK = 7.0
_RENT_MEANWHILE = "or rent until delivery"
_LICENSED = "or take capacity of an operator that holds a licence"


@record
class Sellers:
    """Who lists a part for rent, by whether the profile may rent from them."""

    open: tuple[str, ...]
    barred: tuple[str, ...]
    """Left out with the headquarters that the profile shuns."""
    others: tuple[str, ...]
    """Of another class than the profile asks for, as far as their prices tell."""


def sellers_of(profile: Profile, row: Availability, catalog: Catalog) -> Sellers:
    """The sellers of a survey that the profile may rent from."""
    closed, asked = left_out(profile, catalog), profile.procurement.seller
    barred = tuple(name for name in row.providers if name in closed)
    rest = [name for name in row.providers if name not in closed]
    if asked == "any":
        return Sellers(tuple(rest), barred, ())
    prices = (p for p in catalog.rent_prices if p.accelerator == row.accelerator)
    of_class = {p.provider for p in prices if p.seller_class in MEMBERS[asked]}
    return Sellers(
        tuple(n for n in rest if n in of_class), barred, tuple(n for n in rest if n not in of_class)
    )


def supply_gate(profile: Profile, accelerator: Accelerator, catalog: Catalog, as_of: date) -> Gate:
    """How many sellers rent the part out, and what is said of its availability."""
    rows = [a for a in catalog.availability if a.accelerator == accelerator.id]
    rule = "Capacity must be for sale where and when you need it; few sellers mean waiting lists and weak bargaining."
    renting = profile.procurement.mode != "buy"
    if not rows:
        return Gate(
            gate="supply", status="condition", condition="missing", title="Sellers are not in the catalog",
            reason=f"{rule} The catalog lists no seller of {accelerator.name}.",
            remedy="Ask the vendor for partners that can quote.", citation="availability table",
        )  # fmt: skip
    row = rows[0]
    found, asked = sellers_of(profile, row, catalog), profile.procurement.seller
    sellers = ", ".join(found.open) if found.open else "none"
    if found.barred:
        sellers += f", the {len(found.barred)} left out by the profile not counted"
    if found.others:
        sellers += f", {counted(len(found.others), 'seller')} of another class than {asked} not counted"
    recent = row.providers_recent - len(found.barred) - len(found.others)
    said = f" Stated on lead times: {row.lead_time}." if row.lead_time else " Nothing is stated on lead times."
    p = row.provenance
    plural = " has" if recent == 1 else "s have"
    age = f" The survey is of {p.as_of.isoformat()}, {_age(p.as_of, as_of)}." if p.as_of else ""
    reason = (
        f"{rule} {recent} provider{plural} listed {accelerator.name} for rent since"
        f" {row.recent_since.isoformat()}: {sellers}. {_where(profile, accelerator, catalog)}{said}{age}"
    )
    few = renting and recent < FEW_SELLERS
    nobody = recent <= 0 and not _quoted(profile, accelerator, catalog)
    only_rent = profile.procurement.mode == "rent"
    remedy = "get a written commitment of capacity with a date, and name a second source" if few else ""
    if nobody and renting:
        remedy = _openings(profile, row, catalog)
    return Gate(
        gate="supply",
        status="fail" if nobody and only_rent else "condition" if few or (nobody and renting) else "pass",
        condition="waitlist" if few and not (nobody and only_rent) else "",
        title=f"{'Only ' if few else ''}{counted(recent, 'seller')} listed" if recent > 0 else "No seller listed",
        reason=reason,
        remedy=remedy,
        arithmetic=f"{counted(recent, 'seller')} against {FEW_SELLERS} for a market" if renting else "",
        citation="availability table",
        source=p.source_id,
        as_of=p.as_of,
        confidence=p.confidence,
        blocks="all" if nobody and only_rent else "rent" if nobody and renting else "nothing",
    )


def _quoted(profile: Profile, accelerator: Accelerator, catalog: Catalog) -> bool:
    """Whether a quote in hand is an offer to rent, of somebody who is not left out."""
    closed = left_out(profile, catalog)
    return any(
        q.accelerator == accelerator.id and q.kind == "rent" and not barred_name(q.provider, closed)
        for q in profile.procurement.quotes
    )


def _openings(profile: Profile, row: Availability, catalog: Catalog) -> str:
    """The changes of a profile after each of which somebody offers the part."""
    place, money = profile.place, profile.procurement
    anywhere = profile.model_copy(update={"place": place.model_copy(update={"exclude_us_providers": False})})
    anybody = profile.model_copy(update={"procurement": money.model_copy(update={"seller": "any"})})
    ways = [
        change
        for change, changed in ((ANY_PROVIDER, anywhere), (ANY_SELLER, anybody))
        if sellers_of(changed, row, catalog).open
    ]
    if money.mode == "rent":
        ways.append(BUY)
    return either([*ways, quote_for(row.accelerator)])


def _age(survey: date, as_of: date) -> str:
    days = (as_of - survey).days
    return "the day of this answer" if days == 0 else f"{days} days old" if days > 0 else "later than this answer"


def _where(profile: Profile, accelerator: Accelerator, catalog: Catalog) -> str:
    """Sellers whose prices name the country of deployment, by jurisdiction, and how many name no place."""
    country = resolve_country(profile.place.country, catalog.export, field="place.country")
    prices = catalog.rent_prices
    rows = catalog.derived(
        ("rents", accelerator.id), prices, lambda: [r for r in prices if r.accelerator == accelerator.id]
    )
    there = sorted({r.provider for r in rows if country.iso2 in r.countries})
    named = ", ".join(f"{name} ({_home(name, catalog)})" for name in there) or "none"
    silent = sum(not r.countries for r in rows)
    return f"Sellers whose prices name {country.name}: {named}; {silent} of {len(rows)} price rows name no place."


def _home(provider: str, catalog: Catalog) -> str:
    seller = catalog.gate_facts.sellers.get(provider)
    return f"headquarters {seller.headquarters}" if seller else "headquarters not known"


def lead_time(accelerator: str, catalog: Catalog, route: str) -> LeadTime | None:
    """The lead time along a route: the part's own row, else the general one."""
    rows = [r for r in catalog.gate_facts.lead_times if r.route == route]
    own = next((r for r in rows if accelerator in r.accelerators), None)
    return own or next((r for r in rows if "*" in r.accelerators), None)


def start_gate(
    profile: Profile, accelerator: Accelerator, catalog: Catalog, as_of: date, licence: DelayWeeks | None = None
) -> Gate:
    """Lead time of a purchase, and of an export licence, against the time that is left until the start date [weeks].

    Parameters
    ----------
    licence
        What an export licence may take; it runs beside an order, whoever owns the hardware.
    """
    gate = _delivery(profile, accelerator, catalog, as_of)
    start = profile.procurement.start_date
    if licence is None or start is None or gate.status == "fail":
        return gate
    left = max((start - as_of).days, 0) / _DAYS_PER_WEEK
    if left >= licence.high:
        return gate
    missing = DelayWeeks(
        low=max(licence.low - left, 0.0), typical=max(licence.typical - left, 0.0), high=licence.high - left,
        basis=licence.basis,
    )  # fmt: skip
    told = f"An export licence takes {licence.low:g} to {licence.high:g} weeks, {left:.1f} are left"
    if gate.status == "condition":
        later = missing if gate.delay_weeks is None or missing.high > gate.delay_weeks.high else gate.delay_weeks
        reason = f"{gate.reason} {told}, for rented hardware too."
        remedy = gate.remedy.replace(_RENT_MEANWHILE, _LICENSED)  # what is rented meanwhile waits for the licence too
        return gate.model_copy(update={"reason": reason, "remedy": remedy, "delay_weeks": later})
    earliest = date.fromordinal(as_of.toordinal() + math.ceil(licence.high * _DAYS_PER_WEEK))
    return gate.model_copy(
        update={
            "status": "condition",
            "condition": "licence",
            "title": f"An export licence takes {licence.low:g} to {licence.high:g} weeks, {left:.0f} are left",
            "reason": f"{gate.reason} {told}.",
            "remedy": f"set procurement.start_date to {earliest.isoformat()}, {_LICENSED}",
            "delay_weeks": missing,
        }
    )


def _delivery(profile: Profile, accelerator: Accelerator, catalog: Catalog, as_of: date) -> Gate:
    """Lead time of a purchase [weeks] against the weeks that are left until the start date."""
    start = profile.procurement.start_date
    mode = profile.procurement.mode
    rule = "Bought hardware arrives weeks or months after the order; rented capacity as soon as the provider has it."
    order = lead_time(accelerator.id, catalog, "buy")
    if mode == "rent" or order is None:
        why = "The profile rents, so that no delivery is waited for." if mode == "rent" else "No lead time is stated."
        return Gate(
            gate="start", status="pass", title="No delivery to wait for" if mode == "rent" else "No lead time stated",
            reason=f"{rule} {why} Whether capacity is free is a matter of supply.", citation="lead times table",
        )  # fmt: skip
    low, high, p = order.low_weeks, order.high_weeks, order.provenance
    typical = (low + high) / 2
    told = f"For {accelerator.name}: {order.statement}."
    delay = DelayWeeks(low=low, typical=typical, high=high, basis=f"{order.statement} ({p.source_id})")
    common = {
        "gate": "start",
        "citation": "lead times table",
        "source": p.source_id,
        "as_of": p.as_of,
        "confidence": p.confidence,
    }
    if start is None:
        return Gate(
            **common, status="pass", title=f"Delivery in {low:g} to {high:g} weeks; no start date is given",
            reason=f"{rule} {told} The profile names no start date.", delay_weeks=delay,
        )  # fmt: skip
    left = max((start - as_of).days, 0) / _DAYS_PER_WEEK
    arithmetic = f"{start.isoformat()} - {as_of.isoformat()} = {left:.1f} weeks; lead time {low:g} to {high:g} weeks"
    reason = f"{rule} {told} The start date leaves {left:.1f} weeks."
    if left >= high:
        return Gate(
            **common, status="pass", title=f"Delivery fits the start date ({left:.0f} weeks left)", reason=reason,
            arithmetic=arithmetic, delay_weeks=delay,
        )  # fmt: skip
    earliest = date.fromordinal(as_of.toordinal() + round(high * _DAYS_PER_WEEK))
    late = left < low
    remedy = f"set procurement.start_date to {earliest.isoformat()}, {_RENT_MEANWHILE}"
    return Gate(
        **common,
        status="fail" if late and mode == "buy" else "condition",
        condition="waitlist" if not (late and mode == "buy") else "",
        title=f"Delivery takes {low:g} to {high:g} weeks, {left:.0f} are left",
        reason=reason,
        remedy=remedy,
        arithmetic=arithmetic,
        delay_weeks=DelayWeeks(
            low=max(low - left, 0.0), typical=max(typical - left, 0.0), high=high - left, basis=delay.basis
        ),
        blocks="all" if late and mode == "buy" else "buy" if late else "nothing",
    )
