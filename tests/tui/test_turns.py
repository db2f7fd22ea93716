"""Keys that arrive together do what they do one after the other, whatever has the keyboard when they come."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from advisor.tui import turns
from advisor.tui.app import AdvisorApp
from advisor.tui.widgets.dialogs import Ask, Confirm
from tests.tui.conftest import opened, own_profile, settled


def burst(app: AdvisorApp, *keys: str) -> None:
    """Keys in one piece, as a slow line gives them."""
    names = {"/": "slash", "-": "minus"}
    for key in keys:
        app.post_message(events.Key(names.get(key, key), key if len(key) == 1 else None))


async def quiet(app: AdvisorApp, pilot: Pilot[Any]) -> None:
    """Until every key has been passed on."""
    await settled(pilot, lambda: not app._under_way and not app._keys)
    await settled(pilot, lambda: app.desk.facts.ready.is_set() and app.desk.sight.phase not in ("loading", "working"))


@pytest.fixture
def own() -> Path:
    """A profile of one's own, first in the list."""
    return own_profile("dynamo.toml")


@pytest.mark.parametrize("key", ["3", "2", "8"])
async def test_a_screen_asked_for_behind_enter_is_the_one_that_is_shown(app: AdvisorApp, key: str) -> None:
    async with app.run_test(size=(100, 40)) as pilot:
        await settled(pilot, lambda: app.desk.facts.ready.is_set())
        burst(app, "enter", key)
        await quiet(app, pilot)
        assert app.desk.document is not None
        assert app.at == {"3": "verdict", "2": "workload", "8": "evidence"}[key]


async def test_a_search_gets_its_letters_and_no_file_is_deleted(app: AdvisorApp, own: Path) -> None:
    """The d had asked whether the profile under the cursor may be deleted, and the y had said yes."""
    async with app.run_test(size=(100, 40)) as pilot:
        await settled(pilot, lambda: app.desk.facts.ready.is_set())
        burst(app, *"/dynamo")
        await quiet(app, pilot)
        assert own.exists()
        assert not isinstance(app.screen, Confirm)
        assert app.pane.query_one("#profile-search", Input).value == "dynamo"
        burst(app, "enter", "enter", "3")
        await quiet(app, pilot)
        assert app.desk.document is not None
        assert app.desk.document.path == own
        assert app.at == "verdict"


async def test_a_window_gets_what_is_typed_behind_the_key_that_opens_it(app: AdvisorApp) -> None:
    async with app.run_test(size=(100, 40)) as pilot:
        await settled(pilot, lambda: app.desk.facts.ready.is_set())
        burst(app, "n", "home")
        await quiet(app, pilot)
        assert isinstance(app.screen, Ask)
        burst(app, "escape", "n", "end", *"-box", "enter")
        await quiet(app, pilot)
        assert app.at == "workload"
        assert app.desk.document is not None
        assert app.desk.document.name == "my-workload-box"


async def test_a_paste_waits_for_the_keys_before_it(app: AdvisorApp) -> None:
    async with app.run_test(size=(100, 40)) as pilot:
        await settled(pilot, lambda: app.desk.facts.ready.is_set())
        burst(app, "/")
        app.post_message(events.Paste("reasoning"))
        burst(app, "enter")
        await quiet(app, pilot)
        assert app.pane.query_one("#profile-search", Input).value == "reasoning"


async def test_a_key_whose_work_does_not_end_holds_the_next_for_a_moment_only(
    app: AdvisorApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "PATIENCE_S", 0.05)
    monkeypatch.setattr(app, "_follow", lambda *_: None)  # what follows the key is lost
    async with app.run_test(size=(100, 40)) as pilot:
        await opened(pilot, show="verdict")
        burst(app, "5", "6", "7")
        await settled(pilot, lambda: app.at == "gates")
