"""Candidates in the making: each part laid out, sized, priced and judged, as far as it comes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
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
from advisor.engine.choice import Hardware, Weight, contenders, hardware, same, settle
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


@record
class Draft:
    """A candidate in the making; each stage makes another of it."""

    accelerator: Accelerator
    layouts: Sequence[Layout]
    gates: tuple[Gate, ...]
    obstacles: tuple[Obstacle, ...] = ()
    plans: tuple[TierPlan, ...] = ()
    """In the order of the profile; empty where a tier cannot be served."""
    offered: Sequence[Layout] = ()
    """Of each workload the layout with its rivals, of which `layouts` are those that were taken."""
    tried: Sequence[tuple[Draft, Weight | None]] = ()
    """Planned with each choice of deployments that was looked at, before its fleet; with its weight if it has one."""
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
    drafts = laid_out_all(profile, accelerators, inputs, sizing)
    options = [_options(draft, profile, inputs, sizing) for draft in drafts]
    expect([layout.sample for tiers in options for tier in tiers for layout in tier if layout.sample is not None])
    drafts = [_settled(d, tiers, profile, inputs, sizing) for d, tiers in zip(drafts, options, strict=True)]
    planned = [d for d in drafts if d.plans]
    order = main_tier_first([d.plans for d in planned])
    cold = iter(_cold_rates(planned, profile, inputs, order))
    drafts = [sized_with(d, profile, inputs, sizing, order, next(cold)) if d.plans else d for d in drafts]
    return [_priced(d, profile, inputs) for d in drafts]


def laid_out_all(
    profile: Profile, accelerators: list[Accelerator], inputs: Inputs, sizing: Sizing
) -> list[Draft]:
    """Every candidate with its layouts and the gates on them."""
    by_tier: list[dict[str, Layout]] = []
    for workload, model in zip(profile.tiers, inputs.models, strict=True):
        estimate = for_workload(
            inputs.estimate, inputs.first_token, workload, profile.overrides.throughput_factor
        )
        by_tier.append(lay_out(workload, model, accelerators, inputs.configs, estimate, sizing, profile.team))
    return [drawn_with(profile, a, [tier[a.id] for tier in by_tier], inputs) for a in accelerators]


def drawn_with(profile: Profile, accelerator: Accelerator, layouts: Sequence[Layout], inputs: Inputs) -> Draft:
    """A candidate with its layouts and the gates on them."""
    deployments = (layout.deployment for layout in layouts)
    gates = evaluate_gates(profile, accelerator, inputs.catalog, inputs.as_of, *deployments)
    return Draft(accelerator, layouts, tuple(gates))


def _options(draft: Draft, profile: Profile, inputs: Inputs, sizing: Sizing) -> list[list[Layout]]:
    """The deployments of each workload that may cost least; none where a workload cannot be served."""
    return [contenders(tier) for tier in hardware_of(draft.layouts, profile, inputs, sizing)]


def hardware_of(
    layouts: Sequence[Layout], profile: Profile, inputs: Inputs, sizing: Sizing, rate: float = 1.0
) -> list[list[Hardware]]:
    """What each deployment of each workload takes; none where a workload cannot be served.

    Parameters
    ----------
    rate
        Factor on the throughput of each.
    """
    if any(layout.failure for layout in layouts):
        return []
    prospect, alone = Prospect.of(profile, inputs.catalog.decision_defaults, ROUGH), len(layouts) == 1
    return [
        [hardware(x, workload, sizing, prospect, alone=alone, rate=rate) for x in (layout, *layout.rivals)]
        for workload, layout in zip(profile.tiers, layouts, strict=True)
    ]


def _settled(
    draft: Draft, options: Sequence[Sequence[Layout]], profile: Profile, inputs: Inputs, sizing: Sizing
) -> Draft:
    """Planned with those of the deployments that keep the level by which the candidate ranks best."""
    leading: list[str] = []
    planned: list[tuple[Draft, Draft]] = []
    plans: dict[int, TierPlan] = {}

    def of(layouts: Sequence[Layout]) -> tuple[Draft, Draft]:
        """The candidate planned with some deployments, before and with its fleet; each combination once."""
        found = next((pair for pair in planned if same(pair[0].layouts, layouts)), None)
        if found is None:
            drawn = draft if same(draft.layouts, layouts) else drawn_with(profile, draft.accelerator, layouts, inputs)
            plan = planned_for(drawn, profile, inputs, sizing, plans)
            alone = len(plan.plans) == 1  # else the order of the tiers hangs on all candidates
            found = plan, sized_with(plan, profile, inputs, sizing, (0,), cold=1.0) if alone else plan
            planned.append(found)
        return found

    weights: dict[int, Weight] = {}

    def weighed(layouts: Sequence[Layout]) -> Weight:
        plan, fleet = of(layouts)
        weights[id(plan)] = weigh(fleet, profile, inputs, sizing, range(len(plan.plans)), leading)
        return weights[id(plan)]

    _, settled = of(settle(draft.layouts, options, weighed))
    return replace(settled, offered=draft.layouts, tried=[(plan, weights.get(id(plan))) for plan, _ in planned])


def weigh(
    draft: Draft, profile: Profile, inputs: Inputs, sizing: Sizing, order: Sequence[int], leading: list[str]
) -> Weight:
    """What a candidate with planned deployments comes to, at few cases.

    Parameters
    ----------
    order
        Of its workloads, the main one first.
    leading
        Ways of paying that are tried; where empty all are, and it is filled with those that rank best.
    """
    if draft.plans and draft.sized is None:
        draft = sized_with(draft, profile, inputs, sizing, order, cold=1.0)  # which bears on no cost
    if draft.sized is None or draft.obstacles:
        return Weight(effort(draft.obstacles), False, math.inf)
    try:
        pricing = rough_pricing(profile, draft.sized, inputs.catalog, inputs.as_of, leading)
    except NoWayOfPayingError:
        return Weight(HARD, False, math.inf)
    leading[:] = leading or leading_ways(pricing)
    budget, way = profile.procurement.budget_usd_per_month, pricing.way.id
    over = budget is not None and pricing.usd_by_way[way] > budget
    return Weight(0.0, over, pricing.outlook[way], pricing)


def planned_for(
    draft: Draft, profile: Profile, inputs: Inputs, sizing: Sizing, known: dict[int, TierPlan]
) -> Draft:
    """With a plan of every tier, or what is in the way.

    Parameters
    ----------
    known
        Plans by the id of their layout, of which combinations have many in common.
    """
    a = draft.accelerator
    tiers = list(zip(profile.tiers, inputs.models, draft.layouts, strict=True))
    paths = [f"workloads[{i}].slo" for i in range(len(tiers))] if profile.workloads else ["slo"]
    missed = [
        layout_obstacle(layout, w.name, w.slo, path)
        for (w, _, layout), path in zip(tiers, paths, strict=True)
        if layout.failure
    ]
    gates = (*draft.gates, capacity_gate([w.name for w in profile.tiers], draft.layouts))
    if missed:
        shut = (gate_obstacle(g, a.id, a.name) for g in draft.gates if not g.passes)
        return replace(draft, gates=gates, obstacles=(*missed, *shut))
    for w, m, layout in tiers:
        if id(layout) not in known:
            known[id(layout)] = plan_tier(w, m, layout, sizing, inputs.catalog.measured)
    return replace(draft, gates=gates, plans=tuple(known[id(layout)] for layout in draft.layouts))


def _cold_rates(planned: Sequence[Draft], profile: Profile, inputs: Inputs, order: Sequence[int]) -> list[float]:
    """Of the main tier on each candidate, see `cold_rates`."""
    if not planned:
        return []
    main = order[0]
    plans = [(draft.accelerator, draft.plans[main]) for draft in planned]
    factors = profile.overrides.throughput_factor
    return cold_rates(plans, profile.tiers[main], inputs.models[main], inputs.estimate, factors)


def sized_with(
    draft: Draft, profile: Profile, inputs: Inputs, sizing: Sizing, order: Sequence[int], cold: float
) -> Draft:
    """With the fleet over all tiers, in the order that all candidates share, and what the site says to it."""
    if draft.sized is not None:  # in the only order there is: what has been derived from it stays
        return replace(draft, sized=replace(draft.sized, cold_rate=cold))
    a = draft.accelerator
    tiers = tuple(draft.plans[i] for i in order)
    workloads = tuple(profile.tiers[i] for i in order)
    fleet = total_fleet(tiers, a)
    demands = tuple(
        TierDemand.of(t, w, sizing.up_probability(t.fleet.gpus_per_replica))
        for t, w in zip(tiers, workloads, strict=True)
    )
    models = tuple(inputs.models[i] for i in order)
    ahead = sizing.parameters["growth_lookahead_months"]
    sized = SizedCandidate(a, tiers, workloads, models, demands, lookahead_months=ahead, cold_rate=cold)
    most = largest_fleet(sized, profile.procurement.horizon_months)
    of_fleet = evaluate_fleet_gates(profile, a, fleet.gpus, inputs.catalog, inputs.as_of, most)
    gates = (*draft.gates, *of_fleet)
    short = shortfalls(profile, a, max(fleet.gpus, most), inputs.catalog)
    obstacles = tuple(gate_obstacle(g, a.id, a.name, short.get(g.gate)) for g in gates if not g.passes)
    sized = replace(sized, gates=gates)
    return replace(draft, tiers=tiers, fleet=fleet, sized=sized, gates=gates, obstacles=obstacles)


def _priced(draft: Draft, profile: Profile, inputs: Inputs) -> Draft:
    sized = draft.sized
    if sized is None or draft.obstacles:
        return draft
    try:
        cost = price_candidate(profile, sized, inputs.catalog, inputs.as_of)
    except NoWayOfPayingError as error:
        reason = str(error)
        if left_out(profile, inputs.catalog):
            reason += "; place.exclude_us_providers leaves out providers with headquarters in the United States"
        gate = unpriced(reason, openings(profile, sized, inputs.catalog, inputs.as_of))
        return _refused(draft, gate, 1.0)
    draft = _within_budget(replace(draft, cost=cost), cost, profile)
    if draft.obstacles:
        return draft
    return replace(draft, risks=assess_risks(profile, sized, cost, inputs.catalog, inputs.as_of))


def look_beyond(draft: Draft, profile: Profile, inputs: Inputs, sizing: Sizing) -> Draft:
    """With what else keeps it out once its obstacles are gone: their change alone would free nothing."""
    level = relaxed_profile(profile, draft.layouts)
    if level is not None:
        (again,) = judge_all(level, [draft.accelerator], inputs, sizing)
        again = look_beyond(again, level, inputs, sizing)
        known = {o.text for o in draft.obstacles}
        more = (o for o in again.obstacles if o.text not in known and o.what != "slo")
        return replace(draft, obstacles=(*draft.obstacles, *more), bill=again.bill)
    if draft.sized is not None and draft.cost is None:
        with suppress(NoWayOfPayingError):
            cost = price_candidate(profile, draft.sized, inputs.catalog, inputs.as_of)
            return _within_budget(draft, cost, profile)
    return draft


def _within_budget(draft: Draft, cost: Cost, profile: Profile) -> Draft:
    """With its bill; excluded where that is more than the profile allows."""
    bill, budget = cost.point_usd_per_month, profile.procurement.budget_usd_per_month
    draft = replace(draft, bill=bill)
    if budget is None or bill <= budget:
        return draft
    assert draft.fleet is not None
    return _refused(draft, over_budget(bill, budget, draft.fleet, buys=cost.mode == "buy"), bill / budget - 1)


def _refused(draft: Draft, gate: Gate, size: float) -> Draft:
    """Excluded by a gate that only its cost could decide."""
    found = gate_obstacle(gate, draft.accelerator.id, draft.accelerator.name)
    obstacle = replace(found, size=size if gate.remedy else found.size)
    return replace(draft, gates=(*draft.gates, gate), obstacles=(*draft.obstacles, obstacle))
