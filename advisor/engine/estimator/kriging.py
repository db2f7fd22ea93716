"""Residuals carried from measured points to queries by their covariance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from advisor.engine.estimator.covariance import COORDINATES, Covariance, Encoded, Singles
from advisor.engine.estimator.encode import Floats

BLOCK = 256
LOAD_STEPS = np.arange(0.0, 16.01, 0.25)
"""log2 concurrencies at which curves are laid; between them they are straight in logs."""
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
    pull: Singles
    """Weight times share times correlation over load, summed over the points of a configuration: terms x
    configurations x LOAD_STEPS."""
    order: NDArray[np.intp]
    """Points sorted by configuration and load."""
    first: NDArray[np.intp]
    """Where each configuration starts in `order`, and the end."""
    typical: Singles
    """Mean share of each configuration over the root of its variance, terms x configurations."""

    def evaluate(self, query: Encoded, shares: Floats) -> tuple[Singles, Floats]:
        """Residuals and spreads of a query.

        Parameters
        ----------
        shares
            Share of each term at each query point, terms x points.

        Returns
        -------
        Residual at full share (terms x configurations x LOAD_STEPS) and, per query point, the standard deviation that
        kriging from the single most similar measured point leaves [log]: ``sqrt(k(q,q)·(1 - rho²) + noise²)``, rho
        the largest correlation with a measured point. Intervals scale with it; the backtest says by how much.
        """
        values = np.empty((len(self.pull), len(query.coords), len(LOAD_STEPS)), np.float32)
        theirs = np.zeros((len(shares), len(query.coords)), np.float32)
        theirs[:, query.of_point] = shares
        keep = min(LIKE, len(self.points.coords))
        best = np.empty((len(query.coords), keep), np.intp)
        for start in range(0, len(query.coords), BLOCK):
            part = slice(start, start + BLOCK)
            alike = self.covariance.of_configurations(query.coords[part], self.points.coords)
            np.matmul(alike, self.pull, out=values[:, part])
            total = np.einsum("tqc,tq,tc->qc", alike, theirs[:, part], self.typical)
            best[part] = np.argpartition(-total, keep - 1, axis=1)[:, :keep]
        return values, self._spread(query, shares, best)

    def _spread(self, query: Encoded, shares: Floats, best: NDArray[np.intp]) -> Floats:
        variance = (self.covariance.scale[:, None] ** 2 * shares**2).sum(0)
        own = (self.covariance.scale[:, None] ** 2 * self.shares**2).sum(0)
        rho2 = np.zeros(len(query.of_point))
        key = self.points.of_point[self.order] * 64.0 + self.points.load[self.order]
        for column in range(best.shape[1]):
            config = best[query.of_point, column]
            place = np.searchsorted(key, config * 64.0 + query.load)
            for step in REACH:
                i = self.order[np.clip(place + step, self.first[config], self.first[config + 1] - 1)]
                k = self._pairwise(query, shares, i)
                rho2 = np.maximum(rho2, k * k / (variance * own[i]))
        out: Floats = np.sqrt(variance * (1 - np.minimum(rho2, 1.0)) + self.covariance.noise**2)
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


def gather(covariance: Covariance, points: Encoded, shares: Floats, weights: Floats) -> Field:
    """Gather what each configuration adds to a residual at every load."""
    order = np.lexsort((points.load, points.of_point))
    first = np.searchsorted(points.of_point[order], np.arange(len(points.coords) + 1))
    loads, level = np.unique(points.load[order], return_inverse=True)
    # The points of a configuration stand side by side: sums over neighbours in memory take two thirds of the time.
    across = covariance.of_loads(LOAD_STEPS, loads).astype(np.float32)
    pull = np.empty((len(shares), len(points.coords), len(LOAD_STEPS)), np.float32)
    for term, share in enumerate(shares):
        each = across[term].take(level.reshape(-1), axis=1)
        each *= (weights * share)[order].astype(np.float32)
        pull[term] = np.add.reduceat(each, first[:-1], axis=1).T
    mean = np.stack([np.bincount(points.of_point, s) for s in shares]) / np.diff(first)
    norm = np.sqrt((covariance.scale[:, None] ** 2 * mean**2).sum(0))
    return Field(covariance, points, shares, pull, order, first, (mean / norm).astype(np.float32))
