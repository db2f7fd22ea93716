"""Measurements from their tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from advisor.catalog.read import Layer, parse_column, read_raw
from advisor.catalog.schema import Table
from advisor.catalog.tables import SERVING
from advisor.domain.evidence import Measurement


def read_measurements(layers: Sequence[Layer], table: Table = SERVING) -> list[Measurement]:
    """All rows of a measurement table, in file order."""
    raw = read_raw(table, layers)
    columns: list[list[Any]] = [parse_column(raw, column) for column in table.columns]
    # the columns stand in the order of the fields: a test holds the two together
    return list(map(Measurement, *columns))
