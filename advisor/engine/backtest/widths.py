"""Interval widths from left-out errors: conformal, per metric and class of evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from advisor.domain.record import record
from advisor.engine.backtest.grading import CLASSES, STEPS
from advisor.engine.estimator.encode import Floats
from advisor.engine.estimator.neighbours import interval_class

NOMINAL = 0.8
LEAST = 40
"""Fewer errors than this and a class borrows from the next more doubtful one."""

UNKNOWN = (-2.0, 2.0)
"""Ends, in spreads, where no class has enough errors."""

FEW = 300
"""Errors of a kind of serving at which half of what they say of its scatter is believed; those of a curve are alike."""
SCATTER = (0.6, 1.7)
"""Limits of the scatter of a kind."""

Widths = dict[str, dict[str, tuple[float, float]]]
Scatter = dict[str, dict[str, float]]


@record
class Left:
    """A left-out error with what sets its interval."""

    step: str
    """Class of interval."""
    kind: str
    """Kind of serving, see `scatter_kind`."""
    error: float
    """log(prediction/truth)."""
    spread: float


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


def fit_intervals(pools: Mapping[str, Sequence[Left]]) -> tuple[Widths, Scatter]:
    """(ends by metric and class in scattered spreads, scatter by metric and kind of serving).

    Kinds are told apart first, against ends that are the same for all of a class; ends are then set anew with each
    spread times the scatter of its kind, so that a class holds what it shall whatever the kinds say.
    """
    widths, scatter = {}, {}
    for metric, errors in pools.items():
        found = scatter_of(errors, fit_ends(errors))
        scatter[metric] = found
        widths[metric] = fit_ends([replace(e, spread=e.spread * found.get(e.kind, 1.0)) for e in errors])
    return widths, scatter


def scatter_of(errors: Sequence[Left], ends: Mapping[str, tuple[float, float]]) -> dict[str, float]:
    """How much wider than the ends of its class the interval of each kind has to be to hold NOMINAL of its errors.

    Drawn towards 1 where there are few (FEW), and within SCATTER.
    """
    by: dict[str, list[float]] = {}
    for e in errors:
        if np.isfinite(e.error):
            low, high = ends[e.step]
            ratio = -e.error / e.spread
            by.setdefault(e.kind, []).append(ratio / (high if ratio > 0 else low))
    out = {}
    for kind, places in sorted(by.items()):
        n = len(places)
        if n >= LEAST:
            apart = float(np.log(max(np.quantile(places, NOMINAL), 1e-6))) * n / (n + FEW)
            out[kind] = round(float(np.clip(np.exp(apart), *SCATTER)), 4)
    return out


def fit_ends(errors: Sequence[Left]) -> dict[str, tuple[float, float]]:
    """Ends by class in spreads; one with too few errors takes those of the next more doubtful one that has enough."""
    own: dict[str, list[tuple[float, float]]] = {}
    for e in errors:
        if np.isfinite(e.error):
            own.setdefault(e.step, []).append((e.error, e.spread))
    known = {}
    for name, pairs in own.items():
        if len(pairs) >= LEAST:
            mine = np.array(pairs)
            known[name] = conformal(mine[:, 0], mine[:, 1])
    return _borrow(known)


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
