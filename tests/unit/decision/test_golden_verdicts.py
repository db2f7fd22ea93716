"""Shipped situations: the verdict comes out of the arithmetic, and its reason is printed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from advisor.catalog.resources import profiles_root
from advisor.domain.recommendation import Recommendation
from advisor.profiles.read import read_profile
from tests.bench_kit import usual_bench

Answer = Callable[..., Recommendation]


@pytest.fixture(scope="module")
def answer() -> Answer:
    """Answer a bundled profile, some of its procurement or team changed."""
    bench = usual_bench()
    seen: dict[str, Recommendation] = {}

    def ask(name: str, **sections: dict[str, Any]) -> Recommendation:
        key = f"{name}|{sections}"
        if key not in seen:
            path = profiles_root() / f"{name}.toml"
            profile = read_profile(path)
            for section, changes in sections.items():
                part = getattr(profile, section)
                checked = type(part).model_validate({**part.model_dump(), **changes})
                profile = profile.model_copy(update={section: checked})
            seen[key] = bench.advise(profile, folder=path.parent, draws=2000)
        return seen[key]

    return ask


def quotes(**usd: float) -> dict[str, Any]:
    return {"quotes": [{"accelerator": part, "usd": price} for part, price in usd.items()]}


def test_a_first_cluster_is_steered_to_nvidia_and_the_gap_is_printed(answer: Answer) -> None:
    tree = answer("startup-first-cluster")
    assert tree.verdict.choice is not None
    assert tree.verdict.choice.vendor == "NVIDIA"
    decision = tree.decision
    assert decision is not None
    assert decision.vendor_gap_usd_per_month is not None
    assert decision.vendor_gap_usd_per_month > 0
    assert f"USD {decision.vendor_gap_usd_per_month:,.0f}" in decision.vendor_gap_text
    assert decision.vendor_gap_text in tree.verdict.reasons
    assert decision.skill_gap_usd_per_month is not None
    assert decision.skill_gap_usd_per_month > 10_000


def test_the_same_team_takes_amd_where_the_gap_is_large(answer: Answer) -> None:
    prices = dict.fromkeys(("h100", "h200", "b200", "b300"), 60.0)
    tree = answer("startup-first-cluster", procurement=quotes(**prices, mi300x=0.8, mi325x=1.0))
    assert tree.verdict.choice is not None
    assert tree.verdict.choice.vendor == "AMD"


def test_the_premium_alone_turns_a_close_call(answer: Answer) -> None:
    """The same price per token of output: the novice takes NVIDIA, the adept AMD."""
    prices = quotes(h200=4.0, mi300x=1.0)
    free = {"rocm_extra_engineers": 0.0, "rocm_migration_weeks": 0.0}
    parts = ("h200", "mi300x")
    novice = answer("startup-first-cluster", procurement=prices)
    adept = answer("startup-first-cluster", procurement=prices, team={"rocm_experience": "expert", **free})
    costs = [{c.accelerator: c.risk_adjusted_usd_per_month or 0.0 for c in t.candidates} for t in (novice, adept)]
    gaps = [c[parts[1]] - c[parts[0]] for c in costs]
    assert gaps[1] < gaps[0] - 10_000


def test_renewal_says_what_probing_the_challenger_is_worth(answer: Answer) -> None:
    tree = answer("renewal-100-gpus")
    assert tree.decision is not None
    info = tree.decision.information
    assert info is not None
    assert {p.accelerator for p in info.probes} >= {"mi355x", "b200"}
    advised = tree.verdict.kind == "probe_first"
    paying = [p for p in info.probes if p.evsi_usd >= 2 * p.price_usd and p.changes_choice >= 0.1]
    assert advised == bool(paying)
    if advised:
        assert info.plan is not None
        assert info.plan.accelerator == paying[0].accelerator


def test_renewal_probes_first_where_the_price_makes_mi355x_a_contender(answer: Answer) -> None:
    """At the price that levels the two, knowing throughput is worth most."""
    rest = dict.fromkeys(("b300", "h100", "h200", "mi300x", "mi325x", "mi350x"), 15.0)
    first = answer("renewal-100-gpus", procurement=quotes(mi355x=1.9, b200=6.0, **rest)).decision
    assert first is not None
    level = next(b.value for b in first.break_evens if b.variable == "price" and b.subject == "mi355x")
    assert level is not None
    tree = answer("renewal-100-gpus", procurement=quotes(mi355x=round(level, 3), b200=6.0, **rest))
    assert tree.verdict.kind == "probe_first"
    assert tree.decision is not None
    assert {tree.decision.choice, tree.decision.runner_up} == {"mi355x", "b200"}
    info = tree.decision.information
    assert info is not None
    assert info.plan is not None
    assert info.plan.accelerator in ("mi355x", "b200")
    assert first.information is not None
    assert info.evpi_throughput_usd > first.information.evpi_throughput_usd


@pytest.mark.parametrize("profile", ["llama-405b-chat", "gpt-oss-120b-agents"])
def test_large_models_take_the_288_gb_part_where_prices_allow(answer: Answer, profile: str) -> None:
    tree = answer(profile, procurement=quotes(b300=2.0, mi355x=1.5, mi350x=1.5))
    assert tree.verdict.choice is not None
    assert tree.verdict.choice.accelerator in ("b300", "mi355x", "mi350x")
    gpus = {c.accelerator: c.fleet.gpus for c in tree.candidates if c.fleet is not None}
    assert min(gpus[a] for a in ("b300", "mi355x", "mi350x")) <= min(gpus[a] for a in ("h100", "h200", "mi300x"))


def test_a_licence_comes_first(answer: Answer) -> None:
    tree = answer("licence-required-destination")
    best = tree.candidates[0]
    licence = [g for g in best.gates if g.condition == "licence"]
    assert licence
    assert "licen" in " ".join((tree.verdict.headline, tree.verdict.reason, *tree.verdict.next_steps[:1])).casefold()


def test_every_candidate_in_the_running_carries_the_required_figures(answer: Answer) -> None:
    tree = answer("renewal-100-gpus")
    ranked = [c for c in tree.candidates if c.rank is not None]
    assert sum(c.p_cheapest for c in ranked) == pytest.approx(1.0)
    for c in ranked:
        assert c.cost is not None
        for band in (c.cost.usd_per_month, c.cost.usd_per_mtok_blended):
            assert 0 < band.p10 <= band.p50 <= band.p90
        assert c.risks
        assert c.risk_adjusted_usd_per_month is not None
    order = [c.risk_adjusted_usd_per_month or 0.0 for c in ranked]
    assert order == sorted(order)
