"""The backtest in a process of its own: it takes minutes and a gigabyte, both of which end with it.

It reads one job from stdin, writes progress and then the result to stdout, and ends when the screen that asked is gone.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import sys
import threading
from typing import Any


def main() -> int:
    """Do the job."""
    from advisor.domain.errors import AdvisorError
    from advisor.tui.backtesting import Job, Progress

    out = sys.stdout.buffer

    def say(kind: str, told: Any) -> None:
        pickle.dump((kind, told), out)
        out.flush()

    with contextlib.suppress(AttributeError, OSError):
        os.nice(5)  # typing comes first
    try:
        job: Job = pickle.load(sys.stdin.buffer)
        threading.Thread(target=_watch, daemon=True).start()
        say("progress", Progress("reading the evidence", 0.0))
        from advisor.workbench import Workbench

        bench = Workbench(job.overlays, as_of=job.as_of, bare=True)
        result = bench.run_backtest(lambda stage, share: say("progress", Progress(stage, share)))
        say("result", result)
    except BrokenPipeError:
        return 1
    except AdvisorError as problem:
        say("error", str(problem))
    except Exception as problem:  # a fault is told on the screen
        say("error", f"this is a fault of the program, not of your input: {type(problem).__name__}: {problem}")
    return 0


def _watch() -> None:
    """End at once when the screen that asked is gone, in the midst of whatever is being computed."""
    sys.stdin.buffer.read(1)
    os._exit(1)


if __name__ == "__main__":
    raise SystemExit(main())
