"""A program with an answer at hand: the kept one at once, or the engine's own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual._compositor import LayoutUpdate
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.pilot import Pilot

from advisor.domain.profile import Profile
from advisor.domain.recommendation import Recommendation
from advisor.domain.sizing import CurvePoint, DeploymentCurve
from advisor.profiles.locate import find_profile, own_profiles_dir
from advisor.tui.app import AdvisorApp
from advisor.tui.desk import Desk, Facts
from advisor.tui.drafts import Drafts
from advisor.workbench import Workbench
from tests.conftest import AS_OF
from tests.tui.frozen import PROFILE, frozen_answer

SIZES = ((80, 24), (120, 40), (200, 60))


class Slice:
    """The catalog with the first rows of every list, so that pictures do not change with each new price."""

    def __init__(self, catalog: Any, rows: int) -> None:
        self._catalog, self._rows = catalog, rows

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._catalog, name)
        return value[: self._rows] if isinstance(value, list) and name not in ("claims",) else value


class Bench:
    """As much of a workbench as the screens look at."""

    def __init__(self, catalog: Any) -> None:
        self.catalog, self.evidence, self.overlays, self.as_of = catalog, (), (), AS_OF

    def stored_backtest(self) -> None:
        return None


class KeptFacts(Facts):
    """Gives the kept answer for every profile, with that profile in it; counts what is asked."""

    def __init__(self, bench: Any) -> None:
        super().__init__(lambda: bench)
        self.asked: list[Profile] = []
        self.curves_asked: list[tuple[str, str, str]] = []

    def load(self) -> None:
        if not self.ready.is_set():
            self.bench = self._opener()
            self.ready.set()

    def answer(self, profile: Profile, folder: Path | None, draws: int) -> tuple[Recommendation | None, str]:
        del folder
        self.load()
        self.asked.append(profile)
        if profile.model is not None and profile.model.id == "nonesuch":
            return None, 'model.id: unknown model "nonesuch"'
        kept = frozen_answer()
        return kept.model_copy(update={"profile": profile, "draws": draws}), ""

    def curves(
        self, answer: Recommendation, folder: Path | None, accelerator: str, tier: str, model: str
    ) -> tuple[tuple[DeploymentCurve, ...], str]:
        """The candidate's own curve, slower in two other ways of running it."""
        del folder
        self.curves_asked.append((accelerator, tier, model))
        candidate = next(c for c in answer.candidates if c.accelerator == accelerator)
        d = candidate.deployment
        if d is None:
            return (), "nothing else fits"
        ways = ((d.precision, "vllm", 0.9), (d.precision, "sglang", 0.8), ("bf16", "vllm", 0.5))
        return tuple(
            DeploymentCurve(
                accelerator=accelerator, tier=tier, model_id=model or "llama3.3-70b", evidence_grade="C",
                deployment=d.model_copy(update={"precision": precision, "engine": engine}),
                best_concurrency=candidate.curve[1].concurrency,
                points=tuple(_slower(p, factor) for p in candidate.curve if p.kind == "estimate"),
            )
            for precision, engine, factor in ways
        ), ""  # fmt: skip


def _slower(point: CurvePoint, factor: float) -> CurvePoint:
    names = ("interactivity_tps", "output_tps_per_gpu", "output_tps_lo", "output_tps_hi")
    return point.model_copy(update={name: getattr(point, name) * factor for name in names})


_PARSED: dict[tuple[Any, ...], list[RuleSet]] = {}


@pytest.fixture(autouse=True)
def _styles_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs in one process share what their style sheets say: a program keeps it for itself alone."""
    parse = Stylesheet._parse_rules

    def kept(self: Stylesheet, css: str, *place: Any, **more: Any) -> list[RuleSet]:
        key = (css, place, tuple(more.items()), tuple(self._variables.items()))
        if key not in _PARSED:
            _PARSED[key] = parse(self, css, *place, **more)
        return _PARSED[key]

    monkeypatch.setattr(Stylesheet, "_parse_rules", kept)


@pytest.fixture(scope="session")
def workbench() -> Workbench:
    return Workbench(as_of=AS_OF, bare=True)


@pytest.fixture
def drafts(tmp_path: Path) -> Drafts:
    return Drafts(tmp_path / "drafts")


@pytest.fixture
def kept(workbench: Workbench) -> KeptFacts:
    return KeptFacts(Bench(Slice(workbench.catalog, 40)))


@pytest.fixture
def app(kept: KeptFacts, drafts: Drafts) -> AdvisorApp:
    """The program on the kept answer."""
    return AdvisorApp(kept, as_of=AS_OF.isoformat(), drafts=drafts, refine=False)


@pytest.fixture
def live(workbench: Workbench, drafts: Drafts) -> AdvisorApp:
    """The program on the engine."""
    return AdvisorApp(Facts(lambda: workbench), as_of=AS_OF.isoformat(), drafts=drafts, refine=False, live_draws=500)


async def settled(pilot: Pilot[Any], ready: Callable[[], bool] | None = None) -> None:
    """Wait until the desk rests, or until `ready`; the clock only bounds it."""
    desk: Desk = pilot.app.desk  # type: ignore[attr-defined]
    for _ in range(3000):
        await pilot.pause()
        if ready() if ready else desk.facts.ready.is_set() and desk.sight.phase not in ("loading", "working"):
            await pilot.pause()
            return
        await asyncio.sleep(0.02)  # the pause above lets all be processed; here others work
    raise AssertionError(f"the desk does not come to rest: {desk.sight.phase} {desk.sight.message}")


def own_profile(name: str) -> Path:
    """A profile of one's own of that name, as the bundled one is."""
    path = own_profiles_dir() / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(find_profile(PROFILE).read_bytes())
    return path


Opener = Callable[[Pilot[Any]], Awaitable[None]]


async def opened(pilot: Pilot[Any], name: str = PROFILE, show: str = "workload") -> None:
    """Open a bundled profile and wait for its answer."""
    await settled(pilot, lambda: pilot.app.desk.facts.ready.is_set())  # type: ignore[attr-defined]
    await pilot.app.open_path(find_profile(name), True, show=show)  # type: ignore[attr-defined]
    await settled(pilot)


def screen_text(app: AdvisorApp) -> str:
    """What is on the screen, as lines of text without colours.

    Taken from the strips that a picture of the screen is drawn of: to draw it and read it took twice as long.
    """
    screen = app.screen
    update = screen._compositor.render_update(full=True, screen_stack=app._background_screens)
    assert isinstance(update, LayoutUpdate)
    lines = []
    for strips in update.strips:
        row, at = "", 0
        for segment in (segment for strip in strips for segment in strip):
            if segment.text.strip(" "):
                row = row.ljust(at) + segment.text.replace("\xa0", " ")
            at += segment.cell_length
        lines.append(row.rstrip())
    return "\n".join(lines).rstrip("\n")


async def still_text(pilot: Pilot[Any]) -> str:
    """What is on the screen once it has stopped changing, also on a machine that is busy."""
    last, same = "", 0
    for _ in range(300):
        await pilot.pause(0.02)
        text = screen_text(pilot.app)  # type: ignore[arg-type]
        at_work = any(not worker.is_finished for worker in pilot.app.workers)
        same = same + 1 if text == last and not at_work else 0
        if same >= 8:
            return text
        last = text
    raise AssertionError("the screen does not come to rest")
