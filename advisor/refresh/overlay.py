"""What a refresh keeps: the tables of the overlay as rows of text, and what it knows of each file it read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from advisor.catalog.context_tables import MLPERF
from advisor.catalog.market import read_price_history, read_rent
from advisor.catalog.read import Layer, read_raw, read_table
from advisor.catalog.schema import Table, cell_parser
from advisor.catalog.tables import PRICE_HISTORY, RENT, SERVING, SOURCES
from advisor.catalog_build.drop import cell, csv_text
from advisor.domain.errors import CatalogError
from advisor.domain.market import RentPrice
from advisor.refresh.write import STATE

TABLES = (RENT, PRICE_HISTORY, SERVING, MLPERF, SOURCES)
STATE_VERSION = 1

Row = dict[str, str]


@dataclass(slots=True)
class ItemState:
    """What is known of one file of a source."""

    url: str = ""
    etag: str = ""
    last_modified: str = ""
    fetched: str = ""
    """Day on which it was last seen, changed or not."""
    content_date: str = ""
    rows: int = 0


@dataclass(slots=True)
class Overlay:
    """The refreshed data in memory."""

    tables: dict[str, list[Row]] = field(default_factory=lambda: {t.path: [] for t in TABLES})
    items: dict[str, ItemState] = field(default_factory=dict)
    """By source/item."""

    def rows(self, table: Table) -> list[Row]:
        """Rows of a table."""
        return self.tables[table.path]

    def put(self, table: Table, rows: Iterable[Row], column: str, source_id: str) -> None:
        """Replace the rows of one source."""
        kept = [row for row in self.tables[table.path] if row.get(column) != source_id]
        self.tables[table.path] = [*kept, *rows]

    def files(self) -> dict[str, str]:
        """The overlay as files; a table without rows has none."""
        out = {}
        for table in TABLES:
            lines = sorted(self.tables[table.path], key=lambda row: [row.get(name, "") for name in table.key])
            if lines:
                out[table.path] = csv_text(table.names, lines)
        state = {"version": STATE_VERSION, "items": {k: asdict(v) for k, v in sorted(self.items.items())}}
        out[STATE] = json.dumps(state, indent=1) + "\n"
        return out


def usable_rows(table: Table, rows: Iterable[Mapping[str, object]], refused: Counter[str]) -> list[Row]:
    """Rows as text, each checked as the catalog will check it; the others are counted by reason."""
    parsers = [(column.name, cell_parser(column)) for column in table.columns]
    out: list[Row] = []
    for row in rows:
        line = {name: cell(row.get(name)) for name in table.names}
        try:
            for name, parse in parsers:
                parse(line[name])
        except ValueError as error:
            refused[f"{name} {error}"] += 1
        else:
            out.append(line)
    return out


def read_overlay(root: Path) -> Overlay:
    """The refreshed data of a folder; one that is not there is empty.

    Raises
    ------
    CatalogError
        Where a file of it is damaged.
    """
    overlay = Overlay()
    if not root.is_dir():
        return overlay
    layer = Layer(root, str(root))
    for table in TABLES:
        if layer.file(table.path) is not None:
            raw = read_raw(table, [layer])
            overlay.tables[table.path] = [
                dict(zip(table.names, cells, strict=True)) for cells in zip(*raw.cells, strict=True)
            ]
    overlay.items = _read_state(root / STATE)
    return overlay


def _read_state(path: Path) -> dict[str, ItemState]:
    """The state, or nothing where it is missing or of another version: then every file is fetched anew."""
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        if content["version"] != STATE_VERSION:
            return {}
        return {str(name): ItemState(**entry) for name, entry in content["items"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def check_overlay(root: Path) -> None:
    """Parse every cell of an overlay as the catalog will; raise CatalogError at the first that it would refuse."""
    layer = Layer(root, "refreshed")
    sources = {"user"}
    for table in reversed(TABLES):
        if layer.file(table.path) is None:
            continue
        columns = read_table(table, [layer])
        if table is SOURCES:
            sources |= {str(name) for name in columns["id"]}
        for name in ("source", "source_id"):
            unknown = next((v for v in columns.get(name, ()) if v not in sources), None)
            if unknown is not None:
                raise CatalogError("names no source of this refresh", file=table.path, field=name, value=unknown)
    if layer.file(RENT.path) is not None:
        read_rent([layer])
    if layer.file(PRICE_HISTORY.path) is not None:
        read_price_history([layer])


def prices_of(rows: list[Row], scratch: Path) -> list[RentPrice]:
    """Rows of the rent table as prices, checked by the catalog's own loader."""
    if not rows:
        return []
    file = scratch / RENT.path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(csv_text(RENT.names, rows), encoding="utf-8")
    return read_rent([Layer(scratch, "refreshed")])
