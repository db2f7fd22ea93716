"""One rented and one bought case, every step on paper."""

from __future__ import annotations

from pathlib import Path

import pytest

from advisor.catalog import Catalog, load_catalog
from advisor.domain.cost import Cost
from advisor.domain.profile import Profile
from advisor.engine.cost.timing import calendar_of
from advisor.engine.paying import build_pricing, price_candidate
from advisor.workbench import Workbench
from tests.conftest import AS_OF
from tests.sized_kit import profile_of, sized_of


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


def _cost(catalog: Catalog, accelerator: str = "h200", rate: float = 1.0, **changes: object) -> Cost:
    profile = profile_of(**changes)
    return price_candidate(profile, sized_of(profile, catalog, accelerator, replica_rps=rate), catalog, AS_OF)


QUOTE = {"accelerator": "h200", "usd": 3.0, "commitment": "reserved_1y"}


def test_reserved_rent_is_paid_around_the_clock(catalog: Catalog) -> None:
    # 8 requests/s over 1 a replica: 8 replicas x 8 GPUs = 64 GPUs; x 730 h x USD 3.00 = USD 140,160 a month
    cost = _cost(catalog, procurement={"mode": "rent", "commitment": "reserved_1y", "quotes": [QUOTE]})
    assert cost.option == "rent.reserved_1y.quote"
    assert cost.point_usd_per_month == pytest.approx(64 * 730 * 3.0)
    assert cost.gpus_start == 64


def test_on_demand_follows_traffic(catalog: Catalog) -> None:
    # 64 GPUs x 40 % average over peak x (12/24 x 5/7 = 35.71 %) of the month x 730 h x USD 5.00
    quote = {**QUOTE, "usd": 5.0, "commitment": "on_demand"}
    traffic = {"average_to_peak": 0.4, "hours_per_day": 12, "days_per_week": 5}
    cost = _cost(
        catalog, traffic=traffic, procurement={"mode": "rent", "commitment": "on_demand", "quotes": [quote]}
    )
    assert cost.point_usd_per_month == pytest.approx(64 * 0.4 * (12 / 24 * 5 / 7) * 730 * 5.0)


def test_on_demand_keeps_one_replica_up(catalog: Catalog) -> None:
    # 1 % of 64 GPUs is less than one replica of 8 GPUs: 8 GPUs stay up while there is traffic
    quote = {**QUOTE, "usd": 5.0, "commitment": "on_demand"}
    cost = _cost(
        catalog,
        traffic={"average_to_peak": 0.01},
        procurement={"mode": "rent", "commitment": "on_demand", "quotes": [quote]},
    )
    assert cost.point_usd_per_month == pytest.approx(8 * 730 * 5.0)


def test_on_demand_keeps_a_replica_of_each_tier_up_in_its_own_hours(catalog: Catalog) -> None:
    # a replica of 8 GPUs for the tier that never sleeps, all month; 8 more for the other one, 8 hours of 24
    quote = {**QUOTE, "usd": 5.0, "commitment": "on_demand"}
    traffic = {"isl": 1000, "osl": 500, "peak_requests_per_s": 1.0, "burst_headroom": 0.0, "average_to_peak": 0.01}
    tiers = [
        {"name": name, "model": {"id": "llama3.3-70b"}, "traffic": {**traffic, "hours_per_day": hours}}
        for name, hours in (("office", 8), ("always", 24))
    ]
    money = {"mode": "rent", "commitment": "on_demand", "quotes": [quote]}
    cost = _cost(catalog, model=None, traffic=None, slo={}, workloads=tiers, procurement=money)
    assert cost.point_usd_per_month == pytest.approx((8 + 8 * 8 / 24) * 730 * 5.0)
    assert "(at least 10.6667 all month)" in cost.lines[0].formula


def test_cost_looks_as_far_ahead_as_the_fleet_does(tmp_path: Path) -> None:
    """An overlay's look-ahead sized the fleet, and the cost bought for a year ahead all the same."""
    (tmp_path / "sizing").mkdir()
    row = "growth_lookahead_months,6,6,12,months,user,2026-11-10,user,half a year"
    table = f"name,value,low,high,unit,source,as_of,kind,note\n{row}\n"
    (tmp_path / "sizing" / "parameters.csv").write_text(table, encoding="utf-8")
    asked = Profile.model_validate(
        {
            "name": "x", "model": {"id": "llama3.3-70b"}, "candidates": ["h200"], "procurement": {"mode": "buy"},
            "traffic": {"isl": 1000, "osl": 500, "peak_requests_per_s": 40, "growth_per_year": 1.0},
        }
    )  # fmt: skip
    trees = [Workbench(o, as_of=AS_OF, bare=True).advise(asked, draws=200) for o in ((), (tmp_path,))]
    for tree in trees:
        fleet, choice = tree.candidates[0].fleet, tree.verdict.choice
        assert fleet is not None
        assert choice is not None
        assert choice.gpus == fleet.gpus
    year, half = (tree.candidates[0].cost for tree in trees)
    assert year is not None
    assert half is not None
    assert half.point_usd_per_month < 0.8 * year.point_usd_per_month


def test_a_purchase_says_what_capital_it_takes(catalog: Catalog) -> None:
    # 8 replicas x 8 GPUs = 64 GPUs x USD 30,000; as demand doubles a year later, more are bought at that price
    quote = {"accelerator": "h200", "kind": "buy", "usd": 30_000.0}
    buying = {"mode": "buy", "horizon_months": 24, "quotes": [quote]}
    still = _cost(catalog, procurement=buying).outlay
    assert still is not None
    assert (still.gpus, still.usd_per_gpu, still.later_usd) == (64, 30_000, 0)
    assert still.up_front_usd == 1_920_000
    assert still.text == "64 GPUs x USD 30,000 all-in = USD 1,920,000 to be paid up front."
    cost = _cost(catalog, procurement=buying, traffic={"growth_per_year": 1.0})
    assert cost.outlay is not None
    assert cost.outlay.later_gpus == cost.gpus_end - cost.gpus_start > 0
    assert cost.outlay.gpus == cost.gpus_start
    bought = sum(line.quantity for line in cost.lines if line.category == "capital" and line.quantity > 0)
    assert bought * cost.annuity_months < cost.outlay.gpus + cost.outlay.later_gpus  # later ones are discounted
    assert "in later years" in cost.outlay.text
    rented = _cost(catalog, procurement={"mode": "rent", "commitment": "reserved_1y", "quotes": [QUOTE]})
    assert rented.outlay is None


def test_a_reservation_says_what_rent_it_binds(catalog: Catalog) -> None:
    # 64 GPUs x 12 x 730 h x USD 3.00 x (1 - 10 %): one term, though the horizon holds two
    renting = {"mode": "rent", "commitment": "reserved_1y", "horizon_months": 24, "quotes": [QUOTE]}
    lease = _cost(catalog, procurement=renting).lease
    assert lease is not None
    assert (lease.gpus, lease.months, lease.usd_per_gpu_hour) == (64, 12, 3.0)
    assert lease.usd == 64 * 8760 * 3.0
    assert lease.text == (
        "64 GPUs x 8,760 h x USD 3 = USD 1,681,920, owed over the first 12 months whatever demand does."
    )
    growing = _cost(catalog, procurement=renting, traffic={"growth_per_year": 1.0})
    assert growing.lease is not None
    assert growing.lease.gpus == growing.gpus_start < growing.gpus_end
    assert f"{growing.gpus_end:.0f} GPUs in the last year" in growing.lease.text
    either = {**renting, "commitment": "any", "quotes": [QUOTE, {**QUOTE, "usd": 3.2, "commitment": "on_demand"}]}
    mixed = _cost(catalog, procurement=either)
    assert (mixed.mode, mixed.commitment) == ("mixed", "reserved_1y")
    assert mixed.lease is not None
    taken = next(o for o in mixed.options if o.id == mixed.option)
    assert mixed.lease.gpus == taken.gpus_start < 64
    assert "rented on demand" in mixed.lease.text
    for other in ({**renting, "commitment": "on_demand"}, {"mode": "buy"}):
        assert _cost(catalog, procurement=other).lease is None


def test_tokens_are_those_of_the_real_utilisation(catalog: Catalog) -> None:
    # 8 requests/s x 0.5 x 730 h x 3600 s = 10,512,000 requests; x 1000 in and 500 out = 10,512 and 5,256 Mtok
    cost = _cost(catalog, procurement={"mode": "rent", "commitment": "reserved_1y", "quotes": [QUOTE]})
    assert cost.mtok_input_per_month == pytest.approx(10_512)
    assert cost.mtok_output_per_month == pytest.approx(5_256)
    assert cost.usd_per_mtok_blended.p50 == pytest.approx(140_160 / 15_768)
    # an output token costs four input tokens: 140,160 / (10,512 + 4 x 5,256) = USD 4.444 and 17.78
    assert cost.usd_per_mtok_input.p50 == pytest.approx(140_160 / (10_512 + 4 * 5_256))
    assert cost.usd_per_mtok_output.p50 == pytest.approx(4 * 140_160 / (10_512 + 4 * 5_256))
    assert cost.utilisation == pytest.approx(0.5)


def test_bought_case_step_by_step(catalog: Catalog) -> None:
    """64 GPUs at USD 40,000 for 36 months without growth, at 10 % cost of capital."""
    cost = _cost(
        catalog,
        procurement={
            "mode": "buy", "horizon_months": 36, "cost_of_capital": 0.10,
            "quotes": [{"accelerator": "h200", "kind": "buy", "usd": 40_000}],
        },
        site={"pue": 1.2, "power_usd_per_kwh": 0.10, "space_usd_per_kw_month": 200.0},
        team={"engineer_usd_per_year": 240_000},
    )  # fmt: skip
    annuity = sum(1.10 ** (-m / 12) for m in range(36))
    lines = {line.category: line.usd_per_month for line in cost.lines}
    assert lines["capital"] == pytest.approx(64 * 40_000 / annuity)  # 2.56 MUSD over 31.37 discounted months
    residual = 0.28 * 64 * 40_000 * 1.10**-3  # 28 % after 36 months, discounted three years
    assert lines["residual"] == pytest.approx(-residual / annuity)
    assert lines["power"] == pytest.approx(64 * 1.37 * 1.2 * 730 * 0.10)  # 1.37 kW of IT a GPU
    assert lines["space"] == pytest.approx(64 * 1.37 * 200)
    assert lines["maintenance"] == pytest.approx(64 * 40_000 * 0.01 / 12)  # 1 % a year of the price
    assert lines["staff"] == pytest.approx(0.25 * 8**0.6 * 240_000 / 12)  # 8 nodes, sub-linear
    assert cost.point_usd_per_month == pytest.approx(sum(lines.values()))
    assert cost.commitment == "purchase"


def test_duty_is_paid_on_the_purchase_and_not_got_back(catalog: Catalog) -> None:
    from advisor.domain.gates import Gate

    gate = Gate(gate="tariff", status="condition", title="duty", reason="a duty applies", tariff_rate=0.25)
    profile = profile_of(
        procurement={"mode": "buy", "quotes": [{"accelerator": "h200", "kind": "buy", "usd": 40_000}]}
    )
    plain = price_candidate(profile, sized_of(profile, catalog, "h200"), catalog, AS_OF)
    taxed = price_candidate(profile, sized_of(profile, catalog, "h200", gates=[gate]), catalog, AS_OF)
    more = taxed.npv_usd - plain.npv_usd
    assert more == pytest.approx(0.25 * 64 * 40_000)


def test_growth_is_bought_yearly_with_a_year_ahead(catalog: Catalog) -> None:
    # +50 % a year on 8 replicas: 12 in the first year, 18 in the second, 27 in the third; x 8 GPUs
    quote = {"accelerator": "h200", "usd": 3.0, "commitment": "reserved_1y"}
    cost = _cost(
        catalog,
        traffic={"growth_per_year": 0.5},
        procurement={"mode": "rent", "commitment": "reserved_1y", "horizon_months": 36, "quotes": [quote]},
    )
    assert [cost.flows[m].gpus for m in (0, 11, 12, 24, 35)] == [96, 96, 144, 216, 216]


def test_growth_on_demand_follows_month_by_month(catalog: Catalog) -> None:
    # in month 6 demand is 1.5^0.5 = 1.2247 times today's: ceil(9.80) = 10 replicas = 80 GPUs, half of them on average
    quote = {"accelerator": "h200", "usd": 3.0, "commitment": "on_demand"}
    cost = _cost(
        catalog,
        traffic={"growth_per_year": 0.5},
        procurement={"mode": "rent", "commitment": "on_demand", "horizon_months": 24, "quotes": [quote]},
    )
    assert cost.flows[0].gpus == 32
    assert cost.flows[6].gpus == 40


def test_cash_flow_discounts_to_the_net_present_cost(catalog: Catalog) -> None:
    for mode in ("rent", "buy", "either"):
        cost = _cost(catalog, "b200", 2.0, traffic={"growth_per_year": 0.4}, procurement={"mode": mode})
        monthly = (1 + cost.discount_rate) ** (-1 / 12)
        assert sum(f.cash_usd * monthly**f.month for f in cost.flows) == pytest.approx(cost.npv_usd, rel=1e-9)
        assert cost.cash_view_usd == pytest.approx(sum(f.cash_usd for f in cost.flows))


def test_books_end_with_the_cash_plus_interest(catalog: Catalog) -> None:
    """Depreciation and disposal together are purchase less sale; the rest of the difference is interest."""
    cost = _cost(catalog, procurement={"mode": "buy", "cost_of_capital": 0.0})
    assert cost.book_view_usd == pytest.approx(cost.cash_view_usd)
    dear = _cost(catalog, procurement={"mode": "buy", "cost_of_capital": 0.2})
    assert dear.book_view_usd > dear.cash_view_usd


def test_a_missing_price_is_said_and_never_zero(catalog: Catalog) -> None:
    cost = _cost(catalog, "mi350x")
    missing = [o for o in cost.options if o.why_not.startswith("price not found")]
    assert missing
    assert all(o.usd_per_month is None for o in missing)


def test_hosted_api_break_even_holds_when_put_back(catalog: Catalog) -> None:
    api = {"provider": "some API", "usd_per_mtok_input": 3.0, "usd_per_mtok_output": 12.0}
    procurement = {"mode": "rent", "commitment": "reserved_1y", "quotes": [QUOTE], "hosted_api": api}
    cost = _cost(catalog, procurement=procurement)
    baseline = cost.hosted_api
    assert baseline is not None
    # 10,512 Mtok x 3 + 5,256 x 12 = USD 94,608 a month; the fleet costs 140,160
    assert baseline.usd_per_month == pytest.approx(94_608)
    assert not baseline.self_hosting_cheaper
    assert baseline.breakeven_mtok_per_month == pytest.approx(140_160 / (94_608 / 15_768))
    assert baseline.breakeven_utilisation == pytest.approx(0.5 * 140_160 / 94_608)
    assert cost.output_weight == 4.0


@pytest.mark.parametrize("names", [("DE", "DEU", "Germany"), ("US", "USA", "United States of America")])
def test_a_country_has_one_electricity_price_whatever_it_is_called(catalog: Catalog, names: tuple[str, ...]) -> None:
    found = set()
    for name in names:
        cost = _cost(catalog, place={"country": name}, procurement={"mode": "buy"})
        found.add(next(q.band for q in cost.inputs if q.name == "power_usd_per_kwh"))
    assert len(found) == 1


TIERS = [
    {"name": name, "model": {"id": "llama3.3-70b"}, "slo": {"availability": 0.9},
     "traffic": {"isl": 1000, "osl": 500, "burst_headroom": 0.0, **traffic}}
    for name, traffic in (
        ("chat", {"peak_requests_per_s": 8.0, "average_to_peak": 0.9, "growth_per_year": 1.0}),
        ("night", {"peak_requests_per_s": 24.0, "average_to_peak": 0.3, "hours_per_day": 6}),
    )
]  # fmt: skip


@pytest.mark.parametrize("rates", [(1.0, 1.0), (4.0, 1.0), (1.0, 4.0)])
def test_the_tokens_of_tiers_that_grow_apart_hang_on_no_hardware(catalog: Catalog, rates: tuple[float, ...]) -> None:
    # 8/s x 0.9 growing to 2^(11/12) in the last month, and 24/s x 0.3 x 6/24 for ever; 1,500 tokens a request
    profile = profile_of(
        model=None, traffic=None, workloads=TIERS, procurement={"horizon_months": 12, "cost_of_capital": 0.0}
    )
    cost = price_candidate(profile, sized_of(profile, catalog, "h200", rates=rates), catalog, AS_OF)
    month = 730 * 3600 * 1500 / 1e6
    by_month = [(8 * 0.9 * 2 ** (m / 12) + 24 * 0.3 * 0.25) * month for m in range(12)]
    assert [f.mtok for f in cost.flows[:12]] == pytest.approx(by_month)
    assert cost.mtok_per_month == pytest.approx(sum(by_month) / 12)


def test_each_tier_is_billed_for_its_own_hours(catalog: Catalog) -> None:
    # 64 GPUs x 90 % all day, 192 GPUs x 30 % for a quarter of it
    quote = {**QUOTE, "usd": 5.0, "commitment": "on_demand"}
    tiers = [{**t, "traffic": {**t["traffic"], "growth_per_year": 0.0}} for t in TIERS]  # type: ignore[dict-item]
    profile = profile_of(
        model=None, traffic=None, workloads=tiers,
        procurement={"mode": "rent", "commitment": "on_demand", "quotes": [quote]},
    )  # fmt: skip
    cost = price_candidate(profile, sized_of(profile, catalog, "h200"), catalog, AS_OF)
    assert cost.point_usd_per_month == pytest.approx((64 * 0.9 + 192 * 0.3 * 0.25) * 730 * 5.0)


@pytest.mark.parametrize(("here", "there"), [(6, 36), (36, 6)])
def test_a_horizon_costs_the_same_from_whichever_it_is_looked_at(catalog: Catalog, here: int, there: int) -> None:
    """With demand that doubles, six months call for less capacity ahead than a year; break-evens look at both."""
    pricings = {}
    for months in (here, there):
        profile = profile_of(traffic={"growth_per_year": 1.0}, procurement={"mode": "buy", "horizon_months": months})
        pricings[months] = build_pricing(profile, sized_of(profile, catalog, "h200"), catalog, AS_OF)
    model, asked = pricings[here].model, pricings[there]
    seen = model.usd_per_month(asked.way, asked.typical, calendar_of(there, model.rate))
    assert seen == pytest.approx(asked.usd_by_way["buy"])


def test_where_a_node_more_loses_to_the_hosted_api_again_it_is_said(catalog: Catalog) -> None:
    # 8 GPUs x 730 h x USD 2.00 = USD 11,680 carry 1 request/s; the API bills USD 13,140 for half of that on average:
    # 0.5/s x 2,628,000 s x 1,500 tokens = 1,971 million at USD 6.67. Two nodes need 1.78 times the demand to pay.
    quote = {**QUOTE, "usd": 2.0}
    api = {"provider": "Z", "usd_per_mtok_input": 20 / 3, "usd_per_mtok_output": 20 / 3}
    cost = _cost(
        catalog, traffic={"peak_requests_per_s": 1.0},
        procurement={"mode": "rent", "commitment": "reserved_1y", "quotes": [quote], "hosted_api": api},
    )  # fmt: skip
    hosted = cost.hosted_api
    assert hosted is not None
    assert hosted.self_hosting_cheaper
    assert hosted.breakeven_demand_factor == pytest.approx(0.889, abs=0.001)
    assert "from 0.89 times today's demand to 1.00, where the next node makes it dearer again" in hosted.text
    # the last to fall short are eight nodes, for barely more than seven: 8 x 0.889 = 7.11; nine for eight break even
    assert "for good from 7.11" in hosted.text


@pytest.mark.parametrize("months", [1, 3, 6, 11])
def test_nothing_is_bought_to_be_sold_again_within_months_at_nearly_its_price(catalog: Catalog, months: int) -> None:
    """Eight B200 for USD 442,504 were advised for a horizon of one month, at 97 % back after it."""
    cost = _cost(catalog, procurement={"mode": "buy", "horizon_months": months, "cost_of_capital": 0.0})
    lost = sum(line.usd_per_month for line in cost.lines if line.category in ("capital", "residual")) * months
    first = next(q for q in cost.inputs if q.name == "residual_share_12_months")
    assert cost.outlay is not None
    assert lost == pytest.approx(cost.outlay.up_front_usd * (1 - first.value))


def test_a_larger_fleet_is_held_against_the_hosted_api_as_it_would_be_paid_for(catalog: Catalog) -> None:
    """One node is cheapest around the clock, ten follow their traffic: as the one is paid for they would never pay.

    A node for 1 request/s costs USD 16 an hour reserved, where the API bills USD 14 for half of that on average; at USD
    3.00 on demand, half of a fleet costs USD 12 a node.
    """
    quotes = [{**QUOTE, "usd": 2.0, "commitment": "reserved_1y"}, {**QUOTE, "usd": 3.0, "commitment": "on_demand"}]
    price = 14 * 730 / (0.5 * 2_628_000 * 1500 / 1e6)
    api = {"provider": "Z", "usd_per_mtok_input": price, "usd_per_mtok_output": price}

    def at(demand: float) -> Cost:
        procurement = {"mode": "rent", "quotes": quotes, "hosted_api": api}
        return _cost(catalog, traffic={"peak_requests_per_s": demand}, procurement=procurement)

    today = at(1.0)
    assert today.commitment == "reserved_1y"
    assert today.hosted_api is not None
    assert not today.hosted_api.self_hosting_cheaper
    factor = today.hosted_api.breakeven_demand_factor
    assert factor is not None
    assert "paid for in the way that costs least there" in today.hosted_api.text
    for demand, pays in ((0.97 * factor, False), (1.03 * factor, True)):
        then = at(demand).hosted_api
        assert then is not None
        assert then.self_hosting_cheaper is pays


@pytest.mark.parametrize("terms", [{"mode": "buy"}, {"mode": "rent", "commitment": "reserved_1y"}])
def test_a_month_more_takes_no_year_of_growth(catalog: Catalog, terms: dict[str, str]) -> None:
    """A horizon of 25 months once bought at month 24 what demand would take at month 36, for the sake of one month."""
    fleets, costs = {}, {}
    for months in (24, 25, 36):
        cost = _cost(catalog, traffic={"growth_per_year": 2.0}, procurement={"horizon_months": months, **terms})
        fleets[months], costs[months] = cost.gpus_end, cost.npv_usd
    # 8 requests/s tripled twice are 72 at month 24, and a month's growth more by the end of it: 79 replicas of 8 GPUs
    last = 0.5 if terms["mode"] == "rent" else 1.0  # what no whole term is left for follows demand, half of the peak
    assert (fleets[24], fleets[25], fleets[36]) == (72 * 8, 79 * 8 * last, 216 * 8)
    assert costs[24] < costs[25] < costs[24] + (costs[36] - costs[24]) / 3
