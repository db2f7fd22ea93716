"""What a source is: a base address and items below it, each read by one function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from advisor.refresh.offers import Facts, Parsed


@dataclass(frozen=True, slots=True)
class Item:
    """One file of a source, or one question to its interface."""

    name: str
    path: str
    """Below the source's base."""
    parse: Callable[[bytes, Facts], Parsed]
    follow: Callable[[bytes], str] | None = None
    """For a pointer file: the path of the file that it points to."""
    next_page: Callable[[bytes], str | None] | None = None
    """Address of the next page of an answer in parts."""


@dataclass(frozen=True, slots=True)
class Source:
    """A public source."""

    name: str
    title: str
    data: str
    """prices or evidence."""
    base: str
    items: tuple[Item, ...]
    kind: str
    """Kind of its statements, as the catalog's sources have it."""
    attribution: str = ""
    hosts: frozenset[str] = frozenset()
    """Hosts of its own to which it may redirect."""
    live: bool = True
    """True where an unchanged file says that its prices still hold today."""
    flags: tuple[str, ...] = ()
    """Flags of every price that is read from it."""
