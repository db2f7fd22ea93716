"""Curves: throughput per GPU against interactivity, measured and estimated."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Static

from advisor.tui import format as f
from advisor.tui.actions import bindings
from advisor.tui.desk import Sight
from advisor.tui.screens.pane import Pane
from advisor.tui.screens.picked import CandidateTabs
from advisor.tui.screens.verdict import no_answer
from advisor.tui.widgets.grid import Column, Grid
from advisor.tui.widgets.plot import Figure, Plot, Series
from advisor.tui.widgets.tones import Piece, content

if TYPE_CHECKING:
    from advisor.domain.recommendation import Candidate, Recommendation
    from advisor.domain.sizing import CurvePoint

LOOKS = (("s2", "▲"), ("s3", "■"), ("s4", "▼"), ("dim", "×"))


class CurvesPane(Pane):
    """The Pareto view."""

    PANE_ID = "curves"
    HELP = (
        "Each point of a curve is a load: more requests at once give more tokens per GPU and fewer per user. The dotted"
        " band is the 80 % interval, diamonds are measured rows, the dashed line is the service level (TPOT): a fleet"
        " must run to its right. Left and right walk the points; v shows the cost per million tokens instead."
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("curves")]

    def __init__(self) -> None:
        super().__init__()
        self.cost = False
        self.alone = False
        self.logarithmic = False

    def compose(self) -> ComposeResult:
        """Candidates, plot, points."""
        yield CandidateTabs(id="curve-tabs")
        with Horizontal(classes="curves-body"):
            yield Plot(id="curve-plot")
            yield Grid["CurvePoint"](
                [
                    Column("kind", "", lambda p: Piece("◆" if p.kind == "measured" else "●",
                                                       "accent" if p.kind == "measured" else "head"), width=1),
                    Column("conc", "At once", lambda p: f"{p.concurrency:,}", sort=lambda p: p.concurrency, right=True),
                    Column("user", "tok/s·user", lambda p: f.compact(p.interactivity_tps),
                           sort=lambda p: p.interactivity_tps, right=True),
                    Column("gpu", "tok/s·GPU", lambda p: f.compact(p.output_tps_per_gpu),
                           sort=lambda p: p.output_tps_per_gpu, right=True, best=True),
                    Column("ttft", "TTFT", lambda p: f.seconds(p.ttft_p50_s) if p.ttft_p50_s else f.MISSING,
                           sort=lambda p: p.ttft_p50_s, right=True),
                    Column("slo", "SLO", lambda p: Piece("✓", "good") if p.meets_slo else Piece("✗", "bad"), width=3),
                    Column("label", "Row", lambda p: Piece(p.label or "estimate", "dim"), most=40),
                ],
                empty="No points.", id="curve-points",
            )  # fmt: skip
        yield Static("", id="curve-text", classes="note")

    def first_focus(self) -> Widget:
        """The plot."""
        return self.query_one("#curve-plot")

    def draw(self, sight: Sight) -> None:
        """Draw the curves around the shown candidate."""
        candidate = self.query_one(CandidateTabs).show(sight.answer)
        plot = self.query_one(Plot)
        points: Grid[CurvePoint] = self.query_one("#curve-points", Grid)
        if candidate is None or sight.answer is None:
            plot.show(Figure(empty=""))
            points.show([])
            self.query_one("#curve-text", Static).update(no_answer(sight))
            return
        estimates = [p for p in candidate.curve if p.kind == "estimate"]
        at = _index_of_chosen(candidate, estimates)
        plot.show(figure(sight.answer, candidate, cost=self.cost, alone=self.alone, log=self.logarithmic), at)
        points.show([*estimates, *(p for p in candidate.curve if p.kind == "measured")])
        self._tell(at)

    def _candidate(self) -> Candidate | None:
        answer = self.sight.answer
        at = self.query_one(CandidateTabs).at
        return next((c for c in answer.candidates if c.accelerator == at), None) if answer else None

    def _tell(self, index: int) -> None:
        candidate = self._candidate()
        if candidate is None:
            return
        estimates = [p for p in candidate.curve if p.kind == "estimate"]
        text = self.query_one("#curve-text", Static)
        if not estimates:
            text.update(content((f"{candidate.name}: no curve. {candidate.infeasible_reason}", "dim")))
            return
        p = estimates[min(index, len(estimates) - 1)]
        rate = usd_per_mtok(candidate, p)
        money = f", {f.usd(rate)} per Mtok out at full load" if rate is not None else ""
        text.update(content(
            (f"{f.short(candidate.accelerator)} ", "strong"), f"{p.concurrency:,} at once per replica: ",
            (f"{p.output_tps_per_gpu:,.0f} tok/s per GPU", "strong"),
            f" ({p.output_tps_lo:,.0f} to {p.output_tps_hi:,.0f}), {p.interactivity_tps:.3g} tok/s per user, TTFT"
            f" {f.seconds(p.ttft_p50_s)}, TPOT {f.seconds(p.tpot_p50_s)}{money}. ",
            ("✓ meets the service level" if p.meets_slo else "✗ misses the service level",
             "good" if p.meets_slo else "bad"),
        ))  # fmt: skip

    @on(CandidateTabs.Chosen)
    def _chosen(self) -> None:
        self.draw(self.sight)

    @on(Plot.Walked)
    def _walked(self, event: Plot.Walked) -> None:
        self._tell(event.index)
        grid: Grid[CurvePoint] = self.query_one("#curve-points", Grid)
        candidate = self._candidate()
        if candidate is not None:
            estimates = [p for p in candidate.curve if p.kind == "estimate"]
            if event.index < len(estimates):
                wanted = estimates[event.index]
                grid.select(lambda p: p is wanted)

    @on(Grid.Moved, "#curve-points")
    def _picked(self, event: Grid.Moved) -> None:
        candidate = self._candidate()
        if candidate is None or not event.grid.has_focus:
            return
        estimates = [p for p in candidate.curve if p.kind == "estimate"]
        index = next((i for i, p in enumerate(estimates) if p is event.row), None)
        if index is not None:
            self.query_one(Plot).at = index
            self._tell(index)

    @on(Grid.Opened, "#curve-points")
    async def _opened(self, event: Grid.Opened) -> None:
        if event.row.row_id:
            await self.program.show_evidence(event.row.row_id)
        else:
            self.notify("An estimate has no row; measured points (◆) open theirs.", timeout=4)

    def action_metric(self) -> None:
        """Throughput, or cost per million tokens."""
        self.cost = self.logarithmic = not self.cost
        self.draw(self.sight)

    def action_next_series(self) -> None:
        """The next candidate."""
        self.query_one(CandidateTabs).step(1)

    def action_only(self) -> None:
        """Hide or show the others."""
        self.alone = not self.alone
        self.draw(self.sight)

    def action_logs(self) -> None:
        """Linear or logarithmic."""
        self.logarithmic = not self.logarithmic
        self.draw(self.sight)


def usd_per_mtok(candidate: Candidate, point: CurvePoint) -> float | None:
    """Cost of output tokens at the load of a point, every GPU-hour at the candidate's own rate [USD/Mtok]."""
    if candidate.cost is None or point.output_tps_per_gpu <= 0:
        return None
    from advisor.domain.units import usd_per_mtok as per_mtok

    return per_mtok(candidate.cost.usd_per_gpu_hour, point.output_tps_per_gpu)


def _index_of_chosen(candidate: Candidate, estimates: list[CurvePoint]) -> int:
    point = candidate.operating_point
    if point is None or not estimates:
        return 0
    return min(range(len(estimates)), key=lambda i: abs(estimates[i].concurrency - point.concurrency))


def figure(answer: Recommendation, candidate: Candidate, *, cost: bool, alone: bool, log: bool) -> Figure:
    """The curves of an answer with one candidate in front."""
    series: list[Series] = []
    others = [] if alone else [c for c in answer.candidates if c is not candidate and c.curve][:4]
    for other, (tone, mark) in zip(others, LOOKS, strict=False):
        estimates = [p for p in other.curve if p.kind == "estimate"]
        series.append(_line(other, estimates, tone, mark, cost, False))
    estimates = [p for p in candidate.curve if p.kind == "estimate"]
    measured = [p for p in candidate.curve if p.kind == "measured"]
    series.append(_line(candidate, estimates, "s1", "", cost, True))
    if measured:
        ys = [usd_per_mtok(candidate, p) if cost else p.output_tps_per_gpu for p in measured]
        pairs = [(p.interactivity_tps, y) for p, y in zip(measured, ys, strict=True) if y is not None]
        name = f"measured, {f.short(candidate.accelerator)} ({measured[0].label.rpartition(', ')[2]})"
        series.append(
            Series("measured", name, tuple(x for x, _ in pairs), tuple(y for _, y in pairs), "accent", "◆", False)
        )
    tier = answer.profile.tiers[0]
    limit = 1000.0 / tier.slo.tpot_ms if tier.slo.tpot_ms else None
    point = candidate.operating_point
    chosen = None
    if point is not None:
        y: float | None = point.output_tps_per_gpu
        if cost:
            near = min(estimates, key=lambda p: abs(p.concurrency - point.concurrency), default=None)
            y = usd_per_mtok(candidate, near) if near is not None else None
        chosen = (point.interactivity_tps, y) if y is not None else None
    return Figure(
        series=tuple(s for s in series if s.xs), x_title="tok/s per user (1/TPOT) →",
        y_title="↑ USD per million output tokens, GPUs fully loaded" if cost else "↑ output tok/s per GPU",
        limit_x=limit, limit_name=f"TPOT {tier.slo.tpot_ms:g} ms" if tier.slo.tpot_ms else "", chosen=chosen, log_y=log,
        empty=f"{candidate.name}: no curve.\n{candidate.infeasible_reason}",
    )  # fmt: skip


def _line(candidate: Candidate, points: list[CurvePoint], tone: str, mark: str, cost: bool, front: bool) -> Series:
    known = [p for p in points if not cost or usd_per_mtok(candidate, p) is not None]
    xs = tuple(p.interactivity_tps for p in known)
    if cost:
        ys = tuple(usd_per_mtok(candidate, p) or 0.0 for p in known)
        lows: tuple[float, ...] = ()
        highs: tuple[float, ...] = ()
    else:
        ys = tuple(p.output_tps_per_gpu for p in known)
        lows = tuple(p.output_tps_lo for p in known) if front else ()
        highs = tuple(p.output_tps_hi for p in known) if front else ()
    name = f.short(candidate.accelerator) + (f" {candidate.deployment.label}" if front and candidate.deployment else "")
    return Series(candidate.accelerator, name, xs, ys, tone, mark, True, lows, highs, walk=front)
