"""Physics plus fields on arrays: medians and spreads of encoded operating points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from advisor.domain.evidence import Measurement
from advisor.engine.estimator.calibration import Truth, residuals, tpot_of, ttft_of
from advisor.engine.estimator.covariance import Encoded, Vocabulary, encode, take
from advisor.engine.estimator.encode import Floats, Points
from advisor.engine.estimator.fit import Fit
from advisor.engine.estimator.kriging import Field, gather
from advisor.engine.estimator.physics import MEAN_LENGTH, Physics, step_physics
from advisor.engine.estimator.probes import ProbeShift
from advisor.engine.estimator.targets import (
    Step,
    correction,
    decode_step,
    little_ceiling,
    share_baseline,
    term_shares,
    ttft_baseline,
)

LOAD_STEPS = np.arange(0.0, 14.01, 0.5)
"""log2 concurrencies at which a curve is laid before it is made monotone."""
SHARE_CEILING = 0.1
"""log; medians of rate and TPOT from different runs put measured shares a little above 1."""


@dataclass(frozen=True, slots=True)
class Medians:
    """Median estimates, one entry a point."""

    tpot_s: Floats
    ttft_s: Floats
    total_tps: Floats
    spread: dict[str, Floats]
    """Spread of the log error by metric; interval widths are multiples of it."""


@dataclass(frozen=True, slots=True)
class _Prior:
    """What physics and fields say of points, before probes and laws: log values by target, points x loads."""

    encoded: Encoded
    physics: Physics
    step: Step
    own: Step
    """The step at each point's own load."""
    grid: Floats
    loads: Floats
    place: NDArray[np.intp]
    log_value: dict[str, Floats]
    spread: dict[str, Floats]


class Core:
    """The fitted fields over the measurements, with the user's probes on top."""

    def __init__(self, fit: Fit, rows: Sequence[Measurement], points: Points) -> None:
        self._fit = fit
        self._vocabulary = Vocabulary()
        own = np.array([m.family == "own_probe" for m in rows], dtype=np.bool_)
        encoded = encode(points, self._vocabulary)
        step = decode_step(points, step_physics(points), fit.targets["tpot"].baseline, fit.odd)
        self._fields = {name: self._field(name, rows, encoded, step) for name in fit.targets}
        self._probes: dict[str, ProbeShift] = {}
        if own.any():
            chosen = np.flatnonzero(own)
            self._probes = self._learn([rows[int(i)] for i in chosen], points.take(chosen))

    def _field(self, name: str, rows: Sequence[Measurement], encoded: Encoded, step: Step) -> Field:
        target = self._fit.targets[name]
        weights = np.array([target.weights.get(m.row_id, 0.0) for m in rows])
        have = np.flatnonzero(weights)
        shares = term_shares(step, target.covariance.shares)
        return gather(target.covariance, take(encoded, have), shares[:, have], weights[have])

    def _learn(self, rows: list[Measurement], points: Points) -> dict[str, ProbeShift]:
        prior = self._prior(points)
        physics = step_physics(points)
        truth = Truth(
            rows, points, physics,
            np.array([tpot_of(m) for m in rows], dtype=np.float64),
            np.array([m.total_tps_per_gpu or np.nan for m in rows], dtype=np.float64),
            np.array([ttft_of(m) or np.nan for m in rows], dtype=np.float64),
            np.ones(len(rows)),
        )  # fmt: skip
        baselines = {name: t.baseline for name, t in self._fit.targets.items()}
        measured, step = residuals(truth, baselines, self._fit.odd)
        base = self._baselines(points, physics, step)
        out = {}
        at = np.arange(len(rows)), prior.place
        for name, values in measured.items():
            have = np.flatnonzero(np.isfinite(values))
            if not len(have):
                continue
            known = prior.log_value[name][at] - base[name][:, 0]
            c = self._fit.targets[name].covariance
            out[name] = ProbeShift(
                c, take(prior.encoded, have), term_shares(step, c.shares)[:, have], prior.spread[name][have],
                (values - known)[have],
            )  # fmt: skip
        return out

    def _baselines(self, points: Points, physics: Physics, step: Step) -> dict[str, Floats]:
        t = self._fit.targets
        return {
            "tpot": step.log_s,
            "share": share_baseline(points, physics, t["share"].baseline),
            "ttft": ttft_baseline(points, physics, step, t["ttft"].baseline),
        }

    def _prior(self, points: Points) -> _Prior:
        encoded = encode(points, self._vocabulary)
        grid = np.union1d(LOAD_STEPS, encoded.load)
        place = np.searchsorted(grid, encoded.load)
        loads = np.broadcast_to(2.0**grid, (len(points), len(grid)))
        physics = step_physics(points, loads)
        step = decode_step(points, physics, self._fit.targets["tpot"].baseline, self._fit.odd)
        own = Step(
            step.log_s[:, :1],
            {g: s if s.shape[1] == 1 else s[np.arange(len(s)), place][:, None] for g, s in step.shares.items()},
        )
        log_value, spread = {}, {}
        for name, base in self._baselines(points, physics, step).items():
            field = self._fields[name]
            kinds = field.covariance.shares
            log_value[name] = base + correction(field.at(encoded, grid)[:, encoded.of_point], step, kinds)
            spread[name] = field.spread(encoded, term_shares(own, kinds))
        return _Prior(encoded, physics, step, own, grid, loads, place, log_value, spread)

    def medians(self, points: Points) -> Medians:
        """TPOT, TTFT and total tokens/s per GPU at each point, within the laws.

        TPOT does not fall with concurrency (the nearest rising curve is taken), is no shorter than reading what one
        request touches, and no rate exceeds peak arithmetic.
        """
        prior = self._prior(points)
        value, spread = dict(prior.log_value), dict(prior.spread)
        for name, probe in self._probes.items():
            shares = term_shares(prior.own, probe.covariance.shares)
            shift, left = probe.at(prior.encoded, shares, prior.spread[name], prior.grid)
            value[name], spread[name] = value[name] + shift, left
        log_tpot = np.maximum(value["tpot"], np.log(prior.physics.floor_s)[:, None])
        tpot = np.exp(rising(log_tpot))
        share = np.exp(np.minimum(value["share"], SHARE_CEILING))
        total = share * little_ceiling(points, prior.loads, tpot)
        pick = np.arange(len(points)), prior.place
        tokens = MEAN_LENGTH * (points.isl + points.osl)
        ttft = np.maximum(np.exp(value["ttft"][pick]), prior.physics.prefill_floor_s)
        return Medians(
            tpot[pick],
            ttft,
            np.minimum(total[pick], tokens / prior.physics.flops_floor_s),
            {
                "tpot_p50_s": spread["tpot"],
                "total_tps_per_gpu": np.hypot(spread["tpot"], spread["share"]),
                "ttft_p50_s": spread["ttft"],
            },
        )


def rising(log_values: Floats) -> Floats:
    """A rising curve near each row: the mean of the running maximum and the reversed running minimum.

    >>> rising(np.array([[1.0, 3.0, 2.0, 4.0]])).tolist()
    [[1.0, 2.5, 2.5, 4.0]]
    """
    up = np.maximum.accumulate(log_values, axis=1)
    down = np.minimum.accumulate(log_values[:, ::-1], axis=1)[:, ::-1]
    out: Floats = 0.5 * (up + down)
    return out
