"""The inputs that the cost arithmetic moves: one value each, or one per Monte Carlo draw."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from advisor.domain.record import record, replace
from advisor.engine.sized import FloatArray

Level = float | FloatArray


@record
class Levels:
    """Values of the moving inputs; floats or arrays of them, which broadcast."""

    z: Level = 0.0
    """Standard normal error of the throughput estimate."""
    throughput: Level = 1.0
    """Factor on throughput, beside `z`."""
    demand: Level = 1.0
    """Factor on demand."""
    price: Level = 1.0
    """Factor on the unit price of the option (rent, or purchase)."""
    peak_price: Level = 1.0
    """Factor on the on-demand price that carries the peak of a mixed option."""
    discount: Level = 0.0
    """Discount on unit prices that are not the user's own quotes."""
    stack: Level = 0.0
    """Engineering of the stack between its low (-1), typical (0) and high (+1) end."""
    extra_engineers: Level | None = None
    """Extra engineers of the stack in place of the rule."""
    power: Level = 1.0
    """Factor on the electricity price."""
    residual: Level = 0.0
    """Residual value between its low (-1), typical (0) and high (+1) end."""
    utilisation: Level = 1.0
    """Factor on average demand over peak demand."""

    def column(self, name: str) -> Any:
        """A field with a trailing axis for years or months, where it is an array."""
        value = getattr(self, name)
        return value[..., None] if isinstance(value, np.ndarray) else value

    def with_(self, **changes: Level) -> Levels:
        """The same levels with some moved."""
        return replace(self, **changes)


def between(typical: ArrayLike, low: ArrayLike, high: ArrayLike, at: Level) -> FloatArray:
    """Straight from typical (0) to low (-1) and high (+1) and on beyond them, never negative.

    >>> [float(between(0.5, 0.25, 1.0, at)) for at in (-3.0, -1.0, 0.0, 1.0)]
    [0.0, 0.25, 0.5, 1.0]
    """
    over, under = np.maximum(at, 0.0), np.minimum(at, 0.0)
    up, down = np.subtract(high, typical), np.subtract(typical, low)
    return np.asarray(np.maximum(0.0, typical + over * up + under * down))
