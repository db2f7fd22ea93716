"""Levers: what they move, for one workload and for several, and what is kept in the profile."""

from __future__ import annotations

import pytest

from advisor.domain.profile import Profile
from advisor.domain.recommendation import Recommendation
from advisor.profiles.locate import find_profile
from advisor.profiles.read import read_profile
from advisor.tui.app import AdvisorApp
from advisor.tui.levers import Lever, levers_of, value_at
from advisor.tui.screens.whatif import comparison
from advisor.tui.widgets.lever_list import LeverList
from tests.tui.conftest import KeptFacts, opened, settled, still_text
from tests.tui.frozen import PROFILE, frozen_answer

TIERS = "operator-2000-gpus"


@pytest.fixture
def tiers() -> Profile:
    return read_profile(find_profile(TIERS))


def levers(profile: Profile) -> dict[str, Lever]:
    return {x.id: x for x in levers_of(frozen_answer().model_copy(update={"profile": profile}), profile)}


def test_one_workload_has_its_levers() -> None:
    found = levers(read_profile(find_profile(PROFILE)))
    assert {"demand", "utilisation", "horizon"} <= set(found)
    assert {k.partition(".")[0] for k in found} >= {"price", "throughput"}


def test_every_tier_has_its_levers_and_all_tiers_one(tiers: Profile) -> None:
    found = levers(tiers)
    for name in (w.name for w in tiers.workloads):
        assert f"demand.{name}" in found
        assert f"utilisation.{name}" in found
    assert "demand" in found
    assert "utilisation" not in found


def test_a_lever_of_a_tier_moves_that_tier_alone(tiers: Profile) -> None:
    lever = levers(tiers)[f"demand.{tiers.workloads[1].name}"]
    moved = lever.apply(tiers, 777)
    assert value_at(moved, lever.key) == 777
    assert moved.workloads[0] == tiers.workloads[0]
    assert moved.workloads[1].model_copy(update={"traffic": tiers.workloads[1].traffic}) == tiers.workloads[1]


def test_the_lever_of_all_tiers_scales_each(tiers: Profile) -> None:
    lever = levers(tiers)["demand"]
    moved = lever.apply(tiers, 1.5)
    for key in lever.together:
        assert value_at(moved, key) == pytest.approx(value_at(tiers, key) * 1.5)


async def test_levers_of_tiers_reach_the_engine_and_are_kept_in_the_profile(app: AdvisorApp, kept: KeptFacts) -> None:
    async with app.run_test(size=(140, 50)) as pilot:
        await opened(pilot, TIERS, show="whatif")
        found = app.query_one(LeverList)
        before = value_at(app.desk.sight.profile, ("workloads", 0, "traffic"))  # type: ignore[arg-type]
        found.row = [x.id for x in found.levers].index("demand")
        for _ in range(4):
            await pilot.press("right")
        found.row = [x.id for x in found.levers].index("utilisation.agents")
        await pilot.press("left")
        await settled(pilot, lambda: round(kept.asked[-1].workloads[1].traffic.average_to_peak, 3) == 0.58)
        asked = kept.asked[-1]
        assert found.values["demand"] == pytest.approx(1.2)
        peak = "peak_concurrency" if before.peak_concurrency is not None else "peak_requests_per_s"
        assert getattr(asked.workloads[0].traffic, peak) == pytest.approx(getattr(before, peak) * 1.2)
        await pilot.press("k")
        await settled(pilot)
        profile = app.desk.sight.profile
        assert profile is not None
        assert profile.workloads[0].traffic == asked.workloads[0].traffic
        assert profile.workloads[1].traffic.average_to_peak == asked.workloads[1].traffic.average_to_peak
        assert app.desk.sight.dirty
        assert any("Ctrl+Z takes them back" in n.message for n in app._notifications)
        await pilot.press("ctrl+z")
        assert not app.desk.sight.dirty


async def test_the_verdict_flips_past_the_break_even(app: AdvisorApp, kept: KeptFacts) -> None:
    async with app.run_test(size=(140, 50)) as pilot:
        await opened(pilot, show="whatif")
        found = app.query_one(LeverList)
        found.row = next(i for i, x in enumerate(found.levers) if x.flip is not None)
        lever = found.levers[found.row]
        asked = len(kept.asked)
        await pilot.press("f")
        await settled(pilot, lambda: len(kept.asked) > asked)
        assert lever.flip is not None
        assert (found.value(lever) - lever.flip) * (lever.flip - lever.base) >= 0
        await pilot.press("r")
        assert found.value(lever) == lever.base


def test_the_price_of_a_part_that_is_bought_is_quoted_as_a_purchase() -> None:
    answer = frozen_answer()
    c = answer.candidates[0]
    assert c.cost is not None
    assert c.cost.price is not None
    mixed = c.cost.model_copy(update={
        "mode": "mixed", "commitment": "purchase", "price": c.cost.price.model_copy(update={"unit": "USD/GPU"}),
    })  # fmt: skip
    answer = answer.model_copy(update={"candidates": (c.model_copy(update={"cost": mixed}), *answer.candidates[1:])})
    lever = next(x for x in levers_of(answer, answer.profile) if x.id == f"price.{c.accelerator}")
    quote = lever.apply(answer.profile, 40_000).procurement.quotes[-1]
    assert (quote.kind, quote.commitment, quote.usd) == ("buy", "any", 40_000)


def test_a_promised_discount_is_off_the_price_that_a_lever_quotes() -> None:
    answer = frozen_answer()
    money = answer.profile.procurement.model_copy(update={"volume_discount": 0.2})
    profile = answer.profile.model_copy(update={"procurement": money})
    c = answer.candidates[0]
    assert c.cost is not None
    assert c.cost.price is not None
    assert c.cost.price.firmness != "user quote"
    lever = next(x for x in levers_of(answer, profile) if x.id == f"price.{c.accelerator}")
    assert lever.base == pytest.approx(0.8 * c.cost.price.typical)
    quote = lever.apply(profile, lever.base).procurement.quotes[-1]
    assert quote.usd == lever.base  # a firm quote at today's price changes nothing but its certainty
    assert lever.stated(lever.base)["usd"] == pytest.approx(quote.usd, abs=1e-4)


async def test_where_a_lever_flips_is_told_in_full_beside_a_column_of_answers(app: AdvisorApp) -> None:
    async with app.run_test(size=(120, 35)) as pilot:
        await opened(pilot, show="whatif")
        found = app.query_one(LeverList)
        flips = [(i, x) for i, x in enumerate(found.levers) if x.flip is not None]
        assert flips
        for i, lever in flips:
            assert lever.flip is not None
            assert lever.number(lever.flip) in found.render_line(2 * i).text.split("◇")[-1].split("flips at")[-1]
        i, lever = flips[0]
        found.row = i
        await pilot.press("right")
        line = found.render_line(2 * i).text
        assert lever.flip is not None
        assert "(was " in line
        assert line.rstrip().endswith(lever.number(lever.flip))


@pytest.mark.parametrize("width", [80, 100, 120, 140])
async def test_the_name_of_a_lever_stands_clear_of_its_value(app: AdvisorApp, width: int) -> None:
    async with app.run_test(size=(width, 40)) as pilot:
        await opened(pilot, show="whatif")
        found = app.query_one(LeverList)
        for i, lever in enumerate(found.levers):
            found.values[lever.id] = lever.base + lever.step
            line = found.render_line(2 * i).text
            value = lever.text(found.values[lever.id])
            assert f" {value}" in line
            if lever.id.startswith("price."):
                assert lever.name in line


def infeasible() -> Recommendation:
    """The kept answer, if nothing fitted."""
    answer = frozen_answer()
    reason = "the best point misses the service level: TPOT p95 6.1 ms against 0.5 ms, TTFT p95 504 ms against 1 ms"
    verdict = answer.verdict.model_copy(update={
        "kind": "infeasible", "choice": None, "runner_up": None, "reasons": (), "binding_constraint": "slo (8 of 8)",
        "headline": f"No candidate can serve this profile; the nearest is B300: {reason}.",
        "reason": "What binds: the service level (8 of 8 candidates).",
        "smallest_change": "relax slo.ttft_ms from 1 to 510",
    })  # fmt: skip
    out = {"feasible": False, "cost": None, "fleet": None, "rank": None, "infeasible_reason": reason}
    candidates = tuple(c.model_copy(update=out) for c in answer.candidates)
    return answer.model_copy(update={"verdict": verdict, "candidates": candidates, "decision": None})


async def test_where_nothing_is_feasible_it_says_so_and_what_would_help(
    app: AdvisorApp, kept: KeptFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        kept, "answer", lambda profile, folder, draws: (infeasible().model_copy(update={"profile": profile}), "")
    )
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, show="whatif")
        text = " ".join((await still_text(pilot)).split())
        assert "Nothing is feasible today" in text
        assert text.count("relax slo.ttft_ms from 1 to 510") >= 1
        assert "100 % sure" not in text
        assert "move a lever" not in text
        await pilot.press("f", "right", "r", "down")
        await pilot.pause()
        assert app.is_running
        await app.go("verdict")
        text = await still_text(pilot)
        assert text.count("What binds") == 1
        assert "…" in text.splitlines()[1]


def test_a_cost_that_hardly_moves_has_no_sign_before_a_nought() -> None:
    base = frozen_answer()
    first = base.candidates[0]
    assert first.cost is not None
    for factor, shown in ((1 + 1e-9, " 0 % "), (1 - 1e-9, " 0 % "), (0.997, "-0.3 %")):
        band = first.cost.usd_per_month.model_copy(update={"p50": first.cost.usd_per_month.p50 * factor})
        cost = first.cost.model_copy(update={"usd_per_month": band})
        moved = base.model_copy(update={"candidates": (first.model_copy(update={"cost": cost}), *base.candidates[1:])})
        text = str(comparison(base, moved, "", 40))
        assert "-0 %" not in text
        assert "+0 %" not in text
        assert shown in text
