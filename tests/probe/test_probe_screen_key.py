"""A key typed or pasted at the Probe screen reaches the server, and nothing else."""

from __future__ import annotations

import io
import pickle
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from probe_kit import KEY, Served
from screen_kit import at_probe, until
from textual import events
from textual.widgets import Static

from advisor.probe.keys import Secret
from advisor.tui.app import AdvisorApp
from advisor.tui.probing import ProbeJob, Setup, plan_of, receive_key, send_key
from advisor.tui.widgets.dialogs import Confirm
from advisor.tui.widgets.secret_row import SecretRow

SETUP = Setup(concurrency="1", max_tokens=40_000, max_seconds=60.0, accelerator="mi300x", gpus=8)


def seen_of(process: Any) -> str:
    """What `ps e` would show of a process."""
    folder = Path(f"/proc/{process.pid}")
    try:
        return (folder / "cmdline").read_text() + (folder / "environ").read_text()
    except OSError:
        return ""


def holds(text: str) -> bool:
    return KEY in text or KEY[:10] in text


@pytest.mark.parametrize("model", ["ok#key", "some:echo-key#key", "always:401#key"])
async def test_no_trace_of_a_typed_key(app: AdvisorApp, fault_server: Served, tmp_path: Path, model: str) -> None:
    before = fault_server.count()["authorised"]
    dumps: list[str] = []
    processes: list[str] = []
    async with app.run_test(size=(120, 40)) as pilot:
        pane = await at_probe(app, pilot)
        pane.setup = replace(SETUP, url=fault_server.url, model=model)
        pane._fill()
        await pilot.press("down", *KEY)
        dumps.append(app.export_screenshot())
        await pilot.press("enter")
        await pilot.pause()
        dumps.append(app.export_screenshot())
        assert "in memory only" in app.query_one(SecretRow).render_line(0).text
        await pilot.press("f5")
        assert isinstance(app.screen, Confirm)
        await pilot.press("y")
        await until(pilot, lambda: pane.job is None or pane.job._process is not None)
        while pane.job is not None:
            processes.append(seen_of(pane.job._process))
            await pilot.pause(0.02)
        await pilot.pause()
        dumps += [app.export_screenshot(), str(app.query_one("#probe-text", Static).render())]
        dumps += [repr(w) for w in (pane, pane.setup, pane.key, pane.run_, pane.snapshot, *pane.query("*"))]
        app.keep_draft()
        app.remember()
    assert fault_server.count()["authorised"] > before  # it was used
    assert any(processes)
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert written
    assert not holds(written.decode("latin-1"))
    for text in (*dumps, *processes):
        assert not holds(text)


async def test_a_key_is_pasted_forgotten_and_refused(app: AdvisorApp) -> None:
    async with app.run_test(size=(100, 40)) as pilot:
        await at_probe(app, pilot)
        row = app.query_one(SecretRow)
        row.focus()
        await pilot.pause()
        app.post_message(events.Paste(f" {KEY}\n"))
        await pilot.pause()
        await pilot.press("down")
        assert row.secret is not None
        assert row.secret.reveal() == KEY
        row.focus()
        await pilot.pause()
        await pilot.press("x", "escape")
        assert row.secret.reveal() == KEY  # taken back
        await pilot.press("a", "b", "backspace", "enter")
        assert row.secret.reveal() == "a"
        await pilot.press("delete")
        assert row.secret is None
        app.post_message(events.Paste("two words"))
        await pilot.pause()
        await pilot.press("enter")
        assert row.secret is None
        assert "no spaces" in row.problem
        assert "two words" not in app.export_screenshot()


async def test_digits_and_letters_of_a_key_are_no_shortcuts(app: AdvisorApp) -> None:
    async with app.run_test(size=(100, 40)) as pilot:
        await at_probe(app, pilot)
        await pilot.press("down", "3", "x", "?", "b", "enter")
        assert app.at == "probe"
        assert app.query_one(SecretRow).secret.reveal() == "3x?b"  # type: ignore[union-attr]


def test_no_exception_on_the_way_holds_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise OSError("no process")

    monkeypatch.setattr("subprocess.Popen", fail)
    told: list[str] = []
    _, plan = plan_of(replace(SETUP, url="http://127.0.0.1:9"), None)
    job = ProbeJob(SETUP, plan, lambda run, *a: run(*a), lambda _: None, told.append, key=Secret(KEY))
    try:
        job._run()
    except Exception:
        told.append(traceback.format_exc())
    assert told
    assert not any(holds(text) for text in (*told, repr(job), repr(vars(job))))


def test_the_key_crosses_a_pipe_and_a_pickle_loses_it() -> None:
    pipe = io.BytesIO()
    pipe.write(pickle.dumps(SETUP))
    send_key(pipe, Secret(KEY))
    pipe.seek(0)
    assert pickle.load(pipe) == SETUP
    assert receive_key(pipe).reveal() == KEY
    empty = io.BytesIO()
    send_key(empty, None)
    empty.seek(0)
    assert not receive_key(empty)
    assert KEY.encode() not in pickle.dumps(Secret(KEY))
