"""The solver: crossings of smooth curves, jumps, and curves that never cross."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.engine.decision.solve import crossing


@given(st.floats(0.1, 50.0), st.floats(1.0, 9.0))
def test_straight_lines_cross_where_algebra_says(slope: float, at: float) -> None:
    found = crossing(lambda x: slope * x, lambda x: np.full(x.shape, slope * at), 0.05, 20.0, 1.0)
    assert found is not None
    assert found.value == pytest.approx(at, rel=1e-6)
    assert found.exact
    assert found.first == pytest.approx(found.second, rel=1e-3)


@given(st.floats(1.05, 9.5))
def test_a_jump_is_found_and_called_a_jump(at: float) -> None:
    found = crossing(lambda x: np.where(x < at, 1.0, 3.0), lambda x: np.full(x.shape, 2.0), 1.0, 10.0, 2.0)
    assert found is not None
    assert found.value == pytest.approx(at, abs=1e-4)
    assert not found.exact
    assert {found.first, found.second} <= {1.0, 2.0, 3.0}


def test_curves_that_keep_their_order_have_none() -> None:
    assert crossing(lambda x: x + 1, lambda x: x, 0.0, 10.0, 1.0) is None


def test_the_nearest_of_several_is_taken() -> None:
    found = crossing(lambda x: (x - 1) * (x - 4) * (x - 9), lambda x: np.zeros(x.shape), 0.0, 12.0, 3.5)
    assert found is not None
    assert found.value == pytest.approx(4.0, abs=1e-4)
