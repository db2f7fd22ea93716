"""The form of a result: as asked for, else by the ending of the file it goes to."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from advisor.domain.errors import InputError

SUFFIXES = {
    ".pdf": "pdf", ".md": "markdown", ".html": "html", ".htm": "html", ".csv": "csv", ".txt": "text", ".json": "json",
}  # fmt: skip


def form_of(asked: str | None, output: str | None, known: Collection[str], otherwise: str) -> str:
    """The form to write; an ending of a form that the command does not write is refused, not filled with another.

    Raises
    ------
    InputError
        Where the ending names a form outside `known` and none was asked for.
    """
    if asked is not None:
        return asked
    suffix = Path(output or "").suffix.lower()
    form = SUFFIXES.get(suffix, otherwise)
    if form not in known:
        raise InputError(
            f"--output {output}: {form.upper()} is not written here; give --format {', '.join(known)}"
            + ("; `advisor report ANSWER.json` writes CSV" if form == "csv" else "")
        )
    return form
