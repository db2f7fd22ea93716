"""Cases of equal fleets are reckoned once, and each case gets what it costs alone."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from advisor.catalog import Catalog, load_catalog
from advisor.engine.cost.fleets import SEVERAL, distinct_sizes
from advisor.engine.cost.levels import Levels
from advisor.engine.fleet import EXACT_REPLICAS, many_spares, spares
from advisor.engine.paying import build_pricing
from tests.conftest import AS_OF
from tests.sized_kit import profile_of, sized_of


@cache
def facts() -> Catalog:
    return load_catalog()


@pytest.mark.parametrize("growth", [0.0, 0.9, -0.4])
@pytest.mark.parametrize("months", [24, 31])
def test_a_case_among_many_costs_what_it_costs_alone(growth: float, months: int) -> None:
    """Prices, demand, throughput, the stack and resale differ from case to case, the fleet hardly ever."""
    profile = profile_of(
        traffic={"growth_per_year": growth, "average_to_peak": 0.5}, procurement={"horizon_months": months}
    )
    sized = sized_of(profile, facts(), "mi300x", spread=1.3, up=0.995, replica_rps=0.8)
    pricing = build_pricing(profile, sized, facts(), AS_OF)
    n = 2 * SEVERAL
    step = np.arange(n)
    varied = {
        "z": np.sin(step), "demand": 1 + 0.3 * np.cos(2 * step), "price": 1 + 0.2 * np.sin(3 * step),
        "peak_price": 1 + 0.2 * np.cos(5 * step), "stack": np.sin(7 * step), "residual": np.cos(11 * step),
    }  # fmt: skip
    assert {way.mode for way in pricing.open.ways} == {"rent", "buy", "mixed"}
    for way in pricing.open.ways:
        together = np.broadcast_to(pricing.model.usd_per_month(way, Levels(**varied)), (n,))
        for i in range(0, n, 17):
            one = Levels(**{name: float(values[i]) for name, values in varied.items()})
            assert together[i] == pytest.approx(float(pricing.model.usd_per_month(way, one)), rel=1e-12), way.id


def test_fleets_are_told_apart_and_found_again() -> None:
    asked = np.abs(np.sin(np.arange(500)))[:, None] * np.array([4.0, 5.0, 9.0])
    fleet = np.ceil(asked) * 8
    sizes = distinct_sizes(fleet, 8)
    assert sizes.place is not None
    assert len(sizes.rows) == len({tuple(row) for row in fleet.tolist()}) < 20
    assert (sizes.rows[sizes.place] == fleet).all()
    first_year = sizes.rows[:, 0]
    assert (sizes.each(first_year) == fleet[:, 0]).all()


def test_fleets_that_are_all_different_stay_as_they_are() -> None:
    fleet = (1.0 + np.arange(300.0)[:, None] * 1000) * 8
    assert distinct_sizes(fleet, 8).place is None


@pytest.mark.parametrize("up", [0.9, 0.99, 0.9995])
@pytest.mark.parametrize("availability", [0.9, 0.999, 0.99999])
def test_more_demand_never_takes_a_smaller_fleet(up: float, availability: float) -> None:
    """By which fleets are told apart by their sums."""
    few = [n + spares(n, up, availability) for n in range(1, EXACT_REPLICAS + 1, 7)]
    beyond = np.arange(EXACT_REPLICAS + 1, EXACT_REPLICAS + 2000)
    many = beyond + many_spares(beyond, up, availability)
    assert few == sorted(few)
    assert EXACT_REPLICAS + spares(EXACT_REPLICAS, up, availability) <= many[0]
    assert (np.diff(many) >= 0).all()
