"""The yardstick of the decision score: what second measurements would have said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from advisor.domain.backtest import ANOTHER_DAY, SAME_SOFTWARE
from advisor.engine.backtest.repeats import spread_of_runs, yardsticks
from advisor.engine.estimator.calibration import Truth, truth_of
from advisor.engine.estimator.neighbours import curve_key
from tests.estimator_kit import catalog, evidence

PRICES = {"h200": 3.0, "b200": 5.0, "mi355x": 4.0, "mi325x": 2.5, "b300": 6.0}
CLOSE = 0.05


def _world() -> tuple[Truth, list[bool]]:
    rows = [m for m in evidence() if m.model == "dsr1" and m.accelerator in PRICES and not m.disagg]
    truth = truth_of(rows, catalog().models, catalog().accelerators)
    return truth, [bool(n <= 1.0) for n in truth.noise]


def _with_runs(truth: Truth, tpot: float, wobble: float = 0.0) -> Truth:
    """Every run at `tpot` times its median, give or take by turns, and tokens/s as much below."""
    medians = {
        (*curve_key(m, m.model), m.concurrency): i for i, m in enumerate(truth.rows) if m.family == "median"
    }  # fmt: skip
    tpot_s, rate = truth.tpot_s.copy(), truth.total_tps.copy()
    for i, m in enumerate(truth.rows):
        j = medians.get((*curve_key(m, m.model), m.concurrency))
        if m.family == "single_run" and j is not None:
            factor = tpot * (1 + wobble if m.concurrency in (4, 64) else 1 / (1 + wobble))
            tpot_s[i], rate[i] = truth.tpot_s[j] * factor, truth.total_tps[j] / factor
    return replace(truth, tpot_s=tpot_s, total_tps=rate)


def test_a_change_of_the_day_and_noise_are_told_apart() -> None:
    truth, usable = _world()
    slower = spread_of_runs(_with_runs(truth, 1.25), usable)
    assert len(slower.of_days) > 20
    assert slower.of_days[:, 0] == pytest.approx(np.log(1.25))
    assert slower.of_days[:, 1] == pytest.approx(-np.log(1.25))
    assert np.abs(slower.of_runs).max() < 1e-9
    noisy = spread_of_runs(_with_runs(truth, 1.25, 0.1), usable)
    assert noisy.of_runs.std() > 0.05
    assert np.median(noisy.of_days[:, 0]) == pytest.approx(np.log(1.25), abs=0.08)


def test_measurements_that_repeat_exactly_name_the_same_winner_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("advisor.engine.backtest.repeats.REPEATS", 4)
    truth, usable = _world()
    medians = [u and m.family == "median" for u, m in zip(usable, truth.rows, strict=True)]
    same = yardsticks(_with_runs(truth, 1.0), medians, PRICES, CLOSE)
    assert [s.label for s in same] == [ANOTHER_DAY, SAME_SOFTWARE]
    assert all(s.mean_regret == s.worst_regret == 0.0 for s in same)
    moved = {s.label: s for s in yardsticks(truth, medians, PRICES, CLOSE)}
    assert moved[ANOTHER_DAY].right_share < moved[SAME_SOFTWARE].right_share <= same[1].right_share
    assert moved[ANOTHER_DAY].mean_regret > moved[SAME_SOFTWARE].mean_regret > 0.0
    assert moved == {s.label: s for s in yardsticks(truth, medians, PRICES, CLOSE)}


def test_without_runs_there_is_no_yardstick() -> None:
    truth, usable = _world()
    medians = [m.family == "median" for m in truth.rows]
    kept = np.flatnonzero(medians)
    alone = replace(
        truth, rows=[truth.rows[i] for i in kept], points=truth.points.take(kept), tpot_s=truth.tpot_s[kept],
        total_tps=truth.total_tps[kept], noise=truth.noise[kept],
    )  # fmt: skip
    assert yardsticks(alone, [True] * len(kept), PRICES, CLOSE) == []
    assert len(spread_of_runs(truth, usable).of_days)
