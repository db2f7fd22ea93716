"""The rent market: the survey's medians reproduced, and what may and may not be counted."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.catalog import Catalog
from advisor.catalog.rent import NOT_A_PRICE, rent_market
from advisor.domain.market import RentPrice, band
from advisor.domain.provenance import Provenance

TODAY = date(2026, 11, 21)
SUMMARY = Path(__file__).parent / "data" / "rent_summary_2026_11.csv"


def summary() -> list[dict[str, str]]:
    with SUMMARY.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def price(n: int, usd: float, as_of: date = date(2026, 11, 1), **changes: object) -> RentPrice:
    values: dict[str, object] = {
        "id": f"p{n}", "provider": f"seller{n}", "channel": "", "seller_class": "neocloud", "accelerator": "b200",
        "variant": "", "commitment": "on_demand", "usd_per_gpu_hour": usd, "gpus_per_instance": 8,
        "instance_type": "", "region": "", "countries": (), "as_of": as_of, "flags": (),
        "provenance": Provenance("s", as_of, "list price"),
    }  # fmt: skip
    return RentPrice(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("row", summary(), ids=lambda r: "-".join(list(r.values())[:4]))
def test_the_published_medians_are_reproduced(catalog: Catalog, row: dict[str, str]) -> None:
    market = catalog.rent_market(
        row["accelerator"], row["seller_class"], row["commitment"], TODAY, variant=row["variant"]  # type: ignore[arg-type]
    )  # fmt: skip
    assert market.n == int(row["n"])
    got = [market.low, market.typical, market.high]
    assert got == pytest.approx([float(row[k]) for k in ("low", "typical", "high")], abs=0.0051)
    assert "stale" not in market.flags


def test_b200_on_demand_worked_by_hand(catalog: Catalog) -> None:
    """Ten sellers; the median lies midway between Lium 6.50 and Lambda 6.69."""
    market = catalog.rent_market("b200", "neocloud", "on_demand", TODAY)
    named = dict(market.sellers)
    assert named["lium"] == 6.5  # median of 5.75, 5.80, 6.50, 6.53, 6.53
    assert named["verda"] == 6.11  # listed under its former name
    assert market.typical == pytest.approx((6.5 + 6.69) / 2)
    left_out = dict(market.left_out)
    reasons = {p.provider: left_out[p.id] for p in catalog.rent_prices if p.id in left_out}
    assert reasons["gmicloud"] == "from_price"
    assert reasons["dataoorts"] == "older than 2026-07-01"


def test_unknown_is_not_found_and_never_zero(catalog: Catalog) -> None:
    market = catalog.rent_market("mi350x", "hyperscaler", "spot", TODAY)
    assert (market.found, market.low, market.typical, market.high) == (False, None, None, None)


def test_few_sellers_are_said_to_be_few(catalog: Catalog) -> None:
    assert "few_sellers" in catalog.rent_market("mi355x", "neocloud", "on_demand", TODAY).flags
    assert "few_sellers" not in catalog.rent_market("h100", "neocloud", "on_demand", TODAY).flags


def test_old_prices_stand_in_only_when_nothing_is_current(catalog: Catalog) -> None:
    market = catalog.rent_market("mi325x", "neocloud", "reserved_2y", TODAY)
    assert market.sellers == (("vultr", 2.0),)
    assert "stale" in market.flags
    assert market.newest == date(2026, 2, 1)


def test_later_rows_are_not_known_yet() -> None:
    prices = [price(1, 5.0, date(2026, 3, 1)), price(2, 9.0, date(2026, 10, 1))]
    market = rent_market(prices, "b200", "neocloud", "on_demand", date(2026, 4, 1))
    assert market.sellers == (("seller1", 5.0),)


def test_a_seller_counts_once_with_its_newest_month() -> None:
    prices = [
        price(1, 4.0, date(2026, 9, 30), provider="x"),
        price(2, 6.0, date(2026, 10, 1), provider="x"),
        price(3, 8.0, date(2026, 10, 31), provider="x"),
        price(4, 5.0, provider="y"),
    ]
    market = rent_market(prices, "b200", "neocloud", "on_demand", TODAY)
    assert market.sellers == (("y", 5.0), ("x", 7.0))
    assert market.row_ids == ("p2", "p3", "p4")


def test_the_window_starts_with_the_fourth_month_before() -> None:
    prices = [price(1, 4.0, date(2026, 6, 30)), price(2, 6.0, date(2026, 7, 1))]
    market = rent_market(prices, "b200", "neocloud", "on_demand", TODAY)
    assert market.sellers == (("seller2", 6.0),)
    assert market.left_out == (("p1", "older than 2026-07-01"),)


def test_countries_drop_other_places_and_keep_unnamed_ones_with_a_flag() -> None:
    prices = [price(1, 4.0, countries=("US",)), price(2, 5.0, countries=("FI", "FR")), price(3, 6.0)]
    market = rent_market(prices, "b200", "neocloud", "on_demand", TODAY, {"FR", "DE"})
    assert [name for name, _ in market.sellers] == ["seller2", "seller3"]
    assert dict(market.left_out) == {"p1": "offered in US"}
    assert "country_unknown" in market.flags
    assert "country_unknown" not in rent_market(prices, "b200", "neocloud", "on_demand", TODAY).flags


def test_neocloud_takes_in_marketplaces_and_not_the_reverse() -> None:
    prices = [price(1, 4.0), price(2, 5.0, seller_class="marketplace"), price(3, 14.0, seller_class="hyperscaler")]
    assert rent_market(prices, "b200", "neocloud", "on_demand", TODAY).n == 2
    assert rent_market(prices, "b200", "marketplace", "on_demand", TODAY).sellers == (("seller2", 5.0),)
    assert rent_market(prices, "b200", "hyperscaler", "on_demand", TODAY).typical == 14.0


def test_pcie_and_nvl_are_other_parts() -> None:
    prices = [price(1, 4.0, variant="sxm"), price(2, 2.0, variant="pcie"), price(3, 5.0)]
    assert rent_market(prices, "b200", "neocloud", "on_demand", TODAY).low == 4.0
    assert rent_market(prices, "b200", "neocloud", "on_demand", TODAY, variant="pcie").high == 2.0


@given(
    st.lists(st.tuples(st.integers(1, 6), st.floats(0.5, 30), st.sampled_from([*sorted(NOT_A_PRICE), "bundled", ""]))),
    st.randoms(use_true_random=False),
)
def test_market_laws(drawn: list[tuple[int, float, str]], random: object) -> None:
    prices = [
        price(n, usd, provider=f"s{seller}", flags=(code,) if code else ())
        for n, (seller, usd, code) in enumerate(drawn)
    ]
    market = rent_market(prices, "b200", "neocloud", "on_demand", TODAY)
    counted = {p.id for p in prices if not NOT_A_PRICE.intersection(p.flags)}
    assert set(market.row_ids) == counted
    assert set(dict(market.left_out)) == {p.id for p in prices} - counted
    assert market.found == bool(counted)
    if market.found:
        assert market.low <= market.typical <= market.high  # type: ignore[operator]
        usable = [p.usd_per_gpu_hour for p in prices if p.id in counted]
        assert min(usable) <= market.low  # type: ignore[operator]
        assert market.high <= max(usable)  # type: ignore[operator]
    shuffled = list(prices)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert rent_market(shuffled, "b200", "neocloud", "on_demand", TODAY) == market


def test_seller_classes_of_the_bundled_prices(catalog: Catalog) -> None:
    by_class: dict[str, set[str]] = {}
    for p in catalog.rent_prices:
        by_class.setdefault(p.seller_class, set()).add(p.provider)
    assert by_class["hyperscaler"] == {"aws", "azure", "gcp", "oci"}
    assert by_class["serverless"] == {"baseten", "cerebrium", "fal", "fireworks", "koyeb", "modal", "replicate"}
    assert by_class["marketplace"] == {"akash", "lium", "primeintellect", "spheron", "vast"}
    assert not by_class["neocloud"] & {"datacrunch", "vast-ai", "jarvis-labs"}


def test_places_are_those_that_the_rows_name(catalog: Catalog) -> None:
    named = {c for p in catalog.rent_prices for c in p.countries}
    assert {"US", "FI", "FR", "IN"} <= named
    assert all(len(c) == 2 and c.isupper() for c in named)
    assert sum(not p.countries for p in catalog.rent_prices) > 250  # most list prices name no place


@given(st.lists(st.one_of(st.none(), st.floats(0, 1e6)), min_size=3, max_size=3))
def test_a_band_keeps_what_is_stated(values: list[float | None]) -> None:
    filled = band(*values)
    if all(v is None for v in values):
        assert filled is None
    else:
        assert filled is not None
        assert all(v is None or v == f for v, f in zip(values, filled, strict=True))
