"""What a way of paying may come to, over a few weighted cases of throughput, demand and prices.

Candidates are ranked by their mean over draws and a share of the tail. A way that is cheap at typical inputs and dear
where they turn out otherwise, as owned nodes are that fall short by one, must not be chosen for the former: ways are
ordered by what they are ranked on. The cases are fixed, so that the choice hangs on no seed and no number of draws.
Means are taken over a few weighted cases; the tail, where the appetite looks at it, over many that spread evenly.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import field
from functools import lru_cache

import numpy as np

from advisor.domain.cost import PriceBasis
from advisor.domain.profile import Profile
from advisor.domain.provenance import Quantity
from advisor.domain.record import record
from advisor.engine.cost.levels import Levels
from advisor.engine.cost.model import CostModel, Way
from advisor.engine.sized import Z80, FloatArray

SPREAD = 1024
"""Evenly spread cases behind the percentiles: the few of `NODES` hold a sixth of the weight in one price."""
GOLDEN = 1.2207440846057596
"""Root of ``x^4 = x + 1``; the fractions of multiples of its powers fill a cube evenly (Roberts, 2018)."""
MOST_FACTORS = 256
"""Intervals of prices whose factors are kept."""
NODES = {"throughput": 9, "demand": 5, "price": 3}
"""Nodes of Gauss and Hermite for each input (Abramowitz and Stegun, 1964, 25.4.46): means over normal inputs come out
right for what is smooth in them, and nearly for whole nodes of GPUs."""


@record
class Cases:
    """Cases of the uncertain inputs, one entry each."""

    z: FloatArray
    demand: FloatArray
    """Factor on demand."""
    price: FloatArray
    """Standard normal, of every unit price."""
    _factors: dict[tuple[float, float, float], FloatArray] = field(default_factory=dict, repr=False, compare=False)
    """Factors on unit prices by their interval: one price is asked for at every turn of a search."""

    def levels(self, way: Way, levels: Levels) -> Levels:
        """The inputs of one way of paying in each case, all else as in `levels`."""
        peak = 1.0 if way.peak_price is None else self._factor(way.peak_price)
        return levels.with_(z=self.z, demand=self.demand, price=self._factor(way.price), peak_price=peak)

    def _factor(self, basis: PriceBasis) -> FloatArray:
        interval = basis.low, basis.typical, basis.high
        found = self._factors.get(interval)
        if found is None:
            if len(self._factors) >= MOST_FACTORS:
                self._factors.clear()
            found = self._factors[interval] = price_factor(basis, self.price)
            found.flags.writeable = False
        return found


@record
class Prospect:
    """The cases, and the share of the tail that the appetite adds."""

    cases: Cases
    """The few behind the mean; where the tail counts, then those of equal weight behind the percentiles, too: in one
    go, which costs as much as either."""
    weight: FloatArray
    """Of each of the few."""
    tail: float

    @classmethod
    def of(cls, profile: Profile, defaults: Mapping[str, Quantity]) -> Prospect:
        """For a profile's appetite."""
        tail = tail_weight(profile, defaults)
        return cls(_cases(defaults["demand_factor"].band, bool(tail)), _weighted()[1], tail)

    def usd_per_month(self, model: CostModel, way: Way, levels: Levels) -> float:
        """Mean cost over the cases with the tail's share [USD/month]."""
        return self.weighed(lambda cases: np.asarray(model.usd_per_month(way, cases.levels(way, levels)), dtype=float))

    def weighed(self, usd: Callable[[Cases], FloatArray]) -> float:
        """Mean with the tail's share [USD/month] of what each case costs."""
        each = usd(self.cases)
        if each.shape != self.cases.z.shape:
            each = np.broadcast_to(each, self.cases.z.shape)
        return float(self.outlook(each))

    def outlook(self, usd: FloatArray) -> FloatArray:
        """Mean with the tail's share of costs that lie in the last axis, one of each case."""
        mean = usd[..., : self.weight.size] @ self.weight
        if self.tail == 0.0:
            return np.asarray(mean)
        middle, high = SPREAD // 2, SPREAD * 9 // 10
        ordered = np.partition(usd[..., self.weight.size :], (middle, high), axis=-1)
        return np.asarray(mean + self.tail * (ordered[..., high] - ordered[..., middle]))


@lru_cache(maxsize=8)
def _cases(demand_band: tuple[float, float, float], with_tail: bool) -> Cases:
    """The cases: the same for every profile, but for whether the tail counts, under one catalog's band of demand."""
    (z, demand, price), _ = _weighted()
    if with_tail:
        z, demand, price = map(np.append, (z, demand, price), _even())
    factor = log_pieces(demand, *demand_band)
    for values in (z, factor, price):
        values.flags.writeable = False
    return Cases(z, factor, price)


def tail_weight(profile: Profile, defaults: Mapping[str, Quantity]) -> float:
    """Share of (p90 - p50) that the profile's appetite adds to the mean."""
    return defaults[f"tail_weight_{profile.risk_appetite}"].value


@lru_cache(maxsize=1)
def _weighted() -> tuple[tuple[FloatArray, FloatArray, FloatArray], FloatArray]:
    """(standard normal throughput, demand and price of each case), and its weight."""
    rules = [np.polynomial.hermite_e.hermegauss(n) for n in NODES.values()]
    nodes = np.meshgrid(*(nodes for nodes, _ in rules), indexing="ij")
    weights = np.meshgrid(*(weights / weights.sum() for _, weights in rules), indexing="ij")
    throughput, demand, price = (axis.ravel() for axis in nodes)
    return (throughput, demand, price), np.prod(weights, axis=0).ravel()


@lru_cache(maxsize=1)
def _even() -> tuple[FloatArray, FloatArray, FloatArray]:
    """Standard normal throughput, demand and price of cases of equal weight."""
    from statistics import NormalDist

    quantile = NormalDist().inv_cdf
    places = ((np.arange(1, SPREAD + 1) / GOLDEN**power + 0.5) % 1.0 for power in (1, 2, 3))
    throughput, demand, price = (np.array([quantile(float(p)) for p in place]) for place in places)
    return throughput, demand, price


def price_factor(basis: PriceBasis, z: FloatArray) -> FloatArray:
    """Factor on a unit price; 1 where its interval is a point."""
    return log_pieces(z, basis.low, basis.typical, basis.high)


def log_pieces(z: FloatArray, low: float, typical: float, high: float) -> FloatArray:
    """Log-normal factor around 1 whose 10th and 90th percentiles are ``low/typical`` and ``high/typical``."""
    if typical <= 0 or low <= 0:
        return np.ones_like(z)
    down, up = math.log(typical / low) / Z80, math.log(high / typical) / Z80
    return np.asarray(np.exp(np.where(z < 0, down, up) * z))
