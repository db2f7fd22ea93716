"""Curves of every precision and engine that a model can run in on one accelerator; asked for, never part of an answer.

An answer keeps the curve of the deployment that it chose. Somebody who asks "and in bf16, or in another engine?" gets
the rest from here, at the cost of a few hundred estimates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from advisor.domain.hardware import Accelerator
from advisor.domain.model import ModelSpec
from advisor.domain.profile import Profile, Workload
from advisor.domain.sizing import Deployment, DeploymentCurve
from advisor.engine.adjust import for_workload
from advisor.engine.assumptions import resolve_service_levels
from advisor.engine.curves import measured_points, with_cost
from advisor.engine.deployments import candidate_deployments, memory_of, multi_node_deployments
from advisor.engine.drafts import Inputs
from advisor.engine.estimates import EstimateMany
from advisor.engine.operating_point import Load, curve_point
from advisor.engine.options import Option, sample_ladders


@dataclass(frozen=True, slots=True)
class _Question:
    model: ModelSpec
    load: Load
    estimate: EstimateMany


def other_curves(
    profile: Profile,
    inputs: Inputs,
    accelerator: Accelerator,
    tier: str,
    *,
    model: ModelSpec | None = None,
    usd_per_gpu_hour: float | None = None,
) -> tuple[DeploymentCurve, ...]:
    """The best layout of each precision and engine, most output tokens/s per GPU within the service level first.

    Parameters
    ----------
    tier
        Name of the workload whose lengths and service level hold; the first one where none has that name.
    model
        Another model at that load; default the tier's own.
    usd_per_gpu_hour
        Price of a GPU-hour for the cost at each point [USD/GPU-h].
    """
    profile = resolve_service_levels(profile, inputs.parameters)
    index = next((i for i, w in enumerate(profile.tiers) if w.name == tier), 0)
    workload = profile.tiers[index]
    spec = model or inputs.models[index]
    estimate = for_workload(inputs.estimate, inputs.first_token, workload, profile.overrides.throughput_factor)
    question = _Question(spec, Load.of(workload.traffic, workload.slo), estimate)
    options = _options(profile, workload, inputs, accelerator, question)
    sample_ladders(options, spec, question.load, question.estimate)
    best: dict[tuple[str, str], Option] = {}
    for option in options:
        key = option.deployment.precision, option.deployment.engine
        if option.samples and (key not in best or _better(option, best[key], question.load)):
            best[key] = option
    kept = sorted(best.values(), key=lambda o: (-o.rate_per_gpu(question.load), o.deployment.label))
    return tuple(_curve(o, workload, question, inputs, usd_per_gpu_hour) for o in kept)


def _options(
    profile: Profile, workload: Workload, inputs: Inputs, accelerator: Accelerator, question: _Question
) -> list[Option]:
    values = {name: q.value for name, q in inputs.parameters.items()}
    context = question.load.isl + question.load.osl
    # Every precision is of interest here; which ones are accepted, the profile decides for the answer alone.
    section = workload.model.model_copy(update={"precisions": ("bf16", "fp8", "fp4", "int4")})
    team = profile.team

    def fitting(deployments: Sequence[Deployment], values: Mapping[str, float]) -> list[Option]:
        plans = [(d, memory_of(d, question.model, accelerator, context, values)) for d in deployments]
        return [Option(accelerator, d, m) for d, m in plans if m.fits]

    found = candidate_deployments(
        question.model, section, accelerator, inputs.configs, disaggregation=team.disaggregation, engines=team.engines
    )
    return fitting(found, values) or fitting(
        multi_node_deployments(question.model, section, accelerator, inputs.configs), values
    )


def _better(one: Option, other: Option, load: Load) -> bool:
    """Whether one layout yields more within the service level; where neither holds it, which is faster per user."""
    a, b = one.rate_per_gpu(load), other.rate_per_gpu(load)
    if a == b == 0:
        fastest = [min(s.tpot_at_percentile_s for s in o.samples.values()) for o in (one, other)]
        return fastest[0] < fastest[1]
    return a > b


def _curve(
    option: Option, workload: Workload, question: _Question, inputs: Inputs, usd_per_gpu_hour: float | None
) -> DeploymentCurve:
    samples = sorted(option.samples.values(), key=lambda s: s.concurrency)
    held = option.best(question.load)
    d = option.deployment
    points = tuple(curve_point(s) for s in samples) + measured_points(
        inputs.catalog.measured, question.model, option.accelerator.id, d.precision, question.load, engine=d.engine
    )
    return DeploymentCurve(
        accelerator=option.accelerator.id,
        tier=workload.name,
        model_id=question.model.id,
        deployment=d,
        evidence_grade=(held or samples[0]).estimate.evidence_grade,
        best_concurrency=held.concurrency if held else None,
        points=with_cost(points, usd_per_gpu_hour) if usd_per_gpu_hour is not None else points,
    )
