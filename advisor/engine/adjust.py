"""Wrap the estimator with what the profile knows better: prefix caching, and the user's own factors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from advisor.domain.estimate import FirstToken, Interval, OperatingEstimate, OperatingQuery
from advisor.domain.profile import Workload
from advisor.domain.record import replace
from advisor.engine.estimates import (
    OUTPUT,
    PERCENTILES,
    PREFILL,
    TPOT,
    TTFT,
    Batch,
    EstimateMany,
    FirstTokenMany,
    Floats,
    Ladders,
)


def for_workload(
    estimate: EstimateMany, first_token: FirstTokenMany | None, workload: Workload, factors: Mapping[str, float]
) -> EstimateMany:
    """Estimates as one workload meets them: its prefix cache, its longest prompts, the user's own factors."""
    traffic, percentile = workload.traffic, workload.slo.percentile
    longer = traffic.isl.at(percentile) / traffic.isl.mean_tokens
    cached = with_prefix_cache(estimate, traffic.prefix_cache_hit_rate, first_token)
    long = with_long_prompts(cached, longer, percentile, 1 - traffic.prefix_cache_hit_rate, first_token or estimate)
    return with_factors(long, factors)


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
        ladders = Ladders.of(queries)
        full = estimate(ladders)
        rest = ladders.with_curves(lambda q: replace(q, isl=max(1.0, q.isl * (1 - hit_rate))))
        short: Batch[FirstToken] | Batch[OperatingEstimate] = (first_token or estimate)(rest)
        ttft, better = full.table[:, TTFT], short.table[:, TTFT]
        decode = full.table[:, TPOT] * np.array([q.osl for q in ladders.curves])[ladders.of_point]
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

        def expect(places: Sequence[int]) -> None:
            full.expect(places)
            short.expect(places)

        return Batch(np.where(helps[:, None], table, full.table), full.errors, make, expect)

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


def with_long_prompts(
    estimate: EstimateMany, longer: float, percentile: int, fresh: float, first_token: FirstTokenMany | EstimateMany
) -> EstimateMany:
    """Account for prompts whose lengths vary: at a percentile over requests TTFT is at least that of such a prompt.

    What its prefill takes longer than that of a prompt of mean length, both alone, is added to the median at the load:
    queues are those of the mean. Tails over requests of alike lengths stand where they are longer.

    Parameters
    ----------
    longer
        Length of the prompt at the percentile over the mean one.
    percentile
        Of the service level.
    fresh
        Share of the input that the prefix cache does not hold.
    """
    if longer <= 1 or percentile == 50:
        return estimate
    name = f"p{percentile}"
    column = TTFT + 1 + PERCENTILES.index(name)
    place_of: dict[OperatingQuery, int] = {}
    known: list[float] = []

    def extra(curves: Sequence[OperatingQuery]) -> Floats:
        """What the longer prompt takes longer on each curve [s]; a search comes back to the same curves."""
        alone = (replace(q, concurrency=1, isl=max(1.0, q.isl * fresh)) for q in curves)
        places = [place_of.setdefault(q, len(place_of)) for q in alone]
        new = list(place_of)[len(known) :]
        if new:
            usual = first_token(new).table[:, TTFT]
            longest = first_token([replace(q, isl=q.isl * longer) for q in new]).table[:, TTFT]
            known.extend((longest - usual).tolist())
        return np.array(known, dtype=np.float64)[places]

    def estimate_many(queries: Sequence[OperatingQuery]) -> Batch[OperatingEstimate]:
        ladders = Ladders.of(queries)
        full = estimate(ladders)
        table, later = full.table.copy(), extra(ladders.curves)[ladders.of_point]
        # NaN, where it cannot be made, lengthens nothing
        table[:, column] = np.fmax(table[:, column], table[:, TTFT] + np.maximum(later, 0.0))

        def make(place: int) -> OperatingEstimate:
            value = float(table[place, column])
            found = full[place]
            if found.error or value == full.table[place, column]:
                return found
            isl = ladders.curves[int(ladders.of_point[place])].isl * longer
            return replace(
                found, ttft_tail=found.ttft_tail | {name: value},
                basis_text=f"{found.basis_text}; TTFT at {name} that of a prompt of {isl:,.0f} tokens nominal",
            )  # fmt: skip

        return Batch(table, full.errors, make, full.expect)

    return estimate_many


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
