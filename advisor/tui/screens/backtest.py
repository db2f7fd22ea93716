"""Backtest: how often this advice would have been right."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from advisor.tui import format as f
from advisor.tui.actions import bindings
from advisor.tui.desk import Sight
from advisor.tui.screens.pane import Pane
from advisor.tui.widgets.grid import Column, Grid
from advisor.tui.widgets.tones import Piece, content

if TYPE_CHECKING:
    from advisor.domain.backtest import BacktestResult, Score

METRIC = {"tpot_p50_s": "TPOT", "ttft_p50_s": "TTFT", "total_tps_per_gpu": "tok/s per GPU"}
SCHEME = {
    "point": "one point", "shape": "a shape", "model_shape": "a model at a shape", "pair": "a part with a model",
    "accelerator": "a whole part", "future": "the future",
}  # fmt: skip


class BacktestPane(Pane):
    """The stored backtest, and a run of it on the present evidence."""

    PANE_ID = "backtest"
    HELP = (
        "Evidence is left out in turn and predicted: a point, a whole shape, a model, a part, and the future. The error"
        " is that of the prediction; coverage is how often the 80 % interval held the truth; the decision score is how"
        " often the cheapest part was named right, and what a wrong name would have cost."
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("backtest")]

    def __init__(self) -> None:
        super().__init__()
        self._bench: object = None
        self._state = ""
        self.result: BacktestResult | None = None

    def compose(self) -> ComposeResult:
        """Summary, scores."""
        with VerticalScroll(id="backtest-top", can_focus=False):
            yield Static("", id="backtest-text")
        yield Grid["Score"](
            [
                Column(
                    "scheme",
                    "Left out",
                    lambda s: Piece(SCHEME.get(s.scheme, s.scheme), "strong"),
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
                Column("bias", "Bias", lambda s: f"{s.bias * 100:+.1f} %", sort=lambda s: s.bias, right=True),
                Column(
                    "cover",
                    "In the 80 % interval",
                    lambda s: Piece(f.share(s.coverage), "good" if 0.75 <= s.coverage <= 0.9 else "warn"),
                    sort=lambda s: s.coverage,
                    right=True,
                ),
            ],
            empty="No stored backtest was found. Press r to run it now; it takes a minute or two.",
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
                self._state = f"✗ {error}"
        self._show()

    def _show(self) -> None:
        text = self.query_one("#backtest-text", Static)
        grid: Grid[Score] = self.query_one("#backtest-grid", Grid)
        grid.show(self.result.scores if self.result else [])
        parts = [summary(self.result)] if self.result is not None else []
        if self._state:
            parts.insert(0, content((f"{self._state}\n", "warn")))
        text.update(Content("").join(parts))

    def action_run(self) -> None:
        """Run it on the present evidence."""
        bench, app = self.bench, self.program
        if bench is None or self._state.startswith("◌"):
            return
        self._state = "◌ Running: every measurement is left out and predicted. It goes on if you leave this screen."
        self._show()

        def work() -> None:
            try:
                result, error = bench.run_backtest(), ""
            except Exception as problem:  # whatever it is belongs on the screen, not on the terminal
                result, error = None, f"✗ It could not be run: {problem}"
            app.call_back(self._ran, result, error)

        app.in_thread(work)

    def _ran(self, result: BacktestResult | None, error: str) -> None:
        self._state = error
        self.result = result or self.result
        if self.is_mounted:
            self._show()

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
                f"of {d.n:,} {d.label}; a wrong name costs"
                f" {f.share(d.mean_regret, 1)} on average, {f.share(d.worst_regret)} at worst; too close to"
                f" call {f.share(d.too_close_share)}\n",
            )
        )
    if result.targets:
        parts.append(content(("What it is held to\n", "head")))
    for t in result.targets:
        sign, tone = ("✓", "good") if t.met else ("✗", "bad")
        parts.append(
            content((f"{sign} ", tone), f"{t.name}: ", (f"{t.reached:g}", "strong"), (f" (asked {t.asked:g})\n", "dim"))
        )
    parts.append(content((f"{result.measurements:,} independent measurements left out in turn.\n", "dim")))
    return Content("").join(parts)
