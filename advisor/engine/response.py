"""How much more a replica carries where it turns out faster than estimated, and how much less where it is slower.

A service level bounds latencies. A replica that is `k` times as fast at every load (rates `k` times and latencies
``1/k`` of the estimate, as `overrides.throughput_factor` states it) keeps the level up to the load whose estimated
latencies are `k` times the limits. Where latency rises slowly with load that load moves by far more than `k`; where
memory bounds it, a demand in flight is carried as before, however fast.

What runs on the hardware can be chosen again once it is known how fast it is: of all deployments that keep the level
the one that carries most per GPU then counts, in proportion to what the best of them carries as estimated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from advisor.engine.estimates import MID
from advisor.engine.operating_point import Load, Sample, in_flight, strain

FloatArray = NDArray[np.float64]

FACTORS = (0.35, 0.42, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 3.0)
"""Factors on throughput at which a response is stated; between them it is straight in logs."""
_LOG_FACTORS = np.log(np.array(FACTORS))
_AS_ESTIMATED = FACTORS.index(1.0)
LEAST_CARRIED = 1 / 3
"""Share of what it carries as estimated to which a fleet in doubt falls at most: who would need three times as much of
a part serves from another one instead. Our own judgement."""
WHOLE = 1e-6
"""Share by which a number of requests may miss a whole one."""
_LEAST = 1e-9
"""No latency and no rate is taken for smaller, and each load for that much more strained than the one before."""


def responses(deployments: Sequence[tuple[int, Sequence[Sample]]], load: Load) -> list[tuple[float, ...]]:
    """Factor on what the fleet of each deployment carries at each of FACTORS, 1 at 1.

    Parameters
    ----------
    deployments
        GPUs of a replica, and its samples at several loads; all of one accelerator.
    """
    own = [_carried(samples, load) for _, samples in deployments]
    per_gpu = [log - math.log(gpus) for log, (gpus, _) in zip(own, deployments, strict=True)]
    best = np.max(per_gpu, axis=0)
    chosen_anew = best - best[_AS_ESTIMATED]
    return [tuple(np.exp(np.maximum(log - log[_AS_ESTIMATED], chosen_anew)).tolist()) for log in own]


def _carried(samples: Sequence[Sample], load: Load) -> FloatArray:
    """Log of what one replica carries within the service level at each of FACTORS.

    Loads between samples are read off straight lines in logs. Below the factor at which the lowest load keeps the level
    none does: what is carried then falls in proportion to the factor, for want of anything better.
    """
    ordered = sorted(samples, key=lambda s: s.concurrency)
    n = np.log(np.array([s.concurrency for s in ordered], dtype=np.float64))
    used = np.log(np.maximum.accumulate(np.maximum([strain(s, load) for s in ordered], _LEAST)))
    top = np.interp(_LOG_FACTORS, used + _LEAST * np.arange(len(used)), n)
    top = np.log(np.floor(np.exp(top) * (1 + WHOLE)))  # between one and two in flight there is one
    if in_flight(load):
        return np.asarray(top + np.minimum(0.0, _LOG_FACTORS - used[0]))
    if load.peak_rps is None:  # nothing tells how long a request may be in flight: as many are, however fast
        return np.zeros(len(FACTORS))
    rate = np.log(np.maximum([s.found.table[s.place, MID] for s in ordered], _LEAST))
    return np.asarray(np.interp(top, n, np.maximum.accumulate(rate)) + _LOG_FACTORS)


def response_at(response: Sequence[float], throughput: ArrayLike) -> FloatArray:
    """Factor on what is carried at factors on throughput.

    Parameters
    ----------
    response
        At each of FACTORS; where empty, what is carried goes with the throughput. Below the least of them it goes on in
        proportion, above the largest as steeply as before it, if no steeper than that.
    """
    factor = np.asarray(throughput, dtype=np.float64)
    if not response:
        return factor
    carried, slope = _logs(tuple(response))
    x = np.log(factor)
    below, above = np.minimum(0.0, x - _LOG_FACTORS[0]), np.maximum(0.0, x - _LOG_FACTORS[-1])
    return np.asarray(np.exp(np.interp(x, _LOG_FACTORS, carried) + below + slope * above))


def moved_by(response: Sequence[float], throughput: float) -> tuple[float, ...]:
    """The response of what turned out faster or slower by a factor, to further factors on that."""
    if not response or throughput == 1.0:
        return tuple(response)
    moved = response_at(response, throughput * np.array(FACTORS)) / response_at(response, throughput)
    return tuple(moved.tolist())


@lru_cache(maxsize=1024)
def _logs(response: tuple[float, ...]) -> tuple[FloatArray, float]:
    """Logs of a response, and its slope at the upper end."""
    logs = np.log(np.array(response))
    slope = (logs[-1] - logs[-2]) / (_LOG_FACTORS[-1] - _LOG_FACTORS[-2])
    return logs, min(1.0, float(slope))
