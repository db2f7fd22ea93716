"""The usual day of the runs of a stack: where a question that names no day is put among dated runs.

TTFT is stated by dated runs alone, and moves faster with software than TPOT does. A question without a day is one for
the middle of the runs of its stack: the median of their days.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from advisor.domain.evidence import Measurement
from advisor.domain.record import record
from advisor.engine.estimator.encode import MEDIAN_MONTH, Floats, Points, stack_keys

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
