"""Runs the importers and writes, or compares, what they make."""

from __future__ import annotations

from pathlib import Path

from advisor.catalog.context_tables import ALL_TABLES
from advisor.catalog.schema import Table
from advisor.catalog.tables import PARAMETERS, SOURCES
from advisor.catalog_build.drop import Drop, Output, cell, csv_text
from advisor.catalog_build.registry import importers

ACCOUNT_COLUMNS = ("read_from", "rows_read", "written_to", "rows_written", "left_out")


def build(root: Path) -> Output:
    """Import the drop at `root`; nothing is written."""
    out = Output()
    drop = Drop(root)
    for importer in importers():
        importer.run(drop, out)
    out.files[SOURCES.path] = csv_text(SOURCES.names, sorted(out.sources.entries.values(), key=lambda e: e["id"]))
    out.files["import.csv"] = csv_text(ACCOUNT_COLUMNS, out.account)
    out.files[PARAMETERS.path] = parameter_dictionary()
    return out


def parameter_dictionary() -> str:
    """The dictionary of all columns, from the declarations that the loaders use."""
    rows = [row for table in ALL_TABLES for row in _describe(table)]
    return csv_text(PARAMETERS.names, rows)


def _describe(table: Table) -> list[dict[str, str]]:
    rows = []
    for column in table.columns:
        low, high = column.low, column.high
        span = f"{'' if low is None else f'{low:g}'}..{'' if high is None else f'{high:g}'}"
        choices = "|".join(choice or "(empty)" for choice in column.choices)
        rows.append(
            {
                "table": table.name,
                "path": table.path,
                "column": column.name,
                "type": column.type,
                "unit": column.unit,
                "required": cell(column.required),
                "range": choices or (span if column.type in ("float", "int") else ""),
                "description": column.doc + (" (key)" if column.name in table.key else ""),
            }
        )
    return rows


def differences(out: Output, target: Path) -> list[str]:
    """Paths whose bytes on disk differ from what the drop gives."""
    return [
        path
        for path, content in sorted(out.files.items())
        if not (target / path).is_file() or (target / path).read_bytes() != content.encode()
    ]


def write(out: Output, target: Path) -> list[str]:
    """Write what differs, each file whole or not at all; returns the paths written."""
    changed = differences(out, target)
    for path in changed:
        file = target / path
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_name(file.name + ".partial")
        partial.write_bytes(out.files[path].encode())
        partial.replace(file)
    return changed
