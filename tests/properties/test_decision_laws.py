"""Laws of the decision: break-evens hold when put back, information is never worth less than nothing."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from advisor.catalog import Catalog, load_catalog
from advisor.domain.profile import Profile, Quote
from advisor.engine.decision import DecisionOutcome, decide
from advisor.engine.decision.simulate import compare, simulate
from advisor.engine.paying import price_candidate
from advisor.engine.risk import assess_risks
from advisor.engine.sized import PricedCandidate
from tests.conftest import AS_OF
from tests.sized_kit import profile_of, sized_of

DRAWS = 400
few = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
RATES = st.dictionaries(
    st.sampled_from(("h100", "h200", "b200", "b300", "mi300x", "mi325x", "mi355x")),
    st.floats(0.4, 4.0),
    min_size=2,
    max_size=5,
)
SPREADS = st.floats(1.01, 1.8)
PROFILES = st.builds(
    lambda mode, growth, skill, appetite: profile_of(
        traffic={"growth_per_year": growth}, procurement={"mode": mode}, team={"rocm_experience": skill},
        risk_appetite=appetite,
    ),
    st.sampled_from(("rent", "buy", "either")),
    st.sampled_from((0.0, 0.3)),
    st.sampled_from(("none", "some", "expert")),
    st.sampled_from(("averse", "neutral", "seeking")),
)  # fmt: skip


@cache
def facts() -> Catalog:
    return load_catalog()


def candidates(profile: Profile, rates: dict[str, float], spread: float) -> list[PricedCandidate]:
    out = []
    for part, rate in rates.items():
        sized = sized_of(profile, facts(), part, replica_rps=rate, spread=spread, up=0.999)
        cost = price_candidate(profile, sized, facts(), AS_OF)
        out.append(PricedCandidate(sized, cost, assess_risks(profile, sized, cost, facts(), AS_OF)))
    return out


def run(profile: Profile, rates: dict[str, float], spread: float, seed: int = 1) -> DecisionOutcome:
    return decide(profile, candidates(profile, rates, spread), facts(), AS_OF, seed, DRAWS)


@few
@given(PROFILES, RATES, SPREADS)
def test_shares_sum_to_one_and_regret_is_not_negative(profile: Profile, rates: dict[str, float], spread: float) -> None:
    outcome = run(profile, rates, spread)
    assert sum(c.p_cheapest for c in outcome.candidates.values()) == pytest.approx(1.0)
    assert all(c.expected_regret_usd_per_month >= 0 for c in outcome.candidates.values())
    ranks = sorted(c.rank for c in outcome.candidates.values())
    assert ranks == list(range(1, len(rates) + 1))
    for c in outcome.candidates.values():
        band = c.cost.usd_per_month
        assert band.p10 <= band.p50 <= band.p90


@few
@given(PROFILES, RATES, SPREADS)
def test_information_is_never_worth_less_than_nothing(profile: Profile, rates: dict[str, float], spread: float) -> None:
    info = run(profile, rates, spread).decision.information
    assert info is not None
    assert 0 <= info.evpi_throughput_usd <= info.evpi_usd + 1e-6
    for probe in info.probes:
        assert probe.evsi_usd >= 0
        assert probe.net_usd == pytest.approx(probe.evsi_usd - probe.price_usd)
    by_part: dict[str, list[tuple[float, float]]] = {}
    for probe in info.probes:
        by_part.setdefault(probe.accelerator, []).append((probe.hours, probe.evsi_usd))
    for found in by_part.values():
        values = [v for _, v in sorted(found)]
        assert values == sorted(values)  # a longer probe tells no less


@few
@given(PROFILES, RATES, SPREADS)
def test_break_even_put_back_makes_the_costs_equal(profile: Profile, rates: dict[str, float], spread: float) -> None:
    decision = run(profile, rates, spread).decision
    for found in decision.break_evens:
        if found.value is None:
            continue
        assert found.choice_usd_per_month is not None
        assert found.rival_usd_per_month is not None
        assert found.searched_low <= found.value <= found.searched_high
        if found.exact:
            assert found.choice_usd_per_month == pytest.approx(found.rival_usd_per_month, rel=1e-3)
    assert all(b.exact for b in decision.break_evens if b.variable == "engineers" and b.value is not None)


@few
@given(PROFILES, RATES, SPREADS, st.sampled_from((0.0, 0.15)))
def test_a_quote_beside_its_break_even_changes_the_order(
    profile: Profile, rates: dict[str, float], spread: float, discount: float
) -> None:
    promised = profile.procurement.model_copy(update={"volume_discount": discount})
    profile = profile.model_copy(update={"procurement": promised})
    outcome = run(profile, rates, spread)
    for found in outcome.decision.break_evens:
        if found.variable != "price" or found.value is None:
            continue
        commitment = outcome.candidates[found.subject].cost.commitment
        kind = {"kind": "buy"} if commitment == "purchase" else {"commitment": commitment}
        other = found.rival if found.subject == found.choice else found.choice
        for factor, wins in ((0.98, True), (1.02, False)):
            quote = Quote.model_validate({"accelerator": found.subject, "usd": found.value * factor, **kind})
            quoted = promised.model_copy(update={"quotes": (quote,)})
            moved = run(profile.model_copy(update={"procurement": quoted}), rates, spread).candidates
            costs = [moved[part].risk_adjusted_usd_per_month for part in (found.subject, other)]
            assert (costs[0] < costs[1]) is wins, found.text


@few
@given(PROFILES, RATES, SPREADS, st.integers(0, 10_000))
def test_the_order_of_candidates_does_not_matter(
    profile: Profile, rates: dict[str, float], spread: float, seed: int
) -> None:
    forward = run(profile, rates, spread, seed)
    backward = run(profile, dict(reversed(list(rates.items()))), spread, seed)
    assert forward.verdict == backward.verdict
    assert forward.decision == backward.decision


@few
@given(PROFILES, RATES, SPREADS)
def test_a_dominated_candidate_changes_no_verdict(profile: Profile, rates: dict[str, float], spread: float) -> None:
    base = {part: rate for part, rate in rates.items() if part != "h100"} or {"b200": 1.0}
    alone = run(profile, base, spread)
    joined = run(profile, {**base, "h100": 0.01}, spread)
    # the dominated part runs at a fortieth of the slowest: it wins no draw
    assert joined.candidates["h100"].p_cheapest == 0.0
    assert joined.verdict.kind == alone.verdict.kind
    assert joined.verdict.choice == alone.verdict.choice
    assert joined.verdict.confidence == alone.verdict.confidence


@few
@given(PROFILES, st.floats(0.5, 3.0))
def test_more_uncertain_throughput_is_worth_more_to_know(profile: Profile, rate: float) -> None:
    rates = {"h200": rate, "b200": rate}
    narrow = run(profile, rates, 1.02).decision.information
    wide = run(profile, rates, 1.8).decision.information
    assert narrow is not None
    assert wide is not None
    assert wide.evpi_throughput_usd >= narrow.evpi_throughput_usd * 0.999 - 1.0


def certain() -> Profile:
    """A profile in which nothing is left to chance but what the test adds: firm quotes for everything."""
    quotes = [{"accelerator": a, "usd": u} for a, u in (("h200", 3.0), ("b200", 5.0), ("mi355x", 4.0))]
    return profile_of(
        procurement={"mode": "rent", "commitment": "reserved_1y", "quotes": quotes},
        team={"rocm_experience": "expert", "rocm_extra_engineers": 0, "rocm_migration_weeks": 0},
    )


@cache
def certain_facts() -> Catalog:
    """The catalog with demand held fixed."""
    catalog = load_catalog()
    demand = catalog.decision_defaults["demand_factor"]
    catalog.decision_defaults["demand_factor"] = demand.model_copy(update={"low": 1.0, "high": 1.0})
    return catalog


@few
@given(st.floats(0.5, 3.0), st.floats(0.5, 3.0), st.floats(0.5, 3.0), st.integers(0, 1000))
def test_without_spread_the_monte_carlo_is_the_point_and_information_is_worthless(
    a: float, b: float, c: float, seed: int
) -> None:
    profile = certain()
    catalog = certain_facts()
    priced = []
    for part, rate in (("h200", a), ("b200", b), ("mi355x", c)):
        sized = sized_of(profile, catalog, part, replica_rps=rate, spread=1.0)
        priced.append(PricedCandidate(sized, price_candidate(profile, sized, catalog, AS_OF)))
    runs = simulate(profile, priced, catalog, AS_OF, seed, DRAWS)
    for r in runs:
        band, point = r.cost.usd_per_month, r.cost.point_usd_per_month
        assert (band.p10, band.p50, band.p90) == pytest.approx((point, point, point))
        assert r.cost.mean_usd_per_month == pytest.approx(point)
    assert compare(runs).evpi_usd_per_month == pytest.approx(0.0, abs=1e-6)
    info = decide(profile, priced, catalog, AS_OF, seed, DRAWS).decision.information
    assert info is not None
    assert info.evpi_usd == pytest.approx(0.0, abs=1e-4)
    assert info.evpi_throughput_usd == pytest.approx(0.0, abs=1e-4)
    assert all(p.evsi_usd == pytest.approx(0.0, abs=1e-4) for p in info.probes)


EXTREMES = st.builds(
    lambda growth, horizon, discount, capital, average, hours, commitment, mode, usd: profile_of(
        traffic={"growth_per_year": growth, "average_to_peak": average, "hours_per_day": hours},
        procurement={
            "mode": mode, "horizon_months": horizon, "volume_discount": discount, "cost_of_capital": capital,
            "commitment": commitment if mode == "rent" else "any",
            "quotes": [
                {"accelerator": "h200", "usd": usd}, {"accelerator": "h200", "kind": "buy", "usd": usd * 9000},
            ],
        },
        site={"power_usd_per_kwh": 0.0, "space_usd_per_kw_month": 0.0},
        team={"engineer_usd_per_year": 0.0},
    ),
    st.floats(-0.9, 20.0), st.integers(1, 120), st.floats(0.0, 0.99), st.floats(0.0, 1.0), st.floats(0.001, 1.0),
    st.floats(0.01, 24.0), st.sampled_from(("any", "on_demand", "spot")), st.sampled_from(("rent", "buy", "either")),
    st.floats(1e-3, 1e7),
)  # fmt: skip


@few
@given(EXTREMES, st.floats(0.01, 1000.0), SPREADS)
def test_extreme_but_valid_profiles_are_answered(profile: Profile, rate: float, spread: float) -> None:
    outcome = run(profile, {"h200": rate, "mi300x": rate / 2}, spread)
    for judged in outcome.candidates.values():
        band = judged.cost.usd_per_month
        assert 0 <= band.p10 <= band.p50 <= band.p90
    assert outcome.verdict.choice is not None
    assert outcome.decision.model_dump_json()  # no infinity, no NaN
