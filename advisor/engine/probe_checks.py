"""Own measurements against what would have been predicted without them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from advisor.domain.errors import did_you_mean
from advisor.domain.estimate import OperatingEstimate, OperatingQuery
from advisor.domain.evidence import Measurement
from advisor.domain.model import ModelSpec
from advisor.domain.model_names import model_called
from advisor.domain.probing import count_in_doubt
from advisor.domain.recommendation import ProbeCheck
from advisor.domain.sizing import Deployment, Spread
from advisor.domain.text import capital
from advisor.engine.estimates import EstimateMany
from advisor.engine.operating_point import MEAN_OVER_NOMINAL
from advisor.engine.own_runs import same_point, superseded
from advisor.evidence.runs import Run, point_of, unstated

MAX_CHECKS = 12
AGREE = 1.1
"""Ratio beyond which two runs of one point contradict each other: five times what a probe repeats by."""


def question(m: Measurement, model: ModelSpec) -> OperatingQuery:
    """What to ask the estimator beside an own measurement: the very deployment, at the lengths that were sent.

    A probe states the lengths that it sent; the estimator asks for nominal ones, of which requests draw 0.9.
    """
    isl, osl = m.isl / MEAN_OVER_NOMINAL, m.osl / MEAN_OVER_NOMINAL
    return OperatingQuery(
        accelerator=m.accelerator, model=model, precision=m.precision, isl=isl, osl=osl,
        concurrency=m.concurrency, engine=m.engine or None, spec_method=m.spec_method or None, disagg=m.disagg,
        tp=m.tp or None, ep=m.ep or None, dp_attention=m.dp_attention, gpus=m.gpus,
    )  # fmt: skip


def predicted_steps(
    run: Run, models: Collection[ModelSpec], predict: EstimateMany
) -> list[OperatingEstimate | str]:
    """What was predicted for each step of a run, in order, or why nothing was, in words.

    Parameters
    ----------
    predict
        The estimator without the user's own measurements, this run above all.
    """
    name = run.deployment.model
    model = model_called(name, models)
    if missing := unstated(run.deployment):
        return [f"the run does not state {' and '.join(missing)}"] * len(run.steps)
    if model is None:
        return [f'model "{name}" is not in the catalog{did_you_mean(name, [m.id for m in models])}'] * len(run.steps)
    points = [point_of(run, step) for step in run.steps]
    made = iter(predict([question(point, model) for point in points if point is not None]))
    found = (None if point is None else next(made) for point in points)
    return ["the step has no rate" if e is None else e.error or e for e in found]


def probe_checks(
    rows: Sequence[Measurement],
    model: ModelSpec,
    accelerators: Collection[str],
    predict: EstimateMany,
) -> tuple[ProbeCheck, ...]:
    """At most `MAX_CHECKS` checks, newest first.

    Parameters
    ----------
    rows
        Own measurements; those of other models or accelerators, or without a rate or a day, are left out.
    predict
        The estimator without the user's own measurements.
    """
    names = {model.id, *model.measured_as}
    kept = [
        replace(m, model=model.id)  # by whatever of its names a run calls it
        for m in rows
        if m.accelerator in accelerators and m.model in names and m.output_tps_per_gpu and m.date is not None
    ]
    kept.sort(key=lambda m: (m.date.toordinal() if m.date else 0, m.row_id), reverse=True)
    gone = superseded(kept)
    stand = [m for m in kept if m.row_id not in gone]
    kept = kept[:MAX_CHECKS]
    estimates = predict([question(m, model) for m in kept]) if kept else []
    return tuple(
        _check(m, e, f"{_superseded(m, gone[m.row_id])}." if m.row_id in gone else _followed(m, e, stand))
        for m, e in zip(kept, estimates, strict=True)
        if not e.error
    )


def _superseded(m: Measurement, by: Measurement) -> str:
    """That a newer run stands in the place of a measurement, and what it says."""
    assert m.output_tps_per_gpu is not None
    name, ratio = by.source_id.removeprefix("run:"), (by.output_tps_per_gpu or 0.0) / m.output_tps_per_gpu
    version = f" on {by.engine} {by.engine_version}".rstrip() if by.engine_version else ""
    return f"it counts no longer: run {name} of {by.date}{version} measured {ratio:.2f} times as much at the same point"


def _followed(m: Measurement, e: OperatingEstimate, rows: Sequence[Measurement]) -> str:
    """That the estimate is the measurement's, and what speaks against it."""
    predicted = e.output_tps_per_gpu
    doubt = count_in_doubt(m.output_tps_per_gpu or 0.0, predicted.mid, predicted.lo, predicted.hi, m.gpus or 1)
    text = "the estimate now follows the measurement."
    return text + (f" {capital(doubt)}." if doubt else "") + _contradicted(m, rows)


def _contradicted(m: Measurement, rows: Sequence[Measurement]) -> str:
    """The run of the same point from which a measurement lies too far, in words; empty where none does."""
    for other in rows:
        if not same_point(m, other):
            continue
        assert m.output_tps_per_gpu is not None
        assert other.output_tps_per_gpu is not None
        ratio = m.output_tps_per_gpu / other.output_tps_per_gpu
        if max(ratio, 1 / ratio) > AGREE:
            name = other.source_id.removeprefix("run:")
            return (
                f" It is {ratio:.2f} times what run {name} measured at the same point, and the estimate lies between:"
                " if one of them no longer holds, remove it with `advisor evidence remove`."
            )
    return ""


def _check(m: Measurement, e: OperatingEstimate, follows: str) -> ProbeCheck:
    assert m.date is not None
    assert m.output_tps_per_gpu is not None
    predicted = e.output_tps_per_gpu
    within = predicted.lo <= m.output_tps_per_gpu <= predicted.hi
    ratio = m.output_tps_per_gpu / predicted.mid
    deployment = Deployment(
        engine=e.engine, precision=m.precision, kv_cache_precision="", tp=e.tp, ep=e.ep, dp_attention=e.dp_attention,
        spec_method=e.spec_method, disagg=e.disagg, gpus_per_replica=e.gpus,
    )  # fmt: skip
    verdict = "within the predicted interval" if within else "outside the predicted interval"
    return ProbeCheck(
        accelerator=m.accelerator,
        measured_on=m.date,
        deployment=deployment.label,
        concurrency=m.concurrency,
        isl=m.isl,
        osl=m.osl,
        predicted_output_tps=Spread(lo=predicted.lo, value=predicted.mid, hi=predicted.hi),
        measured_output_tps=m.output_tps_per_gpu,
        predicted_tpot_s=e.tpot_p50_s.mid,
        measured_tpot_s=m.tpot_p50_s,
        within_interval=within,
        text=f"{ratio:.2f} times the prediction, {verdict}; {follows}",
        source_id=m.source_id,
    )
