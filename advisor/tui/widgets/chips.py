"""A few choices in a line, group by group: the one that holds stands out, any other by key or click."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from textual import events
from textual.message import Message
from textual.strip import Strip

from advisor.tui.widgets.tones import Piece, Toned, fit

MORE = "…"
"""Id of the choice that opens a list."""


@dataclass(frozen=True, slots=True)
class Group:
    """One choice among a few."""

    id: str
    label: str
    key: str
    """The key that goes to the next one."""
    names: tuple[tuple[str, str], ...]
    """Ids with what they are called."""
    at: str


@dataclass(frozen=True, slots=True)
class _Place:
    start: int
    end: int
    group: str
    name: str


def _around(group: Group, width: int) -> list[tuple[str, str]]:
    """The names that have room, around the one that holds; a count, without an id, where there are more."""
    names = list(group.names)
    if sum(cell_len(text) + 3 for _, text in names) <= width:
        return names
    at = next((i for i, (name, _) in enumerate(names) if name == group.at), 0)
    names = [(name, fit(text, width // 2).rstrip() if cell_len(text) > width // 2 else text) for name, text in names]
    first, last, room = at, at + 1, width - 10 - cell_len(names[at][1]) - 3
    while True:  # what comes next by the key first, then what came before
        if last < len(names) and cell_len(names[last][1]) + 3 <= room:
            room -= cell_len(names[last][1]) + 3
            last += 1
        elif first and cell_len(names[first - 1][1]) + 3 <= room:
            room -= cell_len(names[first - 1][1]) + 3
            first -= 1
        else:
            break
    before = [("", f"+{first}")] if first else []
    return [*before, *names[first:last], *([("", f"+{len(names) - last}")] if last < len(names) else [])]


class Chips(Toned):
    """The groups under each other where they do not fit beside each other."""

    DEFAULT_CSS = """
    Chips { height: 1; background: $surface; }
    """

    class Chosen(Message):
        """A choice was clicked."""

        def __init__(self, group: str, name: str) -> None:
            super().__init__()
            self.group, self.name = group, name

    def __init__(self, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.groups: tuple[Group, ...] = ()
        self.note = ""
        self._lines: list[tuple[list[Piece], list[_Place]]] = []

    def show(self, groups: Sequence[Group], note: str = "") -> None:
        """Show other choices; the note stands behind them."""
        self.groups, self.note = tuple(groups), note
        self._lay_out()

    def on_resize(self) -> None:
        """Break the lines where they now end."""
        self._lay_out()

    def _lay_out(self) -> None:
        width = self.size.width
        lines: list[tuple[list[Piece], list[_Place]]] = []
        x = width + 1
        for group in self.groups:
            pieces, places, length = self._group(group, width)
            if x + length > width:
                lines.append(([], []))
                x = 0
            lines[-1][0].extend(pieces)
            lines[-1][1].extend(_Place(p.start + x, p.end + x, p.group, p.name) for p in places)
            x += length
        if self.note and lines:
            room = width - x - 1
            if room >= min(16, cell_len(self.note)):
                lines[-1][0].append(Piece(" " + fit(self.note, room), "dim"))
        self._lines = lines
        self.styles.height = max(1, len(lines))
        self.refresh()

    @staticmethod
    def _group(group: Group, width: int) -> tuple[list[Piece], list[_Place], int]:
        pieces, places = [Piece(f" {group.key}: ", "dim"), Piece(group.label, "dim")], []
        x = cell_len(f" {group.key}: {group.label}")
        for name, text in _around(group, width - x - 2):
            here = name == group.at
            if not name:
                pieces.append(Piece(f" {text}", "dim"))
                x += 1 + cell_len(text)
                continue
            shown = f" ▐{text}▌" if here else f"  {text} "
            pieces.append(Piece(shown, "head" if here else "plain"))
            places.append(_Place(x + 1, x + cell_len(shown), group.id, name))
            x += cell_len(shown)
        pieces.append(Piece("  "))
        return pieces, places, x + 2

    def render_line(self, y: int) -> Strip:
        """One line of choices."""
        return self.strip(self._lines[y][0] if y < len(self._lines) else [], self.size.width)

    def on_click(self, event: events.Click) -> None:
        """Choose by mouse."""
        places = self._lines[event.y][1] if event.y < len(self._lines) else []
        found = next((p for p in places if p.start <= event.x < p.end), None)
        if found is not None:
            self.post_message(self.Chosen(found.group, found.name))
