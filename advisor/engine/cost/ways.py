"""The ways of paying that a profile leaves open, and why the others are closed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import date

from advisor.catalog import Catalog
from advisor.domain.cost import CostOption, PriceBasis
from advisor.domain.errors import AdvisorError
from advisor.domain.gates import Gate
from advisor.domain.market import SellerClass
from advisor.domain.profile import Profile
from advisor.domain.record import record, replace
from advisor.domain.text import percent
from advisor.engine.cost.facts import CostFacts
from advisor.engine.cost.model import Way
from advisor.engine.cost.prices import rent_basis
from advisor.engine.cost.timing import TERM_MONTHS

RENT_COMMITMENTS = ("on_demand", "reserved_1y", "reserved_3y", "spot")
READABLE = {
    "on_demand": "on demand, following traffic",
    "spot": "spot",
    "reserved_1y": "reserved for one year",
    "reserved_3y": "reserved for three years",
}
NEEDED_TO_BUY = (
    "power_usd_per_kwh", "pue", "space_usd_per_kw_month", "engineer_usd_per_year", "maintenance_share_per_year",
    "operations_fte_per_node", "it_kw_per_gpu",
)  # fmt: skip


class NoWayOfPayingError(AdvisorError):
    """No way of paying for a candidate is both allowed and priced."""


@record
class OpenWays:
    """Ways that can be priced and are allowed, and the options that are not."""

    ways: tuple[Way, ...]
    closed: tuple[CostOption, ...]


@record
class PriceBook:
    """What one accelerator is offered at."""

    rents: dict[tuple[str, str], PriceBasis | None]
    """By commitment and seller; none where no price is found."""
    purchase: PriceBasis | None

    def quoted(self, commitments: Collection[str], basis: PriceBasis) -> PriceBook:
        """The same book with a quote in place of every seller's price for some commitments, or for a purchase."""
        rents: dict[tuple[str, str], PriceBasis | None] = {}
        for (commitment, who), price in self.rents.items():
            if commitment in commitments:
                rents[commitment, "quote"] = basis
            else:
                rents[commitment, who] = price
        return PriceBook(rents, basis if "purchase" in commitments else self.purchase)

    def covered(self, way: Way) -> tuple[str, ...]:
        """Commitments that the price of a way is for: its own, and the others where a quote of yours is for any."""
        if way.buys or way.price.firmness != "user quote":
            return (way.commitment,)
        return tuple(dict.fromkeys(key[0] for key, price in self.rents.items() if price == way.price))

    def on_demand(self, seller: str) -> PriceBasis | None:
        """On-demand rent beside what another seller's commitment holds: his own, your quote, or a neocloud's."""
        own = seller if self.rents.get(("on_demand", seller)) is not None else "quote"
        return self.rents.get(("on_demand", own)) or self.rents.get(("on_demand", "neocloud"))


def price_book(
    profile: Profile,
    accelerator: str,
    facts: CostFacts,
    catalog: Catalog,
    as_of: date,
    countries: Collection[str] | None,
) -> PriceBook:
    """Prices of one accelerator by commitment and seller; a quote in hand is one seller."""
    rents: dict[tuple[str, str], PriceBasis | None] = {}
    for commitment, seller in _rent_markets(profile):
        basis = rent_basis(profile, accelerator, commitment, seller, catalog, as_of, countries)
        quoted = basis is not None and basis.firmness == "user quote"
        rents.setdefault((commitment, "quote" if quoted else seller), basis)
    return PriceBook(rents, facts.capex)


def open_ways(profile: Profile, facts: CostFacts, book: PriceBook) -> OpenWays:
    """Enumerate rent, purchase and mixtures at the prices of a book; the base of a mixture is chosen later."""
    ways: list[Way] = []
    closed: list[CostOption] = []
    for (commitment, who), basis in book.rents.items():
        option = f"rent.{commitment}.{who}"
        label = f"{_readable_seller(who)} {READABLE[commitment]}"
        if basis is None:
            closed.append(_closed(option, "rent", commitment, who, label, _no_price(profile)))
            continue
        why = _closed_rent(profile, commitment)
        if why:
            closed.append(_closed(option, "rent", commitment, who, label, why, basis))
            continue
        caution = "can be taken back at short notice; no service level holds on it" if commitment == "spot" else ""
        beside = book.on_demand(who) if commitment in TERM_MONTHS else None
        ways.append(Way(option, "rent", commitment, who, label, basis, beside, caution=caution))
    _buy(profile, facts, book.purchase, ways, closed)
    ways += _mixed(profile, ways, book)
    return OpenWays(tuple(ways), tuple(closed))


def without_blocked(found: OpenWays, gates: Sequence[Gate]) -> OpenWays:
    """Close the ways that a gate rules out: a purchase that the site cannot hold, a rent that nobody offers there.

    A base that is bought beside what is rented stays open up to what the site has room for.
    """
    ways: list[Way] = []
    closed = list(found.closed)
    for way in found.ways:
        rents = way.mode != "buy"
        against = [g for g in gates if (g.blocks == "buy" and way.buys) or (g.blocks == "rent" and rents)]
        rooms = [g.room_gpus or 0 for g in against]
        if way.mode == "mixed" and rooms and min(rooms) > 0:
            ways.append(replace(way, most_gpus=float(min(rooms))))
        elif against:
            why = against[0].title
            closed.append(_closed(way.id, way.mode, way.commitment, way.seller, way.label, why, way.price))
        else:
            ways.append(way)
    return OpenWays(tuple(ways), tuple(closed))


def _rent_markets(profile: Profile) -> Iterator[tuple[str, SellerClass]]:
    wanted = profile.procurement.seller
    for commitment in RENT_COMMITMENTS:
        if wanted in ("any", "neocloud"):
            yield commitment, "neocloud"
        if wanted in ("any", "hyperscaler"):
            yield commitment, "hyperscaler"


def _no_price(profile: Profile) -> str:
    """Why no price is found: the catalog has none, or none that the profile allows."""
    place = profile.place
    limits = ["in places where data may lie"] if place.data_residency else []
    limits += ["without headquarters in the United States"] if place.exclude_us_providers else []
    return f"no price in the catalog of sellers {' and '.join(limits)}" if limits else "price not found in the catalog"


def _closed_rent(profile: Profile, commitment: str) -> str:
    procurement = profile.procurement
    if procurement.mode == "buy":
        return "the profile wants to buy"
    if procurement.commitment not in ("any", commitment):
        return f"the profile asks for {procurement.commitment}"
    if commitment == "spot" and procurement.commitment != "spot":
        return "spot can be taken back; it counts only where the profile asks for it"
    return ""


def _buy(
    profile: Profile, facts: CostFacts, price: PriceBasis | None, ways: list[Way], closed: list[CostOption]
) -> None:
    label = "buy, run in a colocation"
    if price is None:
        closed.append(_closed("buy", "buy", "purchase", "", label, "purchase price not found in the catalog"))
        return
    missing = [name for name in NEEDED_TO_BUY if name not in facts.values]
    if profile.procurement.mode == "rent":
        why = "the profile wants to rent"
    elif profile.procurement.mode == "either" and profile.procurement.commitment != "any":
        why = f"the profile asks for {profile.procurement.commitment}"
    else:
        why = f"not found in the catalog: {', '.join(missing)}" if missing else ""
    if why:
        closed.append(_closed("buy", "buy", "purchase", "", label, why, price))
        return
    ways.append(Way("buy", "buy", "purchase", "", label, price))


def _mixed(profile: Profile, ways: Sequence[Way], book: PriceBook) -> list[Way]:
    """A base held around the clock, the peak on demand."""
    if profile.procurement.commitment != "any" or profile.procurement.mode == "buy":
        return []
    out: list[Way] = []
    for way in ways:
        peak = None if way.floats else book.on_demand(way.seller)
        if peak is None:
            continue
        name = f"mixed.{way.commitment}" + (f".{way.seller}" if way.seller else "")
        caution = "the peak rests on on-demand capacity being there when it is needed"
        seller = way.seller or "neocloud"
        mix = Way(name, "mixed", way.commitment, seller, way.label, way.price, peak, caution=caution)
        out.append(mix)
    return out


def with_base(way: Way, share: float, at_start: float) -> Way:
    """A mixed way with its base, a share of the peak fleet, which whole nodes round up to `at_start` of the first."""
    held = "owned" if way.buys else READABLE[way.commitment]
    label = f"base of {percent(at_start)} {held}, peak on demand"
    if at_start > 1 - 1e-9:  # of the fleet as it turns out, of which the share leaves nothing above the first nodes
        label = f"fleet of the start {held}, more on demand"
    return replace(way, base_share=share, label=label)


def _readable_seller(seller: str) -> str:
    return {"neocloud": "neocloud", "hyperscaler": "hyperscaler", "quote": "your quote,"}[seller]


def _closed(
    option: str, mode: str, commitment: str, seller: str, label: str, why: str, price: PriceBasis | None = None
) -> CostOption:
    return CostOption.model_validate(
        {
            "id": option, "mode": mode, "commitment": commitment, "seller": seller, "label": label,
            "allowed": False, "why_not": why, "price": price,
        }
    )  # fmt: skip
