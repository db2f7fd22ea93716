"""Learn the covariance: scales and decay rates, by likelihood and by how well left-out groups are predicted.

A descent on samples of the evidence (`sampling`), each of which has a loss and a gradient (`objective`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from threadpoolctl import threadpool_limits

from advisor.domain.evidence import Measurement
from advisor.domain.hardware import Accelerator
from advisor.domain.model import ModelSpec
from advisor.engine.estimator.calibration import Truth, reference_parts, residuals, truth_of
from advisor.engine.estimator.covariance import COORDINATES, Covariance, Vocabulary, encode, take
from advisor.engine.estimator.descent import descend
from advisor.engine.estimator.efficiencies import learn_efficiencies
from advisor.engine.estimator.encode import Floats
from advisor.engine.estimator.fit import APART, COLUMNS, GPUS, Fit, Target, quantity
from advisor.engine.estimator.objective import Objective, Rows
from advisor.engine.estimator.sampling import SEEN, Sampler
from advisor.engine.estimator.targets import BY_OUTPUT, as_seen, term_shares

SHRINK = 1.0
"""Standard deviation [log] of the prior of every scale and rate around its start."""
PRIOR_ROWS = 4000.0
_WHOLE, _PARTS = ("",) * 5, ("memory", "kv", "prefill", "fixed", "work")
TERMS = {
    "tpot": (*_WHOLE[:3], *_PARTS, "spec", "spec", BY_OUTPUT, "dp", "dated"),
    "share": (*_WHOLE, "spec", "dp", "disagg", "dated"),
    "ttft": (*_WHOLE, "spec", "dp"),
    "tpot_disagg": (*_WHOLE, *_PARTS, "spec", "dp", "disagg", "dated"),
    "ttft_disagg": (*_WHOLE, "spec", "dp", "disagg"),
    GPUS: (*_WHOLE, "spec", "dp"),
}
"""Shares of the terms from which each covariance is learned; those for the whole step may go in the end. What
speculation gains has two, an engine's way with it and that of one deployment, and a slope over the output's length."""
REACH = (0.2, 5.0)
"""Rates of the first and the last term of one share over the generic rate: alike, they would stay alike."""
NEGLIGIBLE, NEGLIGIBLE_PART = 0.05, 0.3
"""Scale [log], and part of the largest, below which a term for the whole step goes in the end: it says less than the
noise, and each costs time."""
LIKELIHOOD = 0.3
"""Weight of the log likelihood of a measurement beside its error when left out."""
CONTEXT = 0.1
"""Weight of a left-out error on a row for which the field does not speak, beside those for which it does."""
GENERIC = {"scale": 0.2, "rate": 0.1, "load_gap": 0.01, "load_square": 0.02, "noise": 0.08}
"""Where learning from scratch starts."""
BRIEFLY = ("share", "tpot_disagg", GPUS)
"""Targets that take fewer steps to learn: one has little to tell, the others start from few rows."""


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
    """Part of the steps for BRIEFLY, which have converged by then."""
    seen: float = SEEN
    """Share of the accelerator-model pairs, or of the shapes of models, that a step sees."""


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
    encoded = encode(as_seen(name, truth.points), Vocabulary())
    first, variance = _pack(start), truth.variance
    apart = name in APART.values()
    weight = np.where(truth.points.disagg, 1.0, CONTEXT) if apart else np.ones(len(truth.rows))
    sampler = Sampler(truth, have, encoded.of_point, np.random.default_rng(seed), seen=plan.seen)

    def sampled(size: int) -> Callable[[Floats], tuple[float, Floats]]:
        rows, groups = sampler.draw(size)
        objective = Objective(
            take(encoded, rows), shares[:, rows], values[rows], variance[rows], groups, weight[rows],
            likelihood=LIKELIHOOD,
        )  # fmt: skip

        def shrunk(theta: Floats) -> tuple[float, Floats]:
            loss, slope = objective(theta)
            off = (theta - first) / SHRINK
            return loss + 0.5 * float(off @ off) / PRIOR_ROWS, slope + off / SHRINK / PRIOR_ROWS

        return shrunk

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
    efficiencies = learn_efficiencies(truth)
    targets = {
        name: Target(efficiencies[quantity(name)], generic_covariance(TERMS[name]), {}) for name in COLUMNS
    }
    blank = replace(start, targets=targets, parts=reference_parts(truth.rows, accelerators))
    brief = replace(plan, stages=tuple(replace(s, steps=max(1, round(s.steps * plan.brief))) for s in plan.stages))

    def learned(name: str) -> Covariance:
        return without_negligible(learn_covariance(truth, blank, name, brief if name in BRIEFLY else plan))

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
