"""Sliders in a list: one line each, moved by key or mouse, with the place where the verdict flips."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.actions import SkipAction
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip

from advisor.tui.levers import Lever
from advisor.tui.widgets.around import show_line
from advisor.tui.widgets.tones import Piece, Toned, fit

NAME, LONGEST = 26, 38
"""Width of the names: as many cells as they take, between these."""


class LeverList(Toned, can_focus=True):
    """Levers under each other; the one under the cursor moves with left and right."""

    DEFAULT_CSS = """
    LeverList { height: auto; background: $background; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "row(-1)", "Up", show=False),
        Binding("down", "row(1)", "Down", show=False),
        Binding("home", "edge(0)", "To the low end", show=False),
        Binding("end", "edge(1)", "To the high end", show=False),
    ]
    row: reactive[int] = reactive(0, repaint=True)

    class Moved(Message):
        """A lever stands elsewhere."""

        def __init__(self, lever: Lever, value: float) -> None:
            super().__init__()
            self.lever, self.value = lever, value

    def __init__(self, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.levers: list[Lever] = []
        self.values: dict[str, float] = {}

    def show(self, levers: list[Lever], values: dict[str, float]) -> None:
        """Show levers where they stand."""
        self.levers, self.values = levers, dict(values)
        self.row = min(self.row, max(0, len(levers) - 1))
        self.styles.height = max(1, len(levers) * 2)
        self.refresh(layout=True)

    @property
    def current(self) -> Lever | None:
        """The lever under the cursor."""
        return self.levers[self.row] if self.levers else None

    def value(self, lever: Lever) -> float:
        """Where a lever stands."""
        return self.values.get(lever.id, lever.base)

    def move(self, lever: Lever, value: float) -> None:
        """Put a lever somewhere within its range."""
        value = max(lever.low, min(lever.high, value))
        if lever.whole:
            value = float(round(value))
        if value == self.value(lever):
            return
        self.values[lever.id] = value
        self.refresh()
        self.post_message(self.Moved(lever, value))

    def step(self, by: int) -> None:
        """Move the lever under the cursor by steps."""
        lever = self.current
        if lever is not None:
            self.move(lever, self.value(lever) + by * lever.step)

    def action_row(self, by: int) -> None:
        """Another lever; beyond the last the key scrolls what stands below."""
        before = self.row
        self.row = max(0, min(len(self.levers) - 1, self.row + by))
        if self.row == before:
            raise SkipAction
        show_line(self, 2 * self.row, 2)

    def action_edge(self, high: int) -> None:
        """To an end of the range."""
        lever = self.current
        if lever is not None:
            self.move(lever, lever.high if high else lever.low)

    def _names(self) -> int:
        longest = max((len(x.name) for x in self.levers), default=0) + 2
        return max(NAME, min(longest, LONGEST, self.size.width - 32))

    def _track(self) -> int:
        return max(10, self.size.width - self._names() - 4)

    def render_line(self, y: int) -> Strip:
        """Name, value and flip on one line, the slider on the next."""
        width = self.size.width
        if y // 2 >= len(self.levers):
            return self.strip([], width)
        lever = self.levers[y // 2]
        here = y // 2 == self.row
        value, track, names = self.value(lever), self._track(), self._names()
        moved = value != lever.base
        if y % 2 == 0:
            mark = "▌" if here and self.has_focus else "·" if here else " "
            now, was = lever.text(value), f" (was {lever.number(lever.base)})" if moved else ""
            flip = ""
            if lever.flips:
                flip = "never flips" if lever.flip is None else f"flips at {lever.number(lever.flip)}"
                if lever.flip is not None and 1 + names + len(now + was) + 2 + len(flip) > width:
                    flip = f"◇ {lever.number(lever.flip)}"
            # Which lever it is and where it stands say more than that it never flips, and than what the track shows.
            room = width - 1 - len(lever.name) - 1 - len(now) - 2
            if lever.flip is None and len(was) + len(flip) > room:
                flip = ""
            if len(was) + len(flip) > room:
                was = ""
            now += was
            # The name gives way: where the verdict flips is what one looks for here.
            names = max(12, min(names, width - 1 - len(now) - 2 - len(flip)))
            return self.strip(
                [Piece(mark, "head"), Piece(fit(lever.name, names - 1) + " ", "strong" if here else "plain"),
                 Piece(now, "warn" if moved else "head"), Piece(f"  {flip}", "dim")], width,
            )  # fmt: skip
        cells = ["─"] * track
        base = self._cell(lever, lever.base, track)
        cells[base] = "┼"
        if lever.flip is not None and lever.low <= lever.flip <= lever.high:
            cells[self._cell(lever, lever.flip, track)] = "◇"
        at = self._cell(lever, value, track)
        left, right = "".join(cells[:at]), "".join(cells[at + 1 :])
        return self.strip(
            [Piece(" " * (names + 1)), Piece("├", "dim"), Piece(left, "dim"), Piece("●", "warn" if moved else "head"),
             Piece(right, "dim"), Piece("┤", "dim")], width,
        )  # fmt: skip

    def _cell(self, lever: Lever, value: float, track: int) -> int:
        span = (lever.high - lever.low) or 1.0
        return max(0, min(track - 1, round((value - lever.low) / span * (track - 1))))

    def on_click(self, event: events.Click) -> None:
        """Choose the lever; a click on its track moves it there."""
        index = event.y // 2
        if index >= len(self.levers):
            return
        self.row = index
        self._grab(event.x)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Drag."""
        if event.button and event.y // 2 == self.row:
            self._grab(event.x)

    def _grab(self, x: int) -> None:
        lever, track, start = self.current, self._track(), self._names() + 2
        if lever is not None and start <= x < start + track:
            share = (x - start) / max(1, track - 1)
            self.move(lever, round((lever.low + share * (lever.high - lever.low)) / lever.step) * lever.step)
