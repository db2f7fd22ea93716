"""The risk register: what could go wrong, why, how likely, what it would cost, and who watches it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from advisor.domain.provenance import Frozen, Kind

RiskCategory = Literal[
    "software", "evidence", "supply", "export", "price", "roadmap", "power", "concentration", "team", "lock-in",
    "accuracy",
]  # fmt: skip


def triangle_mean(low: float, typical: float, high: float) -> float:
    """Mean of a triangular distribution."""
    return (low + typical + high) / 3


class RiskRange(Frozen):
    """Low, typical and high of a likelihood or an effect."""

    low: float = Field(description="Low end.")
    typical: float = Field(description="Typical.")
    high: float = Field(description="High end.")

    @property
    def mean(self) -> float:
        """Mean of the three as a triangle: what an expected loss rests on."""
        return triangle_mean(self.low, self.typical, self.high)


class Risk(Frozen):
    """One entry of the register for one candidate."""

    id: str = Field(description="Stable id; key of the overrides in a profile.")
    name: str = Field(description="The risk in a few words.")
    category: RiskCategory = Field(description="Kind of risk.")
    cause: str = Field(description="What in the catalog or the profile gives rise to it.")
    basis: str = Field(description="What the likelihood rests on, with the facts counted.")
    kind: Kind = Field(description="Kind of statement that the likelihood rests on.")
    likelihood_per_year: RiskRange = Field(description="Probability of one occurrence a year, 0 to 1.")
    effect_usd: RiskRange = Field(description="Cost of one occurrence [USD].")
    effect_weeks: float = Field(description="Delay or degraded service of one occurrence, typical [weeks].")
    effect_formula: str = Field(description="How the effect is reckoned, with numbers.")
    expected_loss_usd_per_month: float = Field(
        description="Mean likelihood x mean effect / 12, means of the three values as a triangle [USD/month]."
    )
    loss_formula: str = Field("", description="How the expected loss is reckoned, with numbers.")
    tail_usd_per_month: float = Field(description="High likelihood x high effect / 12 [USD/month].")
    mitigation: str = Field(description="What to do about it.")
    owner: str = Field(description="Who watches it.")
    level: Literal["low", "medium", "high"] = Field(description="Expected loss against the candidate's cost.")
    overridden: bool = Field(False, description="Whether the profile sets likelihood or effect.")
    source_ids: tuple[str, ...] = Field((), description="Sources.")
    row_ids: tuple[str, ...] = Field((), description="Catalog rows that it rests on.")
