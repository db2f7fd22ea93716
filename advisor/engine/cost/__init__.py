"""Cost: rent, buy and mixtures, month by month, each term with its sources."""

from __future__ import annotations

from advisor.engine.cost.pricing import build_pricing, finalise, price_candidate

__all__ = ["build_pricing", "finalise", "price_candidate"]
