"""One column of a table: how it reads a row, how it sorts, how wide it may get."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from advisor.tui.widgets.tones import Piece

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Column(Generic[Row]):
    """One column: how it reads a row, how it sorts, how wide it may get."""

    key: str
    title: str
    cell: Callable[[Row], Piece | str]
    sort: Callable[[Row], Any] | None = None
    right: bool = False
    width: int | None = None
    """Fixed width; None measures the first rows."""
    most: int = 40
    grow: bool = False
    """Takes what is left of the line."""
    least: int = 0
    """A growing column shrinks no further than this."""
    best: bool | None = None
    """Direction of the first sort: True for descending."""


def cell_text(cell: Piece | str) -> str:
    """A cell without its tone."""
    return cell if isinstance(cell, str) else cell.text
