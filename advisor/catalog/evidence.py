"""Measurements from their tables."""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from itertools import repeat
from typing import Any

from advisor.catalog.kept import kept_columns
from advisor.catalog.read import Layer, parse_column, read_raw
from advisor.catalog.schema import Table
from advisor.catalog.tables import SERVING
from advisor.domain.evidence import Measurement


def read_measurements(layers: Sequence[Layer], table: Table = SERVING) -> list[Measurement]:
    """All rows of a measurement table, in file order."""

    def parse() -> list[list[Any]]:
        raw = read_raw(table, layers)
        return [parse_column(raw, column) for column in table.columns]

    with _collector_paused():
        # the columns stand in the order of the fields: a test holds the two together
        return _filled(kept_columns(table, layers, parse))


def _filled(columns: Sequence[Sequence[Any]]) -> list[Measurement]:
    """Measurements from whole columns, filled slot by slot: half the time of 7,000 calls with 39 arguments each."""
    rows = [object.__new__(Measurement) for _ in columns[0]]
    stated = [field for field in fields(Measurement) if field.repr]
    alone = [(field, repeat(field.default, len(rows))) for field in fields(Measurement) if not field.repr]
    for field, column in (*zip(stated, columns, strict=True), *alone):
        set_slot = getattr(Measurement, field.name).__set__
        deque(map(set_slot, rows, column), maxlen=0)
    return rows


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep the cycle collector from walking a quarter of a million cells, now or later: they stay for the whole run."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.freeze()
            gc.enable()
