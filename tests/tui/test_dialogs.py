"""Small windows answer once, whatever is pressed while they close."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from textual.app import App
from textual.content import Content
from textual.screen import Screen

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
