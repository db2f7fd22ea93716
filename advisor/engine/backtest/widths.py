"""Interval widths from left-out errors: conformal, per metric and class of evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from advisor.engine.backtest.grading import CLASSES, STEPS
from advisor.engine.estimator.encode import Floats
from advisor.engine.estimator.neighbours import interval_class

NOMINAL = 0.8
LEAST = 40
"""Fewer errors than this and a class borrows from the next more doubtful one."""

UNKNOWN = (-2.0, 2.0)
"""Ends, in spreads, where no class has enough errors."""

Widths = dict[str, dict[str, tuple[float, float]]]


def conformal(errors: Floats, spreads: Floats) -> tuple[float, float]:
    """Ends of the interval in units of spread: the 10 % and 90 % quantiles of ``-error/spread``.

    `errors` are log(prediction/truth), so that truth = prediction·exp(-error).
    """
    ratio = np.sort(-errors / spreads)
    n = len(ratio)
    tail = (1 - NOMINAL) / 2
    low = max(0, int(np.floor((n + 1) * tail)) - 1)
    high = min(n - 1, int(np.ceil((n + 1) * (1 - tail))) - 1)
    return float(min(ratio[low], -1e-6)), float(max(ratio[high], 1e-6))


def fit_widths(pools: Mapping[str, Sequence[tuple[str, float, float]]]) -> Widths:
    """Ends per metric and class from (class, error, spread) triples.

    A class with too few errors takes the ends of the next more doubtful class that has enough.
    """
    out: Widths = {}
    for metric, triples in pools.items():
        own: dict[str, list[tuple[float, float]]] = {}
        for name, error, spread in triples:
            own.setdefault(name, []).append((error, spread))
        ends: dict[str, tuple[float, float]] = {}
        for name, pairs in own.items():
            mine = np.array(pairs)
            mine = mine[np.isfinite(mine[:, 0])]
            if len(mine) >= LEAST:
                ends[name] = conformal(mine[:, 0], mine[:, 1])
        out[metric] = _borrow(ends)
    return out


def _borrow(ends: Mapping[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    """Fill gaps from the next more doubtful class; else from questions without a day, aggregated serving, or wide."""
    out: dict[str, tuple[float, float]] = {}
    for dated in (False, True):
        for disagg in (False, True):
            carried = None
            for step in reversed(STEPS):
                name = interval_class(step, disagg, dated)
                carried = ends.get(name, carried)
                if dated or disagg:
                    out[name] = carried or out[interval_class(step, disagg and dated, False)]
                else:
                    out[name] = carried or UNKNOWN
    return {name: out[name] for name in CLASSES}


def covered(error: Floats, spread: Floats, ends: tuple[float, float]) -> Floats:
    """1 where the truth lies inside the interval."""
    ratio = -error / spread
    out: Floats = ((ratio >= ends[0]) & (ratio <= ends[1])).astype(np.float64)
    return out
