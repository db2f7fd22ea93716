"""The shape of demand over a day, and the months of a horizon."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.engine.cost.timing import Calendar, share_above, yearly_capacity_growth

SHARES = st.floats(0.02, 0.99)


def _demand(average: float, n: int = 20_001) -> np.ndarray:
    """The straight load-duration curve that the formulas integrate."""
    t = (np.arange(n) + 0.5) / n
    return np.maximum(0.0, 1 - 2 * (1 - average) * t) if average >= 0.5 else np.maximum(0.0, 1 - t / (2 * average))


@given(SHARES, SHARES)
def test_share_above_is_the_integral(average: float, base: float) -> None:
    expected = np.maximum(_demand(average) - base, 0).mean()
    assert float(share_above(base, average)) == pytest.approx(expected, abs=2e-4)


@given(SHARES)
def test_all_of_it_lies_above_nothing(average: float) -> None:
    assert float(share_above(0.0, average)) == pytest.approx(average)
    assert float(share_above(1.0, average)) == pytest.approx(0.0, abs=1e-12)


@given(SHARES, SHARES)
def test_one_average_gives_what_an_average_for_each_draw_gives(average: float, base: float) -> None:
    bases = np.array([base, 0.0, 1.0])
    assert share_above(bases, average) == pytest.approx(share_above(bases, np.full(3, average)), abs=1e-15)


def test_capacity_is_sized_a_year_ahead_and_never_below_today() -> None:
    assert yearly_capacity_growth(0.5, 3) == pytest.approx([1.5, 2.25, 3.375])
    assert yearly_capacity_growth(-0.5, 3) == pytest.approx([1.0, 0.5, 0.25])
    # a horizon of 25 months needs at month 24 what demand comes to a month later, not a year later
    assert yearly_capacity_growth(0.5, 3, months=25) == pytest.approx([1.5, 2.25, 2.25 * 1.5 ** (1 / 12)])
    assert yearly_capacity_growth(0.5, 1, months=6) == pytest.approx([1.5**0.5])


def test_annuity_is_the_sum_of_its_months() -> None:
    when = Calendar(30, 0.12)
    assert when.annuity == pytest.approx(sum(1.12 ** (-m / 12) for m in range(30)))
    assert when.year_weights.sum() == pytest.approx(when.annuity)
    assert Calendar(36, 0.0).annuity == 36


def test_months_after_the_horizon_have_a_present_value_too() -> None:
    when = Calendar(13, 0.12)
    assert when.present(0, 13) == pytest.approx(when.annuity)
    assert when.present(13, 24) == pytest.approx(sum(1.12 ** (-m / 12) for m in range(13, 24)))
