"""Statistics of a step: known answers, and laws of intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.probe.statistics import describe, drifts, effective_size, quantile_interval, steady_start, t_quantile_975


@pytest.mark.parametrize(("degrees", "value"), [(4, 2.776), (9, 2.262), (29, 2.045), (100, 1.984)])
def test_students_t(degrees: int, value: float) -> None:
    """Tables of Abramowitz and Stegun, 26.10."""
    assert t_quantile_975(degrees) == pytest.approx(value, abs=3e-3)


def test_percentiles_by_hand() -> None:
    found = describe([5.0, 1.0, 4.0, 2.0, 3.0])
    assert (found.n, found.mean, found.p50, found.p90) == (5, 3.0, 3.0, pytest.approx(4.6))
    assert found.p99_ci95 is None  # five values cannot bound a 99th percentile


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    generator = np.random.default_rng(3)
    mean_hits = median_hits = 0
    for _ in range(400):
        found = describe(generator.exponential(1.0, 120))
        assert found.mean_ci95 is not None
        assert found.p50_ci95 is not None
        mean_hits += found.mean_ci95[0] <= 1.0 <= found.mean_ci95[1]
        median_hits += found.p50_ci95[0] <= math.log(2) <= found.p50_ci95[1]
    assert 0.90 <= mean_hits / 400 <= 0.99
    assert 0.92 <= median_hits / 400 <= 0.99


def test_a_correlated_series_is_worth_fewer_values() -> None:
    generator = np.random.default_rng(4)
    noise = generator.normal(size=4000)
    series = np.empty(4000)
    series[0] = noise[0]
    for i in range(1, 4000):
        series[i] = 0.8 * series[i - 1] + noise[i]
    assert effective_size(series) == pytest.approx(4000 * 0.2 / 1.8, rel=0.15)  # n (1 - r) / (1 + r)
    assert effective_size(noise) > 3600


@given(st.lists(st.floats(0.001, 1000), min_size=5, max_size=60), st.sampled_from([0.5, 0.9, 0.99]))
def test_an_interval_lies_in_the_sample_and_around_its_quantile(values: list[float], q: float) -> None:
    ordered = np.sort(np.array(values))
    found = quantile_interval(ordered, q)
    if found is not None:
        assert ordered[0] <= found[0] <= found[1] <= ordered[-1]
        assert found[0] <= np.percentile(ordered, 100 * q) <= found[1]


def test_the_start_of_the_steady_state_and_drift() -> None:
    generator = np.random.default_rng(5)
    ramp = np.concatenate([np.linspace(10, 1, 40), np.ones(160)]) + generator.normal(0, 0.05, 200)
    assert 30 <= steady_start(ramp) <= 60
    assert steady_start(ramp[100:]) <= 20
    assert not drifts(ramp[60:])
    assert drifts(np.linspace(1.0, 1.5, 90) + generator.normal(0, 0.02, 90))
    assert not drifts([1.0] * 90)
