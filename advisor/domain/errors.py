"""The errors that a user can meet.

AdvisorError                      something the user can act on; carries an exit code
├── InputError                    the profile, an argument or a file is wrong      (exit 2)
│   └── ProfileError              a profile does not say what it must
├── CatalogError                  a catalog row is unreadable: file, row, field    (exit 2)
├── EvidenceError                 the evidence store or an import is unreadable    (exit 2)
└── NetworkError                  probe or refresh could not reach its server      (exit 2)

"No feasible candidate" is an expected outcome, not an error: it is a `Recommendation`
whose verdict is `infeasible`, and the command line turns it into exit code 3.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from enum import IntEnum


class ExitCode(IntEnum):
    """Process exit codes; part of the command line's contract."""

    OK = 0
    OUR_FAULT = 1
    WRONG_INPUT = 2
    INFEASIBLE = 3
    VERDICT_CHANGED = 4
    INTERRUPTED = 130


class AdvisorError(Exception):
    """Root of all expected errors; `str(error)` is one sentence for the user."""

    exit_code: ExitCode = ExitCode.WRONG_INPUT


class InputError(AdvisorError):
    """An argument or an input file is wrong."""


class ProfileError(InputError):
    """A profile is unreadable or contradicts itself; `problems` holds each fault as a line of its own."""

    def __init__(self, message: str, problems: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems or (message,)


class CatalogError(AdvisorError):
    """A catalog file holds something that cannot be used."""

    def __init__(
        self, reason: str, *, file: str, row: int | None = None, field: str | None = None, value: object = None
    ) -> None:
        self.reason, self.file, self.row, self.field, self.value = reason, file, row, field, value
        where = file
        if row is not None:
            where += f", row {row}"
        if field is not None:
            where += f", column {field}"
        shown = "" if value is None else f" (value {_shorten(value)})"
        super().__init__(f"{where}: {reason}{shown}")


class EvidenceError(AdvisorError):
    """The evidence store or an import file cannot be used."""


class NetworkError(AdvisorError):
    """A server could not be reached or misbehaved."""


def _shorten(value: object, limit: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def did_you_mean(word: str, known: Iterable[str], *, n: int = 3) -> str:
    """Suggest close matches as a clause, or say nothing.

    >>> did_you_mean("mi355", ["mi355x", "b200"])
    '; did you mean "mi355x"?'
    >>> did_you_mean("zzz", ["b200"])
    ''
    """
    by_key = {name.casefold(): name for name in known}
    close = get_close_matches(word.casefold(), list(by_key), n=n, cutoff=0.6)
    if not close:
        return ""
    return "; did you mean " + " or ".join(f'"{by_key[c]}"' for c in close) + "?"
