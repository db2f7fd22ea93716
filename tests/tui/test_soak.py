"""Random keys, clicks and resizes: no exception, no growth of memory. `ADVISOR_SOAK=2000` takes two thousand."""

from __future__ import annotations

import gc
import os
import random
import resource
import sys
from pathlib import Path

import pytest

from advisor.catalog.kinds import KINDS
from advisor.tui.actions import PANES
from advisor.tui.app import AdvisorApp
from advisor.tui.drafts import Drafts
from tests.tui.conftest import AS_OF, KeptFacts, opened, settled

KEYS = (
    *"1234567890bomxsydejkuhvagfrwnclit/-+ ?", "up", "down", "left", "right", "enter", "escape", "tab", "shift+tab",
    "pageup", "pagedown", "home", "end", "delete", "backspace", "space", "f1", "f2", "f3", "f4", "f6", "f7", "f8",
    "ctrl+z", "ctrl+y", "ctrl+t", "ctrl+p", "ctrl+e", "ctrl+g", "ctrl+pagedown", "ctrl+pageup", "ctrl+delete",
    "ctrl+d", "ctrl+u", "shift+pagedown", "ctrl+s",
)  # fmt: skip
EVENTS = int(os.environ.get("ADVISOR_SOAK", "160"))
GROWTH_MB = 30


def memory_mb() -> float:
    """Memory that the process holds now; of its peak where the system tells no more."""
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * resource.getpagesize() / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)


class Soaked(AdvisorApp):
    """Cannot be left by a key or from the palette."""

    async def action_quit(self) -> None:
        return


async def test_random_keys_clicks_and_resizes(
    kept: KeptFacts, drafts: Drafts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    # A typesetter's memory, some 100 MB once it has run, is not what is asked here.
    monkeypatch.setattr("advisor.tui.screens.export.produce", lambda *_: "nothing is written here")
    monkeypatch.setattr("advisor.tui.screens.export.preview_text", lambda *_: "the preview")
    app = Soaked(kept, as_of=AS_OF.isoformat(), drafts=drafts, refine=False)
    source = random.Random(20_261_121)
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(pilot)
        for kind in KINDS.values():  # facts are read when first looked at, and kept: that is no growth
            sum(1 for _ in kind.rows(kept.bench.catalog))  # type: ignore[union-attr]
        for pane in PANES:
            await app.go(pane.id)
        before = 0.0
        for number in range(EVENTS):
            if number == EVENTS // 4:  # windows and caches have been filled by then
                gc.collect()
                before = memory_mb()
            roll = source.random()
            if roll < 0.72:
                await pilot.press(source.choice(KEYS))
            elif roll < 0.97:
                width, height = app.size
                at = (source.randrange(width), source.randrange(height))
                await pilot.click(offset=at, times=source.choice((1, 1, 2)))
            else:
                await pilot.resize_terminal(source.choice((40, 80, 100, 160)), source.choice((12, 24, 30, 50)))
            assert app.is_running
        while len(app.screen_stack) > 1:
            app.pop_screen()
        await settled(pilot, lambda: app.desk.sight.phase not in ("working", "loading"))
        gc.collect()
        growth = memory_mb() - before
        assert growth < GROWTH_MB, f"{growth:.1f} MB over {EVENTS} events"
