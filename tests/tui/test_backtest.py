"""The backtest from its screen: progress, the result, cancel, and typing that goes on meanwhile."""

from __future__ import annotations

import pickle
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Static

from advisor.tui.app import AdvisorApp
from advisor.tui.backtesting import Job, Progress
from advisor.tui.screens.backtest import BacktestPane
from tests.tui.conftest import opened, settled
from tests.tui.test_screens import BACKTEST

CHILD = """\
import pickle, sys
from advisor.tui.backtesting import Job, Progress
job = pickle.load(sys.stdin.buffer)
assert isinstance(job, Job)
def say(kind, told):
    pickle.dump((kind, told), sys.stdout.buffer)
    sys.stdout.buffer.flush()
say("progress", Progress("leaving out", 0.25))
"""
"""A run that tells of a quarter, and then what the test adds."""


def child(monkeypatch: pytest.MonkeyPatch, rest: str) -> None:
    monkeypatch.setattr("advisor.tui.backtesting.COMMAND", (sys.executable, "-c", CHILD + rest))


async def backtest(app: AdvisorApp, pilot: Any) -> BacktestPane:
    await opened(pilot, show="backtest")
    assert isinstance(app.pane, BacktestPane)
    return app.pane


def state(app: AdvisorApp) -> str:
    return str(app.query_one("#backtest-state", Static).render())


async def test_progress_and_then_the_result(
    app: AdvisorApp, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stored = tmp_path / "result.pickle"
    stored.write_bytes(pickle.dumps(BACKTEST))
    go = tmp_path / "go"
    child(monkeypatch, f"import pathlib, time\nwhile not pathlib.Path({str(go)!r}).exists(): time.sleep(0.01)\n"
                       f"say('result', pickle.loads(pathlib.Path({str(stored)!r}).read_bytes()))")  # fmt: skip
    async with app.run_test(size=(120, 40)) as pilot:
        pane = await backtest(app, pilot)
        await pilot.press("r")
        await settled(pilot, lambda: "25 %" in state(app))
        await pilot.press("2")  # it goes on while the profile is edited
        app.edit(("team", "engineers"), 11)
        await settled(pilot)
        assert app.desk.sight.profile.team.engineers == 11  # type: ignore[union-attr]
        assert pane.job is not None
        go.touch()
        await settled(pilot, lambda: pane.job is None)
        await app.go("backtest")
        assert pane.result == BACKTEST
        assert "✓ Run just now" in state(app)


async def test_cancel_by_key_and_by_mouse(app: AdvisorApp, monkeypatch: pytest.MonkeyPatch) -> None:
    child(monkeypatch, "import time\ntime.sleep(600)")
    async with app.run_test(size=(120, 40)) as pilot:
        pane = await backtest(app, pilot)
        pane.result = BACKTEST
        for end in ("key", "mouse"):
            await pilot.click("#backtest-run")
            await settled(pilot, lambda: "25 %" in state(app))
            process = pane.job._process  # type: ignore[union-attr]
            await (pilot.press("c") if end == "key" else pilot.click("#backtest-cancel"))
            await settled(pilot, lambda: pane.job is None)
            assert process is not None
            assert process.poll() is not None
            assert "Cancelled" in state(app)
            assert pane.result == BACKTEST


@pytest.mark.parametrize(("rest", "says"), [("say('error', 'no [b]fit[/b]')", "no [b]fit[/b]"),
                                            ("sys.exit(3)", "ended without a word")])  # fmt: skip
async def test_what_goes_wrong_is_told_on_the_screen(
    app: AdvisorApp, monkeypatch: pytest.MonkeyPatch, rest: str, says: str
) -> None:
    child(monkeypatch, rest)
    async with app.run_test(size=(120, 40)) as pilot:
        pane = await backtest(app, pilot)
        await pilot.press("r")
        await settled(pilot, lambda: pane.job is None)
        assert says in state(app)


def test_the_process_ends_when_the_screen_is_gone() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "advisor.tui.backtest_process"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        process.stdin.write(pickle.dumps(Job((), date(2026, 11, 21))))
        process.stdin.flush()
        kind, told = pickle.load(process.stdout)
        assert (kind, told) == ("progress", Progress("reading the evidence", 0.0))
        process.stdin.close()
        assert process.wait(30) == 1
