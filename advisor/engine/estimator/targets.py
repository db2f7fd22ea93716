"""What is fitted: TPOT, the share of a request's life spent decoding, and TTFT, each against its physics.

Little's law ties the rates to the times: with ``c`` requests in flight, ``G`` GPUs and mean lengths ``I`` and ``O``,
``total_tps·G = c·(I + O)/(TTFT + TPOT·O)``. The share ``s = TPOT·O/(TTFT + TPOT·O)`` therefore gives the rate
from TPOT: ``total_tps = s·c·(I + O)/(O·TPOT·G)``. Requests that wait for cache lower it as 1 / saturation.

Where a question about disaggregated serving leaves ``G`` open, the usual total of such deployments is one more target.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from advisor.domain.hardware import Accelerator
from advisor.engine.estimator.covariance import Singles
from advisor.engine.estimator.encode import Floats, Points, on_reference_parts
from advisor.engine.estimator.fit import GPUS
from advisor.engine.estimator.physics import MEAN_LENGTH, PROMPT_TERMS, SHARPNESS, TERMS, Physics, step_physics

UNKNOWN_GPUS = 24.0
"""Stands in for a total that a row does not state; only the product with the share matters."""
GROUPS = {
    "memory": ("weights", "experts"),
    "kv": ("kv", "attend"),
    "prefill": ("prefill", "passes", "sums", "admission"),
    "fixed": ("latency", "launch"),
    "work": ("flops", "links", "moves"),
}
"""Parts of a step whose efficiency the covariance corrects apart."""
QUEUE, DISAGG_FIRST, DISAGG_QUEUE = range(len(PROMPT_TERMS), len(PROMPT_TERMS) + 3)
"""Places among the coefficients of TTFT, behind PROMPT_TERMS: of prompts ahead of one, of disaggregated serving on it
all, and of prompts ahead there."""
MARKS = ("spec", "dp", "disagg", "dated")
"""Traits whose effect the covariance models apart: a term scaled by one speaks only for points that have it."""
BY_OUTPUT = "spec_osl"
"""A slope in place of a level: what speculation gains with every two doublings of the output over USUAL_OUTPUT. Drafts
are accepted more often the longer an output runs, which a level that fades with distance does not carry on."""
USUAL_OUTPUT = 1024.0


@dataclass(frozen=True, slots=True)
class Step:
    """Physics of a decode step with fitted efficiencies."""

    log_s: Floats
    """log seconds per output token, points x loads."""
    prefill: Floats
    """Part of the step that goes into the prompts of others, on the part itself, points x loads."""
    shares: dict[str, Floats]
    """Part of the step of each of GROUPS, points x loads; presence of each of MARKS, and BY_OUTPUT, points x 1."""


def decode_step(
    points: Points, physics: Physics, coefficients: Floats, *, parts: Mapping[str, Accelerator]
) -> Step:
    """TPOT by physics alone, and where it goes.

    Parameters
    ----------
    parts
        Reference part of each generation. Shares are those on the reference part: so that corrections do not
        depend on an accelerator's own figures, and more bandwidth can only shorten a step.
    """
    log_s, prefill = log_step(points, physics, coefficients)
    return Step(log_s, prefill, step_shares(points, physics.loads, coefficients, parts=parts))


def log_step(points: Points, physics: Physics, coefficients: Floats) -> tuple[Floats, Floats]:
    """(log seconds per output token by physics alone, part of it that goes into prompts of others), points x loads."""
    parts = step_parts(points, physics, coefficients)
    total = np.sum(parts, axis=0)
    disagg = coefficients[len(TERMS) + 1] * points.disagg
    prefill = np.sum([parts[TERMS.index(name)] for name in GROUPS["prefill"]], axis=0) / total
    return np.log(total) + disagg[:, None], prefill


def step_shares(
    points: Points, loads: Floats, coefficients: Floats, *, parts: Mapping[str, Accelerator]
) -> dict[str, Floats]:
    """Shares of a step at given loads (points x loads), see `Step.shares` and `decode_step`."""
    there = step_parts(points, step_physics(on_reference_parts(points, parts), loads), coefficients)
    total = np.sum(there, axis=0)
    by_name = dict(zip(TERMS, there, strict=True))
    shares = {g: np.sum([by_name[n] for n in names], axis=0) / total for g, names in GROUPS.items()}
    traits = (points.spec, points.dp, points.disagg, points.kind != 0)
    for mark, present in zip(MARKS, traits, strict=True):
        shares[mark] = present[:, None].astype(np.float64)
    shares[BY_OUTPUT] = points.spec[:, None] * (np.log2(points.osl / USUAL_OUTPUT) / 2)[:, None]
    return shares


def step_parts(points: Points, physics: Physics, coefficients: Floats) -> list[Floats]:
    """Seconds per output token of each of TERMS with its efficiency, points x loads.

    Speculation gets several tokens out of a step, and spares none of the prefill that each token brings along.
    """
    gain = np.exp(coefficients[len(TERMS)] * points.spec)[:, None]
    terms = zip(TERMS, coefficients, physics.terms, strict=False)
    return [np.exp(c) * t * (1.0 if name in GROUPS["prefill"] else gain) for name, c, t in terms]


def term_shares(step: Step, kinds: Sequence[str]) -> Floats:
    """Share by which each covariance term is scaled at each point's own load: terms x points."""
    return by_term(step.shares, kinds)


def by_term(shares: Mapping[str, Floats], kinds: Sequence[str], place: int = 0) -> Floats:
    """Shares of each kind at one of the loads, 1 where a term names none: terms x points.

    A kind with one column, which is the same at every load, has that one for all places.
    """
    ones = np.ones(len(next(iter(shares.values()))))
    out: Floats = np.stack([shares[k][:, min(place, shares[k].shape[1] - 1)] if k else ones for k in kinds])
    return out


def correction(fields: Sequence[Singles], step: Step, kinds: Sequence[str]) -> Floats:
    """Residual from the fields at full share (one a term, points x loads): ``Σ_t share_t·field_t``."""
    whole: Floats = np.zeros_like(step.log_s)
    for values, kind in zip(fields, kinds, strict=True):
        whole += values * step.shares[kind] if kind else values
    return whole


def share_baseline(
    points: Points, physics: Physics, log_step_s: Floats, first_s: Floats, coefficients: Floats
) -> Floats:
    """log share of a request's life spent decoding, points x loads.

    Parameters
    ----------
    first_s
        Seconds of a life to the first token but for the wait for cache, see `first_token_s`.
    """
    usual = np.where(points.disagg, coefficients[1], coefficients[0])[:, None]
    prefill = np.log1p(first_s / _life_s(points, log_step_s))
    out: Floats = usual - prefill - np.log1p(physics.saturation**SHARPNESS) / SHARPNESS
    return out


def ttft_baseline(points: Points, physics: Physics, log_step_s: Floats, first_s: Floats) -> Floats:
    """log seconds to the first token by physics alone, points x loads.

    Those of prefill, and the wait for cache: a batch that holds one in `saturation` requests makes each wait
    ``(saturation - 1)`` times the life of a running one.
    """
    out: Floats = np.log(first_s + cache_wait_s(points, physics, log_step_s))
    return out


def first_token_s(
    points: Points, physics: Physics, prefill: Floats, coefficients: Floats
) -> tuple[Floats, Floats]:
    """Seconds to the first token but for the wait for cache, points x loads: of a life, and as they are waited for.

    The latter are the prefill of the prompt and of those ahead. In aggregated serving TPOT is that of a batch in which
    all run, and holds the prompts of all others: of a life those ahead are no part, as none may count twice in it.

    Parameters
    ----------
    prefill
        Part of each step that goes into prompts, points x loads.
    """
    *own, ahead = prompt_parts(points, physics, prefill, coefficients)
    factor = np.exp(coefficients[DISAGG_FIRST] * points.disagg)[:, None]
    of_life, waited = (sum(own, start=a) * factor for a in (np.where(points.disagg[:, None], ahead, 0.0), ahead))
    return of_life, waited


def prompt_parts(points: Points, physics: Physics, prefill: Floats, coefficients: Floats) -> list[Floats]:
    """Seconds before the first token: each of PROMPT_TERMS, points x 1, then prompts ahead of it, points x loads.

    In aggregated serving a part `p` of each step goes into prompts, so that about ``p/(1 - p)`` of them are ahead of
    one that arrives, and no more than other requests run. In disaggregated serving each of the others in flight at a
    worker is ahead with the same probability.

    Parameters
    ----------
    prefill
        Part `p` of each step, points x loads.
    """
    own = [np.exp(c) * term[:, None] for c, term in zip(coefficients, physics.prompt, strict=False)]
    workers = np.where(np.isnan(points.gpus), UNKNOWN_GPUS, points.gpus) / points.tp
    others = np.maximum(physics.loads - 1.0, 0.0) / workers[:, None]
    queued = np.minimum(np.exp(coefficients[QUEUE]) * prefill / (1.0 - prefill), physics.batch - 1.0)
    ahead = np.where(points.disagg[:, None], np.exp(coefficients[DISAGG_QUEUE]) * others, queued)
    return [*own, np.sum(own[:-1], axis=0) * ahead]


def cache_wait_s(points: Points, physics: Physics, log_step_s: Floats) -> Floats:
    """Seconds that a request waits for cache, points x loads, see `ttft_baseline`."""
    out: Floats = _life_s(points, log_step_s) * np.maximum(physics.saturation - 1.0, 0.0)
    return out


def _life_s(points: Points, log_step_s: Floats) -> Floats:
    """Seconds that a request decodes, points x loads."""
    out: Floats = np.exp(log_step_s) * (MEAN_LENGTH * points.osl)[:, None]
    return out


def little_ceiling(points: Points, loads: Floats, tpot_s: Floats) -> Floats:
    """Total tokens/s per GPU if requests did nothing but decode: ``c·(I + O)/(O·TPOT·G)``, points x loads."""
    gpus = np.where(np.isnan(points.gpus), UNKNOWN_GPUS, points.gpus)
    out: Floats = loads * ((points.isl + points.osl) / points.osl / gpus)[:, None] / tpot_s
    return out


def gpus_baseline(points: Points, coefficients: Floats) -> Floats:
    """log of the total of a disaggregated deployment, points x 1: so many times the GPUs of a decode worker."""
    out: Floats = coefficients[0] + np.log(_worker_gpus(points))[:, None]
    return out


def whole_total(points: Points, log_total: Floats) -> Floats:
    """The total that is assumed of each point: whole GPUs, no fewer than a decode worker has."""
    out: Floats = np.maximum(np.exp(log_total), _worker_gpus(points)).round()
    return out


def _worker_gpus(points: Points) -> Floats:
    """GPUs of a decode worker, see `Role.gpus`."""
    out: Floats = np.maximum(points.tp, points.ep)
    return out


def as_seen(target: str, points: Points) -> Points:
    """The points as the field of a target sees them: that of the total sees no total."""
    if target != GPUS:
        return points
    return replace(points, gpus=np.where(points.disagg, np.nan, points.gpus))
