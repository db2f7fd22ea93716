"""The backtest of the estimator on the bundled evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from advisor.domain.backtest import SURE_CALLS, BacktestResult, DecisionScore, Score
from advisor.domain.evidence import Measurement
from advisor.domain.hardware import Accelerator
from advisor.domain.model import ModelSpec
from advisor.engine.backtest.decisions import decision_cases, decision_score, draw_errors
from advisor.engine.backtest.forward import forward_in_time
from advisor.engine.backtest.goals import NOTES, goals
from advisor.engine.backtest.grading import classes_when_left_out
from advisor.engine.backtest.leave_out import SCHEMES, LeftOut, leave_out, rate_error
from advisor.engine.backtest.widths import Widths, covered, fit_widths
from advisor.engine.estimator.calibration import Truth, calibrate, truth_of
from advisor.engine.estimator.encode import Floats
from advisor.engine.estimator.fit import Fit, evidence_fingerprint
from advisor.engine.estimator.learning import Plan, learn_fit
from advisor.engine.estimator.levels import group_keys

METRICS = ("tpot_p50_s", "total_tps_per_gpu", "ttft_p50_s")
CLOSE_PREDICTED = 0.05
"""Predicted cost gap below which the winner is too close to call: the median error of a cost ratio, left out."""
DIGITS = 4
STAGE_ENDS = (0.96, 0.99)
"""Share of the whole run that is done after leaving out, and after predicting forward; for progress only."""


@dataclass(frozen=True, slots=True)
class _Scheme:
    """One scheme with everything that scoring needs."""

    name: str
    classes: list[str]
    group: NDArray[np.intp]
    error: dict[str, Floats]
    spread: dict[str, Floats]


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
    schemes = [_scheme(name, found, truth) for name, found in left.items()]
    widths = fit_widths(_pools(schemes, clean))
    odd = np.array([key in fit.targets["tpot"].level for key in group_keys(truth.points)[0]], dtype=np.bool_)
    scores = [score for scheme in schemes for score in _scores(scheme, truth, clean, odd)]
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
    return replace(fit, half_width=widths), result


def _scheme(name: str, found: LeftOut, truth: Truth) -> _Scheme:
    e, s = found.error, found.spread
    return _Scheme(
        name,
        classes_when_left_out(truth.rows, found.group),
        found.group,
        {"tpot_p50_s": e["tpot"], "total_tps_per_gpu": rate_error(e), "ttft_p50_s": e["ttft"]},
        {
            "tpot_p50_s": s["tpot"],
            "total_tps_per_gpu": np.hypot(s["tpot"], s["share"]),
            "ttft_p50_s": s["ttft"],
        },
    )


def _pools(schemes: Sequence[_Scheme], clean: NDArray[np.bool_]) -> dict[str, list[tuple[str, float, float]]]:
    pools: dict[str, list[tuple[str, float, float]]] = {}
    for metric in METRICS:
        triples: list[tuple[str, float, float]] = []
        for scheme in schemes:
            if scheme.name == "future":
                continue
            e, s = scheme.error[metric], scheme.spread[metric]
            triples += [(c, e[i], s[i]) for i, c in enumerate(scheme.classes) if c and clean[i] and np.isfinite(e[i])]
        pools[metric] = triples
    return pools


def _crossed(scheme: _Scheme, metric: str, clean: NDArray[np.bool_]) -> Floats:
    """Whether each truth lies inside an interval whose width was set without its group."""
    out = np.full(len(scheme.classes), np.nan)
    fold = _folds(scheme)
    for part in (0, 1):
        learn = clean & (fold != part)
        pool = [
            (c, scheme.error[metric][i], scheme.spread[metric][i])
            for i, c in enumerate(scheme.classes)
            if c and learn[i] and np.isfinite(scheme.error[metric][i])
        ]
        widths: Widths = fit_widths({metric: pool})
        for i in np.flatnonzero((fold == part) & np.isfinite(scheme.error[metric])):
            ends = widths[metric][scheme.classes[i]]
            out[i] = covered(scheme.error[metric][i : i + 1], scheme.spread[metric][i : i + 1], ends)[0]
    return out


def _folds(scheme: _Scheme) -> NDArray[np.intp]:
    """0 or 1 by group, so that neighbours do not set each other's width; -1 for rows that stay."""
    return np.where(scheme.group < 0, -1, (scheme.group // 8 if scheme.name == "point" else scheme.group) % 2)


def _scores(scheme: _Scheme, truth: Truth, clean: NDArray[np.bool_], odd: NDArray[np.bool_]) -> list[Score]:
    rows = truth.rows
    slices: dict[str, NDArray[np.bool_]] = {"all": np.ones(len(rows), dtype=np.bool_)}

    def trait(name: str, value: Callable[[Measurement], object]) -> None:
        values = [value(m) for m in rows]
        for v in sorted({str(x) for x in values}):
            slices[f"{name}={v}"] = np.array([str(x) == v for x in values])

    disagg = np.array([m.disagg for m in rows])
    spec = np.array([m.spec_method != "none" for m in rows])
    slices["aggregated"] = ~disagg
    slices["aggregated plain"] = ~disagg & ~spec
    slices["aggregated plain, odd stacks aside"] = ~disagg & ~spec & ~odd
    medians = np.array([m.family == "median" for m in rows])
    slices["aggregated plain medians"] = ~disagg & ~spec & medians
    slices["aggregated speculative"] = ~disagg & spec
    slices["disaggregated"] = disagg
    trait("accelerator", lambda m: m.accelerator)
    trait("family", lambda m: m.family)
    for grade in "BCD":
        slices[f"grade={grade}"] = np.array([c.startswith(grade) for c in scheme.classes])
    for name in sorted(set(scheme.classes) - {""}):
        slices[f"class={name}"] = np.array([c == name for c in scheme.classes])
    out = []
    for metric in METRICS:
        inside = _crossed(scheme, metric, clean)
        for name, mask in slices.items():
            chosen = mask & clean & np.isfinite(scheme.error[metric])
            if chosen.sum() >= 5:
                out.append(_score(scheme, metric, name, chosen, inside))
    return out


def _score(scheme: _Scheme, metric: str, name: str, chosen: NDArray[np.bool_], inside: Floats) -> Score:
    off = np.expm1(scheme.error[metric][chosen])
    return Score(
        scheme=scheme.name,
        metric=metric,
        slice=name,
        n=int(chosen.sum()),
        median_ape=round(float(np.median(np.abs(off))), DIGITS),
        mean_ape=round(float(np.mean(np.abs(off))), DIGITS),
        bias=round(float(np.median(off)), DIGITS),
        coverage=round(float(np.nanmean(inside[chosen])), DIGITS),
    )


def _decisions(
    truth: Truth,
    clean: NDArray[np.bool_],
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
            truth.rows, usable, source.error["tpot"], rate_error(source.error), prices,
            disagg=disagg, close=CLOSE_PREDICTED, drawn=draws,
        )  # fmt: skip
        score = decision_score(label, cases)
        if score is not None:
            found.append(score)
    return found
