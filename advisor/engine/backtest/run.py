"""The backtest of the estimator on the bundled evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from advisor.domain.backtest import SURE_CALLS, BacktestResult, DecisionScore
from advisor.domain.evidence import Measurement
from advisor.domain.hardware import Accelerator
from advisor.domain.model import ModelSpec
from advisor.engine.backtest.decisions import decision_cases, decision_score, draw_errors
from advisor.engine.backtest.forward import forward_in_time
from advisor.engine.backtest.goals import NOTES, goals
from advisor.engine.backtest.leave_out import SCHEMES, LeftOut, leave_out, rate_error
from advisor.engine.backtest.repeats import yardsticks
from advisor.engine.backtest.scoring import Mask, intervals_of, scheme_of, scores_of
from advisor.engine.estimator.calibration import Truth, calibrate, truth_of
from advisor.engine.estimator.fit import Fit, evidence_fingerprint
from advisor.engine.estimator.groups import group_keys
from advisor.engine.estimator.learning import Plan, learn_fit
from advisor.engine.estimator.typical import are_dated

CLOSE_PREDICTED = 0.05
"""Predicted cost gap below which the winner is too close to call: the median error of a cost ratio, left out."""
STAGE_ENDS = (0.96, 0.99)
"""Share of the whole run that is done after leaving out, and after predicting forward; for progress only."""


def calibrate_and_backtest(
    rows: Sequence[Measurement],
    models: Mapping[str, ModelSpec],
    accelerators: Mapping[str, Accelerator],
    start: Fit,
    prices: Mapping[str, float],
    *,
    learn: Plan | None = None,
) -> tuple[Fit, BacktestResult]:
    """Fit the weights, leave everything out in turn, and set the interval widths from that.

    Parameters
    ----------
    start
        Physics coefficients and covariances to keep.
    learn
        Learn the covariances anew instead, from a generic start.
    """
    if learn is not None:
        start = learn_fit(rows, models, accelerators, start, learn)
    fit = calibrate(rows, models, accelerators, start, fingerprint=evidence_fingerprint(rows))
    return run_backtest(rows, models, accelerators, fit, prices)


def run_backtest(
    rows: Sequence[Measurement],
    models: Mapping[str, ModelSpec],
    accelerators: Mapping[str, Accelerator],
    fit: Fit,
    prices: Mapping[str, float],
    *,
    told: Callable[[str, float], None] = lambda _stage, _share: None,
) -> tuple[Fit, BacktestResult]:
    """Score the fit on evidence that it has not seen; the fit comes back with the interval widths that follow.

    Parameters
    ----------
    prices
        USD per GPU and hour by accelerator, for the decision score.
    told
        Hears the stage and how much of the whole is done, 0 to 1.
    """
    told("reading the evidence", 0.0)
    truth = truth_of(rows, models, accelerators)
    left = leave_out(
        truth, fit, (*SCHEMES, "model_shape_any"), joint="model_shape_any",
        told=lambda share: told("predicting what was left out", share * STAGE_ENDS[0]),
    )  # fmt: skip
    any_shape = left.pop("model_shape_any")
    told("predicting the future from the past", STAGE_ENDS[0])
    left["future"] = forward_in_time(truth, fit)
    told("scoring predictions and decisions", STAGE_ENDS[1])
    clean = truth.noise <= 1.0
    schemes = [scheme_of(name, found, truth) for name, found in left.items()]
    widths, scatter = intervals_of(schemes, clean, are_dated(truth.rows))
    odd = np.array([key in fit.targets["tpot"].level for key in group_keys(truth.points)[0]], dtype=np.bool_)
    scores = [score for scheme in schemes for score in scores_of(scheme, truth, clean, odd)]
    decisions = _decisions(truth, clean, left, any_shape, prices)
    result = BacktestResult(
        fingerprint=evidence_fingerprint(rows),
        measurements=sum(m.family != "vendor_ci" for m in truth.rows),
        scores=tuple(scores),
        decisions=tuple(decisions),
        targets=tuple(goals(scores, decisions)),
        prices_usd_per_gpu_hour={k: round(v, 2) for k, v in sorted(prices.items())},
        notes=NOTES,
    )
    return replace(fit, half_width=widths, scatter=scatter), result


def _decisions(
    truth: Truth,
    clean: Mask,
    left: Mapping[str, LeftOut],
    any_shape: LeftOut,
    prices: Mapping[str, float],
) -> list[DecisionScore]:
    usable = [bool(c) and m.family == "median" for c, m in zip(clean, truth.rows, strict=True)]
    drawn = draw_errors(len(truth.rows), any_shape.joint["tpot"], any_shape.joint["share"])
    found = []
    for label, source, disagg, draws in (
        ("aggregated serving", any_shape, False, None),
        ("aggregated serving, another shape of the model known", left["model_shape"], False, None),
        ("aggregated and disaggregated serving", any_shape, True, None),
        ("aggregated serving, nothing left out but the point", left["point"], False, None),
        (SURE_CALLS, any_shape, False, drawn),
    ):
        cases = decision_cases(
            truth.rows, usable, source.as_run.error["tpot"], rate_error(source.as_run.error), prices,
            disagg=disagg, close=CLOSE_PREDICTED, drawn=draws,
        )  # fmt: skip
        score = decision_score(label, cases)
        if score is not None:
            found.append(score)
    return found + yardsticks(truth, usable, prices, CLOSE_PREDICTED)
