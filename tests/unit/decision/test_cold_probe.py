"""A probe sends prompts that share nothing: so does its rule where the plan counts on a prefix cache."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from advisor.domain.decision import ProbePlan
from advisor.domain.profile import Profile
from advisor.domain.recommendation import Recommendation
from tests.bench_kit import usual_bench


@cache
def answer(hit_rate: float, isl: int, peak: int, horizon: int = 36) -> Recommendation:
    asked: dict[str, Any] = {
        "name": "x", "model": {"id": "llama3.3-70b"},
        "traffic": {"isl": isl, "osl": 400, "peak_concurrency": peak, "prefix_cache_hit_rate": hit_rate},
        "slo": {"ttft_ms": 3000, "tpot_ms": 50}, "candidates": ["h100", "b200"],
        "procurement": {"horizon_months": horizon},
    }  # fmt: skip
    return usual_bench().advise(Profile.model_validate(asked), draws=2000)


def plan_of(tree: Recommendation) -> ProbePlan:
    assert tree.decision is not None
    plan = tree.decision.information.plan
    assert plan is not None
    return plan


def test_the_rule_of_a_probe_is_for_the_prompts_that_it_sends() -> None:
    """Of RAG with 60 % in the prefix cache the rule named 222 tokens/s, of an estimate of 284: a probe, which sends
    prompts of their own, would have measured 153, as was to be expected, and turned the choice."""
    tree = answer(0.6, 8000, 200)
    plan = plan_of(tree)
    (found,) = (c for c in tree.candidates if c.accelerator == plan.accelerator)
    assert found.operating_point is not None
    cached = found.operating_point.output_tps_per_gpu
    assert 0.3 * cached < plan.expected_output_tps_per_gpu < 0.8 * cached
    assert plan.decides_at_output_tps_per_gpu is not None
    assert 0.5 < plan.decides_at_output_tps_per_gpu / plan.expected_output_tps_per_gpu < 1.5
    assert f"(the estimate is {plan.expected_output_tps_per_gpu:,.0f} for prompts that share nothing" in plan.rule
    assert f"{cached:,.0f} with your cache)" in plan.rule


def test_without_a_prefix_cache_it_is_the_plan_s_own_rate() -> None:
    trees = (answer(0.0, *asked) for asked in ((6000, 64), (4000, 100), (1500, 400)))
    tree = next(t for t in trees if t.decision is not None and t.decision.information.plan is not None)
    plan = plan_of(tree)
    (found,) = (c for c in tree.candidates if c.accelerator == plan.accelerator)
    assert found.operating_point is not None
    assert plan.expected_output_tps_per_gpu == pytest.approx(found.operating_point.output_tps_per_gpu)
    assert "share nothing" not in plan.rule
