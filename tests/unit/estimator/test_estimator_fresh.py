"""The stored fit and backtest belong to the evidence in the catalog."""

from __future__ import annotations

import pytest

from advisor.catalog.resources import catalog_root
from advisor.domain.backtest import BacktestResult
from advisor.engine.backtest import backtest_text
from advisor.engine.estimator.fit import FIT_VERSION, evidence_fingerprint, fit_from_text
from tests.estimator_kit import bundled_fit, evidence


@pytest.fixture(scope="module")
def stored() -> BacktestResult:
    return BacktestResult.model_validate_json((catalog_root() / "fit" / "backtest.json").read_text())


def test_the_stored_backtest_is_not_stale(stored: BacktestResult) -> None:
    now = evidence_fingerprint(evidence())
    hint = "the evidence or the model's form changed: run `advisor calibrate`"
    assert stored.fingerprint == now, hint
    assert bundled_fit().fingerprint == now, hint
    assert bundled_fit().version == FIT_VERSION, hint


def test_a_changed_row_changes_the_fingerprint() -> None:
    rows = list(evidence()[:50])
    assert evidence_fingerprint(rows) == evidence_fingerprint(rows[::-1])
    assert evidence_fingerprint(rows) != evidence_fingerprint(rows[1:])


def test_the_fit_survives_its_text_form() -> None:
    fit = bundled_fit()
    again = fit_from_text(fit.parameters_json(), fit.weights_csv())
    assert again.parameters_json() == fit.parameters_json()
    assert again.weights_csv() == fit.weights_csv()


@pytest.mark.parametrize(
    ("scheme", "metric", "part", "median"),
    [
        ("point", "tpot_p50_s", "aggregated plain", 0.03),
        ("point", "tpot_p50_s", "aggregated plain, no day asked", 0.03),
        ("point", "total_tps_per_gpu", "aggregated plain", 0.03),
        ("shape", "tpot_p50_s", "aggregated plain", 0.055),
        ("shape", "total_tps_per_gpu", "aggregated plain", 0.055),
        ("model_shape", "tpot_p50_s", "aggregated plain", 0.06),
        ("model_shape", "total_tps_per_gpu", "aggregated plain", 0.06),
        ("pair", "tpot_p50_s", "aggregated plain", 0.08),
        ("pair", "total_tps_per_gpu", "aggregated plain", 0.085),
        ("accelerator", "tpot_p50_s", "aggregated plain", 0.10),
        ("shape", "ttft_p50_s", "all", 0.25),
        ("shape", "ttft_p50_s", "aggregated", 0.18),
    ],
)
def test_accuracy_does_not_slip(stored: BacktestResult, scheme: str, metric: str, part: str, median: float) -> None:
    score = stored.score(scheme, metric, part)
    assert score is not None
    assert score.n > 100
    assert score.median_ape <= median


@pytest.mark.parametrize(
    ("scheme", "grade"), [("point", "B"), ("shape", "B"), ("model_shape", "B"), ("pair", "C"), ("accelerator", "D")]
)
def test_intervals_hold_what_they_promise(stored: BacktestResult, scheme: str, grade: str) -> None:
    for metric in ("tpot_p50_s", "total_tps_per_gpu"):
        score = stored.score(scheme, metric, f"grade={grade}")
        assert score is not None
        assert 0.76 <= score.coverage <= 0.86


def test_the_text_says_what_was_missed(stored: BacktestResult) -> None:
    text = backtest_text(stored)
    for line in stored.targets:
        assert ("met  " if line.met else "MISS ") + line.name in text
