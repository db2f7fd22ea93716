"""Pictures of the terminal program on bundled profiles: `python screenshots/make.py [NAME ...] [--png]`.

SVG comes from the program itself; `--png` also renders each with Chromium, where one is installed.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
AS_OF = date(2026, 11, 21)


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture: where to go and what to press."""

    name: str
    pane: str
    size: tuple[int, int] = (120, 36)
    keys: tuple[str, ...] = ()
    profile: str = "renewal-100-gpus"
    theme: str = ""


SHOTS = (
    Shot("profiles", "profiles"),
    Shot("workload", "workload", keys=("f6", *"ttft", "enter")),
    Shot("verdict", "verdict", (140, 44)),
    Shot("verdict-80x24", "verdict", (80, 24)),
    Shot("verdict-light", "verdict", (140, 44), theme="advisor-light"),
    Shot("explain", "verdict", (140, 44), keys=("right", "right", "right", "e")),
    Shot("curves", "curves", (140, 40)),
    Shot("whatif", "whatif", (140, 44), keys=("down", "f")),
    Shot("risks", "risks"),
    Shot("gates", "gates", profile="licence-required-destination"),
    Shot("evidence", "evidence", (160, 40)),
    Shot("catalog", "catalog", (140, 36)),
    Shot("claims", "claims", (140, 40)),
    Shot("backtest", "backtest", (140, 40)),
    Shot("probe", "probe", (130, 34)),
    Shot("compare", "compare", (140, 44), keys=("a", *"buy-800", "enter")),
    Shot("export", "export", (130, 40)),
)


async def rest(app: Any, pilot: Any) -> None:
    """Wait until nothing is under way."""
    for _ in range(4000):
        await pilot.pause(0.02)
        busy = getattr(app.pane, "_state", "") or not getattr(app.pane, "_checks", True)
        if app.desk.facts.ready.is_set() and app.desk.sight.phase not in ("loading", "working") and not busy:
            break
    await pilot.pause(0.3)


async def take(shots: Sequence[Shot], folder: Path) -> list[Path]:
    """Run the program once for each size and profile, and take the pictures."""
    from advisor.profiles.locate import find_profile
    from advisor.tui.app import AdvisorApp
    from advisor.tui.desk import Facts
    from advisor.tui.drafts import Drafts
    from advisor.workbench import Workbench

    bench = Workbench(as_of=AS_OF, bare=True)
    out = []
    for shot in shots:
        app = AdvisorApp(
            Facts(lambda: bench), as_of=AS_OF.isoformat(), drafts=Drafts(folder / shot.name), live_draws=10_000
        )
        async with app.run_test(size=shot.size) as pilot:
            await rest(app, pilot)
            if shot.theme:
                app.use_theme(shot.theme)
            await app.open_path(find_profile(shot.profile), True, show="")
            await rest(app, pilot)
            await app.go(shot.pane)
            await rest(app, pilot)
            for key in shot.keys:
                await pilot.press(key)
            await rest(app, pilot)
            if shot.pane in ("whatif", "compare", "export"):
                await pilot.pause(2.0)
            target = HERE / f"{shot.name}.svg"
            # The id in the file is made from its text; the fonts come from the reader's machine, not the net.
            svg = re.sub(r"@font-face \{.*?\}\s*", "", app.export_screenshot(title="advisor"), flags=re.DOTALL)
            target.write_text(svg + "\n", encoding="utf-8")
            out.append(target)
            print(target.relative_to(HERE.parent))
    return out


def to_png(svg: Path) -> None:
    """Render one picture with Chromium."""
    browser = next((b for b in ("chromium", "chromium-browser", "google-chrome") if shutil.which(b)), None)
    if browser is None:
        sys.exit("no Chromium was found; the SVG files are complete without it")
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg.read_text(encoding="utf-8"))
    assert box is not None
    size = f"{int(float(box[1])) + 1},{int(float(box[2])) + 1}"
    subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--window-size={size}",
         f"--screenshot={svg.with_suffix('.png')}", svg.as_uri()], check=True, capture_output=True,
    )  # fmt: skip


def main() -> None:
    """Take all pictures, or those that are named."""
    names = [a for a in sys.argv[1:] if not a.startswith("-")]
    chosen = [s for s in SHOTS if not names or s.name in names]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ADVISOR_CONFIG_DIR"] = os.environ["ADVISOR_CACHE_DIR"] = os.environ["ADVISOR_DATA_DIR"] = folder
        os.environ.pop("NO_COLOR", None)
        home, os.environ["HOME"] = os.environ.get("HOME", ""), folder  # paths in the pictures begin there
        work = Path(folder, "reports")
        work.mkdir()
        os.chdir(work)
        made = asyncio.run(take(chosen, Path(folder)))
        os.chdir(HERE)
        os.environ["HOME"] = home
    if "--png" in sys.argv:
        for svg in made:
            to_png(svg)


if __name__ == "__main__":
    main()
