"""From layouts to tier plans and sized candidates: the fleet of each workload, then of all together."""

from __future__ import annotations

from collections.abc import Sequence

from advisor.domain.hardware import Accelerator
from advisor.domain.model import ModelSpec
from advisor.domain.profile import Workload
from advisor.domain.sizing import CapacityResponse, CurvePoint, Fleet, TierPlan
from advisor.engine.curves import Measured, measured_points
from advisor.engine.fleet import Sizing, combine_fleets, size_fleet
from advisor.engine.layout import Layout
from advisor.engine.memory_terms import memory_terms
from advisor.engine.operating_point import Load, carried_by, curve_point, operating_point
from advisor.engine.packing import stays_whole
from advisor.engine.response import FACTORS, moved_by, response_at

DAYS_PER_WEEK, HOURS_PER_DAY = 7.0, 24.0


def plan_tier(
    workload: Workload,
    model: ModelSpec,
    layout: Layout,
    sizing: Sizing,
    measured: Measured,
) -> TierPlan:
    """The plan of one workload on one accelerator; `layout` must have a sample."""
    assert layout.deployment is not None
    assert layout.memory is not None
    assert layout.sample is not None
    load = Load.of(workload.traffic, workload.slo)
    gpus = layout.deployment.gpus_per_replica
    utilisation = sizing.parameters["gpu_memory_utilisation"]
    terms = memory_terms(model, layout.accelerator, layout.deployment, layout.memory, utilisation)
    return TierPlan(
        name=workload.name,
        model_id=model.id,
        deployment=layout.deployment,
        memory=layout.memory.model_copy(update={"terms": terms}),
        operating_point=operating_point(layout.sample, load, gpus, layout.limit, _stated(layout.response)),
        fleet=fleet_of(workload, layout, sizing),
        curve=curve_of(layout, model, load, measured),
        request_input_tokens=load.isl,
        request_output_tokens=load.osl,
    )


def curve_of(layout: Layout, model: ModelSpec, load: Load, measured: Measured) -> tuple[CurvePoint, ...]:
    """Estimated points of the deployment, then measured points near it."""
    if layout.deployment is None:
        return ()
    estimated = tuple(curve_point(s) for s in layout.curve)
    return estimated + measured_points(measured, model, layout.accelerator.id, layout.deployment.precision, load)


def _stated(response: Sequence[float]) -> tuple[CapacityResponse, ...]:
    """A response in the terms of the result tree."""
    return tuple(CapacityResponse(throughput=k, capacity=f) for k, f in zip(FACTORS, response, strict=False))


def moved_plan(plan: TierPlan, workload: Workload, layout: Layout, sizing: Sizing, rate: float) -> TierPlan:
    """The plan of one workload with its fleet at a factor on throughput, beside which what it carries is told anew."""
    response = _stated(moved_by(layout.response, rate))
    point = plan.operating_point.model_copy(update={"response": response})
    return plan.model_copy(update={"fleet": fleet_of(workload, layout, sizing, rate), "operating_point": point})


def fleet_of(workload: Workload, layout: Layout, sizing: Sizing, rate: float = 1.0) -> Fleet:
    """The fleet of one workload in a layout that serves it.

    Parameters
    ----------
    rate
        Factor on the throughput of a replica.
    """
    assert layout.deployment is not None
    assert layout.sample is not None
    traffic, gpus = workload.traffic, layout.deployment.gpus_per_replica
    carried = carried_by(layout.sample, Load.of(traffic, workload.slo), gpus)
    return size_fleet(
        demand=carried.demand,
        capacity=carried.capacity * float(response_at(layout.response, rate)),
        unit=carried.unit,
        peak_rps=carried.peak_rps,
        burst_headroom=traffic.burst_headroom,
        growth_factor=sizing.growth_factor(traffic),
        availability=workload.slo.availability,
        up_probability=sizing.up_probability(gpus),
        gpus_per_replica=gpus,
        gpus_per_node=layout.accelerator.gpus_per_node,
        average_to_peak=traffic.average_to_peak
        * traffic.hours_per_day
        / HOURS_PER_DAY
        * traffic.days_per_week
        / DAYS_PER_WEEK,
        lookahead_months=sizing.lookahead_months,
        whole=stays_whole(layout.deployment),
    )


def total_fleet(tiers: Sequence[TierPlan], accelerator: Accelerator) -> Fleet:
    """The fleet of a candidate over its tiers, in nodes that they share."""
    return combine_fleets(
        tuple(t.fleet for t in tiers), accelerator.gpus_per_node, [t.name for t in tiers],
        [stays_whole(t.deployment) for t in tiers],
    )  # fmt: skip


def main_tier_first(plans: Sequence[Sequence[TierPlan]]) -> list[int]:
    """Order of the tiers, the one that takes the largest share of the candidates' GPUs first.

    One order for all candidates, so that a table of their main tiers compares like with like.

    Parameters
    ----------
    plans
        For each candidate that serves every tier, its plans in the order of the profile.
    """
    shares = [0.0] * len(plans[0]) if plans else []
    for tiers in plans:
        total = sum(t.fleet.gpus_needed for t in tiers)
        shares = [share + t.fleet.gpus_needed / total for share, t in zip(shares, tiers, strict=True)]
    return sorted(range(len(shares)), key=lambda i: (-shares[i], i))
