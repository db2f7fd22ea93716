"""Parsed columns of large tables, kept in the user's cache: the same bytes need not be parsed at every start.

What is kept belongs to the bytes that it was parsed from, by their digest, and is dropped when they change; a cache
that cannot be read or written costs time and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import zlib
from array import array
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

from advisor import __version__
from advisor.catalog.read import MAX_FILE_BYTES, Layer
from advisor.catalog.resources import cache_dir
from advisor.catalog.schema import Column, Table

FORM = 1
"""Raise when the form of the file changes."""
_DIGEST = 32
_SUM = 4
_SIZE = 8
_PLACE = "I"
"""Each column is its distinct values, as JSON, and the place of each row's value among them, as machine integers."""

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
        _store(path, digest, columns)
    return columns


def _digest(table: Table, layers: Sequence[Layer]) -> bytes:
    whole = hashlib.sha256(f"{FORM} {__version__} {sys.byteorder} {table!r}".encode())
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
        size = int.from_bytes(body[:_SIZE], "big")
        values = json.loads(bytes(body[_SIZE : _SIZE + size]))
        places = array(_PLACE)
        places.frombytes(body[_SIZE + size :])
        rows = len(places) // len(table.columns)
        return [
            list(map(_typed(distinct, column).__getitem__, places[k * rows : (k + 1) * rows]))
            for k, (column, distinct) in enumerate(zip(table.columns, values, strict=True))
        ]
    except (ValueError, TypeError, IndexError):
        return None


def _typed(values: list[Any], column: Column) -> list[Any]:
    """Values as the parser has them; JSON knows neither dates nor tuples."""
    if column.type == "date":
        return [None if text is None else date.fromisoformat(text) for text in values]
    return [tuple(value) for value in values] if column.type == "list" else values


def _store(path: Path, digest: bytes, columns: Columns) -> None:
    import tempfile  # once in a long while

    values: list[list[Any]] = []
    places = array(_PLACE)
    for column in columns:
        distinct: dict[Any, int] = {}
        places.extend([distinct.setdefault(value, len(distinct)) for value in column])
        values.append([value.isoformat() if isinstance(value, date) else value for value in distinct])
    head = json.dumps(values, separators=(",", ":")).encode()
    body = len(head).to_bytes(_SIZE, "big") + head + places.tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.stem)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(digest + zlib.crc32(body).to_bytes(_SUM, "big") + body)
        Path(name).replace(path)  # whole or not at all
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
