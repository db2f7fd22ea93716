"""What a second measurement would score: the yardstick beside which the decision score is to be read.

A cost at an interactivity answers to TPOT three- to fivefold where a curve is flat, so that a few percent of it change
the winner. How far runs of one operating point lie from the median over its runs is known where both are published.
Put in place of predictions, a run of another day differs in what its stack changed since and in noise, one of the same
software in noise alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from advisor.domain.backtest import ANOTHER_DAY, SAME_SOFTWARE, DecisionScore
from advisor.engine.backtest.decisions import decision_cases, decision_score
from advisor.engine.estimator.calibration import Truth
from advisor.engine.estimator.encode import Floats, distinct
from advisor.engine.estimator.neighbours import curve_key

REPEATS = 20
"""Times that every measurement is repeated."""
LEAST_OF_A_DAY = 3
"""Points of a curve on one day from which their common change and their noise are told apart."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How runs lie from medians [log], as columns TPOT and tokens/s."""

    of_days: Floats
    """What the points of a curve on one day have in common, days x 2."""
    of_runs: Floats
    """What is left of each point, runs x 2."""


def spread_of_runs(truth: Truth, usable: Sequence[bool]) -> Spread:
    """Runs of aggregated serving against the medians of their operating points.

    Parameters
    ----------
    usable
        Rows that are not flagged.
    """
    medians: dict[tuple[object, ...], int] = {}
    for i, m in enumerate(truth.rows):
        if m.family == "median" and usable[i] and not m.disagg:
            medians[(*curve_key(m, m.model), m.concurrency)] = i
    days: dict[tuple[object, ...], list[tuple[float, float]]] = defaultdict(list)
    for i, m in enumerate(truth.rows):
        key = curve_key(m, m.model)
        median = medians.get((*key, m.concurrency))
        if m.family == "single_run" and usable[i] and median is not None:
            apart = truth.tpot_s[i] / truth.tpot_s[median], truth.total_tps[i] / truth.total_tps[median]
            days[(*key, m.date)].append((float(np.log(apart[0])), float(np.log(apart[1]))))
    known = [np.array(of_day) for of_day in days.values() if len(of_day) >= LEAST_OF_A_DAY]
    if not known:
        return Spread(np.empty((0, 2)), np.empty((0, 2)))
    common = [of_day.mean(0) for of_day in known]
    left = [
        (of_day - mean) * np.sqrt(len(of_day) / (len(of_day) - 1)) for of_day, mean in zip(known, common, strict=True)
    ]
    return Spread(np.stack(common), np.concatenate(left))


def yardsticks(
    truth: Truth, usable: Sequence[bool], prices: Mapping[str, float], close: float, *, seed: int = 0
) -> list[DecisionScore]:
    """Decision scores of second measurements, means over REPEATS of them; none where no run can be held to a median.

    Parameters
    ----------
    usable
        Rows that the decision score compares.
    close
        Cost gap below which a call is too close.
    """
    spread = spread_of_runs(truth, [bool(n <= 1.0) for n in truth.noise])
    if not len(spread.of_days):
        return []
    stack = _stacks(truth)
    out = []
    for label, drift in ((ANOTHER_DAY, 1.0), (SAME_SOFTWARE, 0.0)):
        rng = np.random.default_rng(seed)
        scores = []
        for _ in range(REPEATS):
            of_stack = drift * spread.of_days[rng.integers(len(spread.of_days), size=int(stack.max()) + 1)]
            error = of_stack[stack] + spread.of_runs[rng.integers(len(spread.of_runs), size=len(stack))]
            cases = decision_cases(truth.rows, usable, error[:, 0], error[:, 1], prices, disagg=False, close=close)
            score = decision_score(label, cases)
            if score is not None:
                scores.append(score)
        if scores:
            out.append(_mean(label, scores))
    return out


def _stacks(truth: Truth) -> NDArray[np.intp]:
    """Number of each row's stack at its lengths, whose points change together."""
    return distinct(
        (m.accelerator, m.model, m.precision, m.engine, m.spec_method, m.disagg, m.isl, m.osl) for m in truth.rows
    )[1]


def _mean(label: str, scores: Sequence[DecisionScore]) -> DecisionScore:
    def of(name: str) -> float:
        return round(float(np.mean([getattr(s, name) for s in scores])), 4)

    return DecisionScore(
        label=label, n=scores[0].n, right_share=of("right_share"), mean_regret=of("mean_regret"),
        worst_regret=of("worst_regret"), too_close_share=of("too_close_share"), worst=(),
    )  # fmt: skip
