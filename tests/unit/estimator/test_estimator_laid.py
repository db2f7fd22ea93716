"""Blocks of curves that serve one answer after the other."""

from __future__ import annotations

from typing import Any

import pytest

from advisor.domain.profile import Profile
from advisor.engine.estimator import core, curves
from advisor.engine.estimator.curves import LAID, Curves, Laid
from advisor.profiles.read import read_profile
from advisor.workbench import Workbench
from tests.conftest import AS_OF, PROFILE_FILES

DRAWS = 200


def edited(profile: Profile, section: str, field: str, value: object) -> Profile:
    raw: dict[str, Any] = profile.model_dump(mode="json")
    raw[section][field] = value
    return Profile.model_validate(raw)


@pytest.fixture
def laid(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many configurations were laid at a time."""
    sizes: list[int] = []
    lay = curves.lay_curves

    def counted(points: Any, *given: Any, **more: Any) -> Curves:
        sizes.append(len(points))
        return lay(points, *given, **more)

    monkeypatch.setattr(core, "lay_curves", counted)
    return sizes


def test_an_edit_that_moves_no_curve_lays_few_and_answers_to_the_same_bytes(laid: list[int]) -> None:
    profile = read_profile(PROFILE_FILES["renewal-100-gpus"])
    bench = Workbench(as_of=AS_OF, bare=True)
    bench.advise(profile, draws=DRAWS)
    first = sum(laid)
    for section, field, value in (
        ("slo", "tpot_ms", 35), ("traffic", "peak_concurrency", 1700), ("team", "rocm_experience", "expert"),
    ):  # fmt: skip
        moved = edited(profile, section, field, value)
        laid.clear()
        answer = bench.advise(moved, draws=DRAWS)
        assert sum(laid) < first / 2, field
        fresh = Workbench(as_of=AS_OF, bare=True).advise(moved, draws=DRAWS)
        assert answer.model_dump_json() == fresh.model_dump_json(), field


def test_other_lengths_are_laid_anew(laid: list[int]) -> None:
    profile = read_profile(PROFILE_FILES["renewal-100-gpus"])
    bench = Workbench(as_of=AS_OF, bare=True)
    bench.advise(profile, draws=DRAWS)
    first = sum(laid)
    laid.clear()
    longer = edited(profile, "traffic", "osl", {"mean": 700})
    answer = bench.advise(longer, draws=DRAWS)
    assert sum(laid) >= first / 2
    fresh = Workbench(as_of=AS_OF, bare=True).advise(longer, draws=DRAWS)
    assert answer.model_dump_json() == fresh.model_dump_json()


def test_what_was_asked_for_longest_ago_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    class Block:
        nbytes = 1

    monkeypatch.setattr(curves, "_keys", lambda points: [points])
    made: list[str] = []

    def lay(name: Any) -> Any:
        made.append(name)
        return Block()

    def ask(memory: Laid, names: str) -> str:
        made.clear()
        for name in names:
            memory.of(name, "", lay)  # type: ignore[arg-type]
        return "".join(made)

    memory = Laid()
    many = "abcdefghijkl"[:LAID]
    assert ask(memory, many) == many
    assert ask(memory, many) == ""
    assert ask(memory, "a" + "z") == "z"  # which pushes out b, as a was just asked for
    assert ask(memory, "a") == ""
    assert ask(memory, "b") == "b"
    monkeypatch.setattr(curves, "KEPT_BYTES", 2)
    assert ask(memory, "yx") == "yx"
    assert ask(memory, "xy") == ""
    assert ask(memory, "wy") == "w"
    assert ask(memory, "x") == "x"
