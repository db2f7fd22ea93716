"""Covariances of measured points, and the weights that they give to the measurements."""

from __future__ import annotations

import numpy as np

from advisor.engine.estimator.covariance import Covariance, Encoded
from advisor.engine.estimator.encode import Floats


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


def solve_weights(matrix: Floats, residual: Floats, noise: Floats) -> Floats:
    """Weights ``(K + N)^-1 r`` of simple kriging; overwrites the diagonal of `matrix`."""
    matrix[np.diag_indices(len(residual))] += noise
    factor = np.linalg.cholesky(matrix)
    weights: Floats = np.linalg.solve(factor.T, np.linalg.solve(factor, residual))
    return weights
