"""The one entry that every surface calls: from a profile and a catalog to a recommendation.

Pure: files, clock and environment stay outside. What varies comes in as arguments, so that the same inputs give
the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from advisor import __version__
from advisor.catalog import Catalog
from advisor.domain.cost import Cost
from advisor.domain.errors import ProfileError, did_you_mean
from advisor.domain.hardware import Accelerator
from advisor.domain.profile import Profile
from advisor.domain.recommendation import Candidate, ClaimNote, Recommendation, Verdict
from advisor.domain.sizing import TierPlan
from advisor.engine.anew import Anew
from advisor.engine.assumptions import collect_assumptions, resolve_service_levels
from advisor.engine.cost.shares import tier_shares
from advisor.engine.curves import tiers_with_cost, with_cost
from advisor.engine.dated import known_by, not_cut
from advisor.engine.decision import DecisionOutcome, decide
from advisor.engine.drafts import Draft, Inputs, judge_all, look_beyond
from advisor.engine.fleet import Sizing
from advisor.engine.gates import software_findings
from advisor.engine.gates.countries import resolve_country
from advisor.engine.infeasible import explain_infeasible, nearness
from advisor.engine.names import check_names
from advisor.engine.notes import collect_notes, engines_untried, licences, models_taken, rents_elsewhere
from advisor.engine.operating_point import Load
from advisor.engine.paying import build_pricing
from advisor.engine.plan import curve_of
from advisor.engine.sized import PricedCandidate
from advisor.engine.sources import attributions, cited_ids, resolve_sources

DEFAULT_CANDIDATES = ("mi300x", "mi325x", "mi350x", "mi355x", "h100", "h200", "b200", "b300")


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
    drafts = judge_all(profile, accelerators, inputs, sizing)
    priced = [
        PricedCandidate(d.sized, d.cost, d.risks)
        for d in drafts
        if not d.obstacles and d.sized is not None and d.cost is not None
    ]
    if not priced:
        drafts = [look_beyond(draft, profile, inputs, sizing) for draft in drafts]
    outcome = None
    if priced:
        anew = Anew(profile, drafts, inputs, sizing)
        outcome = decide(profile, priced, inputs.catalog, inputs.as_of, inputs.seed, inputs.draws, anew)
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
        notes=(
            *models_taken(profile.tiers, inputs.models),
            *late,
            *not_cut(inputs.catalog, inputs.as_of),
            *licences(inputs.models),
            *engines_untried(candidates, inputs.models, inputs.configs.by_model),
            *collect_notes(candidates, profile.tiers, inputs.as_of),
            *_abroad(candidates, profile, inputs),
        ),
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


def _assemble(
    drafts: list[Draft], outcome: DecisionOutcome | None, profile: Profile, inputs: Inputs
) -> tuple[Candidate, ...]:
    out = [_candidate(d, outcome, profile, inputs) for d in drafts]
    order = {d.accelerator.id: (*nearness(d.obstacles), d.bill, i) for i, d in enumerate(drafts)}

    def place(c: Candidate) -> tuple[int, float, float, float, int]:
        """By rank, then by how near to feasible, then by cost, then as the profile names them."""
        return (0, c.rank, 0, 0, 0) if c.rank is not None else (1, *order[c.accelerator])

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
        tiers = _with_shares(tiers, cost, draft, profile, inputs)
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
        gates=draft.gates,
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


def _with_shares(
    tiers: tuple[TierPlan, ...], cost: Cost, draft: Draft, profile: Profile, inputs: Inputs
) -> tuple[TierPlan, ...]:
    """With what each has of the fleet and of its cost."""
    if not tiers or draft.sized is None:
        return tiers
    pricing = build_pricing(profile, draft.sized, inputs.catalog, inputs.as_of)
    shares = tier_shares(pricing.model, pricing.way, cost)
    return tuple(tier.model_copy(update={"share": share}) for tier, share in zip(tiers, shares, strict=True))


def _infeasible(drafts: list[Draft]) -> Verdict:
    cheapest_first = sorted(drafts, key=lambda d: d.bill)
    why = explain_infeasible(
        {d.accelerator.id: d.obstacles for d in cheapest_first if d.obstacles},
        {d.accelerator.id for d in drafts if math.isinf(d.bill)},
    )
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
