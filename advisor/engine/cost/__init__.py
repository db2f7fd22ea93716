"""Cost: rent, buy and mixtures, month by month, each term with its sources."""

from __future__ import annotations

from advisor.engine.cost.pricing import build_pricing, finalise, price_candidate
from advisor.engine.cost.ways import NoWayOfPayingError

__all__ = ["NoWayOfPayingError", "build_pricing", "finalise", "price_candidate"]
