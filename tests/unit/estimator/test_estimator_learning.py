"""Learning the covariance: gradients, descent, and that it helps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from advisor.engine.backtest.leave_out import leave_out
from advisor.engine.estimator.calibration import calibrate, residuals, truth_of
from advisor.engine.estimator.covariance import Vocabulary, encode, take
from advisor.engine.estimator.descent import descend
from advisor.engine.estimator.kriging import covariance_matrix
from advisor.engine.estimator.learning import (
    NEGLIGIBLE,
    Plan,
    Stage,
    _pack,
    generic_covariance,
    learn_covariance,
    without_negligible,
)
from advisor.engine.estimator.objective import SOFT, Objective
from advisor.engine.estimator.sampling import Sampler
from advisor.engine.estimator.targets import term_shares
from tests.estimator_kit import bundled_fit, catalog, evidence


def _world(*models: str) -> tuple:
    rows = [m for m in evidence() if m.model in models and m.family == "median" and not m.disagg]
    truth = truth_of(rows, catalog().models, catalog().accelerators)
    fit = bundled_fit()
    target = fit.targets["tpot"]
    blank = replace(target, covariance=generic_covariance(("", "", "memory", "prefill", "spec")))
    return rows, truth, replace(fit, targets={**fit.targets, "tpot": blank})


def test_the_gradient_is_that_of_the_loss() -> None:
    _, truth, fit = _world("llama70b")
    left, step = residuals(truth, fit)
    c = fit.targets["tpot"].covariance
    encoded = encode(truth.points, Vocabulary())
    theta = _pack(c)
    rows, groups = Sampler(truth, np.arange(len(truth.rows)), encoded.of_point, np.random.default_rng(0)).draw(120)
    objective = Objective(
        take(encoded, rows), term_shares(step, c.shares)[:, rows], left["tpot"][rows], truth.noise[rows], groups,
        np.where(truth.points.spec[rows], 1.0, 0.1), likelihood=0.3,
    )  # fmt: skip
    _, slope = objective(theta)
    rng = np.random.default_rng(1)
    for _ in range(3):
        way = rng.normal(size=len(theta))
        way /= np.linalg.norm(way)
        h = 2e-2  # single precision inside, so not smaller
        numeric = (objective(theta + h * way)[0] - objective(theta - h * way)[0]) / (2 * h)
        assert numeric == pytest.approx(float(slope @ way), rel=0.05, abs=2e-3)


def test_the_loss_is_that_of_fits_without_each_group() -> None:
    _, truth, fit = _world("llama70b")
    left, step = residuals(truth, fit)
    c = fit.targets["tpot"].covariance
    encoded = encode(truth.points, Vocabulary())
    rows, groups = Sampler(truth, np.arange(len(truth.rows)), encoded.of_point, np.random.default_rng(1)).draw(80)
    points, shares, values = take(encoded, rows), term_shares(step, c.shares)[:, rows], left["tpot"][rows]
    of_row = np.linspace(0.0, 2.0, len(rows))
    found, _ = Objective(points, shares, values, truth.noise[rows], groups, of_row, likelihood=0.0)(_pack(c))
    k = covariance_matrix(c, points, shares)
    noisy = k + np.diag(c.noise**2 * truth.noise[rows])
    expected = 0.0
    for weight, schemes in groups:
        for g in schemes:
            rest = np.setdiff1d(np.arange(len(rows)), g)
            error = values[g] - k[np.ix_(g, rest)] @ np.linalg.solve(noisy[np.ix_(rest, rest)], values[rest])
            expected += weight * of_row[g] @ np.sqrt(error**2 + SOFT**2) / sum(of_row[h].sum() for h in schemes)
    assert found == pytest.approx(expected, rel=1e-3)


def test_a_sample_has_whole_curves_and_a_few_points_of_others_and_leaves_some_pairs_or_shapes_out() -> None:
    _, truth, _ = _world("llama70b", "gptoss120b", "dsr1")
    encoded = encode(truth.points, Vocabulary())
    sampler = Sampler(truth, np.arange(len(truth.rows)), encoded.of_point, np.random.default_rng(2))
    curve = [(m.accelerator, m.model, m.precision, m.engine, m.spec_method, m.tp, m.ep, m.isl) for m in truth.rows]
    whole = Counter((*key, m.osl) for key, m in zip(curve, truth.rows, strict=True))
    drawn = [sampler.draw(200) for _ in range(20)]
    for rows, groups in drawn:
        assert len(set(rows.tolist())) == len(rows) <= 230
        assert (np.diff(encoded.of_point[rows]) >= 0).all()
        counts = Counter((*curve[i], truth.rows[i].osl) for i in rows.tolist())
        full = sum(n for key, n in counts.items() if n == whole[key] and n > 2)
        assert all(n == whole[key] or n <= 2 for key, n in counts.items())
        assert 50 <= full <= 120
        for _, parts in groups:
            assert sorted(np.concatenate(parts).tolist()) == np.flatnonzero(truth.noise[rows] <= 1.0).tolist()
    pairs = {(m.accelerator, m.model) for m in truth.rows}
    shown = [len({(truth.rows[i].accelerator, truth.rows[i].model) for i in rows.tolist()}) for rows, _ in drawn]
    assert min(shown) < len(pairs)
    every = np.concatenate([rows for rows, _ in drawn])
    assert {(truth.rows[i].accelerator, truth.rows[i].model) for i in every.tolist()} == pairs


def test_descent_finds_the_valley_of_rosenbrock_through_noise() -> None:
    rng = np.random.default_rng(3)

    def sample() -> Callable[[np.ndarray], tuple[float, np.ndarray]]:
        shake = rng.normal(size=2)

        def valley(x: np.ndarray) -> tuple[float, np.ndarray]:
            a, b = x
            slope = np.array([-2 * (1 - a) - 40 * a * (b - a * a), 20 * (b - a * a)])
            return float((1 - a) ** 2 + 10 * (b - a * a) ** 2), slope + shake

        return valley

    assert descend(sample, np.array([-1.2, 1.0]), steps=3000, rate=0.02) == pytest.approx([1.0, 1.0], abs=0.1)


def test_a_sample_that_cannot_be_solved_moves_nothing() -> None:
    start = np.array([1.0, 2.0])
    assert descend(lambda: lambda x: (np.inf, np.ones(2)), start, steps=20, rate=0.1) == pytest.approx(start)


def test_terms_that_say_nothing_go_and_those_of_a_share_stay() -> None:
    c = generic_covariance(("", "", "memory"))
    c.scale[:] = (0.5 * NEGLIGIBLE, 4 * NEGLIGIBLE, 0.1 * NEGLIGIBLE)
    kept = without_negligible(c)
    assert kept.shares == ("", "memory")
    assert kept.scale.tolist() == c.scale[1:].tolist()


def test_learning_improves_left_out_predictions() -> None:
    rows, truth, fit = _world("llama70b", "gptoss120b")
    learned = learn_covariance(truth, fit, "tpot", Plan((Stage(60, 150, 0.1), Stage(25, 300, 0.05)), seen=1.0))
    better = replace(fit, targets={**fit.targets, "tpot": replace(fit.targets["tpot"], covariance=learned)})
    errors = [
        np.nanmean(np.abs(leave_out(truth, f, ("shape",))["shape"].as_run.error["tpot"])) for f in (fit, better)
    ]  # fmt: skip
    assert errors[1] < 0.9 * errors[0]
    assert calibrate(rows, catalog().models, catalog().accelerators, better, fingerprint="").targets["tpot"].weights
