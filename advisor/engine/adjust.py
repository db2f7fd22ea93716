"""Wrap the estimator with what the profile knows better: prefix caching, and the user's own factors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from advisor.domain.estimate import FirstToken, Interval, OperatingEstimate, OperatingQuery
from advisor.engine.estimates import OUTPUT, PREFILL, TPOT, TTFT, Batch, EstimateMany, FirstTokenMany


def with_prefix_cache(
    estimate: EstimateMany, hit_rate: float, first_token: FirstTokenMany | None = None
) -> EstimateMany:
    """Account for input tokens that are found in the prefix cache.

    Cached tokens need no prefill, so TTFT is that of the remaining input, and decode is disturbed by less of it: TPOT
    is that of the whole input, which still occupies the cache and is read, less the cached part of what prefill takes
    of a step by physics. Throughput follows by Little's law from the shorter end-to-end time.

    Parameters
    ----------
    first_token
        TTFT alone, where that is had for less than a whole estimate.
    """
    if hit_rate <= 0:
        return estimate

    def estimate_many(queries: Sequence[OperatingQuery]) -> Batch[OperatingEstimate]:
        full = estimate(queries)
        rest = [replace(q, isl=max(1.0, q.isl * (1 - hit_rate))) for q in queries]
        short: Batch[FirstToken] | Batch[OperatingEstimate] = (first_token or estimate)(rest)
        ttft, better = full.table[:, TTFT], short.table[:, TTFT]
        decode = full.table[:, TPOT] * np.array([q.osl for q in queries])
        left = 1 - hit_rate * full.table[:, PREFILL]
        gain = (ttft + decode) / (better + decode * left)
        table = full.table.copy()
        table[:, TTFT:TPOT] = short.table[:, TTFT:TPOT]
        table[:, TPOT:OUTPUT] *= left[:, None]
        table[:, OUTPUT:PREFILL] *= gain[:, None]
        # NaN, where either cannot be made, is no gain either
        helps = better < ttft

        def make(place: int) -> OperatingEstimate:
            if not helps[place]:
                return full[place]
            return _compose(full[place], short[place], float(left[place]), float(gain[place]))

        return Batch(np.where(helps[:, None], table, full.table), full.errors, make, full.expect)

    return estimate_many


def _compose(
    full: OperatingEstimate, short: OperatingEstimate | FirstToken, left: float, gain: float
) -> OperatingEstimate:
    return replace(
        full,
        ttft_p50_s=short.ttft_p50_s,
        ttft_tail=short.ttft_tail,
        tpot_p50_s=_scaled(full.tpot_p50_s, left),
        tpot_tail={k: v * left for k, v in full.tpot_tail.items()},
        total_tps_per_gpu=_scaled(full.total_tps_per_gpu, gain),
        output_tps_per_gpu=_scaled(full.output_tps_per_gpu, gain),
        basis_text=f"{full.basis_text}; prefill of the input that the prefix cache does not hold",
    )


def with_factors(estimate: EstimateMany, factors: Mapping[str, float]) -> EstimateMany:
    """Multiply throughput by the user's factor for an accelerator and stretch latency to match."""
    if not factors:
        return estimate

    def estimate_many(queries: Sequence[OperatingQuery]) -> Batch[OperatingEstimate]:
        plain = estimate(queries)
        each = [factors.get(q.accelerator, 1.0) for q in queries]
        table, factor = plain.table.copy(), np.array(each, dtype=np.float64)[:, None]
        table[:, :OUTPUT] *= 1 / factor
        table[:, OUTPUT:PREFILL] *= factor
        return Batch(table, plain.errors, lambda place: _factored(plain[place], each[place]), plain.expect)

    return estimate_many


def _factored(e: OperatingEstimate, factor: float) -> OperatingEstimate:
    if e.error or factor == 1.0:
        return e
    return replace(
        e,
        ttft_p50_s=_scaled(e.ttft_p50_s, 1 / factor),
        tpot_p50_s=_scaled(e.tpot_p50_s, 1 / factor),
        ttft_tail={k: v / factor for k, v in e.ttft_tail.items()},
        tpot_tail={k: v / factor for k, v in e.tpot_tail.items()},
        total_tps_per_gpu=_scaled(e.total_tps_per_gpu, factor),
        output_tps_per_gpu=_scaled(e.output_tps_per_gpu, factor),
        basis_text=f"{e.basis_text}; throughput multiplied by {factor:g} as the profile asks",
    )


def _scaled(interval: Interval, factor: float) -> Interval:
    return Interval(interval.lo * factor, interval.mid * factor, interval.hi * factor)
