"""Predictions of measurements that were left out, without refitting.

With ``S = (K + N)^-1`` and ``a = S·r``, the error at a left-out group B when all else is kept is
``e_B = S_BB^-1·a_B`` and the weights of the rest are ``a - S_:B·e_B``; so that one inverse serves every scheme.
Eq. 5.12 of [1] for groups. Queries state no date: dated runs are predicted as a median over runs would be.

References
----------
.. [1] Rasmussen and Williams, Gaussian Processes for Machine Learning, MIT Press, 2006.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from advisor.domain.evidence import Measurement
from advisor.engine.estimator.calibration import Truth, doubts_among, residuals
from advisor.engine.estimator.covariance import Encoded, Vocabulary, encode, take
from advisor.engine.estimator.encode import MEDIAN_MONTH, Floats
from advisor.engine.estimator.fit import APART, Fit
from advisor.engine.estimator.kriging import covariance_matrix, cross_covariance, settle
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
    joint: dict[str, list[tuple[Group, Floats]]] = field(default_factory=dict)
    """By target, where asked for: rows of each group and the covariance of their errors [log²]."""

    def join(self, disagg: NDArray[np.bool_]) -> None:
        """Let each target speak for all rows: for disaggregated ones its field apart does."""
        for values in (self.error, self.spread):
            for name, apart in APART.items():
                if apart in values:
                    values[name] = np.where(disagg, values.pop(apart), values[name])


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


def leave_out(
    truth: Truth,
    fit: Fit,
    schemes: Sequence[str] = SCHEMES,
    *,
    joint: str = "",
    told: Callable[[float], None] = lambda _: None,
) -> dict[str, LeftOut]:
    """Errors and spreads of every scheme.

    Parameters
    ----------
    joint
        The scheme whose errors' covariance is wanted too: ``S_BB^-1`` for each group.
    told
        Hears how much is done, 0 to 1.
    """
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
    vocabulary = Vocabulary()
    encoded = encode(truth.points, vocabulary)
    count = sum(len(g) for g in groups.values())
    for number, (name, target) in enumerate(fit.targets.items()):
        done = 0
        told(number / len(fit.targets))
        have = np.flatnonzero(np.isfinite(left[name]))
        at = np.full(n, -1)
        at[have] = np.arange(len(have))
        covariance = target.covariance
        shares = term_shares(step, covariance.shares)[:, have]
        points = take(encoded, have)
        matrix = covariance_matrix(covariance, points, shares)
        prior = matrix.diagonal().copy()
        asked = _as_asked(truth, fit, name, vocabulary, have)
        wanted = matrix.copy()
        variance = prior.copy()
        if len(asked.rows):
            wanted[asked.rows] = cross_covariance(covariance, asked.points, asked.shares, points, shares)
            variance[asked.rows] = (covariance.scale[:, None] ** 2 * asked.shares**2).sum(0)
        inverse, weights = settle(matrix, left[name][have], covariance.noise**2 * truth.variance[have])
        del matrix
        doubts = doubts_among(truth, name, have, inverse, weights)
        settled = doubts.settle()
        for s in schemes:
            for group in groups[s]:
                done += 1
                if done % 100 == 0:
                    told((number + done / count) / len(fit.targets))
                local = at[group]
                local = local[local >= 0]
                if not len(local):
                    continue
                # One row does not decide which stacks are doubted, a group may.
                kept, own = settled.without(int(local[0])) if len(local) == 1 else doubts.without(local)
                predicted = wanted[local] @ kept + own
                if s == joint:
                    shape = np.linalg.inv(inverse[np.ix_(local, local)])
                    out[s].joint.setdefault(name, []).append((have[local], (shape + shape.T) / 2))
                near = wanted[local] ** 2 / (variance[local][:, None] * prior)
                near[:, local] = 0.0
                rho2 = np.minimum(near.max(axis=1), 1.0)
                out[s].error[name][have[local]] = predicted - left[name][have[local]]
                out[s].spread[name][have[local]] = np.sqrt(variance[local] * (1 - rho2) + covariance.noise**2)
    for found in out.values():
        found.join(truth.points.disagg)
    return out


@dataclass(frozen=True, slots=True)
class _Asked:
    """Dated rows as a query sees them: at no date, as a median over runs."""

    rows: Group
    points: Encoded
    shares: Floats


def _as_asked(truth: Truth, fit: Fit, name: str, vocabulary: Vocabulary, have: Group) -> _Asked:
    """Recode the dated rows among `have`; TTFT, which only dated runs state, is sought among those."""
    p = truth.points
    kind = p.kind if name == "ttft" else np.zeros(len(p))
    points = replace(p, kind=kind, month=np.full(len(p), MEDIAN_MONTH))
    _, step = residuals(replace(truth, points=points), fit)
    own = np.array([m.family not in ("median", "vendor_ci") for m in truth.rows], dtype=np.bool_)
    rows = np.flatnonzero(own[have])
    shares = term_shares(step, fit.targets[name].covariance.shares)[:, have[rows]]
    return _Asked(rows, take(encode(points, vocabulary), have[rows]), shares)


def _numbers(groups: Sequence[Group], n: int) -> NDArray[np.intp]:
    out = np.full(n, -1)
    for number, group in enumerate(groups):
        out[group] = number
    return out


def rate_error(left: Mapping[str, Floats]) -> Floats:
    """Log error of tokens/s from those of the decode share and TPOT: ``rate = share·c/TPOT``."""
    out: Floats = left["share"] - left["tpot"]
    return out
