"""The base of a mixed way: the nodes to hold around the clock, so that the whole is ranked best."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from advisor.domain.record import replace
from advisor.engine.cost.levels import Levels
from advisor.engine.cost.model import CostModel, Term, Way
from advisor.engine.cost.ways import with_base
from advisor.engine.sized import FloatArray

MOST_BASES = 16
"""Bases that are tried; where there are more, that many of them, evenly spaced."""

FEW_NODES = 4
"""Nodes that a fleet of one or two may come to need at most: a base that holds one whatever the need."""
LEAST_SHARE = 1e-6


def base_shares(model: CostModel, levels: Levels) -> FloatArray:
    """Shares of the fleet that make different bases in whole nodes in some year, and 1, the whole fleet, last.

    Bases x 1 x 1, beside levels and years.

    A fleet of a node more than the largest counts, too, and of a small one to hold a single node: where more turns out
    to be needed it may be held, or rented on demand, and a single node has no other mixture. The shares do not depend
    on any price, so that the best of them is never ranked worse where a price falls.
    """
    fleet = model.yearly_fleet(levels, model.calendar.years, shrinks=True)
    nodes = [round(n) for n in dict.fromkeys(fleet / model.sized.accelerator.gpus_per_node)]
    return _shares_of((*nodes, max(nodes) + 1))


@lru_cache(maxsize=1024)
def _shares_of(nodes: tuple[int, ...]) -> FloatArray:
    """Shares by which fleets of so many nodes have different bases; read-only, as every way of paying asks for them."""
    one_of_few = [1 / FEW_NODES] if max(nodes) < FEW_NODES else []
    # distinct ones in order; np.unique would load numpy.ma
    shares = np.array(sorted({*one_of_few, *(share for n in nodes for share in _whole_nodes_of(n).tolist())}))
    inner = shares[shares >= LEAST_SHARE]  # fleets may grow so far that the smallest hold none of it
    if inner.size > MOST_BASES:
        inner = inner[np.linspace(0, inner.size - 1, MOST_BASES).round().astype(int)]
    out = np.append(inner, 1.0)[:, None, None]
    out.flags.writeable = False
    return out


def _whole_nodes_of(n: int) -> FloatArray:
    """Shares of `n` nodes that are whole nodes, MOST_BASES at most, fewer than all of them."""
    return np.asarray(np.linspace(1, n - 1, min(n - 1, MOST_BASES)).round() / n)


def terms_by_base(model: CostModel, way: Way, levels: Levels, shares: FloatArray) -> list[Term]:
    """Terms of a mixed way, a row for each base and a column for each level; the shares are those of `base_shares`."""
    return model.terms(replace(way, base_share=shares), levels)


def based_on(model: CostModel, way: Way, share: float) -> Way:
    """A way with its base; any but a mixed one as it is."""
    if way.mode != "mixed":
        return way
    start = model.yearly_fleet(Levels(), 1, shrinks=True)
    held = model.held(replace(way, base_share=share), start)
    return with_base(way, share, float((held / start)[0]))
