"""How long the decision takes, and how many profiles a batch answers in a second.

    python benchmarks/batch_rate.py [--profiles 1000] [--jobs 2]

Prints the time that pricing, risks and 10,000 draws add to an answer, for each bundled profile, and the rate of a
batch of copies of them in which demand, service level and lengths are varied, so that no answer serves twice.
Wall-clock figures mean little on a machine that does other work: the processor time of an answer stands beside them.

Target: 20 profiles a second on two cores.
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
    from advisor.engine import advise, drafts
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

    for module, names in ((drafts, ("price_candidate", "assess_risks")), (advise, ("decide",))):
        for name in names:
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


def varied(section: Any, factors: dict[str, float]) -> None:
    """Scale demand, service level and lengths of a profile, in the tiers of its workloads too."""
    for key, value in section.items():
        factor = factors.get(key)
        if isinstance(value, dict):
            varied(value, dict.fromkeys(value, factor) if factor is not None else factors)
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for item in value:
                varied(item, factors)
        elif factor is not None and isinstance(value, int | float):
            scaled = max(1, value * factor)
            section[key] = int(scaled) if isinstance(value, int) else float(scaled)


def copies(folder: Path, n: int) -> None:
    """Write `n` profiles: the bundled ones in turn, the first of each as it is and every other one varied."""
    import tomlkit

    from advisor.catalog.resources import profiles_root

    sources = sorted(profiles_root().glob("*.toml"))
    for i in range(n):
        source, turn = sources[i % len(sources)], i // len(sources)
        # multiples of irrational numbers, less their whole part: spread evenly, and never the same twice
        demand, slo, isl, osl = ((turn * step) % 1.0 for step in (0.61803399, 0.41421356, 0.73205081, 0.23606798))
        document = tomlkit.parse(source.read_text(encoding="utf-8"))
        document["name"] = f"{i} {document['name']}"
        factors = dict.fromkeys(("peak_concurrency", "peak_requests_per_s"), 1.0 + 0.5 * demand)
        factors |= dict.fromkeys(("ttft_ms", "tpot_ms", "e2e_ms"), 1.0 + 0.3 * slo)
        factors |= {"isl": 1.0 - 0.3 * isl, "osl": 1.0 - 0.3 * osl}
        if turn:
            varied(document, factors)
        (folder / f"{i:04}.toml").write_text(tomlkit.dumps(document), encoding="utf-8")


def batch_rate(profiles: int, jobs: int) -> None:
    """Profiles a second over bundled profiles, varied."""
    from advisor.cli.main import main

    with tempfile.TemporaryDirectory() as folder:
        many = Path(folder) / "profiles"
        many.mkdir()
        copies(many, profiles)
        before, started = os.times(), time.perf_counter()
        main(["batch", str(many), "--output", folder, "--jobs", str(jobs), "--as-of", AS_OF.isoformat()])
        wall, after = time.perf_counter() - started, os.times()
    cpu = sum(after[:4]) - sum(before[:4])
    print(
        f"{profiles} profiles on {jobs} processes: {wall:.1f} s, {profiles / wall:.1f} a second;"
        f" {cpu / profiles * 1e3:.0f} ms of processor time each"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profiles", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    show_decision_times()
    batch_rate(options.profiles, options.jobs)
