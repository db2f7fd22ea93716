"""What must not be lost without a word: edits, changes that others made to the file, a measurement under way."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from textual.containers import Container
from textual.pilot import Pilot
from textual.widget import Widget
from textual.widgets import Input

from advisor.domain.errors import InputError
from advisor.profiles.locate import find_profile
from advisor.tui.app import AdvisorApp
from advisor.tui.document import ProfileDocument
from advisor.tui.drafts import Drafts
from advisor.tui.faults import fault_text
from advisor.tui.widgets.dialogs import Ask, Confirm, Decide
from advisor.tui.widgets.grid import Grid
from tests.tui.conftest import KeptFacts, opened, own_profile, screen_text, settled
from tests.tui.frozen import PROFILE

SIZE = (100, 40)


@pytest.fixture
def nowhere(kept: KeptFacts, tmp_path: Path) -> AdvisorApp:
    """The program where no draft can be written."""
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where the folder should be")
    return AdvisorApp(kept, drafts=Drafts(blocked / "drafts"), refine=False)


@pytest.fixture
def own() -> Path:
    """A profile of one's own."""
    return own_profile("mine.toml")


async def edited(app: AdvisorApp, pilot: Pilot[Any], path: Path) -> None:
    await settled(pilot, lambda: app.desk.facts.ready.is_set())
    await app.open_path(path)
    app.edit(("team", "engineers"), 11)
    await settled(pilot)


async def test_edits_that_cannot_be_kept_are_asked_about_before_the_program_is_left(nowhere: AdvisorApp) -> None:
    async with nowhere.run_test(size=SIZE) as pilot:
        await opened(pilot)
        nowhere.edit(("team", "engineers"), 11)
        await settled(pilot)
        nowhere.keep_draft_and_tell()
        nowhere.keep_draft_and_tell()
        await pilot.pause()
        assert [n.title for n in nowhere._notifications].count("Edits are not kept as a draft") == 1
        await pilot.press("ctrl+q")
        assert isinstance(nowhere.screen, Confirm)
        text = " ".join(screen_text(nowhere).split())
        assert "The edits cannot be kept" in text
        assert "Not a directory" in text
        await pilot.press("ctrl+q")  # not a second window
        assert len(nowhere.screen_stack) == 2
        await pilot.press("enter")  # what is at hand first is to stay
        assert nowhere.is_running
        assert nowhere.desk.sight.dirty
        await pilot.press("ctrl+q", "escape")
        assert nowhere.is_running
        await pilot.press("ctrl+q", "y")
        await pilot.pause()
    assert nowhere._exit


async def test_edits_that_cannot_be_kept_are_asked_about_before_another_profile(nowhere: AdvisorApp) -> None:
    async with nowhere.run_test(size=SIZE) as pilot:
        await opened(pilot)
        nowhere.edit(("team", "engineers"), 11)
        await settled(pilot)
        other = find_profile("startup-first-cluster")
        assert not await nowhere.open_path(other, True)
        await pilot.press("escape")
        assert nowhere.desk.document.get(("team", "engineers")) == 11  # type: ignore[union-attr]
        await nowhere.open_path(other, True)
        await pilot.press("y")
        await settled(pilot, lambda: nowhere.desk.document.name == "startup-first-cluster")  # type: ignore[union-attr]


async def test_nothing_is_asked_where_nothing_would_be_lost(nowhere: AdvisorApp) -> None:
    async with nowhere.run_test(size=SIZE) as pilot:
        await opened(pilot)
        await pilot.press("ctrl+q")
        await pilot.pause()
    assert nowhere._exit
    assert "could not be kept: no room" in fault_text(None, "no room")
    assert "Unsaved edits are kept" in fault_text(None)


async def test_a_file_changed_by_others_is_not_overwritten_without_leave(app: AdvisorApp, own: Path) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await edited(app, pilot, own)
        theirs = own.read_text() + "\n# a colleague's remark\n"
        own.write_text(theirs)
        await pilot.press("ctrl+s")
        assert isinstance(app.screen, Decide)
        await pilot.press("enter")  # what is at hand first is to cancel
        assert own.read_text() == theirs
        assert app.desk.sight.dirty
        await pilot.press("ctrl+s", "escape")
        assert own.read_text() == theirs
        await pilot.press("ctrl+s", "tab", "enter")
        assert isinstance(app.screen, Ask)
        app.screen.query_one(Input).value = "ours"
        await pilot.press("enter")
        await pilot.pause()
        assert own.read_text() == theirs
        assert "engineers = 11" in own.with_name("ours.toml").read_text()
        assert not app.desk.sight.dirty


async def test_a_file_changed_by_others_is_overwritten_with_leave_and_then_one_s_own_again(
    app: AdvisorApp, own: Path
) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await edited(app, pilot, own)
        own.write_text(own.read_text() + "\n# a colleague's remark\n")
        await pilot.press("ctrl+s")
        await pilot.click("#overwrite")
        await pilot.pause()
        assert "colleague" not in own.read_text()
        app.edit(("team", "engineers"), 12)
        await pilot.press("ctrl+s")
        await pilot.pause()
        assert len(app.screen_stack) == 1
        assert "engineers = 12" in own.read_text()


async def test_a_draft_of_a_file_that_has_changed_since_is_told_and_asked_about(
    kept: KeptFacts, drafts: Drafts, own: Path
) -> None:
    first = AdvisorApp(kept, drafts=drafts, refine=False)
    async with first.run_test(size=SIZE) as pilot:
        await edited(first, pilot, own)
        await pilot.press("ctrl+q")
    theirs = own.read_text() + "\n# a colleague's remark\n"
    own.write_text(theirs)
    second = AdvisorApp(kept, drafts=drafts, refine=False)
    async with second.run_test(size=SIZE) as pilot:
        await settled(pilot, lambda: second.desk.facts.ready.is_set())
        await second.open_path(own)
        await settled(pilot)
        assert second.desk.sight.profile.team.engineers == 11  # type: ignore[union-attr]
        assert "has changed since" in " ".join(n.message for n in second._notifications)
        await pilot.press("ctrl+s")
        assert isinstance(second.screen, Decide)
        await pilot.press("escape")
        assert own.read_text() == theirs
        second.keep_draft()  # kept once more, it still knows what it was made for
        again = ProfileDocument.open(own)
        assert drafts.restore(again)
        assert again.outdated


def test_saving_keeps_the_permissions_of_the_file_and_the_link_to_it(own: Path, tmp_path: Path) -> None:
    own.chmod(0o664)
    link = tmp_path / "linked.toml"
    link.symlink_to(own)
    document = ProfileDocument.open(link)
    document.set(("team", "engineers"), 11)
    document.save()
    assert link.is_symlink()
    assert own.read_text() == document.text
    assert own.stat().st_mode & 0o777 == 0o664
    fresh = document.save(tmp_path / "fresh.toml")
    assert fresh.stat().st_mode & 0o777 == 0o666 & ~umask()


def umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


async def test_a_read_only_profile_stays_as_it_is_and_another_name_is_asked_for(
    app: AdvisorApp, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = own.read_bytes()
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != own)  # the user of the tests may write anything
    async with app.run_test(size=SIZE) as pilot:
        await edited(app, pilot, own)
        await pilot.press("ctrl+s")
        await pilot.pause()
        assert isinstance(app.screen, Ask)
        assert "mine.toml is read-only" in screen_text(app)
        await pilot.press("enter")
        await settled(pilot)
        assert own.read_bytes() == before
        assert app.desk.document is not None
        assert app.desk.document.path not in (None, own)
    with pytest.raises(InputError, match="Permission denied"):
        ProfileDocument.open(own).save()


def test_a_draft_of_an_unchanged_file_and_one_of_an_earlier_version_come_back(drafts: Drafts, own: Path) -> None:
    own.write_bytes(own.read_bytes().replace(b"\n", b"\r\n"))
    document = ProfileDocument.open(own)
    document.set(("team", "engineers"), 11)
    assert drafts.keep(document)
    again = ProfileDocument.open(own)
    assert drafts.restore(again)
    assert again.text == document.text
    assert not again.outdated
    assert not again.changed_outside()
    (file,) = drafts.folder.glob("*.draft")
    file.write_bytes(document.text.encode())
    earlier = ProfileDocument.open(own)
    assert drafts.restore(earlier)
    assert earlier.text == document.text
    own.unlink()
    assert not earlier.changed_outside()  # it is only written anew


class Job:
    """A probe that neither ends nor measures."""

    def __init__(self, *args: object, **more: object) -> None:
        self.ended: Any = args[4]

    def start(self) -> None:
        return


async def test_a_draft_goes_with_its_file_to_another_name_and_away_with_it(app: AdvisorApp, own: Path) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await edited(app, pilot, own)
        await app.open_path(find_profile(PROFILE), True)
        await app.go("profiles")
        grid: Grid[Any] = app.query_one("#profile-list", Grid)
        assert grid.select(lambda r: r.name == "mine")
        await pilot.press("r", *["backspace"] * 10, *"theirs", "enter")
        await pilot.pause()
        await app.open_path(own.with_name("theirs.toml"))
        assert app.desk.document is not None
        assert app.desk.document.get(("team", "engineers")) == 11
        await app.open_path(find_profile(PROFILE), True)
        await app.go("profiles")
        assert grid.select(lambda r: r.name == "theirs")
        await pilot.press("d", "y")
        await pilot.pause()
        own.with_name("theirs.toml").write_bytes(find_profile(PROFILE).read_bytes())
        await app.open_path(own.with_name("theirs.toml"))
        assert not app.desk.document.dirty


async def test_a_running_probe_is_shown_everywhere_and_asked_about(
    app: AdvisorApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("advisor.tui.screens.probe.ProbeJob", Job)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, show="probe")
        probe: Any = app.pane
        probe._start(None)
        await app.go("verdict")
        await pilot.pause()
        assert "probe running" in screen_text(app).splitlines()[0]
        await pilot.press("ctrl+q")
        assert isinstance(app.screen, Confirm)
        assert "A probe is running" in screen_text(app)
        await pilot.press("enter")
        assert app.is_running
        probe.job.ended("it ended")
        await pilot.pause()
        assert "probe running" not in screen_text(app)
        app.set_probing(True)
        await pilot.press("ctrl+q", "y")
        await pilot.pause()
    assert app._exit


async def test_keys_typed_while_a_screen_is_built_do_not_reach_the_one_that_goes(
    app: AdvisorApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, show="workload")
        stage, asked, built = app.query_one("#stage", Container), asyncio.Event(), asyncio.Event()
        mount = stage.mount

        async def slowly(widget: Widget) -> None:
            asked.set()
            await built.wait()
            await mount(widget)

        monkeypatch.setattr(stage, "mount", slowly)
        going = asyncio.create_task(app.go("probe"))
        try:
            await asyncio.wait_for(asked.wait(), 60)
            await asyncio.wait_for(pilot.press("enter"), 60)
            assert not app.query("#pane-workload Input")
        finally:
            built.set()  # a failure must not leave the program waiting for its screen
            await asyncio.wait_for(going, 60)
        await pilot.pause()
        assert app.focused is not None
        assert app.focused in app.query("#pane-probe *")
        assert not app.desk.sight.dirty
