"""Stored answers, read without the catalog, and variants of them."""

from __future__ import annotations

import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from advisor.domain.recommendation import Recommendation

GOLDEN = Path(__file__).resolve().parents[2] / "golden"

HOSTILE = (
    '=HYPERLINK("http://evil.example","x") **bold** <script>alert(1)</script> <img src=x onerror=alert(2)>'
    " [a](javascript:alert(3)) \\input{/etc/passwd} $\\evil$ #set page(fill: red) #panic() @ref $x$ `c` |pipe|"
    " \x1b[31mred\x1b[0m \x1b]0;title\x07 \u202eright\u202c to \u2066left\u2069 &lt; end"
)
"""One string that is markup in everything we write."""


def stored(name: str) -> Recommendation:
    """A stored answer."""
    return Recommendation.model_validate_json(lzma.decompress((GOLDEN / f"report_{name}.json.xz").read_bytes()))


@pytest.fixture(scope="session")
def renewal() -> Recommendation:
    """One tier, rented, eight feasible candidates."""
    return stored("renewal")


@pytest.fixture(scope="session")
def operator() -> Recommendation:
    """Several tiers, owned base, a split between vendors."""
    return stored("operator")


@pytest.fixture(scope="session")
def variant() -> Callable[..., Recommendation]:
    """An answer with a renamed profile, other candidates, or other verdict fields."""

    def make(tree: Recommendation, *, profile: dict[str, Any] | None = None, **changes: Any) -> Recommendation:
        if profile:
            changes["profile"] = tree.profile.model_copy(update=profile)
        return tree.model_copy(update=changes)

    return make


@pytest.fixture(scope="session")
def hostile(renewal: Recommendation) -> Recommendation:
    """The hostile string wherever a user or a server may put text."""
    p = renewal.profile
    assert p.model is not None
    place = p.place.model_copy(update={"regulated": HOSTILE})
    slo = p.slo.model_copy(update={"justification": HOSTILE, "link": "javascript:alert(4)"})
    profile = p.model_copy(
        update={
            "name": HOSTILE, "summary": HOSTILE, "slo": slo, "place": place,
            "model": p.model.model_copy(update={"id": HOSTILE}),
            "governance": p.governance.model_copy(update={"logged": HOSTILE}),
        }
    )  # fmt: skip
    first = renewal.candidates[0].model_copy(update={"infeasible_reason": HOSTILE, "feasible": True})
    last = renewal.candidates[-1].model_copy(
        update={"feasible": False, "rank": None, "infeasible_reason": HOSTILE, "name": HOSTILE}
    )
    return renewal.model_copy(
        update={"profile": profile, "command": HOSTILE, "candidates": (first, *renewal.candidates[1:-1], last)}
    )
