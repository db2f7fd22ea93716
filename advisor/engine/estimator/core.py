"""Physics plus fields on arrays: medians and spreads of encoded operating points."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from advisor.domain.evidence import Measurement
from advisor.domain.record import record
from advisor.engine.estimator.calibration import Truth, residuals, tpot_of, ttft_of
from advisor.engine.estimator.covariance import Encoded, Vocabulary, encode, take
from advisor.engine.estimator.curves import Curves, Laid, Memo, at_load, baselines, lay_curves, rising
from advisor.engine.estimator.encode import Floats, Places, Points
from advisor.engine.estimator.field import Field, gather
from advisor.engine.estimator.fit import GPUS, TARGETS, Fit
from advisor.engine.estimator.offsets import Offsets
from advisor.engine.estimator.physics import MEAN_LENGTH, step_physics
from advisor.engine.estimator.probes import ProbeShift, noise_of, parts_of
from advisor.engine.estimator.targets import as_seen, by_term, little_ceiling, step_shares, term_shares, whole_total
from advisor.engine.estimator.typical import are_dated, typical_months
from advisor.engine.estimator.view import LOAD_STEPS

RATE = ("tpot", "share")
"""Targets that tokens/s needs; asked for alone they come without spreads, which take a third of the work."""
CHUNK = 2048
"""Points that are worked on at a time."""
LITTLE = 1.03
"""Most of the rate that Little's law gives for the medians of TTFT and TPOT: 99 in 100 rows that state all three are
below, as means lie above medians. Where more, TTFT is too long: few rows state it, and all state the rate."""
SHARE_CEILING = 0.1
"""log; medians of rate and TPOT from different runs put measured shares a little above 1."""


@record
class Doubt:
    """How sure TTFT is, one entry a point."""

    spread: Floats
    """Of the log error."""
    less_memory_s: Floats
    """TTFT if the engine took LESS_MEMORY: far more where requests begin to wait for cache."""


@record
class Medians:
    """Median estimates, one entry a point."""

    tpot_s: Floats
    ttft_s: Floats
    total_tps: Floats
    prefill_share: Floats
    """Part of a step that goes into the prompts of other requests, by physics."""
    tpot_spread: Floats
    """Spread of the log error; interval widths are multiples of it. NaN where RATE alone is asked for."""
    total_spread: Floats
    """The same of the rate."""
    doubts: list[tuple[Places, Callable[[Places], Doubt]]]
    """How sure TTFT is, for some of the points at a time: worked out only where whole estimates are made."""

    def doubt(self, places: Places) -> Doubt:
        """How sure TTFT is at some of the points."""
        out, wanted = Doubt(*np.full((2, len(self.ttft_s)), np.nan)), np.zeros(len(self.ttft_s), np.bool_)
        wanted[places] = True
        for at, tell in self.doubts:
            asked = np.flatnonzero(wanted[at])
            if len(asked):
                some = tell(asked)
                out.spread[at[asked]], out.less_memory_s[at[asked]] = some.spread, some.less_memory_s
        return Doubt(out.spread[places], out.less_memory_s[places])

    def widen_rates(self, total_spread: Sequence[float]) -> None:
        """Account for totals of GPUs that are themselves estimates, by the spread of the log of each."""
        np.hypot(self.total_spread, total_spread, out=self.total_spread)

    def put(self, at: Places, other: Medians) -> None:
        """Write the values of some points."""
        self.tpot_s[at], self.ttft_s[at] = other.tpot_s, other.ttft_s
        self.total_tps[at], self.prefill_share[at] = other.total_tps, other.prefill_share
        self.tpot_spread[at], self.total_spread[at] = other.tpot_spread, other.total_spread
        self.doubts.extend((at[places], tell) for places, tell in other.doubts)


class Core:
    """The fitted fields over the measurements, with the user's probes on top."""

    def __init__(self, fit: Fit, rows: Sequence[Measurement], points: Points) -> None:
        self._fit = fit
        self._vocabulary = Vocabulary()
        own = np.array([m.family == "own_probe" for m in rows], dtype=np.bool_)
        self._points, self._encoded = points, encode(points, self._vocabulary)
        self._typical = typical_months(points, are_dated(rows))
        loads = points.concurrency[:, None]
        self._shares = step_shares(points, loads, fit.targets["tpot"].baseline, parts=fit.parts)
        self._row_ids = [m.row_id for m in rows]
        self._fields: dict[str, Field] = {}
        self._offsets = {name: Offsets(target.level) for name, target in fit.targets.items()}
        self._laid = Laid()
        self._probes: dict[bool, dict[str, ProbeShift]] = {}
        for disagg in (False, True):
            chosen = np.flatnonzero(own & (points.disagg == disagg))
            if len(chosen):
                self._probes[disagg] = self._learn([rows[int(i)] for i in chosen], points.take(chosen))

    def _fields_of(self, points: Points) -> dict[str, tuple[str, Field]]:
        """By target, the name and the field that speak for points of one kind of serving."""
        names = {t: self._fit.field_name(t, bool(points.disagg[0])) for t in TARGETS}
        return {t: (name, self.field(name)) for t, name in names.items()}

    def field(self, name: str) -> Field:
        """One of the fields of the fit, gathered when it is first asked for: not every answer needs all."""
        if name not in self._fields:
            target = self._fit.targets[name]
            weights = np.array([target.weights.get(row_id, 0.0) for row_id in self._row_ids])
            have = np.flatnonzero(weights)
            scales = by_term(self._shares, target.covariance.shares)[:, have]
            encoded = encode(as_seen(GPUS, self._points), self._vocabulary) if name == GPUS else self._encoded
            self._fields[name] = gather(target.covariance, take(encoded, have), scales, weights[have])
        return self._fields[name]

    def _learn(self, rows: list[Measurement], points: Points) -> dict[str, ProbeShift]:
        physics = step_physics(points)
        truth = Truth(
            rows, points, physics,
            np.array([tpot_of(m) for m in rows], dtype=np.float64),
            np.array([m.total_tps_per_gpu or np.nan for m in rows], dtype=np.float64),
            np.array([ttft_of(m) or np.nan for m in rows], dtype=np.float64),
            np.ones(len(rows)),
        )  # fmt: skip
        measured, step = residuals(truth, self._fit)
        base = baselines(self._fit, points, physics, step)
        curves = self._lay(points)
        at, load = np.arange(len(points)), np.log2(points.concurrency)
        encoded = Encoded(curves.encoded.coords, curves.encoded.of_point, load)
        spread = self._spreads(curves, at, load, curves.seen)
        out = {}
        for name, (source, field) in self._fields_of(points).items():
            values, c = measured[source], field.covariance
            have = np.flatnonzero(np.isfinite(values))
            if not len(have):
                continue
            known = at_load(curves.log_value[name], load) - base[name][:, 0]
            out[name] = ProbeShift(
                c, take(encoded, have), term_shares(step, c.shares)[:, have], spread[name][have],
                (values - known)[have], noise_of(rows, name)[have], parts_of(field.points),
            )  # fmt: skip
        return out

    def _lay(self, points: Points, targets: Sequence[str] = TARGETS) -> Curves:
        sources = self._fields_of(points)
        fields = {name: field for name, (_, field) in sources.items()}
        offsets = {name: self._offsets[source] for name, (source, _) in sources.items()}
        return lay_curves(
            points, self._fit, fields, offsets, self._typical, self._vocabulary, targets,
            spreads=targets != RATE or bool(self._probes),
        )

    def totals(self, points: Points) -> tuple[Floats, Floats]:
        """Usual GPUs of disaggregated deployments whose total is not stated, whole, and the spread of its log."""
        field, offsets = self.field(GPUS), {GPUS: self._offsets[GPUS]}
        total, spread = np.empty(len(points)), np.empty(len(points))
        for part in _parts(points.disagg):
            hidden = as_seen(GPUS, points.take(part))
            curves = lay_curves(
                hidden, self._fit, {GPUS: field}, offsets, self._typical, self._vocabulary, (GPUS,)
            )
            at, load = np.arange(len(part)), np.log2(hidden.concurrency)
            total[part] = whole_total(hidden, at_load(curves.log_value[GPUS], load))
            shares = curves.own_shares(at, load, field.covariance.shares)
            spread[part] = curves.spread(GPUS, field, at, load, shares)
        return total, spread

    def _spreads(self, curves: Curves, rows: Places, load: Floats, targets: Iterable[str]) -> dict[str, Floats]:
        out, fields = {}, self._fields_of(curves.points)
        for name in targets:
            _, field = fields[name]
            shares = curves.own_shares(rows, load, field.covariance.shares)
            out[name] = curves.spread(name, field, rows, load, shares)
        return out

    def medians(self, points: Points, memo: Memo | None = None, targets: Sequence[str] = TARGETS) -> Medians:
        """TPOT, TTFT and total tokens/s per GPU at each point, within the laws.

        Neither TPOT nor TTFT falls with concurrency (the nearest rising curve is taken); TPOT is no shorter than the
        roofline of the batch, no rate exceeds peak arithmetic, and TTFT is no longer than rate and TPOT leave of a
        request's life (Little's law).

        Parameters
        ----------
        memo
            Keeps the curves for a later call on the same configurations.
        targets
            What is asked for: all, TTFT alone, or RATE; the rest is then NaN.
        """
        n = len(points)
        a, b, c, d, e, f = np.full((6, n), np.nan)
        out = Medians(a, b, c, d, e, f, [])
        kind = tuple(targets)

        def lay(some: Points) -> Curves:
            return self._laid.of(some, kind, partial(self._lay, targets=targets))

        for part in _parts(points.disagg):
            some = points.take(part)
            for curves, chosen, rows in (memo or Memo()).curves_of(some, kind, lay):
                out.put(part[chosen], self._on(curves, rows, some.take(chosen)))
        return out

    def _on(self, curves: Curves, rows: Places, points: Points) -> Medians:
        """Medians of points that lie on these rows of the curves."""
        load = np.log2(points.concurrency)
        probes = self._probes.get(bool(curves.points.disagg[0]))
        spread = self._spreads(curves, rows, load, curves.seen if probes else curves.seen.keys() - {"ttft"})
        if probes:
            value, spread = _probed(probes, curves, rows, load, spread)
            own = {name: at_load(values, load) for name, values in value.items()}
            if "ttft" in value:
                own["ttft"] = at_load(rising(value["ttft"]), load)
            if "tpot" in value:
                floor = np.log(curves.physics.floor_s[rows])
                own["tpot"] = at_load(rising(np.maximum(value["tpot"], floor)), load)
        else:
            own = {name: at_load(values, load, rows) for name, values in curves.log_value.items()}
            if curves.log_tpot is not None:
                own["tpot"] = at_load(curves.log_tpot, load, rows)
        ttft = tpot = total = tpot_spread = total_spread = np.full(len(rows), np.nan)
        if "ttft" in own:
            ttft = np.maximum(np.exp(own["ttft"]), curves.physics.prefill_floor_s[rows])
        if "tpot" in own:
            tpot = np.exp(own["tpot"])
            part = np.exp(np.minimum(own["share"], SHARE_CEILING))
            loads, tokens = points.concurrency[:, None], MEAN_LENGTH * (points.isl + points.osl)
            ceiling = little_ceiling(points, loads, tpot[:, None])[:, 0]
            total = np.minimum(part * ceiling, tokens / curves.physics.flops_floor_s[rows])
            if "ttft" in own:
                room = LITTLE * np.exp(spread.get("share", 0.0)) * ceiling / total - 1.0
                most = np.maximum(room * tpot * MEAN_LENGTH * points.osl, curves.physics.prefill_floor_s[rows])
                ttft = np.minimum(ttft, most)
            if "tpot" in spread:
                tpot_spread, total_spread = spread["tpot"], np.hypot(spread["tpot"], spread["share"])
        prefill = at_load(curves.step.shares["prefill"], load, rows)

        def doubt(some: Places) -> Doubt:
            at, here = rows[some], load[some]
            sure = spread["ttft"][some] if "ttft" in spread else self._spreads(curves, at, here, ("ttft",))["ttft"]
            return Doubt(sure, ttft[some] * curves.growth_with_less_memory(at, here))

        told: list[tuple[Places, Callable[[Places], Doubt]]] = [(np.arange(len(rows)), doubt)]
        return Medians(tpot, ttft, total, prefill, tpot_spread, total_spread, told if "ttft" in own else [])


def _probed(
    probes: Mapping[str, ProbeShift], curves: Curves, rows: Places, load: Floats, spread: Mapping[str, Floats]
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Log values (points x LOAD_STEPS) and spreads after the user's own probes."""
    value = {name: values[rows] for name, values in curves.log_value.items()}
    left = dict(spread)
    encoded = Encoded(curves.encoded.coords, curves.encoded.of_point[rows], load)
    for name, probe in probes.items():
        if name not in value:
            continue
        shares = curves.own_shares(rows, load, probe.covariance.shares)
        shift, left[name] = probe.at(encoded, shares, spread[name], LOAD_STEPS)
        value[name] = value[name] + shift
    return value, left


def _parts(disagg: NDArray[np.bool_]) -> list[NDArray[np.intp]]:
    """Points that are worked on together: of one kind of serving, CHUNK at most."""
    kinds = (np.flatnonzero(~disagg), np.flatnonzero(disagg))
    return [kind[start : start + CHUNK] for kind in kinds for start in range(0, len(kind), CHUNK)]
