"""Tails over requests, from rows that state a 99th percentile or a mean beside the median.

The benchmark starts all its requests at once, so that its first tenth queues for prefill as no steady service does:
the 99th percentile of TTFT is that start, not the service. It is taken out by its mean, a ramp over the first tenth
up to the 99th percentile: ``steady mean = (mean - 0.1·0.5·p99/0.9) / 0.9``. Tails are log-normal: TTFT by the ratio of
steady mean to median, ``exp(sigma²/2)``; TPOT, which averages over a request, by the ratio of p99 to median. A request
alone waits for no other, at the start or later: there the p99 of TTFT is what it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from advisor.domain.evidence import Measurement
from advisor.engine.estimates import PERCENTILES
from advisor.engine.estimator.encode import Floats
from advisor.engine.estimator.neighbours import curve_key

Knots = list[tuple[float, float]]
"""(log2 concurrency, log of p99 over median), rising in concurrency."""
Tails = dict[str, Knots]
NORMAL_PART = {"p90": 0.5509, "p95": 0.7071, "p99": 1.0}
"""Standard normal quantiles over that of the 99th."""
NORMAL_P99 = 2.3263
START_PART = 0.1
"""Part of a run's requests that arrive at once: as many as are in flight, of ten times as many."""
BIN, LEAST = 2.0, 12
LEAST_ALONE = 6
NEAR = 0.25
"""log of the ratio of lengths up to which the tails of a probe speak for a question."""
REACH = 2.0
"""log2 of the ratio of loads over which the tail that a probe measured gives way to the learned one."""
QUEUED = 2.0
"""log2 of the requests in flight from which the tail of TTFT is that of all that waits."""


def learn_tails(rows: Sequence[Measurement]) -> Tails:
    """Log ratio of p99 to median for each metric and way of serving.

    TPOT by octaves of concurrency; TTFT alone, and pooled over all that waits, because what is left after taking out
    the start is too noisy to show a trend.
    """
    out: Tails = {}
    for disagg in (False, True):
        kept = [m for m in rows if m.disagg is disagg and "one_off_stall" not in m.flags]
        steady = [s for m in kept if (s := _steady_sigma(m)) is not None]
        if len(steady) >= LEAST:
            out[_key("ttft", disagg)] = [*_alone(kept), (QUEUED, round(NORMAL_P99 * float(np.median(steady)), 4))]
        pairs = [
            (np.log2(max(1, m.concurrency)), max(0.0, float(np.log(m.tpot_p99_s / m.tpot_p50_s))))
            for m in kept
            if m.tpot_p50_s and m.tpot_p99_s
        ]
        out[_key("tpot", disagg)] = _knots(np.array(pairs).reshape(-1, 2))
    return out


def _alone(rows: Sequence[Measurement]) -> Knots:
    """Log of p99 over median of TTFT where one request is in flight; empty where too few runs tell."""
    ratios = [m.ttft_p99_s / m.ttft_p50_s for m in rows if m.concurrency == 1 and m.ttft_p99_s and m.ttft_p50_s]
    return [(0.0, round(max(0.0, float(np.log(np.median(ratios)))), 4))] if len(ratios) >= LEAST_ALONE else []


def _steady_sigma(m: Measurement) -> float | None:
    """Log-standard deviation of TTFT without the start; None where the row lacks the figures."""
    if not (m.ttft_p50_s and m.ttft_p99_s and m.ttft_mean_s):
        return None
    start = START_PART * 0.5 * m.ttft_p99_s / (1 - START_PART)
    ratio = (m.ttft_mean_s - start) / (1 - START_PART) / m.ttft_p50_s
    return float(np.sqrt(2 * np.log(ratio))) if ratio > 1 else 0.0


def _knots(pairs: Floats) -> Knots:
    knots: Knots = []
    for low in np.arange(0.0, 14.0, BIN):
        inside = pairs[(pairs[:, 0] >= low) & (pairs[:, 0] < low + BIN)]
        if len(inside) >= LEAST:
            knots.append((round(float(inside[:, 0].mean()), 3), round(float(np.median(inside[:, 1])), 4)))
    return knots


def tail_factors(
    tails: Mapping[str, Knots], metric: str, disagg: bool, concurrency: float, own: Mapping[str, Knots] | None = None
) -> dict[str, float]:
    """Percentile over median at a concurrency; empty where nothing was learned.

    Parameters
    ----------
    own
        Tails that probes measured, see `ProbedTails`: they speak for the loads between them and near them.
    """
    load = float(np.log2(max(1.0, concurrency)))
    knots = tails.get(_key(metric, disagg)) or tails.get(_key(metric, not disagg))
    learned = _at(knots, load) if knots else None
    probed = own.get(_key(metric, disagg)) if own else None
    top = _probed(probed, load, learned) if probed else learned
    return {} if top is None else {p: float(np.exp(top * NORMAL_PART[p])) for p in PERCENTILES}


def _at(knots: Knots, load: float) -> float:
    return float(np.interp(load, [k[0] for k in knots], [k[1] for k in knots]))


def _probed(knots: Knots, load: float, learned: float | None) -> float:
    """The tail that probes measured, and what was learned where they are far: alone no request waits for another.

    More load shortens no tail: beyond the highest probed load it is no shorter than there, below the lowest no longer.
    """
    found = _at(knots, load)
    if learned is None:
        return found
    below = max((k[0] for k in knots if k[0] <= load), default=None)
    above = min((k[0] for k in knots if k[0] >= load), default=None)
    if below is not None and above is not None and above - below <= REACH:
        return found
    near = max(0.0, 1 - min(abs(k[0] - load) for k in knots) / REACH)
    mixed = near * found + (1 - near) * learned
    if above is None:
        return max(mixed, found)
    return min(mixed, found) if below is None else mixed


class ProbedTails:
    """Tails that the user's own probes measured: they overrule the learned ones for the deployment they are of."""

    def __init__(self, rows: Sequence[Measurement]) -> None:
        self._known: dict[tuple[object, ...], dict[tuple[float, float], Tails]] = {}
        for m in rows:
            if m.family != "own_probe":
                continue
            stack = curve_key(m, m.model)[:-2]
            tails = self._known.setdefault(stack, {}).setdefault((float(m.isl), float(m.osl)), {})
            stated = (("ttft", m.ttft_p50_s, m.ttft_p99_s), ("tpot", m.tpot_p50_s, m.tpot_p99_s))
            for metric, median, top in stated:
                if median and top:
                    knot = float(np.log2(max(1, m.concurrency))), max(0.0, float(np.log(top / median)))
                    tails.setdefault(_key(metric, m.disagg), []).append(knot)
        for by_lengths in self._known.values():
            for tails in by_lengths.values():
                for knots in tails.values():
                    knots.sort()

    def of(self, place: tuple[object, ...], isl: float, osl: float) -> Tails:
        """Tails of the points of a curve, see `curve_key`: those of the nearest lengths, none where all are far."""
        by_lengths = self._known.get(place[:-2]) if self._known else None
        if by_lengths is None:
            return {}
        far, lengths = min((max(abs(np.log(i / isl)), abs(np.log(o / osl))), (i, o)) for i, o in by_lengths)
        return by_lengths[lengths] if far <= NEAR else {}


def _key(metric: str, disagg: bool) -> str:
    return f"{metric} {'disaggregated' if disagg else 'aggregated'}"
