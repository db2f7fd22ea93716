"""Estimates of TTFT, TPOT and tokens/s per GPU at operating points."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import cached_property
from typing import Literal

import numpy as np

from advisor.domain.estimate import FirstToken, Interval, OperatingEstimate, OperatingQuery
from advisor.domain.evidence import Measurement
from advisor.domain.hardware import Accelerator
from advisor.domain.model import ModelSpec
from advisor.domain.record import record
from advisor.engine.estimator.assume import Assumer, is_open, problem_with
from advisor.engine.estimator.calibration import by_measured_name, usable
from advisor.engine.estimator.core import Core, Medians
from advisor.engine.estimator.curves import Memo
from advisor.engine.estimator.encode import (
    MEDIAN_MONTH,
    Floats,
    Points,
    months_since_epoch,
    points_of_measurements,
    points_of_queries,
)
from advisor.engine.estimator.families import OtherFamilies, cover
from advisor.engine.estimator.fit import TARGETS, Fit
from advisor.engine.estimator.neighbours import Neighbourhood, Neighbours, curve_key, interval_class
from advisor.engine.estimator.tails import tail_factors

Software = Literal["current", "typical"]
"""`current`: as the newest dated runs of the same configuration, where there are any; `typical`: as a median over
all runs, which is what most published rows state."""
DATED = 1
FIRST_TOKEN = ("ttft",)
TAILS = 4096
"""Loads whose tails are kept."""
NOT_A_NUMBER = Interval(float("nan"), float("nan"), float("nan"))


@record
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
        self._ranking = ranking
        self._neighbourhood = Neighbourhood(ranking, as_of)
        self._others = OtherFamilies(rows)
        self._tails: dict[tuple[str, bool, int], dict[str, float]] = {}

    @cached_property
    def _assumer(self) -> Assumer:
        """Only queries that leave something open need it."""
        return Assumer(self._ranking, self._accelerators)

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
        answers = iter(self._answers(good, medians, drift))
        return [_failed(a) if a.error else next(answers) for a in asked]

    def first_token(self, queries: Sequence[OperatingQuery], *, memo: Memo | None = None) -> list[FirstToken]:
        """TTFT alone, as `estimate` has it, for a third of the work."""
        asked = [self._ask(q) for q in queries]
        good = [a for a in asked if not a.error]
        medians, _ = self._medians(good, "current", memo, FIRST_TOKEN)
        near = [self._neighbourhood.of(a.full, a.name) for a in good]
        ttft = iter(self._intervals("ttft_p50_s", good, near, medians.ttft_s, medians))
        out = []
        for a in asked:
            if a.error:
                out.append(FirstToken(NOT_A_NUMBER, {}, a.error))
                continue
            interval = next(ttft)
            out.append(FirstToken(interval, self._tail("ttft", a.full, interval.mid), ""))
        return out

    def curve(self, query: OperatingQuery, concurrencies: Sequence[int]) -> list[OperatingEstimate]:
        """The same deployment at several concurrencies."""
        asked = self._ask(query)
        return self.estimate([replace(asked.full, concurrency=c) for c in concurrencies])

    def _ask(self, q: OperatingQuery) -> _Asked:
        error = problem_with(q, self._accelerators)
        name = self.measured_name(q.model)
        full, notes = (q, ()) if error or not is_open(q) else self._assumer.complete(q, name)
        return _Asked(q, full, name, notes, error)

    def _medians(
        self, asked: Sequence[_Asked], software: Software, memo: Memo | None, targets: Sequence[str] = TARGETS
    ) -> tuple[Medians, list[str]]:
        """Medians of every query, and what newer software changed, in words."""
        queries, names = [a.full for a in asked], [a.name for a in asked]
        points = points_of_queries(queries, names, self._accelerators)
        notes = [""] * len(asked)
        if not asked:
            return _nothing(), notes
        runs = [self._newest.get(curve_key(a.full, a.name)) for a in asked]
        if software == "typical" or not any(runs):
            return self._core.medians(points, memo, targets), notes
        month = np.array([months_since_epoch(r) if r else MEDIAN_MONTH for r in runs])
        kind = np.array([float(DATED) if r else 0.0 for r in runs])
        newer = self._core.medians(replace(points, kind=kind, month=month), memo, targets)
        dated = np.flatnonzero(kind)
        if "tpot" not in targets:
            return newer, notes
        older = self._core.medians(points.take(dated), memo)
        for i, before in zip(dated, older.total_tps, strict=True):
            change = newer.total_tps[i] / before - 1
            notes[i] = f"as run in {runs[i]:%Y-%m}, {change:+.0%} tokens/s against the median over all runs"
        return newer, notes

    def _answers(
        self, asked: Sequence[_Asked], medians: Medians, drift: Sequence[str]
    ) -> Iterator[OperatingEstimate]:
        near = [self._neighbourhood.of(a.full, a.name) for a in asked]
        total = self._intervals("total_tps_per_gpu", asked, near, medians.total_tps, medians)
        tpot = self._intervals("tpot_p50_s", asked, near, medians.tpot_s, medians)
        ttft = self._intervals("ttft_p50_s", asked, near, medians.ttft_s, medians)
        for k, a in enumerate(asked):
            yield self._answer(a, near[k], total[k], tpot[k], ttft[k], drift[k])

    def _answer(
        self, asked: _Asked, near: Neighbours, total: Interval, tpot: Interval, ttft: Interval, drift: str
    ) -> OperatingEstimate:
        q = asked.full
        others = self._others.of(q, asked.name)
        words = [near.text, drift]
        for other in others:
            total, tpot = cover(total, other.total_tps_per_gpu), cover(tpot, other.tpot_s)
            ratio = other.total_tps_per_gpu / total.mid
            words.append(f"{other.family} of {other.as_of} states {ratio:.2f} of this rate, inside the interval")
        if asked.notes:
            words.append("assumed " + ", ".join(asked.notes))
        part = q.osl / (q.isl + q.osl)
        return OperatingEstimate(
            query=asked.query,
            engine=q.engine or "",
            spec_method=q.spec_method or "none",
            disagg=bool(q.disagg),
            tp=q.tp or 1,
            ep=q.ep or 1,
            dp_attention=bool(q.dp_attention),
            gpus=q.gpus or q.tp or 1,
            ttft_p50_s=ttft,
            tpot_p50_s=tpot,
            total_tps_per_gpu=total,
            output_tps_per_gpu=Interval(total.lo * part, total.mid * part, total.hi * part),
            ttft_tail=self._tail("ttft", q, ttft.mid),
            tpot_tail=self._tail("tpot", q, tpot.mid),
            evidence_grade=near.grade,
            basis=near.basis,
            basis_text="; ".join(w for w in words if w),
            evidence_row_ids=near.row_ids,
            evidence_newest=near.newest,
            other_families=others,
            notes=asked.notes,
        )

    def _intervals(
        self, metric: str, asked: Sequence[_Asked], near: Sequence[Neighbours], mid: Floats, medians: Medians
    ) -> list[Interval]:
        known = self.fit.half_width[metric]
        ends = []
        for a, n in zip(asked, near, strict=True):
            grade = "B" if n.grade == "A" else n.grade
            ends.append(known[interval_class(f"{grade} {n.basis}", bool(a.full.disagg))])
        offsets = np.array(ends, dtype=np.float64).reshape(-1, 2)
        outer = mid[:, None] * np.exp(offsets * medians.spread[metric][:, None]) if ends else offsets
        return [Interval(lo, m, hi) for (lo, hi), m in zip(outer.tolist(), mid.tolist(), strict=True)]

    def _tail(self, metric: str, q: OperatingQuery, median: float) -> dict[str, float]:
        """Percentiles over requests, from those over the median that depend on the load alone."""
        key = (metric, bool(q.disagg), q.concurrency)
        factors = self._tails.get(key)
        if factors is None:
            if len(self._tails) >= TAILS:
                self._tails.clear()
            factors = self._tails[key] = tail_factors(self.fit.tails, *key)
        return {p: median * f for p, f in factors.items()}


def _newest_runs(rows: Sequence[Measurement]) -> dict[tuple[object, ...], date]:
    """Day of the newest independent run of each configuration and shape."""
    out: dict[tuple[object, ...], date] = {}
    for m in rows:
        if m.family == "single_run" and m.date:
            key = curve_key(m, m.model)
            out[key] = max(m.date, out.get(key, m.date))
    return out


def _nothing() -> Medians:
    none = np.empty(0)
    return Medians(none, none, none, dict.fromkeys(("total_tps_per_gpu", "tpot_p50_s", "ttft_p50_s"), none))


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
