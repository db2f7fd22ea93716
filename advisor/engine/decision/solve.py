"""Where two cost curves cross: a vectorised search that also finds jumps and says that they are jumps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from advisor.domain.record import record
from advisor.engine.sized import FloatArray

TOLERANCE = 1e-3
"""Costs closer than this, as a share, count as equal."""

Curve = Callable[[FloatArray], FloatArray]


@record
class Steps:
    """How many values are tried: over the whole range, and within the bracket each time that it is narrowed."""

    coarse: int = 129
    fine: int = 513
    zooms: int = 2

    def grid(self, low: float, high: float, near: float) -> FloatArray:
        """The values over a range that are tried first, evenly spread, in logs where none is zero; `near` among them.

        Costs may lie the one way at `near` and the other way at all others.
        """
        even = np.geomspace(low, high, self.coarse) if low > 0 else np.linspace(low, high, self.coarse)
        return np.insert(even, int(np.searchsorted(even, near)), near) if low < near < high else even


@record
class Crossing:
    """A value at which the winner changes."""

    value: float
    exact: bool
    first: float
    """First curve at `value`."""
    second: float
    """Second curve there."""


MANY = Steps()


def crossing(
    first: Curve, second: Curve, low: float, high: float, near: float, steps: Steps = MANY
) -> Crossing | None:
    """The crossing nearest to `near` within a range; None where the curves keep their order.

    The range is searched on a grid and the bracket narrowed, by default twice by a factor of 512, so that the
    value is good to a ten-millionth of itself. Where a curve jumps (a whole node), the value is the place of the jump.
    """
    grid = steps.grid(low, high, near)
    gap = np.asarray(first(grid) - second(grid))
    signs = np.sign(gap)
    changes = np.flatnonzero(signs[:-1] * signs[1:] <= 0)
    changes = changes[(signs[changes] != 0) | (signs[changes + 1] != 0)]
    if not changes.size:
        return None
    middles = np.sqrt(grid[changes] * grid[changes + 1]) if low > 0 else (grid[changes] + grid[changes + 1]) / 2
    scale = np.log(middles / near) if low > 0 and near > 0 else middles - near
    i = int(changes[np.argmin(np.abs(scale))])
    a, b = float(grid[i]), float(grid[i + 1])
    for _ in range(steps.zooms):
        points = np.linspace(a, b, steps.fine)
        gap = np.asarray(first(points) - second(points))
        signs = np.sign(gap)
        inner = np.flatnonzero(signs[:-1] * signs[1:] <= 0)
        if not inner.size:
            return None
        k = int(inner[0])
        a, b = float(points[k]), float(points[k + 1])
        ga, gb = float(gap[k]), float(gap[k + 1])
    value = a if ga == gb else a + (b - a) * ga / (ga - gb)
    at = np.array([value])
    one, two = float(first(at)[0]), float(second(at)[0])
    return Crossing(value, abs(one - two) <= TOLERANCE * max(abs(one), abs(two)), one, two)
