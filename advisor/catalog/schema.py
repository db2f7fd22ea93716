"""How a table of the catalog is declared, and how one cell is checked."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date
from typing import Literal

from advisor.domain.errors import did_you_mean
from advisor.domain.record import record

CellType = Literal["text", "float", "int", "bool", "date", "list"]


@record
class Column:
    """One column: its type, whether it may be empty, and what it may hold."""

    name: str
    type: CellType = "text"
    required: bool = False
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    unit: str = ""
    doc: str = ""


@record
class Table:
    """One CSV file of the catalog."""

    name: str
    path: str
    """Path below the catalog root, with forward slashes."""
    key: tuple[str, ...]
    """Columns that identify a row: an overlay row with the same key replaces it."""
    columns: tuple[Column, ...]
    doc: str = ""
    bands: tuple[tuple[str, str, str], ...] = ()
    """Columns of low end, typical value and high end, which rise where they are stated."""

    def column(self, name: str) -> Column:
        """The column of that name."""
        return next(c for c in self.columns if c.name == name)

    def place(self, name: str) -> int:
        """Where the column of that name stands, from 0."""
        return next(n for n, c in enumerate(self.columns) if c.name == name)

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in file order."""
        return tuple(c.name for c in self.columns)


def text(name: str, *, required: bool = False, choices: tuple[str, ...] = (), doc: str = "") -> Column:
    """A text column; an empty cell is the empty string."""
    return Column(name, "text", required, choices=choices, doc=doc)


def number(
    name: str, *, low: float | None = 0.0, high: float | None = None, required: bool = False,
    unit: str = "", doc: str = "",
) -> Column:  # fmt: skip
    """A finite number, by default not negative; an empty cell is None."""
    return Column(name, "float", required, low, high, unit=unit, doc=doc)


def integer(
    name: str, *, low: float | None = 0, high: float | None = None, required: bool = False,
    unit: str = "", doc: str = "",
) -> Column:  # fmt: skip
    """A whole number, by default not negative; an empty cell is None."""
    return Column(name, "int", required, low, high, unit=unit, doc=doc)


def flag(name: str, *, doc: str = "") -> Column:
    """true or false, never empty."""
    return Column(name, "bool", True, doc=doc)


def day(name: str, *, required: bool = False, doc: str = "") -> Column:
    """An ISO date; an empty cell is None."""
    return Column(name, "date", required, doc=doc)


def listing(name: str, *, doc: str = "") -> Column:
    """Values parted by semicolons; an empty cell is the empty tuple."""
    return Column(name, "list", doc=doc)


def provenance_columns(*, as_of: bool = True) -> tuple[Column, ...]:
    """source, as_of, kind and confidence, which close every table that is not evidence."""
    kinds = (
        "datasheet", "measured", "list price", "quote", "index", "analyst", "vendor claim", "regulation",
        "documentation", "press", "estimate", "derived", "assumption", "user",
    )  # fmt: skip
    dated = (day("as_of", doc="date of the content; the first day where only a month or year is known"),)
    return (
        text("source", required=True, doc="id in sources.csv"),
        *(dated if as_of else ()),
        text("kind", required=True, choices=kinds, doc="sort of statement"),
        text("confidence", doc="trust in the row, where stated"),
    )


def cell_parser(column: Column) -> Callable[[str], object]:
    """A function from the text of a cell to its value; it raises ValueError with the reason."""
    match column.type:
        case "text":
            return _text_parser(column)
        case "float" | "int":
            return _number_parser(column)
        case "bool":
            return _parse_bool
        case "date":
            return _date_parser(column)
        case "list":
            return _parse_list


def _text_parser(column: Column) -> Callable[[str], object]:
    choices = frozenset(column.choices)

    def parse(cell: str) -> object:
        if not cell:
            if column.required:
                raise ValueError("must not be empty")
            return ""
        if choices and cell not in choices:
            hint = did_you_mean(cell, column.choices) or f"; one of {', '.join(column.choices)}"
            raise ValueError(f"not a known value{hint}")
        return cell

    return parse


def _number_parser(column: Column) -> Callable[[str], object]:
    whole = column.type == "int"

    def parse(cell: str) -> object:
        if not cell:
            if column.required:
                raise ValueError("must not be empty")
            return None
        value: float
        try:
            value = int(cell) if whole else float(cell)
            finite = math.isfinite(value)
        except ValueError:
            raise ValueError(f"must be a {'whole ' if whole else ''}number") from None
        except OverflowError:
            finite = False
        if not finite:
            raise ValueError("must be finite")
        if column.low is not None and value < column.low:
            raise ValueError(f"must be at least {column.low:g}")
        if column.high is not None and value > column.high:
            raise ValueError(f"must be at most {column.high:g}")
        return value

    return parse


def _parse_bool(cell: str) -> object:
    if cell == "true":
        return True
    if cell == "false":
        return False
    raise ValueError('must be "true" or "false"')


def _date_parser(column: Column) -> Callable[[str], object]:
    def parse(cell: str) -> object:
        if not cell:
            if column.required:
                raise ValueError("must not be empty")
            return None
        try:
            return date.fromisoformat(cell)
        except ValueError:
            raise ValueError("must be a date like 2026-11-21") from None

    return parse


def _parse_list(cell: str) -> object:
    return tuple(part.strip() for part in cell.split(";") if part.strip()) if cell else ()
