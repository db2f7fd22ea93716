"""The user's own store: one SQLite file in write-ahead mode, readable by its owner only."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from advisor.domain.errors import EvidenceError
from advisor.evidence.store.base import EvidenceStore
from advisor.evidence.store.schema import APPLICATION_ID, MIGRATIONS, VERSION

_BUSY_S = 30.0  # how long to wait for another process
_RETRY_S = 0.02


class SqliteStore(EvidenceStore):
    """Opens, checks and migrates on construction.

    Parameters
    ----------
    path
        The file.
    make
        Whether the file is made where it is not there; else that is an empty store.

    Raises
    ------
    EvidenceError
        The file is damaged, is not ours, or comes from a newer version.
    """

    def __init__(self, path: Path, *, make: bool = True) -> None:
        self.place = str(path)
        nothing = not make and not path.exists()
        if not nothing:
            _prepare(path)
        try:
            self._db = sqlite3.connect(":memory:" if nothing else path, timeout=_BUSY_S, isolation_level=None)
        except sqlite3.Error as error:
            raise EvidenceError(f"{path}: cannot be opened ({error})") from None
        try:
            self._open_when_free(path)
        except sqlite3.Error as error:
            self._db.close()
            raise EvidenceError(f"{path}: {_advice(error)}") from None
        except EvidenceError:
            self._db.close()
            raise

    def _open_when_free(self, path: Path) -> None:
        """Open, and wait for others also where SQLite does not: while they turn the file to WAL or leave it."""
        deadline = time.monotonic() + _BUSY_S
        while True:
            try:
                self._open(path)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(_RETRY_S)
            else:
                return

    def _open(self, path: Path) -> None:
        version = self._pragma("user_version")
        tables = self._db.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]
        if tables and self._pragma("application_id") != APPLICATION_ID:
            raise EvidenceError(f"{path}: a database of another program; point ADVISOR_STORE elsewhere")
        if version > VERSION:
            raise EvidenceError(
                f"{path}: schema version {version} is newer than this program's {VERSION}; upgrade advisor"
            )
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA foreign_keys = ON")
        if version < VERSION:
            self._migrate()
        finding = self._db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if finding != "ok":
            raise EvidenceError(f"{path}: damaged ({finding}); restore a copy, or move it away to start a new one")

    def _migrate(self) -> None:
        with self.transaction():
            # Another process may have migrated while this one waited for the lock.
            for statements in MIGRATIONS[self._pragma("user_version") :]:
                for statement in statements:
                    self._db.execute(statement)
            self._db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            self._db.execute(f"PRAGMA user_version = {VERSION}")

    def _pragma(self, name: str) -> int:
        return int(self._db.execute(f"PRAGMA {name}").fetchone()[0])

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """BEGIN IMMEDIATE to COMMIT; rolled back on any exception."""
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # a full disk may have ended it already
                self._db.execute("ROLLBACK")
            raise

    def execute(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run one statement."""
        try:
            return self._db.execute(sql, tuple(values)).fetchall()
        except sqlite3.Error as error:
            raise EvidenceError(f"{self.place}: {_advice(error)}") from None

    def close(self) -> None:
        """Close the file."""
        self._db.close()


_UNWRITABLE = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_PERM})


def _advice(error: sqlite3.Error) -> str:
    """What is wrong with a store, and what to do: nobody shall move a sound one away for want of space."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _UNWRITABLE:
        return f"cannot be written ({error}); make room and see who may write there, or name another place by --store"
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return f"another process holds it ({error}); try again once that has ended"
    return f"not a readable evidence store ({error}); move it away to start a new one"


def _prepare(path: Path) -> None:
    """Make the directory and an empty file with private permissions, before SQLite would with the umask's."""
    if path.is_symlink():
        raise EvidenceError(f"{path}: is a symbolic link; point ADVISOR_STORE at the file itself")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_CREAT | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0), 0o600)
        try:
            if hasattr(os, "fchmod"):
                os.fchmod(handle, 0o600)
        finally:
            os.close(handle)
    except OSError as error:
        raise EvidenceError(f"{path}: cannot be opened ({error.strerror or error})") from None
