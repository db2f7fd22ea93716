"""Watches the tool itself: how late the event loop runs, how much CPU it takes, whether it became the bottleneck."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import perf_counter, process_time

import numpy as np

from advisor.evidence.runs import OwnLag
from advisor.probe.connection import LagLog
from advisor.probe.results import RequestResult

_TICK_S = 0.01
_MAX_BLURRED_SHARE = 0.02
_MAX_ADDED_SHARE = 0.03
"""Without kernel stamps the loop's delay is in every latency: at most 3 % of TTFT or of ITL."""
_MAX_REISSUE_SHARE = 0.05
"""In a closed loop a slot left empty for longer than this share of a request is not the stated concurrency."""


class LagMonitor:
    """Samples the event loop's delay every 10 ms."""

    def __init__(self, log: LagLog) -> None:
        self._log = log
        self._delays: list[float] = []
        self._task: asyncio.Task[None] | None = None
        self._cpu = self._wall = 0.0

    def start(self) -> None:
        """Begin a step."""
        self._log.clear()
        self._delays = []
        self._cpu, self._wall = process_time(), perf_counter()
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._watch())

    async def stop(self) -> None:
        """End the sampling."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _watch(self) -> None:
        while True:
            due = perf_counter() + _TICK_S
            await asyncio.sleep(_TICK_S)
            self._delays.append(max(0.0, perf_counter() - due))

    def report(self, results: Sequence[RequestResult], reissue_s: Sequence[float]) -> OwnLag:
        """Own lag since `start`."""
        events = sum(len(r.stamps_ns) for r in results)
        blurred = sum(r.blurred for r in results)
        wall = perf_counter() - self._wall
        cpu = process_time() - self._cpu
        arrivals = np.asarray(self._log.lags_ns, dtype=float) / 1e9
        delays = np.asarray(self._delays or [0.0])
        return OwnLag(
            kernel_stamps=self._log.kernel_stamps,
            arrival_p50_s=float(np.percentile(arrivals, 50)) if arrivals.size else None,
            arrival_p99_s=float(np.percentile(arrivals, 99)) if arrivals.size else None,
            arrival_max_s=float(arrivals.max()) if arrivals.size else None,
            loop_delay_p99_s=float(np.percentile(delays, 99)),
            loop_delay_max_s=float(delays.max()),
            reissue_p50_s=float(np.median(reissue_s)) if len(reissue_s) else None,
            cpu_share=cpu / wall if wall > 0 else 0.0,
            cpu_per_event_us=cpu / events * 1e6 if events else None,
            blurred_share=blurred / events if events else 0.0,
        )


def own_fault(lag: OwnLag, *, ttft_p50_s: float | None, itl_p50_s: float | None, e2el_p50_s: float | None) -> list[str]:
    """Why the tool itself, not the server, may have set these figures; empty where it did not."""
    reasons = []
    if lag.blurred_share > _MAX_BLURRED_SHARE:
        reasons.append(f"own bottleneck: {lag.blurred_share:.0%} of token events were read too late to be told apart")
    if not lag.kernel_stamps:
        for name, value in (("TTFT", ttft_p50_s), ("ITL", itl_p50_s)):
            if value and lag.loop_delay_p99_s > max(_MAX_ADDED_SHARE * value, 0.0015):
                reasons.append(
                    f"own bottleneck: the event loop ran {lag.loop_delay_p99_s * 1e3:.1f} ms late (p99),"
                    f" too much beside {name} {value * 1e3:.1f} ms without kernel time stamps"
                )
    if lag.reissue_p50_s and e2el_p50_s and lag.reissue_p50_s > _MAX_REISSUE_SHARE * e2el_p50_s:
        reasons.append(
            f"own bottleneck: a freed slot stayed empty for {lag.reissue_p50_s * 1e3:.1f} ms (median),"
            f" so that the stated concurrency was not held"
        )
    return reasons
