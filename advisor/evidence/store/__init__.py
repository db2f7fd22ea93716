"""Where runs are kept: the user's own SQLite file, or a team's PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from advisor.domain.errors import EvidenceError
from advisor.evidence.place import STORE_VARIABLE, default_path
from advisor.evidence.store.base import EvidenceStore, RunSummary

__all__ = ["STORE_VARIABLE", "EvidenceStore", "RunSummary", "default_path", "open_store"]


def open_store(
    place: str | None = None, environ: Mapping[str, str] | None = None, *, make: bool = True
) -> EvidenceStore:
    """Open the store: `place`, else ADVISOR_STORE, else the embedded one. A path, sqlite:///path or postgresql://...

    Without `make`, what is not there is an empty store, and no file or folder is made.
    """
    environ = os.environ if environ is None else environ
    place = place or environ.get(STORE_VARIABLE) or ""
    if place.startswith(("postgresql://", "postgres://")):
        from advisor.evidence.store.postgres import PostgresStore

        return PostgresStore(place)
    from advisor.evidence.store.sqlite import SqliteStore

    if not place:
        return SqliteStore(default_path(), make=make)
    if "://" in place and not place.startswith("sqlite:///"):
        scheme = place.split("://", 1)[0]
        raise EvidenceError(
            f'{STORE_VARIABLE}: "{scheme}" is not known; use a path, sqlite:///PATH or postgresql://...'
        )
    return SqliteStore(Path(place.removeprefix("sqlite:///")).expanduser(), make=make)
