"""Errors of what was left out, held against the measurements: by scheme, metric and slice of the evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from advisor.domain.backtest import Score
from advisor.domain.evidence import Measurement
from advisor.engine.backtest.grading import steps_when_left_out
from advisor.engine.backtest.leave_out import Errors, LeftOut, rate_error, total_is_open
from advisor.engine.backtest.widths import Left, Scatter, Widths, covered, fit_intervals
from advisor.engine.estimator.calibration import Truth
from advisor.engine.estimator.encode import Floats
from advisor.engine.estimator.neighbours import interval_class, scatter_kind
from advisor.engine.estimator.typical import are_dated

METRICS = ("tpot_p50_s", "total_tps_per_gpu", "ttft_p50_s")
NO_DAY = "no day asked"
FEWEST = 5
"""Rows below which a slice has no score."""
DIGITS = 4
FOLDS = 10
"""Parts of the groups; each is held against widths that the others set, nearly as many as set those that ship."""
TOGETHER = 8
"""Points that are of one part, so that neighbours do not set each other's width."""
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Predicted:
    """Errors and spreads by metric, with the class of interval that each row has under this question."""

    classes: list[str]
    """Empty for rows that stay."""
    kinds: list[str]
    """Kind of serving of each row, see `scatter_kind`."""
    error: Mapping[str, Floats]
    spread: Mapping[str, Floats]


@dataclass(frozen=True, slots=True)
class Scheme:
    """One scheme with everything that scoring needs."""

    name: str
    group: NDArray[np.intp]
    as_run: Predicted
    undated: Predicted


def scheme_of(name: str, found: LeftOut, truth: Truth) -> Scheme:
    """A scheme from what it left out."""
    steps = steps_when_left_out(truth.rows, found.group)
    dated = are_dated(truth.rows).tolist()
    no_day = [False] * len(dated)
    return Scheme(
        name, found.group, _predicted(found.as_run, truth, steps, dated),
        _predicted(found.undated, truth, steps, no_day),
    )  # fmt: skip


def _predicted(errors: Errors, truth: Truth, steps: Sequence[str], dated: Sequence[bool]) -> Predicted:
    e, s, p = errors.error, errors.spread, truth.points
    rows = zip(steps, truth.rows, dated, strict=True)
    return Predicted(
        [step and interval_class(step, m.disagg, day) for step, m, day in rows],
        [scatter_kind(a, s, d) for a, s, d in zip(p.accelerators, p.spec.tolist(), p.disagg.tolist(), strict=True)],
        {"tpot_p50_s": e["tpot"], "total_tps_per_gpu": rate_error(e), "ttft_p50_s": e["ttft"]},
        {"tpot_p50_s": s["tpot"], "total_tps_per_gpu": np.hypot(s["tpot"], s["share"]), "ttft_p50_s": s["ttft"]},
    )


def intervals_of(schemes: Sequence[Scheme], clean: Mask, dated: Mask) -> tuple[Widths, Scatter]:
    """Interval widths and scatter from the errors of all schemes but the future.

    A dated run counts twice: as a question for its day, and as one without a day.
    """
    pools: dict[str, list[Left]] = {}
    for metric in METRICS:
        pools[metric] = []
        for scheme in schemes:
            if scheme.name != "future":
                pools[metric] += _pool(scheme.as_run, metric, clean)
                pools[metric] += _pool(scheme.undated, metric, clean & dated)
    return fit_intervals(pools)


def _pool(found: Predicted, metric: str, chosen: Mask) -> list[Left]:
    e, s, kinds = found.error[metric].tolist(), found.spread[metric].tolist(), found.kinds
    good = chosen & np.isfinite(found.error[metric])
    return [Left(c, kinds[i], e[i], s[i]) for i, c in enumerate(found.classes) if c and good[i]]


def scores_of(scheme: Scheme, truth: Truth, clean: Mask, odd: Mask) -> list[Score]:
    """Scores of all metrics over all slices that have rows enough.

    Parameters
    ----------
    clean
        Rows that are scored.
    odd
        Rows of stacks that are measured far from their kin.
    """
    slices = _slices(scheme, truth.rows, odd)
    plain = slices["aggregated plain"]
    no_day: dict[str, Mask] = {} if scheme.name == "future" else {
        NO_DAY: slices["all"],
        f"aggregated plain, {NO_DAY}": plain,
        f"family=single_run, {NO_DAY}": slices.get("family=single_run", np.zeros_like(plain)),
    }  # fmt: skip
    out = []
    for metric in METRICS:
        for found, parts in ((scheme.as_run, slices), (scheme.undated, no_day)):
            if not parts:
                continue
            inside = _crossed(scheme, found, metric, clean)
            for name, mask in parts.items():
                chosen = mask & clean & np.isfinite(found.error[metric])
                if chosen.sum() >= FEWEST:
                    out.append(_score(scheme.name, metric, name, found.error[metric][chosen], inside[chosen]))
    return out


def _slices(scheme: Scheme, rows: Sequence[Measurement], odd: Mask) -> dict[str, Mask]:
    out: dict[str, Mask] = {"all": np.ones(len(rows), dtype=np.bool_)}

    def trait(name: str, value: Callable[[Measurement], object]) -> None:
        values = [str(value(m)) for m in rows]
        for v in sorted(set(values)):
            out[f"{name}={v}"] = np.array([x == v for x in values])

    disagg = np.array([m.disagg for m in rows])
    spec = np.array([m.spec_method != "none" for m in rows])
    out["aggregated"] = ~disagg
    out["aggregated plain"] = ~disagg & ~spec
    out["aggregated plain, odd stacks aside"] = ~disagg & ~spec & ~odd
    out["aggregated speculative"] = ~disagg & spec
    out["disaggregated"] = disagg
    assumed = total_is_open(rows)
    out["disaggregated, total stated"] = disagg & ~assumed
    out["disaggregated, total assumed"] = assumed
    trait("accelerator", lambda m: m.accelerator)
    trait("family", lambda m: m.family)
    for grade in "BCD":
        out[f"grade={grade}"] = np.array([c.startswith(grade) for c in scheme.as_run.classes])
    for name in sorted(set(scheme.as_run.classes) - {""}):
        out[f"class={name}"] = np.array([c == name for c in scheme.as_run.classes])
    return out


def _crossed(scheme: Scheme, found: Predicted, metric: str, clean: Mask) -> Floats:
    """Whether each truth lies inside an interval whose width was set without its group."""
    out = np.full(len(found.classes), np.nan)
    error, spread = found.error[metric], found.spread[metric]
    fold = _folds(scheme)
    for part in range(FOLDS):
        widths, scatter = fit_intervals({metric: _pool(found, metric, clean & (fold != part))})
        for i in np.flatnonzero((fold == part) & np.isfinite(error)):
            own = spread[i : i + 1] * scatter[metric].get(found.kinds[i], 1.0)
            out[i] = covered(error[i : i + 1], own, widths[metric][found.classes[i]])[0]
    return out


def _folds(scheme: Scheme) -> NDArray[np.intp]:
    """Part of each row by its group; -1 for rows that stay."""
    fine = scheme.name in ("run", "point")
    return np.where(scheme.group < 0, -1, (scheme.group // TOGETHER if fine else scheme.group) % FOLDS)


def _score(scheme: str, metric: str, name: str, error: Floats, inside: Floats) -> Score:
    off = np.expm1(error)
    return Score(
        scheme=scheme,
        metric=metric,
        slice=name,
        n=len(off),
        median_ape=round(float(np.median(np.abs(off))), DIGITS),
        mean_ape=round(float(np.mean(np.abs(off))), DIGITS),
        bias=round(float(np.median(off)), DIGITS),
        coverage=round(float(np.nanmean(inside)), DIGITS),
    )
