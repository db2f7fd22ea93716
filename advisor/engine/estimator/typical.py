"""The days of the runs of a stack: the usual one and the newest.

A question without a day is one for a median over runs: at the usual month of those of its deployment, of its stack, or
of the same on other parts, and not before anything ran on the part.

TTFT is stated by dated runs alone, and moves faster with software than TPOT does. A question for it without a day is
one for the middle of the runs of its stack: the median of their days.

Advice is for the newest software. That is the newest day on which the stack was run, at whatever lengths: with a shape
left out, runs of MI355X with SGLang are 5 % off in tokens/s when asked for on their day, and 20 % as medians over
months, all too low. An aggregated stack of which a part has no runs is asked for on the newest day of the vendor's
other parts: with pairs of part and model left out, runs are 6 % off when asked for on their day and 8 % as medians.
Days that lie far from all others (`levels`) say nothing of the days after them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from statistics import median, median_low
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from advisor.domain.evidence import Measurement
from advisor.domain.hardware import Accelerator
from advisor.domain.record import record
from advisor.engine.estimator.encode import (
    MEDIAN_MONTH,
    Floats,
    Points,
    day_of,
    distinct,
    engine_base,
    stack_key,
    stack_keys,
)
from advisor.engine.estimator.groups import day_keys

RUN_FAMILIES = ("single_run", "published_table", "secondhand")
"""Families of rows that state what was run on one day."""


def are_dated(rows: Sequence[Measurement]) -> NDArray[np.bool_]:
    """Which rows state what was run on one day."""
    return np.array([m.family in RUN_FAMILIES for m in rows], dtype=np.bool_)


@record
class TypicalMonths:
    """Median month of the dated runs by stack."""

    by_stack: Mapping[str, float]

    def of(self, points: Points) -> Floats:
        """Month at which each point is asked for [months after EPOCH]; that of a median where no run is known."""
        return np.array([self.by_stack.get(key, MEDIAN_MONTH) for key in stack_keys(points)])


def typical_months(points: Points, dated: NDArray[np.bool_]) -> TypicalMonths:
    """The usual month of every stack that has dated runs."""
    months: dict[str, list[float]] = defaultdict(list)
    runs = points.take(np.flatnonzero(dated))
    for stack, month in zip(stack_keys(runs), runs.month.tolist(), strict=True):
        months[stack].append(month)
    return TypicalMonths({key: median(values) for key, values in months.items()})


Kin = tuple[str, ...]
Gone = Literal["", "pair", "accelerator"]
"""What of the evidence may not be known: nothing, the part with the model, or all of the part."""


class UsualMonths:
    """Months of the medians over runs, by what a deployment shares with them, the most in common first.

    Parameters
    ----------
    by_kin
        Part and month of each median.
    by_part
        Earliest month of a part with each model.
    """

    def __init__(
        self, by_kin: Mapping[Kin, Sequence[tuple[str, float]]], by_part: Mapping[str, Mapping[str, float]]
    ) -> None:
        self._by_kin, self._by_part = by_kin, by_part
        self._found: dict[tuple[Kin, Gone], float] = {}
        self._middle: dict[tuple[Kin, str], float | None] = {}

    def of(self, points: Points, *, gone: Gone = "") -> Floats:
        """Month at which each point is asked for as a median over runs [months after EPOCH].

        Parameters
        ----------
        gone
            What is left out of the evidence, if anything is.
        """
        columns = _deployments(points)
        first, of_point = distinct(*columns)
        asked = [tuple(column[i] for column in columns) for i in first]
        for deployment in asked:
            if (deployment, gone) not in self._found:
                self._found[deployment, gone] = self._usual(deployment, gone)
        return np.array([self._found[deployment, gone] for deployment in asked], dtype=np.float64)[of_point]

    def _usual(self, deployment: Kin, gone: Gone) -> float:
        part, model, *_ = deployment
        for common, kin in enumerate(_kin(deployment)):
            middle = self._middle_of(kin, part if gone else "")
            if middle is not None:
                return middle if common < OWN else max(middle, self._earliest(part, model, gone))
        return MEDIAN_MONTH

    def _middle_of(self, kin: Kin, without: str) -> float | None:
        """Median month of those that have this in common, but for those of one part; None where there are none."""
        if (kin, without) not in self._middle:
            months = [month for name, month in self._by_kin.get(kin, ()) if name != without]
            self._middle[kin, without] = median_low(months) if months else None
        return self._middle[kin, without]

    def _earliest(self, part: str, model: str, gone: Gone) -> float:
        """Nothing ran on a part before the first that did."""
        known = {} if gone == "accelerator" else self._by_part.get(part, {})
        return min((month for name, month in known.items() if name != model), default=-np.inf)


def usual_months(points: Points, rows: Sequence[Measurement]) -> UsualMonths:
    """Where the medians among measurements lie in time."""
    medians = points.take(np.flatnonzero([m.family == "median" for m in rows]))
    columns = _deployments(medians)
    first, of_row = distinct(*columns)
    months: list[list[float]] = [[] for _ in first]
    for k, month in zip(of_row.tolist(), medians.month.tolist(), strict=True):
        months[k].append(month)
    by_kin: dict[Kin, list[tuple[str, float]]] = defaultdict(list)
    by_part: dict[str, dict[str, float]] = defaultdict(dict)
    for i, known in zip(first, months, strict=True):
        deployment = tuple(column[i] for column in columns)
        part, model, *_ = deployment
        for kin in _kin(deployment):
            by_kin[kin] += [(part, m) for m in known]
        by_part[part][model] = min(*known, by_part[part].get(model, np.inf))
    return UsualMonths(by_kin, by_part)


def _deployments(points: Points) -> list[Sequence[str]]:
    """What makes a deployment: part, model, precision, engine, speculation, disaggregation and split, a column each."""
    engines = [engine_base(engine) for engine in points.engine]
    columns = (points.spec, points.disagg, points.tp, points.ep, points.dp)
    return [
        [a.id for a in points.accelerators], points.model_names, points.precision, engines,
        *(list(map(str, column.tolist())) for column in columns),
    ]  # fmt: skip


def _kin(deployment: Kin) -> tuple[Kin, ...]:
    """What deployments may have in common with one, from all of it to nothing."""
    _, model, precision, engine, spec, disagg, *_ = deployment
    others = (model, precision, engine, spec, disagg), (model, engine, spec, disagg), (model,), ()
    return deployment, deployment[:6], *others


OWN = 2
"""How many of those are of the part itself."""


@record
class NewestDays:
    """Day of the newest independent runs by stack, and by aggregated stack on any part of a vendor."""

    by_stack: Mapping[str, date | None]
    """None where none is newer than the medians."""

    def of(self, part: Accelerator, model: str, precision: str, engine: str, spec: bool, disagg: bool) -> date | None:
        """The day whose software advice is for; None where no run is newer than the medians."""
        keys = (stack_key(name, model, precision, engine, spec, disagg) for name in (part.id, part.vendor))
        return next((self.by_stack[key] for key in keys if key in self.by_stack), None)


def newest_days(
    points: Points, rows: Sequence[Measurement], odd: Collection[str], usual: UsualMonths, by: date = date.max
) -> NewestDays:
    """The newest day of the independent runs of each stack, where it is newer than the middle of the medians.

    Parameters
    ----------
    points, rows
        The measurements, with the usual months of the medians among them.
    odd
        Names of groups that have a level of their own, see `groups.group_keys`.
    by
        Day of the judgement: nobody had software of later then.
    """
    out: dict[str, date | None] = {}
    chosen = [i for i, m in enumerate(rows) if m.family == "single_run" and m.date and m.date <= by]
    runs, dates = points.take(np.array(chosen, dtype=np.intp)), [rows[i].date for i in chosen]
    middles, days = usual.of(runs).tolist(), zip(*day_keys(runs), strict=True)
    columns = (runs.accelerators, runs.disagg.tolist(), stack_keys(runs), days, middles, dates)
    for part, disagg, stack, own, month, day in zip(*columns, strict=True):
        assert day is not None
        new = day > day_of(month) and not any(key in odd for key in own)
        for key in (stack,) if disagg else (stack, stack.replace(part.id, part.vendor, 1)):
            known = out.setdefault(key, None)
            if new:
                out[key] = max(day, known or day)
    return NewestDays(out)
