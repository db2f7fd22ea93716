"""Whole-process times against `import pandas, pydantic`, in turn on the same machine, and peak memory.

Each process runs once before it is measured, with bytecode written, as an installed package has it; the user's own
files stay out of it.

Run: python benchmarks/startup.py [--runs N]
Targets: a headless JSON run at most 1.5 times the imports, --version and --help at most 0.4, peak memory under 300 MB.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

PROFILE = "llama-70b-4k-512-concurrent"
REFERENCE = "import pandas, pydantic"
COMMANDS = {
    REFERENCE: [sys.executable, "-c", "import pandas, pydantic"],
    "advisor --version": [sys.executable, "-m", "advisor", "--version"],
    "advisor --help": [sys.executable, "-m", "advisor", "--help"],
    "advisor --profile, json": [sys.executable, "-m", "advisor", "--profile", PROFILE, "--format", "json"],
}
TARGETS = {"advisor --version": 0.4, "advisor --help": 0.4, "advisor --profile, json": 1.5}
MAX_MEMORY_MB = 300

Sample = tuple[float, float, float]
"""(CPU seconds, wall seconds, peak memory [MB])."""
CPU, WALL = 0, 1
"""Places of the clocks in a sample."""


def run_once(command: list[str], environment: dict[str, str]) -> Sample:
    """(CPU seconds, wall seconds, peak memory [MB]) of one process, by the operating system's own accounting."""
    start = time.perf_counter()
    pid = os.posix_spawn(
        command[0], command, environment,
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)],
    )  # fmt: skip
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - start
    if status != 0:
        raise SystemExit(f"{' '.join(command)} failed with status {status}")
    return usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024


@contextmanager
def installed() -> Iterator[dict[str, str]]:
    """An environment as of an installed package in a plain shell: bytecode is written, threads are as libraries have
    them, the user's own files stay out of it."""
    with tempfile.TemporaryDirectory() as empty:
        ours = ("PYTHONDONTWRITEBYTECODE", "OPENBLAS_NUM_THREADS")
        environment = {k: v for k, v in os.environ.items() if k not in ours}
        own = ("HOME", "ADVISOR_DATA_DIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME")
        yield environment | dict.fromkeys(own, empty)


def in_turn(runs: int) -> dict[str, list[Sample]]:
    """Samples of every command, taken in turn, so that what else the machine does falls on all of them alike."""
    samples: dict[str, list[Sample]] = {name: [] for name in COMMANDS}
    with installed() as environment:
        for command in COMMANDS.values():
            run_once(command, environment)
        for _ in range(runs):
            for name, command in COMMANDS.items():
                samples[name].append(run_once(command, environment))
    return samples


def ratio(rows: Sequence[Sample], reference: Sequence[Sample], clock: int = CPU) -> float:
    """Time over that of the reference, median over the turns."""
    return statistics.median(row[clock] / base[clock] for row, base in zip(rows, reference, strict=True))


def main() -> int:
    """Measure in turn, print medians and ratios; exit 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    os.chdir(Path(__file__).resolve().parent.parent)
    samples = in_turn(runs)
    missed = False
    print(f"{'process':<26} {'CPU s':>7} {'wall s':>7} {'MB':>5} {'CPU ratio':>10} {'target':>7}")
    for name, rows in samples.items():
        cpu, wall, memory = (statistics.median(row[i] for row in rows) for i in range(3))
        times, target = ratio(rows, samples[REFERENCE]), TARGETS.get(name)
        missed |= (target is not None and times > target) or memory > MAX_MEMORY_MB
        print(f"{name:<26} {cpu:>7.3f} {wall:>7.3f} {memory:>5.0f} {times:>10.2f} {target or '':>7}")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
