"""How a check states its outcome, and the rules that turn figures into a verdict."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date

from advisor.catalog import Catalog
from advisor.domain.claim_check import ClaimVerdict
from advisor.domain.claims import Claim
from advisor.domain.recommendation import Recommendation
from advisor.domain.text import percent

Recommend = Callable[[str], Recommendation]
"""From the name of a bundled profile to its recommendation."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one check found."""

    verdict: ClaimVerdict
    ours: str
    formula: str
    evidence: str
    rule: str
    value: float | None = None
    computed: bool = True
    row_ids: tuple[str, ...] = ()
    source_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Context:
    """What a check may look at."""

    claim: Claim
    catalog: Catalog
    as_of: date
    recommend: Recommend | None = None


Check = Callable[[Context], Outcome]


@dataclass(slots=True)
class Registry:
    """Checks by claim id."""

    checks: dict[str, Check] = field(default_factory=dict)

    def for_claims(self, *ids: str) -> Callable[[Check], Check]:
        """Register a check for one or more claims."""

        def register(check: Check) -> Check:
            for id_ in ids:
                self.checks[id_] = check
            return check

        return register


CHECKS = Registry()


def numbers(text: str) -> list[float]:
    """The numbers of a claim's text, in order, signs kept; `to` and `-` between digits part two numbers.

    >>> numbers("-18 to -22"), numbers("100 / 97 / 119"), numbers("16-22")
    ([-18.0, -22.0], [100.0, 97.0, 119.0], [16.0, 22.0])
    """
    return [float(match) for match in re.findall(r"(?<![\d.])-?\d+(?:\.\d+)?", text)]


def near(claimed: float, ours: float, tolerance: float) -> bool:
    """Whether two figures agree within a share of ours."""
    return math.isclose(claimed, ours, rel_tol=0.0, abs_tol=abs(ours) * tolerance + 1e-12)


def judge(claimed: float, ours: float, tolerance: float) -> ClaimVerdict:
    """confirmed within the tolerance, contradicted beyond it."""
    return "confirmed" if near(claimed, ours, tolerance) else "contradicted"


def agree_rule(tolerance: float) -> str:
    """The rule of `judge` in words."""
    return f"confirmed within {percent(tolerance)} of our figure, contradicted beyond"


def missing(what: str, evidence: str = "") -> Outcome:
    """No fact could decide."""
    return Outcome(
        "unverifiable", "none", "nothing to compute", evidence or what, f"unverifiable: {what}", computed=False
    )


def worst(verdicts: Sequence[ClaimVerdict]) -> ClaimVerdict:
    """A claim of several parts stands only where every part does."""
    order: tuple[ClaimVerdict, ...] = ("arithmetic error", "contradicted", "outdated", "unverifiable", "confirmed")
    return min(verdicts, key=order.index)
