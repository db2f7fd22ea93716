"""What is on the desk: the profile under edit, the facts, the answer; and the thread that answers.

Screens get a frozen `Sight` and never fetch. The last edit wins: while one answer is being worked out, only the
newest waiting profile is kept.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from advisor.tui.document import Key, Problem, ProfileDocument

if TYPE_CHECKING:
    from advisor.domain.profile import Profile
    from advisor.domain.recommendation import Recommendation
    from advisor.domain.sizing import DeploymentCurve
    from advisor.workbench import Workbench

Phase = Literal["empty", "loading", "working", "ready", "stuck"]
LIVE_DRAWS = 2_000
"""Draws while somebody edits; the full number follows when the hands rest."""


@dataclass(frozen=True, slots=True)
class Sight:
    """Everything a screen may show, at one moment."""

    name: str = ""
    dirty: bool = False
    bundled: bool = False
    profile: Profile | None = None
    problems: tuple[Problem, ...] = ()
    answer: Recommendation | None = None
    fresh: bool = False
    """Whether `answer` is that of the profile as it stands."""
    phase: Phase = "empty"
    message: str = ""
    """Why there is no answer, in a sentence."""
    change: float | None = None
    """What the choice costs more than before the last edit, as a share and at equal draws; None where nothing is
    compared."""
    version: int = 0
    """Grows with every answer."""
    unread: Problem | None = None
    """What a field holds while it is typed and that is no value of it; the profile has the last one that was."""

    @property
    def current(self) -> bool:
        """Whether `answer` is that of all that can be seen in the form."""
        return self.fresh and self.unread is None

    @property
    def in_the_way(self) -> str:
        """Why the last answer is not that of what stands in the form, in a sentence; empty where nothing hinders it."""
        if self.unread is not None:
            return self.unread.told
        return self.message if self.phase == "stuck" else ""


class Facts:
    """The workbench, opened once in a thread; `ready` is set when it can be used or has failed."""

    def __init__(self, opener: Callable[[], Workbench]) -> None:
        self._opener = opener
        self._lock = threading.Lock()
        self.ready = threading.Event()
        self.bench: Workbench | None = None
        self.error = ""

    def answer(self, profile: Profile, folder: Path | None, draws: int) -> tuple[Recommendation | None, str]:
        """The answer, or why there is none, in a sentence."""
        from advisor.domain.errors import AdvisorError
        from advisor.engine.advise import advise

        self.load()
        if self.bench is None:
            return None, self.error
        try:
            inputs = self.bench.inputs(profile, folder=folder, draws=draws)
            return advise(profile, inputs), ""
        except AdvisorError as error:
            return None, str(error)
        except Exception as error:  # a fault of the engine must not take the editor with it
            return None, f"this is a fault of the program, not of your input: {type(error).__name__}: {error}"

    def curves(
        self, answer: Recommendation, folder: Path | None, accelerator: str, tier: str, model: str
    ) -> tuple[tuple[DeploymentCurve, ...], str]:
        """Curves of the deployments that the answer did not choose, or why there are none, in a sentence."""
        from advisor.domain.errors import AdvisorError
        from advisor.engine.other_curves import other_curves

        bench = self.bench
        if bench is None:
            return (), self.error
        cost = next((c.cost for c in answer.candidates if c.accelerator == accelerator), None)
        try:
            inputs = bench.inputs(answer.profile, folder=folder)
            found = other_curves(
                answer.profile, inputs,
                bench.catalog.accelerators[accelerator], tier, model=bench.catalog.models[model] if model else None,
                usd_per_gpu_hour=cost.usd_per_gpu_hour if cost else None,
            )  # fmt: skip
        except AdvisorError as error:
            return (), str(error)
        except Exception as error:  # a fault of the engine must not take the screen with it
            return (), f"this is a fault of the program, not of your input: {type(error).__name__}: {error}"
        return found, "" if found else "no other deployment of this model fits this accelerator"

    def load(self) -> None:
        """Open; safe to call from several threads."""
        from advisor.domain.errors import AdvisorError

        with self._lock:
            if self.ready.is_set():
                return
            try:
                bench = self._opener()
                _ = bench.estimator, bench.parameters, bench.configs, bench.catalog.fingerprint
                self.bench = bench
            except AdvisorError as error:
                self.error = str(error)
            except Exception as error:  # the editor must come up all the same
                self.error = f"this is a fault of the program, not of your input: {type(error).__name__}: {error}"
            finally:
                self.ready.set()


class Runner:
    """Answers profiles in a thread, one at a time; of those that wait only the newest is kept."""

    def __init__(self, facts: Facts, start: Callable[[Callable[[], None]], Any], back: Callable[..., Any]) -> None:
        self.facts = facts
        self._start, self._back = start, back
        self._lock = threading.Lock()
        self._waiting: tuple[Profile, Path | None, int, Callable[[Recommendation | None, str], None]] | None = None
        self._running = False

    def ask(
        self, profile: Profile, folder: Path | None, draws: int, landed: Callable[[Recommendation | None, str], None]
    ) -> None:
        """Have a profile answered; `landed(answer, error)` is called on the program's own thread."""
        with self._lock:
            self._waiting = (profile, folder, draws, landed)
            if self._running:
                return
            self._running = True
        self._start(self._work)

    def drop(self) -> None:
        """Forget what waits."""
        with self._lock:
            self._waiting = None

    def _work(self) -> None:
        while True:
            with self._lock:
                wanted, self._waiting = self._waiting, None
                if wanted is None:
                    self._running = False
                    return
            profile, folder, draws, landed = wanted
            answer, error = self.facts.answer(profile, folder, draws)
            self._back(landed, answer, error)


class Desk:
    """The state of the program; every change ends in `changed(sight)`.

    Parameters
    ----------
    facts
        Where answers come from.
    start
        Runs a function in a thread.
    back
        Runs a function on the program's own thread; callable from any thread.
    changed
        Called on the program's own thread with every new sight.
    """

    def __init__(
        self, facts: Facts, start: Callable[[Callable[[], None]], Any], back: Callable[..., Any],
        changed: Callable[[Sight], None], *, live_draws: int = LIVE_DRAWS,
    ) -> None:  # fmt: skip
        self.facts = facts
        self._changed = changed
        self.runner = Runner(facts, start, back)
        self.live_draws = live_draws
        self.document: ProfileDocument | None = None
        self.sight = Sight()
        self._edit = 0
        self._steps = 0
        self._costs: dict[int, float] = {}
        """Cost of the choice of the profile as it stands, by number of draws [USD/month]."""
        self._before: dict[int, float] = {}
        """The same of the profile as it stood when the last edit began."""

    # ---------------------------------------------------------------- edits

    def open(self, document: ProfileDocument) -> None:
        """Put a profile on the desk."""
        self.document = document
        self.sight = Sight(version=self.sight.version)
        self._steps, self._costs, self._before = document.steps, {}, {}
        self.check()

    def close(self) -> None:
        """Clear the desk."""
        self.document = None
        self._edit += 1
        self.runner.drop()
        self._set(Sight(version=self.sight.version))

    def set(self, key: Key, value: Any) -> tuple[Key, ...]:
        """Edit one field; None takes the value away. Returns keys that had to go with it."""
        assert self.document is not None
        gone: tuple[Key, ...] = ()
        before = self.document.text
        if value is None:
            self.document.unset(key)
        else:
            gone = self.document.set(key, value)
        # To open a field edits nothing, and its answer stands; one that failed may succeed now, with another file.
        if self.document.text != before or self.sight.phase == "stuck":
            self.check()
        return gone

    def check(self) -> None:
        """Validate what stands in the document and have it answered."""
        document = self.document
        assert document is not None
        self._edit += 1
        profile, found = document.validate()
        problems = _as_typed(document, found)
        if document.steps > self._steps and self.sight.fresh:  # the keystrokes of an edit are one step of the history
            self._before = self._costs
        self._steps, self._costs = document.steps, {}
        self._set(
            replace(
                self.sight, name=document.name, dirty=document.dirty, bundled=document.bundled,
                profile=profile or self.sight.profile, problems=problems, fresh=False,
                phase="stuck" if profile is None else "working" if self.facts.ready.is_set() else "loading",
                message=problems[0].told if problems else "",
            )
        )  # fmt: skip
        if profile is not None:
            self._ask(profile, self.live_draws)
        else:
            self.runner.drop()

    def leave_unread(self, problem: Problem | None) -> None:
        """Say which field holds what is no value of it, or that none does any more."""
        if problem != self.sight.unread:
            self._set(replace(self.sight, unread=problem))

    def saved(self) -> None:
        """The document was written."""
        document = self.document
        assert document is not None
        self._set(replace(self.sight, name=document.name, dirty=document.dirty, bundled=document.bundled))

    def refine(self) -> None:
        """Answer once more with the full number of draws, unless that is done or something is under way."""
        from advisor.domain.recommendation import DEFAULT_DRAWS

        s = self.sight
        if s.fresh and s.profile is not None and s.answer is not None and s.answer.draws < DEFAULT_DRAWS:
            self._ask(s.profile, DEFAULT_DRAWS)

    def change_facts(self, facts: Facts) -> None:
        """Answer from now on with other facts."""
        self.facts = self.runner.facts = facts
        if self.document is not None:
            self._steps = -1  # counts as an edit: the answer before it is what one compares with
            self.check()

    # -------------------------------------------------------------- answers

    @property
    def folder(self) -> Path | None:
        """Where relative paths of the profile start."""
        return self.document.path.parent if self.document and self.document.path else None

    def _ask(self, profile: Profile, draws: int) -> None:
        edit = self._edit
        self.runner.ask(profile, self.folder, draws, lambda answer, error: self._landed(edit, answer, error))

    def _landed(self, edit: int, answer: Recommendation | None, error: str) -> None:
        if edit != self._edit:
            return
        version = self.sight.version + 1
        if answer is not None:
            change = self._compare(answer)
            self._set(
                replace(
                    self.sight, answer=answer, fresh=True, phase="ready", message="", version=version, change=change
                )
            )
        else:
            problems = _locate(error)
            self._set(replace(self.sight, fresh=False, phase="stuck", message=error, problems=problems))

    def _compare(self, answer: Recommendation) -> float | None:
        """What the choice costs more than before the edit.

        More draws move every cost a little; where only this answer has as many, that of the fewer still holds.
        """
        choice, draws = answer.verdict.choice, answer.draws
        change = self.sight.change if self._costs else None
        if choice is None:
            return None
        self._costs[draws] = choice.usd_per_month
        before = self._before.get(draws, 0.0)
        return choice.usd_per_month / before - 1 if before > 0 else change

    def _set(self, sight: Sight) -> None:
        self.sight = sight
        self._changed(sight)


def _as_typed(document: ProfileDocument, found: tuple[Problem, ...]) -> tuple[Problem, ...]:
    """Complaints in the units of the form."""
    if not found:
        return ()
    from advisor.tui.fields import as_typed

    return tuple(as_typed(document, p) for p in found)


def _locate(error: str) -> tuple[Problem, ...]:
    """An engine's complaint at the field that it names, e.g. `model.id: unknown model`."""
    lead, colon, rest = error.partition(": ")
    parts = lead.split(".")
    if colon and all(part.isidentifier() for part in parts):
        return (Problem(tuple(parts), rest),)
    return (Problem((), error),)
