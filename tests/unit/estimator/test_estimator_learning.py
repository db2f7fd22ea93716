"""Learning the covariance: gradients, descent, and that it helps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from advisor.engine.backtest.leave_out import leave_out
from advisor.engine.estimator.calibration import calibrate, residuals, truth_of
from advisor.engine.estimator.covariance import Vocabulary, encode
from advisor.engine.estimator.descent import descend
from advisor.engine.estimator.learning import (
    NEGLIGIBLE,
    Plan,
    Stage,
    _groups,
    _Objective,
    _pack,
    generic_covariance,
    learn_covariance,
    without_negligible,
)
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
    rows = np.arange(0, len(truth.rows), 6)
    left, step = residuals(truth, fit)
    c = fit.targets["tpot"].covariance
    encoded = encode(truth.points, Vocabulary())
    coords = np.concatenate([encoded.coords[encoded.of_point], encoded.load[:, None].astype(np.float32)], axis=1)
    theta = _pack(c)
    objective = _Objective(
        coords[rows], term_shares(step, c.shares)[:, rows], left["tpot"][rows], truth.noise[rows],
        _groups(truth, rows), theta, Plan(),
    )  # fmt: skip
    _, slope = objective(theta)
    rng = np.random.default_rng(1)
    for _ in range(3):
        way = rng.normal(size=len(theta))
        way /= np.linalg.norm(way)
        h = 2e-2  # single precision inside, so not smaller
        numeric = (objective(theta + h * way)[0] - objective(theta - h * way)[0]) / (2 * h)
        assert numeric == pytest.approx(float(slope @ way), rel=0.05, abs=2e-3)


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
