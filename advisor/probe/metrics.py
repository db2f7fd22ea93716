"""From single requests to the figures of a step."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from advisor.domain.probing import LEAST_EVIDENCE, tells_speed
from advisor.domain.profile import Slo
from advisor.domain.text import counted, percent
from advisor.evidence.runs import LENGTH_TOLERANCE, SATURATED, Distribution, OwnLag, Step
from advisor.probe.doubts import bunched, cached, mixed, shortened, uncounted, unheld
from advisor.probe.faults import Fault
from advisor.probe.lag import own_fault
from advisor.probe.plan import StepPlan
from advisor.probe.results import RequestResult
from advisor.probe.statistics import describe, drifts, steady_start

_LEAST_WINDOW_SHARE = 0.5
_COARSE_EVENTS = 1.05
_DRIFT_REQUESTS = 24
"""Fewest requests whose drift is tested."""
_GROWTH_SHARE, _GROWTH_SIGMAS = 0.1, 3.0
"""Requests in flight that an open loop may gain: a share of those that came, and deviations of their Poisson number."""


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
    sample: Sample, lag: OwnLag | None, slo: Slo | None, server: dict[str, float] | None = None, shared: float = 0.0,
    template: float = 0.0,
) -> Step:  # fmt: skip
    """Figures of one step.

    TTFT: start to first token event. ITL: between token events. TPOT: (E2EL - TTFT) / (tokens - 1). E2EL: start
    to last token event. Throughput counts tokens that arrived inside the window in which the load was held.

    Parameters
    ----------
    server
        What its `/metrics` say, see `MetricsWatch`.
    shared
        Share of each prompt that is the same on purpose.
    template
        Tokens that the chat template adds to each prompt.
    """
    good = [r for r in sample.measured if r.ok]
    cut = _transient(good) if sample.plan.load != "closed" else 0
    steady = good[cut:]
    sharp = [r for r in steady if not r.first_is_late]
    lost = 1 - len(sharp) / len(steady) if steady else 0.0
    hidden = sum(r.hidden_tokens for r in good)
    ttft = Distribution() if hidden else _withheld(describe([r.ttft_s for r in sharp]), lost)
    tpots = [t for r in sharp if (t := r.tpot_s) is not None]
    tpot = _withheld(describe(tpots), lost)
    e2el = describe([r.e2el_s for r in steady])
    gaps = _gaps(steady)
    stamps = sum(len(r.stamps_ns) for r in steady)
    blurred = sum(r.blurred for r in steady) / stamps if stamps else 0.0
    itl = _withheld(describe(gaps, intervals=False), blurred)
    window = _window(sample, good)
    events = sum(len(r.stamps_ns) for r in good)
    tokens = sum(r.output_tokens for r in good) - hidden
    flow = _flow([*sample.warmup, *sample.measured, *sample.cut], window, _Usual.of(good))
    met = sum(_meets(r, slo) for r in steady) if slo is not None else 0
    # A request that failed kept no limit; one whose idle connection was closed never reached the server.
    failed = sum(not r.ok and r.fault is not Fault.STALE for r in sample.measured)
    asked = len(steady) + failed if slo is not None and steady else 0
    # Where little is left beside what was taken for the start, it may have been no start but a growing queue.
    series = steady if len(steady) >= _DRIFT_REQUESTS else good
    drift = drifts([r.e2el_s / max(1, r.output_tokens) for r in series]) if len(series) >= _DRIFT_REQUESTS else None
    saturated = sample.saturated or _backlog_grows(sample, window, 0.0 if drift else flow.concurrency)
    flags = _flags(sample, good, tokens / events if events else None)
    flags += [SATURATED] if saturated else []
    if shared:
        flags += [f"{percent(shared)} of each prompt is the same on purpose: no evidence for prompts of their own"]
    if hidden:
        flags += ["TTFT is left out: the server thinks before the first token that it streams"]
    flags += ["not steady: time per token drifted over the step"] if drift else []
    reasons = bunched(good)  # first, as what comes in one read looks like a late read of ours, too
    reasons += [] if lag is None else own_fault(lag, ttft_p50_s=ttft.p50, itl_p50_s=itl.p50, e2el_p50_s=e2el.p50)
    reasons += _doubts(sample, good, flow.concurrency, server or {}, shared, template)
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
        valid=not reasons, partial=not (sample.complete and good), steady=None if drift is None else not drift,
        flags=(*reasons, *flags),
    )  # fmt: skip


def _doubts(
    sample: Sample, good: Sequence[RequestResult], concurrency: float, server: dict[str, float], shared: float,
    template: float,
) -> list[str]:  # fmt: skip
    """Why the step is not what it seems to be."""
    if not good:
        return ["no request succeeded"]
    reasons = mixed(good) + uncounted(good) + shortened(good)
    if sample.plan.load == "closed":
        reasons += unheld(sample.plan.concurrency, sample.measured, sample.rate_limited, concurrency)
    if not shared:
        answered = [r for r in (*sample.warmup, *sample.measured) if r.ok]
        reasons += cached(answered, server.get("prefix_hits", 0.0), template)
    return reasons


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
    """The span [ns] in which the load was held: a measured start to the last issue, or to the last end if short.

    Neither ramp-up nor ramp-down enters. In a closed loop it begins with the first start from which whole rounds of all
    slots lead to the last: where slots run in step no token comes between the first and the last start of a round, and
    a part of a round would be a part without tokens.
    """
    if not good:
        return 0, 0
    starts = sorted([r.sent_ns for r in good] + [r.sent_ns for r in sample.cut if r.sent_ns])
    start, held = starts[0], sample.last_issue_ns
    whole = max(r.stamps_ns[-1] for r in good)
    if held - start < _LEAST_WINDOW_SHARE * (whole - start):
        return start, whole
    if sample.plan.load != "closed":
        # It holds what arrives only once the first requests have left; before that it fills.
        first = min(r.sent_ns for r in (*sample.warmup, *good) if r.ok)
        full = first + int(float(np.median([r.stamps_ns[-1] - r.sent_ns for r in good])))
        return (max(start, full) if held - full >= _LEAST_WINDOW_SHARE * (held - start) else start), held
    slots = sample.plan.concurrency
    if len(sample.measured) == len(good) > slots:
        start = starts[(len(starts) - 1) % slots]
    return start, held


def _flow(requests: Sequence[RequestResult], window: tuple[int, int], usual: _Usual) -> _Flow:
    """Rates inside the window; a request at its edge counts by the share of its tokens inside.

    So does one that was cut, of the tokens that were due. Not by the share of its life: where requests queue longer and
    longer, more of them wait in the window than are served in it.
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
        inside = int(np.count_nonzero((stamps > low) & (stamps <= high)))
        outputs += inside * per_event
        served = inside / stamps.size * (min(1.0, stamps.size * per_event / r.osl) if cut else 1.0)
        finished += served
        inputs += served * (r.input_tokens if r.ok and r.input_tokens else r.isl * usual.input_per_asked)
    return _Flow(seconds, inputs / seconds, outputs / seconds, finished / seconds, busy / seconds)


def _backlog_grows(sample: Sample, window: tuple[int, int], concurrency: float) -> bool:
    """Whether more requests of an open loop came within the window than left it, beyond what chance brings.

    Where latencies drift no chance is left for it, and `concurrency` is 0.
    """
    if sample.plan.load == "closed":
        return False
    low, high = window
    requests = [r for r in (*sample.warmup, *sample.measured) if r.ok]
    came = sum(low < r.sent_ns <= high for r in requests)
    left = sum(low < r.stamps_ns[-1] <= high for r in requests)
    return came - left > max(_GROWTH_SHARE * came, _GROWTH_SIGMAS * math.sqrt(max(1.0, concurrency)))


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


def _flags(sample: Sample, good: Sequence[RequestResult], tokens_per_event: float | None) -> list[str]:
    flags = []
    if not sample.complete:
        flags.append(f"partial: {sample.stop_reason}")
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
    if 0 < len(good) < LEAST_EVIDENCE:
        speed = tells_speed(len(good), _mean([r.output_tokens for r in good]) or 0.0, sample.plan.concurrency)
        flags.append(f"fewer than {LEAST_EVIDENCE} requests: {'TTFT is ' if speed else ''}no evidence")
    if any(r.reasoning_events for r in good):
        flags.append("reasoning tokens count as output")
    lost = sum(r.first_is_late for r in good)
    if lost:
        flags.append(f"TTFT of {counted(lost, 'request')} is left out: this machine read their first token too late")
    blurred = sum(r.blurred for r in good)
    if blurred > 0.002 * sum(len(r.stamps_ns) for r in good):
        flags.append(f"the tail of ITL is withheld: this machine read {counted(blurred, 'token event')} too late")
    if sample.rate_limited:
        flags.append(f"rate limited {sample.rate_limited} times: concurrency was not held throughout")
    return flags
