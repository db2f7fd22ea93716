"""Learn the covariance: scales and decay rates, by likelihood and by how well left-out groups are predicted.

Both objectives have closed-form gradients in the inverse ``S = (K + N)^-1``, ``a = S·r``:

- likelihood: ``∂(-log p)/∂K = (S - a·aᵀ)/2`` (eq. 5.9 of [1]);
- left-out groups B with errors ``e_B = S_BB^-1·a_B`` and loss ``Σ sqrt(e² + δ²)``: with
  ``u_B = S_BB^-1·(e_B/sqrt(e_B² + δ²))``, ``∂/∂K = -Σ_B (S_:B·u_B)(a - S_:B·e_B)ᵀ``.

Each step of the descent sees a sample of its own: some of the accelerator-model pairs, or some of the shapes of models,
and of these some whole curves and a few points of all others. With hundreds of rates, some sixty pairs and half as many
shapes, a descent that always saw the same ones would learn them by heart. With half of the shapes kept from the
learning, samples that leave out shapes too predict those a tenth better than samples that leave out pairs alone.

References
----------
.. [1] Rasmussen and Williams, Gaussian Processes for Machine Learning, MIT Press, 2006.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from advisor.domain.evidence import Measurement
from advisor.domain.hardware import Accelerator
from advisor.domain.model import ModelSpec
from advisor.engine.estimator.calibration import Truth, reference_parts, residuals, truth_of
from advisor.engine.estimator.covariance import COORDINATES, NOTHING_IN_COMMON, Covariance, Vocabulary, encode
from advisor.engine.estimator.descent import descend
from advisor.engine.estimator.efficiencies import learn_efficiencies
from advisor.engine.estimator.encode import Floats
from advisor.engine.estimator.fit import APART, Fit
from advisor.engine.estimator.kriging import inverse_of
from advisor.engine.estimator.targets import term_shares

SHRINK = 1.0
"""Standard deviation [log] of the prior of every scale and rate around its start."""
PRIOR_ROWS = 4000.0
_WHOLE, _PARTS = ("",) * 5, ("memory", "kv", "prefill", "fixed", "work")
TERMS = {
    "tpot": (*_WHOLE[:3], *_PARTS, "spec", "spec", "dp", "dated"),
    "share": (*_WHOLE, "spec", "dp", "disagg", "dated"),
    "ttft": (*_WHOLE, "spec", "dp", "disagg"),
    "tpot_disagg": (*_WHOLE, *_PARTS, "spec", "dp", "disagg", "dated"),
}
"""Shares of the terms from which each covariance is learned; those for the whole step may go in the end. What
speculation gains has two: an engine's way with it, and that of one deployment."""
REACH = (0.2, 5.0)
"""Rates of the first and the last term of one share over the generic rate: alike, they would stay alike."""
NEGLIGIBLE, NEGLIGIBLE_PART = 0.05, 0.3
"""Scale [log], and part of the largest, below which a term for the whole step goes in the end: it says less than the
noise, and each costs time."""
SOFT = 0.03
"""Error [log] below which the left-out loss is quadratic."""
GENERIC = {"scale": 0.2, "rate": 0.1, "load_gap": 0.01, "load_square": 0.02, "noise": 0.08}
"""Where learning from scratch starts."""
Rows = NDArray[np.intp]
Groups = list[tuple[float, list[Rows]]]
"""Weight of a scheme and its groups of places."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of the descent."""

    steps: int
    rows: int
    """Size of the sample of a step; its cost grows with the third power."""
    rate: float


@dataclass(frozen=True, slots=True)
class Plan:
    """How long to learn. With the defaults all targets and the weights take less than two minutes on two cores.

    Small samples find the way, a few large ones the place: among few rows all kin are far, and a covariance that was
    learned on those alone does not know how to weigh near ones.
    """

    stages: tuple[Stage, ...] = (Stage(600, 200, 0.1), Stage(80, 1200, 0.05))
    brief: float = 0.4
    """Part of the steps for the targets other than TPOT, which have fewer terms or fewer readers."""
    seen: float = 0.7
    """Share of the accelerator-model pairs, or of the shapes of models, that a step sees."""
    shapes: float = 0.5
    """Share of the steps that see some of the shapes of models on all parts; the others see some of the pairs."""
    whole: float = 0.3
    """Share of the rows of a step that come as whole curves."""
    likelihood: float = 0.3
    left_out: float = 1.0


def generic_covariance(shares: Sequence[str]) -> Covariance:
    """A covariance that knows nothing yet: every coordinate matters a little, alike in every term."""
    n = len(shares)
    ramp = np.ones((n, 1))
    for kind in set(shares):
        same = [k for k, other in enumerate(shares) if other == kind]
        if len(same) > 1:
            ramp[same, 0] = np.geomspace(*REACH, len(same))
    return Covariance(
        scale=np.full(n, GENERIC["scale"]),
        rates=np.broadcast_to(GENERIC["rate"] * ramp, (n, len(COORDINATES))).copy(),
        load_gap=np.full(n, GENERIC["load_gap"]),
        load_square=np.full(n, GENERIC["load_square"]),
        noise=GENERIC["noise"],
        shares=tuple(shares),
    )


def learn_covariance(
    truth: Truth, fit: Fit, name: str, plan: Plan, *, seed: int = 0, kept: Rows | None = None
) -> Covariance:
    """Improve the covariance of one target of `fit`.

    Parameters
    ----------
    kept
        Rows to learn from; all that state the target by default. What is left out of them tests the learning itself.
    """
    left, step = residuals(truth, fit)
    start = fit.targets[name].covariance
    values = left[name]
    have = np.flatnonzero(np.isfinite(values)) if kept is None else kept
    shares = term_shares(step, start.shares)
    encoded = encode(truth.points, Vocabulary())
    coords = np.concatenate([encoded.coords[encoded.of_point], encoded.load[:, None].astype(np.float32)], axis=1)
    first, variance = _pack(start), truth.variance
    curves = _curves(truth, have)
    rng = np.random.default_rng(seed)

    def sampled(size: int) -> _Objective:
        rows = _sample(curves, plan, size, rng)
        return _Objective(
            coords[rows], shares[:, rows], values[rows], variance[rows], _groups(truth, rows), first, plan
        )

    theta = first
    for stage in plan.stages:
        theta = descend(partial(sampled, stage.rows), theta, steps=stage.steps, rate=stage.rate)
    return _unpack(theta, start)


def _pack(c: Covariance) -> Floats:
    rates = np.concatenate([c.rates, c.load_gap[:, None], c.load_square[:, None]], axis=1)
    out: Floats = np.log(np.concatenate([c.scale, rates.ravel(), [c.noise]]))
    return out


def _unpack(theta: Floats, like: Covariance) -> Covariance:
    n = len(like.scale)
    rates = np.exp(theta[n:-1]).reshape(n, -1)
    return Covariance(
        np.exp(theta[:n]), rates[:, :-2], rates[:, -2], rates[:, -1], float(np.exp(theta[-1])), like.shares
    )


Curves = list[tuple[tuple[str, str], list[int]]]
"""Pair (accelerator and model) and shape (lengths and model) of each measured curve, and its rows."""


def _curves(truth: Truth, have: Rows) -> Curves:
    out: dict[tuple[object, ...], tuple[tuple[str, str], list[int]]] = {}
    for i in have:
        m = truth.rows[int(i)]
        key = (m.accelerator, m.model, m.precision, m.engine, m.spec_method, m.disagg, m.tp, m.ep, m.isl, m.osl)
        kinds = (f"{m.accelerator} {m.model}", f"{m.isl}/{m.osl} {m.model}")
        out.setdefault(key, (kinds, []))[1].append(int(i))
    return list(out.values())


def _sample(curves: Curves, plan: Plan, size: int, rng: np.random.Generator) -> Rows:
    """Some whole curves, for what is near, and a few points of all others, for what is far, of some pairs or shapes."""
    kind = int(rng.random() < plan.shapes)
    seen = {name for name in sorted({kinds[kind] for kinds, _ in curves}) if rng.random() < plan.seen}
    shown = [rows for kinds, rows in curves if kinds[kind] in seen] or [rows for _, rows in curves]
    dense: list[int] = []
    sparse: list[int] = []
    for k in rng.permutation(len(shown)):
        rows = shown[int(k)]
        if len(dense) < size * plan.whole:
            dense += rows
        else:
            sparse += rng.choice(rows, min(2, len(rows)), replace=False).tolist()
    rest = max(0, size - len(dense))
    if len(sparse) > rest:
        sparse = rng.choice(sparse, rest, replace=False).tolist()
    return np.array(sorted({*dense, *sparse}))


def _groups(truth: Truth, rows: Rows) -> Groups:
    """Weighted schemes of groups among the chosen rows: shapes, pairs, accelerators."""

    def by(key: Callable[[int], tuple[object, ...]]) -> list[Rows]:
        out: dict[tuple[object, ...], list[int]] = defaultdict(list)
        for place, i in enumerate(rows):
            if truth.rows[int(i)].family != "vendor_ci" and truth.noise[int(i)] <= 1.0:
                out[key(int(i))].append(place)
        return [np.array(g) for g in out.values()]

    r = truth.rows
    return [
        (1.0, by(lambda i: (r[i].accelerator, r[i].model))),
        (1.0, by(lambda i: (r[i].accelerator, r[i].model, r[i].isl, r[i].osl))),
        (0.6, by(lambda i: (r[i].model, r[i].isl, r[i].osl))),
        (0.15, by(lambda i: (r[i].accelerator,))),
    ]


class _Objective:
    """Loss and gradient in the logs of scales, rates and noise; what is symmetric is worked out for one half."""

    def __init__(
        self, coords: Floats, shares: Floats, values: Floats, noise: Floats, groups: Groups,
        prior: Floats, plan: Plan,
    ) -> None:  # fmt: skip
        n, d = coords.shape
        self._left, self._right = np.triu_indices(n, 1)
        gap = np.empty((d + 1, len(self._left)), np.float32)
        rules = [rule for _, rule in COORDINATES]
        for k, column in enumerate(coords.T):
            mine, theirs = column[self._left], column[self._right]
            if k < len(rules) and rules[k] == "name":
                np.not_equal(mine, theirs, out=gap[k])
            else:
                np.subtract(mine, theirs, out=gap[k])
                np.abs(gap[k], out=gap[k])
        np.square(gap[d - 1], out=gap[d])
        self._distance = gap
        self._shares, self._values, self._noise = shares, values, noise
        self._groups, self._prior, self._plan = groups, prior, plan

    def __call__(self, theta: Floats) -> tuple[float, Floats]:
        terms, n = self._shares.shape
        left, right = self._left, self._right
        rates = np.exp(theta[terms:-1]).reshape(terms, -1)
        parts = -rates.astype(np.float32) @ self._distance
        np.maximum(parts, NOTHING_IN_COMMON, out=parts)
        np.exp(parts, out=parts)
        amplitude = (np.exp(theta[:terms])[:, None] * self._shares).astype(np.float32)
        parts *= amplitude[:, left]
        parts *= amplitude[:, right]
        noise = np.exp(2 * theta[-1]) * self._noise
        matrix = np.zeros((n, n))
        matrix[left, right] = parts.sum(0)
        matrix += matrix.T
        own = amplitude.astype(np.float64) ** 2
        matrix[np.diag_indices(n)] = own.sum(0) + noise
        try:
            logdet = 2.0 * float(np.log(np.linalg.cholesky(matrix).diagonal()).sum())
        except np.linalg.LinAlgError:
            return np.inf, np.zeros_like(theta)
        inverse = inverse_of(matrix)
        loss, slope = self._loss(inverse, logdet)
        parts *= (2 * slope[left, right]).astype(np.float32)
        by_rate = -(parts @ self._distance.T).astype(np.float64) * rates
        by_scale = 2 * (parts.sum(1, dtype=np.float64) + own @ slope.diagonal())
        gradient = np.concatenate([by_scale, by_rate.ravel(), [2 * slope.diagonal() @ noise]])
        off = (theta - self._prior) / SHRINK
        return loss + 0.5 * float(off @ off) / PRIOR_ROWS, gradient + off / SHRINK / PRIOR_ROWS

    def _loss(self, inverse: Floats, logdet: float) -> tuple[float, Floats]:
        n = len(self._values)
        a = inverse @ self._values
        weight = self._plan.likelihood / n
        loss = weight * 0.5 * (float(self._values @ a) + logdet)
        slope = weight * 0.5 * (inverse - np.outer(a, a))
        for share, groups in self._groups:
            count = sum(len(g) for g in groups)
            scale = self._plan.left_out * share / max(1, count)
            pulls, rests = np.empty((n, len(groups))), np.empty((n, len(groups)))
            for k, g in enumerate(groups):
                block = inverse[np.ix_(g, g)]
                error = np.linalg.solve(block, a[g])
                soft = np.sqrt(error**2 + SOFT**2)
                loss += scale * float(soft.sum())
                pulls[:, k] = inverse[:, g] @ np.linalg.solve(block, scale * error / soft)
                rests[:, k] = a - inverse[:, g] @ error
            outer = pulls @ rests.T
            slope -= 0.5 * (outer + outer.T)
        return loss, slope


def learn_fit(
    rows: Sequence[Measurement],
    models: Mapping[str, ModelSpec],
    accelerators: Mapping[str, Accelerator],
    start: Fit,
    plan: Plan,
) -> Fit:
    """Efficiencies and covariances of all targets learned anew; weights and widths are left to `calibrate`.

    Each is learned from the same evidence and start whatever the others turn out to be, so that two run at a time.
    """
    truth = truth_of(rows, models, accelerators)
    efficiencies, spoken_for = learn_efficiencies(truth), {apart: name for name, apart in APART.items()}
    targets = {
        name: replace(
            t, baseline=efficiencies[spoken_for.get(name, name)], covariance=generic_covariance(TERMS[name])
        )
        for name, t in start.targets.items()
    }  # fmt: skip
    blank = replace(start, targets=targets, parts=reference_parts(truth.rows, accelerators))
    brief = replace(plan, stages=tuple(replace(s, steps=max(1, round(s.steps * plan.brief))) for s in plan.stages))

    def learned(name: str) -> Covariance:
        return without_negligible(learn_covariance(truth, blank, name, plan if name == "tpot" else brief))

    # Threads of the library under threads of ours would wait for each other half of the time.
    with threadpool_limits(1), ThreadPoolExecutor(2) as pool:
        found = dict(zip(targets, pool.map(learned, targets), strict=True))
    return replace(blank, targets={name: replace(t, covariance=found[name]) for name, t in targets.items()})


def without_negligible(c: Covariance) -> Covariance:
    """The covariance without the terms for the whole step that say nothing."""
    largest = max((float(s) for kind, s in zip(c.shares, c.scale, strict=True) if not kind), default=0.0)
    least = min(NEGLIGIBLE, NEGLIGIBLE_PART * largest)
    keep = np.array([bool(kind) or scale >= least for kind, scale in zip(c.shares, c.scale, strict=True)])
    shares = tuple(kind for kind, stays in zip(c.shares, keep, strict=True) if stays)
    return Covariance(c.scale[keep], c.rates[keep], c.load_gap[keep], c.load_square[keep], c.noise, shares)
