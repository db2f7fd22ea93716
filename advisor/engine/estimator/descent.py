"""A small L-BFGS: enough for the smooth objectives of calibration, without a further dependency."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from advisor.engine.estimator.encode import Floats

MEMORY = 10
SUFFICIENT = 1e-4
MAX_HALVINGS = 12

Objective = Callable[[Floats], tuple[float, Floats]]


def minimise(objective: Objective, start: Floats, steps: int) -> Floats:
    """Lower `objective` (value, gradient) from `start` for at most `steps` accepted steps.

    Two-loop recursion of Nocedal and Wright, Numerical Optimization, 2006, algorithm 7.4, with backtracking.

    >>> import numpy as np
    >>> found = minimise(lambda x: (float(x @ x), 2 * x), np.array([3.0, -4.0]), 20)
    >>> bool(np.abs(found).max() < 1e-6)
    True
    """
    x = start.copy()
    value, slope = objective(x)
    moves: list[tuple[Floats, Floats]] = []
    for _ in range(steps):
        direction = -_two_loop(slope, moves)
        descent = float(direction @ slope)
        if descent >= 0:
            moves.clear()
            direction, descent = -slope, -float(slope @ slope)
        if descent > -1e-14:
            break
        reach = 1.0 if moves else min(1.0, 0.5 / float(np.abs(direction).max()))
        for _ in range(MAX_HALVINGS):
            trial = x + reach * direction
            new_value, new_slope = objective(trial)
            if new_value <= value + SUFFICIENT * reach * descent:
                break
            reach *= 0.5
        else:
            break
        moved, turned = trial - x, new_slope - slope
        if moved @ turned > 1e-12:
            moves = [*moves, (moved, turned)][-MEMORY:]
        x, value, slope = trial, new_value, new_slope
    return x


def _two_loop(slope: Floats, moves: list[tuple[Floats, Floats]]) -> Floats:
    q = slope.copy()
    kept = []
    for moved, turned in reversed(moves):
        rho = 1.0 / float(moved @ turned)
        alpha = rho * float(moved @ q)
        q -= alpha * turned
        kept.append((rho, alpha, moved, turned))
    if moves:
        moved, turned = moves[-1]
        q *= float(moved @ turned) / float(turned @ turned)
    for rho, alpha, moved, turned in reversed(kept):
        q += (alpha - rho * float(turned @ q)) * moved
    return q
