"""Measured points to set beside an estimated curve."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from advisor.domain.evidence import Measurement
from advisor.domain.model import ModelSpec
from advisor.domain.sizing import CurvePoint, TierPlan
from advisor.domain.units import usd_per_mtok
from advisor.engine.deployments import TRUSTED_FAMILIES
from advisor.engine.operating_point import MEAN_OVER_NOMINAL, Load

MAX_POINTS = 40
MAX_SHAPE_DISTANCE = math.log(8.0)


Measured = Mapping[tuple[str, str], Sequence[Measurement]]
"""Measurements by accelerator and model as measured."""


def measured_points(
    measured: Measured, model: ModelSpec, accelerator_id: str, precision: str, load: Load, *, engine: str = ""
) -> tuple[CurvePoint, ...]:
    """Measurements of the accelerator, model and precision at the measured shape nearest to the load.

    With `engine`, of that engine alone. Each point keeps the lengths it was measured at; its label names them. At most
    `MAX_POINTS`, frontier first.
    """
    rows = [
        m
        for name in dict.fromkeys((*model.measured_as, model.id))
        for m in measured.get((accelerator_id, name), ())
        if m.precision == precision
        and (not engine or m.engine == engine)
        and m.family in TRUSTED_FAMILIES
        and m.tpot_p50_s
        and m.total_tps_per_gpu
        and not m.known_bad
    ]
    shapes = {(m.isl, m.osl) for m in rows}
    if not shapes:
        return ()
    isl, osl = min(shapes, key=lambda s: (_distance(s, load), s))
    if _distance((isl, osl), load) > MAX_SHAPE_DISTANCE:
        return ()
    nearest = [m for m in rows if (m.isl, m.osl) == (isl, osl)]
    return tuple(_point(m) for m in _frontier_first(nearest)[:MAX_POINTS])


def with_cost(points: Sequence[CurvePoint], usd_per_gpu_hour: float) -> tuple[CurvePoint, ...]:
    """The points with what a million output tokens cost at each, every GPU-hour at one price [USD/GPU-h]."""
    return tuple(
        p.model_copy(update={"usd_per_mtok_output": usd_per_mtok(usd_per_gpu_hour, p.output_tps_per_gpu)})
        if p.output_tps_per_gpu > 0
        else p
        for p in points
    )


def tiers_with_cost(tiers: Iterable[TierPlan], usd_per_gpu_hour: float) -> tuple[TierPlan, ...]:
    """The tiers with the cost at each point of their curves [USD/GPU-h]."""
    return tuple(t.model_copy(update={"curve": with_cost(t.curve, usd_per_gpu_hour)}) for t in tiers)


def _distance(shape: tuple[int, int], load: Load) -> float:
    isl, osl = shape
    return math.hypot(
        math.log(isl * MEAN_OVER_NOMINAL / load.isl), math.log(osl * MEAN_OVER_NOMINAL / load.osl)
    )


def _frontier_first(rows: Sequence[Measurement]) -> list[Measurement]:
    """Rows on the frontier of rate against interactivity first, then the others, each by row id."""
    ordered = sorted(rows, key=lambda m: (m.tpot_p50_s or 0.0, -(m.total_tps_per_gpu or 0.0)))
    best, front, rest = 0.0, [], []
    for m in ordered:
        rate = m.total_tps_per_gpu or 0.0
        if rate > best:
            best = rate
            front.append(m)
        else:
            rest.append(m)
    return front + sorted(rest, key=lambda m: m.row_id)


def _point(m: Measurement) -> CurvePoint:
    assert m.tpot_p50_s is not None
    assert m.total_tps_per_gpu is not None
    output = m.output_tps_per_gpu if m.output_tps_per_gpu is not None else m.total_tps_per_gpu * m.osl / (m.isl + m.osl)
    parts = [m.precision, f"TP{m.tp}", *([f"EP{m.ep}"] if m.ep > 1 else []), m.engine]
    if m.spec_method != "none":
        parts.append(m.spec_method)
    if m.disagg:
        parts.append("disagg")
    return CurvePoint(
        concurrency=m.concurrency,
        interactivity_tps=1.0 / m.tpot_p50_s,
        output_tps_per_gpu=output,
        output_tps_lo=output,
        output_tps_hi=output,
        ttft_p50_s=m.ttft_p50_s or 0.0,
        tpot_p50_s=m.tpot_p50_s,
        kind="measured",
        meets_slo=None,
        label=f"{' '.join(parts)}, {m.isl}/{m.osl}",
        row_id=m.row_id,
    )
