"""Small windows answer once, whatever is pressed while they close."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from textual import events
from textual.app import App
from textual.command import CommandList
from textual.content import Content
from textual.screen import Screen

from advisor.tui.app import AdvisorApp
from advisor.tui.widgets.dialogs import Ask, Confirm, Decide, Item, Picker, Reader

WINDOWS: dict[str, tuple[Callable[[], Screen[Any]], Callable[[Any], None], Callable[[Any], None]]] = {
    "ask": (lambda: Ask("A name", value="x"), lambda w: w._submit(), lambda w: w.action_cancel()),
    "confirm": (lambda: Confirm("?", "", "Do"), lambda w: w.action_answer(True), lambda w: w.action_answer(False)),
    "decide": (lambda: Decide("?", "", [("stay", "Stay"), ("go", "Go")]), lambda w: w.dismiss("go"),
               lambda w: w.action_first()),
    "picker": (lambda: Picker("?", [Item("a", "A")]), lambda w: w._entered(), lambda w: w.action_cancel()),
    "reader": (lambda: Reader("?", Content("")), lambda w: w.action_close(), lambda w: w.action_close()),
}  # fmt: skip


@pytest.mark.parametrize("name", WINDOWS)
@pytest.mark.parametrize("below", [False, True])
async def test_a_window_answers_once(name: str, below: bool) -> None:
    """Enter and Escape in one burst: the second had ended the program, or closed the window beneath."""
    make, answer, again = WINDOWS[name]
    app: App[None] = App()
    async with app.run_test() as pilot:
        under = Reader("beneath", Content(""))
        if below:
            await app.push_screen(under)
        found: list[Any] = []
        window = make()
        await app.push_screen(window, found.append)
        await pilot.pause()
        answer(window)
        again(window)
        await pilot.pause()
        assert len(found) == 1
        assert app.screen is (under if below else app.screen_stack[0])
        assert len(app.screen_stack) == 1 + below


@pytest.mark.parametrize("size", [(80, 24), (30, 4), (20, 3)])
@pytest.mark.parametrize(
    "keys", [("pagedown", "pageup", "end", "home"), ("escape", "escape"), ("down", "pagedown", "enter", "escape")]
)
async def test_the_palette_takes_keys_while_it_opens_and_closes(
    app: AdvisorApp, size: tuple[int, int], keys: tuple[str, ...]
) -> None:
    """A page key before the list had room ended the program."""
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        for _ in range(2):
            app.action_command_palette()
            await pilot.pause()
            for key in keys:
                app.screen.post_message(events.Key(key, None))
            await pilot.press(*keys)
            await pilot.press("escape")
            await pilot.pause()
        assert app.is_running


async def test_a_page_key_finds_no_line_in_a_list_without_room(app: AdvisorApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        app.action_command_palette()
        await pilot.pause(0.2)
        commands = app.screen.query_one(CommandList)
        assert commands.option_count
        commands.styles.display = "none"
        commands.clear_cached_dimensions()
        await pilot.pause()
        commands._line_cache.clear()
        await pilot.press("pagedown", "pageup")
        await pilot.pause()
        assert app.is_running
