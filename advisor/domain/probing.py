"""How many requests a step of a probe takes: what a probe sends, and what advice to probe budgets for."""

from __future__ import annotations

LEAST_REQUESTS, WAVES = 40, 6
"""Measured requests of a thorough step in a closed loop: at least so many, and so many for each slot."""


def warmup_requests(concurrency: int) -> int:
    """Requests at the start that are not measured: one a slot."""
    return max(1, concurrency)


def thorough_requests(concurrency: int) -> int:
    """Most measured requests of a thorough step.

    >>> thorough_requests(4), thorough_requests(64)
    (40, 384)
    """
    return max(LEAST_REQUESTS, WAVES * concurrency)
