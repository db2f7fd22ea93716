"""A server that plays the sources, and folders away from the user's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from source_server import SourceServer

from advisor.catalog.resources import cache_dir, config_dir


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def server() -> Iterator[SourceServer]:
    playing = SourceServer()
    playing.start()
    playing.fill()
    yield playing
    playing.stop()


@pytest.fixture
def cache() -> Path:
    return cache_dir()


@pytest.fixture
def config() -> Path:
    return config_dir()
