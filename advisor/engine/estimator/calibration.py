"""Fit the estimator to the evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from advisor.domain.evidence import Measurement
from advisor.domain.hardware import Accelerator
from advisor.domain.model import ModelSpec
from advisor.engine.estimator.covariance import Vocabulary, encode, take
from advisor.engine.estimator.encode import Floats, Points, points_of_measurements
from advisor.engine.estimator.fit import APART, FIT_VERSION, GPUS, Fit, Target
from advisor.engine.estimator.kriging import covariance_matrix, settle
from advisor.engine.estimator.levels import Doubts
from advisor.engine.estimator.physics import Physics, step_physics
from advisor.engine.estimator.tails import learn_tails
from advisor.engine.estimator.targets import (
    Step,
    as_seen,
    decode_step,
    first_token_s,
    gpus_baseline,
    little_ceiling,
    share_baseline,
    term_shares,
    ttft_baseline,
)

FITTED_FAMILIES = ("median", "single_run", "published_table", "secondhand", "vendor_ci")
VENDOR_NOISE = 4.0
"""Relative variance of a vendor's own CI points, which state means: they inform, at a quarter of the weight."""
SPLIT_NOISE = 2.0
"""Relative variance of disaggregated serving, whose split into prefill and decode no row and no query states."""
DOUBTFUL = ("one_off_stall", "implied_gpus_off", "tput_exceeds_tpot_bound", "io_split_inconsistent")
SUSPECT = ("known_issue",)
STALLED = "ttft_or_stall_dominated"
"""Flag of rows whose requests spend most of their life waiting: their TPOT is that of the few that run, not of the
load."""


def tpot_of(m: Measurement) -> float | None:
    """Median TPOT, or the mean where a vendor's CI states only that [s]."""
    return m.tpot_p50_s or (m.tpot_mean_s if m.family == "vendor_ci" else None)


def ttft_of(m: Measurement) -> float | None:
    """Median TTFT, or the mean where a vendor's CI states only that [s]."""
    return m.ttft_p50_s or (m.ttft_mean_s if m.family == "vendor_ci" else None)


def usable(
    rows: Sequence[Measurement],
    models: Mapping[str, ModelSpec],
    accelerators: Mapping[str, Accelerator],
    *,
    probes: bool = False,
) -> list[Measurement]:
    """Serving rows that state TPOT under their load, and the rate, of known models and parts; own ones where asked."""
    return [
        m
        for m in rows
        if (m.family in FITTED_FAMILIES or (probes and m.family == "own_probe"))
        and tpot_of(m)
        and m.total_tps_per_gpu
        and m.model in models
        and m.accelerator in accelerators
        and STALLED not in m.flags
    ]


def by_measured_name(models: Mapping[str, ModelSpec]) -> dict[str, ModelSpec]:
    """Models by id and by the names that measurements use; the model that lists a name first owns it."""
    out: dict[str, ModelSpec] = {}
    rank: dict[str, int] = {}
    for spec in models.values():
        for place, name in enumerate(spec.measured_as):
            if name not in rank or place < rank[name]:
                out[name], rank[name] = spec, place
    return {**out, **models}


def noise_multiplier(rows: Sequence[Measurement]) -> Floats:
    """Variance of each row relative to a clean one; flagged rows weigh less."""
    out = np.ones(len(rows))
    for i, m in enumerate(rows):
        text = ";".join(m.flags)
        if m.family == "vendor_ci":
            out[i] = VENDOR_NOISE
        if any(word in text for word in DOUBTFUL):
            out[i] = max(out[i], 16.0)
        elif any(word in text for word in SUSPECT):
            out[i] = max(out[i], 4.0)
    return out


@dataclass(frozen=True, slots=True)
class Truth:
    """Usable rows with what they measured, as arrays."""

    rows: list[Measurement]
    points: Points
    physics: Physics
    tpot_s: Floats
    total_tps: Floats
    ttft_s: Floats
    noise: Floats
    """Relative variance of each row, for what its source flags."""

    @property
    def variance(self) -> Floats:
        """Relative variance of each row, for its flags and for what configurations leave open."""
        out: Floats = self.noise * np.where(self.points.disagg, SPLIT_NOISE, 1.0)
        return out


def truth_of(
    rows: Sequence[Measurement], models: Mapping[str, ModelSpec], accelerators: Mapping[str, Accelerator]
) -> Truth:
    """Collect what the usable rows measured; NaN where a row does not state it."""
    by_name = by_measured_name(models)
    kept = usable(rows, by_name, accelerators)
    points = points_of_measurements(kept, by_name, accelerators)
    return Truth(
        kept,
        points,
        step_physics(points),
        np.array([tpot_of(m) for m in kept], dtype=np.float64),
        np.array([m.total_tps_per_gpu for m in kept], dtype=np.float64),
        np.array([ttft_of(m) or np.nan for m in kept], dtype=np.float64),
        noise_multiplier(kept),
    )


def reference_parts(rows: Sequence[Measurement], accelerators: Mapping[str, Accelerator]) -> dict[str, Accelerator]:
    """The accelerator with the most measurements of each generation, the most measured generation first."""
    counts = Counter(m.accelerator for m in rows)
    out: dict[str, Accelerator] = {}
    for name, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        out.setdefault(accelerators[name].generation, accelerators[name])
    return out


def residuals(truth: Truth, fit: Fit) -> tuple[dict[str, Floats], Step]:
    """What physics leaves of each target [log], and the physics of the decode step.

    NaN where a row does not state it, or where another field speaks for the row (`APART`): that of disaggregated
    serving learns from all rows, that of aggregated serving from its own. The total is one of disaggregated rows alone.
    """
    p, physics = truth.points, truth.physics
    baselines = {name: t.baseline for name, t in fit.targets.items()}
    step = decode_step(p, physics, baselines["tpot"], parts=fit.parts)
    of_life, first = first_token_s(p, physics, step.prefill, baselines["ttft"])
    ceiling = little_ceiling(p, p.concurrency[:, None], truth.tpot_s[:, None])[:, 0]
    usual = share_baseline(p, physics, step.log_s, of_life, baselines["share"])
    left = {
        "tpot": np.log(truth.tpot_s) - step.log_s[:, 0],
        "share": np.log(truth.total_tps / ceiling) - usual[:, 0],
        "ttft": np.log(truth.ttft_s) - ttft_baseline(p, physics, step.log_s, first)[:, 0],
    }
    for name, apart in APART.items():
        if apart in fit.targets:
            left[apart] = left[name]
            left[name] = np.where(p.disagg, np.nan, left[name])
    if GPUS in fit.targets:
        left[GPUS] = np.where(p.disagg, np.log(p.gpus) - gpus_baseline(p, baselines[GPUS])[:, 0], np.nan)
    return left, step


def doubts_among(
    truth: Truth, step: Step, fit: Fit, name: str, have: NDArray[np.intp], matrix: Floats, residual: Floats
) -> Doubts:
    """What may be doubted of a target among the rows `have`, over which `matrix` (covariance) and `residual` are.

    Aggregated serving alone: what disaggregated rows leave open sets them apart already, and moved levels there
    made their predictions worse.
    """
    own = np.array([m.family != "vendor_ci" for m in truth.rows], dtype=np.bool_)
    grouped = own & ~truth.points.disagg & (name not in APART.values())
    noise = fit.targets[name].covariance.noise ** 2 * truth.variance[have]
    prompts = step.shares["prefill"][have, 0]
    return Doubts(*settle(matrix, residual, noise), truth.points.take(have), prompts, grouped[have])


def calibrate(
    rows: Sequence[Measurement],
    models: Mapping[str, ModelSpec],
    accelerators: Mapping[str, Accelerator],
    start: Fit,
    *,
    fingerprint: str,
) -> Fit:
    """Weights of every usable measurement, under the physics coefficients and covariances of `start`."""
    truth = truth_of(rows, models, accelerators)
    start = replace(start, parts=reference_parts(truth.rows, accelerators))
    left, step = residuals(truth, start)
    fitted = {}
    for name, values in left.items():
        target = start.targets[name]
        have = np.flatnonzero(np.isfinite(values))
        points = take(encode(as_seen(name, truth.points), Vocabulary()), have)
        shares = term_shares(step, target.covariance.shares)[:, have]
        matrix = covariance_matrix(target.covariance, points, shares)
        settled = doubts_among(truth, step, start, name, have, matrix, values[have]).settle()
        named = {truth.rows[i].row_id: float(w) for i, w in zip(have, settled.weights, strict=True)}
        fitted[name] = Target(target.baseline, target.covariance, named, settled.levels)
    return replace(
        start, targets=fitted, fingerprint=fingerprint, tails=learn_tails(truth.rows), version=FIT_VERSION
    )
