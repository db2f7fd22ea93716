"""Figures of a step by hand, and what makes them doubtful."""

from __future__ import annotations

import math
from array import array
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from advisor.domain.profile import Slo
from advisor.evidence.runs import SATURATED, Deployment, Distribution, OwnLag, Run, Step, measurements_from_run
from advisor.probe.faults import Fault
from advisor.probe.lag import own_fault
from advisor.probe.metrics import Sample, summarise
from advisor.probe.plan import LengthSpec, StepPlan
from advisor.probe.results import RequestResult

MS = 1_000_000


def result(start_ms: float, ttft_ms: float, itl_ms: float, tokens: int, **more: object) -> RequestResult:
    """A request with exact timings."""
    stamps = array("q", [int((start_ms + ttft_ms + i * itl_ms) * MS) for i in range(tokens)])
    values: dict[str, object] = {
        "id": "x", "isl": 10, "osl": tokens, "start_ns": int(start_ms * MS), "sent_ns": int(start_ms * MS),
        "stamps_ns": stamps,
        "input_tokens": 10, "output_tokens": tokens, "token_source": "usage",
    }  # fmt: skip
    return RequestResult(**(values | more))  # type: ignore[arg-type]


def sample(measured: list[RequestResult], **more: object) -> Sample:
    plan = StepPlan("closed", LengthSpec(10), LengthSpec(11), concurrency=1)
    last = max(r.sent_ns for r in measured)
    values: dict[str, object] = {
        "plan": plan, "index": 0, "warmup": (), "measured": tuple(measured), "cut": (), "last_issue_ns": last,
        "stop_reason": "count",
        "complete": True,
    }  # fmt: skip
    return Sample(**(values | more))  # type: ignore[arg-type]


def test_figures_of_a_step_by_hand() -> None:
    """Ten requests, one after the other: TTFT 100 ms, then ten gaps of 20 ms: 300 ms each, 11 tokens."""
    step = summarise(sample([result(300 * i, 100, 20, 11) for i in range(10)]), None, Slo(ttft_ms=150, tpot_ms=25))
    assert (step.ttft.p50, step.itl.p50, step.tpot.p50, step.e2el.p50) == pytest.approx((0.1, 0.02, 0.02, 0.3))
    assert step.output_tps == pytest.approx(11 / 0.3)
    assert step.input_tps == pytest.approx(10 / 0.3)
    assert step.requests_per_s == pytest.approx(1 / 0.3)
    assert step.achieved_concurrency == pytest.approx(1.0)
    assert (step.goodput_share, step.valid, step.flags) == (1.0, True, ())


def test_goodput_counts_requests_that_meet_every_limit() -> None:
    good = [result(300 * i, 100, 20, 11) for i in range(6)]
    late = [result(300 * i, 200, 10, 11) for i in range(6, 8)]
    slow = [result(300 * i, 50, 25.1, 11) for i in range(8, 10)]
    step = summarise(sample([*good, *late, *slow]), None, Slo(ttft_ms=150, tpot_ms=25))
    assert step.goodput_share == pytest.approx(0.6)
    assert step.goodput_rps == pytest.approx(0.6 * (step.requests_per_s or 0))


def test_several_tokens_an_event_change_tpot_and_not_itl() -> None:
    """6 events 40 ms apart hold 11 tokens: ITL 40 ms between events, TPOT 200 ms / 10."""
    step = summarise(sample([result(400 * i, 100, 40, 6, osl=11, output_tokens=11) for i in range(6)]), None, None)
    assert (step.itl.p50, step.tpot.p50) == pytest.approx((0.04, 0.02))
    assert step.tokens_per_event == pytest.approx(11 / 6)
    assert "tokens per event" in step.flags[0]


def test_percentiles_that_lost_moments_can_shift_are_withheld() -> None:
    """Of 20 requests one lost its first token and one event in the middle: TTFT's tail and ITL's are not guessed."""
    requests = [result(300 * i, 100, 20, 11) for i in range(20)]
    requests[3].late.extend((0, 1))
    requests[7].late.extend((4, 5))
    step = summarise(sample(requests), None, None)
    assert (step.ttft.n, step.ttft.p50, step.ttft.p90, step.ttft.p99) == (19, pytest.approx(0.1), None, None)
    assert (step.itl.p50, step.itl.p90) == (pytest.approx(0.02), pytest.approx(0.02))
    assert (step.itl.p99, step.e2el.p99) == (None, pytest.approx(0.3))  # 2 of 220 events; the last token was in time
    assert any("the tail of ITL is withheld" in flag for flag in step.flags)


def test_failures_are_counted_and_kept_out_of_the_figures() -> None:
    failed = result(3000, 1, 1, 3, fault=Fault.STALLED)
    step = summarise(sample([*(result(300 * i, 100, 20, 11) for i in range(10)), failed]), None, None)
    assert (step.requests, step.succeeded, step.errors) == (11, 10, {"stream stalled": 1})
    assert step.ttft.p99 == pytest.approx(0.1)


def test_what_requests_made_before_they_were_cut_is_throughput() -> None:
    """Two in flight, 100 tokens/s each, until the budget ends it at 2.5 s: what one slot made of its last counts.

    The second slot starts at 0.2 s, from where whole rounds of both lead to the last issue.
    """
    whole = [result(start, 10, 10, 100) for start in (0, 1000, 200, 1200)]
    cut = [
        result(2000, 10, 10, 50, osl=100, input_tokens=0, output_tokens=50, fault=Fault.CUT),
        result(2200, 10, 10, 30, osl=100, input_tokens=0, output_tokens=30, fault=Fault.CUT),
    ]
    plan = StepPlan("closed", LengthSpec(10), LengthSpec(100), concurrency=2)
    held = sample(whole, plan=plan, cut=tuple(cut), last_issue_ns=2400 * MS, complete=False)
    step = summarise(held, None, None)
    assert step.output_tps == pytest.approx((80 + 3 * 100 + 39 + 19) / 2.2, rel=0.01)
    assert step.requests_per_s == pytest.approx((0.8 + 3 + 0.39 + 0.19) / 2.2, rel=0.02)
    assert step.input_tps == pytest.approx(10 * (0.8 + 3 + 0.39 + 0.19) / 2.2, rel=0.02)
    assert step.achieved_concurrency == pytest.approx(2, rel=0.02)
    assert (step.requests, step.succeeded, step.e2el.n) == (4, 4, 4)


def test_a_load_that_refusals_kept_from_being_held_is_not_that_load() -> None:
    """Sixteen asked for, of which the server lets two through at a time."""
    plan = StepPlan("closed", LengthSpec(10), LengthSpec(11), concurrency=16)
    through = [result(300 * i, 100, 20, 11) for i in range(10)] + [result(300 * i, 100, 20, 11) for i in range(10)]
    refused = [result(10 * i, 1, 1, 0, fault=Fault.RATE_LIMITED) for i in range(50)]
    step = summarise(sample([*through, *refused], plan=plan, rate_limited=50), None, None)
    assert not step.valid
    assert step.flags[0] == "the stated concurrency was not held: 2.0 of 16 in flight on average"
    few = summarise(sample([result(0, 100, 20, 11) for _ in range(5)], plan=plan), None, None)
    assert few.flags[0] == "the stated concurrency was not held: 5.0 of 16 in flight on average"
    assert summarise(sample([result(0, 100, 20, 11) for _ in range(16)], plan=plan), None, None).valid


def test_a_request_that_failed_keeps_no_service_level() -> None:
    failed = [result(300 * i, 1, 1, 0, fault=Fault.SERVER_ERROR) for i in range(10)]
    good = [result(300 * i, 100, 20, 11) for i in range(10)]
    step = summarise(sample([*good, *failed]), None, Slo(ttft_ms=150, tpot_ms=25))
    assert step.goodput_share == pytest.approx(0.5)
    assert step.goodput_rps == pytest.approx(step.requests_per_s or 0)


def test_a_step_without_success_is_invalid_and_says_so() -> None:
    step = summarise(sample([result(0, 1, 1, 0, fault=Fault.SERVER_ERROR)]), None, None)
    assert not step.valid
    assert step.flags[0] == "no request succeeded"
    assert step.ttft == Distribution()


def test_wrong_lengths_are_flagged() -> None:
    step = summarise(sample([result(300 * i, 100, 20, 11, osl=16, isl=14) for i in range(6)]), None, None)
    assert step.flags == (
        "mean input length is 10 tokens where 14 were asked for",
        "mean output length is 11 tokens where 16 were asked for",
    )  # fmt: skip


def test_prompts_that_the_server_does_not_count_are_not_free() -> None:
    """Counted as nothing they halved the total rate, which estimates are held to."""
    counted = summarise(sample([result(300 * i, 100, 20, 11) for i in range(6)]), None, None)
    quiet = [result(300 * i, 100, 20, 11, input_tokens=0, token_source="events") for i in range(6)]
    step = summarise(sample(quiet), None, None)
    assert (step.input_tps, step.total_tps) == (counted.input_tps, counted.total_tps)
    assert step.mean_input_tokens is None
    assert "input tokens are those asked for where the server counts none" in step.flags


def test_what_a_prefix_cache_spared_is_told() -> None:
    requests = [result(300 * i, 100, 20, 11) for i in range(6)]
    assert summarise(sample(requests), None, None, {"prefix_hits": 10.0}).flags == ()
    found = summarise(sample(requests), None, None, {"prefix_hits": 30.0})
    assert not found.valid
    assert found.flags[0].startswith("50 % of the prompt tokens came from the server's prefix cache although")
    assert summarise(sample(requests), None, None, {"prefix_hits": 30.0}, template=4.0).valid  # 24 are its own
    told = [replace(r, cached_tokens=5) for r in requests]
    assert summarise(sample(told), None, None, {"prefix_hits": 0.0}).flags[0].startswith("50 % of the prompt tokens")
    assert summarise(sample([replace(r, cached_tokens=0) for r in requests]), None, None, {"prefix_hits": 30.0}).valid
    warm = sample(requests, warmup=tuple(requests))
    assert summarise(warm, None, None, {"prefix_hits": 30.0}).flags[0].startswith("25 % of the prompt tokens")
    shared = summarise(sample(requests), None, None, {"prefix_hits": 30.0}, 0.5)
    assert shared.flags[0].startswith("50 % of each prompt is the same on purpose")
    assert (shared.shared_prefix, shared.valid) == (0.5, True)


def test_slots_in_step_are_counted_by_whole_rounds() -> None:
    """Four slots in step, a round each 700 ms, no token in the 40 ms over which a round starts: 4 x 60 / 0.7 s.

    With these 40 ms at both ends of two rounds, 3 % of the rate were lost.
    """
    plan = StepPlan("closed", LengthSpec(10), LengthSpec(60), concurrency=4)
    rounds = [[result(700 * k + 40 / 3 * slot, 100, 10, 60) for slot in range(4)] for k in range(4)]
    measured = [r for wave in rounds[1:] for r in wave]
    held = sample(measured, plan=plan, warmup=tuple(rounds[0]), last_issue_ns=measured[-1].sent_ns)
    step = summarise(held, None, None)
    assert step.output_tps == pytest.approx(4 * 60 / 0.7, rel=0.002)
    assert step.duration_s == pytest.approx(1.4)


def opened(measured: list[RequestResult], rate: float, warm: int = 0) -> Step:
    """An open loop whose first requests are its warm-up."""
    plan = StepPlan("constant", LengthSpec(10), LengthSpec(10), concurrency=512, rate_rps=rate)
    counted = measured[warm:]
    return summarise(sample(counted, plan=plan, warmup=tuple(measured[:warm])), None, None)


def test_an_open_loop_that_outruns_the_server_is_saturated_and_counts_what_it_served() -> None:
    """Four arrive a second, two are served in 0.7 s each: 2.86 a second and 28.6 tokens/s, however long the queue is.

    By the share of their lives in the window 3.4 a second had been served, and nothing was said of the queue.
    """
    free, found = [0.0, 0.0], []
    for k in range(48):
        arrival = 250.0 * k
        start = max(arrival, min(free))
        free[free.index(min(free))] = start + 700
        found.append(result(arrival, start - arrival + 250, 50, 10))
    step = opened(found, 4.0, 8)
    assert step.requests_per_s == pytest.approx(2 / 0.7, rel=0.03)
    assert step.output_tps == pytest.approx(20 / 0.7, rel=0.03)
    assert step.input_tps == pytest.approx(20 / 0.7, rel=0.03)
    assert SATURATED in step.flags
    assert step.steady is False


def test_an_open_loop_is_measured_once_it_is_full() -> None:
    """Four a second that live 4 s are 16 in flight: a window from the second second on holds the filling too."""
    step = opened([result(250.0 * k, 400, 400, 10) for k in range(64)], 4.0, 8)
    assert step.achieved_concurrency == pytest.approx(16, rel=0.03)
    assert (step.requests_per_s, step.output_tps) == pytest.approx((4, 40), rel=0.03)
    assert step.flags == ()


def test_a_saturated_step_is_no_evidence_of_ttft() -> None:
    where = Deployment(accelerator="mi300x", gpus=8, model="llama3.3-70b", precision="fp8")
    times = Distribution(n=40, p50=0.05, mean=0.05, p99=0.1)
    step = Step(
        index=0, load="poisson", achieved_concurrency=9.0, isl=900, osl=900, output_tps=9.0, requests=40, succeeded=40,
        ttft=times, tpot=times, flags=(SATURATED,),
    )  # fmt: skip
    run = Run(id="p", tool="t", started_at=datetime(2026, 11, 20, tzinfo=UTC), steps=(step,), deployment=where)
    (point,) = measurements_from_run(run)
    assert (point.ttft_p50_s, point.ttft_p99_s, point.ttft_mean_s, point.tpot_p50_s) == (None, None, None, 0.05)


def test_tokens_that_come_in_bunches_tell_no_latency() -> None:
    """100 ms to the first of 60 tokens 10 ms apart, handed on by a proxy every 250 ms: TPOT was 7.5 ms."""

    def bunched_by(every_ms: int, count: int, gap_ms: float) -> RequestResult:
        r = result(0, 100, gap_ms, count)
        on = [math.ceil(stamp / (every_ms * MS)) * every_ms * MS for stamp in r.stamps_ns]
        return replace(r, stamps_ns=array("q", on))

    for every in (250, 800):
        step = summarise(sample([bunched_by(every, 60, 10)] * 6), None, None)
        assert not step.valid
        assert "tokens come in bunches" in step.flags[0]
    # a step of speculative decoding that sends each of its four tokens by itself is no buffer
    assert summarise(sample([bunched_by(40, 60, 10)] * 6), None, None).valid
    assert summarise(sample([bunched_by(100, 2000, 10)] * 6), None, None).valid  # what it hides is half a percent


def test_prompts_that_the_server_shortens_have_no_known_length() -> None:
    """It counts 120 of 200 tokens: the rest had been taken as read, and the rate of prompts with it."""
    cut = [result(300 * i, 100, 20, 11, isl=200, input_tokens=0, stated_input=120) for i in range(6)]
    step = summarise(sample(cut), None, None)
    assert not step.valid
    assert step.flags[0].startswith("the server counts 120 tokens of prompts of 200: its count is false")
    one = [*(result(300 * i, 100, 20, 11) for i in range(6)), replace(cut[0], start_ns=1800 * MS, sent_ns=1800 * MS)]
    assert not any("shortens" in flag for flag in summarise(sample(one[:6]), None, None).flags)


def test_thinking_that_is_not_streamed_makes_no_token_faster() -> None:
    """30 of 60 tokens are thought in silence, 30 streamed 10 ms apart: TPOT is 10 ms and not 290 / 59."""
    quiet = [result(900 * i, 400, 10, 30, osl=60, output_tokens=60, hidden_tokens=30) for i in range(6)]
    step = summarise(sample(quiet), None, None)
    assert step.tpot.p50 == pytest.approx(0.010)
    assert step.ttft == Distribution()
    assert "TTFT is left out: the server thinks before the first token that it streams" in step.flags
    assert step.output_tps == pytest.approx(60 / 0.9, rel=0.02)
    assert step.tokens_per_event == 1.0
    assert not any("tokens per event" in flag for flag in step.flags)


def test_a_handful_of_requests_is_no_evidence() -> None:
    few = summarise(sample([result(300 * i, 100, 20, 11) for i in range(4)]), None, None)
    assert few.valid
    assert "fewer than 5 requests: no evidence" in few.flags


def test_events_are_no_count_of_tokens_where_they_fall_short() -> None:
    """No usage, and 11 events where 33 tokens were due: three tokens an event, or an early end; nobody can tell."""
    short = [result(300 * i, 100, 20, 11, osl=33, token_source="events") for i in range(6)]
    step = summarise(sample(short), None, None)
    assert not step.valid
    assert step.flags[0] == "tokens cannot be counted: no usage to be believed, and 11 events where 33 tokens were due"
    assert summarise(sample([replace(r, osl=11) for r in short]), None, None).valid


def lag(**more: object) -> OwnLag:
    return OwnLag.model_validate({"kernel_stamps": True, **more})


def test_what_makes_a_step_the_tools_own_fault() -> None:
    p50s: dict[str, float | None] = {"ttft_p50_s": 0.1, "itl_p50_s": 0.02, "e2el_p50_s": 1.0}
    assert own_fault(lag(arrival_p99_s=0.015), **p50s) == []
    assert "too late" in own_fault(lag(blurred_share=0.05), **p50s)[0]
    assert "stayed empty" in own_fault(lag(reissue_p50_s=0.2), **p50s)[0]
    without = lag(kernel_stamps=False, loop_delay_p99_s=0.004)
    assert [reason.split()[0] for reason in own_fault(without, **p50s)] == ["own", "own"]
    assert own_fault(lag(kernel_stamps=False, loop_delay_p99_s=0.001), **p50s) == []
