"""What a report is made of, before it is markdown, HTML or PDF.

Text enters through `Span`, which takes control characters, escapes and direction marks out of it; each writer then
escapes what its own form would read as markup. No writer ever sees raw text.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from advisor.domain.text import plain

Style = Literal["", "strong", "em", "code", "small", "cite", "link"]


@dataclass(frozen=True, slots=True)
class Span:
    """A run of text in one style; `target` is a source number (cite) or an address (link)."""

    text: str
    style: Style = ""
    target: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", plain(self.text))
        object.__setattr__(self, "target", plain(self.target))


Inline = tuple[Span, ...]


def inline(*parts: str | Span | Inline) -> Inline:
    """One line of text from strings, spans and lines."""
    out: list[Span] = []
    for part in parts:
        if isinstance(part, str):
            if part:
                out.append(Span(part))
        elif isinstance(part, Span):
            out.append(part)
        else:
            out.extend(part)
    return tuple(out)


def sentence(text: str) -> Inline:
    """The program's own sentence, with commands between backticks set as code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return inline(text)
    return inline(*(code(part) if i % 2 else part for i, part in enumerate(parts) if part))


def strong(text: str) -> Span:
    """Text that carries weight."""
    return Span(text, "strong")


def small(text: str) -> Span:
    """Text that stands back."""
    return Span(text, "small")


def code(text: str) -> Span:
    """A command or an identifier."""
    return Span(text, "code")


def text_of(line: Inline) -> str:
    """The line without its styles."""
    return "".join(span.text for span in line)


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; level 1 is a section."""

    level: int
    text: Inline
    anchor: str


@dataclass(frozen=True, slots=True)
class Para:
    """A paragraph; a note is set smaller."""

    text: Inline
    note: bool = False


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    items: tuple[Inline, ...]
    ordered: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """A table column; `width` is its share of the line, 0 for as wide as its content."""

    title: str
    align: Literal["left", "right"] = "left"
    width: float = 0.0


@dataclass(frozen=True, slots=True)
class Table:
    """A table; header repeats over pages, rows are not broken."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Inline, ...], ...]
    strong_rows: frozenset[int] = frozenset()
    """Rows that are set apart: the choice, a total."""
    dense: bool = False

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"{self.caption}: a row of {len(row)} cells under {len(self.columns)} columns")


@dataclass(frozen=True, slots=True)
class Chart:
    """A vector chart with the words and the table that say the same."""

    anchor: str
    svg: str
    alt: str
    caption: str
    table: Table
    show_table: bool = False
    """Print the table below the chart also where the chart can be seen."""


@dataclass(frozen=True, slots=True)
class Card:
    """One key figure of the first page."""

    label: str
    value: str
    note: str


@dataclass(frozen=True, slots=True)
class Cards:
    """Key figures side by side."""

    cards: tuple[Card, ...]


@dataclass(frozen=True, slots=True)
class Columns:
    """Titled lists side by side, in the order of reading."""

    titles: tuple[str, ...]
    lists: tuple[tuple[Inline, ...], ...]


@dataclass(frozen=True, slots=True)
class PageBreak:
    """What follows starts on a new page."""


@dataclass(frozen=True, slots=True)
class Contents:
    """Table of contents."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One numbered source."""

    number: int
    text: Inline


@dataclass(frozen=True, slots=True)
class References:
    """The list that citations point into."""

    entries: tuple[Reference, ...]


Block = Heading | Para | Items | Table | Chart | Cards | Columns | PageBreak | Contents | References


@dataclass(frozen=True, slots=True)
class Report:
    """A whole report, ready for a writer."""

    title: str
    """Name of the profile, made harmless."""
    kicker: str
    headline: str
    as_of: date
    footer: str
    keywords: tuple[str, ...]
    blocks: tuple[Block, ...] = field(default=())
