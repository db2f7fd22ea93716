"""Small things said rightly: shares, units, what has no room, values as the form has them."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest
from textual.command import Provider
from textual.content import Content
from textual.widgets import Input, Static

from advisor.profiles.locate import find_profile
from advisor.profiles.read import read_profile
from advisor.report.numbers import percent
from advisor.tui import format as f
from advisor.tui.actions import PANE, actions_of
from advisor.tui.app import AdvisorApp
from advisor.tui.comparing import Entry, flatten, lines_of
from advisor.tui.desk import Sight
from advisor.tui.explain import Explanation
from advisor.tui.fields import FieldSpec
from advisor.tui.help import help_page
from advisor.tui.palette import Commands
from advisor.tui.screens.verdict import PATHS, columns
from advisor.tui.values import to_text
from advisor.tui.widgets.bar import VerdictBar
from advisor.tui.widgets.column import cell_text
from advisor.tui.widgets.dialogs import Ask
from advisor.tui.widgets.grid import Grid
from advisor.tui.widgets.rail import TitleBar
from tests.tui.conftest import opened, screen_text, settled, still_text
from tests.tui.frozen import PROFILE, frozen_answer


@pytest.mark.parametrize("value", [0.0, 0.0004, 0.004, 0.0051, 0.123, 0.5, 0.9949, 0.996, 0.9999, 1.0, 1.21])
def test_shares_are_those_of_the_reports(value: float) -> None:
    assert f.share(value) == percent(value)


def test_a_long_number_has_no_needless_digits() -> None:
    spec = FieldSpec(("x",), "X", "s", "number", "", None, False, True)
    assert [to_text(spec, v) for v in (14_400.0, 14_400, 12_345.5, 0.25)] == ["14,400", "14,400", "12,345.5", "0.25"]


def test_where_nothing_fits_nobody_is_said_to_be_sure() -> None:
    answer = frozen_answer()
    verdict = answer.verdict.model_copy(update={"kind": "infeasible", "choice": None, "confidence": 1.0})
    lines = {line.label: line.values for line in lines_of([Entry("x", answer.model_copy(update={"verdict": verdict}))])}
    assert lines["Sure"] == lines["Too close to call"] == ("–",)


def test_compared_profiles_read_as_the_form_does() -> None:
    said = flatten(read_profile(find_profile(PROFILE)))
    assert said["traffic.average_to_peak"] == "55 %"
    assert said["model.speculative"] == "yes"
    assert said["team.lora"] == "no"
    assert said["traffic.isl.mean"] == "2000"
    assert not {"True", "False"} & set(said.values())


@pytest.mark.parametrize("width", [40, 80, 120])
async def test_the_bar_says_how_many_candidates_have_no_room(app: AdvisorApp, width: int) -> None:
    async with app.run_test(size=(width, 24)) as pilot:
        await opened(pilot)
        bar = app.query_one(VerdictBar)
        line = bar.render_line(1).text
        answer = frozen_answer()
        priced = [c for c in answer.candidates if c.feasible and c.cost is not None]
        named = sum(f" {f.short(c.accelerator)} " in line for c in priced)
        assert named == len(priced) or f"+{len(priced) - named}" in line
        bar.show(Sight(phase="stuck", message="a long complaint " * 20))
        assert "…" in bar.render_line(0).text


def test_the_strip_and_the_bars_show_the_cost_that_orders_them() -> None:
    """The strip stood in the order of the cost with its risks and showed medians: H200 +62 %, then MI325X +60 %."""
    answer = frozen_answer()
    ranked = [c for c in answer.candidates if c.risk_adjusted_usd_per_month is not None]
    swapped = [
        c.model_copy(update={"cost": c.cost.model_copy(update={"usd_per_month": b})})
        for c, b in zip(ranked, [c.cost.usd_per_month for c in reversed(ranked) if c.cost is not None], strict=True)
        if c.cost is not None
    ]
    tree = answer.model_copy(update={"candidates": tuple(swapped)})
    bar = VerdictBar()
    bar.sight = Sight(phase="ready", answer=tree, fresh=True)
    line = "".join(p.text for p in bar._costs(300))
    assert line.startswith(" With risk: ")
    shown = [float(x) for x in re.findall(r"([+-][\d.]+) %", line)]
    assert shown == sorted(shown)
    assert len(shown) == len(ranked) - 1
    assert f.usd(ranked[0].risk_adjusted_usd_per_month) in line
    drawn = next(c for c in columns(tree, 120) if c.key == "bar")
    places = [cell_text(drawn.cell(c)).index("◆") for c in swapped]
    assert places == sorted(places)


def test_the_cost_that_ranks_is_shown_where_there_is_room() -> None:
    answer = frozen_answer()
    assert "adjusted" not in [c.key for c in columns(answer, 12)]
    for room in (30, 60, 91, 120):
        keys = [c.key for c in columns(answer, room)]
        assert keys[keys.index("cost") + 1] == "adjusted"
    column = next(c for c in columns(answer, 60) if c.key == "adjusted")
    assert cell_text(column.cell(answer.candidates[0])) == f.usd(answer.candidates[0].risk_adjusted_usd_per_month)


async def test_the_cost_that_ranks_is_explained(app: AdvisorApp) -> None:
    async with app.run_test(size=(200, 50)) as pilot:
        await opened(pilot, show="verdict")
        assert "Risk-adj." in await still_text(pilot)
        grid = app.query_one("#verdict-grid", Grid)
        grid.column = [c.key for c in grid.columns].index("adjusted")
        await pilot.press("e")
        await pilot.pause()
        assert isinstance(app.screen, Explanation)
        assert app.screen.query_one("#tree", Grid).current.path.endswith(PATHS["adjusted"])


async def test_the_palette_keeps_units_and_an_empty_screen_names_no_key(app: AdvisorApp) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot, lambda: app.desk.facts.ready.is_set())
        await app.go("curves")
        assert "a: next" not in await still_text(pilot)
        await opened(pilot)
        provider: Provider = Commands(app.screen)
        hits = [h async for h in provider.search("Service level, TTFT")]
        assert any("[ms]" in str(Content.from_markup(h.help or "")) for h in hits)


async def test_nothing_is_said_of_an_answer_that_is_still_worked_out(app: AdvisorApp) -> None:
    """Risks had said that the candidate cannot serve the profile, Gates that none was evaluated."""
    waits = threading.Event()
    app.desk.facts.load = lambda: waits.wait(30)  # type: ignore[method-assign]
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(pilot, lambda: bool(app.screen.query(TitleBar)))
        await app.open_path(find_profile(PROFILE), True)
        for pane in ("risks", "gates", "curves"):
            await app.go(pane)
            text = await still_text(pilot)
            assert "Working out the answer" in text
            assert not any(said in text for said in ("No register", "No gate", "No points"))
        waits.set()


async def test_a_folder_is_no_missing_file(app: AdvisorApp, tmp_path: Path) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot, lambda: app.desk.facts.ready.is_set())
        await pilot.press("i")
        assert isinstance(app.screen, Ask)
        app.screen.query_one(Input).value = str(tmp_path)
        await pilot.press("enter")
        assert "is a folder" in str(app.screen.query_one("#error", Static).render())
        assert "is a folder" in " ".join(screen_text(app).split())


@pytest.mark.parametrize("pane", list(PANE))
def test_keys_in_the_help_stand_clear_of_what_they_do(pane: str) -> None:
    lines = help_page(pane, "").plain.splitlines()
    for action in (*actions_of(pane), *actions_of("app")):
        assert any(line.startswith(f"  {action.shown_keys} ") and action.verb in line for line in lines)


@pytest.mark.parametrize("width", [45, 71, 96])
@pytest.mark.parametrize("pane", list(PANE))
def test_the_help_of_a_key_stays_in_its_column(pane: str, width: int) -> None:
    """On eighty columns a text ran on at the left edge, under the keys."""
    page = help_page(pane, "", width).plain
    keys = page[page.index("Keys of ") : page.index("In tables:")].splitlines()
    assert max(map(len, keys)) <= width
    told = [line for line in keys if line.startswith("  ")]
    for action in (*actions_of(pane), *actions_of("app")):
        at = next(i for i, line in enumerate(told) if line.startswith(f"  {action.shown_keys} "))
        column = len(told[at]) - len(told[at].removeprefix(f"  {action.shown_keys} ").lstrip())
        text, below = told[at][column:], at + 1
        while below < len(told) and told[below].startswith(" " * column):
            text, below = f"{text} {told[below].strip()}", below + 1
        words = " ".join(text.split())
        assert words.startswith(action.verb)
        assert words.endswith(" ".join(action.help.split()))


async def test_export_says_of_no_open_profile_that_none_is(app: AdvisorApp, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the preview was laid out the screen said so, with an answer on the desk."""
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(pilot)
        monkeypatch.setattr(app, "in_thread", lambda work: None)
        await app.go("export")
        await pilot.pause()
        shown = screen_text(app)
        assert "No profile is open" not in shown
        assert "Laying out the preview" in shown


async def test_where_there_is_no_answer_each_complaint_is_told_with_its_field(app: AdvisorApp, tmp_path: Path) -> None:
    """The text of the first had stood there alone, "must be above 0", and of the others nothing."""
    text = find_profile(PROFILE).read_text(encoding="utf-8")
    path = tmp_path / "wrong.toml"
    path.write_text(f"{text}\n[site]\npower_kw = -3\n\n[governance]\nmodel_version = 7\n", encoding="utf-8")
    assert "[site]" not in text
    assert "[governance]" not in text
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(pilot, lambda: app.desk.facts.ready.is_set())
        await app.open_path(path, show="verdict")
        await settled(pilot)
        shown = await still_text(pilot)
        head, _, page = shown.partition("There is no answer yet")
        for field in ("site.power_kw: ", "governance.model_version: "):
            assert head.count(field) == 1
            assert page.count(field) == 1
