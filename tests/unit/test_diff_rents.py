"""A difference compares a rent with the rent of the same terms."""

from __future__ import annotations

from datetime import date

import pytest

from advisor.domain.profile import Profile
from advisor.domain.recommendation import Recommendation
from advisor.engine.diff import diff
from advisor.workbench import Workbench


def answer(day: date, **procurement: object) -> Recommendation:
    profile = Profile.model_validate(
        {
            "model": {"id": "llama3.3-70b"}, "traffic": {"isl": 2000, "osl": 500, "peak_concurrency": 300},
            "candidates": ["h200"], "procurement": {"mode": "rent", **procurement},
        }
    )  # fmt: skip
    return Workbench(as_of=day, bare=True).advise(profile, draws=200)


def test_another_way_of_paying_is_no_price_that_fell() -> None:
    """On demand at 4.79 against reserved at 3.00 was told as a rent that fell by 37 %."""
    day = date(2026, 11, 21)
    old, new = answer(day, commitment="on_demand"), answer(day, commitment="reserved_1y")
    told = [c.text for c in diff(old, new).changes if c.kind == "input"]
    assert not [text for text in told if "rent usd" in text]
    paid = [c for c in diff(old, new).changes if c.path.endswith(".cost.option")]
    assert paid, "that it is paid otherwise is told"


def test_a_price_that_moved_is_told_with_its_terms() -> None:
    old, new = (answer(date(2026, m, 21), commitment="on_demand") for m in (9, 11))
    (told,) = [c for c in diff(old, new).changes if "rent usd" in c.text]
    assert told.text.startswith("H200: rent usd per gpu hour (on demand, neocloud): ")
    prices = [
        next(q.value for q in tree.candidates[0].cost.inputs if q.name == "rent_usd_per_gpu_hour")
        for tree in (old, new)
        if tree.candidates[0].cost is not None
    ]
    assert told.relative == pytest.approx(prices[1] / prices[0] - 1)
