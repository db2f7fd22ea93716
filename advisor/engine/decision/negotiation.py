"""The page to take into the room: walk-away price, what was seen, what to ask for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from advisor.catalog import Catalog
from advisor.domain.decision import Ask, BreakEven, Negotiation
from advisor.domain.market import RentPrice, SellerClass
from advisor.domain.text import percent, told_usd
from advisor.engine.cost.pricing import allowed_countries, typical_levels
from advisor.engine.decision.breakeven import paid, unit_price
from advisor.engine.decision.simulate import Comparison, Run
from advisor.engine.gates.residency import left_out

SOLD_OUT = "sold_out"
ASKS = 6


def negotiation(
    comparison: Comparison, found: Sequence[BreakEven], catalog: Catalog, as_of: date
) -> Negotiation:
    """Prices at which the answer turns, discounts seen, and what to ask the seller of the choice for."""
    best, second = comparison.best, comparison.second
    price = best.pricing.way.price
    seen = catalog.decision_defaults[f"negotiated_discount_{best.vendor.lower()}"]
    needed = catalog.decision_defaults["negotiation_min_gpus"].value
    quoted = price.firmness == "user quote"
    promised = 0.0 if quoted else best.pricing.model.facts.volume_discount
    target = price.typical * (1 - seen.band[2]) if seen.band[2] > promised else None
    lowest = _lowest(best, catalog, as_of)
    own = next((b for b in found if b.variable == "price" and b.subject == best.id), None)
    limit = own.value if own is not None and own.value is not None and own.value > own.today else None
    other = None if second is None else _value(found, "price", second.id)
    condition = f"seen by one source, from {needed:g} accelerators and with a competing quote"
    if best.pricing.model.rented_gpus < needed:
        condition += f"; your {best.pricing.model.rented_gpus:,.0f} GPUs are fewer"
    return Negotiation(
        seller_of=best.id,
        today_usd=price.typical * (1 - promised),
        unit=price.unit,
        paid=paid(best).strip(),
        walk_away_usd=limit,
        runner_up=None if second is None else second.id,
        runner_up_wins_below_usd=other,
        runner_up_unit="" if second is None else second.pricing.way.price.unit,
        runner_up_paid="" if second is None else paid(second).strip(),
        discount_low=seen.band[0],
        discount_high=seen.band[2],
        discount_condition=condition,
        discount_source_id=seen.source_id,
        target_usd=target,
        saving_at_target_usd_per_month=None if target is None else _saving(best, seen.band[2], promised),
        lowest_seen_usd=None if lowest is None else lowest.usd_per_gpu_hour,
        lowest_seen_at="" if lowest is None else _where(lowest),
        asks=_asks(best, second, limit, promised, catalog),
    )


def _value(found: Sequence[BreakEven], variable: str, subject: str) -> float | None:
    return next((b.value for b in found if b.variable == variable and b.subject == subject), None)


def _saving(best: Run, share: float, promised: float) -> float:
    """What a discount of `share` in place of the promised one is worth [USD/month].

    It is on the price of the target; a peak at another price keeps its own.
    """
    model, way = best.pricing.model, best.pricing.way
    levels = typical_levels(model.facts)
    factor = (1 - share) / (1 - promised)
    cheaper = levels.with_(price=factor, peak_price=factor if way.peak_price is way.price else 1.0)
    return float(model.usd_per_month(way, levels)) - float(model.usd_per_month(way, cheaper))


def _lowest(best: Run, catalog: Catalog, as_of: date) -> RentPrice | None:
    """The lowest rent on offer for the same commitment, of the prices that count for this profile.

    Those of its class of seller, of where its data may lie, of providers that it rents from, and current ones: an offer
    that a seller has since replaced by a dearer one is no argument.
    """
    profile, commitment = best.pricing.model.profile, best.pricing.way.commitment
    if commitment == "purchase":
        return None
    asked = profile.procurement.seller
    classes: tuple[SellerClass, ...] = ("neocloud", "hyperscaler") if asked == "any" else (asked,)
    countries, barred = allowed_countries(profile, catalog), left_out(profile, catalog)
    markets = (
        catalog.rent_market(best.id, each, commitment, as_of, countries, without=barred)  # type: ignore[arg-type]
        for each in classes
    )
    counted = {row for market in markets for row in market.row_ids}
    rows = [p for p in catalog.rent_prices if p.id in counted and SOLD_OUT not in p.flags]
    return min(rows, key=lambda p: (p.usd_per_gpu_hour, p.id), default=None)


def _where(price: RentPrice) -> str:
    region = f", {price.region}" if price.region else ""
    return f"{price.provider}{region}, {price.as_of.isoformat()} ({price.id})"


def _discount(low: float, high: float, promised: float) -> str:
    """What to ask for off the list, given what is promised already."""
    if promised >= high:
        seen = f"{percent(low)} to {percent(high)}"
        return f"the {percent(promised)} that you were promised in writing: more than the {seen} seen"
    if promised >= low:
        return f"{percent(high)} off in place of the {percent(promised)} promised"
    return f"{percent(low)} to {percent(high)} off"


def _asks(
    best: Run, second: Run | None, walk_away: float | None, promised: float, catalog: Catalog
) -> tuple[Ask, ...]:
    out: list[Ask] = []
    seen = catalog.decision_defaults[f"negotiated_discount_{best.vendor.lower()}"]
    if second is not None:
        why = f"a competing quote for {second.name} is the strongest argument seen"
        out.append(Ask(what=_discount(seen.band[0], seen.band[2], promised), why=why, source_id=seen.source_id))
    if best.pricing.way.price.firmness == "quote, not a market":
        sellers = best.pricing.way.price.sellers
        why = f"{sellers} seller{'s list' if sellers != 1 else ' lists'} such a price: the list price is an opening"
        out.append(Ask(what="a second written quote, or a price cap at renewal", why=why))
    for risk in sorted(best.candidate.risks, key=lambda r: -r.expected_loss_usd_per_month):
        if risk.owner in ("procurement", "legal", "finance", "platform team") and len(out) < ASKS:
            why = f"{risk.name}: USD {told_usd(risk.expected_loss_usd_per_month)} a month expected"
            out.append(Ask(what=risk.mitigation, why=why, source_id=next(iter(risk.source_ids), "default")))
    if walk_away is not None and second is not None:
        limit = f"nothing above {unit_price(walk_away, best.pricing.way)}{paid(best)}"
        out.append(Ask(what=limit, why=f"above it {second.name} is the better answer"))
    return tuple(out[: ASKS + 1])
