"""Descent on objectives that are sampled anew at every step."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Objective = Callable[[Floats], tuple[float, Floats]]
WARM_UP = 10
"""Steps over which the rate rises to its full height."""
LATE, LATE_RATE = 0.6, 0.3
"""Share of the steps after which the rate is lower, and by what factor."""
AVERAGED = 0.5
"""Last share of the steps whose places are averaged."""
FIRST_DECAY, SECOND_DECAY, TINY = 0.9, 0.98, 1e-8


def descend(sample: Callable[[], Objective], start: Floats, *, steps: int, rate: float) -> Floats:
    """Lower the mean of random objectives (value, gradient) from `start`.

    Adam (Kingma and Ba, 2015, arXiv:1412.6980, algorithm 1), and the mean of the places of the later steps (Polyak
    and Juditsky, SIAM J. Control Optim. 30(4), 1992). A sample whose value is not finite is passed over.

    Parameters
    ----------
    rate
        Length of a step in each coordinate at full height.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> def sample():
    ...     centre = np.array([1.0, -2.0]) + rng.normal(size=2)
    ...     return lambda x: (float(((x - centre) ** 2).sum()), 2 * (x - centre))
    >>> found = descend(sample, np.zeros(2), steps=600, rate=0.1)
    >>> bool(np.abs(found - [1.0, -2.0]).max() < 0.15)
    True
    """
    x = start.copy()
    mean, square, total = np.zeros_like(x), np.zeros_like(x), np.zeros_like(x)
    averaged, taken = 0, 0
    for step in range(steps):
        value, slope = sample()(x)
        if np.isfinite(value):
            taken += 1
            mean = FIRST_DECAY * mean + (1 - FIRST_DECAY) * slope
            square = SECOND_DECAY * square + (1 - SECOND_DECAY) * slope**2
            reach = rate * min(1.0, taken / WARM_UP) * (LATE_RATE if step >= LATE * steps else 1.0)
            steep = np.sqrt(square / (1 - SECOND_DECAY**taken)) + TINY
            x = x - reach * mean / (1 - FIRST_DECAY**taken) / steep
        if step >= (1 - AVERAGED) * steps:
            total, averaged = total + x, averaged + 1
    out: Floats = total / max(1, averaged) if averaged else x
    return out
