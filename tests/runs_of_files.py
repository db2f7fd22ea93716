"""Which worker gets which tests: the run of one file goes to one, so that what its tests share is made once.

Handed out a few at a time, the tests of a file met on every worker, and each made the file's answers for itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

ALONE_EACH = "tests/properties/"
"""Tests that share little and take long: each is handed out by itself."""


def runs(nodes: Sequence[str]) -> dict[str, str]:
    """The run of each test: neighbours of one file; a file that comes again later begins another."""
    out: dict[str, str] = {}
    file, number = "", 0
    for node in nodes:
        before, file = file, node.partition("::")[0]
        number += file != before or file.startswith(ALONE_EACH)
        out[node] = f"{number} {file}"
    return out


class ByRuns(LoadScopeScheduling):
    """Hands out runs in the order in which they were collected."""

    def __init__(self, config: pytest.Config, log: Producer | None = None) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False  # those that run alone stay last
        self._runs: dict[str, str] = {}

    def schedule(self) -> None:
        self._runs = self._runs or runs(next(iter(self.registered_collections.values())))
        super().schedule()

    def _split_scope(self, nodeid: str) -> str:
        return self._runs[nodeid]
