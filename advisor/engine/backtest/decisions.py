"""Would the advice have been right? Accelerators ranked by cost on predictions, judged on measurements."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from advisor.domain.backtest import DecisionCase, DecisionScore
from advisor.domain.evidence import Measurement
from advisor.engine.estimator.encode import Floats
from advisor.engine.estimator.neighbours import curve_key

LEVELS_TPS = (20.0, 30.0, 50.0, 75.0, 100.0, 150.0)
"""Interactivity levels [tokens/s per user]."""
CLOSE_MEASURED = 0.10
"""Measured costs this near count as a tie, as the score is defined."""
WORST_SHOWN = 5
DRAWS = 64
SURE = 0.9
"""Share of draws in which the winner must be cheaper than the second: the 80 % interval of their ratio leaves out 1."""
SECONDS_PER_HOUR = 3600.0
RIDGE = 1e-9
"""Added to variances so that rounding leaves a root [log²]."""
Joint = Sequence[tuple[NDArray[np.intp], Floats]]


@dataclass(frozen=True, slots=True)
class _Curve:
    tpot: Floats
    rate: Floats
    tpot_predicted: Floats
    rate_predicted: Floats
    tpot_drawn: Floats
    """Draws x points; no rows where no draws were made."""
    rate_drawn: Floats


@dataclass(frozen=True, slots=True)
class Drawn:
    """Errors that predictions of left-out rows may have by their own account [log], draws x rows."""

    tpot: Floats
    rate: Floats


def draw_errors(n: int, tpot: Joint, share: Joint, *, seed: int = 0) -> Drawn:
    """Errors of TPOT and rate drawn from the joint distribution of each left-out group.

    Rows of one group err together: what all accelerators have in common cancels in a comparison of costs.

    Parameters
    ----------
    n
        Number of rows.
    tpot, share
        Rows and covariance of each group.
    """
    rng = np.random.default_rng(seed)
    drawn = []
    for groups in (tpot, share):
        values = np.zeros((DRAWS, n))
        for rows, covariance in groups:
            root = np.linalg.cholesky(covariance + RIDGE * np.eye(len(rows)))
            values[:, rows] = rng.normal(size=(DRAWS, len(rows))) @ root.T
        drawn.append(values)
    return Drawn(drawn[0], drawn[1] - drawn[0])


def rate_at(tpot: Floats, rate: Floats, limit_s: float) -> float | None:
    """Largest rate on a curve whose TPOT keeps a limit, interpolated in logs; None where none does.

    >>> import numpy as np
    >>> round(rate_at(np.array([0.01, 0.04]), np.array([100.0, 400.0]), 0.02), 1)
    200.0
    """
    order = np.argsort(tpot)
    t, r = tpot[order], rate[order]
    inside = t <= limit_s
    if not inside.any():
        return None
    best = float(r[inside].max())
    k = int(inside.sum())
    if k < len(t) and t[k] > t[k - 1]:
        w = math.log(limit_s / t[k - 1]) / math.log(t[k] / t[k - 1])
        best = max(best, float(np.exp((1 - w) * np.log(r[k - 1]) + w * np.log(r[k]))))
    return best


def decision_cases(
    rows: Sequence[Measurement],
    usable: Sequence[bool],
    tpot_error: Floats,
    rate_error: Floats,
    prices: Mapping[str, float],
    *,
    disagg: bool,
    close: float,
    drawn: Drawn | None = None,
) -> list[DecisionCase]:
    """Every comparison of two or more priced accelerators at one level.

    Parameters
    ----------
    tpot_error, rate_error
        Log of prediction over measurement, each row left out with its model and shape.
    disagg
        Whether disaggregated serving takes part.
    close
        Predicted cost gap below which the program says "too close to call".
    drawn
        Where given, only comparisons come back whose winner is cheaper than the second in SURE of the draws.
    """
    no_draws = np.empty((0, len(rows)))
    shift = drawn or Drawn(no_draws, no_draws)
    curves: dict[tuple[str, str, str], dict[str, list[_Curve]]] = defaultdict(lambda: defaultdict(list))
    members: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for i, m in enumerate(rows):
        if usable[i] and m.accelerator in prices and np.isfinite(rate_error[i]) and (disagg or not m.disagg):
            members[(*curve_key(m, m.model), m.gpus, m.prefill_workers, m.decode_workers)].append(i)
    for ids in members.values():
        m = rows[ids[0]]
        tpot = np.array([rows[i].tpot_p50_s for i in ids], dtype=np.float64)
        rate = np.array([rows[i].total_tps_per_gpu for i in ids], dtype=np.float64)
        t, r = tpot * np.exp(tpot_error[ids]), rate * np.exp(rate_error[ids])
        curve = _Curve(tpot, rate, t, r, t * np.exp(shift.tpot[:, ids]), r * np.exp(shift.rate[:, ids]))
        curves[m.model, m.precision, f"{m.isl}/{m.osl}"][m.accelerator].append(curve)
    out = []
    for (model, precision, shape), by_accelerator in sorted(curves.items()):
        for level in LEVELS_TPS:
            case = _case(by_accelerator, prices, level, close)
            if case is not None:
                out.append(_named(model, precision, shape, level, case))
    return out


def _named(
    model: str, precision: str, shape: str, level: float, case: tuple[str, str, float, bool, bool]
) -> DecisionCase:
    chosen, best, regret, too_close, right = case
    return DecisionCase(
        model=model,
        precision=precision,
        shape=shape,
        interactivity_tps=level,
        chosen=chosen,
        best=best,
        regret=regret,
        too_close=too_close,
        right=right,
    )


def _case(
    curves: Mapping[str, Sequence[_Curve]], prices: Mapping[str, float], level: float, close: float
) -> tuple[str, str, float, bool, bool] | None:
    measured: dict[str, float] = {}
    predicted: dict[str, float] = {}
    for accelerator, parts in curves.items():
        found = [rate_at(c.tpot, c.rate, 1 / level) for c in parts]
        rates = [r for r in found if r is not None]
        if not rates:
            continue
        measured[accelerator] = usd_per_mtok(prices[accelerator], max(rates))
        guessed = [rate_at(c.tpot_predicted, c.rate_predicted, 1 / level) for c in parts]
        promises = [r for r in guessed if r is not None]
        predicted[accelerator] = usd_per_mtok(prices[accelerator], max(promises)) if promises else math.inf
    if len(measured) < 2 or all(math.isinf(cost) for cost in predicted.values()):
        return None
    ranking = sorted(predicted, key=lambda a: (predicted[a], a))
    chosen, second = ranking[0], ranking[1]
    if not _sure(curves[chosen], curves[second], prices[chosen] / prices[second], level):
        return None
    best = min(measured, key=lambda a: (measured[a], a))
    gap = predicted[second] / predicted[chosen] - 1
    too_close = gap < close
    if too_close:
        right = max(measured[chosen], measured[second]) / min(measured[chosen], measured[second]) - 1 <= CLOSE_MEASURED
    else:
        right = chosen == best
    return chosen, best, measured[chosen] / measured[best] - 1, too_close, right


def _sure(chosen: Sequence[_Curve], second: Sequence[_Curve], price_ratio: float, level: float) -> bool:
    """Whether the one is cheaper in SURE of the draws; always where there are none."""
    ours, theirs = (_best_drawn(curves, level) for curves in (chosen, second))
    return not len(ours) or float(np.mean(ours > theirs * price_ratio)) >= SURE


def _best_drawn(curves: Sequence[_Curve], level: float) -> Floats:
    """Largest rate on any of the curves at a level in each draw; 0 where none keeps it."""
    best = np.zeros(len(curves[0].tpot_drawn))
    for c in curves:
        for k, (tpot, rate) in enumerate(zip(c.tpot_drawn, c.rate_drawn, strict=True)):
            best[k] = max(best[k], rate_at(tpot, rate, 1 / level) or 0.0)
    return best


def usd_per_mtok(usd_per_gpu_hour: float, tps_per_gpu: float) -> float:
    """USD per million tokens, input and output, of a GPU at full load."""
    return usd_per_gpu_hour / (tps_per_gpu * SECONDS_PER_HOUR) * 1e6


def decision_score(label: str, cases: Sequence[DecisionCase]) -> DecisionScore | None:
    """Aggregate of comparisons; None where there are none."""
    if not cases:
        return None
    n = len(cases)
    return DecisionScore(
        label=label,
        n=n,
        right_share=round(sum(c.right for c in cases) / n, 4),
        mean_regret=round(sum(c.regret for c in cases) / n, 4),
        worst_regret=round(max(c.regret for c in cases), 4),
        too_close_share=round(sum(c.too_close for c in cases) / n, 4),
        worst=tuple(sorted(cases, key=lambda c: -c.regret)[:WORST_SHOWN]),
    )
