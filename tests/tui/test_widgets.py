"""The widgets of our own: table, plot, ticks, sparklines."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.app import App, ComposeResult

from advisor.tui.pages import bar
from advisor.tui.screens.picked import CandidateTabs
from advisor.tui.widgets.canvas import Canvas, ticks
from advisor.tui.widgets.chips import Chips, Group
from advisor.tui.widgets.grid import Column, Grid
from advisor.tui.widgets.plot import Figure, Plot, Series
from advisor.tui.widgets.rail import TitleBar
from advisor.tui.widgets.spark import gauge, spark
from tests.tui.frozen import frozen_answer


class One(App[None]):
    """One widget on a screen."""

    def __init__(self, widget: Any) -> None:
        super().__init__()
        self.widget = widget

    def compose(self) -> ComposeResult:
        yield self.widget


def table() -> Grid[int]:
    return Grid(
        [
            Column("n", "Number", lambda r: f"row {r}", sort=lambda r: r),
            Column("odd", "Odd", lambda r: str(r % 2), sort=lambda r: None if r == 3 else r % 2, right=True),
            Column("text", "Text", lambda r: "[b]not markup[/b] " * 8, grow=True, most=200),
        ]
    )


async def test_ten_thousand_rows_draw_only_those_in_sight() -> None:
    drawn: set[int] = set()

    def cell(row: int) -> str:
        drawn.add(row)
        return str(row)

    grid: Grid[int] = Grid([Column("a", "A", cell, width=8)])
    async with One(grid).run_test(size=(40, 12)) as pilot:
        grid.show(range(10_000))
        await pilot.pause()
        assert len(drawn) < 30
        grid.focus()
        await pilot.press("end")
        assert grid.current == 9_999
        assert grid.scroll_offset.y > 9_980


async def test_sorting_cycles_and_unknown_values_come_last() -> None:
    grid = table()
    async with One(grid).run_test(size=(60, 12)) as pilot:
        grid.show(range(6))
        grid.focus()
        await pilot.press("right", "s")
        assert list(grid.rows) == [0, 2, 4, 1, 5, 3]
        await pilot.press("s")
        assert list(grid.rows)[-1] == 3
        await pilot.press("s")
        assert list(grid.rows) == [0, 1, 2, 3, 4, 5]


async def test_mouse_moves_sorts_and_opens() -> None:
    seen: list[tuple[int, str]] = []

    class Listening(One):
        def on_grid_opened(self, event: Grid.Opened) -> None:
            seen.append((event.row, event.column))

    grid = table()
    async with Listening(grid).run_test(size=(60, 12)) as pilot:
        grid.show(range(6))
        await pilot.click(grid, offset=(2, 3))
        assert grid.cursor == 2
        await pilot.click(grid, offset=(2, 3), times=2)
        assert seen == [(2, "n")]
        await pilot.click(grid, offset=(2, 0))
        await pilot.click(grid, offset=(2, 0))
        assert next(iter(grid.rows)) == 5
        assert grid.current == 2


async def test_the_cursor_stays_on_its_row_when_rows_change() -> None:
    grid = table()
    async with One(grid).run_test(size=(60, 12)) as pilot:
        grid.show([1, 2, 3, 4])
        grid.select(lambda r: r == 3)
        grid.show([9, 3, 1], keep=lambda r: r)
        await pilot.pause()
        assert grid.current == 3


async def test_the_plot_walks_its_points_and_answers_the_mouse() -> None:
    seen: list[int] = []

    class Listening(One):
        def on_plot_walked(self, event: Plot.Walked) -> None:
            seen.append(event.index)

    plot = Plot()
    async with Listening(plot).run_test(size=(60, 20)) as pilot:
        line = Series("a", "A", (10.0, 20.0, 40.0), (4.0, 3.0, 1.0), "s1", walk=True)
        plot.show(Figure((line,), "x", "y", limit_x=25.0, limit_name="limit", chosen=(20.0, 3.0)))
        plot.focus()
        await pilot.press("right", "right", "right", "left")
        assert seen == [1, 2, 2, 1]
        await pilot.click(plot, offset=(57, 11))
        assert plot.at == 2


async def test_an_empty_plot_says_why() -> None:
    plot = Plot()
    async with One(plot).run_test(size=(40, 10)) as pilot:
        plot.show(Figure(empty="No curve: it does not fit."))
        await pilot.pause()
        assert "No curve: it does not fit." in plot.render_line(1).text


@settings(deadline=None)
@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(2, 12))
def test_ticks_lie_within_their_ends_and_are_few(low: float, span: float, count: int) -> None:
    found = ticks(low, low + span, count)
    assert all(low - span * 1e-6 <= t <= low + span * (1 + 1e-6) for t in found)
    assert len(found) <= count + 2


@settings(deadline=None)
@given(st.floats(0, 50), st.floats(0, 50), st.floats(0, 50), st.integers(3, 60))
def test_a_bar_has_its_width_and_its_median(a: float, b: float, c: float, width: int) -> None:
    low, mid, high = sorted((a, b, c))
    text = bar(low, mid, high, 0, 51, width)
    assert len(text) == width
    assert text.count("●") == 1


@settings(deadline=None)
@given(st.lists(st.floats(0, 1e6), max_size=50), st.integers(1, 30))
def test_a_sparkline_never_outgrows_its_width(values: list[float], width: int) -> None:
    assert len(spark(values, width)) == min(len(values), width)


@settings(deadline=None)
@given(st.floats(-1, 3), st.integers(0, 40))
def test_a_gauge_has_its_width(share: float, width: int) -> None:
    assert len(gauge(share, width)) == width


def test_a_mark_covers_dots() -> None:
    canvas = Canvas(4, 1)
    canvas.line([(0, 0), (7, 3)], "s1")
    canvas.mark(2, 1, "◆", "accent")
    assert "".join(text for text, _ in canvas.row(0))[1] == "◆"


async def test_a_scroll_bar_that_comes_or_goes_unsaid_is_measured_when_the_table_is_drawn() -> None:
    """Under load a table had kept the width it had beside no bar: a mark of more to the right, and nothing there."""
    text: Column[int] = Column("t", "Text", lambda r: "x" * 90, grow=True, most=90)
    grid: Grid[int] = Grid([Column("n", "Name", lambda r: "row", width=6), text])
    async with One(grid).run_test(size=(40, 12)) as pilot:
        grid.show(range(3))
        await pilot.pause()
        room = grid.scrollable_content_region.width
        grid._room, grid._widths = room + 1, [6, room - 7]  # measured for one column more
        grid.refresh()
        await pilot.pause()
        await pilot.pause()
        assert grid._room == room
        assert sum(grid._widths) + 2 == grid.virtual_size.width


def wide() -> Grid[int]:
    numbers = [
        Column(f"c{i}", f"Number {i}", lambda r, i=i: f"{(r + 1) * 1_234_567 * (i + 1):,}", right=True)  # type: ignore[misc]
        for i in range(5)
    ]
    text: Column[int] = Column("t", "Text", lambda r: "words " * (r + 3), most=40)
    return Grid([Column("n", "Name", lambda r: f"row {r}", width=6), *numbers, text])


async def test_numbers_are_whole_or_not_there_and_a_mark_says_that_there_is_more() -> None:
    grid = wide()
    async with One(grid).run_test(size=(40, 8)) as pilot:
        grid.show(range(3))
        grid.focus()
        await pilot.pause()
        whole = {c.cell(r) for c in grid.columns if c.right for r in range(3)}
        seen: set[object] = set()
        for at in range(len(grid.columns)):
            lines = [grid.render_line(y) for y in range(4)]
            assert {line.cell_length for line in lines} == {grid.size.width}
            assert all((line.text[-1] == "›") == (at < len(grid.columns) - 1) for line in lines)
            assert all(("‹" in line.text) == bool(grid.scroll_offset.x) for line in lines)
            for line in lines[1:]:
                figures = [w for w in line.text.strip("›").replace("‹", " ").split() if w[-1].isdigit() and "," in w]
                assert set(figures) <= whole, line.text
                seen.update(figures)
            assert grid.columns[at].title in lines[0].text or at == len(grid.columns) - 1
            await pilot.press("right")
            await pilot.pause()
        assert seen == whole  # the cursor brings every number into sight
        await pilot.press(*["left"] * len(grid.columns))
        assert grid.scroll_offset.x == 0


async def test_the_mark_stands_beside_the_scroll_bar_and_the_names_stay_in_sight() -> None:
    grid = wide()
    grid.columns = (Column("sign", "", lambda r: "✓", width=1), *grid.columns)
    async with One(grid).run_test(size=(40, 8)) as pilot:
        grid.show(range(90))
        grid.focus()
        await pilot.pause()
        room = grid.scrollable_content_region.width
        assert grid.render_line(1).text[:room].endswith("›")
        await pilot.press(*["right"] * 4)
        await pilot.pause()
        assert grid.scroll_offset.x > 0
        assert grid.render_line(1).text.startswith("✓  row 0  ‹")
        await pilot.press(*["left"] * 5)
        assert grid.scroll_offset.x == 0


async def test_text_at_the_edge_is_cut_with_an_ellipsis() -> None:
    text: Column[int] = Column("t", "T", lambda r: "x" * 50, most=60)
    grid: Grid[int] = Grid([Column("n", "Name", lambda r: "row", width=6), text])
    async with One(grid).run_test(size=(30, 6)) as pilot:
        grid.show(range(1))
        await pilot.pause()
        assert grid.render_line(1).text.endswith("x…›")


@pytest.mark.parametrize("at", [0, 7, 19])
async def test_of_many_choices_the_one_that_holds_is_in_sight_and_the_others_are_counted(at: int) -> None:
    names = tuple((f"t{i}", f"tier number {i:02d} with a long name") for i in range(20))
    chips = Chips()
    async with One(chips).run_test(size=(80, 6)) as pilot:
        chips.show([Group("model", "Model", "t", names, f"t{at}")])
        await pilot.pause()
        line = chips.render_line(0).text
        assert f"▐tier number {at:02d} with a long name▌" in line
        shown = line.count("tier number")
        assert sum(int(n) for n in re.findall(r"\+(\d+)", line)) == 20 - shown
        assert len(line) == 80


@pytest.mark.parametrize("name", ["x" * 200, "客服助手" * 40])
async def test_a_long_name_hides_no_unsaved_edit(name: str) -> None:
    title = TitleBar()
    async with One(title).run_test(size=(80, 6)) as pilot:
        title.show(pane="workload", profile=name, state="● unsaved", right="as of 2026-11-21 ")
        await pilot.pause()
        assert title.render_line(0).text.rstrip().endswith("… ● unsaved")


async def test_a_wide_name_leaves_the_date_whole() -> None:
    title = TitleBar()
    async with One(title).run_test(size=(80, 6)) as pilot:
        title.show(pane="workload", profile="客服助手", state="", right="as of 2026-11-21 ")
        await pilot.pause()
        assert "as of 2026-11-21" in title.render_line(0).text


async def test_the_candidate_in_front_follows_the_choice_until_one_is_picked() -> None:
    answer = frozen_answer()
    assert answer.verdict.choice is not None
    assert answer.verdict.runner_up is not None
    other = answer.verdict.choice.model_copy(update={"accelerator": answer.verdict.runner_up})
    changed = answer.model_copy(update={"verdict": answer.verdict.model_copy(update={"choice": other})})
    tabs = CandidateTabs()
    async with One(tabs).run_test(size=(80, 6)):
        tabs.show(answer)
        assert tabs.at == answer.verdict.choice.accelerator
        tabs.show(changed)
        assert tabs.at == answer.verdict.runner_up
        tabs.step(1)
        picked = tabs.at
        tabs.show(answer)
        assert tabs.at == picked
