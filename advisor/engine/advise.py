"""The one entry that every surface calls: from a profile and a catalog to a recommendation.

Pure: files, clock and environment stay outside. What varies comes in as arguments, so that the same inputs give
the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date

from advisor import __version__
from advisor.catalog import Catalog
from advisor.domain.cost import Cost
from advisor.domain.errors import ProfileError, did_you_mean
from advisor.domain.evidence import Measurement
from advisor.domain.gates import Gate
from advisor.domain.hardware import Accelerator
from advisor.domain.model import ModelSpec
from advisor.domain.profile import Profile
from advisor.domain.provenance import Quantity
from advisor.domain.recommendation import (
    DEFAULT_DRAWS,
    DEFAULT_SEED,
    BacktestSummary,
    Candidate,
    ClaimNote,
    ProbeCheck,
    Recommendation,
    Verdict,
)
from advisor.domain.record import record
from advisor.domain.risk import Risk
from advisor.domain.sizing import Fleet, TierPlan
from advisor.engine.adjust import for_workload
from advisor.engine.assumptions import collect_assumptions, resolve_service_levels
from advisor.engine.capacity import capacity_gate
from advisor.engine.cold import cold_rate
from advisor.engine.cost import NoWayOfPayingError
from advisor.engine.cost.timing import largest_fleet
from advisor.engine.curves import tiers_with_cost, with_cost
from advisor.engine.dated import known_by
from advisor.engine.decision import DecisionOutcome, decide
from advisor.engine.deployments import MeasuredConfigs
from advisor.engine.estimates import EstimateMany, FirstTokenMany
from advisor.engine.fleet import Sizing
from advisor.engine.gates import evaluate_fleet_gates, evaluate_gates, software_findings
from advisor.engine.gates.countries import resolve_country
from advisor.engine.gates.money import over_budget, unpriced
from advisor.engine.gates.residency import left_out
from advisor.engine.infeasible import (
    Obstacle,
    effort,
    explain_infeasible,
    gate_obstacle,
    layout_obstacle,
    relaxed_profile,
)
from advisor.engine.layout import Layout, lay_out
from advisor.engine.names import check_names
from advisor.engine.notes import collect_notes, rents_elsewhere
from advisor.engine.openings import openings
from advisor.engine.operating_point import Load
from advisor.engine.paying import price_candidate
from advisor.engine.plan import curve_of, main_tier_first, plan_tier, total_fleet
from advisor.engine.risk import assess_risks
from advisor.engine.sized import PricedCandidate, SizedCandidate, TierDemand
from advisor.engine.sources import attributions, cited_ids, resolve_sources

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
    risks: tuple[Risk, ...] = ()


def advise(profile: Profile, inputs: Inputs) -> Recommendation:
    """Judge every candidate and decide.

    Raises
    ------
    ProfileError
        When the profile names an accelerator or a country that the catalog does not know.
    """
    stated = profile
    profile = resolve_service_levels(profile, inputs.parameters)
    check_names(profile, inputs.catalog)
    echoed, (profile, late) = profile, known_by(profile, inputs.as_of)
    accelerators = select_accelerators(profile, inputs.catalog)
    sizing = Sizing({n: q.value for n, q in inputs.parameters.items()}, profile.procurement.horizon_months)
    drafts = _judge_all(profile, accelerators, inputs, sizing)
    priced = [
        PricedCandidate(d.sized, d.cost, d.risks)
        for d in drafts
        if not d.obstacles and d.sized is not None and d.cost is not None
    ]
    if not priced:
        for draft in drafts:
            _look_beyond(draft, profile, inputs, sizing)
    outcome = decide(profile, priced, inputs.catalog, inputs.as_of, inputs.seed, inputs.draws) if priced else None
    candidates = _assemble(drafts, outcome, profile, inputs)
    for draft in drafts:
        if draft.sized is not None:
            # what a candidate remembers leads back to it, draws and all: a batch would pile that up until a collection
            draft.sized.memo.clear()
    verdict = outcome.verdict if outcome is not None else _infeasible(drafts)
    lent = {q.name: q for c in candidates if c.cost is not None for q in c.cost.inputs}
    assumptions = collect_assumptions(stated, inputs.parameters, lent)
    decision = outcome.decision if outcome is not None else None
    evidence_ids = _evidence_sources(candidates, inputs)
    claims = _claims(profile, inputs)
    ids = cited_ids(candidates, decision, assumptions, verdict, claims, inputs.probes) | evidence_ids
    sources = resolve_sources(ids, inputs.catalog.sources)
    return Recommendation(
        advisor_version=__version__,
        catalog_fingerprint=inputs.catalog.fingerprint,
        as_of=inputs.as_of,
        seed=inputs.seed,
        draws=inputs.draws,
        command=inputs.command,
        profile=echoed,
        verdict=verdict,
        candidates=candidates,
        decision=decision,
        assumptions=assumptions,
        inputs=tuple(inputs.parameters.values()),
        probes=inputs.probes,
        claims=claims,
        backtest=inputs.backtest,
        notes=(*late, *collect_notes(candidates, profile.tiers, inputs.as_of), *_abroad(candidates, profile, inputs)),
        sources=sources,
        attributions=attributions(sources),
    )


def select_accelerators(profile: Profile, catalog: Catalog) -> list[Accelerator]:
    """The accelerators to judge, in the order of the profile.

    Raises
    ------
    ProfileError
        With suggestions, when one is unknown.
    """
    out = []
    for name in dict.fromkeys(n.lower() for n in profile.candidates or DEFAULT_CANDIDATES):
        accelerator = catalog.accelerators.get(name)
        if accelerator is None:
            reason = catalog.incomplete_accelerators.get(name)
            if reason:
                raise ProfileError(f'candidates: "{name}" cannot be judged: {reason}')
            hint = did_you_mean(name, catalog.accelerators) or f"; known: {', '.join(sorted(catalog.accelerators))}"
            raise ProfileError(f'candidates: unknown accelerator "{name}"{hint}')
        out.append(accelerator)
    return out


def _judge_all(
    profile: Profile, accelerators: list[Accelerator], inputs: Inputs, sizing: Sizing
) -> list[Draft]:
    """Every candidate laid out, sized and priced, as far as it comes."""
    drafts = _lay_out_all(profile, accelerators, inputs, sizing)
    for draft in drafts:
        _plan(draft, profile, inputs, sizing)
    order = main_tier_first([d.plans for d in drafts if d.plans])
    for draft in drafts:
        _size(draft, profile, inputs, sizing, order)
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
    drafts = []
    for accelerator in accelerators:
        layouts = [tier[accelerator.id] for tier in by_tier]
        gates = evaluate_gates(
            profile, accelerator, inputs.catalog, inputs.as_of, *(layout.deployment for layout in layouts)
        )
        drafts.append(Draft(accelerator, layouts, list(gates)))
    return drafts


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


def _size(draft: Draft, profile: Profile, inputs: Inputs, sizing: Sizing, order: Sequence[int]) -> None:
    """The fleet over all tiers, in the order that all candidates share, and what the site says to it."""
    if not draft.plans:
        return
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
    cold = cold_rate(
        draft.tiers[0], workloads[0], models[0], a, inputs.estimate, profile.overrides.throughput_factor
    )
    sized = SizedCandidate(a, draft.tiers, workloads, models, demands, lookahead_months=ahead, cold_rate=cold)
    most = largest_fleet(sized, profile.procurement.horizon_months)
    draft.gates += evaluate_fleet_gates(profile, a, draft.fleet.gpus, inputs.catalog, inputs.as_of, most)
    draft.obstacles += [gate_obstacle(g, a.id, a.name) for g in draft.gates if not g.passes]
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
    draft.cost = cost
    if not _beyond_budget(draft, cost, profile):
        draft.risks = assess_risks(profile, draft.sized, cost, inputs.catalog, inputs.as_of)


def _look_beyond(draft: Draft, profile: Profile, inputs: Inputs, sizing: Sizing) -> None:
    """Find what else keeps a candidate out once its obstacles are gone: their change alone would free nothing."""
    level = relaxed_profile(profile, draft.layouts)
    if level is not None:
        (again,) = _judge_all(level, [draft.accelerator], inputs, sizing)
        _look_beyond(again, level, inputs, sizing)
        known = {o.text for o in draft.obstacles}
        draft.obstacles += [o for o in again.obstacles if o.text not in known and o.what != "slo"]
    elif draft.sized is not None and draft.cost is None:
        with suppress(NoWayOfPayingError):
            _beyond_budget(draft, price_candidate(profile, draft.sized, inputs.catalog, inputs.as_of), profile)


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


def _assemble(
    drafts: list[Draft], outcome: DecisionOutcome | None, profile: Profile, inputs: Inputs
) -> tuple[Candidate, ...]:
    out = [_candidate(d, outcome, profile, inputs) for d in drafts]
    order = {d.accelerator.id: (effort(d.obstacles), i) for i, d in enumerate(drafts)}

    def place(c: Candidate) -> tuple[int, float, int]:
        """By rank, then by how near to feasible, then as the profile names them."""
        return (0, c.rank, 0) if c.rank is not None else (1, *order[c.accelerator])

    return tuple(sorted(out, key=place))


def _candidate(draft: Draft, outcome: DecisionOutcome | None, profile: Profile, inputs: Inputs) -> Candidate:
    a = draft.accelerator
    judged = outcome.candidates.get(a.id) if outcome is not None else None
    main = draft.tiers[0] if draft.tiers else None
    layout = draft.layouts[0]
    curve = main.curve if main else curve_of(
        layout,
        inputs.models[0],
        Load.of(profile.tiers[0].traffic, profile.tiers[0].slo),
        inputs.catalog.measured,
    )  # fmt: skip
    cost = judged.cost if judged else draft.cost
    tiers = draft.tiers if len(draft.tiers) > 1 else ()
    if cost is not None:
        curve, tiers = with_cost(curve, cost.usd_per_gpu_hour), tiers_with_cost(tiers, cost.usd_per_gpu_hour)
    deployment = main.deployment if main else layout.deployment
    floors = [
        software_findings(profile, a, x.deployment.engine, x.deployment.precision, inputs.catalog, tier=i).floor_lines
        for i, x in enumerate(draft.layouts)
        if x.deployment is not None
    ]
    return Candidate(
        accelerator=a.id,
        name=a.name,
        vendor=a.vendor,
        feasible=not draft.obstacles,
        infeasible_reason="; ".join(o.text for o in draft.obstacles),
        rank=judged.rank if judged else None,
        gates=tuple(draft.gates),
        deployment=deployment,
        memory=main.memory if main else layout.memory,
        operating_point=main.operating_point if main else None,
        fleet=draft.fleet,
        tiers=tiers,
        curve=curve,
        cost=cost,
        risks=draft.risks,
        expected_loss_usd_per_month=judged.expected_loss_usd_per_month if judged else None,
        risk_adjusted_usd_per_month=judged.risk_adjusted_usd_per_month if judged else None,
        p_cheapest=judged.p_cheapest if judged else 0.0,
        expected_regret_usd_per_month=judged.expected_regret_usd_per_month if judged else None,
        software_floor=tuple(dict.fromkeys(line for lines in floors for line in lines)),
    )


def _infeasible(drafts: list[Draft]) -> Verdict:
    why = explain_infeasible({d.accelerator.id: d.obstacles for d in drafts if d.obstacles})
    return Verdict(
        kind="infeasible",
        headline=why.headline,
        reason=why.reason,
        confidence=1.0,
        confidence_word="high",
        binding_constraint=why.binding,
        binding=why.bindings,
        smallest_change=why.change,
        next_steps=(f"Smallest change: {why.change}.",),
    )


def _abroad(candidates: Sequence[Candidate], profile: Profile, inputs: Inputs) -> tuple[str, ...]:
    """Notes on rents whose prices are of elsewhere, where the profile says where it deploys."""
    if "country" not in profile.place.model_fields_set:
        return ()
    place = resolve_country(profile.place.country, inputs.catalog.export, field="place.country")
    return rents_elsewhere(candidates, place, inputs.catalog.rent_prices)


def _claims(profile: Profile, inputs: Inputs) -> tuple[ClaimNote, ...]:
    if not inputs.with_claims:
        return ()
    from advisor.engine.claims import check_claims
    from advisor.engine.claims.notes import claim_notes

    return claim_notes(check_claims(inputs.catalog, inputs.as_of), profile.candidates or DEFAULT_CANDIDATES)


def _evidence_sources(candidates: Sequence[Candidate], inputs: Inputs) -> set[str]:
    rows = {r for c in candidates if c.operating_point for r in c.operating_point.evidence_rows}
    rows |= {p.row_id for c in candidates for p in c.curve if p.row_id}
    rows |= {r for c in candidates for t in c.tiers for r in t.operating_point.evidence_rows}
    known = inputs.catalog.source_of_row
    own = {m.source_id for m in inputs.own_evidence if m.row_id in rows}
    return own | {known[row] for row in rows if row in known}
