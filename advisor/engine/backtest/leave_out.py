"""Predictions of measurements that were left out, without refitting.

With ``S = (K + N)^-1`` and ``a = S·r``, the error at a left-out group B when all else is kept is
``e_B = S_BB^-1·a_B``; so that one inverse serves every scheme. Eq. 5.12 of [1] for groups.

References
----------
.. [1] Rasmussen and Williams, Gaussian Processes for Machine Learning, MIT Press, 2006.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from advisor.domain.evidence import Measurement
from advisor.engine.estimator.calibration import Truth, residuals
from advisor.engine.estimator.covariance import Vocabulary, encode, take
from advisor.engine.estimator.encode import Floats
from advisor.engine.estimator.fit import Fit
from advisor.engine.estimator.kriging import covariance_matrix
from advisor.engine.estimator.targets import term_shares

Group = NDArray[np.intp]
Key = tuple[object, ...]
SCHEMES = ("point", "shape", "model_shape", "pair", "accelerator")


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Log error (prediction over truth) and spread of every row under one scheme; NaN where not left out."""

    error: dict[str, Floats]
    """By target: tpot, share, ttft."""
    spread: dict[str, Floats]
    group: NDArray[np.intp]
    """Number of the group that each row was left out with; -1 for none."""


def shape_of(m: Measurement) -> tuple[int, int]:
    """(ISL, OSL)."""
    return m.isl, m.osl


def groups_for(scheme: str, rows: Sequence[Measurement]) -> list[Group]:
    """Rows that leave together. Vendor CI rows never leave: nothing is scored against them.

    `shape` leaves out one shape of a model on one accelerator, `model_shape` on all of them, both only where
    another shape of it stays; `model_shape_any` on all accelerators, whatever stays.
    """
    own = [i for i, m in enumerate(rows) if m.family != "vendor_ci"]
    if scheme == "point":
        return [np.array([i]) for i in own]
    keys: dict[str, Callable[[Measurement], Key]] = {
        "shape": lambda m: (m.accelerator, m.model),
        "model_shape": lambda m: (m.model,),
        "model_shape_any": lambda m: (m.model, m.isl, m.osl),
        "pair": lambda m: (m.accelerator, m.model),
        "accelerator": lambda m: (m.accelerator,),
    }
    outer: dict[Key, list[int]] = defaultdict(list)
    for i in own:
        outer[keys[scheme](rows[i])].append(i)
    if scheme in ("model_shape_any", "pair", "accelerator"):
        return [np.array(members) for members in outer.values()]
    out: list[Group] = []
    for members in outer.values():
        inner: dict[tuple[int, int], list[int]] = defaultdict(list)
        for i in members:
            inner[shape_of(rows[i])].append(i)
        if len(inner) > 1:
            out += [np.array(part) for part in inner.values()]
    return out


def leave_out(truth: Truth, fit: Fit, schemes: Sequence[str] = SCHEMES) -> dict[str, LeftOut]:
    """Errors and spreads of every scheme."""
    left, step = residuals(truth, fit)
    n = len(truth.rows)
    groups = {s: groups_for(s, truth.rows) for s in schemes}
    out = {
        s: LeftOut(
            {t: np.full(n, np.nan) for t in fit.targets},
            {t: np.full(n, np.nan) for t in fit.targets},
            _numbers(groups[s], n),
        )
        for s in schemes
    }
    encoded = encode(truth.points, Vocabulary())
    for name, target in fit.targets.items():
        have = np.flatnonzero(np.isfinite(left[name]))
        at = np.full(n, -1)
        at[have] = np.arange(len(have))
        covariance = target.covariance
        shares = term_shares(step, covariance.shares)[:, have]
        matrix = covariance_matrix(covariance, take(encoded, have), shares)
        prior = matrix.diagonal().copy()
        alike = matrix.astype(np.float32)
        alike /= np.sqrt(prior).astype(np.float32)
        alike /= np.sqrt(prior).astype(np.float32)[:, None]
        matrix[np.diag_indices(len(have))] += covariance.noise**2 * truth.noise[have]
        inverse = np.linalg.inv(matrix)
        del matrix
        weights = inverse @ left[name][have]
        for s in schemes:
            for group in groups[s]:
                local = at[group]
                local = local[local >= 0]
                if not len(local):
                    continue
                error = np.linalg.solve(inverse[np.ix_(local, local)], weights[local])
                near = alike[local]
                near[:, local] = 0.0
                rho2 = near.max(axis=1).astype(np.float64) ** 2
                spread = np.sqrt(prior[local] * (1 - np.minimum(rho2, 1.0)) + covariance.noise**2)
                out[s].error[name][have[local]] = -error
                out[s].spread[name][have[local]] = spread
    return out


def _numbers(groups: Sequence[Group], n: int) -> NDArray[np.intp]:
    out = np.full(n, -1)
    for number, group in enumerate(groups):
        out[group] = number
    return out


def rate_error(left: Mapping[str, Floats]) -> Floats:
    """Log error of tokens/s from those of the decode share and TPOT: ``rate = share·c/TPOT``."""
    out: Floats = left["share"] - left["tpot"]
    return out
