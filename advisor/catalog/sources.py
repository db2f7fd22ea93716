"""Cited sources, each once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from advisor.catalog.read import Layer, read_table
from advisor.catalog.schema import Table
from advisor.catalog.tables import SOURCES
from advisor.domain.provenance import Source


def source_tables(layers: Sequence[Layer]) -> list[Table]:
    """The main list of sources and those of the folders that keep their own (`export/sources.csv`)."""
    own = {path.relative_to(layer.root).as_posix() for layer in layers for path in layer.root.glob("*/sources.csv")}
    return [SOURCES, *(replace(SOURCES, path=path) for path in sorted(own))]


def read_sources(layers: Sequence[Layer]) -> dict[str, Source]:
    """Sources by id."""
    found: dict[str, Source] = {}
    for table in source_tables(layers):
        columns: dict[str, Any] = read_table(table, layers)
        for row in zip(*(columns[name] for name in SOURCES.names), strict=True):
            # the cells are checked above: building the models unchecked saves their validation
            found[row[0]] = Source.model_construct(
                id=row[0], reference=row[1], as_of=row[2], kind=row[3], attribution=row[4]
            )
    return found
