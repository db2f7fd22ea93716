"""Text that goes on below the screen is reached by keyboard, from wherever the keyboard is when a screen is shown."""

from __future__ import annotations

import pytest
from textual.containers import VerticalScroll
from textual.pilot import Pilot
from textual.widgets import Static

from advisor.tui.actions import PANES
from advisor.tui.app import AdvisorApp
from advisor.tui.explain import Explanation
from advisor.tui.screens.pane import Pane
from advisor.tui.widgets.grid import Grid
from advisor.tui.widgets.lever_list import LeverList
from tests.tui.conftest import opened, screen_text, settled, still_text
from tests.tui.test_screens import BACKTEST


async def shown(app: AdvisorApp, pilot: Pilot[None], pane: str) -> Pane:
    await app.go(pane)
    if pane == "backtest":
        app.pane.result = BACKTEST  # type: ignore[attr-defined]
        app.pane._show()  # type: ignore[attr-defined]
    await still_text(pilot)
    return app.pane


@pytest.mark.parametrize("size", [(80, 24), (200, 50)], ids=["80x24", "200x50"])
async def test_every_text_is_read_to_its_end_by_keyboard(
    app: AdvisorApp, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("advisor.tui.screens.claims.ClaimsPane.draw", lambda self, sight: None)
    monkeypatch.setattr("advisor.tui.screens.export.ExportPane._show_preview", lambda self, answer: None)
    long = 0
    async with app.run_test(size=size) as pilot:
        await opened(pilot)
        for info in PANES:
            pane = await shown(app, pilot, info.id)
            boxes = [b for b in pane.query(VerticalScroll) if b.display and b.max_scroll_y > 0]
            long += bool(boxes)
            if not boxes:
                continue
            focused = app.focused
            for key in ("ctrl+d", "pagedown"):
                for _ in range(12):
                    await pilot.press(key, key)
                    if all(b.scroll_target_y >= b.max_scroll_y for b in boxes):
                        break
            assert [b.id for b in boxes if b.scroll_target_y < b.max_scroll_y] == [], info.id
            assert app.focused is focused, info.id
    assert long >= (6 if size[1] == 24 else 1)


async def test_the_verdict_reads_on_below_its_table(app: AdvisorApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, show="verdict")
        await still_text(pilot)
        grid = app.query_one("#verdict-grid", Grid)
        box = app.query_one("#verdict-scroll")
        seen = screen_text(app)
        assert "What to do on Monday" not in seen
        await pilot.press("pagedown")  # all rows are in sight within the table, so that it has no use for the key
        await settled(pilot, lambda: box.scroll_offset.y == box.scroll_target_y)
        assert box.scroll_offset.y > 0
        assert grid.cursor == 0
        seen += screen_text(app)
        while box.scroll_offset.y < box.max_scroll_y:
            before = box.scroll_offset.y
            await pilot.press("pagedown")
            await settled(pilot, lambda: box.scroll_offset.y == box.scroll_target_y)
            assert box.scroll_offset.y > before
            seen += screen_text(app)
        await pilot.press("pagedown")
        for part in ("Largest risks of the choice", "Why", "What to do on Monday", "Notes"):
            assert part in seen, part
        await pilot.press("down")  # the cursor comes back into sight with the row that it moves to
        await pilot.pause(0.3)
        assert grid.cursor == 1
        assert "GPUs" in screen_text(app)
        await pilot.press(*["down"] * len(grid.rows))
        before = box.scroll_target_y
        await pilot.press("down", "down")
        assert grid.cursor == len(grid.rows) - 1
        assert box.scroll_target_y > before
        await pilot.press("end")
        assert box.scroll_target_y == box.max_scroll_y
        await pilot.press("ctrl+u", "pageup", "pageup", "pageup", "pageup", "pageup", "pageup")
        assert box.scroll_target_y == 0


async def test_the_lever_under_the_cursor_is_in_sight_and_the_tornado_below_it_too(app: AdvisorApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, show="whatif")
        await still_text(pilot)
        levers = app.query_one(LeverList)
        for lever in levers.levers:
            assert levers.current is lever
            assert lever.name[:12] in screen_text(app)
            await pilot.press("down")
            await pilot.pause()
        await pilot.press("pagedown", "pagedown", "pagedown")
        await pilot.pause(0.5)
        assert "the runner-up wins somewhere" in screen_text(app)
        await pilot.press(*["ctrl+d"] * 9)
        await pilot.pause()
        right = app.query_one("#whatif-right")
        assert right.scroll_offset.y == right.max_scroll_y > 0


async def test_footer_and_help_name_the_keys(app: AdvisorApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, show="verdict")
        assert "Text down" in screen_text(app).splitlines()[-1]
        app.action_help()
        await pilot.pause()
        page = str(app.screen.query_one("#page Static", Static).render())
        assert "Text up" in page
        assert "PageDown" in page


async def test_an_explanation_is_read_to_its_end(app: AdvisorApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, show="verdict")
        await pilot.press("right", "right", "right", "e")
        await settled(pilot)
        assert isinstance(app.screen, Explanation)
        box = app.screen.query_one("#about")
        assert box.max_scroll_y > 0
        await pilot.press(*["ctrl+d"] * 30)
        assert box.scroll_offset.y == box.max_scroll_y
