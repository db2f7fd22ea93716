"""Own measurements against what would have been predicted without them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from advisor.domain.estimate import OperatingEstimate, OperatingQuery
from advisor.domain.evidence import Measurement
from advisor.domain.model import ModelSpec
from advisor.domain.probing import count_in_doubt
from advisor.domain.recommendation import ProbeCheck
from advisor.domain.sizing import Deployment, Spread
from advisor.domain.text import capital
from advisor.engine.estimates import EstimateMany
from advisor.engine.operating_point import MEAN_OVER_NOMINAL

MAX_CHECKS = 12
AGREE = 1.1
"""Ratio beyond which two runs of one point contradict each other: five times what a probe repeats by."""


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
        m
        for m in rows
        if m.accelerator in accelerators and m.model in names and m.output_tps_per_gpu and m.date is not None
    ]
    kept.sort(key=lambda m: (m.date.toordinal() if m.date else 0, m.row_id), reverse=True)
    kept = kept[:MAX_CHECKS]
    estimates = predict([_query(m, model) for m in kept]) if kept else []
    return tuple(_check(m, e, _contradicted(m, kept)) for m, e in zip(kept, estimates, strict=True) if not e.error)


def _contradicted(m: Measurement, rows: Sequence[Measurement]) -> str:
    """The run of the same point from which a measurement lies too far, in words; empty where none does."""
    for other in rows:
        if other.source_id == m.source_id or _point(other) != _point(m):
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


def _point(m: Measurement) -> tuple[object, ...]:
    return (
        m.accelerator, m.model, m.precision, m.engine, m.spec_method, m.disagg, m.tp, m.ep, m.dp_attention, m.gpus,
        m.isl, m.osl, m.concurrency,
    )  # fmt: skip


def _query(m: Measurement, model: ModelSpec) -> OperatingQuery:
    # A probe states the lengths that it sent; the estimator asks for nominal ones.
    isl, osl = m.isl / MEAN_OVER_NOMINAL, m.osl / MEAN_OVER_NOMINAL
    return OperatingQuery(
        accelerator=m.accelerator, model=model, precision=m.precision, isl=isl, osl=osl,
        concurrency=m.concurrency, engine=m.engine or None, spec_method=m.spec_method or None, disagg=m.disagg,
        tp=m.tp or None, ep=m.ep or None, dp_attention=m.dp_attention, gpus=m.gpus,
    )  # fmt: skip


def _check(m: Measurement, e: OperatingEstimate, contradicted: str) -> ProbeCheck:
    assert m.date is not None
    assert m.output_tps_per_gpu is not None
    predicted = e.output_tps_per_gpu
    within = predicted.lo <= m.output_tps_per_gpu <= predicted.hi
    ratio = m.output_tps_per_gpu / predicted.mid
    deployment = Deployment(
        engine=e.engine, precision=m.precision, kv_cache_precision="", tp=e.tp, ep=e.ep, dp_attention=e.dp_attention,
        spec_method=e.spec_method, disagg=e.disagg, gpus_per_replica=e.gpus,
    )  # fmt: skip
    doubt = count_in_doubt(m.output_tps_per_gpu, predicted.mid, predicted.lo, predicted.hi, m.gpus or 1)
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
        text=f"{ratio:.2f} times the prediction, {verdict}; the estimate now follows the measurement."
        + (f" {capital(doubt)}." if doubt else "")
        + contradicted,
        source_id=m.source_id,
    )
