"""Forks probes that write to one store and kills each at a random moment; after each, the store must open and hold
every step that was reported finished, and at most the one in flight besides.

`python kill_driver.py URL STORE KILLS SEED` prints a JSON line of counts.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from probe_kit import make_session, step_plan

from advisor.evidence.runs import Run, Step
from advisor.evidence.store import open_store


def probe(url: str, store_path: str, run_id: str, report: int) -> None:
    """A run of many short steps; writes a byte to `report` once a step is kept."""

    async def run() -> None:
        with open_store(store_path) as store:
            steps = tuple(step_plan(min_requests=4, max_requests=4, concurrency=2) for _ in range(200))

            def started(record: Run) -> None:
                store.begin(record.model_copy(update={"id": run_id}))

            def finished(_: str, step: Step) -> None:
                store.add_step(run_id, step)
                os.write(report, b".")

            session = make_session(url, "ok", steps=steps, on_start=started, on_step=finished)
            async for _ in session.snapshots():
                pass

    asyncio.run(run())


def time_to_first_step(url: str, store_path: str) -> float:
    """How long a run takes here to its first kept step [s], so that the kills fall into the work on any machine."""
    read, write = os.pipe()
    started = time.monotonic()
    child = os.fork()
    if child == 0:
        probe(url, store_path, "first", write)
        os._exit(0)
    os.close(write)
    os.read(read, 1)
    took = time.monotonic() - started
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(read)
    return took


def main() -> None:
    url, store_path, kills, seed = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    chance = random.Random(seed)
    kept = lost = in_flight = early = 0
    until_first_s = time_to_first_step(url, store_path)
    for number in range(kills):
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read)
            probe(url, store_path, f"run-{number}", write)
            os._exit(0)
        os.close(write)
        time.sleep(chance.uniform(0.0, 3 * until_first_s))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        reported = len(os.read(read, 65536))
        os.close(read)
        with open_store(store_path) as store:
            ids = {summary.id for summary in store.summaries()}
            steps = store.get(f"run-{number}").steps if f"run-{number}" in ids else ()
        if not steps:
            early += 1
        kept += reported
        lost += max(0, reported - len(steps))
        in_flight += max(0, len(steps) - reported - 1)
        assert [step.index for step in steps] == list(range(len(steps)))
    size = Path(store_path).stat().st_size
    print(
        json.dumps({"kills": kills, "reported": kept, "lost": lost, "beyond": in_flight, "early": early, "bytes": size})
    )


if __name__ == "__main__":
    main()
