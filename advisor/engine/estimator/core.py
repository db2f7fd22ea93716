"""Physics plus fields on arrays: medians and spreads of encoded operating points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from advisor.domain.evidence import Measurement
from advisor.engine.estimator.calibration import Truth, residuals, tpot_of, ttft_of
from advisor.engine.estimator.covariance import Encoded, Vocabulary, encode, take
from advisor.engine.estimator.encode import Floats, Points
from advisor.engine.estimator.fit import Fit
from advisor.engine.estimator.kriging import LOAD_STEPS, Field, gather
from advisor.engine.estimator.physics import MEAN_LENGTH, Physics, step_physics
from advisor.engine.estimator.probes import ProbeShift
from advisor.engine.estimator.targets import (
    Step,
    by_term,
    correction,
    decode_step,
    little_ceiling,
    share_baseline,
    step_shares,
    term_shares,
    ttft_baseline,
)

DATED_KIND = 1.0
CHUNK = 2048
"""Points that are worked on at a time."""
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
    """What physics and fields say of points, before probes and laws: log values by target, points x LOAD_STEPS."""

    encoded: Encoded
    physics: Physics
    own: Step
    """The step at each point's own load."""
    log_value: dict[str, Floats]
    spread: dict[str, Floats]


class Core:
    """The fitted fields over the measurements, with the user's probes on top."""

    def __init__(self, fit: Fit, rows: Sequence[Measurement], points: Points) -> None:
        self._fit = fit
        self._vocabulary = Vocabulary()
        own = np.array([m.family == "own_probe" for m in rows], dtype=np.bool_)
        encoded = encode(points, self._vocabulary)
        loads = points.concurrency[:, None]
        shares = step_shares(points, loads, fit.targets["tpot"].baseline, parts=fit.parts, odd=fit.odd)
        ids = [m.row_id for m in rows]
        self._fields = {name: self._field(name, ids, encoded, shares) for name in fit.targets}
        self._probes: dict[str, ProbeShift] = {}
        if own.any():
            chosen = np.flatnonzero(own)
            self._probes = self._learn([rows[int(i)] for i in chosen], points.take(chosen))

    def _field(self, name: str, row_ids: Sequence[str], encoded: Encoded, shares: Mapping[str, Floats]) -> Field:
        target = self._fit.targets[name]
        weights = np.array([target.weights.get(row_id, 0.0) for row_id in row_ids])
        have = np.flatnonzero(weights)
        scales = by_term(shares, target.covariance.shares)
        return gather(target.covariance, take(encoded, have), scales[:, have], weights[have])

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
        measured, step = residuals(truth, self._fit)
        base = self._baselines(points, physics, step)
        out = {}
        for name, values in measured.items():
            have = np.flatnonzero(np.isfinite(values))
            if not len(have):
                continue
            known = at_load(prior.log_value[name], prior.encoded.load) - base[name][:, 0]
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
        loads = np.broadcast_to(2.0**LOAD_STEPS, (len(points), len(LOAD_STEPS)))
        physics = step_physics(points, loads)
        coefficients = self._fit.targets["tpot"].baseline
        step = decode_step(points, physics, coefficients, parts=self._fit.parts, odd=self._fit.odd)
        own = Step(
            at_load(step.log_s, encoded.load)[:, None],
            {g: s if s.shape[1] == 1 else at_load(s, encoded.load)[:, None] for g, s in step.shares.items()},
        )
        log_value, spread = {}, {}
        # TTFT is stated by dated runs alone, so that it is sought among them.
        timed = encode(replace(points, kind=np.where(points.kind == 0, DATED_KIND, points.kind)), self._vocabulary)
        for name, base in self._baselines(points, physics, step).items():
            field, at = self._fields[name], timed if name == "ttft" else encoded
            kinds = field.covariance.shares
            values, spread[name] = field.evaluate(at, term_shares(own, kinds))
            log_value[name] = base + correction([v[at.of_point] for v in values], step, kinds)
        return _Prior(encoded, physics, own, log_value, spread)

    def medians(self, points: Points) -> Medians:
        """TPOT, TTFT and total tokens/s per GPU at each point, within the laws.

        TPOT does not fall with concurrency (the nearest rising curve is taken), is no shorter than reading what one
        request touches, and no rate exceeds peak arithmetic.
        """
        chunks = [self._chunk(points.take(part)) for part in _parts(len(points))]
        return Medians(
            np.concatenate([c.tpot_s for c in chunks]),
            np.concatenate([c.ttft_s for c in chunks]),
            np.concatenate([c.total_tps for c in chunks]),
            {m: np.concatenate([c.spread[m] for c in chunks]) for m in chunks[0].spread},
        )

    def _chunk(self, points: Points) -> Medians:
        prior = self._prior(points)
        value, spread = dict(prior.log_value), dict(prior.spread)
        for name, probe in self._probes.items():
            shares = term_shares(prior.own, probe.covariance.shares)
            shift, left = probe.at(prior.encoded, shares, prior.spread[name], LOAD_STEPS)
            value[name], spread[name] = value[name] + shift, left
        load = prior.encoded.load
        log_tpot = np.maximum(value["tpot"], np.log(prior.physics.floor_s)[:, None])
        tpot = np.exp(at_load(rising(log_tpot), load))
        share = np.exp(np.minimum(at_load(value["share"], load), SHARE_CEILING))
        total = share * little_ceiling(points, points.concurrency[:, None], tpot[:, None])[:, 0]
        tokens = MEAN_LENGTH * (points.isl + points.osl)
        return Medians(
            tpot,
            np.maximum(np.exp(at_load(value["ttft"], load)), prior.physics.prefill_floor_s),
            np.minimum(total, tokens / prior.physics.flops_floor_s),
            {
                "tpot_p50_s": spread["tpot"],
                "total_tps_per_gpu": np.hypot(spread["tpot"], spread["share"]),
                "ttft_p50_s": spread["ttft"],
            },
        )


def _parts(n: int) -> list[NDArray[np.intp]]:
    return [np.arange(start, min(start + CHUNK, n)) for start in range(0, n, CHUNK)]


def at_load(values: Floats, load: Floats) -> Floats:
    """Each row of a points x LOAD_STEPS array at its own log2 concurrency, straight between the steps."""
    width = LOAD_STEPS[1] - LOAD_STEPS[0]
    place = np.clip(load / width, 0.0, len(LOAD_STEPS) - 1.0)
    left = np.minimum(place.astype(np.intp), len(LOAD_STEPS) - 2)
    row = np.arange(len(values))
    out: Floats = values[row, left] * (1 - (place - left)) + values[row, left + 1] * (place - left)
    return out


def rising(log_values: Floats) -> Floats:
    """A rising curve near each row: the mean of the running maximum and the reversed running minimum.

    >>> rising(np.array([[1.0, 3.0, 2.0, 4.0]])).tolist()
    [[1.0, 2.5, 2.5, 4.0]]
    """
    up = np.maximum.accumulate(log_values, axis=1)
    down = np.minimum.accumulate(log_values[:, ::-1], axis=1)[:, ::-1]
    out: Floats = 0.5 * (up + down)
    return out
