"""Runs one step: closed or open loop, warm-up, stop when known well enough, and what to do about failures."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from time import perf_counter, perf_counter_ns

from advisor.probe.budget import Budget
from advisor.probe.client import ProbeClient
from advisor.probe.faults import FATAL, HOPELESS_FOR_STEP, UNREACHED, Fault
from advisor.probe.metrics import Sample
from advisor.probe.plan import StepPlan
from advisor.probe.prompts import PromptMaker
from advisor.probe.results import RequestResult
from advisor.probe.settle import certain_tokens
from advisor.probe.statistics import describe, half_width

_OUTPUT_SLACK = 16
"""Tokens held above max_tokens: what a server may send before it notices that it was cut off."""
_LONGEST_RETRY_S = 30.0
"""A server that asks to wait longer is not waited for."""
_FIRST_BACKOFF_S = 0.5
_SLOWEST_TOKEN_S = 0.25
"""Long answers may take longer than the client's limit on a request: so long a token, and not less than the limit."""
_SATURATED_SHARE = 1.0


@dataclass(slots=True)
class Progress:
    """Live counts of a step, for snapshots."""

    issued: int = 0
    done: int = 0
    failed: int = 0
    tokens: int = 0


class StepRunner:
    """One step against one client; `run` gives its requests."""

    def __init__(
        self,
        client: ProbeClient,
        prompts: PromptMaker,
        budget: Budget,
        plan: StepPlan,
        index: int,
        seed: int,
        on_result: Callable[[RequestResult], None],
    ) -> None:
        self._client = client
        self._prompts = prompts
        self._budget = budget
        self._plan = plan
        self._index = index
        self._random = random.Random(seed)
        self._on_result = on_result
        self._results: dict[int, RequestResult] = {}
        self._good: list[RequestResult] = []
        """Measured successes in order of completion."""
        self._stop = asyncio.Event()
        self._started = 0.0
        self._last_issue_ns = 0
        self._streak = 0
        self._limited = 0
        self._retried = 0
        """Refused or stale attempts, which do not use up the planned count."""
        self._saturated = False
        self._checked_at = 0
        self.progress = Progress()
        self.reissue_s: list[float] = []
        self.stop_reason = ""
        self.fatal: RequestResult | None = None
        self.precision: float | None = None
        """Widest half-width of the medians so far."""

    async def run(self) -> Sample:
        """Send until enough is known, or a limit, a failure or `stop` ends it; waits for what is in flight."""
        self._started = perf_counter()
        await self._client.prewarm(self._plan.concurrency if self._plan.load == "closed" else 1)
        if self._plan.load == "closed":
            async with asyncio.TaskGroup() as group:
                for _ in range(self._plan.concurrency):
                    group.create_task(self._slot())
        else:
            await self._arrivals()
        return self._sample()

    def stop(self, reason: str) -> None:
        """Issue nothing more."""
        if not self._stop.is_set():
            self.stop_reason = reason
            self._stop.set()

    @property
    def unreached(self) -> RequestResult | None:
        """The last failure, where no request reached the server; None where one did, or none was sent to its end."""
        # an idle connection that is found closed tells nothing: the request is sent again
        told = [r for r in self._results.values() if r.fault not in (Fault.CUT, Fault.STALE)]
        return told[-1] if told and all(r.fault in UNREACHED for r in told) else None

    def _sample(self) -> Sample:
        ordered = [self._results[i] for i in sorted(self._results)]
        warm = self._plan.warmup
        held = [r for i, r in sorted(self._results.items()) if i >= warm]
        return Sample(
            plan=self._plan, index=self._index, warmup=tuple(ordered[: len(ordered) - len(held)]),
            measured=tuple(r for r in held if r.fault is not Fault.CUT),
            cut=tuple(r for r in held if r.fault is Fault.CUT),
            last_issue_ns=self._last_issue_ns, stop_reason=self.stop_reason,
            complete=self.stop_reason in ("count", "precision", "time"),
            rate_limited=self._limited, saturated=self._saturated,
        )  # fmt: skip

    async def _slot(self) -> None:
        """One place of a closed loop."""
        freed_ns: int | None = None
        while self._may_issue():
            result = await self._issue(None)
            if result is None:
                return
            if freed_ns is not None and result.sent_ns:
                self.reissue_s.append(max(0.0, (result.sent_ns - freed_ns) / 1e9))
            freed_ns = result.end_ns if result.ok else None
            pause_s = self._after(result)
            if pause_s > 0 and not await self._pause(pause_s):
                return

    async def _arrivals(self) -> None:
        """An open loop: arrivals at their own times, whatever the server does."""
        rate = self._plan.rate_rps
        assert rate is not None
        due_ns = perf_counter_ns()
        tasks: set[asyncio.Task[None]] = set()
        while self._may_issue():
            gap_s = self._random.expovariate(rate) if self._plan.load == "poisson" else 1 / rate
            due_ns += int(gap_s * 1e9)
            wait_s = (due_ns - perf_counter_ns()) / 1e9
            if wait_s > 0 and not await self._pause(wait_s):
                break
            if len(tasks) >= self._plan.concurrency * _SATURATED_SHARE:
                self._saturated = True
                self.stop(f"{len(tasks)} requests in flight: the server does not keep up")
                break
            task = asyncio.get_running_loop().create_task(self._arrival(due_ns))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            await asyncio.sleep(0)  # lets it begin, so that it counts before the next is due
        if tasks:
            await asyncio.gather(*tasks)

    async def _arrival(self, intended_ns: int) -> None:
        result = await self._issue(intended_ns)
        if result is not None:
            self._after(result)

    def _may_issue(self) -> bool:
        if self._stop.is_set():
            return False
        if self.progress.issued - self._retried >= self._plan.worst_requests:
            self.stop("count")
        elif perf_counter() - self._started > self._plan.max_seconds:
            self.stop("time")
        return not self._stop.is_set()

    async def _issue(self, intended_ns: int | None) -> RequestResult | None:
        isl, osl = self._plan.isl.draw(self._random), self._plan.osl.draw(self._random)
        prompt, words = self._prompts.make(isl)
        held = self._budget.reserve(self._prompts.worst_case_tokens(prompt, words), osl + _OUTPUT_SLACK)
        if held is None:
            self.stop(f"budget: {self._budget.exhausted}")
            return None
        number = self.progress.issued
        self.progress.issued += 1
        self._last_issue_ns = perf_counter_ns()
        left = self._budget.seconds_left
        limits = self._client.limits
        limits = replace(limits, total_s=max(limits.total_s, osl * _SLOWEST_TOKEN_S))
        if left is not None:
            limits = replace(limits, total_s=min(limits.total_s, left + 1), head_s=min(limits.head_s, left + 1))
        try:
            result = await self._client.complete(prompt, isl=isl, osl=osl, intended_ns=intended_ns, limits=limits)
        except BaseException:
            self._budget.settle(held)
            raise
        self._budget.settle(held, *certain_tokens(result, self._prompts, words))
        if not self._prompts.plausible(words, result.input_tokens):
            result.stated_input, result.input_tokens = result.input_tokens, 0  # a count that cannot be true is none
        self._results[number] = result
        if result.ok and number >= self._plan.warmup:
            self._good.append(result)
        self._note(result)
        return result

    def _note(self, result: RequestResult) -> None:
        self.progress.done += 1
        self.progress.tokens += len(result.stamps_ns)
        if not result.ok and result.fault is not Fault.CUT:
            self.progress.failed += 1
        self._on_result(result)

    def _after(self, result: RequestResult) -> float:
        """Decide what a result means for the step; the pause [s] before this slot goes on."""
        fault = result.fault
        if fault is None:
            self._streak = 0
            self._check_precision()
            return 0.0
        if fault is Fault.CUT:
            return 0.0
        if fault is Fault.STALE:
            self._retried += 1
            return 0.0
        if fault in FATAL:
            self.fatal = self.fatal or result
            self.stop(f"{fault.value}: {result.message}")
            return 0.0
        if fault in HOPELESS_FOR_STEP:
            self.stop(f"{fault.value}: {result.message}")
            return 0.0
        self._streak += 1
        if fault is Fault.RATE_LIMITED:
            self._limited += 1
            self._retried += 1
        wait_s = result.retry_after_s or 0.0
        if wait_s > _LONGEST_RETRY_S:  # a quota of hours; what waits for it pays for idle GPUs
            self.stop(f"{fault.value}: the server asks to wait {wait_s:,.0f} s")
            return 0.0
        # Failures in a row, none good between: every slot twice, and a few more.
        if self._streak >= 2 * min(self._plan.concurrency, 32) + 8:
            self.stop(f"{self._streak} failures in a row, the last: {fault.value}")
            return 0.0
        backoff_s = _FIRST_BACKOFF_S * 2 ** min(6, self._streak // max(1, self._plan.concurrency))
        return min(_LONGEST_RETRY_S, wait_s or backoff_s * self._random.uniform(0.5, 1.0))

    async def _pause(self, seconds: float) -> bool:
        """Wait, or return False as soon as the step is stopped."""
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            return True
        return False

    def _check_precision(self) -> None:
        measured = self._good
        fresh = len(measured) - self._checked_at
        if len(measured) < self._plan.min_requests or fresh < max(4, self._plan.concurrency // 4):
            return
        self._checked_at = len(measured)
        widths = [half_width(describe([r.ttft_s for r in measured]))]
        tpots = [t for r in measured if (t := r.tpot_s) is not None]
        if tpots:
            widths.append(half_width(describe(tpots)))
        known = [w for w in widths if w is not None]
        self.precision = max(known) if len(known) == len(widths) else None
        if self.precision is not None and self.precision <= self._plan.half_width:
            self.stop("precision")
