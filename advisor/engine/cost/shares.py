"""What each workload has of a fleet that several share, and of its cost.

Nodes are shared, so that no node belongs to one workload: the cost goes by GPUs in replicas, which add up. What is left
of nodes, engineers and the rest of the bill is borne in the same proportion.
"""

from __future__ import annotations

import itertools

from advisor.domain.cost import Cost
from advisor.domain.sizing import TierShare
from advisor.domain.text import counted, percent, significant
from advisor.engine.cost.model import CostModel, Way
from advisor.engine.cost.timing import MONTHS_PER_YEAR, in_use_share, monthly_growth
from advisor.engine.cost.years import tiers_by_year


def gpu_months(model: CostModel, way: Way) -> tuple[float, ...]:
    """GPUs in the replicas of each tier over the months of the horizon, ``sum over years of GPUs x months``.

    Where the whole fleet follows demand a tier pays for what it uses: average over peak demand of those GPUs, and at
    least one replica, in its hours with traffic.
    """
    months, sized = _months(model), model.sized
    out = []
    for gpus, w, demand in zip(tiers_by_year(model, way), sized.workloads, sized.demands, strict=True):
        held: list[float] = list(gpus)
        if way.floats:
            in_use = in_use_share(w.traffic)
            held = [max(g * w.traffic.average_to_peak, demand.gpus_per_replica) * in_use for g in gpus]
        out.append(sum(g * m for g, m in zip(held, months, strict=True)))
    return tuple(out)


def shares_of(model: CostModel, way: Way) -> tuple[float, ...]:
    """Part of the cost that each tier bears; their sum is 1."""
    held = gpu_months(model, way)
    return tuple(h / sum(held) for h in held)


def tier_shares(model: CostModel, way: Way, cost: Cost) -> tuple[TierShare, ...]:
    """What each tier has of the fleet and of its cost, in the order of the candidate's tiers."""
    held, months, names = gpu_months(model, way), _months(model), [plan.name for plan in model.sized.tiers]
    others = " + ".join(f"{significant(h, 6)} {name}" for h, name in zip(held, names, strict=True))
    out = []
    for i, gpus in enumerate(tiers_by_year(model, way)):
        share, served = held[i] / sum(held), _mtok(model, i)
        alike = itertools.groupby(zip(gpus, months, strict=True), key=lambda year: year[0])
        by_year = " + ".join(f"{g:,} x {sum(m for _, m in years)}" for g, years in alike)
        out.append(
            TierShare(
                gpus_by_year=gpus, gpu_months=held[i], share=share, usd_per_month=share * cost.usd_per_month.p50,
                point_usd_per_month=share * cost.point_usd_per_month, mtok_per_month=served,
                usd_per_mtok_blended=cost.usd_per_mtok_blended.p50 * share * cost.mtok_per_month / served,
                formula=f"{by_year} months{_used(model, way, i)} = {significant(held[i], 6)} of"
                f" {significant(sum(held), 6)} GPU-months ({others}): {percent(share, 1)} of the cost",
            )
        )  # fmt: skip
    return tuple(out)


def _used(model: CostModel, way: Way, tier: int) -> str:
    """How much of its GPUs a tier pays for, where that is not all."""
    if not way.floats:
        return ""
    traffic, replica = model.sized.workloads[tier].traffic, model.sized.demands[tier].gpus_per_replica
    hours = in_use_share(traffic)
    in_use = "" if hours == 1.0 else f", in {significant(hours, 4)} of the hours"
    return f", of which {traffic.average_to_peak:g} in use on average, {counted(replica, 'GPU')} at least{in_use}"


def _months(model: CostModel) -> list[int]:
    """Months of each year of the horizon."""
    months = model.calendar.months
    return [min(MONTHS_PER_YEAR, months - MONTHS_PER_YEAR * year) for year in range(model.calendar.years)]


def _mtok(model: CostModel, tier: int) -> float:
    """Tokens of a tier, levelised over the horizon [1e6/month]; those of all are `CostModel.mtok`."""
    when, growth = model.calendar, model.growths[tier]
    grown = float(monthly_growth(growth, when.months) @ when.discount / when.annuity) if growth else 1.0
    return grown * sum(model.mtok_at_start[tier])
