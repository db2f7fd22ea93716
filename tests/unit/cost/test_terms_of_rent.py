"""Terms of rent against the horizon: whole ones, what is left of it after them, capacity added within it."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.catalog import Catalog, load_catalog
from advisor.domain.cost import Cost
from advisor.engine.cost.commitment import unfinished_terms
from advisor.engine.cost.levels import Levels
from advisor.engine.paying import build_pricing, price_candidate
from tests.conftest import AS_OF
from tests.sized_kit import profile_of, sized_of

RATE = 0.10


@cache
def facts() -> Catalog:
    return load_catalog()


def quoted(reserved: float, on_demand: float, commitment: str = "reserved_1y") -> list[dict[str, Any]]:
    return [
        {"accelerator": "h200", "usd": reserved, "commitment": commitment},
        {"accelerator": "h200", "usd": on_demand, "commitment": "on_demand"},
    ]


def cost(
    months: int, reserved: float, on_demand: float, commitment: str = "reserved_1y", growth: float = 0.0,
    average: float = 0.5, free: bool = False,
) -> Cost:  # fmt: skip
    """64 GPUs (8 requests/s over 1 a replica of 8 GPUs), rented."""
    profile = profile_of(
        traffic={"average_to_peak": average, "growth_per_year": growth},
        procurement={
            "mode": "rent", "commitment": "any" if free else commitment, "horizon_months": months,
            "cost_of_capital": RATE, "quotes": quoted(reserved, on_demand, commitment),
        },
    )  # fmt: skip
    return price_candidate(profile, sized_of(profile, facts(), "h200"), facts(), AS_OF)


def present(start: int, end: int) -> float:
    return float(sum((1 + RATE) ** (-m / 12) for m in range(start, end)))


@pytest.mark.parametrize(("commitment", "months"), [("reserved_1y", 12), ("reserved_1y", 36), ("reserved_3y", 72)])
def test_a_horizon_of_whole_terms_is_rented_around_the_clock(commitment: str, months: int) -> None:
    found = cost(months, 3.0, 4.0, commitment)
    assert found.point_usd_per_month == pytest.approx(64 * 730 * 3.0)
    assert len(found.lines) == 1
    assert not found.notes


def test_a_month_after_the_last_term_goes_on_demand_where_that_is_cheaper() -> None:
    # one month of half of 64 GPUs at USD 4 against twelve months of 64 at USD 3
    found = cost(13, 3.0, 4.0)
    assert found.npv_usd == pytest.approx(64 * 730 * 3.0 * present(0, 12) + 32 * 730 * 4.0 * present(12, 13))
    assert found.flows[12].gpus == 32
    assert any("on demand" in note for note in found.notes)


def test_a_term_is_owed_to_its_end_where_that_is_cheaper() -> None:
    # eleven months of half of 64 GPUs at USD 9 cost more than twelve months of 64 at USD 3
    found = cost(23, 3.0, 9.0)
    assert found.npv_usd == pytest.approx(64 * 730 * 3.0 * present(0, 24))
    assert len(found.flows) == 24
    assert (found.flows[23].gpus, found.flows[23].mtok) == (0, 0)
    assert found.flows[23].cash_usd == pytest.approx(64 * 730 * 3.0)
    assert any("to its end" in note for note in found.notes)


def test_capacity_added_later_has_terms_of_its_own() -> None:
    # +50 % a year: 96, 144 and 216 GPUs; the 48 of month 12 and the 72 of month 24 are owed to months 48 and 60
    found = cost(36, 3.0, 90.0, "reserved_3y", growth=0.5)
    owed = 96 * present(0, 36) + 48 * present(12, 48) + 72 * present(24, 60)
    assert found.npv_usd == pytest.approx(730 * 3.0 * owed)
    # on demand at USD 4: 96 GPUs in whole terms, what the others serve beside them
    mixed = cost(36, 3.0, 4.0, "reserved_3y", growth=0.5)
    floating = 48 * 0.5 * present(12, 36) + 72 * 0.5 * present(24, 36)
    assert mixed.npv_usd == pytest.approx(730 * (3.0 * 96 * present(0, 36) + 4.0 * floating))


@pytest.mark.parametrize("on_demand", [4.0, 9.0])
def test_the_tail_is_in_the_cash_flow_and_in_the_lines(on_demand: float) -> None:
    for commitment, growth in (("reserved_1y", 0.3), ("reserved_3y", 0.3)):
        found = cost(41, 3.0, on_demand, commitment, growth)
        cash = sum(f.cash_usd * (1 + RATE) ** (-f.month / 12) for f in found.flows)
        assert cash == pytest.approx(found.npv_usd)
        assert sum(line.usd_per_month for line in found.lines) == pytest.approx(found.point_usd_per_month)


CASES = st.tuples(
    st.sampled_from(("reserved_1y", "reserved_3y")), st.floats(2.0, 8.0), st.sampled_from((0.0, 0.4)),
    st.floats(0.2, 0.95), st.booleans(),
)  # fmt: skip


@pytest.mark.parametrize(("commitment", "term"), [("reserved_1y", 12), ("reserved_3y", 36)])
def test_a_term_longer_than_the_horizon_is_owed_in_full(commitment: str, term: int) -> None:
    """Also where on demand would cost less: whoever signs today owes the term."""
    found = cost(5, 3.0, 0.5, commitment)
    assert found.npv_usd == pytest.approx(64 * 730 * 3.0 * present(0, term))
    assert [f.gpus for f in found.flows[:6]] == [64] * 5 + [0]
    assert any("to its end" in note for note in found.notes)


def test_the_last_month_of_a_horizon_opens_no_cheaper_term() -> None:
    """Terms of three years were open from a horizon of 36 months on, which then cost less in all than one of 35."""
    quotes = [
        *quoted(3.0, 4.0), {"accelerator": "h200", "usd": 2.0, "commitment": "reserved_3y"},
    ]  # fmt: skip

    def best(months: int) -> Cost:
        money = {"mode": "rent", "horizon_months": months, "cost_of_capital": RATE, "quotes": quotes}
        profile = profile_of(traffic={"average_to_peak": 0.9}, procurement=money)
        return price_candidate(profile, sized_of(profile, facts(), "h200"), facts(), AS_OF)

    in_all = {months: best(months).npv_usd for months in (11, 12, 13, 24, 30, 35, 36, 37)}
    assert list(in_all.values()) == sorted(in_all.values())
    assert (best(12).commitment, best(30).commitment) == ("reserved_1y", "reserved_3y")


@settings(max_examples=40, deadline=None)
@given(CASES, st.integers(1, 90), st.integers(1, 14))
def test_a_longer_horizon_never_costs_less_in_all(
    case: tuple[str, float, float, float, bool], months: int, more: int
) -> None:
    commitment, on_demand, growth, average, free = case
    short, long = (cost(m, 3.0, on_demand, commitment, growth, average, free) for m in (months, months + more))
    assert long.npv_usd >= short.npv_usd * (1 - 1e-9)


@settings(max_examples=40, deadline=None)
@given(st.floats(3.0, 20.0), st.floats(0.1, 1.0))
def test_the_thirteenth_month_costs_a_month_on_demand_or_a_term(on_demand: float, average: float) -> None:
    year, more = (cost(m, 3.0, on_demand, average=average).npv_usd for m in (12, 13))
    month = max(64 * average, 8) * 730 * on_demand * present(12, 13)
    assert more - year == pytest.approx(min(month, 64 * 730 * 3.0 * present(12, 24)))


def test_draws_decide_about_the_tail_one_by_one() -> None:
    profile = profile_of(
        procurement={
            "mode": "rent", "commitment": "reserved_1y", "horizon_months": 18, "cost_of_capital": RATE,
            "quotes": quoted(3.0, 4.0),
        }
    )  # fmt: skip
    pricing = build_pricing(profile, sized_of(profile, facts(), "h200"), facts(), AS_OF)
    factors = np.array([0.5, 1.0, 3.0, 9.0])
    together = pricing.model.usd_per_month(pricing.way, Levels(peak_price=factors))
    alone = [float(pricing.model.usd_per_month(pricing.way, Levels(peak_price=float(f)))) for f in factors]
    assert together == pytest.approx(alone)


def test_unfinished_terms_begin_with_their_capacity() -> None:
    base = np.array([[8.0, 16.0, 24.0, 24.0], [8.0, 8.0, 8.0, 8.0]])
    found = unfinished_terms(base, 36, 48)
    # month 36: the second term of the first 8; month 24: the 8 added then; the 8 of month 12 are whole at 48
    assert [(start, gpus.tolist()) for start, gpus in found] == [(24, [8.0, 0.0]), (36, [8.0, 8.0])]
    assert [start for start, _ in unfinished_terms(base, 12, 43)] == [36]
