"""Backtest: how often this advice would have been right."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Static

from advisor.domain.backtest import SCHEME_WORDS
from advisor.tui import format as f
from advisor.tui.actions import bindings
from advisor.tui.backtesting import BacktestJob, Job, Progress
from advisor.tui.desk import Sight
from advisor.tui.screens.pane import Pane
from advisor.tui.widgets.grid import Column, Grid
from advisor.tui.widgets.spark import gauge
from advisor.tui.widgets.tones import Piece, content

if TYPE_CHECKING:
    from advisor.domain.backtest import BacktestResult, Score

METRIC = {"tpot_p50_s": "TPOT", "ttft_p50_s": "TTFT", "total_tps_per_gpu": "tok/s per GPU"}


class BacktestPane(Pane):
    """The stored backtest, and a run of it on the present evidence."""

    PANE_ID = "backtest"
    TEXT = "#backtest-top"
    HELP = (
        "Evidence is left out in turn and predicted: a point, a whole shape, a model, a part, and the future. The error"
        " is that of the prediction; coverage is how often the 80 % interval held the truth; the decision score is how"
        " often the cheapest part was named right, and what a wrong name would have cost. r runs it anew, which takes"
        " minutes and lets you work on meanwhile; c cancels it, and the stored result stays."
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("backtest")]

    def __init__(self) -> None:
        super().__init__()
        self._bench: object = None
        self._state: Content = Content("")
        self.result: BacktestResult | None = None
        self.job: BacktestJob | None = None
        self.progress: Progress | None = None

    def compose(self) -> ComposeResult:
        """Summary, scores."""
        with Horizontal(id="backtest-line"):
            yield Button("Run now (r)", id="backtest-run", compact=True)
            yield Button("Cancel (c)", id="backtest-cancel", compact=True)
            yield Static("", id="backtest-state")
        with VerticalScroll(id="backtest-top", can_focus=False):
            yield Static("", id="backtest-text")
        yield Grid["Score"](
            [
                Column(
                    "scheme",
                    "Left out",
                    lambda s: Piece(SCHEME_WORDS.get(s.scheme, s.scheme), "strong"),
                    sort=lambda s: s.scheme,
                    width=20,
                ),
                Column(
                    "metric", "Predicted", lambda s: METRIC.get(s.metric, s.metric), sort=lambda s: s.metric, width=14
                ),
                Column("slice", "Slice", lambda s: s.slice, sort=lambda s: s.slice, most=34),
                Column("n", "Rows", lambda s: f"{s.n:,}", sort=lambda s: s.n, right=True, best=True),
                Column(
                    "median",
                    "Median error",
                    lambda s: Piece(f.share(s.median_ape, 1), "head"),
                    sort=lambda s: s.median_ape,
                    right=True,
                ),
                Column("mean", "Mean", lambda s: f.share(s.mean_ape, 1), sort=lambda s: s.mean_ape, right=True),
                Column("bias", "Bias", lambda s: f.change(s.bias, 1), sort=lambda s: s.bias, right=True),
                Column(
                    "cover",
                    "In the 80 % interval",
                    lambda s: Piece(f.share(s.coverage), "good" if 0.75 <= s.coverage <= 0.9 else "warn"),
                    sort=lambda s: s.coverage,
                    right=True,
                ),
            ],
            empty="No stored backtest belongs to this evidence. Press r to run it now; it takes minutes.",
            id="backtest-grid",
        )

    def first_focus(self) -> Widget:
        """The scores."""
        return self.query_one("#backtest-grid")

    def draw(self, sight: Sight) -> None:
        """Show the stored result."""
        del sight
        bench = self.bench
        if bench is not None and bench is not self._bench:
            from advisor.domain.errors import AdvisorError

            self._bench = bench
            try:
                self.result = bench.stored_backtest()
            except AdvisorError as error:
                self._state = content((f"✗ {error}", "bad"))
        self._show()

    def _show(self) -> None:
        grid: Grid[Score] = self.query_one("#backtest-grid", Grid)
        grid.show(self.result.scores if self.result else [], keep=lambda s: (s.scheme, s.metric, s.slice))
        self.query_one("#backtest-text", Static).update(summary(self.result) if self.result else "")
        self._show_state()

    def _show_state(self) -> None:
        running = self.job is not None
        self.query_one("#backtest-run", Button).disabled = running or self.bench is None
        self.query_one("#backtest-cancel", Button).disabled = not running
        state = self.query_one("#backtest-state", Static)
        if running:
            p = self.progress or Progress("starting", 0.0)
            room = max(6, min(24, state.size.width - 40))
            state.update(content(("◌ ", "warn"), gauge(p.share, room), f" {f.share(p.share)}  ", (p.stage, "dim")))
        else:
            state.update(self._state)

    @on(Button.Pressed, "#backtest-run")
    def action_run(self) -> None:
        """Run it on the present evidence."""
        bench = self.bench
        if bench is None:
            self.notify("The catalog is still being read; try again in a moment.", timeout=3)
            return
        if self.job is not None:
            return
        self.job = BacktestJob(Job.of(bench), self.program.call_back, self._told, self._ended)
        self.progress = None
        self.query_one("#backtest-grid").focus()  # the button is about to be disabled, and keys go by the focus
        self._show_state()
        self.job.start()

    @on(Button.Pressed, "#backtest-cancel")
    def action_cancel(self) -> None:
        """End the run; the result from before stays."""
        if self.job is not None:
            self.query_one("#backtest-grid").focus()
            self.job.cancel()
        else:
            self.notify("Nothing is running.", timeout=2)

    def _told(self, progress: Progress) -> None:
        self.progress = progress
        if self.is_mounted and self.job is not None:
            self._show_state()

    def _ended(self, result: BacktestResult | None, error: str) -> None:
        self.job = None
        if error:
            self._state = content((f"✗ It could not be run: {error}", "bad"))
        elif result is None:
            self._state = content(("▲ Cancelled. ", "warn"), "The result below is the one from before.")
        else:
            self._state = content(("✓ Run just now ", "good"), "on the evidence at hand.")
        self.result = result or self.result
        if self.is_mounted:
            self._show()
        if self.program.at != "backtest":
            self.notify(error or "The backtest has ended; its result is under Backtest (b).", timeout=8)

    @on(Grid.Opened, "#backtest-grid")
    def _opened(self) -> None:
        from advisor.tui.widgets.dialogs import Reader

        if self.result is not None:
            self.app.push_screen(Reader("How the backtest was done", content("\n".join(self.result.notes))))


def summary(result: BacktestResult) -> Content:
    """Decisions and targets."""
    parts = [content(("How often would this advice have been right?\n", "head"))]
    for d in result.decisions:
        parts.append(
            content(
                (f"{f.share(d.right_share)} ", "strong"),
                f"{d.label}: {d.n:,} comparisons, {f.share(d.mean_regret, 1)} too dear on average,"
                f" {f.share(d.worst_regret)} at worst, {f.share(d.too_close_share)} too close to call\n",
            )
        )
    if result.targets:
        parts.append(content(("What it is held to\n", "head")))
    for t in result.targets:
        sign, tone = ("✓", "good") if t.met else ("✗", "bad")
        parts.append(
            content((f"{sign} ", tone), f"{in_words(t.name)}: ", (f.share(t.reached, 1), "strong"),
                    (f" (asked {f.share(t.asked, 1)})\n", "dim"))
        )  # fmt: skip
    parts.append(content((f"{result.measurements:,} independent measurements left out in turn.\n", "dim")))
    return Content("").join(parts)


def in_words(name: str) -> str:
    """A target's name with the metric as the field calls it."""
    for metric, word in METRIC.items():
        name = name.replace(metric, word)
    return name
