"""A run that is brought in again, as its CSV after its JSON, is one run: counted twice it would seem confirmed."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from typing import NamedTuple

from advisor.domain.errors import EvidenceError
from advisor.evidence.imports.common import merged
from advisor.evidence.runs import Deployment, Run, Step
from advisor.evidence.store import EvidenceStore

_DIGITS = 1e-6
"""Relative difference up to which two records state one figure: spreadsheets keep fewer digits than were measured, and
two measurements never agree so closely in all that they state."""
_LEAST_FIGURES = 3


class Kept(NamedTuple):
    """What the store holds after an import."""

    run: Run
    told: str = ""
    """That the run was there already, in words; empty where it was not."""


def keep(store: EvidenceStore, run: Run, stated: Deployment, judged: Callable[[Run], Run] = lambda run: run) -> Kept:
    """Keep a run that was read from a file, as one with the run of the store that it is.

    Of two records of a run the one stays that tells more: more steps, then more of each. What it does not state is
    taken from the other, and `stated`, which the user says now, overrules both. Where two runs share some steps only,
    both stay, and what they share counts in the one that was there.

    Parameters
    ----------
    judged
        Holds a run to its statement, where that has changed.
    """
    told = []
    for other in _readable(store):
        shared, same = _shared(run, other), other.id == run.id
        if not shared and not same:
            continue
        if _told(other) > _told(run) and len(shared) == len(_measured(run)):
            where = merged(merged(run.deployment, other.deployment), stated)
            if where != other.deployment:
                other = judged(other.model_copy(update={"deployment": where}))
                store.put(other)
            return Kept(other, "the store holds this run already, and tells more of it: counted once")
        if same or len(_shared(other, run)) == len(_measured(other)):
            if _told(other) < _told(run):
                where = merged(merged(other.deployment, run.deployment), stated)
                run = judged(run.model_copy(update={"deployment": where}))
                told.append(f"takes the place of run {other.id}, the same run with less told: counted once")
            if not same:
                store.remove(other.id)
            continue
        flag = f"the same measurement as in run {other.id}, where it counts"
        steps = (
            s.model_copy(update={"valid": False, "flags": (flag, *s.flags)}) if s in shared else s for s in run.steps
        )
        run = run.model_copy(update={"steps": tuple(steps)})
        told.append(f"{len(shared)} of its steps are {flag}")
    store.put(run)
    return Kept(run, "; ".join(told))


def _readable(store: EvidenceStore) -> list[Run]:
    """Its runs, but for those of another version of the program."""
    found = []
    for summary in store.summaries():
        with contextlib.suppress(EvidenceError):
            found.append(store.get(summary.id))
    return found


def _measured(run: Run) -> list[Step]:
    return [step for step in run.steps if len(_figures(step)) >= _LEAST_FIGURES]


def _shared(run: Run, other: Run) -> list[Step]:
    """The steps of a run that stand in another too."""
    theirs = [_figures(step) for step in _measured(other)]
    return [step for step in _measured(run) if any(_alike(_figures(step), figures) for figures in theirs)]


def _figures(step: Step) -> dict[str, float]:
    """What only one measurement has in common with itself: times, rates and the number of requests."""
    found = {
        "requests": step.succeeded, "seconds": step.duration_s, "rate": step.output_tps, "total": step.total_tps,
        "tokens": step.mean_output_tokens, "e2el": step.e2el.mean, "ttft": step.ttft.mean, "tpot": step.tpot.mean,
        "ttft_p50": step.ttft.p50, "tpot_p50": step.tpot.p50,
    }  # fmt: skip
    return {name: value for name, value in found.items() if value}


def _alike(a: dict[str, float], b: dict[str, float]) -> bool:
    both = a.keys() & b.keys()
    return len(both) >= _LEAST_FIGURES and all(math.isclose(a[name], b[name], rel_tol=_DIGITS) for name in both)


def _told(run: Run) -> tuple[int, int]:
    """How much a record tells: its measured steps, then the statistics in them."""
    return len(_measured(run)), sum(map(_statistics, run.steps))


def _statistics(step: Step) -> int:
    """Percentiles and intervals, counters of the server, and lag of the tool."""
    found = (step.ttft, step.itl, step.tpot, step.e2el)
    given = sum(len(some.model_dump(exclude_none=True, exclude={"n"})) for some in found)
    return given + len(step.server) + (step.lag is not None)
