"""Gates that only the cost of a candidate can decide."""

from __future__ import annotations

from advisor.domain.gates import Gate


def over_budget(cost_usd: float, budget_usd: float) -> Gate:
    """The candidate costs more than the profile allows [USD/month]."""
    return Gate(
        gate="budget",
        status="fail",
        title=f"Over budget: {cost_usd:,.0f} against {budget_usd:,.0f} USD/month",
        reason="The profile sets an upper limit on cost per month; this candidate's levelised cost at typical"
        f" prices is {cost_usd:,.0f} USD/month.",
        remedy=f"raise procurement.budget_usd_per_month from {budget_usd:,.0f} to {cost_usd:,.0f}",
        source="profile",
    )


def unpriced(accelerator: str, reason: str) -> Gate:
    """No way of paying for the candidate is both allowed and priced."""
    return Gate(
        gate="price",
        status="fail",
        title="No price under the terms of the profile",
        reason=f"A candidate without a price cannot be compared, and a missing price is never taken as zero: {reason}.",
        remedy=f"widen procurement.mode or procurement.commitment, or put a quote for {accelerator} into"
        " procurement.quotes",
        source="profile",
    )
