"""Every test runs away from the user's own files and without the colour or the width of the terminal at hand."""

from __future__ import annotations

import gc
import os
import shutil
import socket
import tempfile
from collections.abc import Generator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.turns import FOLDER, turn, undisturbed

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# `pytest --hypothesis-profile=full --timeout=0` for ten thousand examples of each, drawn afresh
settings.register_profile(
    "ci", max_examples=200, derandomize=True, database=None, deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
settings.register_profile("full", settings.get_profile("ci"), max_examples=10_000, derandomize=False)
settings.load_profile("ci")

AS_OF = date(2026, 11, 21)
PROFILE_FILES = {
    path.stem: path for folder in (Path(__file__).parents[1] / "profiles", Path(__file__).parent / "data")
    for path in sorted(folder.glob("*.toml"))
}  # fmt: skip
"""The bundled profiles, and those of the tests that ask for what no bundled one does."""
NETWORKED = ("probe", "refresh", "cluster")
"""Folders whose tests speak to servers of their own."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Tests whose clocks matter run alone, also where other workers wait for it."""
    with turn(alone=_alone(item)):
        return (yield)


def _alone(item: pytest.Item) -> bool:
    return item.get_closest_marker("alone") is not None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Property tests first, the longest while there is other work beside them; those that run alone last, in one go."""
    items.sort(key=lambda item: (_alone(item), item.path.parent.name != "properties"))
    for item in items:
        if _alone(item) and isinstance(item, pytest.Function):
            item.obj = undisturbed(item.obj)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: tests of screens wait a third of their time."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Whole runs of a file, unless another way of handing out is asked for."""
    if config.getoption("dist") != "load":
        return None
    from tests.runs_of_files import ByRuns

    return ByRuns(config, log)


def pytest_configure(config: pytest.Config) -> None:
    """The process that starts workers makes a place for their locks; they inherit its environment."""
    if config.getoption("numprocesses", None) and FOLDER not in os.environ:
        os.environ[FOLDER] = tempfile.mkdtemp(prefix="advisor-tests-")
        config.add_cleanup(lambda: shutil.rmtree(os.environ.pop(FOLDER)))


def pytest_collection_finish() -> None:
    """As the program's own entry does: what has been loaded stays, and new objects are seldom cycles.

    To look for cycles at every 700th new object took a quarter of the time of the tests of screens.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)


@pytest.fixture(autouse=True)
def _isolated(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    for name in ("CONFIG", "CACHE", "DATA", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(home / name.lower()))
        monkeypatch.setenv(f"ADVISOR_{name}_DIR", str(home / "advisor" / name.lower()))
    for name in ("NO_COLOR", "COLUMNS", "LINES", "ADVISOR_STORE", "ADVISOR_DEBUG", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return


@pytest.fixture(autouse=True)
def _offline(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but probe and refresh connects anywhere: everything else is tested without a network."""
    if request.path.parent.name in NETWORKED:
        return

    def refuse(*args: object, **more: object) -> None:
        raise AssertionError("a connection was attempted, and only probe and refresh may")

    for name in ("connect", "connect_ex", "bind"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return Path(__file__).resolve().parent.parent
