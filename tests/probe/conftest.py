"""Servers for the probe's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from probe_kit import Served, start


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
