"""Watches the tool itself: how late the event loop runs, how much CPU it takes, whether it became the bottleneck."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Sequence
from time import perf_counter, perf_counter_ns, process_time

import numpy as np

from advisor.domain.text import percent
from advisor.evidence.runs import OwnLag
from advisor.probe.connection import LagLog
from advisor.probe.results import RequestResult

_TICK_NS = 1_000_000
_MAX_BLURRED_SHARE = 0.02
_MAX_ADDED_SHARE = 0.03
"""Without kernel stamps the loop's delay is in every latency: at most 3 % of TTFT or of ITL."""
_MAX_REISSUE_SHARE = 0.05
"""In a closed loop a slot left empty for longer than this share of a request is not the stated concurrency."""


class LagMonitor:
    """Samples the event loop's delay every millisecond, and tells the log when the sockets were last looked at."""

    def __init__(self, log: LagLog) -> None:
        self._log = log
        self._delays_ns = array("q")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._due_ns = 0
        self._cpu = self._wall = 0.0

    def start(self) -> None:
        """Begin a step."""
        self._log.clear()
        self._delays_ns = array("q")
        self._cpu, self._wall = process_time(), perf_counter()
        if self._timer is None:
            self._loop = asyncio.get_running_loop()
            self._again(perf_counter_ns())

    def stop(self) -> None:
        """End the sampling."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._log.polled_ns = 0

    def _tick(self) -> None:
        now = perf_counter_ns()
        self._delays_ns.append(max(0, now - self._due_ns))
        # Timers that are due run after the reads of the same turn: what had arrived by then has been read.
        self._log.polled_ns = self._due_ns
        self._again(now)

    def _again(self, now_ns: int) -> None:
        assert self._loop is not None
        self._due_ns = now_ns + _TICK_NS
        self._timer = self._loop.call_later(_TICK_NS / 1e9, self._tick)

    def report(self, results: Sequence[RequestResult], reissue_s: Sequence[float]) -> OwnLag:
        """Own lag since `start`."""
        events = sum(len(r.stamps_ns) for r in results)
        blurred = sum(r.blurred for r in results)
        wall = perf_counter() - self._wall
        cpu = process_time() - self._cpu
        arrivals = np.asarray(self._log.lags_ns, dtype=float) / 1e9
        delays = np.asarray(self._delays_ns if self._delays_ns else [0], dtype=float) / 1e9
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
        share = percent(lag.blurred_share)
        reasons.append(f"own bottleneck: {share} of token events were read too late to be told apart")
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
