"""Months, discounting and the shape of demand over a day."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import ArrayLike

from advisor.domain.profile import Traffic
from advisor.engine.sized import FloatArray, SizedCandidate

MONTHS_PER_YEAR = 12
TERM_MONTHS = {"reserved_1y": 12, "reserved_3y": 36}
"""Months of one term of a commitment; whole years."""


@dataclass(frozen=True)
class Calendar:
    """The horizon in months, with the weight of each; bills fall at the beginning of their month."""

    months: int
    rate: float
    """Cost of capital per year."""

    @cached_property
    def discount(self) -> FloatArray:
        """Present value of a dollar paid in each month, ``(1 + r)^(-m/12)``."""
        return _powers(1.0 + self.rate, -np.arange(self.months) / MONTHS_PER_YEAR)

    @cached_property
    def annuity(self) -> float:
        """Present value of a dollar a month over the horizon [months]."""
        return float(self.discount.sum())

    @cached_property
    def years(self) -> int:
        """Years begun."""
        return -(-self.months // MONTHS_PER_YEAR)

    @cached_property
    def year_weights(self) -> FloatArray:
        """Sum of the months' discount factors by year."""
        weights = self.discount
        return np.array([weights[12 * y : 12 * (y + 1)].sum() for y in range(self.years)])

    def present(self, start: int, end: int) -> float:
        """Present value of a dollar paid in each month from `start` until before `end`, also after the horizon."""
        return _present(self.rate, start, end)

    @cached_property
    def year_starts(self) -> FloatArray:
        """Discount factor at the beginning of each year."""
        return _powers(1.0 + self.rate, -np.arange(self.years, dtype=float))


@lru_cache(maxsize=256)
def calendar_of(months: int, rate: float) -> Calendar:
    """The calendar of a horizon; candidates share it, and break-evens go through the same ones again and again."""
    return Calendar(months, rate)


@lru_cache(maxsize=256)
def _present(rate: float, start: int, end: int) -> float:
    return float(_powers(1.0 + rate, -np.arange(start, end) / MONTHS_PER_YEAR).sum())


@lru_cache(maxsize=256)
def monthly_growth(traffic_growth: float, months: int) -> FloatArray:
    """Demand in each month over demand today; read-only, as it is asked for with every cost."""
    return _fixed(_powers(1.0 + traffic_growth, np.arange(months) / MONTHS_PER_YEAR))


@lru_cache(maxsize=256)
def yearly_capacity_growth(
    traffic_growth: float, years: int, lookahead_months: float = 12.0, months: float = math.inf
) -> FloatArray:
    """Demand that capacity bought or reserved at the beginning of each year must carry.

    Capacity is added once a year, so it is sized for the demand `lookahead_months` ahead, in a last year that the
    horizon of `months` cuts for that at its end; where demand falls, for the demand at the beginning of the year.
    Read-only, as it is asked for with every cost.
    """
    begun = np.arange(years, dtype=float)
    ahead = np.clip(months - MONTHS_PER_YEAR * begun, 0.0, lookahead_months)
    start = _powers(1.0 + traffic_growth, begun)
    return _fixed(start * np.maximum(1.0, _powers(1.0 + traffic_growth, ahead / MONTHS_PER_YEAR)))


def growth_by_tier(growths: Iterable[float], years: int, months: int, lookahead_months: float) -> list[FloatArray]:
    """`yearly_capacity_growth` of each tier, looking no further ahead than the end of a horizon [months]."""
    return [yearly_capacity_growth(growth, years, lookahead_months, float(months)) for growth in growths]


def largest_fleet(sized: SizedCandidate, months: int) -> int:
    """GPUs that a purchase comes to within a horizon as demand grows, at typical inputs."""
    growths = (w.traffic.growth_per_year for w in sized.workloads)
    factors = growth_by_tier(growths, -(-months // MONTHS_PER_YEAR), months, sized.lookahead_months)
    return int(sized.gpus(0.0, 1.0, 1.0, factors).max())


def in_use_share(traffic: Traffic) -> float:
    """Share of the month with traffic, ``hours/24 x days/7``."""
    return traffic.hours_per_day / 24.0 * traffic.days_per_week / 7.0


def share_above(base: ArrayLike, average: ArrayLike) -> FloatArray:
    """Mean demand above a base, both as shares of peak demand, while there is traffic.

    Demand is taken to fall evenly from peak to trough (a straight load-duration curve) with the stated
    average ``a``: from 1 to ``2a - 1`` where a >= 0.5, from 1 to 0 within ``2a`` of the time otherwise.

    >>> [round(float(share_above(b, 0.6)), 3) for b in (0.0, 0.2, 0.6, 1.0)]
    [0.6, 0.4, 0.1, 0.0]
    """
    b = np.minimum(np.maximum(np.asarray(base, dtype=float), 0.0), 1.0)
    idle = (1 - b) ** 2
    if not np.ndim(average):  # one average for all draws, which is the rule
        one = min(max(float(average), 1e-9), 1.0)  # type: ignore[arg-type]
        if one < 0.5:
            return np.asarray(one * idle)
        high = one - b if one >= 1.0 else np.where(b <= 2 * one - 1, one - b, idle / (4 * max(1 - one, 1e-12)))
        return np.asarray(np.maximum(high, 0.0))
    a = np.minimum(np.maximum(np.asarray(average, dtype=float), 1e-9), 1.0)
    flat = a - b
    high = np.where(b <= 2 * a - 1, flat, idle / (4 * np.maximum(1 - a, 1e-12)))
    above = np.where(a >= 0.5, np.where(a >= 1.0, flat, high), a * idle)
    return np.asarray(np.maximum(above, 0.0))


def _fixed(values: FloatArray) -> FloatArray:
    values.flags.writeable = False
    return values


def _powers(base: float, exponents: FloatArray) -> FloatArray:
    return np.asarray(np.power(base, exponents), dtype=np.float64)
