"""Loss and gradient of a covariance on one sample of measurements.

Both objectives have closed-form gradients in the inverse ``S = (K + N)^-1``, ``a = S·r``:

- likelihood: ``∂(-log p)/∂K = (S - a·aᵀ)/2`` (eq. 5.9 of [1]);
- left-out groups B with errors ``e_B = S_BB^-1·a_B`` and loss ``Σ w·sqrt(e² + δ²)``: with
  ``u_B = S_BB^-1·(w_B·e_B/sqrt(e_B² + δ²))``, ``∂/∂K = -Σ_B (S_:B·u_B)(a - S_:B·e_B)ᵀ``.

Points of a curve share every coordinate but concurrency, so that distances, exponentials and the slopes of the rates
are worked out once for each pair of configurations, and groups of one size are solved together. Single precision is
enough here: it moves the gradient by some 2e-4 of its length.

References
----------
.. [1] Rasmussen and Williams, Gaussian Processes for Machine Learning, MIT Press, 2006.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from advisor.engine.estimator.covariance import COORDINATES, NOTHING_IN_COMMON, Encoded, Singles, distances
from advisor.engine.estimator.encode import Floats, sorted_distinct
from advisor.engine.estimator.kriging import inverse_and_log_determinant

SOFT = 0.03
"""Error [log] below which the left-out loss is quadratic."""
Rows = NDArray[np.intp]
Groups = Sequence[tuple[float, Sequence[Rows]]]
"""Weight of each scheme and the places of its groups among the measurements."""


@dataclass(frozen=True, slots=True)
class _Alike:
    """Groups of one size, over all schemes."""

    places: Rows
    """Groups x size."""
    weight: Floats
    """Of each row in the loss, groups x size."""


class Objective:
    """Value and gradient in the logs of scales, rates (those of concurrency last) and noise.

    Parameters
    ----------
    points
        Measurements, sorted by configuration.
    shares
        Share of each term at each of them, terms x measurements.
    noise
        Relative variance of each.
    weight
        Of each one's error when left out.
    likelihood
        Weight of the log likelihood of one measurement.
    """

    def __init__(
        self, points: Encoded, shares: Floats, values: Floats, noise: Floats, groups: Groups, weight: Floats,
        *, likelihood: float,
    ) -> None:  # fmt: skip
        self._of_point, self._shares = points.of_point, shares.astype(np.float32)
        self._values, self._noise = values.astype(np.float32), noise
        self._likelihood, self._groups = likelihood / len(values), _by_size(groups, weight)
        size = np.bincount(points.of_point)
        self._first = np.cumsum(size) - size
        longer = [(k, np.flatnonzero(size > k)) for k in range(1, int(size.max()))]
        self._later = [(have, self._first[have] + k) for k, have in longer]
        self._gap = distances(np.arange(len(COORDINATES)), points.coords, points.coords)
        levels, self._level = sorted_distinct(points.load)
        self._over = np.abs(levels[:, None] - levels).astype(np.float32)

    def __call__(self, theta: Floats) -> tuple[float, Floats]:
        """Loss and its gradient; infinite where the measurements cannot be told apart."""
        terms = len(self._shares)
        rates = np.exp(theta[terms:-1]).reshape(terms, -1)
        noise = np.exp(2 * theta[-1]) * self._noise
        parts = self._parts(np.exp(theta[:terms]), rates)
        matrix = parts.sum(0)
        matrix[np.diag_indices(len(matrix))] += noise.astype(np.float32)
        try:
            inverse, log_determinant = inverse_and_log_determinant(matrix)
        except np.linalg.LinAlgError:
            return np.inf, np.zeros_like(theta)
        loss, slope = self._loss(inverse, log_determinant)
        by_scale, by_rate = self._pull_back(parts, slope)
        by_noise = 2 * float(slope.diagonal() @ noise)
        return loss, np.concatenate([2 * by_scale, (-rates * by_rate).ravel(), [by_noise]])

    def _parts(self, scale: Floats, rates: Floats) -> Singles:
        """Covariance of each term: terms x measurements x measurements."""
        slow, fast = rates[:, :-2].astype(np.float32), rates[:, -2:].astype(np.float32)
        alike = np.tensordot(-slow, self._gap, 1)
        np.exp(np.maximum(alike, NOTHING_IN_COMMON, out=alike), out=alike)
        across = np.exp(-fast[:, :1, None] * self._over - fast[:, 1:, None] * self._over**2)
        amplitude = scale.astype(np.float32)[:, None] * self._shares
        parts = np.empty((len(scale), len(self._level), len(self._level)), np.float32)
        for part, near, by_load, own in zip(parts, alike, across, amplitude, strict=True):
            _spread(near, self._of_point, part)
            part *= _spread(by_load, self._level)
            part *= own
            part *= own[:, None]
        return parts

    def _pull_back(self, parts: Singles, slope: Singles) -> tuple[Floats, Floats]:
        """Slopes in what scales each term (terms) and what multiplies its rates (terms x rates); overwrites `parts`."""
        over = _spread(self._over, self._level)
        square = over**2
        total, by_load = np.empty(len(parts)), np.empty((len(parts), 2))
        by_pair = np.empty((len(parts), len(self._first), len(self._first)), np.float32)
        for k, part in enumerate(parts):
            part *= slope
            total[k] = part.sum(dtype=np.float64)
            by_load[k] = np.vdot(part, over), np.vdot(part, square)
            by_pair[k] = self._summed(self._summed(part).T.copy())
        by_gap = np.tensordot(by_pair, self._gap, ((1, 2), (1, 2))).astype(np.float64)
        return total, np.concatenate([by_gap, by_load], axis=1)

    def _summed(self, values: Singles) -> Singles:
        """Rows of one configuration added up."""
        out = values.take(self._first, axis=0)
        for have, rows in self._later:
            out[have] += values.take(rows, axis=0)
        return out

    def _loss(self, inverse: Singles, log_determinant: float) -> tuple[float, Singles]:
        """Loss, and its slope in each entry of the covariance."""
        a = inverse @ self._values
        loss = self._likelihood * 0.5 * (float(self._values @ a) + log_determinant)
        pulls, rests = [self._likelihood * 0.5 * a[None]], [a[None]]
        for groups in self._groups:
            across = inverse[groups.places]
            block = inverse[groups.places[:, :, None], groups.places[:, None, :]]
            error = np.linalg.solve(block, a[groups.places][..., None])
            soft = np.sqrt(error**2 + np.float32(SOFT**2))
            loss += float(np.vdot(groups.weight, soft[..., 0]))
            pull = np.linalg.solve(block, groups.weight[..., None] * error / soft)
            pulls.append(np.matmul(pull.transpose(0, 2, 1), across)[:, 0])
            rests.append(a - np.matmul(error.transpose(0, 2, 1), across)[:, 0])
        slope = inverse * np.float32(self._likelihood * 0.5)
        slope -= np.concatenate(pulls, dtype=np.float32).T @ np.concatenate(rests)
        return loss, slope


def _by_size(schemes: Groups, of_row: Floats) -> list[_Alike]:
    sorted_out: dict[int, list[tuple[float, Rows]]] = defaultdict(list)
    for weight, groups in schemes:
        rows = max(1.0, sum(float(of_row[g].sum()) for g in groups))
        for g in groups:
            sorted_out[len(g)].append((weight / rows, g))
    found = []
    for alike in sorted_out.values():
        places = np.stack([g for _, g in alike])
        found.append(_Alike(places, (of_row[places] * np.array([[w] for w, _ in alike])).astype(np.float32)))
    return found


def _spread(table: Singles, of_row: Rows, out: Singles | None = None) -> Singles:
    """A symmetric table of kinds by kinds as one of rows by rows: whole rows are copied, which is quick."""
    wide = table.take(of_row, axis=0).T.copy()
    return wide.take(of_row, axis=0, out=out, mode="clip")
