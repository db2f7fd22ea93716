"""What the uncertain inputs of a cost are, for given standard normal values: draws and fixed cases go through here.

Throughput (`TierDemand.rate`), prices, demand and electricity are log-normal in two pieces with low and high as 10th
and 90th percentile; engineering and residual value are normal in two pieces; the discount gains its upside one-sidedly.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from advisor.domain.cost import PriceBasis
from advisor.domain.normal import Z80
from advisor.domain.provenance import Quantity
from advisor.domain.record import record
from advisor.engine.cost.levels import Level, Levels
from advisor.engine.cost.model import CostModel, Way
from advisor.engine.sized import FloatArray, once, two_pieces

RESIDUAL_LIMIT = 2.0
"""Residual values are not drawn further out than twice the distance to their low or high end."""


@record
class Normals:
    """Standard normal values of the inputs of one candidate, one entry each; demand as its factor."""

    z: FloatArray
    demand: FloatArray
    """Factor on demand."""
    price: FloatArray
    """Of every unit price."""
    stack: FloatArray
    power: FloatArray
    residual: FloatArray
    discount: FloatArray


def levels_of(model: CostModel, way: Way, at: Normals, typical: Levels, defaults: Mapping[str, Quantity]) -> Levels:
    """Inputs of one way of paying at each entry, beside what is moved in `typical`."""
    power, premium, memo = model.facts.values.get("power_usd_per_kwh"), model.premium, model.memo

    def factor(basis: PriceBasis | None) -> Level:
        if basis is None or basis.low == basis.high:
            return 1.0
        band = basis.low, basis.typical, basis.high
        return once(memo, ("price", *band), (at.price,), lambda: log_pieces(at.price, *band))

    def residual() -> FloatArray:
        return np.clip(at.residual / Z80, -RESIDUAL_LIMIT, RESIDUAL_LIMIT)

    def electricity() -> FloatArray:
        assert power is not None
        return log_pieces(at.power, *power.band)

    return typical.with_(
        z=at.z,
        demand=at.demand,
        price=typical.price * factor(way.price),
        peak_price=typical.peak_price * factor(way.peak_price),
        discount=_discount(model, way, at.discount, typical, defaults),
        stack=once(memo, ("stack",), (at.stack,), lambda: at.stack / Z80) if premium.uncertain else 0.0,
        power=typical.power * once(memo, ("power",), (at.power,), electricity) if power is not None and way.buys
        else typical.power,
        residual=once(memo, ("residual",), (at.residual,), residual) if way.buys else typical.residual,
    )  # fmt: skip


def log_pieces(z: FloatArray, low: float, typical: float, high: float) -> FloatArray:
    """Log-normal factor around 1 whose 10th and 90th percentiles are ``low/typical`` and ``high/typical``."""
    if typical <= 0 or low <= 0:
        return np.ones_like(z)
    return two_pieces(z, math.log(typical / low) / Z80, math.log(high / typical) / Z80)


def discount_upside(model: CostModel, way: Way, defaults: Mapping[str, Quantity]) -> float:
    """How much more discount the 90th percentile brings, from a fleet of that size with a competing quote."""
    if way.price.firmness == "user quote" or model.rented_gpus < defaults["negotiation_min_gpus"].value:
        return 0.0
    seen = defaults[f"negotiated_discount_{model.sized.accelerator.vendor.lower()}"].value
    return defaults["discount_upside_share"].value * max(0.0, seen - model.facts.volume_discount)


def _discount(
    model: CostModel, way: Way, z: FloatArray, typical: Levels, defaults: Mapping[str, Quantity]
) -> Level:
    """Discount at each entry: the promised one, and what a negotiation may add to it."""
    upside = discount_upside(model, way, defaults)
    if upside == 0.0:
        return typical.discount
    return np.asarray(typical.discount + np.maximum(0.0, z) / Z80 * upside)
