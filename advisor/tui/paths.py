"""Paths as people type them: half of one is no fault of the program."""

from __future__ import annotations

import os
from pathlib import Path


def typed_path(text: str) -> Path:
    """The path that is meant; `~somebody` stays as it is where nobody is called that."""
    path = Path(text.strip())
    try:
        return path.expanduser()
    except RuntimeError:
        return path


def is_file(path: Path) -> bool:
    """Whether there is such a file; a name that no file can have is none."""
    return os.path.isfile(path)  # noqa: PTH113 - that of pathlib raises for a name that is too long


def is_folder(path: Path) -> bool:
    """Whether there is such a folder; likewise."""
    return os.path.isdir(path)  # noqa: PTH112
