"""Claims: what articles and reports say, and what our own computation makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from advisor.tui import pages
from advisor.tui.actions import bindings
from advisor.tui.desk import Sight
from advisor.tui.screens.pane import Pane
from advisor.tui.widgets.grid import Column, Grid
from advisor.tui.widgets.tones import Piece, content

if TYPE_CHECKING:
    from advisor.domain.claim_check import ClaimCheck

LOOKS = {
    "confirmed": ("✓ confirmed", "good"), "contradicted": ("✗ contradicted", "bad"), "outdated": ("▲ outdated", "warn"),
    "arithmetic error": ("✗ arithmetic", "bad"), "unverifiable": ("? unverifiable", "dim"),
}  # fmt: skip


class ClaimsPane(Pane):
    """Public claims with verdicts."""

    PANE_ID = "claims"
    TEXT = ".side"
    HELP = (
        "Public claims about these parts, each recomputed from the catalog where a public fact can decide: confirmed,"
        " contradicted, outdated, an arithmetic error, or unverifiable, with our figure and the rule of the verdict."
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("claims")]

    def __init__(self) -> None:
        super().__init__()
        self._checks: tuple[ClaimCheck, ...] = ()
        self._bench: object = None

    def compose(self) -> ComposeResult:
        """Filter, list, claim."""
        with Horizontal(classes="filter"):
            yield Input(placeholder="/ to filter claims by text", compact=True, id="claims-search")
        yield Static("", id="claims-sum", classes="note")
        with Horizontal(classes="two"):
            yield Grid["ClaimCheck"](
                [
                    Column(
                        "verdict", "Verdict", lambda c: Piece(*LOOKS[c.verdict]), sort=lambda c: c.verdict, width=14
                    ),
                    Column("subject", "About", lambda c: Piece(c.subject, "strong"), sort=lambda c: c.subject, most=30),
                    Column("claimed", "Claimed", lambda c: f"{c.claimed} {c.unit}".strip(), most=22),
                    Column("ours", "Ours", lambda c: Piece(c.ours, "head"), most=22),
                    Column("metric", "What", lambda c: Piece(c.metric, "dim"), grow=True, most=50, least=16),
                ],
                empty="◌ Checking the claims …",
                id="claims-list",
            )
            with VerticalScroll(classes="side", can_focus=False):
                yield Static("", id="claims-text")

    def first_focus(self) -> Widget:
        """The list."""
        return self.query_one("#claims-list")

    def draw(self, sight: Sight) -> None:
        """Check the claims once, in a thread."""
        del sight
        bench = self.bench
        if bench is None or bench is self._bench:
            return
        self._bench = bench
        app = self.program

        def work() -> None:
            from advisor.engine.claims import check_claims
            from advisor.profiles.locate import find_profile
            from advisor.profiles.read import read_profile

            def recommend(name: str) -> object:
                return bench.advise(read_profile(find_profile(name)), draws=app.desk.live_draws)

            try:
                first = check_claims(bench.catalog, bench.as_of)
                app.call_back(self._checked, first, "◌ checking claims of advice … ")
                checks = check_claims(bench.catalog, bench.as_of, recommend)  # type: ignore[arg-type]
                app.call_back(self._checked, checks, "")
            except Exception as error:  # a fault of one check belongs on the screen
                app.call_back(self._checked, self._checks, f"✗ not all could be checked: {error}  ")

        app.in_thread(work)

    def _checked(self, checks: tuple[ClaimCheck, ...], more: str) -> None:
        if not self.is_mounted:
            return
        self._checks = checks
        counts = {v: sum(c.verdict == v for c in checks) for v in LOOKS}
        pieces: list[str | tuple[str, str]] = [(more, "warn")]
        for verdict, (text, tone) in LOOKS.items():
            pieces += [(f"{counts[verdict]} ", "strong"), (f"{text}   ", tone)]
        self.query_one("#claims-sum", Static).update(content(*pieces))
        self._filter()

    @on(Input.Changed, "#claims-search")
    def _filter(self) -> None:
        words = self.query_one("#claims-search", Input).value.casefold().split()
        rows = [c for c in self._checks if all(w in str(c).casefold() for w in words)]
        grid = self.query_one("#claims-list", Grid)
        grid.empty = "No claim matches. Press / and delete some letters." if self._checks else grid.empty
        grid.show(rows, keep=lambda c: c.id)
        if not rows:
            self.query_one("#claims-text", Static).update("")

    @on(Input.Submitted, "#claims-search")
    def _to_list(self) -> None:
        self.query_one("#claims-list").focus()

    @on(Grid.Moved, "#claims-list")
    def _moved(self, event: Grid.Moved) -> None:
        self.query_one("#claims-text", Static).update(claim_page(event.row))

    @on(Grid.Opened, "#claims-list")
    def _opened(self, event: Grid.Opened) -> None:
        from advisor.tui.widgets.dialogs import Reader

        self.app.push_screen(Reader(f"Claim {event.row.id}", claim_page(event.row)))

    def action_search(self) -> None:
        """Type a filter."""
        self.query_one("#claims-search").focus()


def claim_page(c: ClaimCheck) -> Content:
    """A claim with our figure and the rule."""
    text, tone = LOOKS[c.verdict]
    rows = (
        ("Claimed", f"{c.claimed} {c.unit}".strip()), ("Metric", c.metric), ("Conditions", c.conditions),
        ("Published", str(c.published or "undated")), ("Who", c.source_id), ("Ours", c.ours), ("Reckoned", c.formula),
        ("Evidence", c.evidence), ("Rule", c.rule), ("Sources", ", ".join(c.source_ids)),
        ("Rows", ", ".join(c.row_ids[:12]) + (" …" if len(c.row_ids) > 12 else "")),
    )  # fmt: skip
    head = content((c.subject, "head"), ("   " + text, tone))
    return pages.lines(head, *(content((f"{name}: ", "strong"), value) for name, value in rows if value))
