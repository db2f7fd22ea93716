"""Editing in place: what begins an edit, what is lost to none, and what the keys of the screens leave alone."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Static

from advisor.domain.profile import Traffic
from advisor.tui.actions import PANES
from advisor.tui.app import AdvisorApp
from advisor.tui.document import Problem
from advisor.tui.fields import spec_of
from advisor.tui.screens.pane import Pane
from advisor.tui.widgets.dialogs import Picker
from advisor.tui.widgets.field_row import FieldRow
from advisor.tui.widgets.rail import Rail
from tests.tui.conftest import opened, screen_text, settled, still_text

PEAK = ("traffic", "peak_concurrency")


def row_of(app: AdvisorApp, path: str) -> FieldRow:
    return next(r for r in app.query(FieldRow) if r.spec.path == path)


async def at_field(app: AdvisorApp, pilot: Pilot[None], key: tuple[str, ...]) -> FieldRow:
    """The keyboard on one field of the form."""
    app.pane.jump(key)  # type: ignore[attr-defined]
    await pilot.pause()
    return row_of(app, ".".join(key))


def burst(app: AdvisorApp, *keys: str) -> None:
    """Keys that arrive together, as from a slow line or a terminal that does not mark what is pasted."""
    for key in keys:
        app.post_message(events.Key(key, key if len(key) == 1 else None))


@pytest.mark.parametrize("form", ["workload", "probe"])
async def test_a_key_of_a_screen_shown_beside_a_form_goes_there_and_edits_nothing(app: AdvisorApp, form: str) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        for pane in PANES:
            await app.go(form)
            await pilot.pause()
            assert isinstance(app.focused, FieldRow)
            assert f"{pane.key} {pane.title}" in screen_text(app)
            before = getattr(app.pane, "setup", None)
            await pilot.press(pane.key)
            assert app.at == pane.id
            assert not app.desk.sight.dirty
            await app.go(form)
            assert getattr(app.pane, "setup", None) == before


async def test_enter_replaces_and_end_amends(app: AdvisorApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await at_field(app, pilot, PEAK)
        before = app.desk.sight.profile.traffic.peak_concurrency  # type: ignore[union-attr]
        await pilot.press("enter", "end", "0", "enter")
        await settled(pilot)
        assert app.desk.sight.profile.traffic.peak_concurrency == before * 10  # type: ignore[union-attr, operator]
        await pilot.press("enter", "7")
        assert "· Verdict" in screen_text(app)  # no key of a screen is offered while letters go into a field
        assert app.query_one(Rail).typing
        await pilot.press("enter")
        await settled(pilot)
        assert app.desk.sight.profile.traffic.peak_concurrency == 7  # type: ignore[union-attr]


@pytest.mark.parametrize("leave", [("escape",), ("f4", "f3"), ("backspace", "enter")])
async def test_the_bar_says_that_its_answer_is_not_of_what_is_typed(app: AdvisorApp, leave: tuple[str, ...]) -> None:
    """It showed the answer of the last number as that of the text that stood in the field."""
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await at_field(app, pilot, PEAK)
        assert "draws" in screen_text(app)
        await pilot.press("enter", "7", "z")
        await settled(pilot)
        bar = next(line for line in screen_text(app).splitlines() if "of the last valid inputs" in line)
        assert bar.startswith(' ✗ traffic.peak_concurrency: "7z"')
        assert "✗ 1 problem" in screen_text(app)
        assert "2,000 draws" not in screen_text(app)
        assert app.desk.sight.profile.traffic.peak_concurrency == 7  # type: ignore[union-attr]
        await pilot.press(*leave)
        await settled(pilot)
        await app.go("workload")
        await pilot.pause()
        assert app.desk.sight.unread is None
        assert "of the last valid inputs" not in screen_text(app)
        assert "draws" in screen_text(app)


@pytest.mark.parametrize("leave", [("escape",), ("f4", "f3")])
async def test_a_complaint_goes_with_what_was_typed(app: AdvisorApp, leave: tuple[str, ...]) -> None:
    """It had stayed under the value from before, and at the field's sign in the margin."""
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        row = await at_field(app, pilot, PEAK)
        value = row.value
        await pilot.press("enter", "z", "z", "enter")
        assert "is no number" in row.problem
        await pilot.press(*leave)
        await settled(pilot)
        assert (row.editing, row.value, row.problem) == (False, value, "")
        assert "is no number" not in screen_text(app)


async def test_a_field_in_use_stays_in_sight_where_a_complaint_moves_it(app: AdvisorApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await app.go("workload")
        row = await at_field(app, pilot, PEAK)
        form = app.query_one("#form")
        form.scroll_to(y=form.scroll_y + row.region.bottom - form.region.bottom, animate=False)
        await pilot.pause()
        assert row.region.bottom == form.region.bottom
        await pilot.press("enter", "a")  # refused by the field itself
        await settled(pilot)
        assert row.region.height == 2
        assert form.region.contains_region(row.region)
        await pilot.press("ctrl+u")  # refused by the profile, whose complaint names two fields
        await settled(pilot)
        assert row.problem.startswith("give exactly one of peak_concurrency")
        assert form.region.contains_region(row.region)


async def test_a_field_in_use_stays_in_sight_where_another_one_complains(app: AdvisorApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await app.go("workload")
        row = await at_field(app, pilot, ("traffic", "peak_requests_per_s"))
        form = app.query_one("#form")
        form.scroll_to(y=form.scroll_y + row.region.bottom - form.region.bottom, animate=False)
        await pilot.pause()
        assert row.region.bottom == form.region.bottom
        problem = Problem(("traffic", "isl", "mean"), "must be above 0")
        app.desk.sight = replace(app.desk.sight, problems=(problem,))
        app.pane.draw(app.desk.sight)
        await still_text(pilot)
        assert row_of(app, "traffic.isl.mean").region.height == 2
        assert form.region.contains_region(row.region)


async def test_what_is_pasted_on_a_field_at_rest_takes_the_place_of_its_value(app: AdvisorApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        row = await at_field(app, pilot, PEAK)
        app.post_message(events.Paste(" 2400\n"))
        await pilot.pause()
        assert row.editing
        await pilot.press("enter")
        await settled(pilot)
        assert app.desk.sight.profile.traffic.peak_concurrency == 2400  # type: ignore[union-attr]
        await at_field(app, pilot, ("risk_appetite",))
        app.post_message(events.Paste("averse"))
        await settled(pilot, lambda: app.desk.sight.profile.risk_appetite == "averse")  # type: ignore[union-attr]
        row = await at_field(app, pilot, ("risk_appetite",))
        app.post_message(events.Paste("reckless"))
        await pilot.pause()
        assert "choose" in row.problem
        await at_field(app, pilot, ("model", "id"))
        app.post_message(events.Paste("mixtral"))
        await pilot.pause()
        assert isinstance(app.screen, Picker)


async def test_keys_that_come_at_once_are_all_taken(app: AdvisorApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await at_field(app, pilot, PEAK)
        burst(app, "enter", *"2400", "enter")
        await pilot.pause()
        await settled(pilot)
        assert app.at == "workload"
        assert app.desk.sight.profile.traffic.peak_concurrency == 2400  # type: ignore[union-attr]
        row = await at_field(app, pilot, PEAK)
        burst(app, "enter", *"12")
        await pilot.pause(0)
        burst(app, *"345")
        await pilot.pause()
        await pilot.pause()
        assert row.editing
        assert app.desk.document.get(PEAK) == 12345  # type: ignore[union-attr]
        burst(app, "escape")
        await pilot.pause()
        await at_field(app, pilot, ("model", "id"))
        burst(app, "enter", *"mixtral")
        await settled(pilot, lambda: isinstance(app.screen, Picker))
        await pilot.pause()
        await pilot.press("enter")
        await settled(pilot, lambda: "mixtral" in str(app.desk.document.get(("model", "id"))))  # type: ignore[union-attr]


async def test_another_profile_is_opened_at_its_beginning(app: AdvisorApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await at_field(app, pilot, PEAK)
        await pilot.press("3", "2")
        assert app.focused is row_of(app, "traffic.peak_concurrency")
        await opened(pilot, "startup-first-cluster")
        assert app.focused is row_of(app, "name")


async def test_shares_are_complained_about_in_percent(app: AdvisorApp) -> None:
    async with app.run_test(size=(140, 44)) as pilot:
        await opened(pilot)
        row = await at_field(app, pilot, ("traffic", "average_to_peak"))
        await pilot.press("enter", *"351", "enter")
        await settled(pilot)
        assert "100 %" in row.problem
        assert "351 %" in row.problem
        assert "3.51" not in screen_text(app)
        shown = str(app.query_one("#field-text", Static).render())
        assert "≤ 100 %" in shown
        assert "fraction" not in shown
        assert "351 %" in "".join(screen_text(app).splitlines()[1:3])  # in the bar likewise
        await pilot.press("ctrl+z")
        row = await at_field(app, pilot, ("slo", "ttft_ms"))
        await pilot.press("enter", *"-5", "enter")
        await settled(pilot)
        assert "greater than 0 (given -5)" in row.problem  # no share, no percent


def test_the_help_of_a_share_speaks_of_percent_as_the_form_does() -> None:
    """ "0.5 is +50 %" stood beside a field in which 0.5 is half a percent."""
    info = Traffic.model_fields["growth_per_year"]
    assert "0.5 is +50 %" in str(info.description)
    spec = spec_of(("traffic", "growth_per_year"), info, "Growth")
    assert (spec.unit, spec.help) == ("% per year", "Growth of demand per year.")


async def test_what_has_no_room_on_a_line_is_not_cut_without_a_sign(app: AdvisorApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, show="probe")
        await pilot.pause()
        for row in app.query(FieldRow):
            line = row.render_line(0).text.rstrip()
            assert line.endswith("default") or "· def" not in line, line
        row = await at_field_of_the_form(app, pilot)
        row.problem = "a complaint that goes on and on, and on, and on beyond the end of the line"
        assert row.render_line(1).text.rstrip().endswith("…")


async def at_field_of_the_form(app: AdvisorApp, pilot: Pilot[None]) -> FieldRow:
    await app.go("workload")
    await pilot.pause()
    return await at_field(app, pilot, PEAK)


async def test_the_keyboard_is_on_the_screen_in_view_at_once_whatever_is_built_meanwhile(app: AdvisorApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, show="verdict")
        for pane in ("profiles", "catalog", "workload", "evidence", "verdict"):
            await app.go(pane)
            assert app.focused is not None
            assert app.pane in app.focused.ancestors, pane
        await asyncio.gather(app.go("claims"), app.go("workload"))
        await pilot.pause()
        assert app.at == "workload"
        assert [p.id for p in app.query(Pane) if p.display] == ["pane-workload"]
        assert app.focused is not None
        assert app.pane in app.focused.ancestors


@pytest.mark.parametrize(
    ("path", "assumed", "shown"),
    [
        ("team.engineer_usd_per_year", "211,243 USD/yr", ["211,243", "USD/year", "·", "default"]),
        ("procurement.cost_of_capital", "0.11 1/year", ["capital", "11", "%", "·", "default"]),
        ("site.power_kw", "no limit", ["no", "limit", "kW", "·", "default"]),
    ],
)
async def test_a_figure_of_the_catalog_stands_in_the_unit_of_its_field(
    app: AdvisorApp, path: str, assumed: str, shown: list[str]
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        row = await at_field(app, pilot, tuple(path.split(".")))
        row.show(None, assumed, "")
        assert row.render_line(0).text.split()[-len(shown) :] == shown
