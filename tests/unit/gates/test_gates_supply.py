"""Sellers, lead times, the start date, residency and whose provider it is."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from advisor.catalog import Catalog
from advisor.domain.errors import InputError
from advisor.domain.profile import Profile
from advisor.domain.sizing import Deployment
from advisor.engine.cost.prices import best_quote
from advisor.engine.cost.pricing import allowed_countries
from advisor.engine.gates import evaluate_fleet_gates, evaluate_gates
from advisor.engine.gates.countries import resolve_area
from advisor.engine.gates.residency import left_out, providers_of, residency_gate
from advisor.engine.gates.supply import start_gate, supply_gate

TODAY = date(2026, 11, 21)


def profile(
    mode: str = "either", start: str | None = None, *, procurement: dict[str, Any] | None = None, **place: Any
) -> Profile:
    return Profile.model_validate(
        {
            "name": "test",
            "model": {"id": "llama3.3-70b"},
            "traffic": {"isl": 1000, "osl": 1000, "peak_concurrency": 64},
            "procurement": {"mode": mode, "start_date": start, **(procurement or {})},
            "place": place,
        }
    )


def test_few_sellers_mean_a_waiting_list(catalog: Catalog) -> None:
    gate = supply_gate(profile("rent"), catalog.accelerators["mi355x"], catalog, TODAY)
    assert (gate.status, gate.condition) == ("condition", "waitlist")
    assert gate.title == "Only 3 sellers listed"
    for seller in ("daytona", "oci", "vultr"):
        assert seller in gate.reason
    assert supply_gate(profile("buy"), catalog.accelerators["mi355x"], catalog, TODAY).status == "pass"
    assert supply_gate(profile("rent"), catalog.accelerators["b200"], catalog, TODAY).status == "pass"


def test_one_seller_is_one_seller(catalog: Catalog) -> None:
    gate = supply_gate(profile("rent"), catalog.accelerators["mi350x"], catalog, date(2026, 12, 1))
    assert gate.title == "Only 1 seller listed"
    assert "10 days old" in gate.reason


def test_sellers_are_named_by_country_and_home(catalog: Catalog) -> None:
    gate = supply_gate(profile("rent", country="FI"), catalog.accelerators["h200"], catalog, TODAY)
    assert "verda (headquarters FI)" in gate.reason
    assert "price rows name no place" in gate.reason


@pytest.mark.parametrize(
    ("part", "mode", "start", "status", "blocks"),
    [
        # H100: 36 to 52 weeks. 2026-11-21 + 36 weeks = 2027-07-31; + 52 weeks = 2027-11-20.
        ("h100", "buy", "2027-11-20", "pass", "nothing"),
        ("h100", "buy", "2027-11-19", "condition", "nothing"),
        ("h100", "buy", "2027-07-31", "condition", "nothing"),
        ("h100", "buy", "2027-07-30", "fail", "all"),
        ("h100", "either", "2027-07-30", "condition", "buy"),
        ("h100", "rent", "2026-12-01", "pass", "nothing"),
        ("h100", "buy", None, "pass", "nothing"),
        # MI355X has no lead time of its own: 13 to 30 weeks in general.
        ("mi355x", "buy", "2027-02-20", "condition", "nothing"),
        ("mi355x", "buy", "2027-02-19", "fail", "all"),
        ("mi355x", "buy", "2020-01-01", "fail", "all"),
    ],
)
def test_start_date(part: str, mode: str, start: str | None, status: str, blocks: str, catalog: Catalog) -> None:
    gate = start_gate(profile(mode, start), catalog.accelerators[part], catalog, TODAY)
    assert (gate.status, gate.blocks) == (status, blocks)
    if status != "pass":
        assert "rent until delivery" in gate.remedy
        assert gate.delay_weeks is not None
        assert gate.delay_weeks.low <= gate.delay_weeks.typical <= gate.delay_weeks.high


def test_start_delay_is_what_is_missing(catalog: Catalog) -> None:
    gate = start_gate(profile("buy", "2027-08-28"), catalog.accelerators["h100"], catalog, TODAY)  # 40 weeks
    assert gate.delay_weeks is not None
    assert (gate.delay_weeks.low, gate.delay_weeks.typical, gate.delay_weeks.high) == (0, 4, 12)
    assert "2027-11-20" in gate.remedy


@pytest.mark.parametrize(
    ("mode", "start", "status", "title"),
    [
        # Saudi Arabia: approval presumed, 50 to 180 days = 7.1 to 25.7 weeks; 2026-11-21 + 180 days = 2027-05-20.
        ("rent", "2026-12-12", "condition", "An export licence takes 7.1 to 25.7 weeks, 3 are left"),
        ("rent", "2027-05-20", "pass", "No delivery to wait for"),
        ("rent", None, "pass", "No delivery to wait for"),
        ("buy", "2027-03-21", "condition", "Delivery takes 8 to 43 weeks, 17 are left"),
        ("buy", "2026-12-12", "fail", "Delivery takes 8 to 43 weeks, 3 are left"),
    ],
)
def test_a_licence_is_waited_for_also_by_who_rents(
    mode: str, start: str | None, status: str, title: str, catalog: Catalog
) -> None:
    """Capacity for a start in three weeks had no delivery to wait for, under a licence of two to six months."""
    asked = profile(mode, start, country="SA")
    found = {g.gate: g for g in evaluate_gates(asked, catalog.accelerators["b200"], catalog, TODAY, None)}
    gate = found["start"]
    assert (gate.status, gate.title) == (status, title)
    assert ("An export licence takes" in gate.reason) == (status == "condition")
    assert "rent until delivery" not in gate.remedy or status == "fail"
    if mode == "rent" and status == "condition":
        assert gate.condition == "licence"
        assert gate.delay_weeks is not None
        assert gate.delay_weeks.high == pytest.approx(180 / 7 - 3, abs=0.1)
        later = profile(mode, gate.remedy.split()[3].rstrip(","), country="SA")
        again = evaluate_gates(later, catalog.accelerators["b200"], catalog, TODAY, None)
        assert next(g for g in again if g.gate == "start").status == "pass"
    home = {g.gate: g for g in evaluate_gates(profile(mode, start, country="DE"), catalog.accelerators["b200"], catalog,
                                              TODAY, None)}  # fmt: skip
    assert "licence" not in home["start"].reason


def test_deployment_outside_the_data_region_fails(catalog: Catalog) -> None:
    a = catalog.accelerators["b200"]
    gate = residency_gate(profile(country="US", data_residency=["Germany", "FR"]), a, catalog)
    assert (gate.status, gate.blocks) == ("fail", "all")
    assert gate.remedy == "set place.country to one of DE, FR"


def test_data_may_lie_anywhere_in_the_union(catalog: Catalog) -> None:
    a = catalog.accelerators["h200"]
    inside = residency_gate(profile("buy", country="IE", data_residency=["EU"]), a, catalog)
    assert inside.status == "pass"
    assert "Data may lie in the European Union (27 countries)." in inside.reason
    outside = residency_gate(profile(country="CH", data_residency=["EU"]), a, catalog)
    assert (outside.status, outside.blocks) == ("fail", "all")
    assert "one of AT, BE, BG" in outside.remedy
    union = {"country": "FI", "data_residency": ["EU"]}
    named = {"country": "FI", "data_residency": sorted(resolve_area(["EU"], catalog.export, field="x")[0])}
    assert allowed_countries(profile(**union), catalog) == allowed_countries(profile(**named), catalog)


def test_residency_without_restriction_passes(catalog: Catalog) -> None:
    assert residency_gate(profile(), catalog.accelerators["b200"], catalog).title == "No restriction asked for"


def test_buying_keeps_data_at_home(catalog: Catalog) -> None:
    asked = profile("buy", country="DE", data_residency=["DE"], exclude_us_providers=True)
    assert residency_gate(asked, catalog.accelerators["b200"], catalog).status == "pass"


def test_us_providers_are_left_out_and_unknown_ones_are_said(catalog: Catalog) -> None:
    view = providers_of("b200", frozenset({"FI"}), catalog)
    assert {"aws", "gcp", "oci"} <= set(view.excluded)
    assert {"nebius", "verda", "hyperstack"} <= set(view.elsewhere)
    assert "runpod" in view.unknown
    asked = profile("rent", country="FI", data_residency=["FI"], exclude_us_providers=True)
    gate = residency_gate(asked, catalog.accelerators["b200"], catalog)
    assert gate.status == "pass"
    assert "verda" in gate.title
    assert "Headquarters not in the catalog: akash" in gate.reason


def test_no_provider_known_to_meet_it_is_a_question_not_a_no(catalog: Catalog) -> None:
    asked = profile("rent", country="DE", data_residency=["DE"], exclude_us_providers=True)
    gate = residency_gate(asked, catalog.accelerators["mi355x"], catalog)
    assert (gate.status, gate.condition) == ("condition", "review")
    assert "Left out: oci" in gate.reason
    assert "in writing" in gate.remedy


def test_sellers_left_out_are_no_supply(catalog: Catalog) -> None:
    a = catalog.accelerators["mi355x"]
    gate = supply_gate(profile("rent", country="DE", exclude_us_providers=True), a, catalog, TODAY)
    assert gate.title == "Only 1 seller listed"
    assert "daytona, the 2 left out by the profile not counted" in gate.reason


def test_sellers_of_another_class_are_no_supply(catalog: Catalog) -> None:
    """A profile that rents from hyperscalers was told of every neocloud."""
    asked = profile("rent", procurement={"seller": "hyperscaler"})
    gate = supply_gate(asked, catalog.accelerators["mi355x"], catalog, TODAY)
    assert gate.title == "Only 1 seller listed"
    assert ": oci, 2 sellers of another class than hyperscaler not counted." in gate.reason
    none = supply_gate(asked, catalog.accelerators["mi350x"], catalog, TODAY)
    assert (none.status, none.blocks, none.title) == ("fail", "all", "No seller listed")
    assert none.remedy == (
        "set procurement.seller to any, or procurement.mode to buy, or put a quote for mi350x into procurement.quotes"
    )
    assert supply_gate(profile("rent"), catalog.accelerators["mi350x"], catalog, TODAY).status == "condition"


@pytest.mark.parametrize(("provider", "status"), [("Vultr", "fail"), ("Stadtwerke", "condition")])
def test_a_quote_of_a_provider_left_out_is_no_supply(provider: str, status: str, catalog: Catalog) -> None:
    """The quote of a provider that the profile shuns once stood for a market that had nobody else."""
    quote = {"accelerator": "mi325x", "usd": 2.0, "provider": provider}
    asked = profile("rent", procurement={"quotes": [quote]}, country="DE", exclude_us_providers=True)
    gate = supply_gate(asked, catalog.accelerators["mi325x"], catalog, TODAY)
    assert gate.status == status
    if status == "fail":
        assert gate.remedy.startswith("set place.exclude_us_providers to false, or procurement.mode to buy, or put")


def test_nobody_is_left_where_every_seller_asked_for_is_american(catalog: Catalog) -> None:
    a = catalog.accelerators["b200"]
    asked = profile("rent", procurement={"seller": "hyperscaler"}, country="DE", exclude_us_providers=True)
    gate = residency_gate(asked, a, catalog)
    assert (gate.status, gate.blocks, gate.title) == ("fail", "all", "No provider is left to rent from")
    assert gate.remedy == (
        "set place.exclude_us_providers to false, or procurement.seller to any, or procurement.mode to buy"
    )
    none = residency_gate(asked, catalog.accelerators["mi350x"], catalog)  # one American neocloud sells it
    assert (none.title, none.remedy) == ("No provider is left to rent from", "set procurement.mode to buy")
    either = profile("either", procurement={"seller": "hyperscaler"}, country="DE", exclude_us_providers=True)
    assert residency_gate(either, a, catalog).blocks == "rent"


def test_a_quote_counts_as_a_seller_unless_it_is_left_out(catalog: Catalog) -> None:
    a = catalog.accelerators["b200"]
    for provider, status in (
        ("AWS", "fail"), ("Amazon Web Services", "fail"), ("Oracle Cloud", "fail"), ("Lambda Labs, Inc.", "fail"),
        ("Stadtwerke", "condition"),
    ):  # fmt: skip
        quote = {"accelerator": "b200", "usd": 9.0, "provider": provider}
        asked = profile(
            "rent", procurement={"seller": "hyperscaler", "quotes": [quote]}, country="DE", exclude_us_providers=True
        )
        gate = residency_gate(asked, a, catalog)
        assert gate.status == status
        assert (f"Your quote from {provider} is left out" in gate.reason) == (status == "fail")
        assert (best_quote(asked, "b200", "rent", "on_demand", left_out(asked, catalog)) is None) == (status == "fail")


def test_all_gates_of_every_candidate_are_complete(catalog: Catalog) -> None:
    asked = profile("either", "2027-06-01", country="DE", data_residency=["DE"])
    plan = Deployment(engine="vllm", precision="fp8", kv_cache_precision="fp8", tp=4, gpus_per_replica=4)
    for a in catalog.accelerators.values():
        for deployment in (plan, None):
            found = evaluate_gates(asked, a, catalog, TODAY, deployment) + evaluate_fleet_gates(
                asked, a, 16, catalog, TODAY
            )
            names = [g.gate for g in found]
            assert len(set(names)) == len(names)
            always = "export tariff end_users software memory site_cooling supply start residency site_power site_rack"
            assert set(always.split()) <= set(names)
            for gate in found:
                assert gate.reason.endswith((".", ")"))
                assert bool(gate.condition) == (gate.status != "pass") or gate.status == "fail"
                for source in filter(None, (s.strip() for s in gate.source.split(";"))):
                    assert source in catalog.sources or source in ("profile", "measurements", "derived"), (
                        gate.gate,
                        source,
                    )


def test_unknown_country_is_an_input_error_with_its_field(catalog: Catalog) -> None:
    with pytest.raises(InputError, match=r'place\.country: "Atlantis"'):
        evaluate_gates(profile(country="Atlantis"), catalog.accelerators["b200"], catalog, TODAY, None)
    with pytest.raises(InputError, match=r"place\.data_residency"):
        evaluate_gates(profile(data_residency=["Mordor"]), catalog.accelerators["b200"], catalog, TODAY, None)
