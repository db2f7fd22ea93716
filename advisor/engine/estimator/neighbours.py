"""Which measurements an estimate rests on, and how good that makes it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date
from functools import cached_property

from advisor.domain.estimate import Basis, EvidenceGrade, OperatingQuery
from advisor.domain.evidence import Measurement
from advisor.domain.hardware import Accelerator
from advisor.domain.record import record
from advisor.domain.text import evidence_days
from advisor.engine.estimator.encode import engine_base
from advisor.engine.estimator.known import near_lengths
from advisor.engine.estimator.physics import MEAN_LENGTH
from advisor.engine.estimator.typical import RUN_FAMILIES

NAMED_ROWS = 6
NAMED_RUNS = 2
SAME_LENGTHS = 1.03
"""Lengths up to this factor from those of a measured curve are on it: nothing measured tells them apart."""
REPEATED = frozenset({*RUN_FAMILIES, "own_probe"})
"""Families that state what was run on one day, and may be run again."""
FAR = 1.5
"""Lengths beyond the longest measured ones by this factor are named."""
_SHAPE, _KIN = 2, 3
"""How many parts of a curve's key are lengths, at its end; and how many name accelerator, model and precision."""


@record
class Neighbours:
    """The evidence behind one estimate."""

    grade: EvidenceGrade
    basis: Basis
    text: str
    row_ids: tuple[str, ...]
    newest: str
    since: str = ""


class Neighbourhood:
    """Measurements by how much of a query they share."""

    def __init__(self, rows: Sequence[Measurement], as_of: date) -> None:
        self._as_of = as_of
        self._curve: dict[tuple[object, ...], list[Measurement]] = defaultdict(list)
        self._model: dict[tuple[object, ...], list[Measurement]] = defaultdict(list)
        self._accelerator: dict[str, list[Measurement]] = defaultdict(list)
        self._general: dict[tuple[object, ...], Neighbours] = {}
        self._longest: dict[tuple[object, ...], tuple[float, float]] = {}
        self._shapes: dict[tuple[object, ...], dict[tuple[int, int], list[Measurement]]] = defaultdict(dict)
        self._own: dict[tuple[object, ...], list[Measurement]] = defaultdict(list)
        for m in rows:
            key = curve_key(m, m.model)
            self._curve[key].append(m)
            self._shapes[key[:-_SHAPE]][m.isl, m.osl] = self._curve[key]
            if m.family == "own_probe":
                self._own[key[:-_SHAPE]].append(m)
            self._model[m.accelerator, m.model, m.precision].append(m)
            self._accelerator[m.accelerator].append(m)

    @cached_property
    def _engines(self) -> set[tuple[str, str]]:
        """Parts and the engines that were measured on them."""
        return {(part, engine_base(m.engine)) for part, rows in self._accelerator.items() for m in rows}

    def has_run(self, q: OperatingQuery) -> bool:
        """Whether the engine of a query was measured on its accelerator, with whatever model."""
        return (q.accelerator, engine_base(q.engine or "")) in self._engines

    def of(self, q: OperatingQuery, place: tuple[object, ...]) -> Neighbours:
        """The closest evidence for a query whose every part is filled in; `place` is its `curve_key`."""
        curve = self._curve_at(q, place)
        if curve:
            return self._on_curve(q, curve)
        near, beyond = self._off_curve(place), self._beyond(q, place)
        return replace(near, grade=_grade_beyond(near), text=f"{near.text}; {beyond}") if beyond else near

    def steps(self, q: OperatingQuery, place: tuple[object, ...], loads: Sequence[int]) -> list[str]:
        """Which step of doubt sets the interval at each load of a curve, see `step_on_curve`; A for own probes.

        `q` is any of its points, and `place` its `curve_key`.
        """
        curve = self._curve_at(q, place)
        if not curve:
            near = self._off_curve(place)
            grade = _grade_beyond(near) if self._beyond(q, place) else near.grade
            return [f"{grade} {near.basis}"] * len(loads)
        measured = [m.concurrency for m in curve]
        repeated = {m.concurrency for m in curve if m.family in REPEATED}
        out = [step_on_curve(load, measured, repeated) for load in loads]
        return [step.replace("B", "A") for step in out] if _grade(curve) == "A" else out

    def _curve_at(self, q: OperatingQuery, place: tuple[object, ...]) -> Sequence[Measurement]:
        if q.pp > 1:
            return []  # what was measured holds all of the weights
        curve = self._curve.get(place) or self._on_lengths_like(q, place)
        if place[:-_SHAPE] in self._own:
            return [*(m for m in curve if m.family != "own_probe"), *self._probed(q, place)]
        return curve

    def _probed(self, q: OperatingQuery, place: tuple[object, ...]) -> list[Measurement]:
        """The user's own measurements that speak for a query: of its configuration, at lengths near its own.

        None where it asks for the software of a day before the last of them.
        """
        found = [m for m in self._own.get(place[:-_SHAPE], []) if near_lengths(m, q)]
        asked = q.software_date
        return [] if asked and any(m.date and m.date > asked for m in found) else found

    def is_probed(self, q: OperatingQuery, place: tuple[object, ...]) -> bool:
        """Whether own measurements speak for a query, whose software is then what is asked for."""
        return q.pp == 1 and bool(self._own) and bool(self._probed(q, place))

    def _on_lengths_like(self, q: OperatingQuery, place: tuple[object, ...]) -> Sequence[Measurement]:
        """The measured curve at lengths that nothing tells from those of the query; empty where there is none."""
        shapes = self._shapes.get(place[:-_SHAPE], {})
        apart = {(i, o): max(i / q.isl, q.isl / i, o / q.osl, q.osl / o) for i, o in shapes}
        nearest = min(apart, key=lambda shape: (apart[shape], shape), default=None)
        return shapes[nearest] if nearest is not None and apart[nearest] <= SAME_LENGTHS else []

    def _off_curve(self, place: tuple[object, ...]) -> Neighbours:
        key = place[:_KIN]
        if key not in self._general:  # the same for every shape and load, and made of many rows
            self._general[key] = self._of_kin(key)
        return self._general[key]

    def _beyond(self, q: OperatingQuery, place: tuple[object, ...]) -> str:
        """That a query goes far beyond its kin, in lengths or as a pipeline, in words; empty where it does not."""
        key = place[:_KIN]
        if key not in self._longest:
            kin = self._model.get(key, [])
            isl, osl = (max((getattr(m, name) for m in kin), default=math.inf) for name in ("isl", "osl"))
            self._longest[key] = isl, osl
        asked = zip(("input", "output"), (q.isl, q.osl), self._longest[key], strict=True)
        far = [f"no {name} longer than {most:,.0f} tokens was measured" for name, n, most in asked if n > FAR * most]
        return " and ".join([*far, *["no pipeline over nodes was measured"] * (q.pp > 1)])

    def _of_kin(self, key: tuple[object, ...]) -> Neighbours:
        """Evidence of an (accelerator, model, precision) as a whole, or of the accelerator."""
        kin = self._model.get(key, [])
        if kin:
            text = f"modelled from {len(kin)} rows of this accelerator, model and precision in other configurations"
            return self._made("B", "modelled", text, kin)
        others = self._accelerator.get(str(key[0]), [])
        if others:
            text = f"modelled: this accelerator measured on other models or precisions ({len(others)} rows)"
            return self._made("C", "modelled", text, others)
        return Neighbours("D", "physics", "physics only: no measurement of this accelerator", (), "")

    def _on_curve(self, q: OperatingQuery, curve: Sequence[Measurement]) -> Neighbours:
        grade, basis = _grade(curve), _basis(q.concurrency, [m.concurrency for m in curve])
        at = "" if any((m.isl, m.osl) == (q.isl, q.osl) for m in curve) else f" at {curve[0].isl}/{curve[0].osl}"
        exact = [m for m in curve if m.concurrency == q.concurrency]
        if exact:
            text = f"measured point{at}{_others(q, exact)}, {_count(exact)}{_named(exact)}"
            return self._made(grade, basis, text, _own_first(exact))
        below = [m.concurrency for m in curve if m.concurrency < q.concurrency]
        above = [m.concurrency for m in curve if m.concurrency > q.concurrency]
        near = sorted(curve, key=lambda m: abs(m.concurrency - q.concurrency))[:NAMED_ROWS]
        count = _count(curve) + _named(near)
        at += _others(q, curve)
        if below and above:
            ends = f"between concurrency {max(below)} and {min(above)}"
            return self._made(grade, basis, f"bracketed on a measured curve{at} {ends}, {count}", near)
        end = max(below) if below else min(above)
        text = f"extrapolated from the end of a measured curve{at}, concurrency {end}, {count}"
        return self._made(grade, basis, text, near)

    def _made(self, grade: EvidenceGrade, basis: Basis, text: str, rows: Sequence[Measurement]) -> Neighbours:
        newest = max((m.date for m in rows if m.date), default=None)
        ids = tuple(m.row_id for m in rows[:NAMED_ROWS])
        if newest is None:
            return Neighbours(grade, basis, text, ids, "")
        months = (self._as_of - newest).days / 30.4
        # the day of a median is the last of its benchmark: what was run may be much older
        first = [m.first_run for m in rows if m.date == newest]
        known = [day for day in first if day is not None]
        since = min(known).isoformat() if known and len(known) == len(first) else ""
        old = f"{'at least ' if since else ''}{months:.0f} months old"
        when = old if newest <= self._as_of else f"after {self._as_of.isoformat()}"
        text += f"; {evidence_days(newest.isoformat(), since)}, {when}"
        return Neighbours(grade, basis, text, ids, newest.isoformat(), since)


def _grade(curve: Sequence[Measurement]) -> EvidenceGrade:
    return "A" if any(m.family == "own_probe" for m in curve) else "B"


def _grade_beyond(near: Neighbours) -> EvidenceGrade:
    """Grade where a query goes far beyond what was measured: physics carries it over, as it does other models."""
    return "C" if near.grade == "B" else near.grade


def _basis(concurrency: int, loads: Collection[int]) -> Basis:
    """Whether measured loads of a curve meet, bracket or end before that of a query."""
    if concurrency in loads:
        return "measured"
    return "interpolated" if min(loads) < concurrency < max(loads) else "extrapolated"


def step_on_curve(concurrency: int, loads: Collection[int], repeated: Collection[int]) -> str:
    """Step of doubt of a query on a measured curve.

    A point that runs of some day measured is as sure as they repeat, software of other days included. One that only
    medians state shows no such spread, and is at least as sure as if it were read between its neighbours.

    Parameters
    ----------
    repeated
        Loads at which runs of some day were measured.
    """
    basis = _basis(concurrency, loads)
    return "B interpolated" if basis == "measured" and concurrency not in repeated else f"B {basis}"


def _others(q: OperatingQuery, rows: Sequence[Measurement]) -> str:
    """On how many GPUs disaggregated rows were measured, where none has the total of the query; else empty."""
    totals = sorted({m.gpus for m in rows if m.gpus})
    if not q.disagg or not totals or q.gpus in totals:
        return ""
    ends = f"{totals[0]:,}" if len(totals) == 1 else f"{totals[0]:,} to {totals[-1]:,}"
    return f" on {ends} GPUs in all"


def _count(rows: Sequence[Measurement]) -> str:
    return f"{len(rows)} row" + ("" if len(rows) == 1 else "s")


def _own_first(rows: Sequence[Measurement]) -> list[Measurement]:
    return sorted(rows, key=lambda m: m.family != "own_probe")


def _named(rows: Sequence[Measurement]) -> str:
    """The user's own runs among some rows, with the lengths that they sent; empty where there are none."""
    own: dict[str, list[str]] = defaultdict(list)
    for m in rows:
        if m.family == "own_probe":
            sent = "/".join(str(round(MEAN_LENGTH * n)) for n in (m.isl, m.osl))
            own[m.source_id.removeprefix("run:")].append(sent)
    if not own:
        return ""
    runs = [f"{run} ({', '.join(dict.fromkeys(sent))} tokens sent)" for run, sent in own.items()]
    more = f" and {len(runs) - NAMED_RUNS} more" if len(runs) > NAMED_RUNS else ""
    return f", your own run{'s' * (len(runs) > 1)} {', '.join(runs[:NAMED_RUNS])}{more}"


def curve_key(p: Measurement | OperatingQuery, model_name: str) -> tuple[object, ...]:
    """What points of one curve share: all but concurrency and GPUs."""
    return (
        p.accelerator,
        model_name,
        p.precision,
        p.engine,
        p.spec_method,
        p.disagg,
        p.tp,
        p.ep or 1,
        bool(p.dp_attention),
        float(p.isl),
        float(p.osl),
    )


def scatter_kind(accelerator: Accelerator, spec: bool, disagg: bool) -> str:
    """Name of the kind of serving whose errors scatter alike: generation, speculation, disaggregation.

    Stacks that change fast, and what drafts gain, are predicted worse than their spreads say; old stacks better.
    """
    return accelerator.generation + " speculative" * spec + " disaggregated" * disagg


def interval_class(step: str, disagg: bool, dated: bool) -> str:
    """Name of the class whose left-out errors set an interval: grade and basis, by kind of serving and of question.

    Disaggregated serving is predicted worse, and what the software of one day does is known better than what a run of
    an unknown day did. Own probes (A), which the bundled evidence does not hold, are runs of a known day.
    """
    if step.startswith("A"):
        step, dated = step.replace("A", "B"), True
    return step + (" disaggregated" if disagg else "") + (" dated" if dated else "")
