"""Fit the estimator to the evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from advisor.domain.evidence import Measurement
from advisor.domain.hardware import Accelerator
from advisor.domain.model import ModelSpec
from advisor.engine.estimator import targets as tg
from advisor.engine.estimator.covariance import Covariance, Vocabulary, encode
from advisor.engine.estimator.encode import Floats, points_of_measurements
from advisor.engine.estimator.fit import Fit, Target
from advisor.engine.estimator.kriging import solve_weights
from advisor.engine.estimator.physics import step_physics

FITTED_FAMILIES = ("median", "single_run", "published_table", "secondhand")
DOUBTFUL = ("one_off_stall", "implied_gpus_off", "tput_exceeds_tpot_bound", "io_split_inconsistent")
SUSPECT = ("known_issue", "ttft_or_stall_dominated")


def usable(
    rows: Sequence[Measurement], models: Mapping[str, ModelSpec], accelerators: Mapping[str, Accelerator]
) -> list[Measurement]:
    """Independent serving rows that state both TPOT and rate, of known models and accelerators."""
    return [
        m
        for m in rows
        if m.family in FITTED_FAMILIES
        and m.tpot_p50_s
        and m.total_tps_per_gpu
        and m.model in models
        and m.accelerator in accelerators
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
        if any(word in text for word in DOUBTFUL):
            out[i] = 16.0
        elif any(word in text for word in SUSPECT):
            out[i] = 4.0
    return out


def calibrate(
    rows: Sequence[Measurement],
    models: Mapping[str, ModelSpec],
    accelerators: Mapping[str, Accelerator],
    covariances: Mapping[str, Covariance],
    *,
    fingerprint: str,
    half_width: Mapping[str, Mapping[str, tuple[float, float]]],
) -> Fit:
    """Weights of every usable measurement under the given covariances."""
    models = by_measured_name(models)
    kept = usable(rows, models, accelerators)
    points = points_of_measurements(kept, models, accelerators)
    physics = step_physics(points)
    tpot = np.array([m.tpot_p50_s for m in kept], dtype=np.float64)
    rate = np.array([m.total_tps_per_gpu for m in kept], dtype=np.float64)
    ttft = np.array([m.ttft_p50_s or np.nan for m in kept], dtype=np.float64)
    base = {
        "tpot": np.array(tg.TPOT_START),
        "share": np.array(tg.SHARE_START),
        "ttft": np.array(tg.TTFT_START),
    }
    ceiling = tg.little_ceiling(points, points.concurrency[:, None], tpot[:, None])[:, 0]
    residual = {
        "tpot": np.log(tpot) - tg.tpot_baseline(points, physics, base["tpot"])[:, 0],
        "share": np.log(rate / ceiling) - tg.share_baseline(points, base["share"]),
        "ttft": np.log(ttft) - tg.ttft_baseline(physics, base["ttft"]),
    }
    multiplier = noise_multiplier(kept)
    fitted = {}
    for name, values in residual.items():
        have = np.flatnonzero(np.isfinite(values))
        subset = [kept[i] for i in have]
        encoded = encode(points_of_measurements(subset, models, accelerators), Vocabulary())
        c = covariances[name]
        weights = solve_weights(c, encoded, values[have], c.noise**2 * multiplier[have])
        fitted[name] = Target(base[name], c, {m.row_id: float(w) for m, w in zip(subset, weights, strict=True)})
    return Fit(fitted, fingerprint, half_width)
