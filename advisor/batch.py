"""Many profiles in one run: the unit of work is a pure function of a picklable job, so any pool can run it."""

from __future__ import annotations

import csv
import gc
import io
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from advisor.domain.errors import AdvisorError, ExitCode, InputError
from advisor.domain.text import is_device

if TYPE_CHECKING:
    from advisor.workbench import Workbench

Status = Literal["ok", "infeasible", "error"]


@dataclass(frozen=True, slots=True)
class Job:
    """One profile to answer, with everything that the answer depends on."""

    path: str
    target: str
    """Where the JSON goes; empty for nowhere."""
    overlays: tuple[str, ...]
    as_of: date
    seed: int
    draws: int
    bare: bool
    command: str = ""
    """The command line that gives the same answer."""
    batch: str = ""
    """Names the run: a worker that outlives it reads prices and measurements anew for the next."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the summary; figures of a failed profile stay empty."""

    file: str
    name: str = ""
    status: Status = "error"
    verdict: str = ""
    accelerator: str = ""
    gpus: int | None = None
    mode: str = ""
    commitment: str = ""
    usd_per_month_p10: float | None = None
    usd_per_month_p50: float | None = None
    usd_per_month_p90: float | None = None
    usd_per_mtok_blended_p50: float | None = None
    confidence: float | None = None
    runner_up: str = ""
    output: str = ""
    message: str = ""


COLUMNS = tuple(f.name for f in fields(Row))


@lru_cache(maxsize=2)
def _workbench(overlays: tuple[str, ...], as_of: date, bare: bool, _batch: str) -> Workbench:
    """The loaded facts, once per process and run."""
    from advisor.workbench import Workbench, own_evidence

    evidence = [] if bare else own_evidence(as_of)
    return Workbench([Path(p) for p in overlays], as_of=as_of, evidence=evidence, bare=bare)


def warm_up(job: Job) -> None:
    """Load what every job needs, so that forked workers share it."""
    bench = _workbench(job.overlays, job.as_of, job.bare, job.batch)
    _ = bench.parameters, bench.configs, bench.estimator


def answer_one(job: Job) -> Row:
    """Answer one profile, write its JSON, and give its line; a bad profile becomes a line with its message."""
    try:
        return _answer(job)
    except AdvisorError as error:
        return Row(file=job.path, message=str(error))
    except Exception as error:  # one profile must not take the other nine hundred with it
        return Row(file=job.path, message=f"fault of ours: {type(error).__name__}: {error}")


def _answer(job: Job) -> Row:
    from advisor.profiles.read import read_profile
    from advisor.report.output import write_result

    path = Path(job.path)
    if path.is_dir():
        raise InputError(f"{path}: no profile (*.toml, *.json) in this folder that can be read")
    profile = read_profile(path)
    bench = _workbench(job.overlays, job.as_of, job.bare, job.batch)
    tree = bench.advise(profile, folder=path.parent, seed=job.seed, draws=job.draws, command=job.command)
    if job.target:
        write_result(tree.model_dump_json(indent=2) + "\n", job.target)
    verdict, choice = tree.verdict, tree.verdict.choice
    row = Row(
        file=job.path,
        name=profile.name,
        status="infeasible" if verdict.kind == "infeasible" else "ok",
        verdict=verdict.kind,
        confidence=None if choice is None else verdict.confidence,
        runner_up=verdict.runner_up or "",
        output=job.target,
        message=verdict.headline,
    )
    if choice is None:
        return row
    best = next(c for c in tree.candidates if c.accelerator == choice.accelerator)
    cost = best.cost
    assert cost is not None
    return Row(
        **{
            **asdict(row),
            "accelerator": choice.accelerator,
            "gpus": choice.gpus,
            "mode": choice.mode,
            "commitment": choice.commitment,
            "usd_per_month_p10": cost.usd_per_month.p10,
            "usd_per_month_p50": cost.usd_per_month.p50,
            "usd_per_month_p90": cost.usd_per_month.p90,
            "usd_per_mtok_blended_p50": cost.usd_per_mtok_blended.p50,
        }
    )


def run_here(jobs: Sequence[Job]) -> Iterator[Row]:
    """One after the other in this process."""
    yield from map(answer_one, jobs)


def run_processes(jobs: Sequence[Job], processes: int) -> Iterator[Row]:
    """In worker processes, results as they come."""
    import multiprocessing

    # elsewhere threads of the system's own libraries do not survive a fork, or there is none
    method = "fork" if sys.platform == "linux" else "spawn"
    if method == "fork":
        warm_up(jobs[0])
        gc.collect()
        gc.freeze()  # the facts stay: a worker that never looks at them again shares their pages
    context = multiprocessing.get_context(method)
    with context.Pool(processes, _as_worker) as pool:
        # One at a time: an interruption then loses only what is being answered, and to hand one over costs nothing.
        yield from pool.imap_unordered(answer_one, jobs)


def _as_worker() -> None:
    """What a worker does otherwise than the program."""
    import signal

    # An answer leaves few cycles behind; to look for them every 700 new objects took a thirtieth of the time.
    gc.set_threshold(200_000, 10, 10)
    # Ctrl-C reaches all processes of a terminal; the first of them ends the others, which have nothing to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def run_dask(jobs: Sequence[Job], scheduler: str) -> Iterator[Row]:
    """On a Dask cluster, results as they come; workers need this package and see the same files.

    Workers have folders of their own to work in, so that they are told whole paths. A worker that is lost takes the
    profile that it was at with it, not the others.

    Raises
    ------
    ImportError
        Where the `dask` extra is not installed.
    """
    from importlib import import_module

    distributed = import_module("distributed")
    with distributed.Client(scheduler) as client:
        futures = client.map(answer_one, [_whole(job) for job in jobs], pure=False)
        asked = {future.key: job for future, job in zip(futures, jobs, strict=True)}
        for future in distributed.as_completed(futures):
            job = asked[future.key]
            try:
                row = future.result()
            except Exception as error:  # the library's own, of several kinds
                yield Row(file=job.path, message=f"the worker was lost: {type(error).__name__}: {error}")
            else:
                yield replace(row, file=job.path, output=job.target if row.output else "")


def _whole(job: Job) -> Job:
    def at(name: str) -> str:
        return str(Path(name).absolute()) if name else ""

    return replace(job, path=at(job.path), target=at(job.target), overlays=tuple(at(name) for name in job.overlays))


def targets(paths: Sequence[str], folder: Path) -> list[str]:
    """A JSON file for each profile, named after it; the same name twice gets a number."""
    out: list[str] = []
    used: set[str] = set()
    for path in paths:
        stem, n = Path(path).stem, 1
        stem = f"_{stem}" if is_device(stem) else stem
        name = stem
        while name.casefold() in used or name.casefold() == "summary":
            n += 1
            name = f"{stem}-{n}"
        used.add(name.casefold())
        out.append(str(folder / f"{name}.json"))
    return out


def summary_csv(rows: Iterable[Row]) -> str:
    """The summary; text that a spreadsheet would take for a formula is made harmless."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([_cell(getattr(row, name)) for name in COLUMNS])
    return buffer.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    text = " ".join(str(value).split())
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text


def exit_code(rows: Sequence[Row]) -> ExitCode:
    """0 where every profile was answered; 3 where one is infeasible; 2 where one is wrong; 1 for a fault of ours."""
    if any(row.message.startswith("fault of ours") for row in rows):
        return ExitCode.OUR_FAULT
    if any(row.status == "error" for row in rows):
        return ExitCode.WRONG_INPUT
    return ExitCode.INFEASIBLE if any(row.status == "infeasible" for row in rows) else ExitCode.OK
