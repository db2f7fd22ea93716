"""What every screen of the program has in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.widget import Widget

from advisor.tui.desk import Sight

if TYPE_CHECKING:
    from advisor.tui.app import AdvisorApp
    from advisor.workbench import Workbench


class Pane(Container):
    """One screen: it draws the sight it is given, when it is in view."""

    DEFAULT_CSS = """
    Pane { width: 1fr; height: 1fr; }
    """
    PANE_ID: ClassVar[str] = ""
    HELP: ClassVar[str] = ""
    """What the screen is for and how it is used; shown by F1."""
    TEXT: ClassVar[str] = ""
    """Selector of the part whose text may go on below the screen; the keys of `actions.text_keys` scroll it."""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("pagedown", "text(1)", "Text down", show=False),  # where nothing in focus has a use for it
        Binding("pageup", "text(-1)", "Text up", show=False),
    ]

    def __init__(self) -> None:
        super().__init__(id=f"pane-{self.PANE_ID}")
        self.sight = Sight()
        self._drawn: Sight | None = None

    @property
    def program(self) -> AdvisorApp:
        """The app, with its type."""
        return cast("AdvisorApp", self.app)

    @property
    def bench(self) -> Workbench | None:
        """The facts, once they are loaded."""
        return self.program.desk.facts.bench

    def offer(self, sight: Sight) -> None:
        """Take a new sight; it is drawn now when in view, else when next shown."""
        self.sight = sight
        if self.display and self.is_mounted:
            self.draw_now()

    def draw_now(self) -> None:
        """Draw the present sight, once."""
        if self._drawn is not self.sight:
            self._drawn = self.sight
            self.draw(self.sight)

    def draw(self, sight: Sight) -> None:
        """Draw a sight."""

    def first_focus(self) -> Widget | None:
        """Where the keyboard goes when the screen is shown."""
        return next((w for w in self.query("*") if w.focusable), None)

    def action_text(self, by: int) -> None:
        """Scroll the text by a page, wherever the keyboard is; one line stays in sight."""
        for widget in self.query(self.TEXT) if self.TEXT else ():
            widget.scroll_relative(y=by * max(1, widget.size.height - 1), animate=False)

    def entered(self) -> None:
        """The screen has come into view."""

    def left(self) -> None:
        """The screen has gone out of view."""
