"""Residuals carried from measured points to queries by their covariance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from advisor.engine.estimator.covariance import COORDINATES, Covariance, Encoded, Singles
from advisor.engine.estimator.encode import Floats

BLOCK = 256
LIKE = 6
"""Configurations among which the most similar measured point is sought."""
REACH = (-1, 0)
"""Their points just below and just above the query's load."""


@dataclass(frozen=True, slots=True)
class Field:
    """A fitted residual field: weights of the measurements, gathered by term, configuration and load."""

    covariance: Covariance
    points: Encoded
    shares: Floats
    """Share of each term at each measured point, terms x points."""
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
            alike = self.covariance.of_configurations(query.coords[part], self.points.coords)
            for term in range(len(alike)):
                out[term, part] = (alike[term] @ self.mass[term]) @ across[term].T
        return out

    def spread(self, query: Encoded, shares: Floats) -> Floats:
        """Standard deviation that kriging from the single most similar measured point leaves, per query point [log].

        ``sqrt(k(q,q)·(1 - rho²) + noise²)``, rho the largest correlation with a measured point. Intervals scale
        with it; the backtest says by how much.
        """
        variance = (self.covariance.scale[:, None] ** 2 * shares**2).sum(0)
        rho2 = np.zeros(len(query.of_point))
        own = (self.covariance.scale[:, None] ** 2 * self.shares**2).sum(0)
        for i in self._candidates(query, shares):
            k = self._pairwise(query, shares, i)
            rho2 = np.maximum(rho2, k * k / (variance * own[i]))
        out: Floats = np.sqrt(variance * (1 - np.minimum(rho2, 1.0)) + self.covariance.noise**2)
        return out

    def _candidates(self, query: Encoded, shares: Floats) -> list[NDArray[np.intp]]:
        """For each query point measured points that may be the most similar one: a list of row numbers."""
        order = np.lexsort((self.points.load, self.points.of_point))
        first = np.searchsorted(self.points.of_point[order], np.arange(len(self.points.coords) + 1))
        mean = np.stack([np.bincount(self.points.of_point, s) for s in self.shares]) / np.diff(first)
        norm = np.sqrt((self.covariance.scale[:, None] ** 2 * mean**2).sum(0))
        theirs = np.zeros((len(shares), len(query.coords)))
        theirs[:, query.of_point] = shares
        keep = min(LIKE, len(self.points.coords))
        best = np.empty((len(query.coords), keep), np.intp)
        for start in range(0, len(query.coords), BLOCK):
            part = slice(start, start + BLOCK)
            alike = self.covariance.of_configurations(query.coords[part], self.points.coords)
            total = np.zeros(alike.shape[1:], np.float32)
            for term, block in enumerate(alike):
                total += block * (theirs[term, part, None] * (mean[term] / norm)).astype(np.float32)
            best[part] = np.argpartition(-total, keep - 1, axis=1)[:, :keep]
        key = self.points.of_point[order] * 64.0 + self.points.load[order]
        out = []
        for column in range(keep):
            config = best[query.of_point, column]
            place = np.searchsorted(key, config * 64.0 + query.load)
            out += [order[np.clip(place + step, first[config], first[config + 1] - 1)] for step in REACH]
        return out

    def _pairwise(self, query: Encoded, shares: Floats, rows: NDArray[np.intp]) -> Floats:
        """Covariance of each query point with one measured point."""
        c = self.covariance
        gap = query.coords[query.of_point] - self.points.coords[self.points.of_point[rows]]
        named = np.array([rule == "name" for _, rule in COORDINATES])
        distance = np.where(named, gap != 0, np.abs(gap))
        over = np.abs(query.load - self.points.load[rows])
        exponent = distance @ c.rates.T + np.outer(over, c.load_gap) + np.outer(over**2, c.load_square)
        out: Floats = (np.exp(-exponent).T * c.scale[:, None] ** 2 * shares * self.shares[:, rows]).sum(0)
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
    return Field(covariance, points, shares, loads, mass)
