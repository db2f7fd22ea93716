"""Which refreshed prices are believed: under half or over double the median of the class is kept, not used."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.catalog.rent import rent_market
from advisor.domain.market import RentPrice
from advisor.domain.provenance import Provenance
from advisor.refresh.judge import judge_prices

TODAY = date(2026, 11, 21)


def price(provider: str, usd: float, *, fresh: bool = True, day: date = TODAY, **more: object) -> RentPrice:
    base = RentPrice(
        f"{provider}-{usd}", provider, "", "neocloud", "b200", "", "on_demand", usd, 8, "", "", ("US",), day,
        ("refreshed",) if fresh else (), Provenance("x", day, "list price"),
    )  # fmt: skip
    return replace(base, **more)  # type: ignore[arg-type]


HELD = [price(name, usd, fresh=False) for name, usd in (("a", 4.0), ("b", 5.0), ("c", 6.0))]


@pytest.mark.parametrize(
    ("usd", "out"), [(2.49, True), (2.5, False), (5.0, False), (10.0, False), (10.01, True), (0.01, True)]
)
def test_half_and_double_of_the_median_are_the_bounds(usd: float, out: bool) -> None:
    (judged,) = judge_prices([price("new", usd)], HELD, (), TODAY)
    assert judged.reference_usd == 5.0
    assert judged.out is out


def test_a_source_that_is_wrong_as_a_whole_does_not_carry_the_median_with_it() -> None:
    fresh = [price(name, usd * 100) for name, usd in (("a", 4.0), ("b", 5.0), ("c", 6.0), ("d", 5.0))]
    assert all(j.out for j in judge_prices(fresh, HELD, (), TODAY))


def test_where_all_that_is_held_is_old_sellers_are_held_against_each_other() -> None:
    old = [replace(p, as_of=date(2025, 1, 1)) for p in HELD]
    fresh = [price("a", 1.0), price("b", 1.2), price("c", 1.1), price("d", 11.0)]
    assert [j.price.provider for j in judge_prices(fresh, old, (), TODAY) if j.out] == ["d"]


def test_a_class_without_another_seller_is_held_against_the_other_sorts() -> None:
    held = [replace(p, seller_class="hyperscaler") for p in HELD]
    (judged,) = judge_prices([price("new", 500.0)], held, (), TODAY)
    assert judged.out


def test_where_there_is_nothing_to_hold_it_against_a_price_stands() -> None:
    (judged,) = judge_prices([price("new", 500.0)], [], (), TODAY)
    assert judged.reference_usd is None
    assert not judged.out


def test_forms_and_commitments_are_classes_of_their_own() -> None:
    held = [replace(p, accelerator="h100", variant="sxm") for p in HELD]
    pcie = price("new", 2.0, accelerator="h100", variant="pcie")
    assert judge_prices([pcie], held, (), TODAY)[0].reference_usd is None
    spot = price("new", 2.0, commitment="spot")
    assert judge_prices([spot], HELD, (), TODAY)[0].reference_usd is None


@pytest.mark.parametrize(("usd", "out"), [(0.019, True), (1.9, False), (9.0, False), (190.0, True)])
def test_a_class_without_any_seller_is_held_against_the_price_on_demand(usd: float, out: bool) -> None:
    """Cents for dollars, or the other way round, of a part that nobody had as spot, had been taken as they were."""
    (judged,) = judge_prices([price("new", usd, commitment="spot")], HELD, (), TODAY)
    assert judged.out is out
    (form,) = judge_prices([price("new", usd, variant="nvl")], HELD, (), TODAY)
    assert form.out is out


def test_a_confirmation_covers_one_price_and_not_the_next() -> None:
    first, second = price("new", 1.0), price("new", 0.5)
    confirmed, again = judge_prices([first, second], HELD, {first.id}, TODAY)
    assert "confirmed" in confirmed.price.flags
    assert not confirmed.out
    assert again.out


@given(
    held=st.lists(st.floats(1.0, 20.0), min_size=1, max_size=8),
    fresh=st.lists(st.floats(0.02, 900.0), min_size=1, max_size=8),
)
def test_no_refresh_moves_a_market_beyond_half_and_double(held: list[float], fresh: list[float]) -> None:
    base = [price(f"held{n}", usd, fresh=False) for n, usd in enumerate(held)]
    new = [price(f"new{n}", usd) for n, usd in enumerate(fresh)]
    before = rent_market(base, "b200", "neocloud", "on_demand", TODAY).typical
    judged = judge_prices(new, base, (), TODAY)
    after = rent_market([*base, *(j.price for j in judged)], "b200", "neocloud", "on_demand", TODAY).typical
    assert before is not None
    assert after is not None
    assert min(before / 2, min(held)) <= after * (1 + 1e-9)
    assert after <= max(before * 2, max(held)) * (1 + 1e-9)
    assert len(judged) == len(new)


def test_a_refresh_of_a_seller_supersedes_its_list_of_the_same_month_but_not_an_own_quote() -> None:
    listed = price("a", 4.0, fresh=False, day=date(2026, 11, 2))
    own = replace(price("a", 9.0, fresh=False, day=date(2026, 11, 3)), provenance=Provenance("user", TODAY, "quote"))
    fresh = price("a", 3.0)
    assert rent_market([listed, fresh], "b200", "neocloud", "on_demand", TODAY).sellers == (("a", 3.0),)
    assert rent_market([listed, fresh, own], "b200", "neocloud", "on_demand", TODAY).sellers == (("a", 6.0),)
    assert rent_market([listed], "b200", "neocloud", "on_demand", TODAY).sellers == (("a", 4.0),)
