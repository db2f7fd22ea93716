"""Many estimates at once: their figures in one table, and each whole estimate only where it is asked for.

Choosing a deployment weighs several hundred operating points by a handful of figures, and shows a dozen of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Generic, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from advisor.domain.estimate import FirstToken, OperatingEstimate, OperatingQuery
from advisor.domain.record import replace

Floats = NDArray[np.float64]
T = TypeVar("T", OperatingEstimate, FirstToken)

PERCENTILES = ("p90", "p95", "p99")
TTFT, TPOT, OUTPUT = 0, 4, 8
"""Where the figures of each metric start: a median and PERCENTILES over requests [s] of TTFT and of TPOT; low end,
median and high end of output tokens/s per GPU. A table of first tokens ends before TPOT."""
LOW, MID, HIGH = OUTPUT, OUTPUT + 1, OUTPUT + 2
PREFILL = HIGH + 1
"""Part of a step that goes into the prompts of other requests, by physics."""
WIDTH = PREFILL + 1
_CURVE = attrgetter(*(f.name for f in fields(OperatingQuery) if f.name != "concurrency"))
"""All of a query but its load."""


class Batch(Sequence[T], Generic[T]):
    """Estimates in the order of their queries.

    Parameters
    ----------
    table
        Their figures, estimates x WIDTH (TPOT and beyond are absent for first tokens); NaN where none can be made.
    errors
        Why none can be made, or empty, for each.
    make
        The whole estimate at a place.
    expect
        Hears at which places whole estimates will be asked for; what they share is then worked out for those alone.
    """

    __slots__ = ("_made", "_make", "errors", "expect", "table")

    def __init__(
        self,
        table: Floats,
        errors: Sequence[str],
        make: Callable[[int], T],
        expect: Callable[[Sequence[int]], None] = lambda _: None,
    ) -> None:
        self.table, self.errors = table, errors
        self.expect: Callable[[Sequence[int]], None] = expect
        self._make: Callable[[int], T] = make
        self._made: dict[int, T] = {}

    def __len__(self) -> int:
        return len(self.errors)

    @overload
    def __getitem__(self, place: int) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> list[T]: ...
    def __getitem__(self, place: int | slice) -> T | list[T]:
        if isinstance(place, slice):
            return [self[i] for i in range(*place.indices(len(self)))]
        at = range(len(self))[place]
        found = self._made.get(at)
        if found is None:
            found = self._made[at] = self._make(at)
        return found

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, Sequence) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def at_percentile(self, metric: int, percentile: int) -> Floats:
        """TTFT or TPOT of each at a percentile over requests [s]; `metric` is TTFT or TPOT."""
        p50 = self.table[:, metric]
        if percentile == 50:
            return p50
        out: Floats = np.fmax(p50, self.table[:, metric + 1 + PERCENTILES.index(f"p{percentile}")])
        return out


class Ladders(Sequence[OperatingQuery]):
    """Queries of which many differ in nothing but their load, curve by curve.

    Several hundred points lie on some eighty curves: what follows from all but the load is worked out once a curve.

    Parameters
    ----------
    curves
        One query of each curve; its own load means nothing.
    loads
        Requests in flight that are asked for on each, in order; none may be empty.
    """

    __slots__ = ("curves", "loads", "of_point")

    def __init__(self, curves: Sequence[OperatingQuery], loads: Sequence[Sequence[int]]) -> None:
        self.curves, self.loads = curves, loads
        self.of_point = np.repeat(np.arange(len(curves)), np.array([len(some) for some in loads], np.intp))
        """The curve of each point."""

    @classmethod
    def of(cls, queries: Sequence[OperatingQuery]) -> Ladders:
        """Any queries; those of one curve that follow each other are put together."""
        if isinstance(queries, Ladders):
            return queries
        curves: list[OperatingQuery] = []
        loads: list[list[int]] = []
        known: tuple[object, ...] | None = None
        for q in queries:
            curve = _CURVE(q)
            if curve != known:
                curves.append(q)
                loads.append([])
                known = curve
            loads[-1].append(q.concurrency)
        return cls(curves, loads)

    def with_curves(self, change: Callable[[OperatingQuery], OperatingQuery]) -> Ladders:
        """The same loads on other curves."""
        return Ladders([change(q) for q in self.curves], self.loads)

    def __len__(self) -> int:
        return len(self.of_point)

    def __iter__(self) -> Iterator[OperatingQuery]:
        for q, loads in zip(self.curves, self.loads, strict=True):
            for load in loads:
                yield replace(q, concurrency=load)

    @overload
    def __getitem__(self, place: int) -> OperatingQuery: ...
    @overload
    def __getitem__(self, place: slice) -> list[OperatingQuery]: ...
    def __getitem__(self, place: int | slice) -> OperatingQuery | list[OperatingQuery]:
        if isinstance(place, slice):
            return list(self)[place]
        at = range(len(self))[place]
        k = int(self.of_point[at])
        first = int(np.searchsorted(self.of_point, k))
        return replace(self.curves[k], concurrency=self.loads[k][at - first])


EstimateMany = Callable[[Sequence[OperatingQuery]], Batch[OperatingEstimate]]
FirstTokenMany = Callable[[Sequence[OperatingQuery]], Batch[FirstToken]]
