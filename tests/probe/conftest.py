"""Servers for the probe's tests."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from probe_kit import Served, start

from advisor.tui.app import AdvisorApp
from advisor.tui.desk import Facts
from advisor.tui.drafts import Drafts
from advisor.workbench import Workbench


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Back off for milliseconds instead of seconds."""
    monkeypatch.setattr("advisor.probe.runner._FIRST_BACKOFF_S", 0.02)


@pytest.fixture(scope="session")
def fault_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = start("fault_server.py", tmp_path_factory.mktemp("faults"))
    yield served
    served.process.kill()
    served.process.wait()


@pytest.fixture
def fresh_server(tmp_path: Path) -> Iterator[Served]:
    """A fault server with empty books."""
    served = start("fault_server.py", tmp_path / "fresh")
    yield served
    served.process.kill()
    served.process.wait()


@pytest.fixture(scope="module")
def workbench() -> Workbench:
    return Workbench(as_of=date(2026, 11, 21), bare=True)


@pytest.fixture
def app(workbench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AdvisorApp:
    """The program with a store, drafts and temporary files of its own."""
    monkeypatch.setenv("ADVISOR_STORE", str(tmp_path / "store.sqlite3"))
    monkeypatch.setenv("ADVISOR_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("ADVISOR_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.delenv("ADVISOR_API_KEY", raising=False)
    return AdvisorApp(Facts(lambda: workbench), drafts=Drafts(tmp_path / "drafts"), refine=False)
