"""The uncertain inputs: one seeded stream for what all candidates share, one per accelerator for its own.

A stream is keyed by the accelerator's id, not by its place in a list, so that adding or removing a candidate
leaves the draws of the others as they are.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from advisor.domain.provenance import Quantity
from advisor.domain.record import record
from advisor.engine.cost.levels import Levels
from advisor.engine.cost.pricing import Pricing
from advisor.engine.cost.prospect import log_pieces, price_factor
from advisor.engine.sized import Z80, FloatArray

MOST_KEPT = 20_000
"""Draws up to which streams are kept; 16 of them take some MB."""
RESIDUAL_LIMIT = 2.0
"""Residual values are not drawn further out than twice the distance to their low or high end."""


@record
class Shared:
    """Standard normal draws that every candidate sees."""

    throughput: FloatArray
    market: FloatArray
    demand: FloatArray
    stack: FloatArray
    power: FloatArray
    residual: FloatArray
    discount: FloatArray

    @property
    def n(self) -> int:
        """Number of draws."""
        return len(self.demand)


def shared_draws(seed: int, draws: int) -> Shared:
    """Common random numbers."""
    return Shared(*_normal(seed, 0, 7, draws))


def own_draws(seed: int, accelerator: str, draws: int) -> FloatArray:
    """(throughput, price) draws of one accelerator, two rows."""
    return _normal(seed, zlib.crc32(accelerator.encode()), 2, draws)


def _normal(seed: int, key: int, rows: int, draws: int) -> FloatArray:
    """Standard normal draws of one stream, read-only: profile after profile sees the same ones."""
    return _kept(seed, key, rows, draws) if draws <= MOST_KEPT else _drawn(seed, key, rows, draws)


def _drawn(seed: int, key: int, rows: int, draws: int) -> FloatArray:
    out = np.random.default_rng([seed, key]).standard_normal((rows, draws))
    out.flags.writeable = False
    return out


_kept = lru_cache(maxsize=16)(_drawn)


def demand_draws(shared: Shared, defaults: Mapping[str, Quantity]) -> FloatArray:
    """Factor on demand in each draw, the same for every candidate."""
    return log_pieces(shared.demand, *defaults["demand_factor"].band)


def levels_of(
    pricing: Pricing, shared: Shared, own: FloatArray, demand: FloatArray, defaults: Mapping[str, Quantity]
) -> Levels:
    """Inputs of one candidate in every draw; `demand` is what `demand_draws` gives.

    Throughput is log-normal with the spread of its 80 % interval; prices, demand and electricity are log-normal in
    two pieces with low and high as 10th and 90th percentile; engineering and residual value are normal in two pieces;
    the discount gains its upside one-sidedly.
    """
    model, way = pricing.model, pricing.way
    rho = defaults["throughput_error_correlation"].value
    common = defaults["price_common_share"].value
    price = math.sqrt(1 - common) * own[1] + math.sqrt(common) * shared.market
    power = model.facts.values.get("power_usd_per_kwh")
    return Levels(
        z=math.sqrt(1 - rho) * own[0] + math.sqrt(rho) * shared.throughput,
        demand=demand,
        price=price_factor(way.price, price),
        peak_price=1.0 if way.peak_price is None else price_factor(way.peak_price, price),
        discount=discount_draws(pricing, shared.discount, defaults),
        stack=linear_pieces(shared.stack, model.premium.low, model.premium.high),
        power=1.0 if power is None or not way.buys else log_pieces(shared.power, *power.band),
        residual=np.clip(shared.residual / Z80, -RESIDUAL_LIMIT, RESIDUAL_LIMIT) if way.buys else 0.0,
    )


def linear_pieces(z: FloatArray, low: float, high: float) -> FloatArray:
    """Normal factor around 1 in two pieces with 10th and 90th percentiles `low` and `high`, never negative."""
    slope = np.where(z < 0, 1.0 - low, high - 1.0) / Z80
    return np.asarray(np.maximum(0.0, 1.0 + slope * z))


def discount_upside(pricing: Pricing, defaults: Mapping[str, Quantity]) -> float:
    """How much more discount the 90th percentile brings, from a fleet of that size with a competing quote."""
    model = pricing.model
    if pricing.way.price.firmness == "user quote" or model.rented_gpus() < defaults["negotiation_min_gpus"].value:
        return 0.0
    seen = defaults[f"negotiated_discount_{model.sized.accelerator.vendor.lower()}"].value
    return defaults["discount_upside_share"].value * max(0.0, seen - model.facts.volume_discount)


def discount_draws(pricing: Pricing, z: FloatArray, defaults: Mapping[str, Quantity]) -> FloatArray | float:
    """Discount in each draw: the promised one, and what a negotiation may add to it."""
    upside, promised = discount_upside(pricing, defaults), pricing.model.facts.volume_discount
    if upside == 0.0:
        return promised
    return np.asarray(promised + np.maximum(0.0, z) / Z80 * upside)
