"""What the decision says, on candidates made by hand: probing, waiting, negotiating, appetite; splits: `test_split`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from advisor.catalog import Catalog, load_catalog
from advisor.domain.decision import WaitOption
from advisor.domain.profile import Profile
from advisor.domain.units import DAYS_PER_MONTH
from advisor.engine.decision import DecisionOutcome, decide
from advisor.engine.decision.information import GRID, Given, _sample_value
from advisor.engine.gates.residency import first_offer, left_out
from advisor.engine.paying import price_candidate
from advisor.engine.risk import assess_risks
from advisor.engine.sized import PricedCandidate
from tests.conftest import AS_OF
from tests.sized_kit import FIRM, profile_of, quotes, sized_of


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


@pytest.fixture
def fresh() -> Catalog:
    """A catalog whose facts a test may move."""
    return load_catalog()


def answer(
    catalog: Catalog, profile: Profile, parts: Mapping[str, tuple[float, float]], draws: int = 2000
) -> DecisionOutcome:
    """Decide between parts given as (requests/s a replica, spread of the estimate)."""
    priced = []
    for part, (rate, spread) in parts.items():
        sized = sized_of(profile, catalog, part, replica_rps=rate, spread=spread)
        cost = price_candidate(profile, sized, catalog, AS_OF)
        priced.append(PricedCandidate(sized, cost, assess_risks(profile, sized, cost, catalog, AS_OF)))
    return decide(profile, priced, catalog, AS_OF, 1, draws)


def renewal(**more: Any) -> Profile:
    """About a hundred GPUs at renewal, with a team that is neutral between the stacks."""
    return profile_of(
        traffic={"peak_requests_per_s": 24.0},
        team={"rocm_experience": "expert", "rocm_extra_engineers": 0, "rocm_migration_weeks": 0},
        procurement={**FIRM, "quotes": quotes(mi355x=4.0, b200=4.4)},
        **more,
    )


def test_a_probe_is_offered_where_the_profile_may_rent(catalog: Catalog) -> None:
    free, bound = renewal(), renewal(place={"exclude_us_providers": True})
    assert first_offer(free, [("lambda", 2.0), ("nebius", 3.0)], catalog) == "lambda"
    assert first_offer(bound, [("lambda", 2.0), ("nebius", 3.0)], catalog) == "nebius"
    assert first_offer(bound, [("lambda", 2.0), ("runpod", 2.5)], catalog) == (
        "runpod, headquarters not in the catalog: ask first"
    )
    assert first_offer(bound, [("lambda", 2.0)], catalog) == ""
    info = answer(catalog, bound, {"b200": (1.8, 1.6), "mi355x": (2.0, 1.05)}).decision.information
    assert info is not None
    assert info.plan is not None
    assert catalog.gate_facts.sellers[info.plan.provider].headquarters != "US"


def test_the_lowest_price_seen_is_of_a_provider_that_may_be_rented_from(catalog: Catalog) -> None:
    seen = []
    for place in ({}, {"exclude_us_providers": True}):
        terms = {"mode": "rent", "commitment": "on_demand", "quotes": quotes(mi325x=2.0, mi355x=9.0)}
        asked = profile_of(procurement=terms, place=place)
        page = answer(catalog, asked, {"mi325x": (8.0, 1.05), "mi355x": (0.5, 1.05)}).decision.negotiation
        assert page is not None
        assert page.seller_of == "mi325x"
        seen.append(page.lowest_seen_at.split(",")[0])
    assert catalog.gate_facts.sellers[seen[0]].headquarters == "US"
    assert seen[1] not in left_out(asked, catalog)


@pytest.mark.parametrize(
    ("place", "seller", "classes"),
    [
        ({}, "any", {"neocloud", "marketplace", "hyperscaler"}),
        ({"country": "FI", "data_residency": ["FI", "FR"]}, "neocloud", {"neocloud", "marketplace"}),
        ({}, "hyperscaler", {"hyperscaler"}),
    ],
)
def test_the_lowest_price_seen_is_one_that_the_buyer_could_have(
    catalog: Catalog, place: dict[str, Any], seller: str, classes: set[str]
) -> None:
    """USD 1.25 of May stood there in November, of a seller that asked 2.58 by then, and of other forms and places."""
    terms = {"mode": "rent", "commitment": "on_demand", "seller": seller}
    page = answer(catalog, profile_of(procurement=terms, place=place), {"h100": (2.0, 1.05)}).decision.negotiation
    assert page is not None
    row = next(p for p in catalog.rent_prices if f"({p.id})" in page.lowest_seen_at)
    assert row.seller_class in classes
    assert row.variant in ("", "sxm")
    assert not row.countries or not place or set(row.countries) & set(place["data_residency"])
    key = (row.provider, "h100", "on_demand")
    same = [p for p in catalog.rent_prices if (p.provider, p.accelerator, p.commitment) == key]
    newest = max(p.as_of for p in same if p.as_of <= AS_OF and p.variant in ("", "sxm"))
    assert (row.as_of.year, row.as_of.month) == (newest.year, newest.month)


def test_an_uncertain_challenger_is_probed_first(catalog: Catalog) -> None:
    outcome = answer(catalog, renewal(), {"b200": (2.0, 1.05), "mi355x": (1.8, 1.6)})
    assert outcome.verdict.kind == "probe_first"
    info = outcome.decision.information
    assert info is not None
    assert info.plan is not None
    assert info.plan.accelerator == "mi355x"
    best = info.probes[0]
    assert best.evsi_usd >= 2 * best.price_usd
    assert info.evpi_throughput_usd >= best.evsi_usd
    assert info.plan.gpus == info.probes[0].gpus == 8  # a whole node is rented
    decides = info.plan.decides_at_output_tps_per_gpu
    assert decides is not None
    assert 0.5 < decides / info.plan.expected_output_tps_per_gpu < 2.0
    assert "MI355X" in outcome.verdict.headline


def test_the_same_candidates_well_measured_need_no_probe(catalog: Catalog) -> None:
    outcome = answer(catalog, renewal(), {"b200": (2.0, 1.01), "mi355x": (1.3, 1.01)})
    assert outcome.verdict.kind == "get"
    assert outcome.verdict.choice is not None
    assert outcome.verdict.choice.accelerator == "b200"
    assert "Probe first: no" in outcome.decision.kind_reason


def test_what_costs_least_is_told_as_the_printed_costs_have_it(catalog: Catalog) -> None:
    alone = answer(catalog, renewal(), {"b200": (1.0, 1.0)}).verdict
    assert alone.reason.startswith("B200 is the only candidate that qualifies;")
    wide = answer(catalog, renewal(), {"b200": (2.0, 1.01), "mi355x": (1.3, 1.01)}).verdict
    assert wide.reason.startswith("B200 costs least;")
    even = profile_of(
        traffic={"peak_requests_per_s": 24.0},
        team={"rocm_experience": "expert", "rocm_extra_engineers": 0, "rocm_migration_weeks": 0},
        procurement={**FIRM, "quotes": quotes(mi355x=4.4, b200=4.4)},
    )  # fmt: skip
    close = answer(catalog, even, {"b200": (2.0, 1.01), "mi355x": (2.0, 1.01)})
    median = {part: judged.cost.usd_per_month.p50 for part, judged in close.candidates.items()}
    assert close.verdict.choice is not None
    assert close.verdict.choice.accelerator == "b200"
    assert median["mi355x"] < median["b200"]
    assert close.verdict.reason.startswith("B200 costs least with risk counted;")


def test_a_tiny_fleet_is_not_worth_a_probe(catalog: Catalog) -> None:
    small = profile_of(
        traffic={"peak_requests_per_s": 1.0}, procurement={**FIRM, "quotes": quotes(mi355x=4.0, b200=4.4)},
        team={"rocm_experience": "expert"},
    )  # fmt: skip
    outcome = answer(catalog, small, {"b200": (2.0, 1.05), "mi355x": (1.8, 1.3)})
    assert outcome.verdict.kind == "get"


def test_a_team_new_to_rocm_is_steered_to_nvidia_unless_the_gap_is_large(catalog: Catalog) -> None:
    def choose(price: float, skill: str) -> DecisionOutcome:
        profile = profile_of(
            team={"rocm_experience": skill}, traffic={"peak_requests_per_s": 1.0},
            procurement={**FIRM, "quotes": quotes(mi355x=price, b200=4.4)},
        )  # fmt: skip
        return answer(catalog, profile, {"b200": (1.0, 1.02), "mi355x": (1.0, 1.02)})

    novice = choose(3.5, "none")
    assert novice.verdict.choice is not None
    assert novice.verdict.choice.vendor == "NVIDIA"
    gap, skill = novice.decision.vendor_gap_usd_per_month, novice.decision.skill_gap_usd_per_month
    assert gap is not None
    assert skill is not None
    assert 0 < gap < skill
    assert f"USD {skill:,.0f}" in novice.decision.vendor_gap_text
    assert novice.decision.vendor_gap_text in novice.verdict.reasons
    adept = choose(3.5, "expert")
    assert adept.verdict.choice is not None
    assert adept.verdict.choice.vendor == "AMD"
    engineers = next(b for b in novice.decision.break_evens if b.variable == "engineers")
    assert engineers.value is not None
    assert engineers.value < 1.5


def test_averse_and_seeking_buyers_can_differ(catalog: Catalog) -> None:
    parts = {"b200": (2.0, 1.01), "mi355x": (2.0, 1.9)}
    procurement = {**FIRM, "quotes": quotes(mi355x=4.05, b200=4.4)}
    team = {"rocm_experience": "expert", "rocm_extra_engineers": 0, "rocm_migration_weeks": 0}
    traffic = {"peak_requests_per_s": 40.0}

    def adjusted(appetite: str) -> dict[str, float]:
        profile = profile_of(procurement=procurement, team=team, traffic=traffic, risk_appetite=appetite)
        outcome = answer(catalog, profile, parts)
        return {k: v.risk_adjusted_usd_per_month for k, v in outcome.candidates.items()}

    averse, neutral, seeking = adjusted("averse"), adjusted("neutral"), adjusted("seeking")
    for part in parts:
        assert seeking[part] <= neutral[part] <= averse[part]
    # the wide estimate pays more for its tail
    assert averse["mi355x"] - neutral["mi355x"] > averse["b200"] - neutral["b200"]


def test_one_workload_is_never_split(catalog: Catalog) -> None:
    outcome = answer(catalog, renewal(), {"b200": (2.0, 1.05), "mi355x": (1.8, 1.05)})
    assert outcome.decision.split is None


def test_parts_on_the_roadmap_are_options_with_dates(catalog: Catalog) -> None:
    profile = profile_of(procurement={"horizon_months": 36, "mode": "rent"})
    outcome = answer(catalog, profile, {"b300": (2.0, 1.1), "mi355x": (1.8, 1.1)})
    waits = {w.part: w for w in outcome.decision.waits}
    rubin, helios = waits["vr_nvl72"], waits["mi455x_helios"]
    assert rubin.available_low is not None
    assert rubin.available_typical is not None
    assert rubin.available_high is not None
    assert AS_OF <= rubin.available_low <= rubin.available_typical <= rubin.available_high
    # an operator's published cost, 3.57 against 2.26 for the B300, prices the one; nothing prices the other
    assert rubin.price_usd_per_gpu_hour is not None
    assert helios.price_usd_per_gpu_hour is None
    assert "no public price" in helios.text
    assert helios.dispute
    assert rubin.p_saves is not None
    assert rubin.worthwhile == (outcome.verdict.kind == "wait")


def test_waiting_wins_where_it_costs_nothing_to_wait(catalog: Catalog) -> None:
    """A start after the coming part has shipped leaves no meantime to pay for."""
    def saving(start: str) -> float:
        procurement = {"horizon_months": 36, "mode": "rent", "start_date": start}
        outcome = answer(catalog, profile_of(procurement=procurement), {"b300": (2.0, 1.1)})
        rubin = next(w for w in outcome.decision.waits if w.part == "vr_nvl72")
        assert rubin.saving_usd_per_month is not None
        return rubin.saving_usd_per_month

    assert saving("2028-06-01") > saving("2026-12-01")


def rubin_of(outcome: DecisionOutcome) -> WaitOption:
    return next(w for w in outcome.decision.waits if w.part == "vr_nvl72")


def test_to_serve_until_something_ships_as_one_is_served_now_costs_the_same(catalog: Catalog) -> None:
    """What is rented by the hour today is rented by the hour in the meantime, at the figure that it is held against.

    Typical inputs cost less than the mean over draws, most of all where a fleet is close to one more node: what the
    wait seemed to save was that difference.
    """
    profile = profile_of(procurement={"horizon_months": 6, "mode": "rent", "commitment": "on_demand"})
    outcome = answer(catalog, profile, {"b300": (1.01, 1.3)})
    choice, rubin = outcome.candidates["b300"], rubin_of(outcome)
    assert choice.risk_adjusted_usd_per_month > 1.1 * choice.cost.point_usd_per_month
    assert rubin.available_typical is not None
    months = (rubin.available_typical - AS_OF).days / DAYS_PER_MONTH
    rate = choice.cost.discount_rate
    present = (1 - (1 + rate) ** (-months / 12)) / (1 - (1 + rate) ** (-1 / 12))
    assert rubin.meantime_usd == pytest.approx(choice.risk_adjusted_usd_per_month * present)


BOUND = ({"mode": "buy"}, {"mode": "rent", "commitment": "reserved_1y"}, {"mode": "rent", "commitment": "reserved_3y"})


@pytest.mark.parametrize("terms", BOUND)
def test_nobody_waits_on_demand_who_may_not_rent_on_demand(catalog: Catalog, terms: dict[str, Any]) -> None:
    outcome = answer(catalog, profile_of(procurement={"horizon_months": 48, **terms}), {"b300": (2.0, 1.1)})
    rubin = rubin_of(outcome)
    assert (rubin.usd_per_month, rubin.meantime_usd, rubin.worthwhile) == (None, None, False)
    assert "allows nothing that serves until then" in rubin.text
    later = {"horizon_months": 48, "start_date": "2028-06-01", **terms}
    begun = rubin_of(answer(catalog, profile_of(procurement=later), {"b300": (2.0, 1.1)}))
    assert begun.meantime_usd == 0  # it has shipped before anything has to serve
    assert begun.usd_per_month is not None


def test_what_binds_to_nothing_is_no_reason_to_wait(fresh: Catalog) -> None:
    """Rented by the hour, the choice can be left when the coming part ships: there is nothing to put off today."""
    defaults = fresh.decision_defaults
    cheap = {"low": 0.3, "typical": 0.3, "high": 0.3}
    defaults["roadmap_price_factor"] = defaults["roadmap_price_factor"].model_copy(update=cheap)
    defaults["roadmap_speedup_low"] = defaults["roadmap_speedup_low"].model_copy(update={"value": 2.8})
    parts, terms = {"b300": (2.0, 1.05)}, {"horizon_months": 36, "mode": "rent"}
    free = answer(fresh, profile_of(procurement={**terms, "commitment": "on_demand"}), parts)
    assert free.verdict.kind == "get"
    assert "Nothing is to be put off for it" in free.verdict.reason
    assert "waiting does not pay" not in free.verdict.reason
    terms |= {"commitment": "reserved_1y", "start_date": "2028-06-01"}
    later = answer(fresh, profile_of(procurement=terms), parts)
    assert later.verdict.kind == "wait"
    assert "on demand" not in later.verdict.headline  # nothing has to serve before the start


def test_a_probe_that_changes_no_choice_is_worth_nothing_at_all() -> None:
    """Not a rounding of 1e-10, which prints as a worth of USD 0.000."""
    for others in np.linspace(10_000.0, 20_000.0, 40):
        far = Given(None, 60_000.0 * np.exp(-0.1 * GRID))  # type: ignore[arg-type]
        assert _sample_value(far, float(others), 0.1, 0.05) == (0.0, 0.0)


def test_negotiation_prices_turn_the_answer(catalog: Catalog) -> None:
    outcome = answer(catalog, renewal(), {"b200": (2.0, 1.05), "mi355x": (1.8, 1.05)})
    page = outcome.decision.negotiation
    assert page is not None
    assert page.today_usd is not None
    assert page.walk_away_usd is not None
    assert page.walk_away_usd > page.today_usd
    assert page.asks
    own = next(b for b in outcome.decision.break_evens if b.variable == "price" and b.subject == page.seller_of)
    assert page.walk_away_usd == own.value


def test_the_price_today_on_the_negotiation_page_is_that_of_the_break_even(catalog: Catalog) -> None:
    """A promised discount is taken from both, so that a quote can be held against either."""
    profile = profile_of(procurement={**FIRM, "volume_discount": 0.1})
    outcome = answer(catalog, profile, {"b200": (2.0, 1.05), "mi355x": (1.8, 1.05)})
    page = outcome.decision.negotiation
    assert page is not None
    own = next(b for b in outcome.decision.break_evens if b.variable == "price" and b.subject == page.seller_of)
    assert page.today_usd == pytest.approx(own.today)


def test_reasons_and_steps_are_there(catalog: Catalog) -> None:
    verdict = answer(catalog, renewal(), {"b200": (2.0, 1.05), "mi355x": (1.8, 1.6)}).verdict
    assert len(verdict.reasons) == 3
    assert 1 <= len(verdict.next_steps) <= 5
    assert verdict.confidence_word in ("high", "fair", "low")


@pytest.mark.parametrize(
    ("promised", "asked"),
    [
        (0.0, "8 % to 12 % off"),
        (0.1, "12 % off in place of the 10 % promised"),
        (0.2, "the 20 % that you were promised"),
    ],
)
def test_no_less_is_asked_for_than_was_promised(catalog: Catalog, promised: float, asked: str) -> None:
    """A target above the price in hand would be worth nothing."""
    profile = profile_of(
        traffic={"peak_requests_per_s": 400.0},
        team={"rocm_experience": "none"},
        procurement={**FIRM, "volume_discount": promised},
    )
    outcome = answer(catalog, profile, {"b200": (2.0, 1.05), "mi355x": (0.5, 1.05)})
    page = outcome.decision.negotiation
    assert page is not None
    assert page.seller_of == "b200"
    assert page.asks[0].what.startswith(asked)
    assert (page.target_usd is None) is (promised > 0.12)
    if page.target_usd is not None:  # 12 % off in place of what is promised, on a bill that is rent alone
        bill = outcome.candidates["b200"].cost.point_usd_per_month
        left = (1 - 0.12) / (1 - promised)
        assert page.saving_at_target_usd_per_month == pytest.approx(bill * (1 - left))


def test_a_target_for_the_base_leaves_the_price_of_the_peak(catalog: Catalog) -> None:
    """The discount of the high end, 12 %, is on the reserved line alone."""
    profile = profile_of(
        traffic={"peak_requests_per_s": 400.0, "average_to_peak": 0.8},
        team={"rocm_experience": "none"},
        procurement={"mode": "rent", "horizon_months": 24},
    )
    outcome = answer(catalog, profile, {"b200": (2.0, 1.05), "mi300x": (0.2, 1.05)}, draws=300)
    page = outcome.decision.negotiation
    assert page is not None
    assert (page.seller_of, page.paid) == ("b200", "reserved for one year")
    base, peak = outcome.candidates["b200"].cost.lines[:2]
    assert base.name.startswith("base of")
    assert peak.usd_per_month > 0
    assert page.saving_at_target_usd_per_month == pytest.approx(0.12 * base.usd_per_month)
