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
from advisor.engine.cost.uncertain import Normals, log_pieces
from advisor.engine.sized import FloatArray

MOST_KEPT = 20_000
"""Draws up to which streams are kept; 16 of them take some MB."""


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


def normals_of(shared: Shared, own: FloatArray, demand: FloatArray, defaults: Mapping[str, Quantity]) -> Normals:
    """The uncertain inputs of one candidate in every draw; `demand` is what `demand_draws` gives."""
    rho = defaults["throughput_error_correlation"].value
    common = defaults["price_common_share"].value
    return Normals(
        z=math.sqrt(1 - rho) * own[0] + math.sqrt(rho) * shared.throughput,
        demand=demand,
        price=math.sqrt(1 - common) * own[1] + math.sqrt(common) * shared.market,
        stack=shared.stack,
        power=shared.power,
        residual=shared.residual,
        discount=shared.discount,
    )
