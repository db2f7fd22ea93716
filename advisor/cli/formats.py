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
        Where the ending is unknown or names a form outside `known`, and none was asked for.
    """
    if asked is not None:
        return asked
    path = Path(output or "")
    suffix = path.suffix.lower()
    form = SUFFIXES.get(suffix, otherwise)
    if suffix and suffix not in SUFFIXES and not (path.exists() and not path.is_file()):
        raise InputError(
            f'--output {output}: "{path.suffix}" is no ending of a known form; end it in {", ".join(_endings(known))},'
            " or give --format"
        )
    if form not in known:
        raise InputError(
            f"--output {output}: {form.upper()} is not written here; give --format {', '.join(known)}"
            + ("; `advisor report ANSWER.json` writes CSV" if form == "csv" else "")
        )
    return form


def _endings(known: Collection[str]) -> list[str]:
    return [suffix for suffix, form in SUFFIXES.items() if form in known and suffix != ".htm"]
