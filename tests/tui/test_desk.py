"""What the bar compares an answer with: the profile before the edit, at as many draws."""

from __future__ import annotations

from pathlib import Path

import pytest

from advisor.domain.profile import Profile
from advisor.domain.recommendation import DEFAULT_DRAWS, Recommendation
from advisor.profiles.locate import find_profile
from advisor.tui.desk import LIVE_DRAWS, Desk, Facts, Sight
from advisor.tui.document import ProfileDocument
from advisor.tui.widgets.bar import VerdictBar
from tests.tui.frozen import PROFILE, frozen_answer

PEAK = ("traffic", "peak_concurrency")


class Priced(Facts):
    """A cost in proportion to the peak, and one per cent more with all draws."""

    def __init__(self) -> None:
        super().__init__(lambda: None)  # type: ignore[arg-type, return-value]
        self.ready.set()

    def answer(self, profile: Profile, folder: Path | None, draws: int) -> tuple[Recommendation | None, str]:
        del folder
        kept = frozen_answer()
        assert kept.verdict.choice is not None
        usd = (profile.traffic.peak_concurrency or 0) * 10 * (1.01 if draws == DEFAULT_DRAWS else 1.0)
        choice = kept.verdict.choice.model_copy(update={"usd_per_month": usd})
        verdict = kept.verdict.model_copy(update={"choice": choice})
        return kept.model_copy(update={"profile": profile, "draws": draws, "verdict": verdict}), ""


@pytest.fixture
def desk() -> Desk:
    made = Desk(Priced(), lambda run: run(), lambda run, *a: run(*a), lambda sight: None)
    made.open(ProfileDocument.open(find_profile(PROFILE)))
    assert made.sight.answer is not None
    assert made.sight.answer.profile.traffic.peak_concurrency == 1800
    return made


def type_in(desk: Desk, text: str) -> None:
    for end in range(1, len(text) + 1):
        desk.set(PEAK, int(text[:end]))


def shown(sight: Sight) -> str:
    bar = VerdictBar()
    bar.sight = sight
    return "".join(p.text for p in bar._verdict(300))


@pytest.mark.parametrize("refined", [False, True])
def test_a_number_typed_slowly_is_compared_with_the_one_before_it(desk: Desk, refined: bool) -> None:
    if refined:
        desk.refine()
    type_in(desk, "3000")
    assert desk.sight.change == pytest.approx(3000 / 1800 - 1)
    assert "▲ +66.7 %" in shown(desk.sight)
    desk.refine()
    assert desk.sight.answer is not None
    assert desk.sight.answer.draws == DEFAULT_DRAWS
    assert desk.sight.change == pytest.approx(3000 / 1800 - 1)  # not the per cent that more draws add


def test_what_is_taken_back_changes_nothing(desk: Desk) -> None:
    assert desk.document is not None
    desk.refine()
    type_in(desk, "3000")
    assert desk.document.undo()
    desk.check()
    assert desk.sight.change == 0
    desk.refine()
    assert desk.sight.change == 0
    assert "= no change" in shown(desk.sight)
    assert desk.document.redo()
    desk.check()
    assert desk.sight.change == pytest.approx(3000 / 1800 - 1)


def test_the_value_that_stands_is_no_edit_and_its_answer_stays(desk: Desk) -> None:
    desk.refine()
    before = desk.sight
    desk.set(PEAK, 1800)
    desk.set(("traffic", "isl", "p95"), None)
    assert desk.sight is before
    assert before.answer is not None
    assert before.answer.draws == DEFAULT_DRAWS


def test_what_failed_is_asked_again_with_the_same_value(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = desk.facts.answer
    monkeypatch.setattr(desk.facts, "answer", lambda *_: (None, "model.config_json: no such file"))
    desk.set(PEAK, 3000)
    assert desk.sight.phase == "stuck"
    monkeypatch.setattr(desk.facts, "answer", answer)
    desk.set(PEAK, 3000)
    assert desk.sight.phase == "ready"


def test_each_edit_is_compared_with_the_answer_of_the_one_before(desk: Desk) -> None:
    assert desk.document is not None
    assert desk.sight.change is None
    type_in(desk, "3000")
    desk.document.seal()
    type_in(desk, "4500")
    assert desk.sight.change == pytest.approx(0.5)
    assert desk.live_draws == LIVE_DRAWS
    desk.open(ProfileDocument.open(find_profile(PROFILE)))
    assert desk.sight.change is None


def test_other_facts_are_compared_with_those_before(desk: Desk) -> None:
    type_in(desk, "3000")

    class Dearer(Priced):
        def answer(self, profile: Profile, folder: Path | None, draws: int) -> tuple[Recommendation | None, str]:
            answer, error = super().answer(profile, folder, draws)
            assert answer is not None
            assert answer.verdict.choice is not None
            usd = answer.verdict.choice.usd_per_month * 2
            choice = answer.verdict.choice.model_copy(update={"usd_per_month": usd})
            return answer.model_copy(update={"verdict": answer.verdict.model_copy(update={"choice": choice})}), error

    desk.change_facts(Dearer())
    assert desk.sight.change == pytest.approx(1.0)
