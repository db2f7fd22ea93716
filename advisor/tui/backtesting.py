"""Running the backtest beside the screen: in a process of its own, with progress, ended at any time."""

from __future__ import annotations

import contextlib
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from advisor.domain.backtest import BacktestResult
    from advisor.workbench import Workbench

COMMAND = (sys.executable, "-m", "advisor.tui.backtest_process")


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be replayed: the same catalog layers on the same day."""

    overlays: tuple[Path, ...]
    as_of: date

    @classmethod
    def of(cls, bench: Workbench) -> Job:
        """That of the facts at hand."""
        return cls(tuple(bench.overlays), bench.as_of)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is."""

    stage: str
    share: float
    """Done over all, 0 to 1."""


class BacktestJob:
    """One run. `told` and `ended` are called through `back`, on the program's own thread; `ended` with a result, or
    with what went wrong, or with neither after `cancel`.
    """

    def __init__(
        self, job: Job, back: Callable[..., Any], told: Callable[[Progress], None],
        ended: Callable[[BacktestResult | None, str], None],
    ) -> None:  # fmt: skip
        self._job, self._back, self._told, self._ended = job, back, told, ended
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self.cancelled = False

    def start(self) -> None:
        """Begin."""
        threading.Thread(target=self._run, daemon=True, name="advisor-backtest").start()

    def cancel(self) -> None:
        """End it now; nothing is kept, and the stored result stays."""
        with self._lock:
            self.cancelled = True
            if self._process is not None:
                self._process.kill()

    def _run(self) -> None:
        result: BacktestResult | None = None
        error = "the run ended without a word"
        try:
            with subprocess.Popen(
                COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            ) as process:
                with self._lock:
                    self._process = process
                    if self.cancelled:
                        process.kill()
                assert process.stdin is not None
                assert process.stdout is not None
                with contextlib.suppress(BrokenPipeError):
                    process.stdin.write(pickle.dumps(self._job))
                    process.stdin.flush()
                kind = ""
                while kind not in ("result", "error"):
                    kind, told = pickle.load(process.stdout)
                    if kind == "progress":
                        self._back(self._told, told)
                    elif kind == "result":
                        result, error = told, ""
                    else:
                        error = told
        except (OSError, EOFError, pickle.UnpicklingError) as problem:
            error = f"{error} ({type(problem).__name__})"
        self._back(self._ended, None if self.cancelled else result, "" if self.cancelled else error)
