"""Which measured configuration serves a question best that leaves its configuration open.

Each configuration is judged by its own measured curve at the load that is asked for, so that one which happens to have
a row there is not preferred to a faster one measured on both sides of it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

import numpy as np

from advisor.domain.estimate import OperatingQuery
from advisor.domain.evidence import Measurement
from advisor.domain.model import ModelSpec
from advisor.domain.record import record

OWN_LENGTHS = 1.25
"""Own measurements bear on lengths up to this factor from theirs: a real mix of requests has no nominal shape."""
OWN_REACH = 2.0
"""Factor beyond the loads of a configuration of one's own up to which it is the one that is meant."""
ALIKE = 0.3
"""Lengths this much farther than the nearest ones count as near [octaves]."""


@record
class Known:
    """A configuration as it was measured at lengths near those of a question."""

    row: Measurement
    """One of its rows: they differ in load and lengths alone."""
    load: tuple[float, ...]
    """Requests in flight, rising."""
    rate: tuple[float, ...]
    """Total tokens/s per GPU there, of the newest software that ran there."""
    own: bool = False
    """Whether the user measured it himself, at lengths that speak for the question."""

    def promise(self, load: float) -> float:
        """Total tokens/s per GPU at a load, straight in logs between measured ones.

        Beyond them what it carries at least: fewer in flight are served no slower each, and more carry no less in all.
        """
        first, last = self.load[0], self.load[-1]
        if load <= first:
            return self.rate[0] * load / first
        if load >= last:
            return self.rate[-1]
        return float(np.exp(np.interp(math.log(load), np.log(self.load), np.log(self.rate))))


    def is_meant(self, load: float) -> bool:
        """Whether who leaves the configuration open at a load means this one, which he measured about there."""
        return self.own and self.load[0] / OWN_REACH <= load <= self.load[-1] * OWN_REACH


def best_known(known: Sequence[Known], load: float) -> Measurement | None:
    """A row of the configuration that carries most at a load; None where there is none.

    Of configurations that the user measured about there, where there are any: it is what he runs.
    """
    meant = [k for k in known if k.is_meant(load)]
    best = max(meant or known, key=lambda k: (k.promise(load), k.row.row_id), default=None)
    return None if best is None else best.row


def configurations(q: OperatingQuery, rows: Iterable[Measurement]) -> tuple[Known, ...]:
    """The configurations that agree with what a question states, at the lengths nearest to it."""
    # a TP of 0 stands where the source of a disaggregated row does not state it
    agreeing = [(_octaves_to(q, m), m) for m in rows if m.total_tps_per_gpu and m.tp and agrees(q, m)]
    within = min((gap for gap, _ in agreeing), default=0.0) + ALIKE
    curves: dict[tuple[object, ...], dict[int, Measurement]] = defaultdict(dict)
    for gap, m in agreeing:
        own = _is_own(q, m)
        if own or gap <= within:
            config = m.engine, m.spec_method, m.disagg, m.tp, m.ep or 1, m.dp_attention, m.gpus, m.isl, m.osl
            curve = curves[own, config]
            kept = curve.get(m.concurrency)
            if kept is None or _newness(m) > _newness(kept):
                curve[m.concurrency] = m
    return tuple(_known(q, [curve[n] for n in sorted(curve)]) for curve in curves.values())


def _known(q: OperatingQuery, rows: Sequence[Measurement]) -> Known:
    loads, rates = tuple(float(m.concurrency) for m in rows), tuple(m.total_tps_per_gpu or 0.0 for m in rows)
    return Known(rows[0], loads, rates, _is_own(q, rows[0]))


def _is_own(q: OperatingQuery, m: Measurement) -> bool:
    return m.family == "own_probe" and near_lengths(m, q)


def _newness(m: Measurement) -> tuple[date, float, str]:
    return m.date or date.min, m.total_tps_per_gpu or 0.0, m.row_id


def nearest_kin(model: ModelSpec, rows: Sequence[Measurement], models: Mapping[str, ModelSpec]) -> list[Measurement]:
    """Rows of the one model that is most like another: mixture of experts or dense, then nearest in parameters."""

    def apart(name: str) -> tuple[bool, float, str]:
        kin = models[name]
        octaves = abs(math.log2(kin.params_total / model.params_total))
        return kin.is_moe != model.is_moe, octaves + abs(math.log2(kin.params_active / model.params_active)), name

    nearest = min({m.model for m in rows}, key=apart, default=None)
    return [m for m in rows if m.model == nearest]


def agrees(q: OperatingQuery, m: Measurement) -> bool:
    """Whether a row has all that a question states; one that leaves disaggregation open asks for none."""
    pairs = (
        (q.engine, m.engine),
        (q.spec_method, m.spec_method),
        (q.disagg if q.disagg is not None else False, m.disagg),
        (q.tp, m.tp),
        (q.ep, m.ep or 1),
        (q.dp_attention, m.dp_attention),
    )
    if q.disagg and q.gpus and q.gpus <= max(m.tp, m.ep or 1):
        return False  # no room for its decode worker and a GPU that prefills
    return all(wanted is None or wanted == have for wanted, have in pairs)


def near_lengths(m: Measurement, q: OperatingQuery) -> bool:
    """Whether the lengths of a measurement lie close enough to speak for a query."""
    pairs = ((m.isl, q.isl), (m.osl, q.osl))
    return all(max(a, b) <= OWN_LENGTHS * min(a, b) for a, b in pairs)


def _octaves_to(q: OperatingQuery, m: Measurement) -> float:
    """Gap between the lengths of a question and of a row, in powers of two."""
    return abs(math.log2(q.isl / m.isl)) + abs(math.log2(q.osl / m.osl))
