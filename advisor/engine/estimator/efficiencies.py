"""Efficiencies of the terms of physics, learned from the measurements by robust least squares.

Errors are those of logs, and each accelerator-model pair weighs alike: three thousand rows of one model shall not speak
for all. The loss is Huber's; the least squares are solved by damped Gauss-Newton steps with weights anew at each
(Huber, Robust Statistics, 1981, section 7.8). Priors keep each efficiency near what hardware does where the
measurements cannot tell two terms apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from advisor.engine.estimator.calibration import Truth
from advisor.engine.estimator.encode import Floats
from advisor.engine.estimator.fit import GPUS
from advisor.engine.estimator.physics import PROMPT_TERMS, TERMS
from advisor.engine.estimator.targets import (
    DISAGG_FIRST,
    GROUPS,
    cache_wait_s,
    first_token_s,
    gpus_baseline,
    little_ceiling,
    log_step,
    prompt_parts,
    share_baseline,
    step_parts,
)

HALF_PEAK = float(np.log(2.0))
"""Prior of a term that reads, writes or computes: half of the datasheet's peak."""
MICROSECONDS = {"latency": 7.0, "launch": 40.0}
"""Prior of the terms that stand at 1 us: two collectives a layer cost some 20 us among eight GPUs, or 7 us for each
doubling of their number; the ten or so kernels of a layer some 4 us each."""
LOOSE = 1.0
"""Standard deviation [log] of the priors."""
PRIOR_ROWS = 300.0
"""Rows that the evidence is taken to be worth against the priors: points of a curve repeat each other."""
HUBER = 0.2
"""Error [log] beyond which the loss is linear."""
LAYER_US = 400.0
"""Prior of the time that a layer of a prefill takes at least [us]: outside of a graph, kernel by kernel, some forty
of them at 10 us each."""
HALF_AHEAD = 0.5
"""Prior of the prompts ahead of one over ``p/(1 - p)``: half, where all prompts take alike long (a queue M/D/1)."""
AHEAD = 0.05
"""Prior of the probability that another request of a disaggregated worker has its prompt ahead: prefill takes some
twentieth of a life."""
STEPS, DAMPING, LONGEST = 60, 0.1, 0.5
Model = Callable[[Floats], tuple[Floats, Floats]]
"""Log predictions of all rows at some coefficients, and their derivatives, coefficients x rows."""


def learn_efficiencies(truth: Truth) -> dict[str, Floats]:
    """Coefficients by target: `tpot`, `share`, `ttft` and `gpus`, as `decode_step` and its siblings take them."""
    tpot = _tpot(truth)
    ttft = _ttft(truth, tpot)
    return {"tpot": tpot, "share": _share(truth, tpot, ttft), "ttft": ttft, GPUS: _gpus(truth)}


def _tpot(truth: Truth) -> Floats:
    p = truth.points
    spec, disagg = p.spec.astype(np.float64), p.disagg.astype(np.float64)
    decoded = np.array([name not in GROUPS["prefill"] for name in TERMS])

    def model(c: Floats) -> tuple[Floats, Floats]:
        parts = np.stack([part[:, 0] for part in step_parts(p, truth.physics, c)])
        shares = parts / parts.sum(0)
        return log_step(p, truth.physics, c)[0][:, 0], np.vstack([shares, spec * shares[decoded].sum(0), disagg])

    prior = np.array([*(float(np.log(MICROSECONDS[t])) if t in MICROSECONDS else HALF_PEAK for t in TERMS), 0.0, 0.0])
    return least_squares(model, np.log(truth.tpot_s), _weights(truth), prior)


def _share(truth: Truth, tpot: Floats, ttft: Floats) -> Floats:
    p, physics = truth.points, truth.physics
    log_s, prefill = log_step(p, physics, tpot)
    first, _ = first_token_s(p, physics, prefill, ttft)
    ceiling = little_ceiling(p, p.concurrency[:, None], truth.tpot_s[:, None])[:, 0]
    full = np.log(truth.total_tps / ceiling) - share_baseline(p, physics, log_s, first, np.zeros(2))[:, 0]
    own = _weights(truth) > 0
    return np.array([float(np.median(full[own & (p.disagg == kind)])) for kind in (False, True)])


def _gpus(truth: Truth) -> Floats:
    p = truth.points
    known = p.disagg & ~np.isnan(p.gpus)
    workers = np.log(p.gpus) - gpus_baseline(p, np.zeros(1))[:, 0]
    return np.array([float(np.median(workers[known])) if known.any() else 0.0])


def _ttft(truth: Truth, tpot: Floats) -> Floats:
    """Efficiencies of prefill from aggregated rows; from disaggregated ones how theirs differs, and their queue.

    Arithmetic beside that of routed experts takes as long for the request that waits for it as for those that it holds
    up, which is known of many models: its efficiency is that of TPOT.
    """
    p, physics = truth.points, truth.physics
    log_s, prefill = log_step(p, physics, tpot)
    wait = cache_wait_s(p, physics, log_s)[:, 0]
    have = np.isfinite(truth.ttft_s)
    logs = np.log(np.where(have, truth.ttft_s, 1.0))
    weights = np.where(have, _weights(truth), 0.0)
    terms = (float(np.log(LAYER_US)) if term == "layers" else HALF_PEAK for term in PROMPT_TERMS)
    start = np.array([*terms, float(np.log(HALF_AHEAD)), 0.0, float(np.log(AHEAD))])
    start[0] = tpot[TERMS.index("prefill")]

    def learned(known: Floats, places: slice, rows: NDArray[np.bool_]) -> Floats:
        def model(c: Floats) -> tuple[Floats, Floats]:
            full = known.copy()
            full[places] = c
            *own, ahead = (part[:, 0] for part in prompt_parts(p, physics, prefill, full))
            repeated, factor = np.sum(own[:-1], axis=0), np.exp(full[DISAGG_FIRST] * p.disagg)
            first = (np.sum(own, axis=0) + ahead) * factor
            slopes = [*(part * (1.0 + ahead / repeated) * factor for part in own[:-1]), own[-1] * factor]
            slopes += [np.where(p.disagg, 0.0, ahead), p.disagg * first, p.disagg * ahead * factor]
            return np.log(first + wait), np.stack(slopes[places]) / (first + wait)

        out = known.copy()
        out[places] = least_squares(model, logs, np.where(rows, weights, 0.0), known[places])
        return out

    aggregated = learned(start, slice(1, DISAGG_FIRST), ~p.disagg)
    return learned(aggregated, slice(DISAGG_FIRST, None), p.disagg)


def _weights(truth: Truth) -> Floats:
    """Weight of each row: the root of what its pair would have if all its rows said the same; 0 for what is flagged."""
    own = [m.family != "vendor_ci" for m in truth.rows]
    pairs = [(m.accelerator, m.model) for m in truth.rows]
    clean = truth.noise <= 1.0
    count = Counter(pair for pair, ours, good in zip(pairs, own, clean, strict=True) if ours and good)
    return np.array(
        [count[pair] ** -0.5 if ours and good else 0.0 for pair, ours, good in zip(pairs, own, clean, strict=True)]
    )


def least_squares(model: Model, logs: Floats, weights: Floats, prior: Floats) -> Floats:
    """Coefficients at which a model meets measured logs best under Huber's loss and a normal prior.

    Parameters
    ----------
    weights
        Of each row; 0 leaves it out.
    prior
        Mean of the prior, where the search starts; its standard deviation is LOOSE.
    """
    c = prior.copy()
    scale = PRIOR_ROWS / max(float(weights.sum()), 1e-9)
    for _ in range(STEPS):
        predicted, slope = model(c)
        off = logs - predicted
        trust = weights * np.minimum(1.0, HUBER / np.maximum(np.abs(off), 1e-12)) * scale
        bend = (slope * trust) @ slope.T + np.eye(len(c)) / LOOSE**2
        pull = (slope * trust) @ off - (c - prior) / LOOSE**2
        step = np.linalg.solve(bend + DAMPING * np.diag(bend.diagonal()), pull)
        c = c + np.clip(step, -LONGEST, LONGEST)
    return c
