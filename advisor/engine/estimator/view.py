"""The measurements as the queries of one answer see them: in groups that differ in nothing but what the queries do.

Weights are summed by group and measured load. What the groups say at every load of a query's curve follows from their
covariance with it, ``(alike x weights) x correlation over load``: in this order, since few loads are measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from advisor.domain.record import record
from advisor.engine.estimator.covariance import Covariance, Singles
from advisor.engine.estimator.encode import Floats, Places
from advisor.engine.estimator.parts import Part, products

LOAD_STEPS = np.arange(0.0, 16.01, 0.25)
"""log2 concurrencies at which curves are laid; between them they are straight in logs."""
LIKE = 6
"""Configurations among which the most similar measured point is sought."""
PROMISING = 4 * LIKE
"""Groups in which it is looked at what is surely reached, before it is sought among all."""


@record
class Loads:
    """Points that share a set of loads, and how each load reaches the steps."""

    points: Places
    configuration: Places
    """Of each of the points."""
    weighted: Floats
    """Weight times share of each of the points, terms x points."""
    level: Places
    """Place of each of the points among the loads."""
    across: Floats
    """Correlation, terms x loads x LOAD_STEPS."""
    common: bool
    """Whether the loads are those that most points share."""


@record
class Sums:
    """Weights summed by group."""

    used: Places | None
    """Groups that have any; None for all."""
    weight: Floats
    """Terms x those groups x loads, or x LOAD_STEPS where correlation over load is in it."""
    across: Floats | None
    """Correlation over load, terms x loads x LOAD_STEPS."""

    def add(self, alike: Floats, out: Floats) -> None:
        """Add what they come to at every step to `out`, terms x queries x LOAD_STEPS."""
        by_load = np.matmul(alike if self.used is None else alike.take(self.used, axis=2), self.weight)
        out += by_load if self.across is None else np.matmul(by_load, self.across)


@record
class Table:
    """Points at loads that most share, as a table of groups by load that is mostly filled."""

    cell: Places
    """Place of each point in the table."""

    def summed(self, weight: Floats, level: Places, across: Floats, groups: int) -> Sums:
        """Weights, terms x points, by group and load; the others as in `Loads`."""
        del level  # which the cells tell
        width = across.shape[1]
        sums: Floats = np.stack([np.bincount(self.cell, mine, minlength=groups * width) for mine in weight])
        return Sums(None, sums.reshape(len(weight), groups, width), across)


@record
class Listed:
    """Points at odd loads, of which a table would be mostly empty: one by one."""

    used: Places
    order: Places
    """Points sorted by group."""
    first: Places
    """Where each group starts in `order`."""

    def summed(self, weight: Floats, level: Places, across: Floats, groups: int) -> Sums:
        """Weights times correlation over load, by group."""
        level = level[self.order]
        sums = np.empty((len(weight), len(self.used), across.shape[2]))
        for mine, correlation, out in zip(weight.take(self.order, axis=1), across, sums, strict=True):
            reach = correlation.take(level, axis=0)
            reach *= mine[:, None]
            np.add.reduceat(reach, self.first, axis=0, out=out)
        return Sums(self.used if len(self.used) < groups else None, sums, None)


@record
class Kin:
    """Groups of measured configurations, by which the nearest to a query are found.

    They are told by what configurations have in the coordinates in which queries vary.
    """

    covariance: Covariance
    parts: tuple[Part, ...]
    """The coordinates that vary, and what measured configurations have in them."""
    members: Places
    """Configurations sorted by group."""
    first: Places
    """Where each group starts in `members`, and the end."""
    lean: Floats
    """Mean share over the root of the variance, times correlation over agreed coordinates, members x terms."""
    most: Floats
    """The largest `lean` of each group whatever its sign, term by term: what no member exceeds; terms x groups."""
    some: Floats
    """The `lean` of one member of each group, which the best member reaches at least; terms x groups."""

    @property
    def nbytes(self) -> int:
        """Size of what is kept [bytes]."""
        return self.lean.nbytes + self.most.nbytes + self.some.nbytes

    def alike(self, coords: Singles) -> Iterator[tuple[slice, Floats]]:
        """Covariance of queries with groups over the varying coordinates, a few queries at a time, see `products`."""
        return products(self.covariance, self.parts, coords, len(self.first) - 1)

    def nearest(self, coords: Singles, shares: Floats) -> Places:
        """The LIKE measured configurations of the largest correlation with each query, in no order.

        Parameters
        ----------
        coords
            The queries.
        shares
            Share of each term at each query, terms x queries.
        """
        out = np.empty((len(coords), self.keep), np.intp)
        for some, alike in self.alike(coords):
            out[some] = self.nearest_of(alike, shares[:, some])
        return out

    @property
    def keep(self) -> int:
        """How many are told of each query."""
        return min(LIKE, len(self.members))

    def nearest_of(self, alike: Floats, shares: Floats) -> Places:
        """`nearest` of queries whose covariance with the groups is known, terms x queries x groups."""
        keep = self.keep
        if not keep:
            return np.empty((alike.shape[1], 0), np.intp)
        signed = bool((shares < 0).any())
        ceiling = _summed(alike, np.abs(shares) if signed else shares, self.most)
        least = np.full(len(ceiling), -np.inf)
        if ceiling.shape[1] >= keep:
            # as many members reach what the most promising groups do, one of each of a few sets of them
            sets = min(PROMISING, ceiling.shape[1])
            whole = ceiling[:, : ceiling.shape[1] // sets * sets].reshape(len(ceiling), -1, sets)
            few = whole.argmax(1) * sets + np.arange(sets)
            floor = (alike[:, np.arange(len(few))[:, None], few] * self.some[:, few] * shares[..., None]).sum(0)
            # a hair below, since the sum of a member may round differently here and there
            least = np.partition(floor, -keep, axis=1)[:, -keep] * (1 - 1e-9)
        query, group = np.divmod(np.flatnonzero(ceiling >= least[:, None]), ceiling.shape[1])
        part, size = (alike[:, query, group] * shares[:, query]).T, np.diff(self.first)[group]
        pair = np.repeat(np.arange(len(query)), size)
        member = np.arange(len(pair)) + np.repeat(self.first[group] - (np.cumsum(size) - size), size)
        total = np.einsum("nt,nt->n", part[pair], self.lean[member])
        good = np.flatnonzero(total >= least[query[pair]])
        query, member, total = query[pair[good]], member[good], total[good]
        order = np.lexsort((-total, query))
        start = np.searchsorted(query, np.arange(len(ceiling)))
        out: Places = self.members[member[order[start[:, None] + np.arange(keep)]]]
        return out


@record
class View:
    """The measurements as queries see them that agree in all but the varying coordinates."""

    kin: Kin
    sums: Sequence[Sums]
    """Weight times share times correlation over agreed coordinates."""

    def values(self, coords: Singles, shares: Floats | None = None) -> tuple[Floats, Places | None]:
        """What the measurements say of queries at full share, terms x queries x LOAD_STEPS, and who is nearest.

        Parameters
        ----------
        shares
            See `Kin.nearest`; without them nobody asks who is nearest.
        """
        out = np.zeros((len(self.kin.covariance.scale), len(coords), len(LOAD_STEPS)))
        near = None if shares is None else np.empty((len(coords), self.kin.keep), np.intp)
        for some, alike in self.kin.alike(coords):
            for sums in self.sums:
                sums.add(alike, out[:, some])
            if near is not None and shares is not None:
                near[some] = self.kin.nearest_of(alike, shares[:, some])
        return out, near


def _summed(alike: Floats, shares: Floats, lean: Floats) -> Floats:
    """Terms x queries x groups times terms x queries and terms x groups, summed over the terms: queries x groups.

    Query by query, as the product of all is too large for the cache of a core.
    """
    out = np.empty(alike.shape[1:])
    for q, row in enumerate(out):
        np.matmul(shares[:, q], alike[:, q] * lean, out=row)
    return out
