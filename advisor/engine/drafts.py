"""Candidates in the making: each part laid out, sized, priced and judged, as far as it comes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date

from advisor.catalog import Catalog
from advisor.domain.cost import Cost
from advisor.domain.evidence import Measurement
from advisor.domain.gates import Gate
from advisor.domain.hardware import Accelerator
from advisor.domain.model import ModelSpec
from advisor.domain.profile import Profile
from advisor.domain.provenance import Quantity
from advisor.domain.recommendation import DEFAULT_DRAWS, DEFAULT_SEED, BacktestSummary, ProbeCheck
from advisor.domain.record import record
from advisor.domain.risk import Risk
from advisor.domain.sizing import Fleet, TierPlan
from advisor.engine.adjust import for_workload
from advisor.engine.capacity import capacity_gate
from advisor.engine.choice import Weight, contenders, settle
from advisor.engine.cold import cold_rates
from advisor.engine.cost import NoWayOfPayingError
from advisor.engine.cost.prospect import Prospect
from advisor.engine.cost.timing import largest_fleet
from advisor.engine.deployments import MeasuredConfigs
from advisor.engine.estimates import EstimateMany, FirstTokenMany
from advisor.engine.fleet import Sizing
from advisor.engine.gates import evaluate_fleet_gates, evaluate_gates
from advisor.engine.gates.money import over_budget, unpriced
from advisor.engine.gates.residency import left_out
from advisor.engine.gates.site import shortfalls
from advisor.engine.infeasible import HARD, Obstacle, effort, gate_obstacle, layout_obstacle, relaxed_profile
from advisor.engine.layout import Layout, expect, lay_out
from advisor.engine.openings import openings
from advisor.engine.paying import ROUGH, leading_ways, price_candidate, rough_pricing
from advisor.engine.plan import main_tier_first, plan_tier, total_fleet
from advisor.engine.risk import assess_risks
from advisor.engine.sized import SizedCandidate, TierDemand

DEFAULT_CANDIDATES = ("mi300x", "mi325x", "mi350x", "mi355x", "h100", "h200", "b200", "b300")

@record
class Inputs:
    """Everything beside the profile that an answer depends on."""

    catalog: Catalog
    estimate: EstimateMany
    configs: MeasuredConfigs
    models: Sequence[ModelSpec]
    """The resolved model of each tier, in the order of `Profile.tiers`."""
    parameters: Mapping[str, Quantity]
    as_of: date
    seed: int = DEFAULT_SEED
    draws: int = DEFAULT_DRAWS
    backtest: BacktestSummary | None = None
    command: str = ""
    own_evidence: Sequence[Measurement] = ()
    probes: tuple[ProbeCheck, ...] = ()
    """Own measurements against their predictions."""
    first_token: FirstTokenMany | None = None
    """TTFT alone, for less than a whole estimate; by default it is taken from one."""
    with_claims: bool = False
    """Whether to recompute public claims about the candidates, which reports print."""

@dataclass(slots=True)
class Draft:
    """A candidate in the making."""

    accelerator: Accelerator
    layouts: list[Layout]
    gates: list[Gate]
    obstacles: list[Obstacle] = field(default_factory=list)
    plans: list[TierPlan] = field(default_factory=list)
    """In the order of the profile; empty where a tier cannot be served."""
    tiers: tuple[TierPlan, ...] = ()
    fleet: Fleet | None = None
    sized: SizedCandidate | None = None
    cost: Cost | None = None
    bill: float = math.inf
    """Cost at typical inputs [USD/month], also of a candidate that is out; infinite where it has none."""
    risks: tuple[Risk, ...] = ()



def judge_all(
    profile: Profile, accelerators: list[Accelerator], inputs: Inputs, sizing: Sizing
) -> list[Draft]:
    """Every candidate laid out, sized and priced, as far as it comes."""
    drafts = _lay_out_all(profile, accelerators, inputs, sizing)
    options = [_options(draft, profile, inputs, sizing) for draft in drafts]
    expect([layout.sample for tiers in options for tier in tiers for layout in tier if layout.sample is not None])
    for draft, tiers in zip(drafts, options, strict=True):
        _settle(draft, tiers, profile, inputs, sizing)
        if not draft.plans:
            _plan(draft, profile, inputs, sizing)
    planned = [d for d in drafts if d.plans]
    order = main_tier_first([d.plans for d in planned])
    for draft, cold in zip(planned, _cold_rates(planned, profile, inputs, order), strict=True):
        _size(draft, profile, inputs, sizing, order, cold)
    for draft in drafts:
        _price(draft, profile, inputs)
    return drafts


def _lay_out_all(
    profile: Profile, accelerators: list[Accelerator], inputs: Inputs, sizing: Sizing
) -> list[Draft]:
    by_tier: list[dict[str, Layout]] = []
    for workload, model in zip(profile.tiers, inputs.models, strict=True):
        estimate = for_workload(
            inputs.estimate, inputs.first_token, workload, profile.overrides.throughput_factor
        )
        by_tier.append(lay_out(workload, model, accelerators, inputs.configs, estimate, sizing, profile.team))
    return [_draft(profile, a, [tier[a.id] for tier in by_tier], inputs) for a in accelerators]


def _draft(profile: Profile, accelerator: Accelerator, layouts: list[Layout], inputs: Inputs) -> Draft:
    deployments = (layout.deployment for layout in layouts)
    gates = evaluate_gates(profile, accelerator, inputs.catalog, inputs.as_of, *deployments)
    return Draft(accelerator, layouts, list(gates))


def _options(draft: Draft, profile: Profile, inputs: Inputs, sizing: Sizing) -> list[list[Layout]]:
    """The deployments of each workload that may cost least; none where a workload cannot be served."""
    if any(layout.failure for layout in draft.layouts):
        return []
    prospect, alone = Prospect.of(profile, inputs.catalog.decision_defaults, ROUGH), len(draft.layouts) == 1
    return [
        contenders(layout, workload, sizing, prospect, alone=alone)
        for workload, layout in zip(profile.tiers, draft.layouts, strict=True)
    ]


def _settle(
    draft: Draft, options: Sequence[Sequence[Layout]], profile: Profile, inputs: Inputs, sizing: Sizing
) -> None:
    """Of the deployments that keep the level take those by which the candidate ranks best."""
    leading: list[str] = []
    planned: list[Draft] = []

    def weigh(layouts: Sequence[Layout]) -> Weight:
        if _same(draft.layouts, layouts):
            tried = Draft(draft.accelerator, draft.layouts, [*draft.gates])
        else:
            tried = _draft(profile, draft.accelerator, list(layouts), inputs)
        _plan(tried, profile, inputs, sizing)
        planned.append(tried)
        weighed = Draft(tried.accelerator, tried.layouts, [*tried.gates], plans=tried.plans)
        return _weigh(weighed, profile, inputs, sizing, leading)

    chosen = settle(draft.layouts, options, weigh)
    known = next((tried for tried in planned if _same(tried.layouts, chosen)), None)
    if known is None and not _same(draft.layouts, chosen):
        known = _draft(profile, draft.accelerator, chosen, inputs)
    if known is not None:
        draft.layouts, draft.gates, draft.plans = known.layouts, known.gates, known.plans


def _same(some: Sequence[Layout], others: Sequence[Layout]) -> bool:
    return all(a is b for a, b in zip(some, others, strict=True))


def _weigh(draft: Draft, profile: Profile, inputs: Inputs, sizing: Sizing, leading: list[str]) -> Weight:
    """What a candidate with planned deployments comes to, at few cases.

    Parameters
    ----------
    leading
        Ways of paying that are tried; where empty all are, and it is filled with those that rank best.
    """
    _size(draft, profile, inputs, sizing, range(len(draft.plans)), cold=1.0)  # which bears on no cost
    if draft.sized is None or draft.obstacles:
        return Weight(effort(draft.obstacles), False, math.inf)
    try:
        pricing = rough_pricing(profile, draft.sized, inputs.catalog, inputs.as_of, leading)
    except NoWayOfPayingError:
        return Weight(HARD, False, math.inf)
    leading[:] = leading or leading_ways(pricing)
    budget, way = profile.procurement.budget_usd_per_month, pricing.way.id
    return Weight(0.0, budget is not None and pricing.usd_by_way[way] > budget, pricing.outlook[way])


def _plan(draft: Draft, profile: Profile, inputs: Inputs, sizing: Sizing) -> None:
    """Plan every tier, or say what is in the way."""
    a = draft.accelerator
    simple = not profile.workloads
    for i, (workload, layout) in enumerate(zip(profile.tiers, draft.layouts, strict=True)):
        if layout.failure:
            path = "slo" if simple else f"workloads[{i}].slo"
            draft.obstacles.append(layout_obstacle(layout, workload.name, workload.slo, path))
    draft.gates.append(capacity_gate([w.name for w in profile.tiers], draft.layouts))
    if any(layout.failure for layout in draft.layouts):
        draft.obstacles += [gate_obstacle(g, a.id, a.name) for g in draft.gates[:-1] if not g.passes]
        return
    draft.plans = [
        plan_tier(w, m, layout, sizing, inputs.catalog.measured)
        for w, m, layout in zip(profile.tiers, inputs.models, draft.layouts, strict=True)
    ]


def _cold_rates(planned: Sequence[Draft], profile: Profile, inputs: Inputs, order: Sequence[int]) -> list[float]:
    """Of the main tier on each candidate, see `cold_rates`."""
    if not planned:
        return []
    main = order[0]
    plans = [(draft.accelerator, draft.plans[main]) for draft in planned]
    factors = profile.overrides.throughput_factor
    return cold_rates(plans, profile.tiers[main], inputs.models[main], inputs.estimate, factors)


def _size(
    draft: Draft, profile: Profile, inputs: Inputs, sizing: Sizing, order: Sequence[int], cold: float
) -> None:
    """The fleet over all tiers, in the order that all candidates share, and what the site says to it."""
    a = draft.accelerator
    draft.tiers = tuple(draft.plans[i] for i in order)
    workloads = tuple(profile.tiers[i] for i in order)
    draft.fleet = total_fleet(draft.tiers, a)
    demands = tuple(
        TierDemand.of(t, w, sizing.up_probability(t.fleet.gpus_per_replica))
        for t, w in zip(draft.tiers, workloads, strict=True)
    )
    models = tuple(inputs.models[i] for i in order)
    ahead = sizing.parameters["growth_lookahead_months"]
    sized = SizedCandidate(a, draft.tiers, workloads, models, demands, lookahead_months=ahead, cold_rate=cold)
    most = largest_fleet(sized, profile.procurement.horizon_months)
    draft.gates += evaluate_fleet_gates(profile, a, draft.fleet.gpus, inputs.catalog, inputs.as_of, most)
    short = shortfalls(profile, a, max(draft.fleet.gpus, most), inputs.catalog)
    draft.obstacles += [gate_obstacle(g, a.id, a.name, short.get(g.gate)) for g in draft.gates if not g.passes]
    draft.sized = replace(sized, gates=tuple(draft.gates))


def _price(draft: Draft, profile: Profile, inputs: Inputs) -> None:
    if draft.sized is None or draft.obstacles:
        return
    try:
        cost = price_candidate(profile, draft.sized, inputs.catalog, inputs.as_of)
    except NoWayOfPayingError as error:
        reason = str(error)
        if left_out(profile, inputs.catalog):
            reason += "; place.exclude_us_providers leaves out providers with headquarters in the United States"
        _refuse(draft, unpriced(reason, openings(profile, draft.sized, inputs.catalog, inputs.as_of)), 1.0)
        return
    draft.cost, draft.bill = cost, cost.point_usd_per_month
    if not _beyond_budget(draft, cost, profile):
        draft.risks = assess_risks(profile, draft.sized, cost, inputs.catalog, inputs.as_of)


def look_beyond(draft: Draft, profile: Profile, inputs: Inputs, sizing: Sizing) -> None:
    """Find what else keeps a candidate out once its obstacles are gone: their change alone would free nothing."""
    level = relaxed_profile(profile, draft.layouts)
    if level is not None:
        (again,) = judge_all(level, [draft.accelerator], inputs, sizing)
        look_beyond(again, level, inputs, sizing)
        known = {o.text for o in draft.obstacles}
        draft.obstacles += [o for o in again.obstacles if o.text not in known and o.what != "slo"]
        draft.bill = again.bill
    elif draft.sized is not None and draft.cost is None:
        with suppress(NoWayOfPayingError):
            cost = price_candidate(profile, draft.sized, inputs.catalog, inputs.as_of)
            draft.bill = cost.point_usd_per_month
            _beyond_budget(draft, cost, profile)


def _beyond_budget(draft: Draft, cost: Cost, profile: Profile) -> bool:
    """Exclude a candidate that costs more than the profile allows."""
    budget = profile.procurement.budget_usd_per_month
    if budget is None or cost.point_usd_per_month <= budget:
        return False
    assert draft.fleet is not None
    gate = over_budget(cost.point_usd_per_month, budget, draft.fleet, buys=cost.mode == "buy")
    _refuse(draft, gate, cost.point_usd_per_month / budget - 1)
    return True


def _refuse(draft: Draft, gate: Gate, size: float) -> None:
    """Exclude the candidate by a gate that only its cost could decide."""
    found = gate_obstacle(gate, draft.accelerator.id, draft.accelerator.name)
    draft.gates.append(gate)
    draft.obstacles.append(replace(found, size=size if gate.remedy else found.size))
