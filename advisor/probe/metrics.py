"""From single requests to the figures of a step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from advisor.domain.profile import Slo
from advisor.domain.text import percent
from advisor.evidence.runs import LENGTH_TOLERANCE, Distribution, OwnLag, Step
from advisor.probe.faults import Fault
from advisor.probe.lag import own_fault
from advisor.probe.plan import StepPlan
from advisor.probe.results import RequestResult
from advisor.probe.statistics import describe, drifts, steady_start

_LEAST_WINDOW_SHARE = 0.5
_COARSE_EVENTS = 1.05
_CACHED_SHARE = 0.2
"""A chat template of usual length stays below it."""
_HELD_SHARE = 0.9
"""Mean requests in flight over the stated concurrency, below which refusals and failures made it another load."""


@dataclass(frozen=True, slots=True)
class Sample:
    """All requests of a step in order of issue, and how it ended."""

    plan: StepPlan
    index: int
    warmup: tuple[RequestResult, ...]
    measured: tuple[RequestResult, ...]
    cut: tuple[RequestResult, ...]
    """Begun like the measured ones, ended by budget or user: their tokens are throughput, their latencies unknown."""
    last_issue_ns: int
    stop_reason: str
    complete: bool
    """It gathered what was planned (count, interval or time), not cut by budget, user or faults."""
    rate_limited: int = 0
    saturated: bool = False


def summarise(
    sample: Sample, lag: OwnLag | None, slo: Slo | None, server: dict[str, float] | None = None, shared: float = 0.0
) -> Step:  # fmt: skip
    """Figures of one step.

    TTFT: start to first token event. ITL: between token events. TPOT: (E2EL - TTFT) / (tokens - 1). E2EL: start
    to last token event. Throughput counts tokens that arrived inside the window in which the load was held.
    """
    good = [r for r in sample.measured if r.ok]
    cut = _transient(good) if sample.plan.load != "closed" else 0
    steady = good[cut:]
    sharp = [r for r in steady if not r.first_is_late]
    lost = 1 - len(sharp) / len(steady) if steady else 0.0
    ttft = _withheld(describe([r.ttft_s for r in sharp]), lost)
    tpots = [t for r in sharp if (t := r.tpot_s) is not None]
    tpot = _withheld(describe(tpots), lost)
    e2el = describe([r.e2el_s for r in steady])
    gaps = _gaps(steady)
    stamps = sum(len(r.stamps_ns) for r in steady)
    blurred = sum(r.blurred for r in steady) / stamps if stamps else 0.0
    itl = _withheld(describe(gaps, intervals=False), blurred)
    window = _window(sample, good)
    events = sum(len(r.stamps_ns) for r in good)
    tokens = sum(r.output_tokens for r in good)
    flow = _flow([*sample.warmup, *sample.measured, *sample.cut], window, _Usual.of(good))
    met = sum(_meets(r, slo) for r in steady) if slo is not None else 0
    # A request that failed kept no limit; one whose idle connection was closed never reached the server.
    failed = sum(not r.ok and r.fault is not Fault.STALE for r in sample.measured)
    asked = len(steady) + failed if slo is not None and steady else 0
    drift = drifts([r.e2el_s / max(1, r.output_tokens) for r in steady]) if len(steady) >= 24 else None
    flags = _flags(sample, good, tokens / events if events else None)
    flags += _cached(good, (server or {}).get("prefix_hits", 0.0), shared)
    flags += ["not steady: time per token drifted over the step"] if drift else []
    reasons = [] if lag is None else own_fault(lag, ttft_p50_s=ttft.p50, itl_p50_s=itl.p50, e2el_p50_s=e2el.p50)
    reasons += _mixed(good) + _uncounted(good) + _unheld(sample, flow.concurrency) if good else ["no request succeeded"]
    errors = Counter(r.fault.value for r in sample.measured if r.fault is not None and r.fault is not Fault.CUT)
    open_loop = sample.plan.load != "closed"
    return Step(
        index=sample.index, load=sample.plan.load,
        concurrency=flow.concurrency if open_loop else sample.plan.concurrency, rate_rps=sample.plan.rate_rps,
        isl=sample.plan.isl.mean, osl=sample.plan.osl.mean, shared_prefix=shared,
        asked_input_tokens=_mean([r.isl for r in good]), asked_output_tokens=_mean([r.osl for r in good]),
        mean_input_tokens=_mean([r.input_tokens for r in good if r.input_tokens]),
        mean_output_tokens=_mean([r.output_tokens for r in good]),
        requests=len(sample.measured), succeeded=len(good), warmup_requests=len(sample.warmup) + cut,
        duration_s=flow.seconds, ttft=ttft, itl=itl, tpot=tpot, e2el=e2el,
        input_tps=flow.input_tps, output_tps=flow.output_tps, total_tps=flow.input_tps + flow.output_tps,
        requests_per_s=flow.rps, goodput_rps=met / len(steady) * flow.rps if asked else None,
        goodput_share=met / asked if asked else None, achieved_concurrency=flow.concurrency,
        errors=dict(sorted(errors.items())),
        token_source="usage" if all(r.token_source == "usage" for r in good) else "events",
        tokens_per_event=tokens / events if events else None, lag=lag, server=server or {},
        valid=not reasons, partial=not sample.complete, steady=None if drift is None else not drift,
        flags=(*reasons, *flags),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Flow:
    seconds: float
    input_tps: float
    output_tps: float
    rps: float
    concurrency: float


@dataclass(frozen=True, slots=True)
class _Usual:
    """What the requests that ended well have in common; it fills in what others did not live to state."""

    tokens_per_event: float
    input_per_asked: float
    """Input tokens counted over those asked for; 1 where the server counts none."""

    @classmethod
    def of(cls, good: Sequence[RequestResult]) -> _Usual:
        events, asked = sum(len(r.stamps_ns) for r in good), sum(r.isl for r in good if r.input_tokens)
        return cls(
            sum(r.output_tokens for r in good) / events if events else 1.0,
            sum(r.input_tokens for r in good) / asked if asked else 1.0,
        )


def _window(sample: Sample, good: Sequence[RequestResult]) -> tuple[int, int]:
    """The span [ns] in which the load was held: first measured start to last issue, or to the last end if short.

    Between two issues of a full closed loop lie whole rounds, so that neither ramp-up nor ramp-down enters.
    """
    if not good:
        return 0, 0
    start = min(r.sent_ns for r in good)
    whole = max(r.stamps_ns[-1] for r in good)
    held = sample.last_issue_ns
    return (start, held) if held - start >= _LEAST_WINDOW_SHARE * (whole - start) else (start, whole)


def _flow(requests: Sequence[RequestResult], window: tuple[int, int], usual: _Usual) -> _Flow:
    """Rates inside the window; a request at its edge counts by the share of its life inside.

    One that was cut counts by the tokens that came of it, and as the share of a request that these are.
    """
    low, high = window
    seconds = (high - low) / 1e9
    if seconds <= 0:
        return _Flow(0.0, 0.0, 0.0, 0.0, 0.0)
    inputs = outputs = finished = busy = 0.0
    for r in requests:
        cut = r.fault is Fault.CUT and r.sent_ns > 0
        if not r.stamps_ns and not cut:
            continue
        end = r.stamps_ns[-1] if r.stamps_ns else r.end_ns
        overlap = max(0, min(end, high) - max(r.sent_ns, low))
        busy += overlap / 1e9
        if not (r.ok or cut) or not r.stamps_ns or not overlap:
            continue
        stamps = np.frombuffer(r.stamps_ns, dtype=np.int64)
        per_event = usual.tokens_per_event if cut else r.output_tokens / stamps.size
        outputs += int(np.count_nonzero((stamps > low) & (stamps <= high))) * per_event
        lived = overlap / max(1, end - r.sent_ns)
        lived *= min(1.0, stamps.size * per_event / r.osl) if cut else 1.0
        finished += lived
        inputs += lived * (r.input_tokens if r.ok and r.input_tokens else r.isl * usual.input_per_asked)
    return _Flow(seconds, inputs / seconds, outputs / seconds, finished / seconds, busy / seconds)


def _transient(good: Sequence[RequestResult]) -> int:
    """Requests at the start of an open loop that belong to its filling up."""
    return steady_start([r.e2el_s / max(1, r.output_tokens) for r in good])


def _gaps(requests: Sequence[RequestResult]) -> NDArray[np.float64]:
    parts = [np.diff(np.frombuffer(r.stamps_ns, dtype=np.int64)) for r in requests if len(r.stamps_ns) > 1]
    return np.concatenate(parts).astype(np.float64) / 1e9 if parts else np.empty(0)


def _withheld(found: Distribution, lost: float) -> Distribution:
    """Leave out the percentiles that lost moments can shift: those whose tail is under five times as long."""
    kept: dict[str, None] = {
        name: None for name, tail in (("p50", 0.5), ("p90", 0.1), ("p95", 0.05), ("p99", 0.01)) if lost > tail / 5
    }
    if "p99" in kept:
        kept["p99_ci95"] = None
    return found.model_copy(update=kept)


def _mean(values: Sequence[int]) -> float | None:
    return sum(values) / len(values) if values else None


def _meets(r: RequestResult, slo: Slo) -> bool:
    tpot = r.tpot_s
    return (
        (slo.ttft_ms is None or r.ttft_s * 1e3 <= slo.ttft_ms)
        and (slo.tpot_ms is None or tpot is None or tpot * 1e3 <= slo.tpot_ms)
        and (slo.e2e_ms is None or r.e2el_s * 1e3 <= slo.e2e_ms)
    )


def _cached(good: Sequence[RequestResult], hits: float, shared: float) -> list[str]:
    """What a prefix cache spared: on purpose, or because the server knew the prompts after all."""
    if shared:
        return [f"{percent(shared)} of each prompt is the same on purpose: no evidence for prompts of their own"]
    share = hits / max(1, sum(r.input_tokens for r in good))
    if share <= _CACHED_SHARE:
        return []
    return [f"{percent(share)} of the prompt tokens came from the server's prefix cache"]


def _mixed(good: Sequence[RequestResult]) -> list[str]:
    """That a router answered with several models, whose figures are those of none."""
    names = sorted({r.model for r in good if r.model})
    return [f"the answers come from several models: {', '.join(names[:4])}"] if len(names) > 1 else []


def _uncounted(good: Sequence[RequestResult]) -> list[str]:
    """Why tokens cannot be told: without usage an event may hold several, so that only the full length proves them."""
    counted = [r for r in good if r.token_source == "events"]
    asked, seen = _mean([r.osl for r in counted]), _mean([r.output_tokens for r in counted])
    if not asked or seen is None or abs(seen / asked - 1) <= LENGTH_TOLERANCE:
        return []
    return [
        f"tokens cannot be counted: no usage to be believed, and {seen:.0f} events where {asked:.0f} tokens were due"
    ]


def _unheld(sample: Sample, concurrency: float) -> list[str]:
    """Why the figures of a closed loop are not those of its concurrency: slots stood empty for refusals or failures."""
    stated = sample.plan.concurrency
    disturbed = sample.rate_limited or len(sample.measured) < stated or any(not r.ok for r in sample.measured)
    if sample.plan.load != "closed" or not disturbed or concurrency >= _HELD_SHARE * stated:
        return []
    return [f"the stated concurrency was not held: {concurrency:.1f} of {stated} in flight on average"]


def _flags(sample: Sample, good: Sequence[RequestResult], tokens_per_event: float | None) -> list[str]:
    flags = []
    if not sample.complete:
        flags.append(f"partial: {sample.stop_reason}")
    if sample.saturated:
        flags.append("saturated: arrivals outran the server, so that latencies depend on how long it was run")
    if any(r.usage_disagrees for r in good):
        flags.append("the server's usage contradicts its stream; tokens are counted from the stream")
    if not all(r.input_tokens for r in good):
        flags.append("input tokens are those asked for where the server counts none")
    if any(r.token_source == "events" for r in good):
        flags.append("token counts are events of the stream, not the server's usage")
    if tokens_per_event is not None and tokens_per_event > _COARSE_EVENTS:
        flags.append(f"{tokens_per_event:.2f} tokens per event: ITL is between events, not tokens")
    for name, wanted, got in (
        ("input", [r.isl for r in good], [r.input_tokens for r in good if r.input_tokens]),
        ("output", [r.osl for r in good], [r.output_tokens for r in good]),
    ):
        asked, seen = _mean(wanted), _mean(got)
        if asked and seen and abs(seen / asked - 1) > LENGTH_TOLERANCE:
            flags.append(f"mean {name} length is {seen:.0f} tokens where {asked:.0f} were asked for")
    if any(r.reasoning_events for r in good):
        flags.append("reasoning tokens count as output")
    lost = sum(r.first_is_late for r in good)
    if lost:
        flags.append(f"TTFT of {lost} requests is left out: this machine read their first token too late")
    blurred = sum(r.blurred for r in good)
    if blurred > 0.002 * sum(len(r.stamps_ns) for r in good):
        flags.append(f"the tail of ITL is withheld: this machine read {blurred} token events too late")
    if sample.rate_limited:
        flags.append(f"rate limited {sample.rate_limited} times: concurrency was not held throughout")
    return flags
