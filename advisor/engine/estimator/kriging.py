"""Covariances of measured points, and the weights that they give to the measurements."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from advisor.engine.estimator.covariance import Covariance, Encoded, Real
from advisor.engine.estimator.encode import Floats

TAIL = 4.0
"""Degrees of freedom of the errors of measurements."""
AT_A_TIME = 16
"""Configurations held against all others at a time: what they give stays in the processor's cache."""
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
    across = covariance.of_loads(left_loads, right_loads).astype(np.float32).take(right_level, axis=2)
    across *= right_shares.astype(np.float32)[:, None]
    mine = left_shares.astype(np.float32)
    total = np.empty((len(left.load), len(right.load)))
    for start in range(0, len(left.coords), AT_A_TIME):
        rows = np.flatnonzero((left.of_point >= start) & (left.of_point < start + AT_A_TIME))
        alike = covariance.of_configurations(left.coords[start : start + AT_A_TIME], right.coords)
        block = np.zeros((len(rows), len(right.load)), np.float32)
        for near, by_load, own in zip(alike, across, mine, strict=True):
            part = near.take(right.of_point, axis=1).take(left.of_point[rows] - start, axis=0)
            part *= by_load.take(left_level[rows], axis=0)
            part *= own[rows][:, None]
            block += part
        total[rows] = block
    return total


def inverse_of(matrix: Floats) -> Floats:
    """Inverse of a symmetric positive definite matrix.

    >>> import numpy as np
    >>> near = np.exp(-np.abs(np.subtract.outer(np.arange(600.0), np.arange(600.0)))) + np.eye(600)
    >>> bool(np.allclose(inverse_of(near) @ near, np.eye(600)))
    True
    """
    return inverse_and_log_determinant(matrix)[0]


def inverse_and_log_determinant(matrix: NDArray[Real]) -> tuple[NDArray[Real], float]:
    """Inverse of a symmetric positive definite matrix and the log of its determinant, by halves.

    With blocks A, B, C and ``S = C - Bᵀ·A^-1·B`` the inverse has ``S^-1`` and ``-A^-1·B·S^-1`` (Banachiewicz, 1937),
    and the determinant is ``|A|·|S|`` (Schur, 1917). Symmetry saves half of what a general inverse costs, and the rest
    are products of matrices.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the matrix is not positive definite.

    >>> import numpy as np
    >>> near = np.exp(-np.abs(np.subtract.outer(np.arange(600.0), np.arange(600.0)))) + np.eye(600)
    >>> bool(np.isclose(inverse_and_log_determinant(near)[1], np.linalg.slogdet(near)[1]))
    True
    """
    n = len(matrix)
    if n <= BLOCK:
        root = np.linalg.cholesky(matrix)
        whole = np.asarray(np.linalg.inv(matrix), dtype=matrix.dtype)
        even: NDArray[Real] = (whole + whole.T) / matrix.dtype.type(2)
        return even, 2.0 * float(np.log(root.diagonal()).sum())
    half = n // 2
    first, of_first = inverse_and_log_determinant(matrix[:half, :half])
    lead: NDArray[Real] = first @ matrix[:half, half:]
    rest, of_rest = inverse_and_log_determinant(matrix[half:, half:] - _even_product(matrix[half:, :half], lead))
    pull: NDArray[Real] = lead @ rest
    out: NDArray[Real] = np.empty_like(matrix)
    out[:half, :half] = first + _even_product(pull, lead.T)
    out[:half, half:] = -pull
    out[half:, :half] = -pull.T
    out[half:, half:] = rest
    return out, of_first + of_rest


def _even_product(left: NDArray[Real], right: NDArray[Real]) -> NDArray[Real]:
    """Product that is known to be symmetric: of the parts beside the diagonal one is worked out."""
    n = len(left)
    if n <= 2 * BLOCK:
        return left @ right
    half = n // 2
    out = np.empty((n, n), left.dtype)
    out[:half, :half] = _even_product(left[:half], right[:, :half])
    out[half:, half:] = _even_product(left[half:], right[:, half:])
    out[:half, half:] = left[:half] @ right[:, half:]
    out[half:, :half] = out[:half, half:].T
    return out


def settle(matrix: Floats, residual: Floats, noise: Floats) -> tuple[Floats, Floats]:
    """Inverse ``S = (K + N)^-1`` and weights ``S·r`` of simple kriging, with less trust in rows at odds with the rest.

    A row that lies ``z`` spreads from what all others say of it gets the noise that Student's t with TAIL degrees of
    freedom would give it: ``n·(TAIL + z²)/(TAIL + 1)`` where that is more (eq. 5.12 of [1]; Lange, Little and
    Taylor, JASA 84(408), 1989).

    Parameters
    ----------
    matrix
        Covariance of the residuals of every pair of rows.
    noise
        Variance of each row [log²].

    References
    ----------
    .. [1] Rasmussen and Williams, Gaussian Processes for Machine Learning, MIT Press, 2006.
    """
    noisy = matrix.copy()
    noisy[np.diag_indices(len(residual))] += noise
    inverse = inverse_of(noisy)
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
