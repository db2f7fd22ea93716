"""Gates: what rules, site and software say of each candidate."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widget import Widget
from textual.widgets import Static

from advisor.tui import pages
from advisor.tui.actions import bindings
from advisor.tui.desk import Sight
from advisor.tui.screens.pane import Pane
from advisor.tui.screens.picked import CandidateTabs
from advisor.tui.screens.verdict import no_answer
from advisor.tui.widgets.grid import Column, Grid
from advisor.tui.widgets.tones import Piece

if TYPE_CHECKING:
    from advisor.domain.gates import Gate

WORD = {"pass": "✓ pass", "condition": "▲ condition", "fail": "✗ fail"}
ORDER = {"fail": 0, "condition": 1, "pass": 2}

EMPTY = "No gate was evaluated."


class GatesPane(Pane):
    """Every rule with its result, for one candidate at a time."""

    PANE_ID = "gates"
    TEXT = ".side"
    HELP = (
        "Each gate is a rule applied to one candidate: export, tariff, parties, software, memory and service level,"
        " power and cooling, supply. It passes, passes on a condition (something must be done first), or fails, with"
        " the rule, the arithmetic and the source. Decision support, not legal advice."
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("gates")]

    def compose(self) -> ComposeResult:
        """Candidates, list, finding."""
        yield CandidateTabs(id="gate-tabs")
        with Horizontal(classes="two"):
            yield Grid["Gate"](
                [
                    Column("status", "Result", lambda g: Piece(WORD[g.status], pages.SIGN[g.status][1]),
                           sort=lambda g: ORDER[g.status]),
                    Column("gate", "Gate", lambda g: Piece(g.gate.replace("_", " "), "strong"), sort=lambda g: g.gate),
                    Column("title", "Finding", lambda g: g.title, grow=True, most=70),
                ],
                empty="", id="gate-list",
            )  # fmt: skip
            with VerticalScroll(classes="side", can_focus=False):
                yield Static("", id="gate-text")

    def first_focus(self) -> Widget:
        """The list."""
        return self.query_one("#gate-list")

    def draw(self, sight: Sight) -> None:
        """The gates of the chosen candidate."""
        candidate = self.query_one(CandidateTabs).show(sight.answer)
        grid: Grid[Gate] = self.query_one("#gate-list", Grid)
        grid.empty = "" if candidate is None else EMPTY  # of an answer that is not there yet nothing is said
        if candidate is None:
            grid.show([])
            self.query_one("#gate-text", Static).update(no_answer(sight))
            return
        grid.show(sorted(candidate.gates, key=lambda g: ORDER[g.status]), keep=lambda g: g.gate)

    @on(CandidateTabs.Chosen)
    def _chosen(self) -> None:
        self.draw(self.sight)

    def action_next_candidate(self) -> None:
        """The next candidate."""
        self.query_one(CandidateTabs).step(1)

    @on(Grid.Moved, "#gate-list")
    def _moved(self, event: Grid.Moved) -> None:
        self.query_one("#gate-text", Static).update(pages.gate_page(event.row))

    @on(Grid.Opened, "#gate-list")
    def _opened(self, event: Grid.Opened) -> None:
        from advisor.tui.widgets.dialogs import Reader

        self.app.push_screen(Reader(event.row.gate.replace("_", " "), pages.gate_page(event.row)))
