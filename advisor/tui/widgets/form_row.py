"""What the lines of a form have in common: a label, a mark where they stand, and a complaint under them."""

from __future__ import annotations

from textual.reactive import reactive
from textual.strip import Strip

from advisor.tui.widgets.tones import Piece, Toned, fit

LABEL = 24


class FormRow(Toned, can_focus=True):
    """One line, and a second one while something is wrong with it."""

    DEFAULT_CSS = """
    FormRow { height: 1; width: 1fr; background: $background; }
    FormRow:focus, FormRow:focus-within { background: $primary 22%; }
    FormRow.wrong { height: 2; }
    """
    problem: reactive[str] = reactive("", repaint=True)
    editing: reactive[bool] = reactive(False, repaint=True)

    def watch_problem(self, problem: str) -> None:
        """A complaint takes a second line."""
        self.set_class(bool(problem), "wrong")

    def line(self, label: str, *, stated: bool, rest: list[Piece]) -> Strip:
        """The first line: mark, label and what follows."""
        mark = Piece("✗", "bad") if self.problem else Piece("▎" if self.has_focus else " ", "head")
        name = Piece(fit(label, LABEL - 1), "strong" if stated else "plain")
        return self.strip([mark, name, Piece("  "), *rest], self.size.width)

    def complaint(self) -> Strip:
        """The second line."""
        return self.strip([Piece(" " * LABEL + " ✗ ", "bad"), Piece(self.problem, "bad")], self.size.width)
