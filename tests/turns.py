"""Workers side by side, and tests that go by the clock with the machine to themselves.

Every test holds a shared lock on the machine while it runs, one that goes by the clock an exclusive one. All queue at a
gate before, so that one who waits for the machine alone is not passed by others for ever.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FOLDER = "ADVISOR_TEST_LOCKS"
"""Where the locks of a run lie; absent where tests run one after the other."""


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
