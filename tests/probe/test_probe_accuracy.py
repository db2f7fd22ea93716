"""The probe against a server whose true timings are logged; and its honesty where it is itself too slow."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from probe_kit import HERE, finish, make_session, only_step, step_plan

from advisor.evidence.runs import Step
from advisor.probe import connection
from advisor.probe.plan import LengthSpec

pytestmark = pytest.mark.alone


class Known:
    """The server of known timings, and its log once it has ended."""

    def __init__(self, folder: Path, ttft_ms: float, itl_ms: float) -> None:
        self._log = folder / "log"
        port = folder / "port"
        command = [
            sys.executable,
            str(HERE / "known_timings.py"),
            "--port-file",
            str(port),
            "--log-file",
            str(self._log),
        ]
        self.process = subprocess.Popen([*command, "--ttft-ms", str(ttft_ms), "--itl-ms", str(itl_ms)])
        while not port.exists():
            time.sleep(0.02)
        self.url = f"http://127.0.0.1:{port.read_text()}"

    def truth(self, tokens: int, skip: int) -> dict[str, np.ndarray[Any, Any]]:
        """True figures [s] of the measured requests: those after the two of the preflight and the warm-up."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)
        rows = [json.loads(line) for line in self._log.read_text().splitlines()]
        rows = [row for row in rows if row["tokens"] == tokens][skip:]
        sends = np.array([row["sends_ns"] for row in rows])
        arrived = np.array([row["arrived_ns"] for row in rows])
        return {
            "ttft": (sends[:, 0] - arrived) / 1e9, "itl": np.diff(sends).ravel() / 1e9,
            "tpot": (sends[:, -1] - sends[:, 0]) / 1e9 / (tokens - 1), "e2el": (sends[:, -1] - arrived) / 1e9,
        }  # fmt: skip


@pytest.fixture
def known(tmp_path: Path) -> Iterator[Known]:
    server = Known(tmp_path, 60, 6)
    yield server
    server.process.kill()
    server.process.wait()


def errors(step: Step, truth: dict[str, np.ndarray[Any, Any]]) -> dict[str, tuple[float, float]]:
    """Relative errors at p50 and p99; 0 where the probe withholds a percentile, which it may on a busy machine."""
    found = {}
    for name, values in truth.items():
        p50, p99 = np.percentile(values, [50, 99])
        measured = getattr(step, name)
        found[name] = ((measured.p50 or p50) / p50 - 1, (measured.p99 or p99) / p99 - 1)
    return found


@pytest.mark.parametrize("streams", [1, 16, 64])
async def test_latencies_are_those_of_the_server(known: Known, streams: int) -> None:
    rounds = 6 if streams == 1 else 2
    plan = step_plan(
        concurrency=streams, warmup=streams, min_requests=rounds * streams, max_requests=rounds * streams,
        isl=LengthSpec(100), osl=LengthSpec(48),
    )  # fmt: skip
    step = only_step(await finish(make_session(known.url, "known", steps=(plan,))))
    found = errors(step, known.truth(48, streams))
    assert step.succeeded == rounds * streams
    if not step.valid:
        pytest.skip(f"this machine was too busy, and the probe says so: {step.flags[0]}")
    for name, (p50, p99) in found.items():
        assert abs(p50) < 0.01, (name, p50)
        assert abs(p99) < 0.03, (name, p99)
    assert step.achieved_concurrency == pytest.approx(streams, rel=0.15)
    assert step.achieved_concurrency is not None
    # Little's law: throughput is what was in flight over the time that each took.
    assert step.output_tps == pytest.approx(step.achieved_concurrency * 48 / (0.060 + 47 * 0.006), rel=0.15)


async def test_a_probe_that_is_too_slow_says_so(known: Known) -> None:
    """A laptop that stops for 80 ms at a time: the step must not pass as a measurement."""
    stop = asyncio.Event()

    async def hog() -> None:
        while not stop.is_set():
            time.sleep(0.08)
            await asyncio.sleep(0.005)

    slow = asyncio.get_running_loop().create_task(hog())
    plan = step_plan(concurrency=8, min_requests=16, max_requests=16, osl=LengthSpec(48))
    step = only_step(await finish(make_session(known.url, "known", steps=(plan,))))
    stop.set()
    await slow
    assert not step.valid
    assert "own bottleneck" in step.flags[0]
    assert step.lag is not None
    assert step.lag.loop_delay_p99_s > 0.05


@pytest.mark.skipif(sys.platform != "linux", reason="kernel time stamps are Linux")
async def test_late_reads_do_not_make_the_server_look_slow(known: Known) -> None:
    """4 ms late now and then: TTFT stays the server's, since the kernel stamped the arrival."""
    stop = asyncio.Event()

    async def hog() -> None:
        while not stop.is_set():
            time.sleep(0.004)
            await asyncio.sleep(0.001)

    slow = asyncio.get_running_loop().create_task(hog())
    plan = step_plan(concurrency=2, min_requests=16, max_requests=16, osl=LengthSpec(48))
    step = only_step(await finish(make_session(known.url, "known", steps=(plan,))))
    stop.set()
    await slow
    found = errors(step, known.truth(48, 0))
    assert step.lag is not None
    assert step.lag.kernel_stamps
    assert step.lag.arrival_p99_s is not None
    assert step.lag.arrival_p99_s > 0.002
    assert abs(found["ttft"][0]) < 0.01


async def test_without_kernel_stamps_the_loops_delay_counts(known: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_SO_TIMESTAMPNS", None)
    stop = asyncio.Event()

    async def hog() -> None:
        while not stop.is_set():
            time.sleep(0.01)
            await asyncio.sleep(0.001)

    slow = asyncio.get_running_loop().create_task(hog())
    plan = step_plan(concurrency=2, min_requests=8, max_requests=8, osl=LengthSpec(48))
    step = only_step(await finish(make_session(known.url, "known", steps=(plan,))))
    stop.set()
    await slow
    assert step.lag is not None
    assert not step.lag.kernel_stamps
    assert not step.valid
    assert "own bottleneck" in step.flags[0]
