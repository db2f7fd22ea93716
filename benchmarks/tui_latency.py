"""How fast the terminal program is: first paint, edit to verdict, opening Evidence with all rows.

`python benchmarks/tui_latency.py [--edits 200] [--json]`

First paint is counted from the moment the interpreter is up to the first frame with the list of profiles, in a fresh
process. An edit is a keystroke in the form; it counts until the verdict line shows the answer to it. Times are wall
time; CPU time is given beside it, since another program on the machine adds to the former only.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

AS_OF = date(2026, 11, 21)
CHILD = """
import time
up = time.perf_counter(); cpu = time.process_time()
import asyncio, datetime, json
from advisor.tui.app import AdvisorApp
from advisor.tui.desk import Facts
def opener():
    from advisor.workbench import Workbench
    return Workbench(as_of=datetime.date(2026, 11, 21), bare=True)
def painted():
    print(json.dumps({"wall_ms": (time.perf_counter() - up) * 1e3, "cpu_ms": (time.process_time() - cpu) * 1e3}))
    app.exit()
app = AdvisorApp(Facts(opener), on_paint=painted)
async def main():
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        while app.is_running:
            await asyncio.sleep(0.001)
asyncio.run(main())
"""
LEVELS: tuple[tuple[tuple[str, ...], tuple[Any, ...]], ...] = (
    (("traffic", "peak_concurrency"), (1700, 1900, 2100, 2300)),
    (("slo", "ttft_ms"), (1500, 1800, 2200)),
    (("procurement", "horizon_months"), (12, 18, 30)),
    (("traffic", "average_to_peak"), (0.4, 0.5, 0.6, 0.7)),
    (("team", "rocm_experience"), ("none", "expert", "some")),
    (("traffic", "growth_per_year"), (0.1, 0.2, 0.5)),
    (("slo", "tpot_ms"), (35, 45, 50)),
    (("team", "engineers"), (4, 6, 10)),
    (("traffic", "osl"), (400, 600)),
    (("place", "country"), ("DE", "US")),
)
"""Fields that people turn, with values to type; the same field comes round with another value."""


def first_paint(runs: int) -> dict[str, float]:
    """Medians over fresh processes, the first (cold) one left out."""
    found = []
    for _ in range(runs + 1):
        with tempfile.TemporaryDirectory() as folder:
            clean = {**os.environ, "ADVISOR_CONFIG_DIR": folder}
            done = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, check=True, env=clean)
        found.append(json.loads(done.stdout.splitlines()[0]))
    return {key: round(statistics.median(f[key] for f in found[1:]), 1) for key in ("wall_ms", "cpu_ms")}


async def edits(count: int) -> dict[str, float]:
    """Edit after edit, each timed until the verdict line has its answer."""
    from advisor.profiles.locate import find_profile
    from advisor.tui.app import AdvisorApp
    from advisor.tui.desk import Facts
    from advisor.workbench import Workbench

    bench = Workbench(as_of=AS_OF, bare=True)
    app = AdvisorApp(Facts(lambda: bench), as_of=AS_OF.isoformat(), refine=False)
    wall, cpu = [], []
    async with app.run_test(size=(120, 40)) as pilot:

        async def answered() -> None:
            while not (app.desk.sight.fresh and app.desk.sight.phase == "ready"):
                await asyncio.sleep(0.001)

        await app.open_path(find_profile("renewal-100-gpus"), True)
        await answered()
        for number in range(count):
            key, values = LEVELS[number % len(LEVELS)]
            value = values[(number // len(LEVELS)) % len(values)]
            start, start_cpu = time.perf_counter(), time.process_time()
            app.edit(key, value)
            await answered()
            wall.append((time.perf_counter() - start) * 1e3)
            cpu.append((time.process_time() - start_cpu) * 1e3)
            await pilot.pause()
        evidence = await open_evidence(app, pilot)
    return {
        "edits": count, "median_ms": round(statistics.median(wall), 1), "p95_ms": round(_percentile(wall, 0.95), 1),
        "median_cpu_ms": round(statistics.median(cpu), 1), "p95_cpu_ms": round(_percentile(cpu, 0.95), 1),
    } | evidence  # fmt: skip


async def open_evidence(app: Any, pilot: Any) -> dict[str, float]:
    """Open Evidence with all rows, until it is drawn."""
    start, start_cpu = time.perf_counter(), time.process_time()
    await app.go("evidence")
    await pilot.pause()
    grid = app.query_one("#evidence-list")
    return {
        "evidence_rows": len(grid.rows), "evidence_ms": round((time.perf_counter() - start) * 1e3, 1),
        "evidence_cpu_ms": round((time.process_time() - start_cpu) * 1e3, 1),
    }  # fmt: skip


def _percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edits", type=int, default=200)
    parser.add_argument("--runs", type=int, default=5, help="processes for the first paint")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    paint = first_paint(args.runs)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ADVISOR_CONFIG_DIR"] = str(Path(folder))
        rest = asyncio.run(edits(args.edits))
    found = {"first_paint_ms": paint["wall_ms"], "first_paint_cpu_ms": paint["cpu_ms"]} | rest
    if args.json:
        print(json.dumps(found))
        return
    print(f"first paint              {paint['wall_ms']:8.0f} ms   (CPU {paint['cpu_ms']:.0f} ms; asked: 500)")
    print(f"edit to verdict, median  {rest['median_ms']:8.0f} ms   (CPU {rest['median_cpu_ms']:.0f} ms; asked: 100)")
    print(f"edit to verdict, p95     {rest['p95_ms']:8.0f} ms   (CPU {rest['p95_cpu_ms']:.0f} ms)")
    print(
        f"Evidence, {rest['evidence_rows']:,} rows     {rest['evidence_ms']:8.0f} ms  "
        f" (CPU {rest['evidence_cpu_ms']:.0f} ms; asked: 300)"
    )


if __name__ == "__main__":
    main()
