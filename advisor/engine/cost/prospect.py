"""What a way of paying may come to, over a few weighted cases of throughput, demand and prices.

Candidates are ranked by their mean over draws and a share of the tail. A way that is cheap at typical inputs and dear
where they turn out otherwise, as owned nodes are that fall short by one, must not be chosen for the former: ways are
ordered by what they are ranked on. The cases are fixed, so that the choice hangs on no seed and no number of draws.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from advisor.domain.cost import PriceBasis
from advisor.domain.profile import Profile
from advisor.domain.provenance import Quantity
from advisor.domain.record import record
from advisor.engine.cost.levels import Levels
from advisor.engine.cost.model import CostModel, Way
from advisor.engine.sized import Z80, FloatArray

NODES = {"throughput": 9, "demand": 5, "price": 3}
"""Nodes of Gauss and Hermite for each input (Abramowitz and Stegun, 1964, 25.4.46): means over normal inputs come out
right for what is smooth in them, and nearly for whole nodes of GPUs."""


@record
class Prospect:
    """Cases of the uncertain inputs with their weights, and the share of the tail that the appetite adds."""

    z: FloatArray
    demand: FloatArray
    price: FloatArray
    """Standard normal, of every unit price."""
    weight: FloatArray
    tail: float

    @classmethod
    def of(cls, profile: Profile, defaults: Mapping[str, Quantity]) -> Prospect:
        """For a profile's appetite."""
        z, demand, price, weight = _cases()
        factor = log_pieces(demand, *defaults["demand_factor"].band)
        return cls(z, factor, price, weight, tail_weight(profile, defaults))

    def usd_per_month(self, model: CostModel, way: Way, levels: Levels) -> float:
        """Mean cost over the cases with the tail's share [USD/month]."""
        return self.weighed(np.asarray(model.usd_per_month(way, self.levels(way, levels)), dtype=float))

    def levels(self, way: Way, levels: Levels) -> Levels:
        """The cases of one way of paying."""
        peak = 1.0 if way.peak_price is None else price_factor(way.peak_price, self.price)
        return levels.with_(z=self.z, demand=self.demand, price=price_factor(way.price, self.price), peak_price=peak)

    def weighed(self, usd: FloatArray) -> float:
        """Mean over the cases with the tail's share [USD/month], of a cost in each."""
        usd = np.broadcast_to(usd, self.weight.shape)
        mean = float(self.weight @ usd)
        if self.tail == 0.0:
            return mean
        order = np.argsort(usd)
        reached = np.cumsum(self.weight[order])
        middle, high = (float(usd[order][np.searchsorted(reached, share - 1e-9)]) for share in (0.5, 0.9))
        return mean + self.tail * (high - middle)


def tail_weight(profile: Profile, defaults: Mapping[str, Quantity]) -> float:
    """Share of (p90 - p50) that the profile's appetite adds to the mean."""
    return defaults[f"tail_weight_{profile.risk_appetite}"].value


@lru_cache(maxsize=1)
def _cases() -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Standard normal throughput, demand and price of each case, and its weight."""
    rules = [np.polynomial.hermite_e.hermegauss(n) for n in NODES.values()]
    nodes = np.meshgrid(*(nodes for nodes, _ in rules), indexing="ij")
    weights = np.meshgrid(*(weights / weights.sum() for _, weights in rules), indexing="ij")
    throughput, demand, price = (axis.ravel() for axis in nodes)
    return throughput, demand, price, np.prod(weights, axis=0).ravel()


def price_factor(basis: PriceBasis, z: FloatArray) -> FloatArray:
    """Factor on a unit price; 1 where its interval is a point."""
    return log_pieces(z, basis.low, basis.typical, basis.high)


def log_pieces(z: FloatArray, low: float, typical: float, high: float) -> FloatArray:
    """Log-normal factor around 1 whose 10th and 90th percentiles are ``low/typical`` and ``high/typical``."""
    if typical <= 0 or low <= 0:
        return np.ones_like(z)
    down, up = math.log(typical / low) / Z80, math.log(high / typical) / Z80
    return np.asarray(np.exp(np.where(z < 0, down, up) * z))
