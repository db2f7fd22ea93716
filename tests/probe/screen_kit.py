"""The program at its Probe screen: what the tests of it share."""

from __future__ import annotations

import asyncio
from typing import Any

from textual.widgets import Static

from advisor.tui.app import AdvisorApp


def text(app: AdvisorApp) -> str:
    """What the screen says of the run."""
    return str(app.query_one("#probe-text", Static).render())


async def until(pilot: Any, ready: Any) -> None:
    """Wait for something, at most half a minute."""
    for _ in range(1500):
        if ready():
            return
        await asyncio.sleep(0.02)
    raise AssertionError(text(pilot.app))


async def at_probe(app: AdvisorApp, pilot: Any) -> Any:
    """The Probe screen, once the facts are there."""
    await until(pilot, app.desk.facts.ready.is_set)
    await app.go("probe")
    return app.pane
