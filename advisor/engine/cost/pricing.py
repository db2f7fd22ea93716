"""The cost of one candidate: every way of paying, the one that is taken in full."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np

from advisor.catalog import Catalog
from advisor.domain.cost import Band, Cost, CostLine, CostOption
from advisor.domain.profile import Profile
from advisor.domain.provenance import Quantity
from advisor.domain.record import record
from advisor.domain.units import HOURS_PER_MONTH
from advisor.engine.cost.facts import CostFacts, own
from advisor.engine.cost.flows import month_flows
from advisor.engine.cost.hosted import hosted_baseline
from advisor.engine.cost.levels import Levels
from advisor.engine.cost.lines import cost_lines
from advisor.engine.cost.model import OWED, PEAK, TAIL, CostModel, Way
from advisor.engine.cost.outlay import lease_of, outlay_of
from advisor.engine.cost.premium import stack_premium
from advisor.engine.cost.ways import OpenWays, PriceBook
from advisor.engine.cost.years import fleet_years
from advisor.engine.gates.countries import resolve_area


@record
class Pricing:
    """A candidate's cost model with the ways of paying that are open."""

    model: CostModel
    open: OpenWays
    way: Way
    """The allowed way that ranks best, see `advisor/engine/paying.py`."""
    usd_by_way: dict[str, float]
    """Levelised cost of each open way at typical inputs [USD/month]."""
    outlook: dict[str, float]
    """What each open way may come to, its expected loss counted [USD/month]: by which they are ordered."""
    book: PriceBook
    """The prices behind them."""

    @property
    def typical(self) -> Levels:
        """Typical inputs."""
        return typical_levels(self.model.facts)


def typical_levels(facts: CostFacts) -> Levels:
    """All inputs typical, the promised discount taken."""
    return Levels(discount=facts.volume_discount)


def preference(way: Way, usd: float) -> tuple[float, bool, str]:
    """By which the ways of one candidate are ordered: cost in cents, plain ones before mixtures, id."""
    return round(usd, 2), way.mode == "mixed", way.id


def allowed_countries(profile: Profile, catalog: Catalog) -> Collection[str] | None:
    """ISO codes in which capacity may be rented: the data residency, or anywhere."""
    residency = profile.place.data_residency
    if not residency:
        return None
    return resolve_area(residency, catalog.export, field="place.data_residency")[0]


def cost_of(pricing: Pricing, profile: Profile, catalog: Catalog) -> Cost:
    """The tree of a priced candidate."""
    model, way, levels = pricing.model, pricing.way, pricing.typical
    facts, when = model.facts, model.calendar
    lines = cost_lines(model, way, levels)
    point = pricing.usd_by_way[way.id]
    flows = month_flows(model, way, levels)
    mtok_in, mtok_out = (float(v) for v in model.mtok(levels))
    weight = output_weight(profile, catalog)
    tokens = per_mtok(point, mtok_in, mtok_out, weight.value)
    months = flows[: when.months]
    hours = sum(f.gpus for f in months) * HOURS_PER_MONTH
    start = float(model.stack_fleet(way, levels))
    premium = stack_premium(model.premium, start, facts.typical("engineer_usd_per_year"), when.annuity, point)
    return Cost(
        option=way.id,
        mode=way.mode,
        commitment=way.commitment,
        seller=way.seller,
        usd_per_month=_point(point),
        usd_per_mtok_input=_point(tokens[0]),
        usd_per_mtok_output=_point(tokens[1]),
        usd_per_mtok_blended=_point(tokens[2]),
        point_usd_per_month=point,
        mean_usd_per_month=point,
        usd_per_gpu_hour=point * when.annuity / _discounted(flows, when.discount) / HOURS_PER_MONTH if hours else 0.0,
        lines=lines,
        options=_options(pricing),
        price=way.price,
        stack_premium=premium if premium.usd_per_month else None,
        hosted_api=hosted_baseline(profile, model, way, pricing.open.ways, levels, point),
        outlay=outlay_of(model, way, levels),
        lease=lease_of(model, way, levels),
        horizon_months=when.months,
        discount_rate=when.rate,
        annuity_months=when.annuity,
        npv_usd=point * when.annuity,
        cash_view_usd=sum(f.cash_usd for f in flows),
        book_view_usd=sum(f.book_usd for f in flows),
        flows=flows,
        fleet_years=fleet_years(model, way, levels, flows),
        gpus_start=flows[0].gpus,
        gpus_end=months[-1].gpus,
        mtok_per_month=mtok_in + mtok_out,
        mtok_input_per_month=mtok_in,
        mtok_output_per_month=mtok_out,
        output_weight=weight.value,
        utilisation=_utilisation(model, flows[0].gpus),
        within_budget=_within(profile, point),
        inputs=_inputs(pricing, lines, weight),
        notes=_notes(pricing, lines),
    )


def finalise(cost: Cost, usd_per_month: Any, mtok_input: Any, mtok_output: Any, profile: Profile) -> Cost:
    """The same cost with its bands from draws.

    Parameters
    ----------
    usd_per_month, mtok_input, mtok_output
        One value per draw [USD/month], [1e6/month].
    """
    single, _, blended = per_mtok(usd_per_month, mtok_input, mtok_output, cost.output_weight)
    band, token = band_of(usd_per_month), band_of(single)
    weight, budget = cost.output_weight, profile.procurement.budget_usd_per_month
    return cost.model_copy(
        update={
            "usd_per_month": band,
            "mean_usd_per_month": float(np.mean(usd_per_month)),
            "usd_per_mtok_input": token,
            "usd_per_mtok_output": Band(p10=weight * token.p10, p50=weight * token.p50, p90=weight * token.p90),
            "usd_per_mtok_blended": band_of(blended),
            "within_budget": _within(profile, band.p50),
            "p_within_budget": None if budget is None else float(np.mean(np.asarray(usd_per_month) <= budget)),
            "bill_text": _bill_text(cost.point_usd_per_month, band.p50),
        }
    )


def _bill_text(point: float, median: float) -> str:
    return (
        f"The lines are one bill, every input at its typical value: USD {point:,.0f} a month. The headline is the"
        f" median over draws in which throughput, prices and demand vary and the fleet with them: USD {median:,.0f}."
    )


def band_of(values: Any) -> Band:
    """10th, 50th and 90th percentile of draws."""
    ordered = np.sort(values)  # vectorised, and so half of the time that numpy's partition at six ranks takes
    p10, p50, p90 = (_quantile(ordered, share) for share in (0.1, 0.5, 0.9))
    return Band(p10=p10, p50=p50, p90=p90)


def _quantile(ordered: Any, share: float) -> float:
    """Value at a share of draws, straight between the two nearest: as `np.percentile`, which loads numpy.ma."""
    place = (len(ordered) - 1) * share
    below = int(place)
    low, high = float(ordered[below]), float(ordered[min(below + 1, len(ordered) - 1)])
    part = place - below
    return low + (high - low) * part if part < 0.5 else high - (high - low) * (1 - part)


def per_mtok(usd: Any, mtok_input: Any, mtok_output: Any, weight: float) -> tuple[Any, Any, Any]:
    """(input, output, blended) cost of a million tokens [USD].

    One bill is split so that an output token costs `weight` input tokens:
    ``input = usd / (in + weight out)``, ``output = weight x input``, ``blended = usd / (in + out)``.
    """
    single = usd / (mtok_input + weight * mtok_output)
    return single, weight * single, usd / (mtok_input + mtok_output)


def output_weight(profile: Profile, catalog: Catalog) -> Quantity:
    """Cost of an output token over that of an input token."""
    api = profile.procurement.hosted_api
    if api is not None and api.usd_per_mtok_input > 0 and api.usd_per_mtok_output > 0:
        quantity = own(api.usd_per_mtok_output / api.usd_per_mtok_input, "output_token_weight", "ratio")
        assert quantity is not None
        return quantity
    return catalog.decision_defaults["output_token_weight"]


def _discounted(flows: Any, discount: Any) -> float:
    return float(sum(f.gpus * d for f, d in zip(flows, discount, strict=False)))


def _utilisation(model: CostModel, paid_gpus: float) -> float:
    """Tokens served over what the paid GPUs can serve, today."""
    return min(1.0, model.busy_gpus() / paid_gpus) if paid_gpus else 0.0


def _options(pricing: Pricing) -> tuple[CostOption, ...]:
    model, levels = pricing.model, pricing.typical
    out = []
    for way in sorted(pricing.open.ways, key=lambda w: preference(w, pricing.outlook[w.id])):
        usd = pricing.usd_by_way[way.id]
        out.append(
            CostOption(
                id=way.id,
                mode=way.mode,
                commitment=way.commitment,
                seller=way.seller,
                label=way.label,
                allowed=True,
                caution=way.caution,
                usd_per_month=usd,
                npv_usd=usd * model.calendar.annuity,
                gpus_start=_first_gpus(model, way, levels),
                price=way.price,
            )
        )
    return (*out, *pricing.open.closed)


def _first_gpus(model: CostModel, way: Way, levels: Levels) -> float:
    if way.floats:
        return float(model.billed(model.monthly_fleet(levels, 1), levels)[0])
    fleet = model.yearly_fleet(levels, 1, shrinks=True)
    return float(model.held(way, fleet)[0])


def _inputs(pricing: Pricing, lines: Sequence[CostLine], weight: Quantity) -> tuple[Quantity, ...]:
    every = [q for line in lines for q in line.inputs] + [weight]
    if "cost_of_capital" in pricing.model.facts.values:
        every.append(pricing.model.facts["cost_of_capital"])
    unique: dict[str, Quantity] = {}
    for quantity in every:
        unique.setdefault(quantity.name, quantity)
    return tuple(unique.values())


def _notes(pricing: Pricing, lines: Sequence[CostLine]) -> tuple[str, ...]:
    out = list(pricing.model.facts.notes) if pricing.way.buys else []
    names = {line.name for line in lines}
    used = [pricing.way.price]
    if pricing.way.peak_price is not None and names & {PEAK, TAIL}:
        used.append(pricing.way.peak_price)
    for basis in used:
        if basis.widened_by > 1.0:
            out.append(f"{pricing.way.label}: {basis.text} (interval x{basis.widened_by:.2f})")
    if pricing.way.caution:
        out.append(f"{pricing.way.label}: {pricing.way.caution}")
    if pricing.way.mode == "mixed" and PEAK not in names:
        out.append(f"{pricing.way.label}: nothing is rented on demand at typical inputs, only where more is needed")
    out += _dearer_at_typical(pricing)
    out += _by_the_rack(pricing)
    term, horizon = pricing.way.term_months, pricing.model.calendar.months
    if TAIL in names:
        out.append(f"where a whole term of {term} months no longer fits in the horizon of {horizon}, it is on demand")
    if OWED in names:
        out.append(f"a term of {term} months runs beyond the horizon of {horizon} and is counted to its end")
    return tuple(out)


def _dearer_at_typical(pricing: Pricing) -> Iterator[str]:
    """That another way costs less at typical inputs, and why it is not taken."""
    costs, way = pricing.usd_by_way, pricing.way
    other = min(pricing.open.ways, key=lambda w: preference(w, costs[w.id]))
    if costs[other.id] < costs[way.id]:
        yield (
            f"{other.label} costs USD {costs[way.id] - costs[other.id]:,.0f} a month less at typical inputs, and more"
            " where throughput, demand and prices vary"
        )


def _by_the_rack(pricing: Pricing) -> Iterator[str]:
    """What a rack-scale system is paid for beyond the fleet, or what is not known of its rent."""
    way, model, accelerator = pricing.way, pricing.model, pricing.model.sized.accelerator
    if not accelerator.by_rack:
        return
    rack, tray = accelerator.unit_gpus, accelerator.gpus_per_node
    if way.buys:
        held, needed = model.first_gpus(way), model.rented_gpus
        yield f"bought as whole racks of {rack} GPUs: {held:,.0f} are paid for at the start, {needed:,.0f} are needed"
    elif way.term_months:
        yield (
            f"counted by the tray of {tray} GPUs; whether a seller commits less than a rack of {rack} for a term of"
            f" {way.term_months} months is not in the catalog: ask"
        )


def _point(value: float) -> Band:
    return Band(p10=value, p50=value, p90=value)


def _within(profile: Profile, usd: float) -> bool | None:
    budget = profile.procurement.budget_usd_per_month
    return None if budget is None else usd <= budget
