"""Levels of stacks that lie far from all their kin."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from advisor.engine.estimator.calibration import Truth, doubts_among, residuals, truth_of
from advisor.engine.estimator.covariance import Vocabulary, encode, take
from advisor.engine.estimator.encode import Floats, months_since_epoch
from advisor.engine.estimator.kriging import covariance_matrix
from advisor.engine.estimator.levels import Doubts, Offsets, Settled, group_keys
from advisor.engine.estimator.targets import term_shares
from tests.estimator_kit import bundled_fit, catalog, evidence

ODD = "h200|llama70b|fp8|trt|False|False||"


def _world() -> tuple[Truth, Floats, Floats]:
    """Few rows, what physics leaves of their TPOT, and the covariance with noise."""
    models, parts = ("llama70b", "gptoss120b"), ("h200", "mi300x", "b200")
    rows = [m for m in evidence() if m.model in models and m.accelerator in parts and m.family == "median"]
    truth = truth_of(rows[::3], catalog().models, catalog().accelerators)
    fit = bundled_fit()
    left, step = residuals(truth, fit)
    c = fit.targets["tpot"].covariance
    points = take(encode(truth.points, Vocabulary()), np.arange(len(truth.rows)))
    matrix = covariance_matrix(c, points, term_shares(step, c.shares))
    matrix[np.diag_indices(len(matrix))] += c.noise**2 * truth.variance
    return truth, left["tpot"], matrix


def _doubts(truth: Truth, matrix: Floats, residual: Floats, rows: np.ndarray) -> Doubts:
    inverse = np.linalg.inv(matrix[np.ix_(rows, rows)])
    return Doubts(inverse, inverse @ residual[rows], truth.points.take(rows), np.ones(len(rows), np.bool_))


def _shift_of_kin(matrix: Floats, others: np.ndarray, kin: np.ndarray, settled: Settled) -> Floats:
    """What the shifted stack says of its kin."""
    return matrix[np.ix_(kin, ~others)] @ settled.weights[~others]


def test_a_shifted_stack_gets_its_shift_as_level_and_moves_no_other() -> None:
    truth, residual, matrix = _world()
    shifted = np.array([key == ODD for key in group_keys(truth.points)[0]])
    assert 5 < shifted.sum() < len(shifted)
    every = np.arange(len(shifted))
    before = _doubts(truth, matrix, residual, every).settle()
    after = _doubts(truth, matrix, residual + 2.0 * shifted, every).settle()
    assert ODD not in before.levels
    assert after.levels[ODD] == pytest.approx(2.0, abs=0.6)  # shrunk towards the kin
    kin = np.array([m.model == "llama70b" and m.accelerator == "b200" for m in truth.rows])
    moved = [np.abs(_shift_of_kin(matrix, ~shifted, kin, s)).mean() for s in (before, after)]
    plain = np.linalg.solve(matrix, residual + 2.0 * shifted)
    naive = np.abs(_shift_of_kin(matrix, ~shifted, kin, replace(after, weights=plain))).mean()
    assert moved[1] < 0.5 * naive


def test_leaving_out_in_closed_form_is_doubting_without_the_group() -> None:
    truth, residual, matrix = _world()
    keys = group_keys(truth.points)
    residual = residual + 2.0 * np.array([key == ODD for key in keys[0]])
    every = np.arange(len(residual))
    group = np.flatnonzero([m.accelerator == "h200" and m.isl == 8192 for m in truth.rows])
    kept = np.setdiff1d(every, group)
    without = _doubts(truth, matrix, residual, every).without(group)
    again = _doubts(truth, matrix, residual, kept).settle()
    assert without.weights[kept] == pytest.approx(again.weights, rel=2e-3, abs=1e-4)
    assert not without.weights[group].any()
    own = [without.level(keys[0][i]) for i in group]
    want = Offsets({key: level for key, level in again.levels.items() if key.endswith("||")})
    assert own == pytest.approx(want.of(truth.points.take(group)), rel=1e-3, abs=1e-4)
    assert max(own) > 1.0


def test_one_row_is_left_out_as_a_group_of_one() -> None:
    truth, residual, matrix = _world()
    residual = residual + 2.0 * np.array([key == ODD for key in group_keys(truth.points)[0]])
    doubts = _doubts(truth, matrix, residual, np.arange(len(residual)))
    row = next(i for i, key in enumerate(group_keys(truth.points)[0]) if key == ODD)
    fast, slow = doubts.settle().without(np.array([row])), doubts.without(np.array([row]))
    assert fast.level(ODD) == pytest.approx(slow.level(ODD), abs=0.1)  # the doubts themselves hardly hang on one row
    assert fast.weights[row] == slow.weights[row] == 0.0


def test_disaggregated_rows_and_fields_apart_are_not_doubted() -> None:
    truth, residual, matrix = _world()
    every = np.arange(len(residual))
    shifted = residual + 2.0 * np.array([key == ODD for key in group_keys(truth.points)[0]])
    doubts = [doubts_among(truth, bundled_fit(), n, every, matrix, shifted) for n in ("tpot", "tpot_disagg")]
    assert ODD in doubts[0].settle().levels
    assert doubts[1].settle().levels == {}


def test_runs_of_a_day_that_are_off_hold_for_that_day_alone() -> None:
    truth, residual, matrix = _world()
    odd = np.array([key == ODD for key in group_keys(truth.points)[0]])
    off = np.flatnonzero(odd)[::2]
    kind, month = truth.points.kind.copy(), truth.points.month.copy()
    kind[off], month[off] = 1.0, months_since_epoch(date(2026, 3, 1))
    points = replace(truth.points, kind=kind, month=month)
    shift = np.zeros(len(odd))
    shift[off] = 1.5
    levels = _doubts(replace(truth, points=points), matrix, residual + shift, np.arange(len(odd))).settle().levels
    day = ODD.removesuffix("|") + "@2026-03-01|"
    assert levels[day] > 0.5
    ask = points.take(off[:1])
    assert Offsets({day: 0.7}).of(ask)[0] == 0.7
    assert Offsets({day: 0.7}).of(replace(ask, month=ask.month + 1 / 30.4))[0] == 0.0
    assert Offsets({day: 0.7}).of(truth.points.take(off[:1]))[0] == 0.0


def test_offsets_hold_where_they_were_measured_and_fade_with_length() -> None:
    truth, _, _ = _world()
    row = next(i for i, key in enumerate(group_keys(truth.points)[0]) if key == ODD)
    point = truth.points.take(np.array([row]))
    stack, deployment, shape, curve, day = (keys[0] for keys in group_keys(point))
    assert day == ""  # a median over runs
    offsets = Offsets({stack: 1.0, deployment: 0.1, shape: 0.01, curve: 0.001})
    assert offsets.of(point)[0] == pytest.approx(1.111)
    longer = replace(point, isl=point.isl * 2)
    assert offsets.of(longer)[0] == pytest.approx(1.1 + 0.011 * np.exp(-2.0))
    assert offsets.of(replace(point, tp=point.tp * 2))[0] == pytest.approx(1.01)
    assert offsets.of(replace(point, precision=("fp4",)))[0] == 0.0
    assert Offsets({}).of(point).tolist() == [0.0]
