"""A team's shared store in PostgreSQL (extra `postgres`)."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from advisor.domain.errors import EvidenceError
from advisor.evidence.store.base import EvidenceStore
from advisor.evidence.store.schema import MIGRATIONS, VERSION

_LOCK = 0x41445652
"""Advisory lock key that serialises migrations."""


class PostgresStore(EvidenceStore):
    """The same tables as the embedded store, in the schema that the URL's user works in."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
        self.place = f"postgresql://{parts.hostname or 'localhost'}{port}{parts.path}"
        try:
            self._driver = importlib.import_module("psycopg")
        except ImportError:
            raise EvidenceError(
                "a PostgreSQL store needs psycopg: pip install 'accelerator-advisor[postgres]'"
            ) from None
        try:
            self._db = self._driver.connect(url, autocommit=True, connect_timeout=10, application_name="advisor")
        except self._driver.Error as error:
            # The driver's message names host, port and user, and never the password.
            raise EvidenceError(f"{self.place}: {_first_line(error)}") from None
        try:
            self._migrate()
        except BaseException:
            self._db.close()
            raise

    def _migrate(self) -> None:
        with self.transaction():
            self.execute("SELECT pg_advisory_xact_lock(?)", (_LOCK,))
            self.execute("CREATE TABLE IF NOT EXISTS advisor_schema (version INTEGER NOT NULL)")
            rows = self.execute("SELECT version FROM advisor_schema")
            version = int(rows[0][0]) if rows else 0
            if version > VERSION:
                raise EvidenceError(
                    f"{self.place}: schema version {version} is newer than this program's {VERSION}; upgrade advisor"
                )
            for statements in MIGRATIONS[version:]:
                for statement in statements:
                    self.execute(statement)
            if not rows:
                self.execute("INSERT INTO advisor_schema (version) VALUES (?)", (VERSION,))
            elif version < VERSION:
                self.execute("UPDATE advisor_schema SET version = ?", (VERSION,))

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """One transaction; rolled back on any exception."""
        try:
            with self._db.transaction():
                yield
        except self._driver.Error as error:
            raise EvidenceError(f"{self.place}: {_first_line(error)}") from None

    def execute(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run one statement."""
        try:
            cursor = self._db.execute(sql.replace("?", "%s"), tuple(values))
            return list(cursor.fetchall()) if cursor.description is not None else []
        except self._driver.Error as error:
            raise EvidenceError(f"{self.place}: {_first_line(error)}") from None

    def close(self) -> None:
        """Close the connection."""
        self._db.close()


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
