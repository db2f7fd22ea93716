"""Percentiles with intervals, the start of the steady state, and drift."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from advisor.domain.normal import Z95
from advisor.evidence.runs import Distribution

Series = NDArray[np.float64]


def t_quantile_975(degrees: float) -> float:
    """97.5 % quantile of Student's t, by the expansion of Abramowitz and Stegun 26.7.5.

    >>> round(t_quantile_975(10), 3)
    2.228
    """
    if degrees < 3:
        return 12.706 if degrees < 2 else 4.303
    z, v = Z95, degrees
    g1 = (z**3 + z) / 4
    g2 = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    g3 = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    g4 = (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160
    return z + g1 / v + g2 / v**2 + g3 / v**3 + g4 / v**4


def effective_size(series: Series) -> float:
    """Independent values that a correlated series is worth: n (1 - r) / (1 + r), r the lag-1 autocorrelation."""
    n = series.size
    if n < 8:
        return float(n)
    centred = series - series.mean()
    variance = float(centred @ centred)
    if variance <= 0:
        return float(n)
    r = float(centred[:-1] @ centred[1:]) / variance
    r = min(max(r, 0.0), 0.99)
    return max(2.0, n * (1 - r) / (1 + r))


def quantile_interval(ordered: Series, q: float, size: float | None = None) -> tuple[float, float] | None:
    """95 % interval of a quantile from order statistics (no assumption on the distribution).

    Ranks n q -+ 1.96 sqrt(n q (1-q)), widened where `size` independent values are fewer than n; None where a rank falls
    outside the sample.
    """
    n = ordered.size
    size = float(n) if size is None else min(size, float(n))
    if size < 5:
        return None
    half = Z95 * math.sqrt(q * (1 - q) / size)
    low, high = q - half, q + half
    if low < 0 or high > 1 or (high * n) > n - 0.5:
        return None
    low_rank = max(0, math.floor(low * n) - 1)
    high_rank = min(n - 1, math.ceil(high * n))
    return float(ordered[low_rank]), float(ordered[high_rank])


def describe(values: Sequence[float] | Series, *, intervals: bool = True) -> Distribution:
    """Mean and percentiles (linear interpolation) with 95 % intervals; values in the order of time."""
    series = np.asarray(values, dtype=float)
    if series.size == 0:
        return Distribution()
    p50, p90, p95, p99 = (float(x) for x in np.percentile(series, [50, 90, 95, 99]))
    mean = float(series.mean())
    mean_ci = p50_ci = p99_ci = None
    if intervals and series.size >= 5:
        size = effective_size(series)
        ordered = np.sort(series)
        error = t_quantile_975(size - 1) * float(series.std(ddof=1)) / math.sqrt(size)
        mean_ci = (mean - error, mean + error)
        p50_ci = quantile_interval(ordered, 0.50, size)
        p99_ci = quantile_interval(ordered, 0.99, size)
    return Distribution(
        n=int(series.size), mean=mean, p50=p50, p90=p90, p95=p95, p99=p99,
        mean_ci95=mean_ci, p50_ci95=p50_ci, p99_ci95=p99_ci,
    )  # fmt: skip


def half_width(distribution: Distribution) -> float | None:
    """Half the median's interval over the median; None where there is none."""
    if distribution.p50_ci95 is None or not distribution.p50:
        return None
    low, high = distribution.p50_ci95
    return (high - low) / 2 / distribution.p50


def steady_start(values: Sequence[float] | Series, batch: int = 5) -> int:
    """First index of the steady state by MSER-5, at most half the series.

    White, "An effective truncation heuristic for bias reduction in simulation output", Simulation 69 (1997):
    the cut that minimises the squared standard error of the mean of what is left.
    """
    series = np.asarray(values, dtype=float)
    count = series.size // batch
    if count < 6:
        return 0
    means = series[: count * batch].reshape(count, batch).mean(axis=1)
    best, best_score = 0, math.inf
    for cut in range(count // 2 + 1):
        rest = means[cut:]
        score = float(((rest - rest.mean()) ** 2).sum()) / rest.size**2
        if score < best_score - 1e-18:
            best, best_score = cut, score
    return best * batch


def drifts(values: Sequence[float] | Series, *, least_change: float = 0.05) -> bool:
    """Whether the last third differs from the first: by rank (Mann-Whitney |z| > 3) and by 5 % of the median."""
    series = np.asarray(values, dtype=float)
    third = series.size // 3
    if third < 8:
        return False
    first, last = series[:third], series[-third:]
    change = abs(float(np.median(last)) / float(np.median(first)) - 1) if np.median(first) else 0.0
    if change < least_change:
        return False
    both = np.concatenate([first, last])
    order = both.argsort(kind="stable")
    ranks = np.empty(both.size)
    ranks[order] = np.arange(1, both.size + 1)
    u = float(ranks[:third].sum()) - third * (third + 1) / 2
    z = (u - third * third / 2) / math.sqrt(third * third * (2 * third + 1) / 12)
    return abs(z) > 3
