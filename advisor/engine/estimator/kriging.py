"""Covariances of measured points, and the weights that they give to the measurements."""

from __future__ import annotations

import numpy as np

from advisor.engine.estimator.covariance import Covariance, Encoded
from advisor.engine.estimator.encode import Floats

TAIL = 4.0
"""Degrees of freedom of the errors of measurements."""
BLOCK = 256
"""Size of matrix up to which the library inverts at once."""
LEAST_MORE = 0.5
"""Relative growth of a row's noise below which it stays as it is."""


def covariance_matrix(covariance: Covariance, points: Encoded, shares: Floats) -> Floats:
    """Covariance of the residuals of every pair of points; `shares` are terms x points."""
    return cross_covariance(covariance, points, shares, points, shares)


def cross_covariance(
    covariance: Covariance, left: Encoded, left_shares: Floats, right: Encoded, right_shares: Floats
) -> Floats:
    """Covariance of the residuals of each left with each right point."""
    left_loads, left_level = np.unique(left.load, return_inverse=True)
    right_loads, right_level = np.unique(right.load, return_inverse=True)
    across = covariance.of_loads(left_loads, right_loads).astype(np.float32)
    total = np.empty((len(left.load), len(right.load)))
    theirs, mine = right_shares.astype(np.float32), left_shares.astype(np.float32)
    for start in range(0, len(left.coords), 64):
        rows = np.flatnonzero((left.of_point >= start) & (left.of_point < start + 64))
        alike = covariance.of_configurations(left.coords[start : start + 64], right.coords)
        block = np.zeros((len(rows), len(right.load)), np.float32)
        for term in range(len(alike)):
            part = alike[term][left.of_point[rows] - start][:, right.of_point]
            part *= across[term][left_level[rows]][:, right_level]
            part *= theirs[term]
            part *= mine[term, rows][:, None]
            block += part
        total[rows] = block
    return total


def inverse_of(matrix: Floats) -> Floats:
    """Inverse of a symmetric positive definite matrix, by halves.

    With blocks A, B, C and ``S = C - Bᵀ·A^-1·B`` the inverse has ``S^-1`` and ``-A^-1·B·S^-1`` (Banachiewicz, 1937).
    Symmetry saves half of what a general inverse costs, and the rest are products of matrices.

    >>> import numpy as np
    >>> near = np.exp(-np.abs(np.subtract.outer(np.arange(600.0), np.arange(600.0)))) + np.eye(600)
    >>> bool(np.allclose(inverse_of(near) @ near, np.eye(600)))
    True
    """
    n = len(matrix)
    if n <= BLOCK:
        whole: Floats = np.asarray(np.linalg.inv(matrix), dtype=np.float64)
        return (whole + whole.T) / 2
    half = n // 2
    first = inverse_of(matrix[:half, :half])
    lead = first @ matrix[:half, half:]
    rest = inverse_of(matrix[half:, half:] - matrix[half:, :half] @ lead)
    pull = lead @ rest
    out = np.empty_like(matrix)
    out[:half, :half] = first + pull @ lead.T
    out[:half, half:] = -pull
    out[half:, :half] = -pull.T
    out[half:, half:] = rest
    return out


def settle(matrix: Floats, residual: Floats, noise: Floats) -> tuple[Floats, Floats]:
    """Inverse ``S = (K + N)^-1`` and weights ``S·r`` of simple kriging, with less trust in rows at odds with the rest.

    A row that lies ``z`` spreads from what all others say of it gets the noise that Student's t with TAIL degrees of
    freedom would give it: ``n·(TAIL + z²)/(TAIL + 1)`` where that is more (eq. 5.12 of [1]; Lange, Little and
    Taylor, JASA 84(408), 1989).

    Parameters
    ----------
    matrix
        Covariance of the residuals of every pair of rows; overwritten.
    noise
        Variance of each row [log²].

    References
    ----------
    .. [1] Rasmussen and Williams, Gaussian Processes for Machine Learning, MIT Press, 2006.
    """
    matrix[np.diag_indices(len(residual))] += noise
    inverse = inverse_of(matrix)
    weights: Floats = np.asarray(inverse @ residual, dtype=np.float64)
    apart = weights**2 / inverse.diagonal()  # z², as the left-out error is w/S_ii and its variance 1/S_ii
    more = noise * ((TAIL + apart) / (TAIL + 1) - 1)
    odd = np.flatnonzero(more > LEAST_MORE * noise)
    if len(odd):
        across = inverse[:, odd]  # a handful of rows changes the inverse by a matrix of low rank
        middle = np.linalg.inv(across[odd] + np.diag(1 / more[odd]))
        weights = weights - across @ (middle @ weights[odd])
        inverse -= (across @ middle) @ across.T
    return inverse, weights
