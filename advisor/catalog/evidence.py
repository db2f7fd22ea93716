"""Measurements from their tables."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from advisor.catalog.read import Layer, parse_column, read_raw
from advisor.catalog.schema import Table
from advisor.catalog.tables import SERVING
from advisor.domain.evidence import Measurement


def read_measurements(layers: Sequence[Layer], table: Table = SERVING) -> list[Measurement]:
    """All rows of a measurement table, in file order."""
    with _collector_paused():
        raw = read_raw(table, layers)
        columns: list[list[Any]] = [parse_column(raw, column) for column in table.columns]
        # the columns stand in the order of the fields: a test holds the two together
        return list(map(Measurement, *columns))


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep the cycle collector from walking a quarter of a million fresh cells, none of which is in a cycle."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
