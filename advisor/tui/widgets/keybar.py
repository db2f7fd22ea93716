"""The keys that work now, in one line at the bottom; each can be clicked.

A line that is drawn rather than a widget for each key: the keys change with every move of the focus.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from textual import events
from textual.screen import Screen
from textual.strip import Strip

from advisor.tui.widgets.tones import Piece, Toned

FIRST = ("help", "goto", "next_pane(1)", "command_palette", "save", "quit")
"""Actions that stand last, in this order, since they are the same everywhere."""

FUNCTION_KEY = re.compile(r"f\d+")


@dataclass(frozen=True, slots=True)
class Shown:
    """One key with its word."""

    key: str
    display: str
    word: str


class KeyBar(Toned):
    """Footer."""

    DEFAULT_CSS = """
    KeyBar { dock: bottom; height: 1; background: $panel; }
    """

    def __init__(self, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.keys: tuple[Shown, ...] = ()

    def on_mount(self) -> None:
        """Follow the focus."""
        self.screen.bindings_updated_signal.subscribe(self, self._changed)

    def _changed(self, screen: Screen[object]) -> None:
        if not self.is_attached or screen is not self.screen:
            return
        own: dict[str, Shown] = {}
        common: dict[str, Shown] = {}
        for _, binding, enabled, _ in screen.active_bindings.values():
            if not binding.show or not enabled:
                continue
            target = common if binding.action in FIRST else own
            if binding.action in target and not FUNCTION_KEY.fullmatch(binding.key):
                continue  # of several keys the first, or the one that works while typing too
            target[binding.action] = Shown(binding.key, self.app.get_key_display(binding), binding.description)
        keys = (*own.values(), *(common[a] for a in FIRST if a in common))
        if keys != self.keys:
            self.keys = keys
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """The keys that fit; help is never left out."""
        del y
        pieces: list[Piece] = []
        for shown in self._fitting():
            pieces += [Piece(f" {shown.display} ", "head"), Piece(f"{shown.word} ", "plain")]
        return self.strip(pieces, self.size.width)

    def _fitting(self) -> list[Shown]:
        room = self.size.width
        out = list(self.keys)
        drop = ("Quit", "Save", "Find", "Next screen")
        for word in drop:
            if sum(_width(s) for s in out) > room:
                out = [s for s in out if s.word != word]
        while len(out) > 2 and sum(_width(s) for s in out) > room:
            out.pop(-3)
        return out

    def on_click(self, event: events.Click) -> None:
        """Press the key."""
        x = 0
        for shown in self._fitting():
            x += _width(shown)
            if event.x < x:
                event.stop()
                self.app.simulate_key(shown.key)
                return


def _width(shown: Shown) -> int:
    return len(shown.display) + len(shown.word) + 3
