"""Everything that goes to stderr, and the way out for each kind of failure."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Callable

from advisor.domain.errors import AdvisorError, ExitCode
from advisor.domain.text import plain


def say(message: str) -> None:
    """A line on stderr, after everything already written to stdout."""
    sys.stdout.flush()
    print(f"advisor: {plain(message)}", file=sys.stderr)


def fail(message: str) -> None:
    """An error line on stderr."""
    say(f"error: {message}")


def guarded(command: Callable[[], int]) -> int:
    """Run a command; every failure becomes one line and an exit code, never a traceback.

    `ADVISOR_DEBUG=1` lets unexpected exceptions through, for developers.
    """
    try:
        code = command()
        sys.stdout.flush()
        return code
    except AdvisorError as error:
        fail(str(error))
        return int(error.exit_code)
    except KeyboardInterrupt:
        say("interrupted")
        return int(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        _to_nowhere()
        return int(ExitCode.OK)
    except MemoryError:
        fail("out of memory")
        return int(ExitCode.OUR_FAULT)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _FULL:
            _to_nowhere()
            where = f"{error.filename}: " if error.filename else ""
            if error.errno == errno.EBADF:
                fail("the result cannot be written: standard output is closed; open it, or give --output FILE")
                return int(ExitCode.WRONG_INPUT)
            fail(f"{where}the result cannot be written ({error.strerror}); make room, or write it elsewhere")
            return int(ExitCode.WRONG_INPUT)
        if os.environ.get("ADVISOR_DEBUG"):
            raise
        fail(
            f"this is a fault of the program, not of your input: {type(error).__name__}: {error}."
            " Run again with ADVISOR_DEBUG=1 for the details and report them"
        )
        return int(ExitCode.OUR_FAULT)


_FULL = frozenset({errno.ENOSPC, errno.EFBIG, errno.EIO, errno.EBADF, getattr(errno, "EDQUOT", errno.ENOSPC)})
"""A place that takes no more, or was closed before we began: no fault of the program's, and none of the input's."""


def stand_ins() -> None:
    """Streams in place of those that were closed before the program began, which Python leaves as None.

    What is written to a closed stdout fails as on a full disk, rather than being lost; a closed stdin is empty.
    Their numbers are taken too: the next file that is opened would else get what is meant for stdout.
    """
    # A stream lives as long as the process; the interpreter closes it.
    if sys.stdin is None:
        sys.stdin = os.fdopen(os.open(os.devnull, os.O_RDONLY), encoding="utf-8")
    if sys.stdout is None:
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_RDONLY), "w", encoding="utf-8")
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")


def _to_nowhere() -> None:
    """What is still to be flushed goes nowhere, so that the interpreter does not complain again at its exit."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def colour_wanted(no_color: bool) -> bool:
    """Colour only on a terminal, and never under NO_COLOR or --no-color."""
    return not no_color and not os.environ.get("NO_COLOR") and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
