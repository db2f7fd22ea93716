"""Curves by model, precision and engine: the answer's own, and those that are worked out when somebody looks."""

from __future__ import annotations

import math
from typing import Any

import pytest
from textual.widgets import Static

from advisor.tui.app import AdvisorApp
from advisor.tui.screens.curves import CurvesPane
from advisor.tui.themes import THEMES
from advisor.tui.widgets.chips import Chips
from advisor.tui.widgets.dialogs import Picker
from advisor.tui.widgets.plot import Plot
from advisor.tui.widgets.tones import tone_styles
from tests.tui.conftest import KeptFacts, opened, screen_text, settled
from tests.tui.frozen import frozen_answer


async def curves(app: AdvisorApp, pilot: Any) -> CurvesPane:
    await opened(pilot, show="curves")
    pane = app.pane
    assert isinstance(pane, CurvesPane)
    await settled(pilot, lambda: len(app.query_one(Chips).groups) == 3 and not app.query_one(Chips).note)
    return pane


def names(app: AdvisorApp) -> list[str]:
    return [s.name for s in app.query_one(Plot).figure.series]


async def test_other_precisions_and_engines_stand_beside_the_choice(app: AdvisorApp) -> None:
    own = frozen_answer().candidates[0]
    assert own.deployment is not None
    async with app.run_test(size=(140, 40)) as pilot:
        pane = await curves(app, pilot)
        assert pane.shown is not None
        assert pane.shown.own
        await pilot.press("n")
        assert not pane.shown.own
        assert pane.shown.deployment.engine != own.deployment.engine  # type: ignore[union-attr]
        assert f"chosen: {own.deployment.label}" in names(app)
        await pilot.press("p")
        assert pane.shown.deployment.precision == "bf16"  # type: ignore[union-attr]
        assert "bf16" in str(names(app))
        await pilot.press("p")
        assert pane.shown.deployment.precision == own.deployment.precision  # type: ignore[union-attr]
        while not pane.shown.own:
            await pilot.press("n")
        assert "chosen:" not in str(names(app))


async def test_by_mouse(app: AdvisorApp) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        pane = await curves(app, pilot)
        chips = app.query_one(Chips)
        place = next(p for _, places in chips._lines for p in places if p.name == "bf16")
        await pilot.click(chips, offset=(place.start + 1, 0))
        assert pane.shown is not None
        assert pane.shown.deployment.precision == "bf16"  # type: ignore[union-attr]
        place = next(p for _, places in chips._lines for p in places if p.name == "…")
        await pilot.click(chips, offset=(place.start + 1, 0))
        assert isinstance(app.screen, Picker)


async def test_any_model_of_the_catalog_at_this_load(app: AdvisorApp, kept: KeptFacts) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        pane = await curves(app, pilot)
        await pilot.press("t")
        assert isinstance(app.screen, Picker)
        await pilot.press(*"mixtral", "enter")
        await settled(pilot, lambda: pane.shown is not None and pane.shown.deployment is not None)
        assert "mixtral" in kept.curves_asked[-1][2]
        assert "mixtral" in screen_text(app)
        await pilot.press("t")
        await pilot.press("escape")


async def test_the_cost_on_screen_is_that_of_the_tree(app: AdvisorApp) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        pane = await curves(app, pilot)
        await pilot.press("v")
        assert pane.shown is not None
        front = app.query_one(Plot).figure.series[-2 if pane.shown.measured else -1]
        assert list(front.ys) == [p.usd_per_mtok_output for p in frozen_answer().candidates[0].curve
                                  if p.kind == "estimate"]  # fmt: skip
        await pilot.press("home")
        assert "per Mtok out at full load" in str(app.query_one("#curve-text", Static).render())


async def test_they_are_worked_out_only_when_somebody_looks(app: AdvisorApp, kept: KeptFacts) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        await opened(pilot, show="verdict")
        assert kept.curves_asked == []
        await app.go("curves")
        await settled(pilot, lambda: bool(kept.curves_asked))


@pytest.mark.parametrize("theme", [t.name for t in THEMES])
async def test_measured_points_are_taken_for_no_rival_s(app: AdvisorApp, theme: str) -> None:
    """They had the first rival's very colour, beside marks of nearly its shape."""
    async with app.run_test(size=(140, 40)) as pilot:
        app.theme = theme
        pane = await curves(app, pilot)
        while pane.shown is None or not pane.shown.measured:
            await pilot.press("a")
        series = {s.key: s for s in app.query_one(Plot).figure.series}
        assert series["measured"].mark == "◆"
        measured = colour(app, series.pop("measured").tone)
        front = colour(app, next(s.tone for s in series.values() if s.walk))
        rivals = [colour(app, s.tone) for s in series.values() if not s.walk]
        assert rivals
        assert min(math.dist(measured, r) for r in rivals) > 60
        assert math.dist(measured, front) < min(math.dist(front, r) for r in rivals)


def colour(app: AdvisorApp, tone: str) -> tuple[int, int, int]:
    found = tone_styles(app)[tone].color
    assert found is not None
    return found.get_truecolor()
