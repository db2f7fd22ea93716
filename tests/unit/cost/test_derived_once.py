"""What many ways of paying ask for is derived once, and is right for whoever asks."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from advisor.catalog import Catalog, load_catalog
from advisor.engine.cost.levels import Levels
from advisor.engine.cost.timing import calendar_of
from advisor.engine.paying import build_pricing
from advisor.engine.sized import once
from tests.conftest import AS_OF
from tests.sized_kit import profile_of, sized_of


@cache
def facts() -> Catalog:
    return load_catalog()


def test_the_same_array_is_looked_up_and_another_is_not() -> None:
    memo: dict[Any, Any] = {}
    ones = np.ones(3)
    first = once(memo, ("twice",), (ones, 2.0), lambda: ones * 2.0)
    assert once(memo, ("twice",), (ones, 2.0), lambda: ones * 0.0) is first
    assert once(memo, ("twice",), (ones, 3.0), lambda: ones * 3.0).tolist() == [3.0] * 3
    assert once(memo, ("thrice",), (ones, 2.0), lambda: ones * 3.0).tolist() == [3.0] * 3
    with pytest.raises(ValueError, match="read-only"):
        first += 1.0


def test_an_array_that_is_gone_leaves_nothing_to_the_next_at_its_place() -> None:
    memo: dict[Any, Any] = {}
    for n in range(200):  # ids come back at once, unless something keeps the old array
        one = np.full(4, float(n))
        assert once(memo, ("same",), (one,), lambda one=one: one + 0.0).tolist() == [float(n)] * 4


@pytest.mark.parametrize("growth", [0.0, 0.6, -0.4])
@pytest.mark.parametrize("months", [10, 24, 31])
def test_a_cost_hangs_on_no_cost_that_was_asked_for_before(growth: float, months: int) -> None:
    """All ways at several inputs and horizons with one memory, against each with a fresh one."""
    profile = profile_of(
        traffic={"growth_per_year": growth, "average_to_peak": 0.5}, procurement={"horizon_months": months}
    )
    pricing = build_pricing(profile, sized_of(profile, facts(), "mi300x"), facts(), AS_OF)
    z = np.linspace(-2.0, 2.0, 9)
    asked = [
        (way, levels, calendar)
        for levels in (Levels(), Levels(z=z), Levels(z=z, demand=1.5 + 0.1 * z), Levels(utilisation=0.7, residual=0.5))
        for calendar in (None, calendar_of(40, 0.08))
        for way in pricing.open.ways
    ]
    assert len({way.mode for way, _, _ in asked}) == 3
    for way, levels, calendar in asked:
        fresh = build_pricing(profile, replace(pricing.model.sized, memo={}), facts(), AS_OF)
        expected = np.asarray(fresh.model.usd_per_month(way, levels, calendar))
        assert (np.asarray(pricing.model.usd_per_month(way, levels, calendar)) == expected).all(), way.id


def test_fewer_years_are_the_first_of_all_years() -> None:
    profile = profile_of(traffic={"growth_per_year": 0.8}, procurement={"horizon_months": 36})
    model = build_pricing(profile, sized_of(profile, facts(), "h200"), facts(), AS_OF).model
    every = model.yearly_fleet(Levels(), 3, shrinks=True)
    assert len(every) == 3
    assert every[0] < every[2]
    assert model.yearly_fleet(Levels(), 1, shrinks=True).tolist() == every[:1].tolist()


def test_a_team_that_needs_nobody_more_has_no_line_for_it() -> None:
    profile = profile_of(team={"rocm_experience": "none"})
    model = build_pricing(profile, sized_of(profile, facts(), "h200"), facts(), AS_OF).model
    assert model.premium.nobody
    way = build_pricing(profile, model.sized, facts(), AS_OF).way
    assert not [t for t in model.terms(way, Levels()) if t.category == "stack premium"]
    stated = [t for t in model.terms(way, Levels(extra_engineers=2.0)) if t.key == "stack"]
    assert [float(t.quantity) for t in stated] == [2.0]
