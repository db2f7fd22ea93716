"""Parsed columns of large tables, kept in the user's cache: the same bytes need not be parsed at every start.

What is kept belongs to the bytes that it was parsed from, by their digest, and is dropped when they change; a cache
that cannot be read or written costs time and nothing else.
"""

from __future__ import annotations

import hashlib
import marshal
import os
import sys
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

from advisor import __version__
from advisor.catalog.read import MAX_FILE_BYTES, Layer
from advisor.catalog.resources import cache_dir
from advisor.catalog.schema import Table

FORM = 1
"""Raise when the form of the file changes."""
_DIGEST = 32
_SUM = 4

Columns = list[list[Any]]


def kept_columns(table: Table, layers: Sequence[Layer], parse: Callable[[], Columns]) -> Columns:
    """Columns of a table, from the cache where it holds those of the very same files, else parsed and put there."""
    try:
        digest = _digest(table, layers)
        path = cache_dir() / "tables" / f"{table.name}.bin"
        found = _load(path, digest, table)
    except OSError:
        return parse()
    if found is not None:
        return found
    columns = parse()
    with suppress(OSError, ValueError):
        _store(path, digest, table, columns)
    return columns


def _digest(table: Table, layers: Sequence[Layer]) -> bytes:
    whole = hashlib.sha256(f"{FORM} {__version__} {sys.implementation.cache_tag} {table!r}".encode())
    for layer in layers:
        path = layer.file(table.path)
        if path is None:
            continue
        if path.stat().st_size > MAX_FILE_BYTES:
            raise OSError  # the reader says what is wrong with it
        data = path.read_bytes()
        whole.update(f"{len(data)}\0".encode())
        whole.update(data)
    return whole.digest()


def _load(path: Path, digest: bytes, table: Table) -> Columns | None:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    body = memoryview(data)[_DIGEST + _SUM :]
    if data[:_DIGEST] != digest or data[_DIGEST : _DIGEST + _SUM] != zlib.crc32(body).to_bytes(_SUM, "big"):
        return None
    try:
        columns = marshal.loads(body)
    except (EOFError, ValueError, TypeError):
        return None
    for place, column in enumerate(table.columns):
        if column.type == "date":
            days = {n: None if n is None else date.fromordinal(n) for n in set(columns[place])}
            columns[place] = list(map(days.__getitem__, columns[place]))
    return columns  # type: ignore[no-any-return]


def _store(path: Path, digest: bytes, table: Table, columns: Columns) -> None:
    import tempfile  # once in a long while

    plain = [
        [None if day is None else day.toordinal() for day in values] if column.type == "date" else list(values)
        for column, values in zip(table.columns, columns, strict=True)
    ]
    body = marshal.dumps(plain)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.stem)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(digest + zlib.crc32(body).to_bytes(_SUM, "big") + body)
        Path(name).replace(path)  # whole or not at all
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
