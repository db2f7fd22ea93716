"""A fitted residual field: what the measurements add to physics, at every load of a query's curve.

The queries of one answer agree in most coordinates: one model, one pair of lengths, one date. What measured
configurations owe to those is one factor each, so that measurements that differ in nothing else are added up first,
and only the few hundred groups that are left are held against every query.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import field

import numpy as np

from advisor.domain.record import record
from advisor.engine.estimator.covariance import Covariance, Encoded, Singles
from advisor.engine.estimator.encode import Floats, Places, sorted_distinct
from advisor.engine.estimator.parts import Part, distinct_rows, parts_among
from advisor.engine.estimator.view import LOAD_STEPS, Kin, Listed, Loads, Sums, Table, View

REACH = (-1, 0)
"""Their points just below and just above the query's load."""
COMMON_LOADS = 16
"""Measured loads that most points share, summed as a dense table; the odd ones go point by point."""
NOTHING = 1e-60
"""Correlations below this are taken as none: subnormal floats would slow everything down a hundredfold."""
VIEWS = 4
"""Views kept: an answer has one per pair of lengths, asked again at each of its rounds."""
GROUPINGS = 16
"""Groupings kept: which coordinates vary is much the same from answer to answer."""


@record
class _Grouping:
    """Measured configurations by what they have in some coordinates."""

    parts: tuple[Part, ...]
    """Those coordinates, and what the groups have in them."""
    group: Places
    """Of each configuration."""
    members: Places
    first: Places
    cells: tuple[Table | Listed, ...]
    """For each set of loads."""


@record
class Field:
    """Weights of the measurements under a covariance, sorted by configuration and load."""

    covariance: Covariance
    points: Encoded
    """Sorted by configuration and load."""
    shares: Floats
    """Share of each term at each measured point, terms x points."""
    first: Places
    """Points of each configuration start here; and the end."""
    typical: Floats
    """Mean share of each configuration over the root of its variance, terms x configurations."""
    loads: tuple[Loads, ...]
    place: Floats
    """Configuration and load of each point as one rising number, see `_place`."""
    variance: Floats
    """Prior variance of each point."""
    _views: OrderedDict[tuple[bytes, ...], View] = field(default_factory=OrderedDict, repr=False, compare=False)
    _groupings: OrderedDict[bytes, _Grouping] = field(default_factory=OrderedDict, repr=False, compare=False)

    def view(self, coords: Singles, terms: Places | None = None) -> View:
        """The measurements as queries at these coordinates see them; the last few are kept, as they repeat.

        Parameters
        ----------
        terms
            Places of the terms of the covariance that have a say there, all by default.
        """
        varies = (coords != coords[:1]).any(0)
        agreed = np.flatnonzero(~varies)
        alive = np.arange(len(self.shares)) if terms is None else terms
        key = varies.tobytes(), coords[0, agreed].tobytes(), alive.tobytes()
        found = self._views.get(key)
        if found is None:
            found = self._views[key] = self._seen(np.flatnonzero(varies), agreed, coords[0, agreed], alive)
            if len(self._views) > VIEWS:
                self._views.popitem(last=False)
        return found

    def _seen(self, varying: Places, agreed: Places, values: Singles, terms: Places) -> View:
        c = self.covariance.only(terms)
        mine = self.points.coords
        factor = c.decay(agreed, values[None].astype(np.float64), mine[:, agreed].astype(np.float64))[:, 0]
        grouping = self._grouped(varying)
        members, first = grouping.members, grouping.first
        lean = self.typical[terms].take(members, axis=1) * factor.take(members, axis=1)
        if len(first) == len(mine) + 1:
            some, most = lean, np.abs(lean) if (lean < 0).any() else lean
        else:
            most = np.maximum.reduceat(np.abs(lean), first[:-1], axis=1)
            heavy = np.lexsort((-lean.sum(0), grouping.group[members]))
            some = lean[:, heavy[first[:-1]]]
        kin = Kin(c, grouping.parts, members, first, lean.T.copy(), most, some)
        return View(kin, tuple(self._sums(factor, grouping, terms)))

    def _grouped(self, varying: Places) -> _Grouping:
        key = varying.tobytes()
        found = self._groupings.get(key)
        if found is None:
            start, group = distinct_rows(self.points.coords[:, varying])
            groups = self.points.coords[start][:, varying].astype(np.float64)
            members = np.argsort(group, kind="stable")
            first = np.searchsorted(group[members], np.arange(len(groups) + 1))
            cells = tuple(self._cells(part, group) for part in self.loads)
            found = self._groupings[key] = _Grouping(parts_among(varying, groups), group, members, first, cells)
            if len(self._groupings) > GROUPINGS:
                self._groupings.popitem(last=False)
        return found

    def _cells(self, part: Loads, group: Places) -> Table | Listed:
        if part.common:
            return Table(group[part.configuration] * part.across.shape[1] + part.level)
        used, row = sorted_distinct(group[part.configuration])
        order = np.argsort(row, kind="stable")
        return Listed(used, order, np.searchsorted(row[order], np.arange(len(used))))

    def _sums(self, factor: Floats, grouping: _Grouping, terms: Places) -> Iterator[Sums]:
        for part, cells in zip(self.loads, grouping.cells, strict=True):
            weight = factor.take(part.configuration, axis=1)
            weight *= part.weighted[terms]
            yield cells.summed(weight, part.level, part.across[terms], len(grouping.first) - 1)

    def apart(self, coords: Singles, near: Places) -> Floats:
        """How far places lie from the measured configurations `near` them: terms x places x LIKE."""
        out: Floats = np.ascontiguousarray(
            np.moveaxis(self.covariance.exponents(coords[:, None, :], self.points.coords[near]), -1, 0)
        )
        return out

    def spread(self, load: Floats, shares: Floats, place: Places, near: Places, apart: Floats) -> Floats:
        """Standard deviation left at each query point by kriging from its single most similar measured point [log].

        ``sqrt(k(q,q)·(1 - rho²) + noise²)``, rho the largest correlation with a measured point. Intervals scale with
        it; the backtest says by how much.

        Parameters
        ----------
        load
            log2 concurrency of each query point.
        shares
            Share of each term at each query point, terms x points.
        place
            Of each query point, among the following.
        near
            Measured configurations among which to seek, places x LIKE.
        apart
            How far those lie off, terms x places x LIKE.
        """
        c, like = self.covariance, near.shape[1]
        square, mine = c.scale[:, None] ** 2, near[place]
        at = np.searchsorted(self.place, _place(mine, load[:, None]))
        below, above = (np.clip(at + step, self.first[mine], self.first[mine + 1] - 1) for step in REACH)
        # two in three have one point within reach: it is looked at once
        both = np.flatnonzero(below != above)
        pair = np.concatenate([np.arange(mine.size), both])
        row, point = np.concatenate([below.ravel(), above.ravel()[both]]), pair // max(1, like)
        over = np.abs(load[point] - self.points.load[row])
        over2, where, k = over**2, place[point] * like + pair % max(1, like), np.zeros(len(pair))
        # term by term, since what one takes stays in the cache of a core
        terms = zip(apart, c.load_gap, c.load_square, square * shares, self.shares, strict=True)
        for off, gap, bend, here, there in terms:
            alike = over * gap + over2 * bend
            alike += off.take(where)
            np.exp(np.negative(alike, out=alike), out=alike)
            alike *= here.take(point)
            alike *= there.take(row)
            k += alike
        variance = (square * shares**2).sum(0)
        rho2 = k * k / (variance.take(point) * self.variance.take(row))
        rho2[both] = np.maximum(rho2[both], rho2[mine.size :])
        most = rho2[: mine.size].reshape(mine.shape).max(1, initial=0.0)
        out: Floats = np.sqrt(variance * (1 - np.minimum(most, 1.0)) + c.noise**2)
        return out


def gather(covariance: Covariance, points: Encoded, shares: Floats, weights: Floats) -> Field:
    """The field of measurements with their weights; `shares` are terms x points."""
    order = np.lexsort((points.load, points.of_point))
    of_point, load, shares = points.of_point[order], points.load[order], shares.take(order, axis=1)
    first = np.searchsorted(of_point, np.arange(len(points.coords) + 1))
    weighted = weights[order] * shares
    levels, level = sorted_distinct(load)
    by_count = np.argsort(-np.bincount(level, minlength=len(levels)), kind="stable")
    parts: list[Loads] = []
    for chosen in (np.sort(by_count[:COMMON_LOADS]), np.sort(by_count[COMMON_LOADS:])):
        place = np.full(len(levels), -1)
        place[chosen] = np.arange(len(chosen))
        at = np.flatnonzero(place[level] >= 0)
        if len(at):
            across = covariance.of_loads(levels[chosen], LOAD_STEPS)
            across[across < NOTHING] = 0.0
            mine = weighted.take(at, axis=1)
            parts.append(Loads(at, of_point[at], mine, place[level[at]], across, common=not parts))
    mean = np.stack([np.bincount(of_point, s) for s in shares]) / np.diff(first)
    square = covariance.scale[:, None] ** 2
    norm = np.sqrt((square * mean**2).sum(0))
    return Field(
        covariance, Encoded(points.coords, of_point, load), shares, first, mean / norm,
        tuple(parts), _place(of_point, load), (square * shares**2).sum(0),
    )  # fmt: skip


def _place(configuration: Places, load: Floats) -> Floats:
    """Configuration and log2 load as one number; loads stay below 64."""
    out: Floats = configuration * 64.0 + load
    return out
