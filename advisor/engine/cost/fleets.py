"""Fleets of one candidate by month and by year, as the moving inputs have it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from advisor.domain.record import record
from advisor.engine.cost.levels import Level, Levels
from advisor.engine.cost.timing import MONTHS_PER_YEAR, growth_by_tier, monthly_growth
from advisor.engine.sized import FloatArray, SizedCandidate, once

SEVERAL = 200
"""Cases from which on it pays to look for those of equal fleets."""
SPARSE = 8
"""Numbers of nodes, over cases, up to which the fleets are looked up in a table."""


@record
class Sizes:
    """The fleets of several cases, by the distinct ones among them.

    Draws by the thousand share a few dozen fleets: what follows from a fleet alone is reckoned once for each.
    """

    rows: FloatArray
    """Distinct fleets x years or months; fleets of all cases where they are not told apart."""
    place: NDArray[np.intp] | None = None
    """Which of them each case has; None where they are not told apart."""

    @property
    def nbytes(self) -> int:
        """Size [bytes]."""
        return self.rows.nbytes + (0 if self.place is None else self.place.nbytes)

    def each(self, values: FloatArray) -> FloatArray:
        """For each case what is given for each of `rows`, in the last axis."""
        return values if self.place is None else values.take(self.place, axis=-1)


def distinct_sizes(fleet: FloatArray, per_node: int) -> Sizes:
    """Tell fleets apart by their sums, of which a larger one belongs to a fleet that is never smaller.

    Parameters
    ----------
    fleet
        Cases x years or months, in whole nodes, rising with one number in all of them: what a case asks of a replica.
    """
    total = (fleet @ np.ones(fleet.shape[1])) / per_node
    least, most = total.min(), total.max()
    if most - least > SPARSE * len(fleet):
        return Sizes(fleet)
    key = (total - least).astype(np.intp)
    case = np.full(int(most - least) + 1, -1)
    case[key] = np.arange(len(fleet))
    found = np.flatnonzero(case >= 0)
    rows, number = fleet[case[found]], np.empty(len(case), np.intp)
    number[found] = np.arange(len(found))
    rows.flags.writeable = False
    return Sizes(rows, number[key])


class Fleets:
    """GPUs in whole nodes over all tiers; what was sized before is looked up, and is not to be written to."""

    def __init__(self, sized: SizedCandidate) -> None:
        self._sized = sized
        self.growths = tuple(w.traffic.growth_per_year for w in sized.workloads)
        self.steady = not any(self.growths)

    def by_month(self, levels: Levels, months: int) -> FloatArray:
        """What each month's peak takes; capacity follows demand month by month. One month where demand is steady."""
        months = 1 if self.steady else months
        growths = [monthly_growth(growth, months) for growth in self.growths]
        return once(self._sized.memo, ("fleet", months), sized_by(levels), lambda: self._at(levels, growths))

    def by_year(self, levels: Levels, years: int, months: int, *, shrinks: bool) -> FloatArray:
        """What is held in each year; capacity is added once a year, and given back only where it may shrink.

        All years of a horizon are sized at once, since one or the other is asked for again.

        Parameters
        ----------
        months
            Horizon [months]: nobody looks further ahead.
        """
        name = "fleet", months, shrinks or self.steady
        held = once(self._sized.memo, name, sized_by(levels), lambda: self._held(levels, months, shrinks))
        return held if years == held.shape[-1] else held[..., :years]

    def sizes_by_month(self, levels: Levels, months: int) -> Sizes:
        """`by_month`, the cases of equal fleets told apart."""
        return self._sizes(("sizes", months), levels, lambda: self.by_month(levels, months))

    def sizes_by_year(self, levels: Levels, years: int, months: int, *, shrinks: bool) -> Sizes:
        """`by_year`, the cases of equal fleets told apart."""
        name = "sizes", years, months, shrinks or self.steady
        return self._sizes(name, levels, lambda: self.by_year(levels, years, months, shrinks=shrinks))

    def _sizes(self, name: tuple[object, ...], levels: Levels, fleets: Callable[[], FloatArray]) -> Sizes:
        if np.size(levels.z) < SEVERAL or len(self._sized.demands) > 1:  # of which each follows its own number
            return Sizes(fleets())
        per_node = self._sized.accelerator.gpus_per_node
        return once(self._sized.memo, name, sized_by(levels), lambda: distinct_sizes(fleets(), per_node))

    def _held(self, levels: Levels, months: int, shrinks: bool) -> FloatArray:
        years = -(-months // MONTHS_PER_YEAR)
        if self.steady:
            return np.repeat(self.by_month(levels, 1), years, axis=-1)
        if not shrinks:
            held = np.array(self.by_year(levels, years, months, shrinks=True))
            for year in range(1, years):  # numpy is slow along an axis so short
                np.maximum(held[..., year], held[..., year - 1], out=held[..., year])
            return held
        return self._at(levels, growth_by_tier(self.growths, years, months, self._sized.lookahead_months))

    def _at(self, levels: Levels, factors: list[FloatArray]) -> FloatArray:
        """By month or year; `factors` are those of demand over today's, for each tier."""
        return self._sized.gpus(levels.z, levels.column("throughput"), levels.column("demand"), factors)


def sized_by(levels: Levels) -> tuple[Level, ...]:
    """The levels on which a fleet depends."""
    return levels.z, levels.throughput, levels.demand
