"""The inputs that the cost arithmetic moves: one value each, or one per Monte Carlo draw."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from advisor.domain.record import record


@record
class Levels:
    """Values of the moving inputs; scalars or arrays of one length, which broadcast."""

    z: ArrayLike = 0.0
    """Standard normal error of the throughput estimate."""
    throughput: ArrayLike = 1.0
    """Factor on throughput, beside `z`."""
    demand: ArrayLike = 1.0
    """Factor on demand."""
    price: ArrayLike = 1.0
    """Factor on the unit price of the option (rent, or purchase)."""
    peak_price: ArrayLike = 1.0
    """Factor on the on-demand price that carries the peak of a mixed option."""
    discount: ArrayLike = 0.0
    """Discount on unit prices that are not the user's own quotes."""
    stack: ArrayLike = 1.0
    """Factor on the stack premium."""
    extra_engineers: ArrayLike | None = None
    """Extra engineers of the stack in place of the rule."""
    power: ArrayLike = 1.0
    """Factor on the electricity price."""
    residual: ArrayLike = 0.0
    """Residual value between its low (-1), typical (0) and high (+1) end."""
    utilisation: ArrayLike = 1.0
    """Factor on average demand over peak demand."""

    def column(self, name: str) -> Any:
        """A field as an array with a trailing axis for years or months."""
        value = np.asarray(getattr(self, name), dtype=float)
        return value[..., None]

    def flat(self, name: str) -> Any:
        """A field as a float or an array."""
        value = getattr(self, name)
        return value if isinstance(value, float) else np.asarray(value, dtype=float)

    def with_(self, **changes: ArrayLike) -> Levels:
        """The same levels with some moved."""
        return replace(self, **changes)
