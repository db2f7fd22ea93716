"""Residuals carried from measured points to queries by their covariance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from advisor.engine.estimator.covariance import Covariance, Encoded, Singles
from advisor.engine.estimator.encode import Floats

BLOCK = 256


@dataclass(frozen=True, slots=True)
class Field:
    """A fitted residual field: weights of the measurements, gathered by term, configuration and load."""

    covariance: Covariance
    configurations: Singles
    loads: Floats
    """Distinct log2 concurrencies."""
    mass: Singles
    """Weight times share, summed over the points of a configuration at a load: terms x configurations x loads."""

    def at(self, query: Encoded, loads: Floats) -> Floats:
        """Residual at full share of every query configuration at every load: terms x configurations x loads."""
        out = np.zeros((len(self.mass), len(query.coords), len(loads)))
        across = self.covariance.of_loads(loads, self.loads)
        for start in range(0, len(query.coords), BLOCK):
            part = slice(start, start + BLOCK)
            alike = self.covariance.of_configurations(query.coords[part], self.configurations)
            for term in range(len(alike)):
                out[term, part] = (alike[term] @ self.mass[term]) @ across[term].T
        return out


def covariance_matrix(covariance: Covariance, points: Encoded, shares: Floats) -> Floats:
    """Covariance of the residuals of every pair of points.

    Parameters
    ----------
    shares
        Share of each term at each point, terms x points.
    """
    loads, level = np.unique(points.load, return_inverse=True)
    across = covariance.of_loads(loads, loads).astype(np.float32)
    n = len(points.load)
    total = np.empty((n, n))
    configs = points.of_point
    scale = shares.astype(np.float32)
    for start in range(0, len(points.coords), 64):
        mine = np.flatnonzero((configs >= start) & (configs < start + 64))
        alike = covariance.of_configurations(points.coords[start : start + 64], points.coords)
        block = np.zeros((len(mine), n), np.float32)
        for term in range(len(alike)):
            part = alike[term][configs[mine] - start][:, configs]
            part *= across[term][level[mine]][:, level]
            part *= scale[term]
            part *= scale[term, mine][:, None]
            block += part
        total[mine] = block
    return total


def solve_weights(matrix: Floats, residual: Floats, noise: Floats) -> Floats:
    """Weights ``(K + N)^-1 r`` of simple kriging; overwrites the diagonal of `matrix`."""
    matrix[np.diag_indices(len(residual))] += noise
    factor = np.linalg.cholesky(matrix)
    weights: Floats = np.linalg.solve(factor.T, np.linalg.solve(factor, residual))
    return weights


def gather(covariance: Covariance, points: Encoded, shares: Floats, weights: Floats) -> Field:
    """Sum weight times share by term, configuration and load."""
    loads, level = np.unique(points.load, return_inverse=True)
    mass = np.zeros((len(shares), len(points.coords), len(loads)), np.float32)
    for term, share in enumerate(shares):
        np.add.at(mass[term], (points.of_point, level.reshape(-1)), (weights * share).astype(np.float32))
    return Field(covariance, points.coords, loads, mass)
