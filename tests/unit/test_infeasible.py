"""Why nothing is left, in words, and that the change which is named helps when it is followed."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from advisor.domain.profile import Profile
from advisor.domain.recommendation import Recommendation
from advisor.engine.explain import explain
from advisor.engine.infeasible import Obstacle, explain_infeasible
from advisor.workbench import Workbench
from tests.bench_kit import usual_bench
from tests.conftest import AS_OF

BASE: dict[str, Any] = {
    "model": {"id": "llama3.3-70b"},
    "traffic": {"isl": 1500, "osl": 400, "peak_concurrency": 100},
    "slo": {"ttft_ms": 3000, "tpot_ms": 60},
}


@pytest.fixture(scope="module")
def bench() -> Workbench:
    return usual_bench()


def ask(bench: Workbench, **sections: Any) -> Recommendation:
    return bench.advise(Profile.model_validate({**BASE, **sections}), draws=200)


def obstacle(part: str, what: str, size: float = 0.5) -> Obstacle:
    return Obstacle(part, part.upper(), what, f"{what} is short", f"more {what}.", size)


def test_each_constraint_is_counted_by_candidates_and_named_in_words() -> None:
    """Two tiers that miss the service level are one candidate that misses it; three constraints end in no bracket."""
    why = explain_infeasible(
        {
            "b200": [obstacle("b200", "slo"), obstacle("b200", "slo"), obstacle("b200", "site_power")],
            "h200": [obstacle("h200", "slo", 0.2), obstacle("h200", "site_power", 0.2)],
        }
    )
    assert why.binding == "slo (2 of 2), site_power (2 of 2)"
    assert why.reason == "What binds: the service level (2 of 2 candidates), site power (2 of 2)."
    assert why.change == "more slo; more site_power (frees H200)"


def test_without_a_price_all_that_the_same_change_frees_are_named() -> None:
    """The first in the profile was named as the nearest, where nothing set it apart from the others."""
    found = {part: [obstacle(part, "price", 1.0)] for part in ("mi300x", "h100", "b200")}
    assert explain_infeasible(found, set(found)).headline == (
        "No candidate can serve this profile; the nearest are MI300X, H100 and B200: price is short."
    )
    assert explain_infeasible(found, {"h100", "b200"}).change == "more price (frees MI300X)"  # the cheapest is first
    many = found | {part: [obstacle(part, "price", 1.0)] for part in ("h200", "b300")}
    assert explain_infeasible(many, set(many)).change == "more price (frees MI300X, H100 and 3 more)"


def test_of_equal_efforts_the_smaller_changes_are_nearer() -> None:
    why = explain_infeasible(
        {
            "h100": [obstacle("h100", "export", 1e6), obstacle("h100", "slo", 9.0)],
            "b200": [obstacle("b200", "export", 1e6), obstacle("b200", "slo", 2.0)],
        }
    )
    assert why.change.endswith("(frees B200)")


def test_the_confidence_that_nothing_fits_has_an_origin(bench: Workbench) -> None:
    refused = ask(bench, slo={"ttft_ms": 1}, candidates=["h100"])
    found = explain(refused, "verdict.confidence")
    assert found.origin == "reckoned"
    assert any("nothing qualifies" in note for note in found.notes)


def test_the_candidate_nearest_to_feasible_leads_those_that_are_out(bench: Workbench) -> None:
    """A report draws the first few: with none feasible it drew the first that the profile named, six of eight."""
    tree = ask(bench, slo={"ttft_ms": 40, "tpot_ms": 1.5}, candidates=["mi300x", "h100", "b200", "b300"])
    assert tree.verdict.kind == "infeasible"
    assert tree.verdict.smallest_change.endswith(f"(frees {tree.candidates[0].name})")
    assert f"the nearest is {tree.candidates[0].name}:" in tree.verdict.headline
    pairs = [re.findall(r"([\d.]+) ms against ([\d.]+) ms", c.infeasible_reason) for c in tree.candidates]
    miss = [max(float(value) / float(limit) for value, limit in found) for found in pairs]
    assert miss == sorted(miss)
    assert tree.candidates[0].accelerator != "mi300x"
    (bound,) = tree.verdict.binding
    assert (bound.what, bound.candidates, bound.of) == ("slo", 4, 4)


def test_without_candidates_the_reason_says_so() -> None:
    assert explain_infeasible({}).reason == "No accelerator was considered."


WITHOUT_PRICE: dict[str, dict[str, Any]] = {
    "spot that no hyperscaler lists": {
        "procurement": {"mode": "rent", "commitment": "spot", "seller": "hyperscaler"}, "candidates": ["mi355x"],
    },
    "no seller of the class": {
        "procurement": {"mode": "rent", "seller": "hyperscaler"}, "candidates": ["mi350x"],
    },
    "every seller left out": {
        "procurement": {"mode": "rent"}, "place": {"country": "DE", "exclude_us_providers": True},
        "candidates": ["mi325x"],
    },
    "a site too small to buy, and nobody to rent from": {
        "procurement": {"seller": "hyperscaler"}, "site": {"power_kw": 5}, "candidates": ["mi350x"],
    },
}  # fmt: skip
VALUES = {"false": False}


@pytest.mark.parametrize("case", WITHOUT_PRICE)
def test_each_change_that_is_named_for_want_of_a_price_helps(bench: Workbench, case: str) -> None:
    """A class of sellers was to be helped by another commitment."""
    asked = WITHOUT_PRICE[case]
    refused = ask(bench, **asked)
    assert refused.verdict.kind == "infeasible"
    change = refused.verdict.smallest_change.rpartition(" (frees")[0]
    ways = change.split(", or ")
    assert ways
    for way in ways:
        words = way.split()
        changed = {name: dict(section) for name, section in asked.items() if name != "candidates"}
        if "quote" in words:
            kind = "buy" if "(kind buy)" in way else "rent"
            quote = {"accelerator": asked["candidates"][0], "usd": 5.0, "kind": kind}
            changed.setdefault("procurement", {})["quotes"] = [quote]
        else:
            section, _, field = next(w for w in words if "." in w).partition(".")
            changed.setdefault(section, {})[field] = VALUES.get(words[-1], words[-1])
        assert ask(bench, **changed, candidates=asked["candidates"]).verdict.kind != "infeasible", way


def test_a_term_beyond_the_horizon_is_no_obstacle(bench: Workbench) -> None:
    asked = {"procurement": {"commitment": "reserved_3y", "horizon_months": 12}, "candidates": ["b200"]}
    (candidate,) = ask(bench, **asked).candidates
    assert candidate.cost is not None
    assert "a term of 36 months runs beyond the horizon of 12 and is counted to its end" in candidate.cost.notes


def test_a_change_is_not_said_to_free_what_the_budget_still_forbids(bench: Workbench) -> None:
    """A site was to be raised by a kilowatt, and when it was, the purchase turned out to cost twice the budget."""
    asked: dict[str, Any] = {
        "procurement": {"mode": "buy", "budget_usd_per_month": 9000}, "site": {"power_kw": 10}, "candidates": ["h100"],
    }  # fmt: skip
    change = ask(bench, **asked).verdict.smallest_change
    found = re.search(r"power_kw from 10 to (\d+); raise procurement.budget\w+ from 9,000 to ([\d,]+)", change)
    assert found is not None
    asked["site"] = {"power_kw": float(found[1])}
    asked["procurement"]["budget_usd_per_month"] = float(found[2].replace(",", ""))
    assert ask(bench, **asked).verdict.kind != "infeasible"


def test_a_budget_just_below_the_cost_is_told_apart_from_it(bench: Workbench) -> None:
    """"25,521 against 25,521 USD/month" was over budget: somebody had set the printed total as the limit."""
    asked: dict[str, Any] = {"procurement": {"mode": "buy"}, "candidates": ["h100"]}
    cost = ask(bench, **asked).candidates[0].cost
    assert cost is not None
    exact = cost.point_usd_per_month
    asked["procurement"]["budget_usd_per_month"] = exact - 0.04
    told = ask(bench, **asked)
    found = re.search(r"Over budget: ([\d,.]+) against ([\d,.]+) USD/month", told.verdict.headline)
    assert found is not None
    assert float(found[1].replace(",", "")) > float(found[2].replace(",", ""))
    change = re.search(r"from ([\d,.]+) to ([\d,]+)", told.verdict.smallest_change)
    assert change is not None
    assert change[1] != change[2]


@pytest.mark.parametrize("limits", [{"ttft_ms": 100, "tpot_ms": 60}, {"tpot_ms": 3}])
def test_a_relaxed_level_is_not_said_to_free_what_the_site_still_forbids(
    bench: Workbench, limits: dict[str, float]
) -> None:
    """At 190 ms B200 was said to be free; it took 206 kW of a site of 12."""
    asked: dict[str, Any] = {
        "slo": dict(limits), "site": {"power_kw": 12, "rack_kw": 12}, "candidates": ["b200", "mi325x"],
        "procurement": {"mode": "buy", "budget_usd_per_month": 9000},
    }  # fmt: skip
    change = ask(bench, **asked).verdict.smallest_change
    for section, field, value in re.findall(r"(slo|site|procurement)\.(\w+) from [\d.,]+ to ([\d.,]*\d)", change):
        asked[section][field] = float(value.replace(",", ""))
    assert asked["slo"] != limits
    assert asked["site"]["power_kw"] > 12
    freed = ask(bench, **asked)
    assert freed.verdict.kind != "infeasible"
    named = re.search(r"\(frees (.+)\)", change)
    assert named is not None
    assert named[1] in {c.name for c in freed.candidates if c.feasible}


def test_every_workload_is_said_to_fit(bench: Workbench) -> None:
    tiers = [{"name": n, "model": BASE["model"], "traffic": BASE["traffic"] | {"isl": i}}
             for n, i in (("short", 500), ("long", 4000))]  # fmt: skip
    tree = bench.advise(Profile.model_validate({"workloads": tiers, "candidates": ["h200"]}), draws=200)
    (gate,) = (g for g in tree.candidates[0].gates if g.gate == "capacity")
    assert "A replica of workload short (" in gate.reason
    assert "A replica of workload long (" in gate.reason


def test_the_site_is_to_be_raised_for_the_part_that_needs_least(bench: Workbench) -> None:
    """Every purchase that a site cannot hold was equally near, and the first in the list named the change.

    So a site was to be raised to 723 kW for MI300X where B300 takes 91.
    """
    asked: dict[str, Any] = {
        "traffic": BASE["traffic"] | {"peak_concurrency": 2000}, "procurement": {"mode": "buy"},
        "site": {"power_kw": 10}, "candidates": ["mi300x", "h100", "b200", "b300"],
    }  # fmt: skip
    tree = ask(bench, **asked)
    needs = [float(found[1]) for c in tree.candidates if (found := re.match(r"([\d,.]+) kW", c.infeasible_reason))]
    assert len(set(needs)) == 4
    assert needs == sorted(needs)
    raised = re.search(r"raise site.power_kw from 10 to (\d+) \(frees (.+)\)", tree.verdict.smallest_change)
    assert raised is not None
    asked["site"] = {"power_kw": float(raised[1])}
    assert [c.name for c in ask(bench, **asked).candidates if c.feasible] == [raised[2]]


def test_of_parts_that_one_change_frees_the_cheapest_is_named(bench: Workbench) -> None:
    """A later start frees all that are delivered alike; the first in the list was named, at ten times the GPUs."""
    late = {"mode": "buy", "start_date": (AS_OF + timedelta(weeks=6)).isoformat()}
    traffic = BASE["traffic"] | {"peak_concurrency": 2000}
    tree = ask(bench, traffic=traffic, procurement=late, candidates=["h100", "mi300x", "h200", "b300"])
    assert [c.accelerator for c in tree.candidates][-1] == "h100"  # a year, where the others take half of one
    date = re.search(r"start_date to ([\d-]+), or", tree.verdict.smallest_change)
    assert date is not None
    then = late | {"start_date": date[1]}
    freed = ask(bench, traffic=traffic, procurement=then, candidates=["mi300x", "h200", "b300"])
    bills = {c.name: c.cost.point_usd_per_month for c in freed.candidates if c.cost is not None}
    assert len(bills) == 3
    assert tree.verdict.smallest_change.endswith(f"(frees {min(bills, key=lambda name: bills[name])})")
    assert tree.candidates[0].accelerator != "mi300x"
