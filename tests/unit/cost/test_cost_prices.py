"""Where a price comes from, how firm it is, and how age and few sellers widen it."""

from __future__ import annotations

import math
from datetime import date

import pytest

from advisor.catalog import Catalog, load_catalog
from advisor.domain.normal import Z80
from advisor.domain.profile import Profile
from advisor.engine.cost.facts import capex_basis
from advisor.engine.cost.prices import market_spread, rent_basis
from advisor.engine.gates.residency import left_out
from advisor.engine.paying import price_candidate
from tests.bench_kit import usual_bench
from tests.conftest import AS_OF
from tests.sized_kit import profile_of, sized_of


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


def test_a_quote_in_hand_overrules_the_catalog(catalog: Catalog) -> None:
    quotes = [{"accelerator": "mi355x", "usd": 4.44, "provider": "Acme"}, {"accelerator": "mi355x", "usd": 5.0}]
    profile = profile_of(procurement={"quotes": quotes})
    for commitment in ("on_demand", "reserved_1y", "reserved_3y"):
        basis = rent_basis(profile, "mi355x", commitment, "neocloud", catalog, AS_OF, None)
        assert basis is not None
        assert (basis.low, basis.typical, basis.high, basis.firmness) == (4.44, 4.44, 4.44, "user quote")
    other = rent_basis(profile, "b200", "on_demand", "neocloud", catalog, AS_OF, None)
    assert other is not None
    assert other.firmness == "market"


def test_a_quote_of_a_later_day_does_not_count_and_is_named() -> None:
    """A quote of December once made the price of an answer for November."""
    quotes = [
        {"accelerator": "b200", "usd": 0.5, "provider": "Acme", "as_of": "2026-12-31"},
        {"accelerator": "b200", "usd": 9000, "kind": "buy", "as_of": "2026-11-22"},
        {"accelerator": "mi355x", "usd": 2.5, "as_of": AS_OF.isoformat()},
    ]
    api = {
        "provider": "Later", "usd_per_mtok_input": 0.1, "usd_per_mtok_output": 0.2, "as_of": "2026-12-01",
    }
    parts = ("b200", "mi355x")
    asked = profile_of(candidates=parts, procurement={"quotes": quotes, "hosted_api": api})
    plain = profile_of(candidates=parts, procurement={"quotes": quotes[2:]})
    bench = usual_bench()
    late, without = bench.advise(asked, draws=200), bench.advise(plain, draws=200)
    assert [c.cost for c in late.candidates] == [c.cost for c in without.candidates]
    assert late.profile.procurement.quotes == asked.procurement.quotes
    named = [n for n in late.notes if "after the day of this answer" in n]
    assert [("Acme" in n, "9,000.00 per GPU," in n, "Later" in n) for n in named] == [
        (True, False, False), (False, True, False), (False, False, True),
    ]  # fmt: skip
    assert "does not count" not in " ".join(without.notes)


def test_a_purchase_price_of_a_later_day_is_not_known(catalog: Catalog) -> None:
    profile = profile_of()
    dated = max(p.provenance.as_of for p in catalog.purchase_prices if p.accelerator == "b200" and p.provenance.as_of)
    assert dated > date(2026, 3, 1)
    early, _ = capex_basis(profile, sized_of(profile, catalog, "b200"), catalog, date(2026, 3, 1))
    today, _ = capex_basis(profile, sized_of(profile, catalog, "b200"), catalog, AS_OF)
    assert early is None
    assert today is not None


def test_a_volume_discount_spares_the_quote(catalog: Catalog) -> None:
    quotes = [{"accelerator": "h200", "usd": 3.0, "commitment": "reserved_1y"}]
    base = {"mode": "rent", "commitment": "reserved_1y", "volume_discount": 0.2}
    quoted = profile_of(procurement={**base, "quotes": quotes})
    listed = profile_of(procurement=base)
    with_quote = price_candidate(quoted, sized_of(quoted, catalog, "h200"), catalog, AS_OF)
    without = price_candidate(listed, sized_of(listed, catalog, "h200"), catalog, AS_OF)
    assert with_quote.point_usd_per_month == pytest.approx(64 * 730 * 3.0)
    assert without.price is not None
    assert without.point_usd_per_month == pytest.approx(64 * 730 * without.price.typical * 0.8)


def test_one_to_three_sellers_are_a_quote_and_wider(catalog: Catalog) -> None:
    spread = market_spread(catalog, AS_OF)
    for part in ("mi325x", "mi350x", "mi355x"):
        basis = rent_basis(profile_of(), part, "on_demand", "neocloud", catalog, AS_OF, None)
        assert basis is not None
        assert basis.firmness == "quote, not a market"
        assert basis.sellers <= 3
        assert basis.widened_by > 1
        assert "a quote, not a market" in basis.text
        assert math.log(basis.high / basis.low) >= 2 * Z80 * spread.seller_sigma * 0.999


def test_providers_left_out_by_the_profile_make_no_price(catalog: Catalog) -> None:
    asked = profile_of(place={"exclude_us_providers": True})
    barred = left_out(asked, catalog)
    assert {"aws", "oci", "coreweave"} <= barred
    assert not {"nebius", "verda", "runpod"} & barred
    for commitment in ("on_demand", "reserved_1y"):
        anyone = rent_basis(profile_of(), "b200", commitment, "neocloud", catalog, AS_OF, None)
        left = rent_basis(asked, "b200", commitment, "neocloud", catalog, AS_OF, None)
        assert anyone is not None
        assert left is not None
        providers = {r.id: r.provider for r in catalog.rent_prices}
        assert not {providers[row] for row in left.row_ids} & barred
        assert left.sellers < anyone.sellers or commitment != "on_demand"
        assert "headquarters in the United States left out" in left.text
        assert rent_basis(asked, "b200", commitment, "hyperscaler", catalog, AS_OF, None) is None


def test_a_quote_of_a_provider_left_out_makes_no_price(catalog: Catalog) -> None:
    quotes = [{"accelerator": "b200", "usd": 1.0, "provider": "AWS"}, {"accelerator": "b200", "usd": 9.0}]
    procurement = {"quotes": quotes}
    anyone, asked = profile_of(procurement=procurement), profile_of(
        procurement=procurement, place={"exclude_us_providers": True}
    )
    for profile, usd in ((anyone, 1.0), (asked, 9.0)):
        basis = rent_basis(profile, "b200", "on_demand", "neocloud", catalog, AS_OF, None)
        assert basis is not None
        assert basis.typical == usd


def test_age_widens_the_interval_and_is_said(catalog: Catalog) -> None:
    profile = profile_of()
    young = rent_basis(profile, "mi325x", "on_demand", "neocloud", catalog, date(2026, 9, 1), None)
    old = rent_basis(profile, "mi325x", "on_demand", "neocloud", catalog, date(2027, 2, 1), None)
    assert young is not None
    assert old is not None
    assert young.typical == old.typical
    assert young.age_days is not None
    assert young.age_days <= 60
    assert "days old" not in young.text
    assert "days old" in old.text
    assert old.high / old.low > young.high / young.low


def test_ownership_needs_no_seller(catalog: Catalog) -> None:
    """Purchase is bottom-up: part + node + network + storage, the operator's implied cost as the low end."""
    profile = profile_of(procurement={"mode": "buy"})
    cost = price_candidate(profile, sized_of(profile, catalog, "h200"), catalog, AS_OF)
    assert cost.price is not None
    assert cost.price.typical == pytest.approx(32_000 + 7_500 + 4_375 + 3_438)
    assert cost.price.low == pytest.approx(30_700)
    assert {q.name for q in cost.inputs} >= {"part_usd_per_gpu", "node_share_usd_per_gpu", "network_usd_per_gpu"}


def test_the_network_of_a_purchase_is_that_of_the_whole_service(catalog: Catalog) -> None:
    """Two tiers of 1,000 GPUs stand in one cluster; each alone has that of a node."""
    tier = {"model": {"id": "llama3.3-70b"}, "slo": {"availability": 0.9}}
    traffic = {"isl": 1000, "osl": 500, "peak_requests_per_s": 125.0, "burst_headroom": 0.0}

    def share(tiers: int) -> float:
        workloads = [{"name": f"tier {i}", "traffic": traffic, **tier} for i in range(tiers)]
        profile = Profile.model_validate({"workloads": workloads, "procurement": {"mode": "buy"}})
        cost = price_candidate(profile, sized_of(profile, catalog, "h200"), catalog, AS_OF)
        return next(q.value for q in cost.inputs if q.name == "network_usd_per_gpu")

    assert (share(1), share(2)) == (4375, 4200)  # catalog/tco/parameters.csv: single 8-GPU node, 1,024-GPU cluster


def test_every_input_has_a_source_that_the_catalog_knows(catalog: Catalog) -> None:
    for part in ("b200", "mi355x", "mi350x"):
        for mode in ("rent", "buy"):
            profile = profile_of(procurement={"mode": mode}, team={"rocm_experience": "none"})
            cost = price_candidate(profile, sized_of(profile, catalog, part), catalog, AS_OF)
            for quantity in cost.inputs:
                for source in quantity.source_id.split(";"):
                    assert source.strip() in catalog.sources, quantity.name


def test_spot_counts_only_where_it_is_asked_for(catalog: Catalog) -> None:
    profile = profile_of()
    cost = price_candidate(profile, sized_of(profile, catalog, "b200"), catalog, AS_OF)
    spot = next(o for o in cost.options if o.id == "rent.spot.neocloud")
    assert not spot.allowed
    assert spot.price is not None
    asked = profile_of(procurement={"mode": "rent", "commitment": "spot"})
    cost = price_candidate(asked, sized_of(asked, catalog, "b200"), catalog, AS_OF)
    assert cost.commitment == "spot"
    assert any("taken back" in note for note in cost.notes)


def test_a_commitment_longer_than_the_horizon_may_be_signed(catalog: Catalog) -> None:
    profile = profile_of(procurement={"horizon_months": 18})
    cost = price_candidate(profile, sized_of(profile, catalog, "b200"), catalog, AS_OF)
    option = next(o for o in cost.options if o.id == "rent.reserved_3y.neocloud")
    assert option.allowed
