"""Laws of cost: it rises with price, falls with discount, adds up, and does not depend on how it is asked for."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.catalog import Catalog, load_catalog
from advisor.engine.cost.levels import Levels
from advisor.engine.cost.pricing import Pricing
from advisor.engine.paying import build_pricing, price_candidate
from tests.conftest import AS_OF
from tests.sized_kit import profile_of, sized_of

PARTS = ("h200", "b200", "mi300x", "mi355x")


@cache
def facts() -> Catalog:
    return load_catalog()


@cache
def priced(part: str, mode: str, growth: float) -> Pricing:
    profile = profile_of(
        traffic={"growth_per_year": growth}, procurement={"mode": mode}, team={"rocm_experience": "some"}
    )
    return build_pricing(profile, sized_of(profile, facts(), part, spread=1.3, up=0.997), facts(), AS_OF)


CASES = st.tuples(st.sampled_from(PARTS), st.sampled_from(("rent", "buy", "either")), st.sampled_from((0.0, 0.4)))
FACTORS = st.floats(0.2, 5.0)
quick = settings(max_examples=60, deadline=None)


def cost(pricing: Pricing, levels: Levels) -> float:
    return float(pricing.model.usd_per_month(pricing.way, levels))


@quick
@given(CASES, FACTORS, st.floats(1.01, 3.0))
def test_cost_rises_with_price(case: tuple[str, str, float], price: float, more: float) -> None:
    p = priced(*case)
    assert cost(p, Levels(price=price * more)) > cost(p, Levels(price=price))


@quick
@given(CASES, st.floats(0.0, 0.8), st.floats(0.01, 0.19))
def test_cost_falls_with_discount(case: tuple[str, str, float], discount: float, more: float) -> None:
    p = priced(*case)
    assert cost(p, Levels(discount=discount + more)) < cost(p, Levels(discount=discount))


@quick
@given(CASES, FACTORS, st.floats(1.0, 4.0))
def test_cost_never_falls_with_demand_or_rises_with_throughput(
    case: tuple[str, str, float], level: float, more: float
) -> None:
    p = priced(*case)
    assert cost(p, Levels(demand=level * more)) >= cost(p, Levels(demand=level)) - 1e-6
    assert cost(p, Levels(throughput=level * more)) <= cost(p, Levels(throughput=level)) + 1e-6


@quick
@given(CASES, st.floats(0.0, 3.0), st.floats(0.01, 2.0))
def test_cost_rises_with_engineers_and_falls_with_residual(
    case: tuple[str, str, float], level: float, more: float
) -> None:
    p = priced(*case)
    assert cost(p, Levels(extra_engineers=level + more)) > cost(p, Levels(extra_engineers=level))
    cheaper = cost(p, Levels(residual=min(1.0, level - 1 + more))) - cost(p, Levels(residual=level - 1))
    assert cheaper <= 1e-6 or min(1.0, level - 1 + more) < level - 1


@quick
@given(
    CASES,
    st.lists(st.tuples(st.floats(-2, 2), FACTORS, FACTORS, st.floats(0, 0.5)), min_size=2, max_size=8),
)
def test_draws_cost_what_each_costs_alone(
    case: tuple[str, str, float], draws: list[tuple[float, float, float, float]]
) -> None:
    p = priced(*case)
    z, demand, price, discount = (np.array(column) for column in zip(*draws, strict=True))
    together = p.model.usd_per_month(p.way, Levels(z=z, demand=demand, price=price, discount=discount))
    alone = [cost(p, Levels(z=a, demand=b, price=c, discount=d)) for a, b, c, d in draws]
    assert np.asarray(together) == pytest.approx(alone)


@quick
@given(CASES)
def test_the_lines_add_up_and_every_way_is_dearer_or_equal(case: tuple[str, str, float]) -> None:
    p = priced(*case)
    tree = price_candidate(p.model.profile, p.model.sized, facts(), AS_OF)
    assert sum(line.usd_per_month for line in tree.lines) == pytest.approx(tree.point_usd_per_month)
    for line in tree.lines:
        assert line.quantity * line.unit_price_usd == pytest.approx(line.usd_per_month)
        assert line.formula
        assert line.inputs
    open_costs = [o.usd_per_month for o in tree.options if o.allowed]
    # the way with the best outlook; where another costs less at typical inputs, the tree says so
    assert tree.options[0].id == tree.option
    assert tree.options[0].usd_per_month == pytest.approx(tree.point_usd_per_month)
    dearer = tree.point_usd_per_month > min(c for c in open_costs if c is not None) * (1 + 1e-9)
    assert dearer == any("less at typical inputs" in note for note in tree.notes)
    assert tree.npv_usd == pytest.approx(tree.point_usd_per_month * tree.annuity_months)


@quick
@given(st.integers(1, 12), st.floats(0.0, 0.6))
def test_usd_per_million_tokens_ties_cost_to_tokens(rate: int, growth: float) -> None:
    profile = profile_of(traffic={"growth_per_year": growth})
    tree = price_candidate(profile, sized_of(profile, facts(), "b200", replica_rps=rate / 2), facts(), AS_OF)
    total = tree.usd_per_mtok_blended.p50 * tree.mtok_per_month
    split = (
        tree.usd_per_mtok_input.p50 * tree.mtok_input_per_month
        + tree.usd_per_mtok_output.p50 * tree.mtok_output_per_month
    )
    assert total == pytest.approx(tree.point_usd_per_month)
    assert split == pytest.approx(tree.point_usd_per_month)
