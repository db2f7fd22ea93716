"""A run that is brought in again, as its CSV after its JSON, is one run: counted twice it would seem confirmed."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple

from advisor.domain.errors import EvidenceError
from advisor.evidence.imports.common import merged
from advisor.evidence.runs import Deployment, Run, Step
from advisor.evidence.store import EvidenceStore

_DIGITS = 1e-6
"""Relative difference up to which two records state one figure: spreadsheets keep fewer digits than were measured, and
two measurements never agree so closely in all that they state."""
_LEAST_FIGURES = 3
_HELD = "the store holds this run already, and tells more of it: counted once"


class Kept(NamedTuple):
    """What the store holds after an import."""

    run: Run
    told: str = ""
    """That the run was there already, in words; empty where it was not."""


class Shelf:
    """A store while files are brought into it.

    Parameters
    ----------
    judged
        Holds a run to its statement, where that has changed.
    """

    def __init__(self, store: EvidenceStore, judged: Callable[[Run], Run] = lambda run: run) -> None:
        self._store, self._judged = store, judged

    @cached_property
    def _records(self) -> dict[str, _Record]:
        """What is held of one's own, but for runs of another version of the program."""
        found = {}
        for summary in self._store.summaries():
            with contextlib.suppress(EvidenceError):
                run = self._store.get(summary.id)
                if run.family == "own_probe":
                    found[run.id] = _Record(run)
        return found

    def keep(self, run: Run, stated: Deployment) -> Kept:
        """Keep a run that was read from a file, as one with the run of the store that it is.

        Of two records of a run the one stays that tells more: more steps, then more of each. What it does not state is
        taken from the other, and `stated`, which the user says now, overrules both. Where two runs share some steps
        only, both stay, and what they share counts in the one that was there. Published runs move no estimate, so that
        they are kept as they are.
        """
        if run.family != "own_probe":
            self._store.put(run)
            return Kept(run)
        told, new = [], _Record(run)
        for other in list(self._records.values()):
            shared, same, name = new.shared(other), other.run.id == run.id, other.run.id
            if not shared and not same:
                continue
            if other.told > new.told and len(shared) == len(new.figures):
                return Kept(self._restated(other.run, run, stated), _HELD)
            if same or len(other.shared(new)) == len(other.figures):
                if other.told < new.told:
                    where = merged(merged(other.run.deployment, run.deployment), stated)
                    run = self._judged(run.model_copy(update={"deployment": where}))
                    told.append(f"takes the place of run {name}, the same run with less told: counted once")
                if not same:
                    self._store.remove(name)
                    del self._records[name]
                continue
            run = _without(run, shared, flag := f"the same measurement as in run {name}, where it counts")
            told.append(f"{len(shared)} of its steps are {flag}")
        self._put(run)
        return Kept(run, "; ".join(told))

    def _restated(self, held: Run, copy: Run, stated: Deployment) -> Run:
        """A run that is held, with what a copy of it and the user state beyond."""
        where = merged(merged(copy.deployment, held.deployment), stated)
        if where != held.deployment:
            held = self._judged(held.model_copy(update={"deployment": where}))
            self._put(held)
        return held

    def _put(self, run: Run) -> None:
        self._store.put(run)
        self._records[run.id] = _Record(run)


class _Record:
    """A run, with what tells whether another is the same."""

    def __init__(self, run: Run) -> None:
        self.run = run
        found = {step.index: _figures(step) for step in run.steps}
        self.figures = {index: some for index, some in found.items() if len(some) >= _LEAST_FIGURES}
        self.told = len(self.figures), sum(map(_statistics, run.steps))
        """How much it tells: its measured steps, then the statistics in them."""

    def shared(self, other: _Record) -> set[int]:
        """The steps, by index, that stand in another record too."""
        theirs = list(other.figures.values())
        return {index for index, mine in self.figures.items() if any(_alike(mine, some) for some in theirs)}


def _without(run: Run, shared: set[int], flag: str) -> Run:
    """A run of which the shared steps do not count."""
    steps = (
        step.model_copy(update={"valid": False, "flags": (flag, *step.flags)}) if step.index in shared else step
        for step in run.steps
    )
    return run.model_copy(update={"steps": tuple(steps)})


def _figures(step: Step) -> dict[str, float]:
    """What only one measurement has in common with itself: times, rates and the number of requests."""
    found = {
        "requests": step.succeeded, "seconds": step.duration_s, "rate": step.output_tps, "total": step.total_tps,
        "tokens": step.mean_output_tokens, "e2el": step.e2el.mean, "ttft": step.ttft.mean, "tpot": step.tpot.mean,
        "ttft_p50": step.ttft.p50, "tpot_p50": step.tpot.p50,
    }  # fmt: skip
    return {name: value for name, value in found.items() if value}


def _alike(a: dict[str, float], b: dict[str, float]) -> bool:
    if not math.isclose(a.get("rate", 0.0), b.get("rate", 0.0), rel_tol=_DIGITS):
        return False
    both = a.keys() & b.keys()
    return len(both) >= _LEAST_FIGURES and all(math.isclose(a[name], b[name], rel_tol=_DIGITS) for name in both)


def _statistics(step: Step) -> int:
    """Percentiles and intervals, counters of the server, and lag of the tool."""
    found = (step.ttft, step.itl, step.tpot, step.e2el)
    given = sum(len(some.model_dump(exclude_none=True, exclude={"n"})) for some in found)
    return given + len(step.server) + (step.lag is not None)
