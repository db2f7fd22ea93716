"""A price that the answer names holds when it is put into the profile as a quote: the choice turns there."""

from __future__ import annotations

import re
from functools import cache
from types import SimpleNamespace
from typing import cast

import pytest

from advisor.catalog.resources import profiles_root
from advisor.domain.decision import BreakEven
from advisor.domain.profile import Profile, Quote
from advisor.domain.recommendation import Recommendation
from advisor.engine.decision.breakeven import _turns_at_today
from advisor.engine.decision.trial import Trial
from advisor.profiles.read import read_profile
from advisor.workbench import Workbench
from tests.bench_kit import usual_bench

DRAWS = 2000
TURNING = ("document-intelligence-mistral-7b", "long-context-128k", "deepseek-r1-reasoning", "buy-800-mi325x-or-h200")


@cache
def bench() -> Workbench:
    return usual_bench()


@cache
def profile(name: str) -> Profile:
    return read_profile(profiles_root() / f"{name}.toml")


@cache
def answer(name: str) -> Recommendation:
    return bench().advise(profile(name), folder=profiles_root(), draws=DRAWS)


def with_quote(name: str, accelerator: str, usd: float) -> Recommendation:
    """The answer with a quote for the commitment under which an accelerator is paid for today."""
    tree, asked = answer(name), profile(name)
    cost = next(c.cost for c in tree.candidates if c.accelerator == accelerator)
    assert cost is not None
    bought = cost.commitment == "purchase"
    quote = Quote.model_validate(
        {
            "accelerator": accelerator, "usd": usd, "kind": "buy" if bought else "rent",
            "commitment": "any" if bought else cost.commitment,
        }
    )  # fmt: skip
    procurement = asked.procurement.model_copy(update={"quotes": (*asked.procurement.quotes, quote)})
    return bench().advise(asked.model_copy(update={"procurement": procurement}), folder=profiles_root(), draws=DRAWS)


def prices(name: str) -> list[BreakEven]:
    decision = answer(name).decision
    assert decision is not None
    return [b for b in decision.break_evens if b.variable == "price" and b.rival == decision.runner_up]


def chosen(tree: Recommendation) -> str:
    assert tree.decision is not None
    return tree.decision.choice


def cheaper(tree: Recommendation, first: str, second: str) -> bool:
    cost = {c.accelerator: c.risk_adjusted_usd_per_month or float("inf") for c in tree.candidates}
    return cost[first] < cost[second]


@pytest.mark.parametrize("name", TURNING)
def test_a_quote_beside_the_break_even_turns_the_choice(name: str) -> None:
    for found in prices(name):
        assert found.value is not None, found.text
        below, above = (with_quote(name, found.subject, found.value * f) for f in (0.97, 1.03))
        other = found.rival if found.subject == found.choice else found.choice
        assert cheaper(below, found.subject, other), found.text
        assert cheaper(above, other, found.subject), found.text
        if found.subject == found.choice:
            assert (chosen(below), chosen(above)) == (found.choice, found.rival)


def test_where_another_way_of_paying_caps_the_cost_no_price_is_named() -> None:
    """Above a price one node of H100 is reserved for a year instead, and stays the choice."""
    name = "startup-first-cluster"
    own = next(b for b in prices(name) if b.subject == chosen(answer(name)))
    assert own.value is None
    assert re.search(r"it is paid otherwise \([^)]*reserved for one year", own.text)
    for factor in (2.0, 10.0):
        moved = with_quote(name, own.subject, own.today * factor)
        assert chosen(moved) == own.choice
        cost = next(c.cost for c in moved.candidates if c.accelerator == own.choice)
        assert cost is not None
        assert cost.commitment == "reserved_1y"
    decision = answer(name).decision
    assert decision is not None
    assert decision.negotiation is not None
    assert decision.negotiation.walk_away_usd is None
    assert not any("above USD" in step for step in answer(name).verdict.next_steps)


def test_the_step_names_the_commitment_of_its_price() -> None:
    tree = answer("long-context-128k")
    assert tree.decision is not None
    page = tree.decision.negotiation
    assert page is not None
    assert page.walk_away_usd is not None
    step = next(s for s in tree.verdict.next_steps if "written quote" in s)
    assert f"USD {page.walk_away_usd:,.2f} per GPU-hour on demand take" in step
    assert any(f"USD {page.walk_away_usd:,.2f} per GPU-hour on demand" in ask.what for ask in page.asks)


def test_a_price_that_turns_the_choice_at_today_s_says_why() -> None:
    """ "H100 wins with a quote below USD 2.15 (today USD 2.11)" read like a fault: a quote turns it by being firm."""
    asked = {
        "name": "x", "model": {"id": "llama3.3-70b"},
        "traffic": {"isl": 2000, "osl": 300, "peak_concurrency": 500, "average_to_peak": 0.7},
        "slo": {"ttft_ms": 10_000, "tpot_ms": 100, "availability": 0.95},
        "procurement": {"commitment": "spot", "horizon_months": 12},
    }  # fmt: skip
    today = bench().advise(Profile.model_validate(asked), draws=DRAWS)
    assert today.decision is not None
    rival = today.decision.runner_up
    assert rival is not None
    (price,) = (b for b in today.decision.break_evens if b.variable == "price" and b.subject == b.rival == rival)
    assert price.value is not None
    assert price.value > price.today
    assert "a firm one at today's price would do, since today's may yet turn out higher" in price.text
    quote = {"accelerator": rival, "kind": "rent", "usd": price.today, "commitment": "spot"}
    asked["procurement"] = {"commitment": "spot", "horizon_months": 12, "quotes": [quote]}
    assert chosen(bench().advise(Profile.model_validate(asked), draws=DRAWS)) == rival


def test_why_a_quote_at_today_s_price_turns_the_choice() -> None:
    trial = cast(Trial, SimpleNamespace(today=100.0))
    said = {
        (turn, rival): _turns_at_today(turn, trial, rival=rival) for turn in (90.0, 110.0) for rival in (True, False)
    }
    assert [key for key, text in said.items() if text] == [(90.0, False), (110.0, True)]
    assert "too dear" in said[90.0, False]
