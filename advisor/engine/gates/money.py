"""Gates that only the cost of a candidate can decide."""

from __future__ import annotations

import math
from collections.abc import Sequence

from advisor.domain.gates import Gate
from advisor.domain.sizing import Fleet
from advisor.domain.text import apart, counted
from advisor.engine.gates.remedies import either

HALF_EMPTY = 0.5
"""Share of the GPUs in use up to which whole nodes are most of the cost."""


def over_budget(cost_usd: float, budget_usd: float, fleet: Fleet, *, buys: bool) -> Gate:
    """The candidate costs more than the profile allows [USD/month]; whole nodes are named where they make it so."""
    used, cost = fleet.gpus_needed / fleet.gpus, apart(cost_usd, budget_usd)
    enough, nodes = math.ceil(cost_usd), ""
    if used <= HALF_EMPTY or (used < 1.0 and cost_usd * used <= budget_usd):
        how = "bought" if buys else "rented"
        nodes = f" ({counted(fleet.gpus_needed, 'GPU')} needed, {how} in nodes of {fleet.gpus_per_node})"
    return Gate(
        gate="budget",
        status="fail",
        title=f"Over budget: {cost} against {apart(budget_usd, cost_usd)} USD/month{nodes}",
        reason="The profile sets an upper limit on cost per month; this candidate's levelised cost at typical"
        f" prices is {cost} USD/month.",
        remedy=f"raise procurement.budget_usd_per_month from {apart(budget_usd, enough)} to {enough:,}",
        source="profile",
    )


def unpriced(reason: str, changes: Sequence[str]) -> Gate:
    """No way of paying for the candidate is both allowed and priced.

    Parameters
    ----------
    changes
        Changes of the profile that each open one.
    """
    return Gate(
        gate="price",
        status="fail",
        title="No price under the terms of the profile",
        reason=f"A candidate without a price cannot be compared, and a missing price is never taken as zero: {reason}.",
        remedy=either(changes),
        source="profile",
    )
