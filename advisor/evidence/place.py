"""Where the user's runs lie, told without loading the store: most runs have none to read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

STORE_VARIABLE = "ADVISOR_STORE"
_FILE_NAME = "evidence.sqlite3"


def default_path() -> Path:
    """The embedded store in the platform's data directory; `ADVISOR_DATA_DIR` overrides the platform's choice."""
    override = os.environ.get("ADVISOR_DATA_DIR")
    if override:
        return Path(override) / _FILE_NAME
    import platformdirs

    return Path(platformdirs.user_data_dir("advisor", appauthor=False)) / _FILE_NAME


def store_exists(environ: Mapping[str, str] | None = None) -> bool:
    """Whether there is anything to read, so that a first estimate does not make an empty store."""
    environ = os.environ if environ is None else environ
    place = environ.get(STORE_VARIABLE) or str(default_path())
    return ("://" in place and not place.startswith("sqlite:///")) or Path(place.removeprefix("sqlite:///")).exists()
