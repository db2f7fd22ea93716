"""Reads what a source sent: CSV by column name, JSON, one member of a zip.

Added columns do not matter, missing ones do.
"""

from __future__ import annotations

import csv
import io
import json
import math
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

from advisor.domain.errors import NetworkError, did_you_mean
from advisor.domain.text import plain

MAX_ROWS = 2_000_000
MAX_MEMBER_BYTES = 192 * 2**20


class SourceError(NetworkError):
    """A source answered, but not in the form that is known of it."""


def text_of(body: bytes) -> str:
    """UTF-8 text."""
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceError(f"the file is not UTF-8 text (byte {error.start})") from None


def csv_rows(body: bytes, required: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """Rows by column name; the header must hold every required column, in any order and among others."""
    content = text_of(body)
    if "\0" in content:
        raise SourceError("the file holds a NUL byte: not a CSV file")
    reader = csv.reader(io.StringIO(content, newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        for name in required:
            if name not in header:
                hint = did_you_mean(name, header) or f"; its columns are {plain(', '.join(header), 160) or 'none'}"
                raise SourceError(f'the file has no column "{name}"{hint}')
        absent = dict.fromkeys(header, "")  # a row may be shorter than the header
        for n, cells in enumerate(reader):
            if n >= MAX_ROWS:
                raise SourceError(f"the file has more than {MAX_ROWS:,} rows")
            if cells:
                yield {**absent, **dict(zip(header, cells, strict=False))}
    except csv.Error as error:
        raise SourceError(f"line {reader.line_num} is not CSV ({error})") from None


def json_of(body: bytes) -> Any:
    """A JSON document; NaN and infinity are no numbers."""
    try:
        return json.loads(text_of(body), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise SourceError(f"the answer is not JSON ({plain(reason, 80)})") from None


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is not a number")


def listed(document: Any, *path: str) -> list[Mapping[str, Any]]:
    """The list of objects at a path of keys, or a SourceError that says what is there instead."""
    at = document
    for key in path:
        if not isinstance(at, dict) or key not in at:
            known = ", ".join(at) if isinstance(at, dict) else type(at).__name__
            raise SourceError(f'the answer has no "{key}"; it holds {plain(known, 120) or "nothing"}')
        at = at[key]
    if not isinstance(at, list):
        raise SourceError(f"{'.'.join(path) or 'the answer'} is not a list")
    return [row for row in at if isinstance(row, dict)]


def member(body: bytes, name: str) -> bytes:
    """One file of a zip archive, which must not be larger than it says nor than the limit."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            info = archive.getinfo(name)
            if info.file_size > MAX_MEMBER_BYTES:
                raise SourceError(f"{name} in the archive has {info.file_size / 2**20:,.0f} MiB")
            with archive.open(info) as file:
                content = file.read(MAX_MEMBER_BYTES + 1)
    except KeyError:
        raise SourceError(f"the archive holds no {name}") from None
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError) as error:
        raise SourceError(f"the archive cannot be read ({plain(str(error), 80)})") from None
    if len(content) > MAX_MEMBER_BYTES:
        raise SourceError(f"{name} in the archive is larger than {MAX_MEMBER_BYTES // 2**20} MiB")
    return content


def number(value: object) -> float | None:
    """A finite number, from a number or its text; None for anything else, also for an empty cell and a boolean."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def whole(value: object) -> int | None:
    """A whole number, also where it is written 8.0; None for anything else."""
    found = number(value)
    return int(found) if found is not None and found == int(found) else None


def in_usd(row: Mapping[str, Any]) -> bool:
    """Whether a row states no other currency than USD; lists that never stated one may begin to."""
    stated = (value for name, value in row.items() if name.casefold().replace("_", "") in ("currency", "currencycode"))
    return all(str(value or "USD").strip().upper() in ("USD", "US$", "$") for value in stated)


def label(value: object, limit: int = 80) -> str:
    """A short text of a source, made harmless for a terminal, a CSV file and a spreadsheet."""
    text = plain(str(value), limit).strip() if isinstance(value, str) else ""
    return text.lstrip("=+-@").strip() if text[:1] in ("=", "+", "-", "@") else text
