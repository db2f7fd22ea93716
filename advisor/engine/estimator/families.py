"""What other evidence families say of an operating point; shown beside the estimate, never mixed into its ratio."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from advisor.domain.estimate import OperatingQuery, OtherFamily
from advisor.domain.evidence import Measurement
from advisor.engine.estimator.calibration import tpot_of
from advisor.engine.estimator.encode import Floats

SEPARATE = ("vendor_ci",)
NAMED = {"vendor_ci": "vendor CI"}
REACH = 1.5
"""A point within this factor of the concurrency speaks for it; the rate is carried in proportion to concurrency^0."""


class OtherFamilies:
    """Rows of families that inform but do not rank, by what they share with a query."""

    def __init__(self, rows: Sequence[Measurement]) -> None:
        self._by: dict[tuple[object, ...], list[Measurement]] = defaultdict(list)
        for m in rows:
            if m.family in SEPARATE:
                self._by[m.accelerator, m.model, m.precision, float(m.isl), float(m.osl), m.spec_method].append(m)

    def along(
        self, q: OperatingQuery, model_name: str, loads: Sequence[int]
    ) -> list[tuple[OtherFamily, ...]]:
        """The nearest point of each other family on the same parallelism, if one is near, at each load of a curve."""
        key = (q.accelerator, model_name, q.precision, float(q.isl), float(q.osl), q.spec_method or "none")
        same = [m for m in self._by.get(key, ()) if m.tp == q.tp and not q.disagg]
        return [_nearest(same, load) for load in loads] if same else [()] * len(loads)


def _nearest(rows: Sequence[Measurement], load: int) -> tuple[OtherFamily, ...]:
    near = [m for m in rows if max(m.concurrency, load) <= REACH * min(m.concurrency, load)]
    if not near:
        return ()
    best = min(near, key=lambda m: (abs(m.concurrency - load), -_ordinal(m), m.row_id))
    return (
        OtherFamily(
            family=NAMED[best.family],
            total_tps_per_gpu=best.total_tps_per_gpu or 0.0,
            tpot_s=tpot_of(best),
            as_of=best.date.isoformat() if best.date else "",
            row_ids=(best.row_id,),
        ),
    )


def _ordinal(m: Measurement) -> int:
    return m.date.toordinal() if m.date else 0


def cover(interval: Floats, value: float | None) -> None:
    """Widen (low, median, high) to hold what another family says."""
    if value:
        interval[0], interval[2] = min(interval[0], value), max(interval[2], value)
