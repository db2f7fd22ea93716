"""Levels of stacks that lie far from all their kin."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from advisor.engine.estimator.calibration import Truth, doubts_among, residuals, truth_of
from advisor.engine.estimator.covariance import Vocabulary, encode, take
from advisor.engine.estimator.encode import Floats, months_since_epoch
from advisor.engine.estimator.groups import PROMPTS, affected, group_keys
from advisor.engine.estimator.kriging import covariance_matrix
from advisor.engine.estimator.levels import Doubts, Settled
from advisor.engine.estimator.offsets import Offsets
from advisor.engine.estimator.targets import Step, term_shares
from tests.estimator_kit import bundled_fit, catalog, evidence

ODD = "h200|llama70b|fp8|trt|False|False||"
NONE = np.zeros((1, 1))
"""No part of a step goes into prompts."""


def _world() -> tuple[Truth, Floats, Floats]:
    """Few rows, what physics leaves of their TPOT, and the covariance with noise."""
    truth, left, matrix, _ = _whole_world()
    return truth, left, matrix


def _whole_world() -> tuple[Truth, Floats, Floats, Step]:
    """The same with the steps."""
    models, parts = ("llama70b", "gptoss120b"), ("h200", "mi300x", "b200")
    rows = [m for m in evidence() if m.model in models and m.accelerator in parts and m.family == "median"]
    truth = truth_of(rows[::3], catalog().models, catalog().accelerators)
    fit = bundled_fit()
    left, step = residuals(truth, fit)
    c = fit.targets["tpot"].covariance
    points = take(encode(truth.points, Vocabulary()), np.arange(len(truth.rows)))
    matrix = covariance_matrix(c, points, term_shares(step, c.shares))
    matrix[np.diag_indices(len(matrix))] += c.noise**2 * truth.variance
    return truth, left["tpot"], matrix, step


def _prompts(truth: Truth) -> Floats:
    """Part of each row's step that goes into the prompts of others."""
    return residuals(truth, bundled_fit())[1].shares["prefill"][:, 0]


def _doubts(truth: Truth, matrix: Floats, residual: Floats, rows: np.ndarray) -> Doubts:
    inverse, every = np.linalg.inv(matrix[np.ix_(rows, rows)]), np.ones(len(rows), np.bool_)
    return Doubts(inverse, inverse @ residual[rows], truth.points.take(rows), _prompts(truth)[rows], every)


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
    assert own == pytest.approx(want.of(truth.points.take(group), np.zeros((len(group), 1)))[:, 0], rel=1e-3, abs=1e-4)
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
    truth, residual, matrix, step = _whole_world()
    every = np.arange(len(residual))
    shifted = residual + 2.0 * np.array([key == ODD for key in group_keys(truth.points)[0]])
    doubts = [doubts_among(truth, step, bundled_fit(), n, every, matrix, shifted) for n in ("tpot", "tpot_disagg")]
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
    assert Offsets({day: 0.7}).of(ask, NONE)[0, 0] == 0.7
    assert Offsets({day: 0.7}).of(replace(ask, month=ask.month + 1 / 30.4), NONE)[0, 0] == 0.0
    assert Offsets({day: 0.7}).of(truth.points.take(off[:1]), NONE)[0, 0] == 0.0


def test_offsets_hold_where_they_were_measured_and_fade_with_length() -> None:
    truth, _, _ = _world()
    row = next(i for i, key in enumerate(group_keys(truth.points)[0]) if key == ODD)
    point = truth.points.take(np.array([row]))
    stack, deployment, shape, curve, day = (keys[0] for keys in group_keys(point)[:5])
    assert day == ""  # a median over runs
    offsets = Offsets({stack: 1.0, deployment: 0.1, shape: 0.01, curve: 0.001})
    assert offsets.of(point, NONE)[0, 0] == pytest.approx(1.111)
    longer = replace(point, isl=point.isl * 2)
    assert offsets.of(longer, NONE)[0, 0] == pytest.approx(1.1 + 0.011 * np.exp(-2.0))
    assert offsets.of(replace(point, tp=point.tp * 2), NONE)[0, 0] == pytest.approx(1.01)
    assert offsets.of(replace(point, precision=("fp4",)), NONE)[0, 0] == 0.0
    assert Offsets({}).of(point, NONE).tolist() == [[0.0]]


def test_prompts_that_are_off_count_by_their_part_of_the_step_beside_what_moves_it_all() -> None:
    truth, _, _ = _world()
    point = truth.points.take(np.array([0]))
    stack, deployment, shape = (keys[0] for keys in group_keys(point)[:3])
    parts = np.array([[0.0, 0.2, 0.6, 1.0]])
    prompts = Offsets({f"{stack}|{PROMPTS}": 1.5}).of(point, parts)[0]
    assert prompts == pytest.approx(1.5 * affected(parts)[0])
    assert prompts[[0, 3]] == pytest.approx([0.0, 1.5])
    assert (np.diff(prompts) > 0).all()
    both = Offsets({f"{stack}|{PROMPTS}": 1.5, stack: 0.3, f"{deployment}|{PROMPTS}": 0.1}).of(point, parts)[0]
    assert both == pytest.approx(0.3 + 1.6 * affected(parts)[0])
    faded = Offsets({f"{shape}|{PROMPTS}": 1.0, shape: 0.5}).of(replace(point, osl=point.osl * 4), parts)[0]
    assert faded == pytest.approx((0.5 + affected(parts)[0]) * np.exp(-4.0))


def test_slow_prefill_of_short_prompts_tells_of_long_ones() -> None:
    """Prefill ten times as slow, seen at other lengths, where it is the lesser part of a step."""
    truth, residual, matrix = _world()
    prompts, keys = _prompts(truth), group_keys(truth.points)
    odd = np.array([key == ODD for key in keys[0]])
    asked = np.flatnonzero(odd & (truth.points.isl == 8192))
    assert prompts[asked].mean() > 2 * prompts[odd & (truth.points.isl <= 1024)].mean()
    slow = residual + odd * np.log1p(9.0 * prompts)
    kept = _doubts(truth, matrix, slow, np.arange(len(slow))).without(asked)
    of_kin = matrix[asked] @ kept.weights - slow[asked]
    own = [kept.offset([key[i] for key in keys], float(prompts[i])) for i in asked]
    assert of_kin.mean() < -1.0  # too fast by a factor of three
    assert abs((of_kin + own).mean()) < 0.25
    assert 1.0 < kept.level(f"{ODD}|{PROMPTS}") < np.log(10)  # shrunk towards the kin
    assert abs(kept.level(ODD)) < 0.1  # the whole step does not lie off


def test_slow_prompts_of_a_day_are_those_of_every_precision_and_of_speculation() -> None:
    truth, _, _ = _world()
    row = next(i for i, key in enumerate(group_keys(truth.points)[0]) if key == ODD)
    median, all_of_it = truth.points.take(np.array([row])), np.ones((1, 1))
    day = replace(median, kind=np.ones(1), month=np.array([months_since_epoch(date(2026, 3, 1))]))
    assert group_keys(day)[-1] == ["h200|llama70b|trt|@2026-03-01||prompts"]
    assert group_keys(median)[-1] == [""]  # of no day
    offsets = Offsets({group_keys(day)[-1][0]: 0.7})
    assert offsets.of(replace(day, precision=("bf16",), spec=np.array([True])), all_of_it)[0, 0] == 0.7
    assert offsets.of(median, all_of_it)[0, 0] == 0.0
    assert offsets.of(replace(day, engine=("vllm",)), all_of_it)[0, 0] == 0.0
