"""A turn that fixed deployments tell is held against what candidates come to with deployments chosen anew."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from advisor.catalog import load_catalog
from advisor.engine.decision.again import AT_MOST, Range, confirmed
from advisor.engine.decision.solve import Crossing, Steps, crossing
from advisor.engine.paying import rough_pricing
from advisor.engine.sized import FloatArray
from tests.conftest import AS_OF
from tests.sized_kit import profile_of, sized_of

SLOWER = Range(0.1, 1.0, 1.0)
"""Factors on the throughput of the choice."""
RIVAL_USD = 150.0


class Side:
    """A candidate whose cost at a value is known; it keeps its deployments where it says so."""

    def __init__(self, usd: Callable[[float], float], *, stays: bool = False, moves: bool = True) -> None:
        self._usd, self._stays, self.moves, self.asked = usd, stays, moves, 0
        self.run = SimpleNamespace(risk_adjusted=usd(1.0))

    def usd(self, value: float) -> float:
        self.asked += 1
        return self._usd(value)

    def stays(self, value: float) -> bool:
        return self._stays

    def out(self, value: float) -> bool:
        return math.isinf(self._usd(value))

    def least(self, value: float) -> float:
        return 0.5

    def calibrate(self, value: float) -> None:
        """The cases are right already."""


def turn(mine: Side, found: float | None, theirs: Side | None = None, within: Range = SLOWER) -> Crossing | None:
    theirs = theirs or Side(lambda x: RIVAL_USD, stays=True, moves=False)
    usd: Any = None if found is None else Crossing(found, True, RIVAL_USD, RIVAL_USD)
    return confirmed(usd, mine, theirs, within, lambda x: (mine.usd(x), theirs.usd(x)), up=False)  # type: ignore[arg-type]


def test_a_turn_stands_where_deployments_stay() -> None:
    mine = Side(lambda x: 1.0, stays=True)
    found = turn(mine, 0.6)
    assert found is not None
    assert (found.value, mine.asked) == (0.6, 0)


@pytest.mark.parametrize("cost", [100.0, 80.0, 30.0, 120.0])
def test_a_turn_is_sought_on_to_where_both_cost_the_same(cost: float) -> None:
    """Of costs in inverse proportion to the throughput: sooner than the fixed one where it is dearer, or later."""
    found = turn(Side(lambda x: cost / x), 0.667)
    assert found is not None
    assert found.value == pytest.approx(cost / RIVAL_USD, rel=0.005)
    assert found.exact
    assert found.first == pytest.approx(found.second, rel=0.002)


def test_a_turn_that_no_value_up_to_the_end_makes_is_none() -> None:
    assert turn(Side(lambda x: min(100 / x, 140)), 0.667) is None


def test_a_turn_where_deployments_change_is_the_place_of_the_step() -> None:
    found = turn(Side(lambda x: 100 / x if x > 0.8 else 160 / x), 0.667)
    assert found is not None
    assert found.value == pytest.approx(0.8, rel=0.005)


def test_a_choice_that_a_limit_puts_out_loses_there() -> None:
    """Its fleet outgrows the site before it costs more than the rival, or never does."""
    sooner = Side(lambda x: 100 / x if x > 0.75 else math.inf)
    for found in (turn(sooner, 0.667), turn(Side(lambda x: 20 / x**0.5 if x > 0.75 else math.inf), None)):
        assert found is not None
        assert found.value == pytest.approx(0.75, rel=0.005)
        assert not found.exact


def test_a_rival_that_wins_with_other_deployments_only_is_found() -> None:
    faster = Range(1.0, 10.0, 1.0)
    mine, theirs = Side(lambda x: RIVAL_USD, stays=True, moves=False), Side(lambda x: 200 / x)
    found = confirmed(None, mine, theirs, faster, lambda x: (RIVAL_USD, 160.0), up=True)  # type: ignore[arg-type]
    assert found is not None
    assert found.value == pytest.approx(200 / RIVAL_USD, rel=0.005)


def test_a_choice_that_leads_at_todays_value_alone_turns_beside_it() -> None:
    """Tried at seven values that left today's out, utilisation was said to change nothing, and lost on both sides."""

    def gap(x: FloatArray) -> FloatArray:
        return np.abs(np.log(x)) - 0.1

    found = crossing(lambda x: gap(x) + 2, lambda x: np.full(x.shape, 2.0), 0.02, 1.8, 1.0, Steps(7, 13, 2))
    assert found is not None
    assert abs(np.log(found.value)) == pytest.approx(0.1, rel=0.02)


def test_the_whole_answers_that_one_turn_takes_are_bounded() -> None:
    mine = Side(lambda x: 100 + 60 * (hash(round(x, 9)) % 2))  # no curve at all
    turn(mine, 0.667)
    assert mine.asked < 20 * AT_MOST


def test_ways_are_all_tried_where_no_mixture_pays_of_those_asked_for() -> None:
    """A price at which none of the leading ways pays was an error, where all of them hold a base."""
    catalog = load_catalog()
    profile = profile_of(traffic={"average_to_peak": 1.0}, procurement={"mode": "rent", "horizon_months": 36})
    sized = sized_of(profile, catalog, "h200")
    usual = rough_pricing(profile, sized, catalog, AS_OF)
    useless = {"mixed.reserved_3y.neocloud"}
    assert not useless & set(usual.outlook)
    assert rough_pricing(profile, sized, catalog, AS_OF, useless).way.id == usual.way.id
