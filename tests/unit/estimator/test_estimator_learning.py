"""Learning the covariance: gradients, descent, and that it helps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from advisor.engine.backtest.leave_out import leave_out
from advisor.engine.estimator.calibration import calibrate, residuals, truth_of
from advisor.engine.estimator.covariance import Vocabulary, encode
from advisor.engine.estimator.descent import minimise
from advisor.engine.estimator.learning import Plan, _groups, _Objective, _pack, generic_covariance, learn_covariance
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
        _groups(truth, rows), theta, np.zeros(5, dtype=np.bool_), Plan(),
    )  # fmt: skip
    _, slope = objective(theta)
    rng = np.random.default_rng(1)
    for _ in range(3):
        way = rng.normal(size=len(theta))
        way /= np.linalg.norm(way)
        h = 2e-2  # single precision inside, so not smaller
        numeric = (objective(theta + h * way)[0] - objective(theta - h * way)[0]) / (2 * h)
        assert numeric == pytest.approx(float(slope @ way), rel=0.05, abs=2e-3)


def test_descent_finds_the_valley_of_rosenbrock() -> None:
    def valley(x: np.ndarray) -> tuple[float, np.ndarray]:
        a, b = x
        slope = np.array([-2 * (1 - a) - 400 * a * (b - a * a), 200 * (b - a * a)])
        return float((1 - a) ** 2 + 100 * (b - a * a) ** 2), slope

    assert minimise(valley, np.array([-1.2, 1.0]), 200) == pytest.approx([1.0, 1.0], abs=1e-4)


def test_learning_improves_left_out_predictions() -> None:
    rows, truth, fit = _world("llama70b", "gptoss120b")
    learned = learn_covariance(truth, fit, "tpot", Plan(rounds=1, steps=12, rows=350, averaged=1))
    better = replace(fit, targets={**fit.targets, "tpot": replace(fit.targets["tpot"], covariance=learned)})
    errors = [
        np.nanmean(np.abs(leave_out(truth, f, ("shape",))["shape"].error["tpot"])) for f in (fit, better)
    ]  # fmt: skip
    assert errors[1] < 0.9 * errors[0]
    assert calibrate(rows, catalog().models, catalog().accelerators, better, fingerprint="").targets["tpot"].weights
