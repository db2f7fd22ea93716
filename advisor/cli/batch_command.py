"""`advisor batch profiles/*.toml --output DIR`: many profiles, in parallel, with a summary."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from advisor.domain.errors import InputError, NetworkError

if TYPE_CHECKING:
    from pathlib import Path

    from advisor.batch import Job, Row

BAR = 30
MOST_PROFILES = 100_000
MOST_TOLD = 20
"""Wrong profiles that are told one by one."""


def add_batch_parser(subparsers: Any) -> None:
    """`advisor batch`."""
    from advisor.cli.recommend_command import add_catalog_options

    parser = subparsers.add_parser(
        "batch", help="answer many profiles in parallel, with a CSV summary", allow_abbrev=False,
        description="Answer many profiles; each gets its JSON, all of them a line in summary.csv. A profile that is"
        " wrong becomes a line with its message and stops nothing. Exit code 0 when all were answered, 3 when one is"
        " infeasible, 2 when one is wrong.",
    )  # fmt: skip
    parser.add_argument("profiles", nargs="+", metavar="FILE|NAME|DIR", help="profiles, or folders of them")
    parser.add_argument("--output", "-o", metavar="DIR", required=True, help="folder for JSON files and summary.csv")
    parser.add_argument("--jobs", "-j", type=int, default=None, metavar="N", help="processes (default: all cores)")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="Dask scheduler to hand the work to (extra: dask)")
    parser.add_argument("--summary-only", action="store_true", help="write summary.csv alone, no JSON")
    parser.add_argument("--seed", type=int, default=None, metavar="N", help="seed of the Monte Carlo")
    parser.add_argument("--draws", type=int, default=None, metavar="N", help="draws of the Monte Carlo (default 10000)")
    add_catalog_options(parser)
    parser.set_defaults(func=run_batch)


def run_batch(args: argparse.Namespace) -> int:
    """Answer all profiles and write the summary in the order given; interrupted, that of the answers there are."""
    from pathlib import Path

    _one_thread_each()
    from advisor.batch import exit_code, summary_csv
    from advisor.cli.diagnostics import say
    from advisor.domain.errors import ExitCode
    from advisor.report.output import write_result

    folder = Path(args.output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--output {args.output}: cannot be made a folder ({error.strerror})") from None
    jobs = _jobs(args, folder)
    rows: dict[str, Row] = {}
    interrupted = False
    with _Progress(len(jobs)) as progress:
        try:
            for row in _run(args, jobs):
                rows[row.file] = row
                progress.step(row.status != "error")
        except KeyboardInterrupt:
            if not rows:
                raise
            interrupted = True
    ordered = [rows[job.path] for job in jobs if job.path in rows]
    write_result(summary_csv(ordered), str(folder / "summary.csv"))
    print(_closing(ordered, folder / "summary.csv"))
    if interrupted:
        say(f"interrupted; {len(jobs) - len(ordered):,} of {len(jobs):,} profiles were not answered")
        return int(ExitCode.INTERRUPTED)
    _tell_wrong(ordered)
    _tell_nested(args.profiles)
    if not args.summary_only:
        _tell_left_over(folder, {row.output for row in ordered})
    return int(exit_code(ordered))


def _one_thread_each() -> None:
    """Linear algebra on one thread a process: the processes already fill the cores, threads would fight for them."""
    import os

    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")


def _jobs(args: argparse.Namespace, folder: Any) -> list[Job]:
    import secrets

    from advisor.batch import Job, targets
    from advisor.cli.recommend_command import parse_as_of, reproduce_command
    from advisor.domain.recommendation import DEFAULT_DRAWS, DEFAULT_SEED

    seed = DEFAULT_SEED if args.seed is None else args.seed
    draws = DEFAULT_DRAWS if args.draws is None else args.draws
    if not 100 <= draws <= 1_000_000:
        raise InputError(f"--draws {draws}: give a number from 100 to 1,000,000")
    if not 0 <= seed < 2**63:
        raise InputError(f"--seed {seed}: give a whole number from 0 to 2^63 - 1")
    if args.jobs is not None and not 1 <= args.jobs <= 256:
        raise InputError(f"--jobs {args.jobs}: give a number from 1 to 256")
    as_of = parse_as_of(args.as_of)
    paths = _paths(args.profiles)
    places = [""] * len(paths) if args.summary_only else targets(list(paths), folder)
    bare, batch = args.no_user_data, secrets.token_hex(8)
    return [
        Job(
            path, target, tuple(args.catalog), as_of, seed, draws, bare,
            reproduce_command(given, as_of, seed, draws, args.catalog, bare), batch,
        )
        for (path, given), target in zip(paths.items(), places, strict=True)
    ]  # fmt: skip


def _paths(given: Sequence[str]) -> dict[str, str]:
    """Files as given, folders by their profiles in order, names looked up; each file once, with what names it."""
    from pathlib import Path

    from advisor.domain.errors import AdvisorError
    from advisor.profiles.locate import find_profile

    if "-" in given:
        raise InputError("a batch reads no profile from standard input; give files, names or folders")
    out: dict[str, str] = {}
    empty = 0
    for name in given:
        path = Path(name)
        if path.is_dir():
            found = _profiles_in(path)
            empty += not found
            # A folder without one is a wrong profile among the others.
            out.update({str(p): str(p) for p in found} or {str(path): name})
        elif path.suffix or path.exists():
            out[str(path)] = name
        else:
            try:
                out[str(find_profile(name))] = name
            except AdvisorError:
                out[str(path)] = name
    if empty == len(given):
        raise InputError(f"{', '.join(given[:4])}: no profile (*.toml, *.json) in this folder")
    if len(out) > MOST_PROFILES:
        raise InputError(f"{len(out):,} profiles; at most {MOST_PROFILES:,} in one run")
    return out


def _profiles_in(folder: Path) -> list[Path]:
    try:
        return sorted(p for p in folder.iterdir() if p.suffix in (".toml", ".json") and p.is_file())
    except OSError:
        return []


def _run(args: argparse.Namespace, jobs: Sequence[Job]) -> Iterator[Row]:
    from advisor.batch import run_dask, run_here, run_processes

    if args.scheduler:
        try:
            yield from run_dask(jobs, args.scheduler)
        except ImportError:
            raise InputError("--scheduler needs the extra: pip install 'accelerator-advisor[dask]'") from None
        except (OSError, TimeoutError) as error:
            raise NetworkError(f"--scheduler {args.scheduler}: no scheduler answers there ({error})") from None
        return
    processes = min(len(jobs), args.jobs or _cores())
    yield from run_processes(jobs, processes) if processes > 1 else run_here(jobs)


def _cores() -> int:
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _closing(rows: Sequence[Row], place: Any) -> str:
    from collections import Counter

    counts = Counter(row.verdict or "wrong" for row in rows)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    parts = ", ".join(f"{n} {kind.replace('_', ' ')}" for kind, n in ranked)
    return f"{len(rows)} profile{'s' * (len(rows) != 1)}: {parts}. Summary: {place}"


def _tell_wrong(rows: Sequence[Row]) -> None:
    """Each profile that was not answered, with its reason: a log of CI holds the run's streams and not its files."""
    from pathlib import Path

    from advisor.cli.diagnostics import fail, say

    wrong = [row for row in rows if row.status == "error"]
    for row in wrong[:MOST_TOLD]:
        fail(f"{row.file}: {row.message.removeprefix(f'{Path(row.file).name}: ').removeprefix(f'{row.file}: ')}")
    if len(wrong) > MOST_TOLD:
        say(f"{len(wrong) - MOST_TOLD:,} more are wrong; the summary has each with its reason")


def _tell_nested(given: Sequence[str]) -> None:
    """Folders within a given one that hold profiles: they are not read, and nobody would miss them in the summary."""
    from pathlib import Path

    from advisor.cli.diagnostics import say

    asked = {Path(name).resolve() for name in given}
    for name in given:
        if not Path(name).is_dir():
            continue
        inner = sorted(p for p in Path(name).iterdir() if p.is_dir() and p.resolve() not in asked)
        found = [str(p) for p in inner if any(q.suffix == ".toml" for q in _profiles_in(p))]
        if found:
            more = f" and {len(found) - 3:,} more" if len(found) > 3 else ""
            say(f"{name}: folders within it are not read ({', '.join(found[:3])}{more}); name them too")


def _tell_left_over(folder: Any, written: set[str]) -> None:
    """Name the answers of earlier runs in the folder: a comparison would take them for those of today."""
    from advisor.cli.diagnostics import say

    old = sorted(path.name for path in folder.glob("*.json") if str(path) not in written)
    if old:
        more = f" and {len(old) - 3:,} more" if len(old) > 3 else ""
        what, them = ("an answer that is", "it") if len(old) == 1 else (f"{len(old):,} answers that are", "them")
        say(
            f"{folder} holds {what} not of this run ({', '.join(old[:3])}{more}); `advisor diff` would compare {them}"
            f" too: delete {them}, or give an empty folder"
        )


class _Progress:
    """A bar on stderr where that is a terminal, silence elsewhere."""

    def __init__(self, total: int) -> None:
        import sys
        from time import monotonic

        self.total, self.done, self.bad = total, 0, 0
        self.stream, self.clock = sys.stderr, monotonic
        self.shown = self.stream.isatty()
        self.started = self.clock()
        self.drawn = -1.0

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self.shown:
            self.stream.write("\r" + " " * 78 + "\r")
            self.stream.flush()

    def step(self, good: bool) -> None:
        """One more is done."""
        self.done += 1
        self.bad += not good
        now = self.clock() - self.started
        if self.shown and (now - self.drawn > 0.1 or self.done == self.total):
            self.drawn = now
            filled = BAR * self.done // self.total
            rate = self.done / now if now > 0 else 0.0
            bad = f", {self.bad} wrong" if self.bad else ""
            bar = "#" * filled + "." * (BAR - filled)
            self.stream.write(f"\r[{bar}] {self.done}/{self.total}  {rate:.1f}/s{bad}  ")
            self.stream.flush()
