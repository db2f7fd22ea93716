"""Where runs are kept: the user's own SQLite file, or a team's PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from advisor.domain.errors import EvidenceError
from advisor.evidence.store.base import EvidenceStore, RunSummary

__all__ = ["STORE_VARIABLE", "EvidenceStore", "RunSummary", "default_path", "open_store"]

STORE_VARIABLE = "ADVISOR_STORE"
_FILE_NAME = "evidence.sqlite3"


def default_path() -> Path:
    """The embedded store in the platform's data directory; `ADVISOR_DATA_DIR` overrides the platform's choice."""
    override = os.environ.get("ADVISOR_DATA_DIR")
    if override:
        return Path(override) / _FILE_NAME
    import platformdirs

    return Path(platformdirs.user_data_dir("advisor", appauthor=False)) / _FILE_NAME


def open_store(place: str | None = None, environ: Mapping[str, str] | None = None) -> EvidenceStore:
    """Open the store: `place`, else ADVISOR_STORE, else the embedded one. A path, sqlite:///path or postgresql://..."""
    environ = os.environ if environ is None else environ
    place = place or environ.get(STORE_VARIABLE) or ""
    if place.startswith(("postgresql://", "postgres://")):
        from advisor.evidence.store.postgres import PostgresStore

        return PostgresStore(place)
    from advisor.evidence.store.sqlite import SqliteStore

    if not place:
        return SqliteStore(default_path())
    if "://" in place and not place.startswith("sqlite:///"):
        scheme = place.split("://", 1)[0]
        raise EvidenceError(
            f'{STORE_VARIABLE}: "{scheme}" is not known; use a path, sqlite:///PATH or postgresql://...'
        )
    return SqliteStore(Path(place.removeprefix("sqlite:///")).expanduser())


def store_exists(environ: Mapping[str, str] | None = None) -> bool:
    """Whether there is anything to read, so that a first estimate does not make an empty store."""
    environ = os.environ if environ is None else environ
    place = environ.get(STORE_VARIABLE) or str(default_path())
    return ("://" in place and not place.startswith("sqlite:///")) or Path(place.removeprefix("sqlite:///")).exists()
