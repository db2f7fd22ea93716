"""Rent under a commitment of whole terms, and what they leave of the horizon."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from advisor.domain.record import record
from advisor.engine.cost.timing import MONTHS_PER_YEAR
from advisor.engine.sized import FloatArray


@record
class Tail:
    """Capacity whose last term, begun at `start`, would end after the horizon."""

    start: int
    """Month in which the term would begin."""
    end: int
    """Month in which it would end."""
    gpus: FloatArray
    """GPUs under it."""
    used: FloatArray | None
    """GPUs billed on average if it is rented on demand instead, by year from `start` on; None where it cannot be."""
    months: FloatArray | None
    """Present value of those over the rest of the horizon [GPU-months]."""
    floats: NDArray[np.bool_] | bool
    """Whether on demand is cheaper than owing the term to its end."""


def unfinished_terms(base: FloatArray, term_months: int, months: int) -> list[tuple[int, FloatArray]]:
    """(month in which it begins, GPUs) of each last term that the horizon cuts.

    What is held from the start has terms one after the other from month 0 on; what is added in a later year has terms
    of its own from there.

    Parameters
    ----------
    base
        GPUs held in each year of the horizon, along the last axis.
    term_months, months
        Length of a term, in whole years, and of the horizon [months].

    Examples
    --------
    >>> unfinished_terms(np.array([8.0, 8.0]), 12, 24)
    []
    >>> [(start, float(gpus)) for start, gpus in unfinished_terms(np.array([8.0, 16.0, 16.0]), 36, 36)]
    [(12, 8.0)]
    """
    if term_months == MONTHS_PER_YEAR:  # every year is a term of the whole fleet, which may shrink
        left = months % term_months
        return [(months - left, base[..., -1])] if left else []
    added = added_by_year(base)
    found: dict[int, FloatArray] = {}
    for year in range(base.shape[-1]):
        left = (months - MONTHS_PER_YEAR * year) % term_months
        if left and added[..., year].any():
            start = months - left
            found[start] = found[start] + added[..., year] if start in found else added[..., year]
    return sorted(found.items())


def added_by_year(gpus: FloatArray) -> FloatArray:
    """GPUs that each year adds to those held before it, along the last axis; negative where some are given back.

    >>> added_by_year(np.array([8.0, 24.0, 24.0])).tolist()
    [8.0, 16.0, 0.0]
    """
    out = np.array(gpus)
    for year in range(1, out.shape[-1]):  # numpy is slow along an axis so short
        out[..., year] -= gpus[..., year - 1]
    return out
