"""The same way out is worded alike whichever gate names it."""

from __future__ import annotations

from typing import Any

import pytest

from advisor.domain.profile import Profile
from advisor.engine.gates.remedies import ANY_PROVIDER, ANY_SELLER, BUY, either, quote_for
from tests.bench_kit import usual_bench

ASKED: dict[str, dict[str, Any]] = {
    "residency": {"procurement": {"mode": "rent", "seller": "hyperscaler"}, "place": {"exclude_us_providers": True}},
    "supply": {"procurement": {"mode": "rent", "seller": "hyperscaler"}},
    "price": {"procurement": {"mode": "rent", "commitment": "spot", "seller": "hyperscaler"}, "candidates": ["mi355x"]},
}


@pytest.mark.parametrize("gate", ASKED)
def test_every_gate_words_a_way_out_as_the_others_do(gate: str) -> None:
    profile = Profile.model_validate(
        {
            "model": {"id": "llama3.3-70b"}, "traffic": {"isl": 1500, "osl": 400, "peak_concurrency": 100},
            "candidates": ["mi325x"], **ASKED[gate],
        }
    )  # fmt: skip
    (candidate,) = usual_bench().advise(profile, draws=200).candidates
    remedies = [g.remedy for g in candidate.gates if g.gate == gate and not g.passes]
    assert remedies, [(g.gate, g.title) for g in candidate.gates if not g.passes]
    part = candidate.accelerator
    known = {ANY_PROVIDER, ANY_SELLER, BUY, quote_for(part), quote_for(part, "rent"),
             "set procurement.commitment to any", "set procurement.mode to either"}  # fmt: skip
    words = {change.removeprefix("set ") for change in known}
    for remedy in remedies:
        assert remedy[0].islower()
        assert {way.removeprefix("set ") for way in remedy.split(", or ")} <= words, remedy


def test_set_is_said_once_in_a_row() -> None:
    assert either([ANY_PROVIDER, BUY]) == "set place.exclude_us_providers to false, or procurement.mode to buy"
    assert either(["raise a from 1 to 2", BUY]) == "raise a from 1 to 2, or set procurement.mode to buy"
    assert either([]) == ""
