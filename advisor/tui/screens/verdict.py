"""Verdict: the headline, the comparison, and why not the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from advisor.tui import format as f
from advisor.tui import pages
from advisor.tui.actions import bindings
from advisor.tui.desk import Sight
from advisor.tui.screens.pane import Pane
from advisor.tui.widgets.grid import Column, Grid
from advisor.tui.widgets.tones import Piece, content

if TYPE_CHECKING:
    from advisor.domain.recommendation import Candidate, Recommendation

PATHS = {
    "gpus": "fleet.gpus", "cost": "cost.usd_per_month", "bar": "cost.usd_per_month",
    "adjusted": "risk_adjusted_usd_per_month",
    "paid": "cost.gpus_start", "rate": "cost.usd_per_gpu_hour", "mtok": "cost.usd_per_mtok_blended",
    "sure": "p_cheapest", "loss": "expected_loss_usd_per_month",
    "tps": "operating_point.output_tps_per_gpu", "grade": "operating_point.evidence_grade",
    "gates": "gates", "how": "deployment",
}  # fmt: skip
"""Where each column of the comparison stands in the tree, under its candidate."""


ROOM_FOR_BILL = 76
"""From this room on also what the bill counts: it is for the GPUs paid on average, not for those at the peak."""
ROOM_FOR_ADJUSTED = 30
"""From this room on also the cost by which candidates are ranked."""
ADJUSTED = 13
"""Cells that it takes, with the gap behind it."""


class VerdictPane(Pane):
    """The answer."""

    PANE_ID = "verdict"
    TEXT = "#verdict-scroll"
    HELP = (
        "The answer in one sentence, all candidates beside each other, and why not the others. The bars show P10,"
        " median and P90 of the cost on one scale, and as a diamond the cost with its risks, by which the candidates"
        " are ranked. GPUs are those at the peak; a wide screen also shows those paid on"
        " average in the first and the last month, and USD per hour of one, and Risk-adj., the figure of the diamond."
        " Move over a number and press e for its"
        " arithmetic and sources, d for everything about the candidate, s to sort by the column."
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("verdict")]

    def compose(self) -> ComposeResult:
        """Headline, table, two columns of text."""
        with VerticalScroll(id="verdict-scroll", can_focus=False):
            yield Static("", id="verdict-head")
            yield Grid[object]([], id="verdict-grid", empty="")
            yield Static("", id="risk-strip")
            with Horizontal(id="verdict-text"):
                yield Static("", id="verdict-why-not")
                yield Static("", id="verdict-reasons")

    def first_focus(self) -> Widget:
        """The table."""
        return self.query_one("#verdict-grid")

    def draw(self, sight: Sight) -> None:
        """Draw the answer, or say how to get one."""
        answer = sight.answer
        for name in ("verdict-grid", "risk-strip", "verdict-text"):
            self.query_one(f"#{name}").display = answer is not None
        head = self.query_one("#verdict-head", Static)
        if answer is None:
            head.update(no_answer(sight))
            return
        stale = content(("✗ The profile as it stands cannot be answered: ", "bad"), f"{sight.message}\n\n")
        head.update(pages.headline(answer) if sight.phase != "stuck" else stale + pages.headline(answer))
        grid: Grid[Candidate] = self.query_one("#verdict-grid", Grid)
        grid.columns = tuple(columns(answer, max(12, self.size.width - 94)))
        grid.show(answer.candidates, keep=lambda c: c.accelerator)
        grid.styles.height = grid.full_height
        self.query_one("#risk-strip", Static).update(risk_strip(answer))
        self.query_one("#verdict-reasons", Static).update(pages.reasons(answer))

    def on_resize(self) -> None:
        """The bars use the room there is."""
        self._drawn = None
        self.draw_now()

    @on(Grid.Moved, "#verdict-grid")
    def _moved(self, event: Grid.Moved) -> None:
        if self.sight.answer is not None:
            self.query_one("#verdict-why-not", Static).update(pages.why_not(event.row, self.sight.answer))

    @on(Grid.Opened, "#verdict-grid")
    def _opened(self, event: Grid.Opened) -> None:
        if event.column in PATHS:
            self.action_explain()
        else:
            self.action_detail()

    def action_detail(self) -> None:
        """Everything about the candidate."""
        from advisor.tui.widgets.dialogs import Reader

        candidate = self._current()
        if candidate is not None and self.sight.answer is not None:
            page = pages.candidate_page(candidate, self.sight.answer)
            self.app.push_screen(Reader(f"{candidate.name} in this answer", page))

    def action_explain(self) -> None:
        """Arithmetic and sources of the number under the cursor."""
        from advisor.tui.explain import open_explanation

        candidate = self._current()
        if candidate is None or self.sight.answer is None:
            return
        grid: Grid[Candidate] = self.query_one("#verdict-grid", Grid)
        inside = PATHS.get(grid.columns[grid.column].key, "cost.usd_per_month")
        open_explanation(self.program, self.sight.answer, f"candidates.{candidate.accelerator}.{inside}")

    def action_sort(self) -> None:
        """Sort by the column under the cursor."""
        self.query_one("#verdict-grid", Grid).action_sort()

    def _current(self) -> Candidate | None:
        grid: Grid[Candidate] = self.query_one("#verdict-grid", Grid)
        return grid.current


def no_answer(sight: Sight) -> Content:
    """What stands where an answer would."""
    if sight.phase == "empty":
        return content(("\n  No profile is open.\n\n", "strong"), "  Press 1 for the profiles and Enter to open one.")
    if sight.phase == "stuck":
        wrong = [p.told for p in sight.problems] or [sight.message]
        return content(("\n  ✗ There is no answer yet.\n\n", "bad"), *(f"  {text}\n\n" for text in wrong),
                       ("  Press 2 to correct it in the form.", "dim"))  # fmt: skip
    return content(("\n  ◌ Working out the answer …\n", "strong"))


def columns(answer: Recommendation, room: int) -> list[Column[Candidate]]:
    """The comparison, with bars on a scale that all candidates share."""
    costs = [c.cost.usd_per_month for c in answer.candidates if c.cost is not None]
    marks = [c.risk_adjusted_usd_per_month for c in answer.candidates if c.risk_adjusted_usd_per_month is not None]
    least = min((*(b.p10 for b in costs), *marks), default=0.0)
    most = max((*(b.p90 for b in costs), *marks), default=1.0)
    best = answer.verdict.choice.accelerator if answer.verdict.choice else ""
    adjusted: list[Column[Candidate]] = []
    if room >= ROOM_FOR_ADJUSTED:
        room -= ADJUSTED
        adjusted.append(
            Column(
                "adjusted",
                "Risk-adj.",
                lambda c: f.usd(c.risk_adjusted_usd_per_month),
                sort=lambda c: c.risk_adjusted_usd_per_month,
                right=True,
            )
        )
    width = min(room - 52 if room >= ROOM_FOR_BILL else room, 48)

    def sign(c: Candidate) -> Piece:
        if not c.feasible:
            return Piece("✗", "bad")
        return Piece("✓", "good") if c.accelerator == best else Piece(str(c.rank or "–"), "dim")

    def drawn(c: Candidate) -> Piece:
        if c.cost is None:
            return Piece(c.infeasible_reason or "not priced", "dim")
        b = c.cost.usd_per_month
        text = pages.bar(b.p10, b.p50, b.p90, least, most, width, c.risk_adjusted_usd_per_month)
        return Piece(text, "good" if c.accelerator == best else "s1")

    def gates(c: Candidate) -> Piece:
        failed = sum(g.status == "fail" for g in c.gates)
        conditions = sum(g.status == "condition" for g in c.gates)
        if failed:
            return Piece(f"✗ {failed} fail", "bad")
        return Piece(f"▲ {conditions} cond.", "warn") if conditions else Piece("✓ pass", "good")

    def grade(c: Candidate) -> str:
        return c.operating_point.evidence_grade if c.operating_point else f.MISSING

    def paid(c: Candidate) -> str:
        return f"{f.gpus(c.cost.gpus_start)} → {f.gpus(c.cost.gpus_end)}" if c.cost else f.MISSING

    bill: list[Column[Candidate]] = [
        Column("paid", "GPUs paid", paid, sort=lambda c: c.cost.gpus_start if c.cost else None, right=True),
        Column(
            "rate",
            "$/GPU-h",
            lambda c: f.usd(c.cost.usd_per_gpu_hour) if c.cost else f.MISSING,
            sort=lambda c: c.cost.usd_per_gpu_hour if c.cost else None,
            right=True,
        ),
    ]
    return [
        Column("sign", "", sign, width=1),
        Column(
            "name",
            "Candidate",
            lambda c: Piece(f.short(c.accelerator), "strong" if c.feasible else "dim"),
            sort=lambda c: c.name,
        ),
        Column(
            "gpus",
            "GPUs",
            lambda c: f"{c.fleet.gpus:,}" if c.fleet else f.MISSING,
            sort=lambda c: c.fleet.gpus if c.fleet else None,
            right=True,
        ),
        Column(
            "cost",
            "$/month",
            lambda c: Piece(f.usd(c.cost.usd_per_month.p50) if c.cost else f.MISSING, "strong"),
            sort=lambda c: c.cost.usd_per_month.p50 if c.cost else None,
            right=True,
        ),
        *adjusted,
        *(bill if room >= ROOM_FOR_BILL else ()),
        Column(
            "bar",
            "P10 ├──●──┤ P90  ◆ with risk" if width > 28 else "P10–P90 ◆risk" if width > 12 else "P10–90 ◆risk",
            drawn,
            sort=lambda c: c.cost.usd_per_month.p90 if c.cost else None,
            width=width,
        ),
        Column(
            "sure",
            "Cheapest",
            lambda c: f.share(c.p_cheapest) if c.feasible else f.MISSING,
            sort=lambda c: c.p_cheapest,
            right=True,
            best=True,
        ),
        Column(
            "mtok",
            "$/Mtok",
            lambda c: f.usd(c.cost.usd_per_mtok_blended.p50) if c.cost else f.MISSING,
            sort=lambda c: c.cost.usd_per_mtok_blended.p50 if c.cost else None,
            right=True,
        ),
        Column(
            "loss",
            "Risk/mo",
            lambda c: f.usd(c.expected_loss_usd_per_month),
            sort=lambda c: c.expected_loss_usd_per_month,
            right=True,
        ),
        Column(
            "tps",
            "out tok/s·GPU",
            lambda c: f.compact(c.operating_point.output_tps_per_gpu if c.operating_point else None),
            sort=lambda c: c.operating_point.output_tps_per_gpu if c.operating_point else None,
            right=True,
            best=True,
        ),
        Column("grade", "Evid.", grade, sort=grade),
        Column("gates", "Gates", gates),
        Column("how", "Deployment", lambda c: Piece(c.deployment.label if c.deployment else f.MISSING, "dim"), most=28),
    ]


def risk_strip(answer: Recommendation) -> Content:
    """The largest risks of the choice, in a line or two."""
    choice = answer.verdict.choice
    candidate = next((c for c in answer.candidates if choice and c.accelerator == choice.accelerator), None)
    if candidate is None or not candidate.risks:
        return content(("Risks: ", "strong"), ("none is reckoned without a choice.", "dim"))
    parts: list[str | tuple[str, str]] = [("Largest risks of the choice  ", "head")]
    for risk in candidate.risks[:4]:
        word, tone = pages.LEVEL[risk.level]
        parts += [(f"{word} ", tone), f"{risk.name} ", (f"{f.usd(risk.expected_loss_usd_per_month)}/mo   ", "dim")]
    return content(*parts)
