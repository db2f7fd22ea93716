"""The base of a mixture: whole nodes, those that rank best, none where it would be the whole fleet in every case."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.catalog import Catalog, load_catalog
from advisor.domain.cost import Cost
from advisor.engine.cost.model import Way
from advisor.engine.cost.pricing import Pricing, preference
from advisor.engine.cost.prospect import Prospect
from advisor.engine.paying import build_pricing, price_candidate
from tests.conftest import AS_OF
from tests.sized_kit import profile_of, sized_of


@cache
def facts() -> Catalog:
    return load_catalog()


@cache
def priced(
    reserved: float, on_demand: float = 4.0, rps: float = 8.0, average: float = 0.6, growth: float = 0.0,
    months: int = 24,
) -> tuple[Pricing, Cost]:  # fmt: skip
    quotes = [
        {"accelerator": "b200", "usd": usd, "commitment": commitment}
        for commitment, usd in (("reserved_1y", reserved), ("on_demand", on_demand), ("reserved_3y", 99.0))
    ]
    profile = profile_of(
        traffic={"peak_requests_per_s": rps, "average_to_peak": average, "growth_per_year": growth},
        procurement={"mode": "rent", "horizon_months": months, "cost_of_capital": 0.0, "quotes": quotes},
    )
    sized = sized_of(profile, facts(), "b200")
    return build_pricing(profile, sized, facts(), AS_OF), price_candidate(profile, sized, facts(), AS_OF)


def test_the_base_by_hand() -> None:
    """8 nodes, average 0.6: demand falls evenly from 1 to 0.2 of the peak, a node above the base is used in part."""
    # at USD 2.40 against 4, above a base b lies (1-b)^2/1.6 of the peak
    pricing, cost = priced(2.4)
    costs = {k: 8 * 730 * (2.4 * k + 4.0 * 8 * (1 - k / 8) ** 2 / 1.6) for k in range(2, 8)}
    best = min(costs, key=lambda k: costs[k])
    assert best == 4
    assert cost.option == "mixed.reserved_1y.quote"
    assert cost.point_usd_per_month == pytest.approx(costs[4])
    assert pricing.way.label == "base of 50 % reserved for one year, peak on demand"
    assert cost.lines[0].quantity == pytest.approx(32 * 730)


NEAR = 2e-3
"""Bases are told apart by fewer cases than ways of paying, so that the law holds but for that."""
PRICES = st.floats(0.5, 12.0)


@settings(max_examples=60, deadline=None)
@given(
    PRICES, st.floats(1.001, 1.5), st.sampled_from((1.0, 3.0, 8.0, 40.0, 300.0)), st.floats(0.1, 0.95),
    st.sampled_from((0.0, 0.35, -0.3)), st.sampled_from((18, 24, 60)), st.booleans(),
)  # fmt: skip
def test_a_lower_price_never_costs_more(
    price: float, more: float, rps: float, average: float, growth: float, months: int, reserved: bool
) -> None:
    prices = [(price, 4.0), (price * more, 4.0)] if reserved else [(3.0, price), (3.0, price * more)]
    low, high = (min(priced(r, o, rps, average, growth, months)[0].outlook.values()) for r, o in prices)
    assert low <= high * (1 + NEAR)


@settings(max_examples=60, deadline=None)
@given(PRICES, st.sampled_from((1.0, 2.0, 3.0, 8.0)), st.floats(0.1, 0.95))
def test_a_mixture_holds_a_part_of_the_fleet(price: float, rps: float, average: float) -> None:
    pricing, cost = priced(price, rps=rps, average=average)
    whole = pricing.model.rented_gpus
    for way in pricing.open.ways:
        if way.mode == "mixed":
            fleet = pricing.model.yearly_fleet(pricing.typical, 1, shrinks=True)
            assert 0 < pricing.model.base(fleet, way.base_share)[0] <= whole
            more = fleet + pricing.model.sized.accelerator.gpus_per_node
            assert pricing.model.base(more, way.base_share)[0] < more[0]
            assert pricing.outlook[way.id] < pricing.outlook[f"rent.{way.commitment}.quote"] * (1 + NEAR)
    assert pricing.outlook[cost.option] == pytest.approx(min(pricing.outlook.values()), abs=0.01)


def test_one_node_is_reserved_and_a_second_rented_by_the_hour() -> None:
    """Half of the time demand turns out above what one node serves; a second one was reserved for it, or none."""
    pricing, cost = priced(2.0, rps=1.0)
    assert cost.option == "mixed.reserved_1y.quote"
    assert pricing.way.label == "fleet of the start reserved for one year, more on demand"
    prospect = Prospect.of(pricing.model.profile, facts().decision_defaults)
    found = {w.id: prospect.usd_per_month(pricing.model, w, pricing.typical) for w in pricing.open.ways}
    # above a base of half of two nodes lie (1 - 1/2)^2/1.6 of them, at USD 4
    node = 8 * 730
    assert found["mixed.reserved_1y.quote"] == pytest.approx(node * (2.0 + 0.5 * 2 * 0.25 / 1.6 * 4.0), rel=5e-3)
    assert found["rent.reserved_1y.quote"] == pytest.approx(node * 2.0 * 1.5, rel=5e-3)
    assert cost.point_usd_per_month == pytest.approx(node * 2.0)
    assert "nothing is rented on demand at typical inputs" in " ".join(cost.notes)


def test_one_node_is_not_mixed_where_a_second_by_the_hour_costs_more() -> None:
    pricing, cost = priced(2.0, on_demand=20.0, rps=1.0)
    assert cost.option == "rent.reserved_1y.quote"
    assert all(way.mode != "mixed" for way in pricing.open.ways if way.commitment == "reserved_1y")


def test_among_equals_the_plain_way_is_taken() -> None:
    price = priced(2.0)[0].way.price
    mixed = Way("mixed.reserved_1y.quote", "mixed", "reserved_1y", "quote", "", price)
    plain = Way("rent.reserved_1y.quote", "rent", "reserved_1y", "quote", "", price)
    assert min((mixed, plain), key=lambda way: preference(way, 41_492.001 if way is plain else 41_492.0)) is plain
    assert min((mixed, plain), key=lambda way: preference(way, 41_493.0 if way is plain else 41_492.0)) is mixed
