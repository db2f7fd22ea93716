"""Looking things up, comparing, exporting, and finding anything by name: each job from start to finish."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input, Static

from advisor.domain.recommendation import DEFAULT_DRAWS
from advisor.profiles.locate import list_profiles
from advisor.tui.actions import ACTIONS, PANES
from advisor.tui.app import AdvisorApp
from advisor.tui.explain import Explanation
from advisor.tui.exporting import suggested
from advisor.tui.pages import risk_page
from advisor.tui.palette import Commands
from advisor.tui.screens.export import ExportPane
from advisor.tui.widgets.dialogs import Ask, Confirm, Picker, Reader
from advisor.tui.widgets.grid import Grid
from tests.tui.conftest import opened, screen_text, settled
from tests.tui.frozen import PROFILE, frozen_answer


def shown(app: AdvisorApp, selector: str) -> str:
    return str(app.query_one(selector, Static).render())


async def test_evidence_is_filtered_and_read_to_its_source(app: AdvisorApp) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        await opened(pilot, show="evidence")
        grid: Grid[Any] = app.query_one("#evidence-list", Grid)
        everything = len(grid.rows)
        part, engine = grid.rows[0].accelerator, grid.rows[0].engine
        await pilot.press("slash", *f"{part} engine:{engine}", "enter")
        assert grid.has_focus
        assert 0 < len(grid.rows) <= everything
        assert all((m.accelerator, m.engine) == (part, engine) for m in grid.rows)
        await pilot.press("escape")
        assert len(grid.rows) == everything
        await pilot.press("right", "f")  # like the model under the cursor
        assert {m.model for m in grid.rows} == {grid.rows[0].model}
        assert "model:" in app.query_one("#evidence-search", Input).value
        await pilot.press("enter")
        assert isinstance(app.screen, Reader)
        text = str(app.screen.query_one("#page Static", Static).render())
        assert "Source" in text
        assert " old" in text
        await pilot.press("escape", "escape", "slash", *"no such thing", "enter")
        assert len(grid.rows) == 0
        assert "0 of" in shown(app, "#evidence-count")


async def test_a_part_is_looked_for_among_parts_before_the_names_of_sources(app: AdvisorApp) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        await opened(pilot, show="evidence")
        pane: Any = app.pane
        kept = pane._rows[:3]
        pane._rows = [
            replace(kept[0], row_id="a", accelerator="b200", source_id="mi355x-against-b200"),
            replace(kept[1], row_id="b", accelerator="b200", source_id="own", image="vllm:rocm-mi355x"),
            replace(kept[2], row_id="c", accelerator="mi355x", source_id="own"),
        ]
        await pilot.press("slash", *"mi355x", "enter")
        grid: Grid[Any] = app.query_one("#evidence-list", Grid)
        assert [m.row_id for m in grid.rows] == ["c", "a"]


async def test_the_rows_behind_the_answer(app: AdvisorApp) -> None:
    answer = frozen_answer()
    behind = {r for c in answer.candidates if c.operating_point for r in c.operating_point.evidence_rows}
    behind |= {p.row_id for c in answer.candidates for p in c.curve if p.row_id}
    async with app.run_test(size=(140, 40)) as pilot:
        await opened(pilot, show="evidence")
        await pilot.press("w")
        grid: Grid[Any] = app.query_one("#evidence-list", Grid)
        assert {m.row_id for m in grid.rows} <= behind
        assert "behind this answer" in shown(app, "#evidence-count")


async def test_a_number_of_the_verdict_down_to_its_source(app: AdvisorApp) -> None:
    async with app.run_test(size=(140, 44)) as pilot:
        await opened(pilot, show="verdict")
        await pilot.press("right", "right", "right", "e")
        assert isinstance(app.screen, Explanation)
        await pilot.press("backspace")
        tree = app.screen.query_one("#tree", Grid)
        tree.select(lambda n: n.name == "price")
        await pilot.pause()
        text = str(app.screen.query_one("#text", Static).render())
        assert "Sources" in text
        await pilot.press("escape")
        assert len(app.screen_stack) == 1


async def test_two_and_three_profiles_side_by_side(app: AdvisorApp) -> None:
    async with app.run_test(size=(140, 44)) as pilot:
        await opened(pilot, show="compare")
        assert "Press a to add" in screen_text(app)
        for name in ("startup", "buy-800"):
            await pilot.press("a")
            assert isinstance(app.screen, Picker)
            await pilot.press(*name, "enter")
            await settled(pilot, lambda: all(e.answer is not None for e in app.pane.entries))  # type: ignore[attr-defined]
        assert "3 side by side" in screen_text(app)
        await pilot.press("a")
        assert len(app.screen_stack) == 1  # three are the most
        grid: Grid[Any] = app.query_one("#compare-grid", Grid)
        everything = len(grid.rows)
        await pilot.press("f")
        assert 0 < len(grid.rows) < everything
        assert all(line.differs for line in grid.rows)
        await pilot.press("d", "d")
        assert "Nothing stands beside it" in screen_text(app)


async def test_a_profile_is_compared_at_the_draws_of_the_verdict(live: AdvisorApp) -> None:
    async with live.run_test(size=(140, 44)) as pilot:
        await opened(pilot)
        live.desk.refine()
        await settled(pilot, lambda: live.desk.sight.answer.draws == DEFAULT_DRAWS)  # type: ignore[union-attr]
        await live.go("compare")
        await pilot.press("a", *PROFILE, "enter")
        await settled(pilot, lambda: all(e.answer is not None for e in live.pane.entries))  # type: ignore[attr-defined]
        desk, added = (e.answer for e in live.pane.entries)  # type: ignore[attr-defined]
        assert desk.verdict == added.verdict
        assert [c.cost for c in desk.candidates] == [c.cost for c in added.candidates]


async def test_output_and_total_throughput_have_names_of_their_own(app: AdvisorApp) -> None:
    async with app.run_test(size=(200, 44)) as pilot:
        await opened(pilot)
        titles = {}
        for pane, grid, key in (
            ("verdict", "#verdict-grid", "tps"), ("curves", "#curve-points", "gpu"),
            ("evidence", "#evidence-list", "total"),
        ):  # fmt: skip
            await app.go(pane)
            titles[pane] = next(c.title for c in app.query_one(grid, Grid).columns if c.key == key)
        assert titles["verdict"] == titles["curves"] != titles["evidence"]


@pytest.mark.parametrize(("width", "shown_"), [(200, True), (140, False)])
async def test_a_wide_verdict_shows_what_the_bill_counts(app: AdvisorApp, width: int, shown_: bool) -> None:
    cost = frozen_answer().candidates[0].cost
    assert cost is not None
    async with app.run_test(size=(width, 44)) as pilot:
        await opened(pilot, show="verdict")
        await pilot.pause()
        text = screen_text(app)
        assert (f"{cost.gpus_start:,.1f} → {cost.gpus_end:,.1f}" in text) is shown_
        assert ("$/GPU-h" in text) is shown_
        assert ("fp4 TP1" in text) or not shown_  # the deployment still has room
        await pilot.press("d")
        await pilot.pause()
        page = str(app.screen.query_one("#page Static", Static).render())
        assert f"{cost.gpus_start:,.1f} in the first month" in page


def test_a_loss_can_be_reckoned_from_what_its_page_shows() -> None:
    for risk in frozen_answer().candidates[0].risks:
        page = risk_page(risk).plain
        share, usd = re.search(r"([\d.]+) % a year × USD ([\d,.]+) / 12", page).groups()  # type: ignore[union-attr]
        loss = float(share) / 100 * float(usd.replace(",", "")) / 12
        assert loss == pytest.approx(risk.expected_loss_usd_per_month, rel=0.02, abs=1)


async def test_an_answer_of_another_day_beside_todays(app: AdvisorApp, tmp_path: Path) -> None:
    tree = frozen_answer().model_dump(mode="json")
    tree["as_of"] = "2026-08-01"
    earlier, older = tmp_path / "earlier.json", tmp_path / "older.json"
    earlier.write_text(json.dumps(tree))
    older.write_text(json.dumps({**tree, "schema_version": "0.9", "gone": 1}))
    async with app.run_test(size=(140, 44)) as pilot:
        await opened(pilot, show="compare")
        for path in (older, earlier):
            await pilot.press("a", "enter")
            assert isinstance(app.screen, Ask)
            app.screen.query_one(Input).value = str(path)
            await pilot.press("enter")
            await pilot.pause()
        await pilot.pause()
        text = screen_text(app)
        assert "earlier 2026-08-01" in text
        assert any("older.json: written with schema 0.9" in n.message for n in app._notifications)
        assert "2 side by side" in text


async def test_the_report_is_previewed_and_written_as_a_pdf(app: AdvisorApp, tmp_path: Path) -> None:
    target = tmp_path / "report.pdf"
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, show="export")
        await settled(pilot, lambda: "Recommendation" in shown(app, "#export-text"))
        for _ in range(3):
            await pilot.press("down")
        await settled(pilot, lambda: '"schema_version"' in shown(app, "#export-text"))
        await pilot.press("up", "up", "up", "tab")
        app.query_one("#export-path", Input).value = str(target)
        await pilot.press("enter")
        await settled(pilot, lambda: "Written" in shown(app, "#export-state"))
    assert target.read_bytes().startswith(b"%PDF-")


async def test_a_file_is_replaced_only_on_a_word(app: AdvisorApp, tmp_path: Path) -> None:
    target = tmp_path / "answer.json"
    target.write_text("mine")
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, show="export")
        await pilot.press("down", "down", "down", "tab")
        app.query_one("#export-path", Input).value = str(target)
        await pilot.press("enter")
        assert isinstance(app.screen, Confirm)
        await pilot.press("n")
        await pilot.pause()
        assert "stays as it is" in shown(app, "#export-state")
        assert target.read_text() == "mine"
        await pilot.press("enter", "y")
        await settled(pilot, lambda: "Written" in shown(app, "#export-state"))
    assert '"schema_version"' in target.read_text()


async def test_rows_like_a_cell_have_its_very_value(app: AdvisorApp) -> None:
    async with app.run_test(size=(160, 40)) as pilot:
        await opened(pilot, show="evidence")
        await pilot.pause()
        grid: Grid[Any] = app.query_one("#evidence-list", Grid)
        grid.column = [c.key for c in grid.columns].index("conc")
        assert grid.select(lambda m: m.concurrency == 16)
        await pilot.press("f")
        await pilot.pause()
        assert {m.concurrency for m in grid.rows} == {16}
        box = app.query_one("#evidence-search", Input)
        model = grid.rows[0].model
        box.value = f"model:{model}"
        await pilot.pause()
        assert {m.model for m in grid.rows} == {model}
        box.value = f"model:{model[:-1]}"
        await pilot.pause()
        assert model in {m.model for m in grid.rows}


async def test_a_folder_is_made_only_on_a_word(app: AdvisorApp, tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there"
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, show="export")
        await pilot.press("down", "down", "down", "tab")
        app.query_one("#export-path", Input).value = str(folder / "answer.json")
        await pilot.press("enter")
        assert isinstance(app.screen, Confirm)
        await pilot.pause()
        assert "Make a folder?" in screen_text(app)
        await pilot.press("n")
        await pilot.pause()
        assert "Not written" in shown(app, "#export-state")
        assert not folder.parent.exists()
        await pilot.press("enter", "y")
        await settled(pilot, lambda: "Written" in shown(app, "#export-state"))
    assert (folder / "answer.json").is_file()


async def test_the_ending_of_the_name_and_the_form_go_together(app: AdvisorApp, tmp_path: Path) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, show="export")
        pane = app.query_one(ExportPane)
        box = app.query_one("#export-path", Input)
        assert box.value.endswith(".pdf")
        await pilot.press("tab")
        box.value = str(tmp_path / "mine.html")
        await settled(pilot, lambda: pane.form == "html")
        await pilot.press("shift+tab", "down")
        await settled(pilot, lambda: box.value == str(tmp_path / "mine.json"))
        await pilot.press("enter")
        await settled(pilot, lambda: "Written" in shown(app, "#export-state"))
    assert '"schema_version"' in (tmp_path / "mine.json").read_text()


@pytest.mark.parametrize("typed", ["", "~nobody-of-that-name/x.pdf", "here/", "x" * 300 + ".pdf"])
async def test_a_name_that_is_none_is_told_and_ends_nothing(app: AdvisorApp, typed: str) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, show="export")
        await pilot.press("tab")
        app.query_one("#export-path", Input).value = typed
        await pilot.press("enter")
        await settled(pilot, lambda: "Not written" in shown(app, "#export-state"))


def test_the_file_is_suggested_as_one_says_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "reports").mkdir()
    monkeypatch.chdir(tmp_path / "reports")
    assert suggested("renewal", "pdf") == "~/reports/renewal.pdf"
    monkeypatch.setenv("HOME", "/nowhere")
    assert suggested("renewal", "pdf") == str(tmp_path / "reports" / "renewal.pdf")


async def test_every_release_date_of_a_part_has_room(app: AdvisorApp) -> None:
    async with app.run_test(size=(200, 50)) as pilot:
        await opened(pilot, show="catalog")
        await pilot.pause()
        text = screen_text(app)
        for part in app.pane.bench.catalog.accelerators.values():  # type: ignore[union-attr]
            line = next(x for x in text.splitlines() if part.name in x and part.id in x)
            assert part.release in line


async def test_a_place_that_cannot_be_written_is_told_where_the_file_is_named(app: AdvisorApp, tmp_path: Path) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, show="export")
        await pilot.press("down", "down", "down", "tab")
        app.query_one("#export-path", Input).value = str(tmp_path)
        await pilot.press("enter")
        await settled(pilot, lambda: "Not written" in shown(app, "#export-state"))


@pytest.mark.parametrize("pane", ["risks", "gates"])
async def test_risks_and_gates_of_any_candidate(app: AdvisorApp, pane: str) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, show=pane)
        first = screen_text(app)
        await pilot.press("a")
        await pilot.pause()
        assert screen_text(app) != first
        await pilot.press("enter")
        assert isinstance(app.screen, Reader)


async def test_the_palette_finds_every_action_profile_accelerator_and_model(app: AdvisorApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, show="verdict")
        commands = Commands(app.screen)
        names = {name for name, _, _ in commands._things()}
        bench = app.desk.facts.bench
        assert bench is not None
        assert {f"Profile: Open {e.name}" for e in list_profiles()} <= names
        assert {f"Accelerator: {a.name}" for a in bench.catalog.accelerators.values()} <= names
        assert {f"Model: {m.name}" for m in bench.catalog.models.values()} <= names
        found: set[str] = set()
        for pane in PANES:
            await app.go(pane.id)
            found |= {name for name, _, _ in commands._actions()}
        assert {a.name for a in ACTIONS} <= found


async def test_the_palette_goes_to_a_fact_a_profile_and_a_field(app: AdvisorApp) -> None:
    async def find(words: str) -> None:
        await pilot.press("ctrl+p")
        await pilot.pause()
        await pilot.press(*words)
        await settled(pilot, lambda: bool(app.screen.query("CommandList Option, CommandList")))
        await pilot.pause(0.3)
        await pilot.press("enter")
        await settled(pilot, lambda: len(app.screen_stack) == 1)

    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, show="verdict")
        await find("accelerator: instinct mi355x")
        await settled(pilot, lambda: app.at == "catalog")
        assert app.query_one("#catalog-rows", Grid).current.id == "mi355x"
        await find("profile: open startup")
        await settled(pilot, lambda: app.desk.sight.name == "startup-first-cluster")
        await find("field: service level, ttft")
        await settled(pilot, lambda: app.at == "workload")
        assert app.focused.spec.path == "slo.ttft_ms"  # type: ignore[union-attr]


async def test_a_name_given_to_a_new_profile_is_its_name(app: AdvisorApp) -> None:
    async with app.run_test(size=(100, 40)) as pilot:
        await settled(pilot, lambda: app.desk.facts.ready.is_set())
        await pilot.press("n", *"Chat for staff", "enter")
        await settled(pilot, lambda: app.desk.sight.profile is not None)
        assert app.desk.sight.profile.name == "Chat for staff"  # type: ignore[union-attr]
        assert app.desk.sight.name == "chat-for-staff"


async def test_an_open_profile_stays_open_under_its_new_name(app: AdvisorApp) -> None:
    async with app.run_test(size=(100, 40)) as pilot:
        await settled(pilot, lambda: app.desk.facts.ready.is_set())
        await pilot.press("n", *"first", "enter")
        await settled(pilot, lambda: app.desk.sight.name == "first")
        app.edit(("team", "engineers"), 11)
        await settled(pilot)
        await app.go("profiles")
        app.query_one("#profile-list", Grid).select(lambda r: r.name == "first")
        await pilot.press("r", *["backspace"] * 10, *"second", "enter")
        await pilot.pause()
        assert app.desk.sight.name == "second"
        assert app.desk.sight.dirty
        await pilot.press("ctrl+s")
        await pilot.pause()
        folder = app.desk.document.path.parent  # type: ignore[union-attr]
        assert "engineers = 11" in (folder / "second.toml").read_text()
        assert not (folder / "first.toml").exists()


async def test_letters_on_a_field_with_a_list_are_looked_for_in_it(app: AdvisorApp) -> None:
    async with app.run_test(size=(100, 40)) as pilot:
        await opened(pilot, PROFILE)
        app.pane.jump(("model", "id"))  # type: ignore[attr-defined]
        await pilot.pause()
        await pilot.press("enter", *"mixtral")
        assert isinstance(app.screen, Picker)
        assert app.screen.query_one(Input).value == "mixtral"
        await pilot.press("enter")
        await settled(pilot)
        assert "mixtral" in app.desk.sight.profile.model.id  # type: ignore[union-attr, operator]
