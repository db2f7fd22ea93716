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
from advisor.tui.curve_choice import CurveChoice, OtherCurves
from advisor.tui.curve_figure import Shown, figure, own_curve, point_text
from advisor.tui.desk import Sight
from advisor.tui.screens.pane import Pane
from advisor.tui.screens.picked import CandidateTabs
from advisor.tui.screens.verdict import no_answer
from advisor.tui.widgets.chips import MORE, Chips
from advisor.tui.widgets.grid import Column, Grid
from advisor.tui.widgets.plot import Figure, Plot
from advisor.tui.widgets.tones import Piece

if TYPE_CHECKING:
    from advisor.domain.sizing import CurvePoint


def _held(p: CurvePoint) -> Piece:
    if p.kind == "measured":  # at lengths of its own
        return Piece(f.MISSING, "dim")
    return Piece("✓", "good") if p.meets_slo else Piece("✗", "bad")


class CurvesPane(Pane):
    """The Pareto view."""

    PANE_ID = "curves"
    HELP = (
        "Each point of a curve is a load: more requests at once give more tokens per GPU and fewer per user. The dotted"
        " band is the 80 % interval, diamonds are measured rows, the dashed line is the service level (TPOT): a fleet"
        " must run to its right. Left and right walk the points; v shows the cost per million tokens instead."
        " The answer chose one model, precision and engine: t, p and n show any other that can run here,"
        " beside the choice (○)."
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("curves")]

    def __init__(self) -> None:
        super().__init__()
        self.cost = False
        self.alone = False
        self.logarithmic = False
        self.choice = CurveChoice()
        self.shown: Shown | None = None
        self._others: OtherCurves | None = None

    def compose(self) -> ComposeResult:
        """Candidates, choices, plot, points."""
        yield CandidateTabs(id="curve-tabs")
        yield Chips(id="curve-chips")
        with Horizontal(classes="curves-body"):
            yield Plot(id="curve-plot")
            yield Grid["CurvePoint"](
                [
                    Column("kind", "", lambda p: Piece("◆", "head") if p.kind == "measured" else Piece("●", "s1"),
                           width=1),
                    Column("conc", "At once", lambda p: f"{p.concurrency:,}", sort=lambda p: p.concurrency, right=True),
                    Column("user", "tok/s·user", lambda p: f.compact(p.interactivity_tps),
                           sort=lambda p: p.interactivity_tps, right=True),
                    Column("gpu", "out tok/s·GPU", lambda p: f.compact(p.output_tps_per_gpu),
                           sort=lambda p: p.output_tps_per_gpu, right=True, best=True),
                    Column("mtok", "$/Mtok", lambda p: f.usd(p.usd_per_mtok_output) if p.usd_per_mtok_output is not None
                           else f.MISSING, sort=lambda p: p.usd_per_mtok_output, right=True),
                    Column("ttft", "TTFT", lambda p: f.seconds(p.ttft_p50_s) if p.ttft_p50_s else f.MISSING,
                           sort=lambda p: p.ttft_p50_s, right=True),
                    Column("slo", "SLO", _held, width=3),
                    Column("label", "Row", lambda p: Piece(p.label or "estimate", "dim"), most=40),
                ],
                empty="", id="curve-points",
            )  # fmt: skip
        yield Static("", id="curve-text", classes="note")

    def first_focus(self) -> Widget:
        """The plot."""
        return self.query_one("#curve-plot")

    def draw(self, sight: Sight) -> None:
        """Draw the curves around the shown candidate."""
        answer = sight.answer
        candidate = self.query_one(CandidateTabs).show(answer)
        points: Grid[CurvePoint] = self.query_one("#curve-points", Grid)
        chips = self.query_one(Chips)
        if candidate is None or answer is None:
            self.shown = None
            self.query_one(Plot).show(Figure(empty=""))
            points.empty = ""
            points.show([])
            chips.show([])
            self.query_one("#curve-text", Static).update(no_answer(sight))
            return
        if self.choice.tier not in [w.name for w in answer.profile.tiers]:
            self.choice.pick_tier(candidate.tiers[0].name if candidate.tiers else answer.profile.tiers[0].name)
        if self._others is None:
            self._others = OtherCurves(self.program.in_thread, self.program.call_back, self._more)
        desk = self.program.desk
        found, note = self._others.of(
            desk.facts, desk.folder, answer, (candidate.accelerator, self.choice.tier, self.choice.model)
        )
        self.shown = shown = self.choice.shown(answer, candidate, found)
        own = own_curve(answer, candidate, self.choice.tier) if not self.choice.model else None
        chips.show(self.choice.groups(answer, shown, found), note)
        alone = self.alone or bool(self.choice.model)
        at = shown.at
        self.query_one(Plot).show(
            figure(answer, shown, own=None if shown.own else own, cost=self.cost, alone=alone, log=self.logarithmic), at
        )
        points.empty = "No points."
        points.show([*shown.estimates, *shown.measured])
        self._tell(at)

    def _more(self) -> None:
        """Other curves have come."""
        if self.is_mounted and self.display:
            self.draw(self.sight)

    def _tell(self, index: int) -> None:
        if self.shown is not None:
            self.query_one("#curve-text", Static).update(point_text(self.shown, index))

    @on(CandidateTabs.Chosen)
    def _chosen(self) -> None:
        self.draw(self.sight)

    @on(Plot.Walked)
    def _walked(self, event: Plot.Walked) -> None:
        self._tell(event.index)
        grid: Grid[CurvePoint] = self.query_one("#curve-points", Grid)
        if self.shown is not None and event.index < len(self.shown.estimates):
            wanted = self.shown.estimates[event.index]
            grid.select(lambda p: p is wanted)

    @on(Grid.Moved, "#curve-points")
    def _picked(self, event: Grid.Moved) -> None:
        if self.shown is None or not event.grid.has_focus:
            return
        index = next((i for i, p in enumerate(self.shown.estimates) if p is event.row), None)
        if index is not None:
            self.query_one(Plot).at = index
            self._tell(index)

    @on(Chips.Chosen)
    def _chip(self, event: Chips.Chosen) -> None:
        self._choose(event.group, event.name)

    def _choose(self, group: str, name: str) -> None:
        d = self.shown.deployment if self.shown else None
        if group == "model" and name == MORE:
            self._ask_model()
        elif group == "model":
            tiers = [w.name for w in self.sight.answer.profile.tiers] if self.sight.answer else []
            if name in tiers:
                self.choice.pick_tier(name)
        elif group == "precision":
            self.choice.precision, self.choice.engine = name, d.engine if d else ""
        else:
            self.choice.precision, self.choice.engine = d.precision if d else "", name
        self.draw(self.sight)

    def _ask_model(self) -> None:
        from advisor.tui.pickers import models
        from advisor.tui.widgets.dialogs import Picker

        bench = self.bench
        if bench is None:
            return

        def picked(model: str | None) -> None:
            if model:
                self.choice.pick_tier(self.choice.tier, model)
                self.draw(self.sight)

        self.app.push_screen(Picker("Curve of another model at this load", models(bench), at=self.choice.model), picked)

    def action_next_model(self) -> None:
        """The next workload of the profile, then any other model."""
        self._step("model")

    def action_next_precision(self) -> None:
        """The next precision that runs here."""
        self._step("precision")

    def action_next_engine(self) -> None:
        """The next engine at this precision."""
        self._step("engine")

    def _step(self, group: str) -> None:
        found = next((g for g in self.query_one(Chips).groups if g.id == group), None)
        names = [n for n, _ in found.names] if found else []
        if found is None or not names:
            return
        if len(names) < 2:
            self.notify(f"Nothing else is known to run here yet: {found.label.lower()} {found.names[0][1]}.", timeout=3)
            return
        at = names.index(found.at) if found.at in names else -1
        self._choose(group, names[(at + 1) % len(names)])

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
