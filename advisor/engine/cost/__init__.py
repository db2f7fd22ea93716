"""Cost: rent, buy and mixtures, month by month, each term with its sources."""

from __future__ import annotations

from advisor.engine.cost.pricing import cost_of, finalise
from advisor.engine.cost.ways import NoWayOfPayingError

__all__ = ["NoWayOfPayingError", "cost_of", "finalise"]
