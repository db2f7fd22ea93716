"""Residuals carried from measured points to queries by their covariance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from advisor.engine.estimator.covariance import Covariance, Encoded, Singles
from advisor.engine.estimator.encode import Floats


@dataclass(frozen=True, slots=True)
class Field:
    """A fitted residual field: weights of the measurements, gathered by configuration and load."""

    covariance: Covariance
    configurations: Singles
    loads: Floats
    """Distinct log2 concurrencies."""
    mass: Singles
    """Weights summed over the points of a configuration at a load: configurations x loads."""

    def at(self, query: Encoded, loads: Floats) -> Floats:
        """Residual of every query configuration at every load in `loads`: configurations x loads."""
        out = np.zeros((len(query.coords), len(loads)))
        across = self.covariance.of_loads(loads, self.loads)
        for start in range(0, len(query.coords), 512):
            part = slice(start, start + 512)
            alike = self.covariance.of_configurations(query.coords[part], self.configurations)
            for term in range(len(alike)):
                out[part] += (alike[term] @ self.mass) @ across[term].T
        return out


def covariance_matrix(covariance: Covariance, points: Encoded) -> Floats:
    """Covariance of the residuals of every pair of points."""
    loads, level = np.unique(points.load, return_inverse=True)
    across = covariance.of_loads(loads, loads)
    n = len(points.load)
    total = np.zeros((n, n))
    configs = points.of_point
    for start in range(0, len(points.coords), 128):
        stop = min(start + 128, len(points.coords))
        mine = np.flatnonzero((configs >= start) & (configs < stop))
        alike = covariance.of_configurations(points.coords[start:stop], points.coords)
        for term in range(len(alike)):
            total[mine] += alike[term][configs[mine] - start][:, configs] * across[term][level[mine]][:, level]
    return total


def solve_weights(covariance: Covariance, points: Encoded, residual: Floats, noise: Floats) -> Floats:
    """Weights ``(K + N)^-1 r`` of simple kriging."""
    matrix = covariance_matrix(covariance, points)
    matrix[np.diag_indices(len(residual))] += noise
    factor = np.linalg.cholesky(matrix)
    half = np.linalg.solve(factor, residual)
    weights: Floats = np.linalg.solve(factor.T, half)
    return weights


def gather(covariance: Covariance, points: Encoded, weights: Floats) -> Field:
    """Sum the weights by configuration and load."""
    loads, level = np.unique(points.load, return_inverse=True)
    mass = np.zeros((len(points.coords), len(loads)), np.float32)
    np.add.at(mass, (points.of_point, level.reshape(-1)), weights.astype(np.float32))
    return Field(covariance, points.coords, loads, mass)


def levels_of(loads: Floats) -> tuple[Floats, NDArray[np.intp]]:
    """Distinct loads and the index of each."""
    values, index = np.unique(loads, return_inverse=True)
    return values, index.reshape(-1)
