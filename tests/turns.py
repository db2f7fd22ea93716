"""Workers side by side, and tests that go by the clock with the machine to themselves.

Every test holds a shared lock on the machine while it runs, one that goes by the clock an exclusive one. All queue at a
gate before, so that one who waits for the machine alone is not passed by others for ever.

Other machines on the same host know of no lock. What a clock said while this one stood still says nothing of the
program: a test that fails then is tried again, one that fails without that fails.
"""

from __future__ import annotations

import fcntl
import functools
import inspect
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FOLDER = "ADVISOR_TEST_LOCKS"
"""Where the locks of a run lie; absent where tests run one after the other."""
ATTEMPTS = 3
STANDS_STILL_S = 0.05
"""A thread that sleeps is woken that much later only where others have the processor."""


@contextmanager
def turn(*, alone: bool) -> Iterator[None]:
    """Hold a place among the running tests, or all of them."""
    if FOLDER not in os.environ:
        yield
        return
    folder = Path(os.environ[FOLDER])
    with (folder / "gate").open("w") as gate, (folder / "machine").open("w") as machine:
        fcntl.flock(gate, fcntl.LOCK_EX)
        fcntl.flock(machine, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(gate, fcntl.LOCK_UN)
        yield


class Watch:
    """How long the machine stood still at most, while this watches [s]."""

    def __init__(self, *, last: bool = True) -> None:
        self.worst_s = 0.0
        self.last = last
        self.again = False
        """Whether what failed while this watched is to be tried once more."""
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        self._done.set()
        self._thread.join()
        failed = kind is not None and issubclass(kind, AssertionError)
        self.again = failed and not self.last and self.worst_s > STANDS_STILL_S
        return self.again

    def _look(self) -> None:
        nap = 0.005
        while not self._done.is_set():
            before = time.perf_counter()
            time.sleep(nap)
            self.worst_s = max(self.worst_s, time.perf_counter() - before - nap)


def _attempts() -> Iterator[Watch]:
    for left in reversed(range(ATTEMPTS)):
        watch = Watch(last=not left)
        yield watch
        if not watch.again:
            return


def undisturbed(test: Callable[..., Any]) -> Callable[..., Any]:
    """A test that is tried again where it fails while the machine stood still; its last failure stands."""

    @functools.wraps(test)
    async def later(*args: Any, **more: Any) -> None:
        for watch in _attempts():
            with watch:
                await test(*args, **more)

    @functools.wraps(test)
    def now(*args: Any, **more: Any) -> None:
        for watch in _attempts():
            with watch:
                test(*args, **more)

    return later if inspect.iscoroutinefunction(test) else now
