"""The days of the runs of a stack: the usual one and the newest.

TTFT is stated by dated runs alone, and moves faster with software than TPOT does. A question without a day is one for
the middle of the runs of its stack: the median of their days.

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

import numpy as np
from numpy.typing import NDArray

from advisor.domain.evidence import Measurement
from advisor.domain.hardware import Accelerator
from advisor.domain.record import record
from advisor.engine.estimator.encode import MEDIAN_MONTH, Floats, Points, day_of, stack_key, stack_keys

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
    return TypicalMonths({key: float(np.median(values)) for key, values in months.items()})


@record
class NewestDays:
    """Day of the newest independent runs by stack, and by aggregated stack on any part of a vendor."""

    by_stack: Mapping[str, date | None]
    """None where none is newer than the medians."""

    def of(self, part: Accelerator, model: str, precision: str, engine: str, spec: bool, disagg: bool) -> date | None:
        """The day whose software advice is for; None where no run is newer than the medians."""
        keys = (stack_key(name, model, precision, engine, spec, disagg) for name in (part.id, part.vendor))
        return next((self.by_stack[key] for key in keys if key in self.by_stack), None)


def newest_days(points: Points, rows: Sequence[Measurement], odd: Collection[str]) -> NewestDays:
    """The newest day of the independent runs of each stack, where it is newer than the middle of the medians.

    Parameters
    ----------
    points, rows
        The measurements.
    odd
        Names of groups that have a level of their own, see `levels.group_keys`.
    """
    middle = day_of(MEDIAN_MONTH)
    out: dict[str, date | None] = {}
    for part, stack, m in zip(points.accelerators, stack_keys(points), rows, strict=True):
        if m.family != "single_run" or not m.date:
            continue
        new = m.date > middle and f"{stack}|@{m.date}|" not in odd
        for key in (stack,) if m.disagg else (stack, stack.replace(part.id, part.vendor, 1)):
            known = out.setdefault(key, None)
            if new:
                out[key] = max(m.date, known or m.date)
    return NewestDays(out)
