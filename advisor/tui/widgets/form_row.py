"""What the lines of a form have in common: a label, a mark where they stand, and a complaint under them."""

from __future__ import annotations

from rich.cells import cell_len
from textual.reactive import reactive
from textual.strip import Strip

from advisor.tui.widgets.tones import Piece, Toned, fit

LABEL = 24
DEFAULT = " · default"


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
        """A complaint takes a second line, in sight where the row is in use."""
        self.set_class(bool(problem), "wrong")
        if problem and self.has_focus_within:
            self.call_after_refresh(self.scroll_visible, animate=False, top=False)

    def line(self, label: str, *, stated: bool, rest: list[Piece]) -> Strip:
        """The first line: mark, label and what follows."""
        mark = Piece("✗", "bad") if self.problem else Piece("▎" if self.has_focus else " ", "head")
        name = Piece(fit(label, LABEL - 1), "strong" if stated else "plain")
        return self.strip([mark, name, Piece("  "), *_within(rest, self.size.width - LABEL - 2)], self.size.width)

    def complaint(self) -> Strip:
        """The second line."""
        width = self.size.width
        text = fit(self.problem, max(1, width - LABEL - 3))
        return self.strip([Piece(" " * LABEL + " ✗ ", "bad"), Piece(text, "bad")], width)


def _within(rest: list[Piece], room: int) -> list[Piece]:
    """Pieces that have room; the word for a default, which its tone tells too, goes before anything is cut."""
    over = sum(cell_len(p.text) for p in rest) - room
    if over > 0 and Piece(DEFAULT, "dim") in rest:
        return _within([p for p in rest if p.text != DEFAULT], room)
    if over > 0 and rest:
        *kept, last = rest
        return [*kept, Piece(fit(last.text, max(0, cell_len(last.text) - over)), last.tone)]
    return rest
