"""Fleets of one candidate by month and by year, as the moving inputs have it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from advisor.engine.cost.levels import Levels
from advisor.engine.cost.timing import growth_by_tier, monthly_growth
from advisor.engine.sized import FloatArray, SizedCandidate

MOST_KEPT = 20_000
"""Levels up to which fleets are looked up: those at typical inputs, over the cases of a prospect, and of draws, which
trial prices ask for again. To hash them takes a tenth of the time of sizing them."""
KEPT_BYTES = 2**20
"""Most that a fleet may take that is kept: not one by month over as many draws."""


class Fleets:
    """GPUs in whole nodes over all tiers; what was sized before is looked up, and is not to be written to.

    Ways of paying, break-evens and the tornado ask for the fleet at the same inputs again and again.
    """

    def __init__(self, sized: SizedCandidate) -> None:
        self._sized = sized
        self.growths = tuple(w.traffic.growth_per_year for w in sized.workloads)
        self.steady = not any(self.growths)

    def by_month(self, levels: Levels, months: int) -> FloatArray:
        """What each month's peak takes; capacity follows demand month by month. One month where demand is steady."""
        months = 1 if self.steady else months
        growths = [monthly_growth(growth, months) for growth in self.growths]
        return self._kept(levels, (months,), lambda: self._at(levels, growths))

    def by_year(self, levels: Levels, years: int, months: int, *, shrinks: bool) -> FloatArray:
        """What is held in each year; capacity is added once a year, and given back only where it may shrink.

        Parameters
        ----------
        months
            Horizon [months]: nobody looks further ahead.
        """
        return self._kept(levels, (years, months, shrinks), lambda: self._held(levels, years, months, shrinks))

    def _held(self, levels: Levels, years: int, months: int, shrinks: bool) -> FloatArray:
        if self.steady:
            return np.repeat(self.by_month(levels, 1), years, axis=-1)
        if not shrinks:
            return np.maximum.accumulate(self.by_year(levels, years, months, shrinks=True), axis=-1)
        return self._at(levels, growth_by_tier(self.growths, years, months, self._sized.lookahead_months))

    def _at(self, levels: Levels, factors: list[FloatArray]) -> FloatArray:
        """By month or year; `factors` are those of demand over today's, for each tier."""
        return self._sized.gpus(levels.column("z"), levels.column("throughput"), levels.column("demand"), factors)

    def _kept(self, levels: Levels, wanted: tuple[int, ...], size: Callable[[], FloatArray]) -> FloatArray:
        inputs, memo = (levels.z, levels.throughput, levels.demand), self._sized.memo
        if any(isinstance(value, np.ndarray) and value.size > MOST_KEPT for value in inputs):
            return size()
        fixed = ((value.shape, value.tobytes()) if isinstance(value, np.ndarray) else value for value in inputs)
        key = ("fleet", *wanted, *fixed)
        found: FloatArray | None = memo.get(key)
        if found is None:
            found = size()
            found.flags.writeable = False
            if found.nbytes <= KEPT_BYTES:
                memo[key] = found
        return found
