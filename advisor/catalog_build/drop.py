"""What an importer reads (a drop) and what it writes to (an output), and how the two are kept honest.

The same drop gives the same bytes: rows are sorted by what they say, numbers are written in one way, and
nothing depends on the clock or on the order of files.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from io import StringIO
from pathlib import Path

from advisor.catalog.schema import Table
from advisor.domain.errors import CatalogError


@dataclass(frozen=True, slots=True)
class Drop:
    """A folder of gathered data."""

    root: Path

    def rows(self, relative: str) -> list[dict[str, str]]:
        """Rows of one CSV file, every cell stripped."""
        path = self.root / relative
        if not path.is_file():
            raise CatalogError("is not in the drop", file=relative)
        with path.open(encoding="utf-8-sig", newline="") as file:
            return [{k: (v or "").strip() for k, v in row.items() if k} for row in csv.DictReader(file)]


_SCARS = {
    "(address not recordeds)": "(addresses not recorded)",
    "(cited, ; original": "(cited; original",
    "address not recorded), 2026-11-09)": "address not recorded, 2026-11-09)",
}
"""Places of a drop where a name or an address was taken out and left a broken sentence; what stood there is lost."""


def healed(reference: str) -> str:
    """A reference without the scars of what was taken out of it; nothing is put in its place.

    >>> healed("A and B blogs (address not recordeds)"), healed("https://x.org/a.pdf (cited, ; original not read)")
    ('A and B blogs (addresses not recorded)', 'https://x.org/a.pdf (cited; original not read)')
    """
    for scar, words in _SCARS.items():
        reference = reference.replace(scar, words)
    return reference


@dataclass(slots=True)
class SourceBook:
    """Collects sources and hands out their short ids."""

    entries: dict[str, dict[str, str]] = field(default_factory=dict)
    _ids: dict[str, str] = field(default_factory=dict)

    def cite(
        self, reference: str, *, as_of: date | None = None, kind: str, attribution: str = "", name: str = ""
    ) -> str:
        """Id of a reference; the first kind and attribution stand, the newest date wins."""
        reference = " ".join(reference.split())
        if not reference:
            raise CatalogError("a row cites no source", file="sources.csv")
        known = self._ids.get(reference)
        if known is None:
            known = name or source_id(reference)
            if known in self.entries:
                known = f"{known}-{digest(reference, 6)}"
            self._ids[reference] = known
            self.entries[known] = {
                "id": known, "reference": healed(reference), "as_of": "", "kind": kind, "attribution": attribution,
            }  # fmt: skip
        entry = self.entries[known]
        if as_of is not None:
            entry["as_of"] = max(entry["as_of"], as_of.isoformat())
        return known


@dataclass(slots=True)
class Output:
    """Files to write, by path below the catalog root, and an account of what went in and out."""

    files: dict[str, str] = field(default_factory=dict)
    sources: SourceBook = field(default_factory=SourceBook)
    account: list[dict[str, str]] = field(default_factory=list)

    def table(self, table: Table, rows: Iterable[Mapping[str, object]], *, sort: bool = True) -> None:
        """Write a table; rows are sorted by their key unless the caller has sorted them."""
        lines = [{name: cell(row.get(name)) for name in table.names} for row in rows]
        if sort:
            lines.sort(key=lambda row: [row[name] for name in table.key])
        self.files[table.path] = csv_text(table.names, lines)

    def note(self, source: str, read: int, target: str, written: int, left_out: Mapping[str, int]) -> None:
        """Record how many rows of a file were read and written, and why the rest was not."""
        reasons = "; ".join(f"{n} {why}" for why, n in sorted(left_out.items()))
        self.account.append(
            {"read_from": source, "rows_read": str(read), "written_to": target,
             "rows_written": str(written), "left_out": reasons}
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Importer:
    """One kind of data: which files of a drop it reads and the function that turns them into catalog files."""

    name: str
    reads: tuple[str, ...]
    run: Callable[[Drop, Output], None]


def csv_text(names: Sequence[str], rows: Iterable[Mapping[str, str]]) -> str:
    """CSV with a header, LF line ends and only the quotes that are needed."""
    buffer = StringIO()
    writer = csv.DictWriter(buffer, names, lineterminator="\n", extrasaction="raise")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def cell(value: object) -> str:
    """The one way in which a value is written."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float():
            return plain(value)
        case date():
            return value.isoformat()
        case tuple() | list():
            return ";".join(str(part) for part in value)
        case _:
            return " ".join(str(value).split())


def plain(value: float) -> str:
    """Shortest decimal text of a float; whole numbers without a point.

    >>> plain(8.0), plain(0.004530), plain(671.03e9)
    ('8', '0.00453', '671030000000')
    """
    if value == int(value) and abs(value) < 1e17:
        return str(int(value))
    short = repr(value)
    return f"{value:.12f}".rstrip("0") if "e" in short else short


def number(text: str) -> float | None:
    """A number or None for an empty cell."""
    return float(text) if text else None


def whole(text: str) -> int | None:
    """A whole number (written "8" or "8.0") or None for an empty cell."""
    return int(float(text)) if text else None


def digest(text: str, length: int = 8) -> str:
    """A short stable hash for ids."""
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def row_ids(prefix: str, identities: Sequence[str]) -> list[str]:
    """A stable id per row from what identifies it; equal identities are numbered in order."""
    seen: dict[str, int] = {}
    ids: list[str] = []
    for identity in identities:
        n = seen[identity] = seen.get(identity, 0) + 1
        ids.append(f"{prefix}-{digest(identity if n == 1 else f'{identity}#{n}', 9)}")
    if len(set(ids)) != len(ids):
        raise CatalogError("two rows share an id; lengthen the hash in row_ids", file=prefix)
    return ids


_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_MONTH = re.compile(r"(\d{4})-(\d{2})")
_HALF = re.compile(r"(\d{4})-H([12])")
_QUARTER = re.compile(r"(\d{4})-Q([1-4])|Q([1-4]) (\d{4})")
_YEAR = re.compile(r"\b(20\d{2})\b")


def parse_day(text: str) -> tuple[date | None, str]:
    """First day that a loose date may mean, and how exact it is: day, month, half, year or unknown.

    >>> parse_day("~2026-09/10 (date inferred)")
    (datetime.date(2026, 9, 1), 'month')
    >>> parse_day("2026-08-22"), parse_day("2025-H2")[0], parse_day("undated")[1]
    ((datetime.date(2026, 8, 22), 'day'), datetime.date(2025, 7, 1), 'unknown')
    """
    if found := _DAY.search(text):
        return date(*map(int, found.groups())), "day"
    if found := _HALF.search(text):
        return date(int(found[1]), 1 if found[2] == "1" else 7, 1), "half"
    if found := _QUARTER.search(text):
        year, quarter = int(found[1] or found[4]), int(found[2] or found[3])
        return date(year, 3 * quarter - 2, 1), "quarter"
    if found := _MONTH.search(text):
        return date(int(found[1]), int(found[2]), 1), "month"
    if found := _YEAR.search(text):
        return date(int(found[1]), 1, 1), "year"
    return None, "unknown"


_COMMIT = re.compile(r"@[0-9a-f]{6,40}")


def source_id(reference: str) -> str:
    """A short readable id with a hash that keeps it apart from others.

    >>> source_id("ROCm/ATOM@ffdf3bb5ddf8:recipes/README.md").rsplit("-", 1)[0]
    'atom-readme'
    """
    words = reference.split(" <- ", maxsplit=1)[0].split("; ", maxsplit=1)[0]
    if words.startswith("a public GitHub file"):
        words = "unrecorded " + words.removeprefix("a public GitHub file whose repository was not recorded")
    elif "://" in words:
        host, _, path = re.sub(r"^.*?://(www\.)?", "", words).rstrip("/").partition("/")
        words = _last(path) if host.startswith("raw.github") else f"{host} {_last(path)}"
    elif found := re.match(r"[\w.-]+/([\w.-]+?)(?:@[\w]+)?(?::| |$)", words):
        words = f"{found[1]} {_last(words[found.end() :].split(' (', maxsplit=1)[0])}"
    words = _COMMIT.sub(" ", words)
    words = re.sub(r"\.(json|csv|md|mdx|ts|py|yaml|yml|js|html)\b", "", words)
    parts = [part for part in re.split(r"[^A-Za-z0-9]+", words.casefold()) if part and not _is_hash(part)]
    slug = "-".join(parts)[:36].strip("-") or "source"
    return f"{slug}-{digest(reference, 4)}"


def _last(path: str) -> str:
    """The last part of a path, with the one before it where the last says little."""
    parts = path.split("/")
    return " ".join(parts[-2:]) if len(parts[-1]) < 9 else parts[-1]


def _is_hash(word: str) -> bool:
    return len(word) >= 7 and all(c in "0123456789abcdef" for c in word) and any(c.isdigit() for c in word)
