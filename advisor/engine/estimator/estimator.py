"""Estimates of TTFT, TPOT and tokens/s per GPU at operating points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from advisor.domain.estimate import (
    Basis,
    EvidenceGrade,
    Interval,
    OperatingEstimate,
    OperatingQuery,
)
from advisor.domain.evidence import Measurement
from advisor.domain.hardware import Accelerator
from advisor.domain.model import ModelSpec
from advisor.engine.estimator import targets as tg
from advisor.engine.estimator.assume import Assumer, problem_with
from advisor.engine.estimator.calibration import by_measured_name, usable
from advisor.engine.estimator.covariance import Encoded, Vocabulary, encode, take
from advisor.engine.estimator.encode import Floats, points_of_measurements, points_of_queries
from advisor.engine.estimator.fit import Fit
from advisor.engine.estimator.kriging import Field, gather
from advisor.engine.estimator.neighbours import Neighbourhood, Neighbours
from advisor.engine.estimator.physics import MEAN_LENGTH, step_physics

LOAD_STEPS = np.arange(0.0, 14.01, 0.5)
"""log2 concurrencies at which a curve is laid before it is made monotone."""
SHARE_CEILING = 0.1
"""log; medians of rate and TPOT from different runs put measured shares a little above 1."""
TAIL = {"ttft": {"p90": 1.6, "p95": 2.0, "p99": 3.0}, "tpot": {"p90": 1.06, "p95": 1.09, "p99": 1.15}}


@dataclass(frozen=True, slots=True)
class Medians:
    """Median estimates, one entry a query."""

    tpot_s: Floats
    ttft_s: Floats
    total_tps: Floats
    spread: dict[str, Floats]
    """Spread of the log error by metric; interval widths are multiples of it."""


class Estimator:
    """Physics, calibrated, corrected by nearby measurements.

    Parameters
    ----------
    fit
        Coefficients and weights from `calibrate`.
    measurements
        All evidence; rows of the fit, other families, and the user's own probes.
    models
        By the names that measurements use (`dsr1`) and by id.
    accelerators
        By id.
    as_of
        Age of evidence is counted up to this day.
    """

    def __init__(
        self,
        fit: Fit,
        measurements: Sequence[Measurement],
        models: Mapping[str, ModelSpec],
        accelerators: Mapping[str, Accelerator],
        as_of: date,
    ) -> None:
        self.fit = fit
        self.as_of = as_of
        self._models = by_measured_name(models)
        self._accelerators = dict(accelerators)
        self._vocabulary = Vocabulary()
        self._rows = usable(measurements, self._models, self._accelerators)
        points = points_of_measurements(self._rows, self._models, self._accelerators)
        encoded = encode(points, self._vocabulary)
        step = tg.decode_step(points, step_physics(points), fit.targets["tpot"].baseline, fit.odd)
        self._fields = {name: self._field(name, encoded, step) for name in fit.targets}
        self._names = {m.model for m in self._rows}
        independent = [m for m in self._rows if m.family != "vendor_ci"]
        self._assumer = Assumer(independent, self._accelerators)
        self._neighbourhood = Neighbourhood(independent, as_of)

    def _field(self, name: str, encoded: Encoded, step: tg.Step) -> Field:
        target = self.fit.targets[name]
        weights = np.array([target.weights.get(m.row_id, 0.0) for m in self._rows])
        have = np.flatnonzero(weights)
        shares = tg.term_shares(step, target.covariance.shares)
        return gather(target.covariance, take(encoded, have), shares[:, have], weights[have])

    @property
    def models(self) -> Mapping[str, ModelSpec]:
        """Models by id and by measured name."""
        return self._models

    def measured_name(self, model: ModelSpec) -> str:
        """The model as measurements spell it, or its id where nothing was measured."""
        if model.id in self._names:
            return model.id
        return next((name for name in model.measured_as if name in self._names), model.id)

    def estimate(self, queries: Sequence[OperatingQuery]) -> list[OperatingEstimate]:
        """One estimate a query, in order; one that cannot be made carries its reason in `error`."""
        filled: list[OperatingQuery] = []
        assumed: list[tuple[str, ...]] = []
        errors: list[str] = []
        for q in queries:
            error = problem_with(q, self._accelerators)
            full, notes = (q, ()) if error else self._assumer.complete(q, self.measured_name(q.model))
            filled.append(full)
            assumed.append(notes)
            errors.append(error)
        good = [i for i, e in enumerate(errors) if not e]
        medians = self._medians([filled[i] for i in good])
        out: list[OperatingEstimate] = [_failed(q, e) for q, e in zip(filled, errors, strict=True)]
        for k, i in enumerate(good):
            near = self._neighbourhood.of(filled[i], self.measured_name(filled[i].model))
            out[i] = self._answer(queries[i], filled[i], assumed[i], medians, k, near)
        return out

    def curve(self, query: OperatingQuery, concurrencies: Sequence[int]) -> list[OperatingEstimate]:
        """The same deployment at several concurrencies."""
        full, _ = self._assumer.complete(query, self.measured_name(query.model))
        return self.estimate([replace(full, concurrency=c) for c in concurrencies])

    def _medians(self, queries: Sequence[OperatingQuery]) -> Medians:
        if not queries:
            return Medians(np.empty(0), np.empty(0), np.empty(0), {})
        points = points_of_queries(queries, [self.measured_name(q.model) for q in queries], self._accelerators)
        encoded = encode(points, self._vocabulary)
        grid = np.union1d(LOAD_STEPS, encoded.load)
        place = np.searchsorted(grid, encoded.load)
        loads = np.broadcast_to(2.0**grid, (len(queries), len(grid)))
        physics = step_physics(points, loads)
        t = self.fit.targets
        step = tg.decode_step(points, physics, t["tpot"].baseline, self.fit.odd)
        left = {name: self._correction(name, encoded, grid, step) for name in t}
        log_tpot = np.maximum(step.log_s + left["tpot"], np.log(physics.floor_s)[:, None])
        tpot = np.exp(_rising(log_tpot))
        log_share = np.minimum(tg.share_baseline(points, physics, t["share"].baseline) + left["share"], SHARE_CEILING)
        total = np.exp(log_share) * tg.little_ceiling(points, loads, tpot)
        ttft = np.exp(tg.ttft_baseline(points, physics, step, t["ttft"].baseline) + left["ttft"])
        pick = np.arange(len(queries)), place
        tokens = MEAN_LENGTH * (points.isl + points.osl)
        total_at = np.minimum(total[pick], tokens / physics.flops_floor_s)
        return Medians(tpot[pick], ttft[pick], total_at, self._spreads(encoded, step, place))

    def _spreads(self, encoded: Encoded, step: tg.Step, place: NDArray[np.intp]) -> dict[str, Floats]:
        own = {g: s if s.shape[1] == 1 else s[np.arange(len(s)), place][:, None] for g, s in step.shares.items()}
        at_load = tg.Step(step.log_s[:, :1], own)
        found = {
            name: field.spread(encoded, tg.term_shares(at_load, field.covariance.shares))
            for name, field in self._fields.items()
        }
        return {
            "tpot_p50_s": found["tpot"],
            "total_tps_per_gpu": np.hypot(found["tpot"], found["share"]),
            "ttft_p50_s": found["ttft"],
        }

    def _correction(self, name: str, encoded: Encoded, grid: Floats, step: tg.Step) -> Floats:
        field = self._fields[name].at(encoded, grid)[:, encoded.of_point]
        return tg.correction(field, step, self.fit.targets[name].covariance.shares)

    def _answer(
        self,
        asked: OperatingQuery,
        full: OperatingQuery,
        notes: tuple[str, ...],
        medians: Medians,
        k: int,
        near: Neighbours,
    ) -> OperatingEstimate:
        share_out = full.osl / (full.isl + full.osl)
        total = self._interval("total_tps_per_gpu", near, float(medians.total_tps[k]), medians, k)
        ttft = self._interval("ttft_p50_s", near, float(medians.ttft_s[k]), medians, k)
        tpot = self._interval("tpot_p50_s", near, float(medians.tpot_s[k]), medians, k)
        text = near.text
        if notes:
            text += "; assumed " + ", ".join(notes)
        return OperatingEstimate(
            query=asked,
            engine=full.engine or "",
            spec_method=full.spec_method or "none",
            disagg=bool(full.disagg),
            tp=full.tp or 1,
            ep=full.ep or 1,
            dp_attention=bool(full.dp_attention),
            gpus=full.gpus or full.tp or 1,
            ttft_p50_s=ttft,
            tpot_p50_s=tpot,
            total_tps_per_gpu=total,
            output_tps_per_gpu=Interval(total.lo * share_out, total.mid * share_out, total.hi * share_out),
            ttft_tail={p: ttft.mid * f for p, f in TAIL["ttft"].items()},
            tpot_tail={p: tpot.mid * f for p, f in TAIL["tpot"].items()},
            evidence_grade=near.grade,
            basis=near.basis,
            basis_text=text,
            evidence_row_ids=near.row_ids,
            evidence_newest=near.newest,
            notes=notes,
        )

    def _interval(self, metric: str, near: Neighbours, mid: float, medians: Medians, k: int) -> Interval:
        known = self.fit.half_width[metric]
        lo, hi = known.get(f"{near.grade} {near.basis}") or known[f"B {near.basis}"]
        spread = float(medians.spread[metric][k])
        return Interval(mid * float(np.exp(lo * spread)), mid, mid * float(np.exp(hi * spread)))


def _rising(log_values: Floats) -> Floats:
    """Nearest rising curve from both sides: the mean of the running maximum and the reversed running minimum."""
    up = np.maximum.accumulate(log_values, axis=1)
    down = np.minimum.accumulate(log_values[:, ::-1], axis=1)[:, ::-1]
    out: Floats = 0.5 * (up + down)
    return out


def _failed(query: OperatingQuery, error: str) -> OperatingEstimate:
    nothing = Interval(float("nan"), float("nan"), float("nan"))
    grade: EvidenceGrade = "D"
    basis: Basis = "physics"
    return OperatingEstimate(
        query=query,
        engine=query.engine or "",
        spec_method=query.spec_method or "none",
        disagg=bool(query.disagg),
        tp=query.tp or 0,
        ep=query.ep or 0,
        dp_attention=bool(query.dp_attention),
        gpus=query.gpus or 0,
        ttft_p50_s=nothing,
        tpot_p50_s=nothing,
        total_tps_per_gpu=nothing,
        output_tps_per_gpu=nothing,
        ttft_tail={},
        tpot_tail={},
        evidence_grade=grade,
        basis=basis,
        basis_text="",
        error=error,
    )
