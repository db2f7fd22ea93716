"""What a probe will do: plans, prompts, and the search for the knee."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.domain.errors import InputError
from advisor.domain.profile import Profile
from advisor.evidence.runs import Step
from advisor.probe.budget import Limit, Prices
from advisor.probe.plan import NINE_SHAPES, LengthSpec, Plan, Search, StepPlan, Wishes, make_plan
from advisor.probe.prompts import PromptMaker
from advisor.probe.search import KneeSearch

PROFILE = Profile.model_validate({
    "name": "p", "model": {"id": "dsr1"}, "slo": {"ttft_ms": 500},
    "traffic": {"isl": {"p50": 1000, "p95": 4000}, "osl": 250, "peak_concurrency": 100},
})  # fmt: skip


def test_a_plan_from_a_profile() -> None:
    plan = make_plan(Wishes(), Prices(), PROFILE)
    assert [s.concurrency for s in plan.steps] == [1, 4, 16, 64, 100]
    assert plan.steps[0].isl.median == 1000
    assert plan.steps[0].isl.longest == 7105  # 1000 x 4 ^ (2.32635 / 1.64485), the 99th percentile
    assert plan.steps[0].osl == LengthSpec(250)
    assert plan.slo is not None
    assert plan.slo.ttft_ms == 500
    assert (plan.limit.max_seconds, plan.limit.max_usd) == (285, None)
    assert make_plan(Wishes(), Prices(2.0, 8), PROFILE).limit.max_usd == 5


def test_a_ladder_ends_where_the_requests_of_a_step_are_too_few() -> None:
    assert [s.concurrency for s in make_plan(Wishes(requests=10), Prices()).steps] == [1, 4, 10]
    assert [s.concurrency for s in make_plan(Wishes(requests=1), Prices()).steps] == [1]
    assert make_plan(Wishes(requests=8, load="poisson", rates_rps=(1.0,), concurrencies=(64,)), Prices()).steps


def test_the_nine_shapes_are_three_runs_after_two_warmups() -> None:
    plan = make_plan(Wishes(preset="nine-shape", concurrencies=(4,)), Prices())
    assert len(plan.steps) == 27
    assert [(s.isl.median, s.osl.median) for s in plan.steps[::3]] == list(NINE_SHAPES)
    assert [s.warmup for s in plan.steps[:3]] == [8, 0, 0]


def test_the_worst_case_of_a_plan_by_hand() -> None:
    step = StepPlan(
        "closed", LengthSpec(1000), LengthSpec(100), concurrency=2, warmup=2, max_requests=8, max_seconds=60
    )
    plan = Plan("x", (step,), Limit(None, None, 3600.0), Prices(usd_per_mtok_input=1.0, usd_per_mtok_output=10.0))
    assert plan.worst_tokens == 600 + 10 * 1100
    assert plan.worst_usd == pytest.approx((10 * 1000 + 600) * 1e-6 + 10 * 100 * 10e-6)
    assert plan.first_beyond is None
    hourly = Plan("x", (step, step), Limit(None, 12_000, 60.0), Prices())
    assert (hourly.all_tokens, hourly.first_beyond) == (600 + 2 * 11_000, step)
    assert Plan("x", (step, step), Limit(None, 22_600, 60.0), Prices()).first_beyond is None
    hourly = Plan("x", (step,), Limit(None, 5000, 60.0), Prices(usd_per_gpu_hour=3.0, gpus=8))
    assert (hourly.worst_tokens, hourly.worst_usd) == (5000, pytest.approx(0.4))  # 24 USD/h for a minute


@pytest.mark.parametrize(
    ("wishes", "prices", "reason"),
    [
        (Wishes(max_usd=5), Prices(), "needs a price"), (Wishes(load="poisson"), Prices(), "needs --rate"),
        (Wishes(preset="slow"), Prices(), "not one of quick, full, nine-shape"),
        (Wishes(requests=8, concurrencies=(4, 16)), Prices(), "--requests 8 cannot hold 16 in flight"),
    ],
)  # fmt: skip
def test_plans_that_cannot_be(wishes: Wishes, prices: Prices, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        make_plan(wishes, prices)
    with pytest.raises(InputError, match='no workload "x"; it has main'):
        make_plan(Wishes(), Prices(), PROFILE, "x")


@given(st.floats(1, 20_000), st.floats(0, 1.5), st.integers(0, 2**32))
def test_drawn_lengths_stay_within_the_plans_worst_case(median: float, sigma: float, seed: int) -> None:
    spec = LengthSpec(median, sigma)
    source = random.Random(seed)
    assert all(1 <= spec.draw(source) <= max(1, spec.longest) for _ in range(20))


def test_drawn_lengths_have_the_profiles_median_and_tail() -> None:
    spec = LengthSpec.from_profile(PROFILE.tiers[0].traffic.isl)
    source = random.Random(1)
    drawn = np.array([spec.draw(source) for _ in range(20_000)])
    assert np.percentile(drawn, 50) == pytest.approx(1000, rel=0.03)
    assert np.percentile(drawn, 95) == pytest.approx(4000, rel=0.05)


def test_prompts_are_unique_or_shared_on_purpose_and_learn_their_length() -> None:
    maker = PromptMaker(1)
    assert maker.calibrate((16, 30), (80, 110))  # 10 tokens overhead, 1.25 a word
    assert (maker.per_word, maker.overhead) == (1.25, 10.0)
    text, words = maker.make(1010)
    assert words == len(text.split()) == 800
    starts = {" ".join(maker.make(500)[0].split()[:12]) for _ in range(300)}
    assert len(starts) == 300
    shared = PromptMaker(1, shared_share=0.5)
    first, second = shared.make(400)[0].split(), shared.make(400)[0].split()
    assert first[:200] == second[:200]
    assert first[200:] != second[200:]
    for _ in range(20):
        maker.observe(800, 10 + 800)  # the server counts one a word after all
    assert maker.make(1010)[1] == pytest.approx(1000, abs=220)


def test_a_second_run_does_not_find_its_prompts_in_the_servers_cache() -> None:
    """The same seed sent the same prompts: a server that still held them answered the second run at once."""
    runs = [{PromptMaker(0).make(500)[0][:60] for _ in range(20)} for _ in range(2)]
    assert not runs[0] & runs[1]


def test_counts_that_cannot_be_true_are_not_learnt() -> None:
    for small, large in (((16, 5), (80, 5)), ((16, 20), (80, 10**6)), ((16, 0), (80, 0))):
        assert not PromptMaker(1).calibrate(small, large)
    maker = PromptMaker(1)
    text, words = maker.make(100)
    assert maker.worst_case_tokens(text, words) >= len(text)


def searched(throughput: dict[int, float], highest: int = 256) -> KneeSearch:
    """Run the search on a server with a known curve."""
    plan = StepPlan("closed", LengthSpec(10), LengthSpec(10), concurrency=8)
    search = KneeSearch(Search(highest=highest), plan)
    following: StepPlan | None = search.first()
    seen = []
    while following is not None:
        seen.append(following.concurrency)
        tps = throughput.get(following.concurrency, min(following.concurrency, 40) * 10.0)
        ok = tps > 0
        step = Step(
            index=0, isl=1, osl=1, concurrency=following.concurrency, output_tps=tps if ok else None, valid=ok,
            succeeded=int(ok),
        )  # fmt: skip
        following = search.after(step)
        assert len(seen) < 30
    assert len(set(seen)) == len(seen)
    return search


def test_the_knee_of_a_server_with_forty_slots() -> None:
    """Throughput grows to 40 in flight: the knee at 90 % lies at 36 or a little above."""
    search = searched({})
    assert 36 <= search.knee() <= 45
    assert "% of the highest" in search.verdict()[0]


def test_a_server_that_never_saturates_or_fails_at_a_load() -> None:
    assert "no saturation up to 16 concurrent" in searched({}, highest=16).verdict()[0]
    assert searched({16: 0.0}).knee() <= 16
    assert searched({1: 0.0}).verdict() == ["saturation search: no step succeeded"]
