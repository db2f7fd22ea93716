"""What a source is: a base address and items below it, each read by one function."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from advisor.refresh.offers import Facts, Parsed

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")


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
    editions: bool = False
    """Whether its items are editions of one list, the newest last: what a file is that nothing is said of."""
    make: Callable[[str], Item] | None = None
    """An item by name, for names that the source may have and this program does not list yet."""

    def item(self, name: str) -> Item | None:
        """The item of that name."""
        known = next((item for item in self.items if item.name == name), None)
        return known or (self.make(name) if self.make is not None and _NAME.fullmatch(name) else None)
