"""The grade and basis that the estimator would have given a left-out measurement."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from advisor.domain.evidence import Measurement
from advisor.engine.estimator.neighbours import REPEATED, curve_key, interval_class, step_on_curve

STEPS = ("B measured", "B interpolated", "B extrapolated", "B modelled", "C modelled", "D physics")
"""Grade and basis, the most doubtful last; A (own probes) takes widths of B, see `interval_class`."""
CLASSES = tuple(
    interval_class(step, disagg, dated) for dated in (False, True) for disagg in (False, True) for step in STEPS
)
"""Disaggregated serving is predicted worse on the same grade and basis, and a question without a day is one for runs of
any day, so that each has widths of its own."""


def steps_when_left_out(rows: Sequence[Measurement], group: NDArray[np.intp]) -> list[str]:
    """Grade and basis of each row when its group is left out; empty for rows that stay.

    Parameters
    ----------
    group
        Group number of each row, -1 for rows that stay.
    """
    curve: dict[tuple[object, ...], list[int]] = defaultdict(list)
    model: dict[tuple[object, ...], Counter[int]] = defaultdict(Counter)
    accelerator: dict[str, Counter[int]] = defaultdict(Counter)
    for i, m in enumerate(rows):
        if m.family == "vendor_ci":
            continue
        curve[curve_key(m, m.model)].append(i)
        model[m.accelerator, m.model, m.precision][int(group[i])] += 1
        accelerator[m.accelerator][int(group[i])] += 1
    out = []
    for i, m in enumerate(rows):
        if group[i] < 0 or m.family == "vendor_ci":
            out.append("")
            continue
        number = int(group[i])
        stays = [rows[j] for j in curve[curve_key(m, m.model)] if group[j] != number]
        if stays:
            repeated = {other.concurrency for other in stays if other.family in REPEATED}
            out.append(step_on_curve(m.concurrency, [other.concurrency for other in stays], repeated))
            continue
        kin = model[m.accelerator, m.model, m.precision]
        others = accelerator[m.accelerator]
        if kin.total() > kin[number]:
            out.append("B modelled")
        else:
            out.append("C modelled" if others.total() > others[number] else "D physics")
    return out
