"""Tails over requests, from rows that state a 99th percentile beside the median.

The benchmark starts all its requests at once: the first tenth of them queue for prefill, so that the excess of
TTFT over its median fills the top tenth of requests. Where means are stated they agree: (mean/median - 1) is
0.06 to 0.09 of (p99/median - 1), against 0.056 for a ramp over that tenth and 0.1 for a step. TPOT tails are taken
as lognormal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from advisor.domain.evidence import Measurement
from advisor.engine.estimator.encode import Floats

Knots = list[tuple[float, float]]
"""(log2 concurrency, log of p99 over median), rising in concurrency."""
Tails = dict[str, Knots]
PERCENTILES = ("p90", "p95", "p99")
BURST_PART = {"p90": 0.1, "p95": 0.6, "p99": 1.0}
"""Part of the TTFT excess reached at each percentile."""
NORMAL_PART = {"p90": 0.5509, "p95": 0.7071, "p99": 1.0}
"""Standard normal quantiles over that of the 99th."""
BIN, LEAST = 2.0, 12


def learn_tails(rows: Sequence[Measurement]) -> Tails:
    """Median log ratio of p99 to p50 by octaves of concurrency, for each metric and way of serving."""
    out: Tails = {}
    for metric in ("ttft", "tpot"):
        for disagg in (False, True):
            pairs = []
            for m in rows:
                mid, top = getattr(m, f"{metric}_p50_s"), getattr(m, f"{metric}_p99_s")
                if mid and top and m.disagg is disagg and "one_off_stall" not in m.flags:
                    pairs.append((np.log2(max(1, m.concurrency)), max(0.0, float(np.log(top / mid)))))
            out[_key(metric, disagg)] = _knots(np.array(pairs).reshape(-1, 2))
    return out


def _knots(pairs: Floats) -> Knots:
    knots: Knots = []
    for low in np.arange(0.0, 14.0, BIN):
        inside = pairs[(pairs[:, 0] >= low) & (pairs[:, 0] < low + BIN)]
        if len(inside) >= LEAST:
            knots.append((round(float(inside[:, 0].mean()), 3), round(float(np.median(inside[:, 1])), 4)))
    return knots


def tail_factors(tails: Mapping[str, Knots], metric: str, disagg: bool, concurrency: float) -> dict[str, float]:
    """Percentile over median at a concurrency; empty where nothing was learned."""
    knots = tails.get(_key(metric, disagg)) or tails.get(_key(metric, not disagg))
    if not knots:
        return {}
    top = float(np.interp(np.log2(max(1.0, concurrency)), [k[0] for k in knots], [k[1] for k in knots]))
    if metric == "ttft":
        return {p: 1 + np.expm1(top).item() * BURST_PART[p] for p in PERCENTILES}
    return {p: float(np.exp(top * NORMAL_PART[p])) for p in PERCENTILES}


def _key(metric: str, disagg: bool) -> str:
    return f"{metric} {'disaggregated' if disagg else 'aggregated'}"
