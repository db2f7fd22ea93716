"""What an appetite for risk decides, the sentences and the probe beside it decide too."""

from __future__ import annotations

import re

import pytest

from advisor.domain.profile import Profile
from advisor.domain.recommendation import Recommendation
from advisor.workbench import Workbench
from tests.conftest import AS_OF

BENCH = Workbench(as_of=AS_OF, bare=True)


def ask(appetite: str, peak: float, **more: object) -> Recommendation:
    profile = Profile.model_validate(
        {
            "model": {"id": "llama3.3-70b"}, "slo": {"ttft_ms": 2000, "tpot_ms": 50}, "risk_appetite": appetite,
            "traffic": {"isl": 1500, "osl": 400, "peak_concurrency": peak, **more},
            "procurement": {"horizon_months": 48 if more else 36},
        }
    )  # fmt: skip
    return BENCH.advise(profile)


@pytest.mark.parametrize("appetite", ["averse", "neutral", "seeking"])
@pytest.mark.parametrize("peak", [500, 700, 900, 1500])
def test_the_rule_of_a_probe_starts_from_the_choice(appetite: str, peak: float) -> None:
    """An averse buyer was told to get B300, and by the rule to take B200 unless it fell short."""
    tree = ask(appetite, peak)
    assert tree.decision is not None
    assert tree.decision.information is not None
    plan = tree.decision.information.plan
    found = None if plan is None else re.search(r"(take|switch to) (\w+); below, (?:take|stay with) (\w+)", plan.rule)
    if found is None:
        return
    assert tree.verdict.choice is not None
    assert found[2 if found[1] == "take" else 3].lower() == tree.verdict.choice.accelerator


def test_who_is_the_cheapest_more_often_costs_more_by_the_figures_beside_it() -> None:
    """'Costs more where it falls short: 34.9k against 42k' was said of the rival."""
    trees = [ask(appetite, 1500, growth_per_year=-0.3) for appetite in ("averse", "neutral", "seeking")]
    texts = [reason for tree in trees for reason in tree.verdict.reasons if "cheapest more often" in reason]
    assert texts
    for text in texts:
        found = re.search(r"but costs more.*: ([\d.]+)k against ([\d.]+)k", text)
        assert found is not None
        assert float(found[1]) > float(found[2])


def test_where_the_way_of_paying_is_held_it_is_said() -> None:
    """Of the horizon alone: at any other value that an answer names, candidates are paid for anew."""
    tree = ask("neutral", 700)
    assert tree.decision is not None
    found = [b for b in tree.decision.break_evens if b.value is not None]
    assert {b.variable for b in found} >= {"price", "throughput"}
    assert all(("paid as today" in b.text) is (b.variable == "horizon") for b in found)
