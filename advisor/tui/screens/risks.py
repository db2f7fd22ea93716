"""Risks: the register of each candidate, in USD."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widget import Widget
from textual.widgets import Static

from advisor.tui import format as f
from advisor.tui import pages
from advisor.tui.actions import bindings
from advisor.tui.desk import Sight
from advisor.tui.screens.pane import Pane
from advisor.tui.screens.picked import CandidateTabs
from advisor.tui.screens.verdict import no_answer
from advisor.tui.widgets.grid import Column, Grid
from advisor.tui.widgets.tones import Piece, content

if TYPE_CHECKING:
    from advisor.domain.risk import Risk

EMPTY = "No register: this candidate cannot serve the profile."


class RisksPane(Pane):
    """What could go wrong, how likely, what it costs, and who watches it."""

    PANE_ID = "risks"
    TEXT = ".side"
    HELP = (
        "A register, not a mood: each risk has a cause in the catalog or the profile, a likelihood with its basis, an"
        " effect in USD, a mitigation and an owner. Expected losses join the cost; the tail is shown apart. A"
        " likelihood or an effect can be overruled under Workload, Own numbers."
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("risks")]

    def compose(self) -> ComposeResult:
        """Candidates, sum, register, entry."""
        yield CandidateTabs(id="risk-tabs")
        yield Static("", id="risk-sum", classes="note")
        with Horizontal(classes="two"):
            yield Grid["Risk"](
                [
                    Column(
                        "level",
                        "Level",
                        lambda r: Piece(*pages.LEVEL[r.level]),
                        sort=lambda r: r.expected_loss_usd_per_month,
                        best=True,
                    ),
                    Column(
                        "name",
                        "Risk",
                        lambda r: Piece(r.name, "strong"),
                        sort=lambda r: r.name,
                        grow=True,
                        most=44,
                        least=26,
                    ),
                    Column(
                        "loss",
                        "$/month",
                        lambda r: f.usd(r.expected_loss_usd_per_month),
                        sort=lambda r: r.expected_loss_usd_per_month,
                        right=True,
                        best=True,
                    ),
                    Column(
                        "tail",
                        "Tail",
                        lambda r: Piece(f.usd(r.tail_usd_per_month), "dim"),
                        sort=lambda r: r.tail_usd_per_month,
                        right=True,
                        best=True,
                    ),
                    Column(
                        "p",
                        "A year",
                        lambda r: f.share(r.likelihood_per_year.mean),  # as in the report: times effect it is the loss
                        sort=lambda r: r.likelihood_per_year.mean,
                        right=True,
                        best=True,
                    ),
                    Column("category", "Kind", lambda r: Piece(r.category, "dim"), sort=lambda r: r.category),
                ],
                empty="",
                id="risk-list",
            )
            with VerticalScroll(classes="side", can_focus=False):
                yield Static("", id="risk-text")

    def first_focus(self) -> Widget:
        """The register."""
        return self.query_one("#risk-list")

    def draw(self, sight: Sight) -> None:
        """The register of the chosen candidate."""
        candidate = self.query_one(CandidateTabs).show(sight.answer)
        grid: Grid[Risk] = self.query_one("#risk-list", Grid)
        total = self.query_one("#risk-sum", Static)
        text = self.query_one("#risk-text", Static)
        grid.empty = "" if candidate is None else EMPTY  # of an answer that is not there yet nothing is said
        if candidate is None:
            grid.show([])
            total.update("")
            text.update(no_answer(sight))
            return
        if candidate.expected_loss_usd_per_month is not None and candidate.risk_adjusted_usd_per_month is not None:
            total.update(
                content(
                    "Expected loss ",
                    (f.usd_full(candidate.expected_loss_usd_per_month), "strong"),
                    " a month; cost with risk and appetite counted ",
                    (f.usd_full(candidate.risk_adjusted_usd_per_month), "strong"),
                    " a month.",
                )
            )
        else:
            total.update(content((candidate.infeasible_reason or "No risk is reckoned.", "dim")))
        if not candidate.risks:
            text.update("")
        grid.show(candidate.risks, keep=lambda r: r.id)

    @on(CandidateTabs.Chosen)
    def _chosen(self) -> None:
        self.draw(self.sight)

    def action_next_candidate(self) -> None:
        """The next candidate."""
        self.query_one(CandidateTabs).step(1)

    @on(Grid.Moved, "#risk-list")
    def _moved(self, event: Grid.Moved) -> None:
        self.query_one("#risk-text", Static).update(pages.risk_page(event.row))

    @on(Grid.Opened, "#risk-list")
    def _opened(self, event: Grid.Opened) -> None:
        from advisor.tui.widgets.dialogs import Reader

        self.app.push_screen(Reader(event.row.name, pages.risk_page(event.row)))
