"""Estimates of TTFT, TPOT and tokens/s per GPU at operating points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

import numpy as np

from advisor.domain.estimate import Interval, OperatingEstimate, OperatingQuery
from advisor.domain.evidence import Measurement
from advisor.domain.hardware import Accelerator
from advisor.domain.model import ModelSpec
from advisor.engine.estimator.assume import Assumer, problem_with
from advisor.engine.estimator.calibration import by_measured_name, usable
from advisor.engine.estimator.core import Core, Medians
from advisor.engine.estimator.curves import Memo
from advisor.engine.estimator.encode import (
    MEDIAN_MONTH,
    Points,
    months_since_epoch,
    points_of_measurements,
    points_of_queries,
)
from advisor.engine.estimator.families import OtherFamilies, cover
from advisor.engine.estimator.fit import Fit
from advisor.engine.estimator.neighbours import Neighbourhood, Neighbours, curve_key, interval_class
from advisor.engine.estimator.tails import tail_factors

Software = Literal["current", "typical"]
"""`current`: as the newest dated runs of the same configuration, where there are any; `typical`: as a median over
all runs, which is what most published rows state."""
DATED = 1
NOT_A_NUMBER = Interval(float("nan"), float("nan"), float("nan"))


@dataclass(frozen=True, slots=True)
class _Asked:
    """A query with everything filled in, or the reason why it cannot be answered."""

    query: OperatingQuery
    full: OperatingQuery
    name: str
    notes: tuple[str, ...]
    error: str


class Estimator:
    """Physics, calibrated, corrected by nearby measurements.

    Parameters
    ----------
    fit
        Coefficients and weights from `calibrate`.
    measurements
        All evidence; rows of the fit, vendor CI, and the user's own probes.
    models
        By id; names that measurements use come from `measured_as`.
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
        rows = usable(measurements, self._models, self._accelerators, probes=True)
        self._newest = _newest_runs(rows)
        self._core = Core(fit, rows, self._placed(rows))
        self._names = {m.model for m in rows}
        ranking = [m for m in rows if m.family != "vendor_ci"]
        self._assumer = Assumer(ranking, self._accelerators)
        self._neighbourhood = Neighbourhood(ranking, as_of)
        self._others = OtherFamilies(rows)

    def _placed(self, rows: Sequence[Measurement]) -> Points:
        """Points of the rows; the user's own stand at the day at which a query of their place is answered.

        Otherwise a probe of today would lie months away from the undated question that it is meant to settle.
        """
        points = points_of_measurements(rows, self._models, self._accelerators)
        own = [i for i, m in enumerate(rows) if m.family == "own_probe"]
        if not own:
            return points
        kind, month = points.kind.copy(), points.month.copy()
        for i in own:
            run = self._newest.get(curve_key(rows[i], rows[i].model))
            kind[i] = float(DATED) if run else 0.0
            month[i] = months_since_epoch(run) if run else MEDIAN_MONTH
        return replace(points, kind=kind, month=month)

    @property
    def models(self) -> Mapping[str, ModelSpec]:
        """Models by id and by measured name."""
        return self._models

    def measured_name(self, model: ModelSpec) -> str:
        """The model as measurements spell it, or its id where nothing was measured."""
        if model.id in self._names:
            return model.id
        return next((name for name in model.measured_as if name in self._names), model.id)

    def estimate(
        self, queries: Sequence[OperatingQuery], *, software: Software = "current", memo: Memo | None = None
    ) -> list[OperatingEstimate]:
        """One estimate a query, in order; one that cannot be made carries its reason in `error`.

        Parameters
        ----------
        memo
            Keeps what later calls on the same deployments ask for again.
        """
        asked = [self._ask(q) for q in queries]
        good = [a for a in asked if not a.error]
        medians, drift = self._medians(good, software, memo)
        answers = iter([self._answer(a, medians, k, drift[k]) for k, a in enumerate(good)])
        return [_failed(a) if a.error else next(answers) for a in asked]

    def curve(self, query: OperatingQuery, concurrencies: Sequence[int]) -> list[OperatingEstimate]:
        """The same deployment at several concurrencies."""
        asked = self._ask(query)
        return self.estimate([replace(asked.full, concurrency=c) for c in concurrencies])

    def _ask(self, q: OperatingQuery) -> _Asked:
        error = problem_with(q, self._accelerators)
        name = self.measured_name(q.model)
        full, notes = (q, ()) if error else self._assumer.complete(q, name)
        return _Asked(q, full, name, notes, error)

    def _medians(
        self, asked: Sequence[_Asked], software: Software, memo: Memo | None
    ) -> tuple[Medians, list[str]]:
        """Medians of every query, and what newer software changed, in words."""
        queries, names = [a.full for a in asked], [a.name for a in asked]
        points = points_of_queries(queries, names, self._accelerators)
        notes = [""] * len(asked)
        if not asked:
            return Medians(np.empty(0), np.empty(0), np.empty(0), {}), notes
        runs = [self._newest.get(curve_key(a.full, a.name)) for a in asked]
        if software == "typical" or not any(runs):
            return self._core.medians(points, memo), notes
        month = np.array([months_since_epoch(r) if r else MEDIAN_MONTH for r in runs])
        kind = np.array([float(DATED) if r else 0.0 for r in runs])
        newer = self._core.medians(replace(points, kind=kind, month=month), memo)
        dated = np.flatnonzero(kind)
        older = self._core.medians(points.take(dated), memo)
        for i, before in zip(dated, older.total_tps, strict=True):
            change = newer.total_tps[i] / before - 1
            notes[i] = f"as run in {runs[i]:%Y-%m}, {change:+.0%} tokens/s against the median over all runs"
        return newer, notes

    def _answer(self, asked: _Asked, medians: Medians, k: int, drift: str) -> OperatingEstimate:
        q = asked.full
        disagg = bool(q.disagg)
        near = self._neighbourhood.of(q, asked.name)
        others = self._others.of(q, asked.name)
        total = self._interval("total_tps_per_gpu", near, float(medians.total_tps[k]), medians, k, disagg)
        tpot = self._interval("tpot_p50_s", near, float(medians.tpot_s[k]), medians, k, disagg)
        ttft = self._interval("ttft_p50_s", near, float(medians.ttft_s[k]), medians, k, disagg)
        words = [near.text, drift]
        for other in others:
            total, tpot = cover(total, other.total_tps_per_gpu), cover(tpot, other.tpot_s)
            ratio = other.total_tps_per_gpu / total.mid
            words.append(f"{other.family} of {other.as_of} states {ratio:.2f} of this rate, inside the interval")
        if asked.notes:
            words.append("assumed " + ", ".join(asked.notes))
        part = q.osl / (q.isl + q.osl)
        factors = {m: tail_factors(self.fit.tails, m, disagg, q.concurrency) for m in ("ttft", "tpot")}
        return OperatingEstimate(
            query=asked.query,
            engine=q.engine or "",
            spec_method=q.spec_method or "none",
            disagg=disagg,
            tp=q.tp or 1,
            ep=q.ep or 1,
            dp_attention=bool(q.dp_attention),
            gpus=q.gpus or q.tp or 1,
            ttft_p50_s=ttft,
            tpot_p50_s=tpot,
            total_tps_per_gpu=total,
            output_tps_per_gpu=Interval(total.lo * part, total.mid * part, total.hi * part),
            ttft_tail={p: ttft.mid * f for p, f in factors["ttft"].items()},
            tpot_tail={p: tpot.mid * f for p, f in factors["tpot"].items()},
            evidence_grade=near.grade,
            basis=near.basis,
            basis_text="; ".join(w for w in words if w),
            evidence_row_ids=near.row_ids,
            evidence_newest=near.newest,
            other_families=others,
            notes=asked.notes,
        )

    def _interval(self, metric: str, near: Neighbours, mid: float, medians: Medians, k: int, disagg: bool) -> Interval:
        known = self.fit.half_width[metric]
        grade = "B" if near.grade == "A" else near.grade
        lo, hi = known[interval_class(f"{grade} {near.basis}", disagg)]
        spread = float(medians.spread[metric][k])
        return Interval(mid * float(np.exp(lo * spread)), mid, mid * float(np.exp(hi * spread)))


def _newest_runs(rows: Sequence[Measurement]) -> dict[tuple[object, ...], date]:
    """Day of the newest independent run of each configuration and shape."""
    out: dict[tuple[object, ...], date] = {}
    for m in rows:
        if m.family == "single_run" and m.date:
            key = curve_key(m, m.model)
            out[key] = max(m.date, out.get(key, m.date))
    return out


def _failed(asked: _Asked) -> OperatingEstimate:
    q = asked.query
    return OperatingEstimate(
        query=q,
        engine=q.engine or "",
        spec_method=q.spec_method or "none",
        disagg=bool(q.disagg),
        tp=q.tp or 0,
        ep=q.ep or 0,
        dp_attention=bool(q.dp_attention),
        gpus=q.gpus or 0,
        ttft_p50_s=NOT_A_NUMBER,
        tpot_p50_s=NOT_A_NUMBER,
        total_tps_per_gpu=NOT_A_NUMBER,
        output_tps_per_gpu=NOT_A_NUMBER,
        ttft_tail={},
        tpot_tail={},
        evidence_grade="D",
        basis="physics",
        basis_text="",
        error=asked.error,
    )
