"""Why nothing is left, in words, and that the change which is named helps when it is followed."""

from __future__ import annotations

from typing import Any

import pytest

from advisor.domain.profile import Profile
from advisor.domain.recommendation import Recommendation
from advisor.engine.infeasible import Obstacle, explain_infeasible
from advisor.workbench import Workbench
from tests.conftest import AS_OF

BASE: dict[str, Any] = {
    "model": {"id": "llama3.3-70b"},
    "traffic": {"isl": 1500, "osl": 400, "peak_concurrency": 100},
    "slo": {"ttft_ms": 3000, "tpot_ms": 60},
}


@pytest.fixture(scope="module")
def bench() -> Workbench:
    return Workbench(as_of=AS_OF, bare=True)


def ask(bench: Workbench, **sections: Any) -> Recommendation:
    return bench.advise(Profile.model_validate({**BASE, **sections}), draws=200)


def obstacle(part: str, what: str, size: float = 0.5) -> Obstacle:
    return Obstacle(part, part.upper(), what, f"{what} is short", f"more {what}.", size)


def test_each_constraint_is_counted_by_candidates_and_named_in_words() -> None:
    """Two tiers that miss the service level are one candidate that misses it; three constraints end in no bracket."""
    why = explain_infeasible(
        {
            "b200": [obstacle("b200", "slo"), obstacle("b200", "slo"), obstacle("b200", "site_power")],
            "h200": [obstacle("h200", "slo", 0.2), obstacle("h200", "site_power", 0.2)],
        }
    )
    assert why.binding == "slo (2 of 2), site_power (2 of 2)"
    assert why.reason == "What binds: the service level (2 of 2 candidates), site power (2 of 2)."
    assert why.change == "more slo; more site_power (frees H200)"


def test_without_candidates_the_reason_says_so() -> None:
    assert explain_infeasible({}).reason == "No accelerator was considered."
