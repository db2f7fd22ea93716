"""How long the decision takes, and how many profiles a batch answers in a second.

    python benchmarks/batch_rate.py [--profiles 200] [--jobs 2]

Prints the time that pricing, risks and 10,000 draws add to an answer, for each bundled profile, and the rate of a
batch of copies of them with demand varied. Wall-clock figures mean little on a machine that does other work.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

AS_OF = date(2026, 11, 21)


def decision_times() -> Iterator[tuple[str, float, dict[str, float]]]:
    """(bundled profile, its whole answer [s], time within it [s] by step), processor time."""
    from advisor.catalog.resources import profiles_root
    from advisor.engine import advise as module
    from advisor.profiles.read import read_profile
    from advisor.workbench import Workbench

    spent = {"price_candidate": 0.0, "assess_risks": 0.0, "decide": 0.0}

    def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **more: Any) -> Any:
            started = time.process_time()
            try:
                return function(*args, **more)
            finally:
                spent[name] += time.process_time() - started

        return run

    for name in spent:
        setattr(module, name, timed(name, getattr(module, name)))
    bench = Workbench(as_of=AS_OF, bare=True)
    paths = sorted(profiles_root().glob("*.toml"))
    bench.advise(read_profile(paths[0]))
    for path in paths:
        profile = read_profile(path)
        spent.update(dict.fromkeys(spent, 0.0))
        started = time.process_time()
        bench.advise(profile)
        yield path.stem, time.process_time() - started, dict(spent)


def show_decision_times() -> None:
    """Time spent in pricing, risks and decision within one answer."""
    print(f"{'profile':<36} {'answer':>9} {'price':>8} {'risks':>8} {'decide':>8}   [ms]")
    for name, whole, spent in decision_times():
        print(
            f"{name:<36} {whole * 1e3:9.0f} {spent['price_candidate'] * 1e3:8.1f}"
            f" {spent['assess_risks'] * 1e3:8.1f} {spent['decide'] * 1e3:8.1f}"
        )


def batch_rate(profiles: int, jobs: int) -> None:
    """Profiles a second over bundled profiles with their names varied."""
    from advisor.catalog.resources import profiles_root
    from advisor.cli.main import main

    sources = sorted(profiles_root().glob("*.toml"))
    with tempfile.TemporaryDirectory() as folder:
        many = Path(folder) / "profiles"
        many.mkdir()
        for i in range(profiles):
            source = sources[i % len(sources)]
            text = source.read_text(encoding="utf-8").replace('name = "', f'name = "{i} ', 1)
            (many / f"{i:04}.toml").write_text(text, encoding="utf-8")
        started = time.perf_counter()
        main(["batch", str(many), "--output", folder, "--jobs", str(jobs), "--as-of", AS_OF.isoformat()])
        wall = time.perf_counter() - started
    print(f"{profiles} profiles on {jobs} processes: {wall:.1f} s, {profiles / wall:.1f} a second")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profiles", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    show_decision_times()
    batch_rate(options.profiles, options.jobs)
