"""Estimates of TTFT, TPOT and tokens/s per GPU at operating points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from functools import cached_property
from typing import Literal

import numpy as np

from advisor.domain.estimate import FirstToken, OperatingEstimate, OperatingQuery
from advisor.domain.evidence import Measurement
from advisor.domain.hardware import Accelerator
from advisor.domain.model import ModelSpec
from advisor.domain.record import record, replace
from advisor.engine.estimates import Batch, Ladders
from advisor.engine.estimator.answers import Answers, Asked
from advisor.engine.estimator.assume import MOST, Assumer, is_open, lacks_worker, one_copy, problem_with
from advisor.engine.estimator.calibration import by_measured_name, usable
from advisor.engine.estimator.core import RATE, Core
from advisor.engine.estimator.curves import Memo
from advisor.engine.estimator.drift import Drift
from advisor.engine.estimator.encode import (
    DATED,
    Floats,
    Places,
    Points,
    months_since_epoch,
    points_of_measurements,
    points_of_queries,
)
from advisor.engine.estimator.fit import Fit
from advisor.engine.estimator.neighbours import curve_key
from advisor.engine.estimator.typical import newest_days, usual_months

Software = Literal["current", "typical"]
"""What is asked where a query states no `software_date`. `current`: as the newest dated runs of the same stack, where
there are any; `typical`: as a median over all runs, which is what most published rows state."""
FIRST_TOKEN = ("ttft",)
MOST_LOAD = MOST["concurrency"]


@record
class _Place:
    """Where queries lie among the measurements: their curves, and each point's own and load."""

    dated: Points
    """The curves, each on the software that it is asked for on; their own load means nothing."""
    medians: Points
    """The same as medians over all runs."""
    of_point: Places
    load: Floats

    @property
    def points(self) -> Points:
        """Every point, on the software that it is asked for on."""
        return replace(self.dated.take(self.of_point), concurrency=self.load)

    def undated(self, places: Places) -> Points:
        """Some of the points, as medians over all runs."""
        return replace(self.medians.take(self.of_point[places]), concurrency=self.load[places])


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
        Age of evidence is counted up to this day, and no software is newer.
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
        rows = [one_copy(m) for m in usable(measurements, self._models, self._accelerators, probes=True)]
        points = points_of_measurements(rows, self._models, self._accelerators)
        self._usual = usual_months(points, rows)
        odd = {key for target in fit.targets.values() for key in target.level}
        self._newest = newest_days(points, rows, odd, self._usual, as_of)
        self._days = min((m.date for m in rows if m.family == "single_run" and m.date), default=as_of), as_of
        self._core = Core(fit, rows, self._placed(rows, points))
        self._names = {m.model for m in rows}
        ranking = [m for m in rows if m.family != "vendor_ci"]
        self._ranking = ranking
        self._answers = Answers(fit, ranking, rows, self._accelerators, as_of)

    @cached_property
    def _assumer(self) -> Assumer:
        """Only queries that leave something open, or ask for several copies, need it."""
        return Assumer(self._ranking, self._models, self._accelerators)

    def _placed(self, rows: Sequence[Measurement], points: Points) -> Points:
        """The points of the rows; the user's own moved to the day at which a query of their place is answered.

        Otherwise a probe of today would lie months away from the undated question that it is meant to settle.
        """
        own = [i for i, m in enumerate(rows) if m.family == "own_probe"]
        if not own:
            return points
        kind, month, usual = points.kind.copy(), points.month.copy(), self._usual.of(points)
        for i in own:
            run = self._newest_day(rows[i], rows[i].model)
            kind[i] = float(DATED) if run else 0.0
            month[i] = months_since_epoch(run) if run else usual[i]
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
    ) -> Batch[OperatingEstimate]:
        """One estimate a query, in order; one that cannot be made carries its reason in `error`.

        Parameters
        ----------
        memo
            Keeps what later calls on the same deployments ask for again.
        """
        asked = self._asked(queries, software)
        good = [a for a in asked if not a.error]
        place = self._place(good)
        medians = self._core.medians(place.points, memo)
        if any(a.total_spread for a in good):
            medians.widen_rates([a.total_spread for a in good for _ in a.loads])

        def undated(places: Sequence[int]) -> Floats:
            return self._core.medians(place.undated(np.array(places)), memo, RATE).total_tps

        runs = [a.run for a in good for _ in a.loads]
        return self._answers.whole(asked, medians, Drift(runs, medians.total_tps, undated))

    def first_token(self, queries: Sequence[OperatingQuery], *, memo: Memo | None = None) -> Batch[FirstToken]:
        """TTFT alone, as `estimate` has it, for a third of the work."""
        asked = self._asked(queries, "current")
        place = self._place([a for a in asked if not a.error])
        return self._answers.first_tokens(asked, self._core.medians(place.points, memo, FIRST_TOKEN))

    def curve(self, query: OperatingQuery, concurrencies: Sequence[int]) -> Batch[OperatingEstimate]:
        """The same deployment at several concurrencies."""
        (asked,) = self._asked([query], "current")
        return self.estimate([replace(asked.full, concurrency=c) for c in concurrencies])

    def _asked(self, queries: Sequence[OperatingQuery], software: Software) -> list[Asked]:
        """The queries with everything filled in: whole curves where nothing that is filled in hangs on the load."""
        out: list[Asked] = []
        ladders = Ladders.of(queries)
        for curve, loads in zip(ladders.curves, ladders.loads, strict=True):
            first = curve if curve.concurrency == loads[0] else replace(curve, concurrency=loads[0])
            asked = self._ask(first, software)
            total = asked.full.disagg and asked.full.gpus is None
            if asked.error or asked.full is not first or total or not 1 <= min(loads) <= max(loads) <= MOST_LOAD:
                out += [asked, *(self._ask(replace(curve, concurrency=n), software) for n in loads[1:])]
            elif len(loads) == 1:
                out.append(asked)
            else:
                out.append(Asked(first, first, asked.name, asked.notes, "", asked.place, loads, asked.run))
        return self._with_totals(out)

    def _ask(self, q: OperatingQuery, software: Software) -> Asked:
        error = problem_with(q, self._accelerators, self._days)
        name = self.measured_name(q.model)
        if error:
            return Asked(q, q, name, (), error, (), (q.concurrency,))
        known = not is_open(q) and one_copy(q) is q
        full, notes = (q, ()) if known else self._assumer.complete(q, name)
        if lacks_worker(full):
            error = f"{problem_with(full, self._accelerators, self._days)}; assumed {', '.join(notes)}"
            return Asked(q, q, name, (), error, (), (q.concurrency,))
        place = curve_key(full, name)
        run = q.software_date or (self._newest_day(full, name) if software == "current" else None)
        if self._answers.is_probed(full, place):
            run = self._newest_day(full, name)  # where own measurements lie, see `_placed`
        return Asked(q, full, name, notes, "", place, (full.concurrency,), run)

    def _newest_day(self, p: Measurement | OperatingQuery, name: str) -> date | None:
        """Day of the newest software that the stack of a point is known to run on."""
        return self._newest.of(
            self._accelerators[p.accelerator], name, p.precision, p.engine or "", (p.spec_method or "none") != "none",
            bool(p.disagg),
        )  # fmt: skip

    def _with_totals(self, asked: Sequence[Asked]) -> list[Asked]:
        """The questions with the usual total of GPUs where disaggregated serving is asked for without one."""
        out = list(asked)
        some = [i for i, a in enumerate(out) if a.full.disagg and a.full.gpus is None and not a.error]
        if not some:
            return out
        points = points_of_queries([out[i].full for i in some], [out[i].name for i in some], self._accelerators)
        total, spread = self._core.totals(points)
        for i, gpus, wide in zip(some, map(int, total), spread.tolist(), strict=True):
            full, notes = replace(out[i].full, gpus=gpus), (*out[i].notes, f"gpus {gpus}")
            out[i] = replace(out[i], full=full, notes=notes, total_spread=wide)
        return out

    def _place(self, good: Sequence[Asked]) -> _Place:
        """Points of the queries, each on the software that it asks for."""
        points = points_of_queries([a.full for a in good], [a.name for a in good], self._accelerators)
        points = replace(points, month=self._usual.of(points))
        of_point = np.repeat(np.arange(len(good)), np.array([len(a.loads) for a in good], np.intp))
        load = np.maximum(1.0, np.array([n for a in good for n in a.loads], dtype=np.float64))
        if not any(a.run for a in good):
            return _Place(points, points, of_point, load)
        month = np.array([months_since_epoch(a.run) if a.run else m for a, m in zip(good, points.month, strict=True)])
        kind = np.array([float(DATED) if a.run else 0.0 for a in good])
        return _Place(replace(points, kind=kind, month=month), points, of_point, load)
