"""What is fitted: TPOT, the share of a request's life spent decoding, and TTFT, each against its physics.

Little's law ties the rates to the times: with ``c`` requests in flight, ``G`` GPUs and mean lengths ``I`` and ``O``,
``total_tps·G = c·(I + O)/(TTFT + TPOT·O)``. The share ``s = TPOT·O/(TTFT + TPOT·O)`` therefore gives the rate
from TPOT: ``total_tps = s·c·(I + O)/(O·TPOT·G)``.
"""

from __future__ import annotations

import numpy as np

from advisor.engine.estimator.encode import Floats, Points
from advisor.engine.estimator.physics import TERMS, Physics

UNKNOWN_GPUS = 24.0
"""Stands in for a total that neither the row nor the query states; only the product with the share matters."""
TPOT_START = (0.341, -0.252, 1.613, 1.897, 2.658, 3.637, 3.390, 1.997, -0.681, -0.281)
SHARE_START = (-0.06, -0.30)
TTFT_START = (0.69, 0.05)


def tpot_baseline(points: Points, physics: Physics, coefficients: Floats) -> Floats:
    """log seconds per output token by physics alone, points x loads."""
    k = len(TERMS)
    step = sum(np.exp(c) * term for c, term in zip(coefficients[:k], physics.terms, strict=True))
    offset = coefficients[k] * points.spec + coefficients[k + 1] * points.disagg
    out: Floats = np.log(step) + offset[:, None]
    return out


def share_baseline(points: Points, coefficients: Floats) -> Floats:
    """log share of a request's life spent decoding, per point."""
    out: Floats = np.where(points.disagg, coefficients[1], coefficients[0])
    return out


def ttft_baseline(physics: Physics, coefficients: Floats) -> Floats:
    """log seconds to the first token by physics alone, per point."""
    out: Floats = np.log(np.exp(coefficients[0]) * physics.prefill_s + coefficients[1])
    return out


def little_ceiling(points: Points, loads: Floats, tpot_s: Floats) -> Floats:
    """Total tokens/s per GPU if requests did nothing but decode: ``c·(I + O)/(O·TPOT·G)``, points x loads."""
    gpus = np.where(np.isnan(points.gpus), UNKNOWN_GPUS, points.gpus)
    out: Floats = loads * ((points.isl + points.osl) / points.osl / gpus)[:, None] / tpot_s
    return out
