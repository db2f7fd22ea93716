"""A fitted residual field: what the measurements add to physics, at every load of a query's curve.

The queries of one answer agree in most coordinates: one model, one pair of lengths, one date. What measured
configurations owe to those is one factor each, so that measurements that differ in nothing else are added up first,
and only the few hundred groups that are left are held against every query.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import field

import numpy as np

from advisor.domain.record import record
from advisor.engine.estimator.covariance import Covariance, Encoded, Singles
from advisor.engine.estimator.encode import Floats, Places, sorted_distinct
from advisor.engine.estimator.parts import Part, distinct_rows, parts_among, product

LOAD_STEPS = np.arange(0.0, 16.01, 0.25)
"""log2 concurrencies at which curves are laid; between them they are straight in logs."""
LIKE = 6
"""Configurations among which the most similar measured point is sought."""
PROMISING = 4 * LIKE
"""Groups in which it is looked at what is surely reached, before it is sought among all."""
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
class _Loads:
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
class _Table:
    """Points at loads that most share, as a table of groups by load that is mostly filled; it comes first."""

    cell: Places
    """Place of each point in the table of those groups by load."""

    def add(self, weight: Floats, part: _Loads, out: Floats) -> None:
        """Weights times correlation, summed by group, in place of what is in `out`: terms x groups x LOAD_STEPS."""
        groups, width = out.shape[1], part.across.shape[1]
        for mine, across, sums in zip(weight, part.across, out, strict=True):
            table = np.bincount(self.cell, mine, minlength=groups * width).reshape(groups, width)
            np.matmul(table, across, out=sums)


@record
class _Listed:
    """Points at odd loads, of which a table would be mostly empty: one by one."""

    used: Places
    order: Places
    """Points sorted by group."""
    first: Places
    """Where each group starts in `order`."""

    def add(self, weight: Floats, part: _Loads, out: Floats) -> None:
        """Add those as of a table."""
        level = part.level[self.order]
        for mine, across, sums in zip(weight.take(self.order, axis=1), part.across, out, strict=True):
            reach = across.take(level, axis=0)
            reach *= mine[:, None]
            sums[self.used] += np.add.reduceat(reach, self.first, axis=0)


@record
class _Grouping:
    """Measured configurations by what they have in some coordinates."""

    parts: tuple[Part, ...]
    """Those coordinates, and what the groups have in them."""
    group: Places
    """Of each configuration."""
    members: Places
    first: Places
    cells: tuple[_Table | _Listed, ...]
    """For each set of loads."""


@record
class View:
    """The measurements as queries see them that agree in all but the `varying` coordinates."""

    covariance: Covariance
    parts: tuple[Part, ...]
    """The coordinates that vary, and what measured configurations have in them."""
    pull: Floats
    """Weight times share times correlation over load and agreed coordinates, summed over the points of a group: terms x
    groups x LOAD_STEPS."""
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

    def alike(self, coords: Singles) -> Floats:
        """Covariance of queries with groups over the varying coordinates: terms x queries x groups."""
        return product(self.covariance, self.parts, coords, len(self.first) - 1)

    def nearest(self, alike: Floats, shares: Floats) -> Places:
        """The LIKE measured configurations of the largest correlation with each query, in no order.

        Parameters
        ----------
        alike
            From `alike`.
        shares
            Share of each term at each query, terms x queries.
        """
        keep = min(LIKE, len(self.members))
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
    loads: tuple[_Loads, ...]
    place: Floats
    """Configuration and load of each point as one rising number, see `_place`."""
    variance: Floats
    """Prior variance of each point."""
    _views: OrderedDict[tuple[bytes, bytes], View] = field(default_factory=OrderedDict, repr=False, compare=False)
    _groupings: OrderedDict[bytes, _Grouping] = field(default_factory=OrderedDict, repr=False, compare=False)

    def view(self, coords: Singles) -> View:
        """The measurements as queries at these coordinates see them; the last few are kept, as they repeat."""
        varies = (coords != coords[:1]).any(0)
        agreed = np.flatnonzero(~varies)
        key = varies.tobytes(), coords[0, agreed].tobytes()
        found = self._views.get(key)
        if found is None:
            found = self._views[key] = self._seen(np.flatnonzero(varies), agreed, coords[0, agreed])
            if len(self._views) > VIEWS:
                self._views.popitem(last=False)
        return found

    def _seen(self, varying: Places, agreed: Places, values: Singles) -> View:
        c = self.covariance
        mine = self.points.coords
        factor = c.decay(agreed, values[None].astype(np.float64), mine[:, agreed].astype(np.float64))[:, 0]
        grouping = self._grouped(varying)
        members, first = grouping.members, grouping.first
        lean = self.typical.take(members, axis=1) * factor.take(members, axis=1)
        if len(first) == len(mine) + 1:
            some, most = lean, np.abs(lean) if (lean < 0).any() else lean
        else:
            most = np.maximum.reduceat(np.abs(lean), first[:-1], axis=1)
            heavy = np.lexsort((-lean.sum(0), grouping.group[members]))
            some = lean[:, heavy[first[:-1]]]
        pull = self._pull(factor, grouping)
        return View(c, grouping.parts, pull, members, first, lean.T.copy(), most, some)

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

    def _cells(self, part: _Loads, group: Places) -> _Table | _Listed:
        if part.common:
            return _Table(group[part.configuration] * part.across.shape[1] + part.level)
        used, row = sorted_distinct(group[part.configuration])
        order = np.argsort(row, kind="stable")
        return _Listed(used, order, np.searchsorted(row[order], np.arange(len(used))))

    def _pull(self, factor: Floats, grouping: _Grouping) -> Floats:
        shape = len(factor), len(grouping.first) - 1, len(LOAD_STEPS)
        out = np.empty(shape) if self.loads else np.zeros(shape)
        for part, cells in zip(self.loads, grouping.cells, strict=True):
            weight = factor.take(part.configuration, axis=1)
            weight *= part.weighted
            cells.add(weight, part, out)
        return out

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


def _summed(alike: Floats, shares: Floats, lean: Floats) -> Floats:
    """Terms x queries x groups times terms x queries and terms x groups, summed over the terms: queries x groups.

    Query by query, as the product of all is too large for the cache of a core.
    """
    out = np.empty(alike.shape[1:])
    for q, row in enumerate(out):
        np.matmul(shares[:, q], alike[:, q] * lean, out=row)
    return out


def gather(covariance: Covariance, points: Encoded, shares: Floats, weights: Floats) -> Field:
    """The field of measurements with their weights; `shares` are terms x points."""
    order = np.lexsort((points.load, points.of_point))
    of_point, load, shares = points.of_point[order], points.load[order], shares.take(order, axis=1)
    first = np.searchsorted(of_point, np.arange(len(points.coords) + 1))
    weighted = weights[order] * shares
    levels, level = sorted_distinct(load)
    by_count = np.argsort(-np.bincount(level, minlength=len(levels)), kind="stable")
    parts: list[_Loads] = []
    for chosen in (np.sort(by_count[:COMMON_LOADS]), np.sort(by_count[COMMON_LOADS:])):
        place = np.full(len(levels), -1)
        place[chosen] = np.arange(len(chosen))
        at = np.flatnonzero(place[level] >= 0)
        if len(at):
            across = covariance.of_loads(levels[chosen], LOAD_STEPS)
            across[across < NOTHING] = 0.0
            mine = weighted.take(at, axis=1)
            parts.append(_Loads(at, of_point[at], mine, place[level[at]], across, common=not parts))
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
