"""The base of a mixed way: the nodes to hold around the clock, so that the whole costs least."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from advisor.engine.cost.levels import Levels
from advisor.engine.cost.model import CostModel, Way
from advisor.engine.cost.ways import with_base
from advisor.engine.sized import FloatArray

MOST_BASES = 64
"""Bases that are tried; where there are more, that many of them, evenly spaced."""

LEAST_SHARE = 1e-6


def base_shares(model: CostModel, levels: Levels) -> FloatArray:
    """Shares of the fleet that make different bases in whole nodes in some year, and 1, the whole fleet, last.

    They do not depend on any price, so that the cheapest of them never costs more where a price falls.
    """
    fleet = model.yearly_fleet(levels, model.calendar.years, shrinks=True)
    nodes = [round(n) for n in dict.fromkeys(fleet / model.sized.accelerator.gpus_per_node)]
    shares = np.unique(np.concatenate([_whole_nodes_of(n) for n in nodes]))
    # larger ones would hold all of it at the start; fleets may grow so far that the smallest hold none of it
    inner = shares[(shares * nodes[0] <= nodes[0] - 1 + 1e-9) & (shares >= LEAST_SHARE)]
    if inner.size > MOST_BASES:
        inner = inner[np.linspace(0, inner.size - 1, MOST_BASES).round().astype(int)]
    return np.append(inner, 1.0)


@lru_cache(maxsize=1024)
def _whole_nodes_of(n: int) -> FloatArray:
    """Shares of `n` nodes that are whole nodes, MOST_BASES at most, fewer than all of them."""
    return np.asarray(np.linspace(1, n - 1, min(n - 1, MOST_BASES)).round() / n)


def usd_by_base(model: CostModel, way: Way, levels: Levels, shares: FloatArray) -> FloatArray:
    """Levelised cost [USD/month] of a mixed way, a row for each base and a column for each level."""
    tried = replace(way, base_share=shares[:, None, None])
    return np.asarray(model.usd_per_month(tried, levels), dtype=float)


def cheapest_base(model: CostModel, way: Way, levels: Levels) -> tuple[Way, float] | None:
    """A mixed way with its cheapest base and its cost [USD/month] at scalar levels.

    None where to hold the whole fleet costs no more: that is a way of its own.
    """
    shares = base_shares(model, levels)
    costs = usd_by_base(model, way, levels, shares)[:, 0]
    best = int(costs.argmin())
    if costs[best] >= costs[-1] * (1 - 1e-9):
        return None
    return based_on(model, way, float(shares[best])), float(costs[best])


def based_on(model: CostModel, way: Way, share: float) -> Way:
    """A way with its base; any but a mixed one as it is."""
    if way.mode != "mixed":
        return way
    start = model.yearly_fleet(Levels(), 1, shrinks=True)
    return with_base(way, share, float((model.base(start, share) / start)[0]))
