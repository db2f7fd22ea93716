"""The covariance of many queries with many measurements as a product over parts of the coordinates.

The queries of one answer have some eight parts, twenty stacks and a handful of splits between them, the measurements a
few dozen of each. Exponentials are taken for those alone; what is left for each pair is to multiply.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from advisor.domain.record import record
from advisor.engine.estimator.covariance import NAMES, Covariance, Singles
from advisor.engine.estimator.encode import Floats, Places, distinct

PARTS: tuple[tuple[str, ...], ...] = (
    ("vendor", "architecture", "accelerator"),
    ("model", "family", "attention", "active", "kv", "moe"),
    ("precision", "base_engine", "engine", "spec", "disagg", "dp"),
    ("tp", "ep", "gpus_known", "gpus"),
    ("isl", "osl"),
    ("kind", "month"),
)
"""Coordinates that go together: few combinations of those of one part occur. Every coordinate is in one."""
CELLS = 2**17
"""Products that are held at a time: a megabyte, as much as the cache of a core takes."""


@record
class Part:
    """Some of the coordinates, and what groups of measurements have in them."""

    chosen: Places
    """Places in COORDINATES."""
    values: Floats
    """What occurs among the groups, distinct: values x chosen."""
    of_group: Places
    """Which of the values each group has."""

    def table(self, covariance: Covariance, coords: Singles) -> tuple[Floats, list[int]]:
        """Correlation of the distinct values of queries with every group, values x terms x groups, and whose is whose.

        In double precision: the weights of close measurements nearly cancel, which would leave single precision four
        digits.
        """
        mine = coords[:, self.chosen]
        start, of_query = distinct_rows(mine)
        known = covariance.decay(self.chosen, mine[start].astype(np.float64), self.values)
        return known.transpose(1, 0, 2).take(self.of_group, axis=2), of_query.tolist()


def parts_among(varying: Places, groups: Floats) -> tuple[Part, ...]:
    """The parts that have a say where these coordinates vary.

    Parameters
    ----------
    varying
        Places in COORDINATES of the columns of `groups`.
    """
    out = []
    for names in PARTS:
        columns = np.flatnonzero(np.isin(varying, [NAMES.index(name) for name in names]))
        if len(columns):
            start, of_group = distinct_rows(groups[:, columns])
            out.append(Part(varying[columns], groups[start][:, columns], of_group))
    return tuple(out)


def products(
    covariance: Covariance, parts: Sequence[Part], coords: Singles, groups: int
) -> Iterator[tuple[slice, Floats]]:
    """Covariance of queries with groups over the coordinates of the parts, a few queries at a time.

    Yields which queries, and terms x these queries x groups: small enough for the cache of a core, in one array that is
    filled anew each time. Queries are sorted, so that one shares its first parts with the one before it, and the
    product over those.
    """
    tables = [part.table(covariance, coords) for part in parts]
    terms, last = len(covariance.scale), len(tables) - 1
    many = max(1, min(len(coords), CELLS // max(1, terms * groups)))
    out = np.empty((terms, many, groups))
    # products over ever more of the parts
    known = [np.broadcast_to((covariance.scale**2)[:, None], (terms, groups)), *np.empty((len(tables), terms, groups))]
    before = [-1] * len(tables)
    for start in range(0, len(coords), many):
        queries = range(start, min(start + many, len(coords)))
        for k in queries:
            new = False
            for n, (table, of_query) in enumerate(tables):
                place = of_query[k]
                new = new or place != before[n]
                if n == last:
                    np.multiply(known[n], table[place], out=out[:, k - start])
                elif new:
                    np.multiply(known[n], table[place], out=known[n + 1])
                    before[n] = place
            if last < 0:
                out[:, k - start] = known[0]
        yield slice(start, queries.stop), out[:, : len(queries)]


def distinct_rows(rows: NDArray[np.floating]) -> tuple[list[int], Places]:
    """Where each distinct row stands first, and which of them each row is."""
    if not rows.shape[1]:
        return [0][: len(rows)], np.zeros(len(rows), np.intp)
    packed = np.ascontiguousarray(rows).view(np.dtype((np.void, rows.itemsize * rows.shape[1]))).reshape(-1)
    return distinct(packed.tolist())
