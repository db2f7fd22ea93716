"""Servers for the probe's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from probe_kit import Served, start


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
