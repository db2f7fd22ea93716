"""The list of screens at the left, and the title line at the top."""

from __future__ import annotations

from rich.cells import cell_len
from textual import events
from textual.message import Message
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Input

from advisor.tui.actions import PANE, PANES
from advisor.tui.widgets.secret_row import SecretRow
from advisor.tui.widgets.tones import Piece, Toned, fit


def takes_text(widget: Widget | None) -> bool:
    """Whether letters and digits are taken by a widget.

    The row of a key takes them also at rest: no character of a key may reach another screen by mistake.
    """
    return isinstance(widget, Input | SecretRow)


class Rail(Toned):
    """All screens by group, with their keys; a click goes there."""

    DEFAULT_CSS = """
    Rail { width: 15; height: 1fr; background: $surface; border-right: solid $panel; }
    """

    class Chosen(Message):
        """A screen was clicked."""

        def __init__(self, pane: str) -> None:
            super().__init__()
            self.pane = pane

    def __init__(self, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.at = "profiles"
        self.typing = False
        """Whether letters and digits go into a field, so that the keys of the screens do not work."""
        self._lines: list[tuple[str, str]] = []
        group = ""
        for p in PANES:
            if p.group != group:
                if group:
                    self._lines.append(("", ""))
                group = p.group
                self._lines.append(("", group))
            self._lines.append((p.id, p.title))

    def on_mount(self) -> None:
        """Follow the focus."""
        self.screen.bindings_updated_signal.subscribe(self, self._focus_moved)

    def _focus_moved(self, screen: Screen[object]) -> None:
        if self.is_attached and screen is self.screen:
            typing = takes_text(screen.focused)
            if typing != self.typing:
                self.typing = typing
                self.refresh()

    def show(self, pane: str) -> None:
        """Mark a screen."""
        self.at = pane
        self.refresh()

    def _visible(self) -> list[tuple[str, str]]:
        if self.size.height >= len(self._lines):
            return self._lines
        tight = [line for line in self._lines if line[0] or line[1]]
        if self.size.height >= len(tight):
            return tight
        return [line for line in self._lines if line[0]]

    def render_line(self, y: int) -> Strip:
        """A heading or a screen."""
        lines = self._visible()
        width = self.size.width
        if y >= len(lines):
            if self.typing and y == len(lines) + 1:
                return self.strip([Piece(" F2 ", "head"), Piece("go to", "dim")], width)
            return self.strip([], width)
        pane, title = lines[y]
        if not pane:
            return self.strip([Piece(f" {title}", "dim")], width)
        if pane == self.at:
            base = self.rich_style + self.tone("head").__class__(reverse=False)
            return self.strip(
                [Piece("▌", "head"), Piece(self._key(pane), "head"), Piece(fit(title, width - 3), "head")],
                width,
                base,
            )
        return self.strip([Piece(f" {self._key(pane)}", "dim"), Piece(title)], width)

    def _key(self, pane: str) -> str:
        """The key of a screen, where it works now."""
        return "· " if self.typing else f"{PANE[pane].key} "

    def on_click(self, event: events.Click) -> None:
        """Go to the screen."""
        lines = self._visible()
        if event.y < len(lines) and lines[event.y][0]:
            event.stop()
            self.post_message(self.Chosen(lines[event.y][0]))


class TitleBar(Toned):
    """Program, profile, date; on narrow terminals also the way to the other screens."""

    DEFAULT_CSS = """
    TitleBar { height: 1; background: $panel; }
    """

    class Menu(Message):
        """The menu sign was clicked."""

    def __init__(self, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.pane, self.profile, self.state, self.right, self.running = "profiles", "", "", "", ""

    def show(self, *, pane: str, profile: str, state: str, right: str, running: str = "") -> None:
        """Show where one is, and what runs meanwhile."""
        self.pane, self.profile, self.state, self.right, self.running = pane, profile, state, right, running
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """The line."""
        del y
        width = self.size.width
        title = PANE[self.pane].title
        left = [Piece(" ≡ ", "head"), Piece("advisor", "strong"), Piece(" ▸ ", "dim"), Piece(title, "head")]
        if self.running:  # ahead of the name, which may be long
            left.append(Piece(f"  ◌ {self.running} ", "warn"))
        if self.profile:
            left.append(Piece(" ▸ ", "dim"))
            state = [Piece(f" {self.state}", "warn")] if self.state else []
            room = width - sum(cell_len(p.text) for p in [*left, *state])  # a long name hides no unsaved edit
            name = self.profile if cell_len(self.profile) <= room else fit(self.profile, max(1, room))
            left += [Piece(name, "plain"), *state]
        used = sum(cell_len(p.text) for p in left)
        if used + len(self.right) + 2 <= width:
            left += [Piece(" " * (width - used - len(self.right) - 1)), Piece(self.right, "dim")]
        return self.strip(left, width)

    def on_click(self, event: events.Click) -> None:
        """Open the list of screens."""
        event.stop()
        self.post_message(self.Menu())
