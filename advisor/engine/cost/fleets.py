"""Fleets of one candidate by month and by year, as the moving inputs have it."""

from __future__ import annotations

import numpy as np

from advisor.engine.cost.levels import Level, Levels
from advisor.engine.cost.timing import MONTHS_PER_YEAR, growth_by_tier, monthly_growth
from advisor.engine.sized import FloatArray, SizedCandidate, once


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
        return self._sized.gpus(levels.column("z"), levels.column("throughput"), levels.column("demand"), factors)


def sized_by(levels: Levels) -> tuple[Level, ...]:
    """The levels on which a fleet depends."""
    return levels.z, levels.throughput, levels.demand
