"""The fleet year by year as demand grows: from the GPUs of today to those paid for in the last year, spelled."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from advisor.domain.cost import FleetYear, MonthFlow
from advisor.domain.sizing import Fleet
from advisor.domain.text import counted, significant
from advisor.engine.cost.levels import Levels
from advisor.engine.cost.model import CostModel, Way
from advisor.engine.cost.timing import growth_by_tier, monthly_growth, share_above
from advisor.engine.fleet import one_whole, spares
from advisor.engine.sized import TierDemand


def fleet_years(model: CostModel, way: Way, levels: Levels, flows: Sequence[MonthFlow]) -> tuple[FleetYear, ...]:
    """Needed and paid GPUs of each year of the horizon, at typical inputs.

    Parameters
    ----------
    flows
        The months of the same way of paying, of which each year shows one.
    """
    sized = model.sized
    at, factors = _demand(model, way)
    if way.floats:
        monthly = model.monthly_fleet(levels, model.calendar.months)
        needed = [float(monthly[min(m, len(monthly) - 1)]) for m in at]
    else:
        shrinks = way.commitment == "reserved_1y"
        needed = model.yearly_fleet(levels, model.calendar.years, shrinks=shrinks).tolist()
    out = []
    per_node = sized.accelerator.gpus_per_node
    for year, month in enumerate(at):
        tiers = zip(sized.tiers, sized.demands, factors, strict=True)
        parts = [(plan.name, *_tier(plan.fleet, demand, factor[year])) for plan, demand, factor in tiers]
        several = len(parts) > 1
        text = "; ".join(f"{name}: {formula}" if several else formula for name, formula, _ in parts)
        total = sum(gpus for *_, gpus in parts)
        text += f"; {' + '.join(f'{gpus:,}' for *_, gpus in parts)} = {counted(total, 'GPU')}" if several else ""
        own = int(sized.in_nodes([gpus for *_, gpus in parts]))
        text += f", in nodes of {per_node}: {own:,}"
        if needed[year] > own:
            text += f"; {significant(needed[year], 6)} are held from an earlier year"
        paid = flows[month].gpus
        out.append(
            FleetYear(
                year=year + 1, month=month, demand_factor=factors[0][year], gpus_needed=int(needed[year]),
                gpus_paid=paid, formula=text, paid_text=_paid(model, way, needed[year], paid),
            )
        )  # fmt: skip
    return tuple(out)


def tiers_by_year(model: CostModel, way: Way) -> tuple[tuple[int, ...], ...]:
    """GPUs in the replicas of each tier in each year of the horizon, as `fleet_years` sums them up."""
    tiers = zip(model.sized.tiers, model.sized.demands, _demand(model, way)[1], strict=True)
    return tuple(tuple(_tier(plan.fleet, demand, factor)[1] for factor in grown) for plan, demand, grown in tiers)


def _demand(model: CostModel, way: Way) -> tuple[list[int], list[list[float]]]:
    """(month that each year is read in, demand then over today's for each tier)."""
    when = model.calendar
    if way.floats:
        at = [min(12 * year + 11, when.months - 1) for year in range(when.years)]
        return at, [[float(monthly_growth(g, when.months)[m]) for m in at] for g in model.growths]
    grown = growth_by_tier(model.growths, when.years, when.months, model.sized.lookahead_months)
    return [12 * year for year in range(when.years)], [growth.tolist() for growth in grown]


def _tier(fleet: Fleet, demand: TierDemand, factor: float) -> tuple[str, int]:
    """(arithmetic, GPUs) of one workload with its demand at `factor` times today's."""
    burst = 1 + demand.burst_headroom
    working = one_whole(fleet.peak_demand / fleet.replica_capacity * burst * factor)
    extra = spares(working, demand.up_probability, demand.availability)
    gpus = (working + extra) * demand.gpus_per_replica
    asked, carried = significant(fleet.peak_demand, 4), significant(fleet.replica_capacity, 4)
    text = (
        f"ceil({asked} {fleet.demand_unit} x {burst:.3g} for bursts x {significant(factor, 4)} for growth / {carried}"
        f" per replica) = {working}, {extra} in reserve: {counted(working + extra, 'replica')} x"
        f" {demand.gpus_per_replica} = {counted(gpus, 'GPU')}"
    )
    return text, gpus


def _paid(model: CostModel, way: Way, needed: float, paid: float) -> str:
    """How what is paid for on average follows from the fleet."""
    got = significant(paid, 6)
    after = f"on demand after the last whole term, what demand uses of {significant(needed, 6)} = {got}"
    if way.floats:
        share = model.average * model.in_use
        least = "" if paid <= needed * share * (1 + 1e-9) else ", and never below a replica of each workload"
        return f"{significant(needed, 6)} x {significant(share, 4)} of the peak on average{least} = {got}"
    if way.mode == "mixed":
        base = float(model.held(way, np.array([needed]))[0])
        above = needed * float(share_above(base / needed, model.average)) * model.in_use
        parts = f"{significant(base, 6)} around the clock + {significant(above, 4)} on average above them, on demand"
        if math.isclose(base + above, paid, rel_tol=1e-9):
            return f"{parts} = {got}"
        return after
    if paid > needed:
        return f"{significant(needed, 6)} in whole racks = {got}"
    if paid < needed:
        return after
    return f"all of them, around the clock = {got}"
