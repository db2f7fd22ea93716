"""What a person does, from start to finish: by keyboard alone, by mouse alone, and what must not be lost."""

from __future__ import annotations

import asyncio
import csv
import json
from pathlib import Path
from typing import Any

import pytest
from textual.widget import Widget
from textual.widgets import Input, Static

from advisor.domain.recommendation import Recommendation
from advisor.profiles.locate import own_profiles_dir
from advisor.tui.actions import ACTIONS, PANES, actions_of
from advisor.tui.app import AdvisorApp
from advisor.tui.desk import Facts
from advisor.tui.drafts import Drafts
from advisor.tui.explain import Explanation
from advisor.tui.widgets.bar import VerdictBar
from advisor.tui.widgets.dialogs import Ask, Picker, Reader
from advisor.tui.widgets.field_row import FieldRow
from advisor.tui.widgets.grid import Grid
from advisor.tui.widgets.rail import Rail
from tests.tui.conftest import AS_OF, KeptFacts, opened, screen_text, settled
from tests.tui.frozen import PROFILE, frozen_answer


async def test_keyboard_alone_from_the_list_to_a_file(app: AdvisorApp, tmp_path: Path) -> None:
    async with app.run_test(size=(100, 40)) as pilot:
        await settled(pilot, lambda: app.desk.facts.ready.is_set())
        await pilot.press("slash", *"renewal", "enter", "enter")
        await settled(pilot)
        assert app.at == "workload"
        assert app.desk.sight.answer is not None
        await pilot.press("f6", *"peak concurrency", "enter")
        await pilot.pause()
        await pilot.press("enter", *"900", "enter")
        await settled(pilot)
        assert app.desk.sight.profile.traffic.peak_concurrency == 900  # type: ignore[union-attr]
        await pilot.press("ctrl+pagedown")
        assert app.at == "verdict"
        await pilot.press("right", "right", "right", "e")
        assert isinstance(app.screen, Explanation)
        assert app.screen.query_one("#tree", Grid).current.path.endswith("cost.usd_per_month")
        await pilot.press("escape", "x", "down", "down", "down", "tab")
        box = app.query_one("#export-path", Input)
        assert box.has_focus
        box.value = str(tmp_path / "answer.json")
        await pilot.press("enter")
        await settled(pilot, lambda: (tmp_path / "answer.json").exists())
    written = json.loads((tmp_path / "answer.json").read_text())
    assert written["profile"]["traffic"]["peak_concurrency"] == 900
    assert written["draws"] == 10_000


async def test_mouse_alone_from_the_list_to_a_file(app: AdvisorApp, tmp_path: Path) -> None:
    async with app.run_test(size=(140, 50)) as pilot:
        await settled(pilot, lambda: app.desk.facts.ready.is_set())
        grid: Grid[object] = app.query_one("#profile-list", Grid)
        row = next(i for i, r in enumerate(grid.rows) if r.name == PROFILE)  # type: ignore[attr-defined]
        await pilot.click(grid, offset=(6, row + 1))
        await pilot.click(grid, offset=(6, row + 1), times=2)
        await settled(pilot)
        assert app.at == "workload"
        appetite = next(r for r in app.query(FieldRow) if r.spec.path == "risk_appetite")
        await pilot.click(appetite, offset=(30, 0))
        await settled(pilot)
        assert app.desk.sight.profile.risk_appetite == "seeking"  # type: ignore[union-attr]
        await pilot.click(VerdictBar)
        assert app.at == "verdict"
        await pilot.click("#verdict-grid", offset=(20, 0))
        await pilot.click("#verdict-grid", offset=(20, 2), times=2)
        await pilot.pause()
        assert isinstance(app.screen, Explanation)
        await pilot.click("#close")
        rail = app.query_one(Rail)
        line = [name for name, _ in rail._visible()].index("export")
        await pilot.click(rail, offset=(4, line))
        assert app.at == "export"
        await pilot.click("#export-forms", offset=(3, 5))
        await pilot.pause()
        app.query_one("#export-path", Input).value = str(tmp_path / "table.csv")
        await pilot.click("#export-write")
        await settled(pilot, lambda: (tmp_path / "table.csv").exists())
    rows = list(csv.DictReader((tmp_path / "table.csv").read_text().splitlines()))
    assert [r["accelerator"] for r in rows] == [c.accelerator for c in frozen_answer().candidates]


async def test_every_screen_opens_by_its_key_and_from_the_palette(app: AdvisorApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, show="verdict")
        for pane in PANES:
            app.screen.set_focus(None)
            await pilot.press(pane.key)
            assert app.at == pane.id
        await pilot.press("ctrl+p")
        await pilot.pause()
        await pilot.press(*"go: risks")
        await pilot.pause(0.3)
        await pilot.press("enter")
        await settled(pilot, lambda: app.at == "risks")


async def test_help_lists_the_keys_of_every_screen(app: AdvisorApp) -> None:
    async with app.run_test(size=(120, 50)) as pilot:
        await opened(pilot, show="verdict")
        for pane in PANES:
            await app.go(pane.id)
            app.action_help()
            await pilot.pause()
            assert isinstance(app.screen, Reader)
            text = str(app.screen.query_one("#page Static", Static).render())
            for action in actions_of(pane.id):
                assert action.verb in text
            await pilot.press("escape")


def test_every_action_has_a_method_and_a_name_of_its_own() -> None:
    from importlib import import_module

    names = [a.name for a in ACTIONS]
    assert len(set(names)) == len(names)
    for action in ACTIONS:
        if action.scope == "app":
            owner: type = AdvisorApp
        else:
            pane = next(p for p in PANES if p.id == action.scope)
            owner = getattr(import_module(f"advisor.tui.screens.{pane.module}"), pane.pane)
        assert hasattr(owner, f"action_{action.run.partition('(')[0]}"), action


async def test_a_wrong_value_is_told_under_its_field_and_the_last_answer_stays(app: AdvisorApp) -> None:
    async with app.run_test(size=(100, 40)) as pilot:
        await opened(pilot)
        app.pane.jump(("slo", "ttft_ms"))  # type: ignore[attr-defined]
        await pilot.pause()
        await pilot.press("enter", *"-5")
        await settled(pilot)
        row = next(r for r in app.query(FieldRow) if r.spec.path == "slo.ttft_ms")
        assert "greater than 0" in row.problem
        assert "1 problem" in screen_text(app)
        assert app.desk.sight.answer is not None
        await pilot.press("escape")
        await settled(pilot)
        assert app.desk.sight.problems == ()
        assert app.desk.sight.profile.slo.ttft_ms == 2000  # type: ignore[union-attr]


async def test_typing_what_is_no_number_changes_nothing(app: AdvisorApp) -> None:
    async with app.run_test(size=(100, 40)) as pilot:
        await opened(pilot)
        app.pane.jump(("slo", "ttft_ms"))  # type: ignore[attr-defined]
        await pilot.pause()
        await pilot.press("enter", *"abc", "enter")
        row = next(r for r in app.query(FieldRow) if r.spec.path == "slo.ttft_ms")
        assert "is no number" in row.problem
        assert row.editing
        await pilot.press("escape")
        assert app.desk.document.text == app.desk.document.saved_text  # type: ignore[union-attr]


async def test_the_engine_s_complaint_lands_at_the_field(app: AdvisorApp) -> None:
    async with app.run_test(size=(100, 40)) as pilot:
        await opened(pilot)
        app.edit(("model", "id"), "nonesuch")
        await settled(pilot)
        row = next(r for r in app.query(FieldRow) if r.spec.path == "model.id")
        assert row.problem == 'unknown model "nonesuch"'


async def test_models_and_countries_come_from_lists(app: AdvisorApp) -> None:
    async with app.run_test(size=(100, 40)) as pilot:
        await opened(pilot)
        app.pane.jump(("model", "id"))  # type: ignore[attr-defined]
        await pilot.pause()
        await pilot.press("enter")
        assert isinstance(app.screen, Picker)
        await pilot.press(*"mixtral", "enter")
        await settled(pilot)
        assert "mixtral" in app.desk.sight.profile.model.id  # type: ignore[union-attr, operator]
        app.pane.jump(("place", "country"))  # type: ignore[attr-defined]
        await pilot.pause()
        await pilot.press("enter", *"switzerland", "enter")
        await settled(pilot)
        assert app.desk.sight.profile.place.country == "CH"  # type: ignore[union-attr]


async def test_a_config_json_is_checked_before_it_is_taken(app: AdvisorApp, tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({
        "num_hidden_layers": 32, "hidden_size": 4096, "num_attention_heads": 32, "num_key_value_heads": 8,
        "vocab_size": 32000, "intermediate_size": 14336}))  # fmt: skip
    async with app.run_test(size=(100, 40)) as pilot:
        await opened(pilot)
        await pilot.press("f9", *str(tmp_path / "nothing.json"), "enter")
        assert isinstance(app.screen, Ask)
        assert "no such file" in str(app.screen.query_one("#error", Static).render())
        app.screen.query_one(Input).value = str(config)
        await pilot.press("enter")
        await settled(pilot)
        model = app.desk.sight.profile.model  # type: ignore[union-attr]
        assert (model.id, model.config_json) == (None, str(config))  # type: ignore[union-attr]


async def test_a_bundled_profile_is_saved_as_one_s_own_with_its_comments(app: AdvisorApp) -> None:
    async with app.run_test(size=(100, 40)) as pilot:
        await opened(pilot)
        app.edit(("team", "engineers"), 11)
        await pilot.press("ctrl+s")
        assert isinstance(app.screen, Ask)
        await pilot.press("enter")
        await pilot.pause()
        target = own_profiles_dir() / f"{PROFILE}.toml"
        text = target.read_text()
        assert text.startswith("# The contract for about a hundred H200")
        assert "engineers = 11" in text
        assert not app.desk.sight.dirty
        app.edit(("team", "engineers"), 12)
        await pilot.press("ctrl+s")
        await pilot.pause()
        assert "engineers = 12" in target.read_text()


async def test_undo_and_redo_reach_the_answer(app: AdvisorApp, kept: KeptFacts) -> None:
    async with app.run_test(size=(100, 40)) as pilot:
        await opened(pilot)
        app.edit(("team", "engineers"), 11)
        await pilot.press("ctrl+z")
        await settled(pilot)
        assert kept.asked[-1].team.engineers == 8
        await pilot.press("ctrl+y")
        await settled(pilot)
        assert kept.asked[-1].team.engineers == 11


async def test_a_crash_and_a_quit_lose_no_edit(kept: KeptFacts, drafts: Drafts) -> None:
    def fresh() -> AdvisorApp:
        return AdvisorApp(kept, as_of=AS_OF.isoformat(), drafts=drafts, refine=False)

    first = fresh()
    async with first.run_test(size=(100, 40)) as pilot:
        await opened(pilot)
        first.edit(("team", "engineers"), 11)
        await settled(pilot, lambda: any(drafts.folder.glob("*.draft")))  # written by itself, nobody saved
    second = fresh()
    async with second.run_test(size=(100, 40)) as pilot:
        await opened(pilot)
        assert second.desk.sight.profile.team.engineers == 11  # type: ignore[union-attr]
        assert second.desk.sight.dirty
        second.edit(("team", "engineers"), 12)
        await pilot.press("ctrl+q")
    third = fresh()
    async with third.run_test(size=(100, 40)) as pilot:
        await opened(pilot)
        assert third.desk.sight.profile.team.engineers == 12  # type: ignore[union-attr]


async def test_profiles_are_made_copied_renamed_deleted_imported(app: AdvisorApp, tmp_path: Path) -> None:
    folder = own_profiles_dir()
    async with app.run_test(size=(100, 40)) as pilot:
        await settled(pilot, lambda: app.desk.facts.ready.is_set())
        await pilot.press("n", "enter")
        await settled(pilot)
        assert (folder / "my-workload.toml").is_file()
        await app.go("profiles")
        app.query_one("#profile-list", Grid).select(lambda r: r.name == "my-workload")
        await pilot.press("c", "enter")
        await settled(pilot)
        assert (folder / "my-workload-copy.toml").read_text() == (folder / "my-workload.toml").read_text()
        await app.go("profiles")
        app.query_one("#profile-list", Grid).select(lambda r: r.name == "my-workload-copy")
        await pilot.press("r", *["backspace"] * 30, *"second", "enter")
        await pilot.pause()
        assert (folder / "second.toml").is_file()
        assert not (folder / "my-workload-copy.toml").exists()
        await pilot.press("d", "y")
        await pilot.pause()
        assert not (folder / "second.toml").exists()
        broken, good = tmp_path / "broken.toml", tmp_path / "good.toml"
        broken.write_text("name = ")
        good.write_text((folder / "my-workload.toml").read_text())
        await pilot.press("i")
        app.screen.query_one(Input).value = str(broken)
        await pilot.press("enter")
        assert "unreadable" in str(app.screen.query_one("#error", Static).render())
        app.screen.query_one(Input).value = str(good)
        await pilot.press("enter", "enter")
        await settled(pilot)
        assert (folder / "good.toml").is_file()
        await app.go("profiles")
        app.query_one("#profile-list", Grid).select(lambda r: r.entry.bundled)
        await pilot.press("d")
        assert len(app.screen_stack) == 1


@pytest.mark.parametrize("where", ["import", "compare", "config.json"])
@pytest.mark.parametrize("typed", ["~nobody-of-that-name", "x" * 300])
async def test_half_a_path_is_told_and_ends_nothing(app: AdvisorApp, where: str, typed: str) -> None:
    async with app.run_test(size=(100, 40)) as pilot:
        await opened(pilot, show={"import": "profiles", "compare": "compare"}.get(where, "workload"))
        if where == "import":
            await pilot.press("i")
        elif where == "compare":
            app.pane._ask_file()  # type: ignore[attr-defined]
        else:
            await pilot.press("f9")
        await pilot.pause()
        app.screen.query_one(Input).value = typed
        await pilot.press("enter")
        await pilot.pause()
        assert app.screen.query_one("#error").has_class("shown")


async def test_a_search_shows_what_is_called_so_first(app: AdvisorApp) -> None:
    async with app.run_test(size=(100, 40)) as pilot:
        await settled(pilot, lambda: app.desk.facts.ready.is_set())
        grid: Grid[Any] = app.query_one("#profile-list", Grid)
        await pilot.press("end", "slash", *"agents")
        await pilot.pause()
        assert [r.name for r in grid.rows].index("gpt-oss-120b-agents") == 0
        assert len(grid.rows) > 1
        assert grid.current.name == "gpt-oss-120b-agents"


async def test_a_profile_that_cannot_be_deleted_is_told(app: AdvisorApp, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    async with app.run_test(size=(100, 40)) as pilot:
        await settled(pilot, lambda: app.desk.facts.ready.is_set())
        await pilot.press("n", "enter")
        await settled(pilot)
        await app.go("profiles")
        app.query_one("#profile-list", Grid).select(lambda r: r.name == "my-workload")
        monkeypatch.setattr(Path, "unlink", refuse)
        await pilot.press("d", "y")
        await pilot.pause()
        monkeypatch.undo()
        assert any("cannot be deleted (Permission denied)" in n.message for n in app._notifications)
        assert app.query_one("#profile-list", Grid).current.name == "my-workload"


async def test_foreign_text_is_shown_as_text(app: AdvisorApp, tmp_path: Path) -> None:
    nasty = own_profiles_dir() / "nasty.toml"
    nasty.parent.mkdir(parents=True)
    nasty.write_text(
        'name = "[bold red]x[/] $(id) \\u001b[31m"\nsummary = "[@click=app.quit]press[/]"\n'
        '[model]\nid = "llama3.3-70b"\n'
        "[traffic]\nisl = 1000\nosl = 100\npeak_concurrency = 10\n"
    )
    async with app.run_test(size=(160, 40)) as pilot:
        await settled(pilot, lambda: app.desk.facts.ready.is_set())
        app.query_one("#profile-list", Grid).select(lambda r: r.name == "nasty")
        await pilot.pause()
        text = screen_text(app)
        assert "[bold red]x[/] $(id)" in text
        assert "[@click=app.quit]press[/]" in text
        assert "\x1b" not in text
        await app.open_path(nasty)
        await settled(pilot)
        assert "[bold red]x[/]" in screen_text(app)


async def test_a_profile_that_cannot_be_read_is_told_and_the_desk_stays(app: AdvisorApp, tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text("name = ")
    async with app.run_test(size=(100, 40)) as pilot:
        await opened(pilot)
        assert not await app.open_path(bad)
        assert app.desk.document is not None
        assert app.desk.document.name == PROFILE


async def test_without_facts_the_editor_still_opens(drafts: Drafts) -> None:
    def fail() -> object:
        raise ValueError("no disk")

    app = AdvisorApp(Facts(fail), drafts=drafts, refine=False)  # type: ignore[arg-type]
    async with app.run_test(size=(100, 40)) as pilot:
        await settled(pilot, lambda: app.desk.facts.ready.is_set())
        await opened(pilot)
        assert app.desk.sight.phase == "stuck"
        assert "no disk" in app.desk.sight.message


@pytest.mark.parametrize("theme", ["advisor-dark", "advisor-light", "advisor-contrast-dark", "advisor-contrast-light",
                                   "ansi-dark"])  # fmt: skip
async def test_every_colour_scheme_draws_every_screen(app: AdvisorApp, theme: str) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(pilot)
        app.use_theme(theme)
        for pane in ("workload", "verdict", "curves", "whatif"):
            await app.go(pane)
            await pilot.pause()
        assert app.drafts.settings().theme == theme


async def test_without_colour_every_state_keeps_its_sign(
    kept: KeptFacts, drafts: Drafts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = AdvisorApp(kept, drafts=drafts, refine=False)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, show="verdict")
        for pane in PANES:
            await app.go(pane.id)
            await pilot.pause()
        await app.go("gates")
        await pilot.pause()
        await pilot.pause()
        text = screen_text(app)
        assert "✓ pass" in text
        assert app.no_color


async def test_answers_are_the_engine_s(live: AdvisorApp, workbench: object) -> None:
    async with live.run_test(size=(120, 40)) as pilot:
        await opened(pilot, "startup-first-cluster", show="verdict")
        shown = live.desk.sight.answer
        assert isinstance(shown, Recommendation)
        same = workbench.advise(shown.profile, draws=500)  # type: ignore[attr-defined]
        assert shown.verdict == same.verdict
        assert [c.cost for c in shown.candidates] == [c.cost for c in same.candidates]
        live.desk.refine()
        await settled(pilot, lambda: live.desk.sight.answer.draws == 10_000)  # type: ignore[union-attr]


async def test_a_fault_of_the_program_keeps_the_edits_and_prints_no_values(
    app: AdvisorApp, drafts: Drafts, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        secret = "a value that stays here"
        raise ValueError(secret)

    async def run() -> None:
        async with app.run_test(size=(100, 40)) as pilot:
            await opened(pilot)
            app.edit(("team", "engineers"), 11)
            app.call_later(fail)
            await pilot.pause()

    with pytest.raises(ValueError, match="a value"):
        await run()
    assert any("engineers = 11" in p.read_text() for p in drafts.folder.glob("*.draft"))
    printed = " ".join(capsys.readouterr().err.split())
    assert "(ValueError in test_jobs.py" in printed
    assert "Unsaved edits are kept" in printed
    assert "a value that stays here" not in printed


async def test_what_comes_while_the_program_is_left_is_dropped(app: AdvisorApp) -> None:
    """A catalog that was read just as the screens had gone had been called a fault of the program."""
    prune = app._prune

    async def and_then_facts(*nodes: Widget) -> None:
        await prune(*nodes)
        app.call_back(app._facts_are_there)
        await asyncio.sleep(0.05)

    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: app.desk.facts.ready.is_set())
        app._prune = and_then_facts  # type: ignore[method-assign,assignment]


async def test_ctrl_c_says_how_the_program_is_left_and_shows_no_markup(app: AdvisorApp) -> None:
    async with app.run_test(size=(100, 40)) as pilot:
        await settled(pilot, lambda: app.desk.facts.ready.is_set())
        await pilot.press("ctrl+c")
        await pilot.pause()
        assert app.is_running
        said = [n.message for n in app._notifications]
        assert any("Ctrl+Q leaves the program" in line for line in said)
        assert not any("[" in line for line in said)


async def test_the_register_shows_the_likelihood_that_its_losses_are_reckoned_with(app: AdvisorApp) -> None:
    async with app.run_test(size=(160, 40)) as pilot:
        await opened(pilot)
        await app.go("risks")
        await settled(pilot)
        grid: Grid[Any] = app.query_one("#risk-list", Grid)
        risk = next(r for r in grid.rows if r.id == "engine_lock_in")
        shown = next(c for c in grid.columns if c.title == "A year").cell(risk)
        assert shown == f"{100 * risk.likelihood_per_year.mean:.0f} %"
        assert shown != f"{100 * risk.likelihood_per_year.typical:.0f} %"
