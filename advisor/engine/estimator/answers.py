"""From medians to answers: intervals, tails over requests, evidence, and what other families say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import cache

import numpy as np
from numpy.typing import NDArray

from advisor.domain.estimate import FirstToken, Interval, OperatingEstimate, OperatingQuery
from advisor.domain.evidence import Measurement
from advisor.domain.hardware import Accelerator
from advisor.domain.record import record, replace
from advisor.domain.units import GB
from advisor.engine.estimates import HIGH, LOW, MID, PERCENTILES, PREFILL, TPOT, TTFT, WIDTH, Batch
from advisor.engine.estimator.assume import room_gpus, room_of
from advisor.engine.estimator.core import Medians
from advisor.engine.estimator.drift import Drift
from advisor.engine.estimator.encode import Floats
from advisor.engine.estimator.families import OtherFamilies, cover
from advisor.engine.estimator.fit import Fit
from advisor.engine.estimator.neighbours import Neighbourhood, interval_class, scatter_kind
from advisor.engine.estimator.tails import ProbedTails, Tails, tail_factors

TAILS = 4096
"""Loads whose tails are kept."""
NOT_A_NUMBER = Interval(float("nan"), float("nan"), float("nan"))


@record
class Asked:
    """A query with everything filled in, or the reason why it cannot be answered; or a curve of such queries."""

    query: OperatingQuery
    full: OperatingQuery
    """The same with everything filled in; of a curve, both at the first of its loads."""
    name: str
    """The model as measurements spell it."""
    notes: tuple[str, ...]
    error: str
    place: tuple[object, ...]
    """What it shares with the other points of its curve, see `curve_key`; empty beside an error."""
    loads: Sequence[int]
    """Requests in flight at its points, filled in; one, but for a curve."""
    run: date | None = None
    """Day of the software that is asked for; None asks for a median over runs."""
    total_spread: float = 0.0
    """Spread of the log of the total of GPUs, where it is assumed."""

    def point(self, k: int) -> Asked:
        """The k-th of the points of a curve alone."""
        if len(self.loads) == 1:
            return self
        query = replace(self.query, concurrency=self.loads[k])
        return replace(self, query=query, full=query, loads=(self.loads[k],))


class Answers:
    """Turns the medians of queries into batches of estimates."""

    def __init__(
        self,
        fit: Fit,
        ranking: Sequence[Measurement],
        rows: Sequence[Measurement],
        accelerators: Mapping[str, Accelerator],
        as_of: date,
    ) -> None:
        self._fit, self._accelerators = fit, accelerators
        self._neighbourhood = Neighbourhood(ranking, as_of)
        self._others = OtherFamilies(rows)
        self._probed = ProbedTails(rows)
        self._tails: dict[tuple[int, bool], tuple[tuple[float, ...], ...]] = {}

    def whole(
        self, asked: Sequence[Asked], medians: Medians, drift: Drift
    ) -> Batch[OperatingEstimate]:
        """Estimates of all metrics.

        Parameters
        ----------
        medians
            Of the points without an error, in their order.
        drift
            What the software of its day changed for each of those.
        """
        points = _Listed(asked)
        place, table = points.place, np.full((len(points.place), WIDTH), np.nan)
        good = [a for a in asked if not a.error]
        ends = self._ends(good)
        total = _outer(medians.total_tps, ends["total_tps_per_gpu"], medians.total_spread)
        tpot = _outer(medians.tpot_s, ends["tpot_p50_s"], medians.tpot_spread)
        others = [found for a in good for found in self._others.along(a.full, a.name, a.loads)]
        for k, found in enumerate(others):
            for other in found:
                cover(total[k], other.total_tps_per_gpu)
                cover(tpot[k], other.tpot_s)
        at = np.flatnonzero(place >= 0)
        factors = self._factors(good)
        _put(table, at, TTFT, medians.ttft_s, factors[:, 0])
        _put(table, at, TPOT, medians.tpot_s, factors[:, 1])
        parts = np.array([part for a in good for part in [a.full.osl / (a.full.isl + a.full.osl)] * len(a.loads)])
        table[at, LOW:PREFILL] = total * parts[:, None]
        table[at, PREFILL] = medians.prefill_share

        first = _FirstTokens(medians, lambda: ends["ttft_p50_s"])

        def expect(places: Sequence[int]) -> None:
            shown = place[list(places)].tolist()
            drift.expect(shown)
            first.expect(shown)

        def make(i: int) -> OperatingEstimate:
            a, k = points[i], int(place[i])
            if k < 0:
                return _failed(a)
            q, near = a.full, self._neighbourhood.of(a.full, a.place)
            # what the user measured is of the software that he ran, whatever day it is answered at
            words = [near.text, "" if near.grade == "A" else drift.text(k)]
            for other in others[k]:
                ratio = other.total_tps_per_gpu / float(total[k, 1])
                words.append(f"{other.family} of {other.as_of} states {ratio:.2f} of this rate, inside the interval")
            if near.basis in ("modelled", "physics"):
                words += _warnings(q, self._accelerators[q.accelerator])
                if near.basis == "modelled" and not self._neighbourhood.has_run(q):
                    words.append(f"{q.engine} was never measured on this accelerator")
            if a.notes:
                words.append("assumed " + ", ".join(a.notes))
            row = table[i].tolist()
            return OperatingEstimate(
                query=a.query,
                engine=q.engine or "",
                spec_method=q.spec_method or "none",
                disagg=bool(q.disagg),
                tp=q.tp or 1,
                ep=q.ep or 1,
                dp_attention=bool(q.dp_attention),
                gpus=q.gpus or q.tp or 1,
                ttft_p50_s=first.of(k),
                tpot_p50_s=Interval(*tpot[k].tolist()),
                total_tps_per_gpu=Interval(*total[k].tolist()),
                output_tps_per_gpu=Interval(row[LOW], row[MID], row[HIGH]),
                ttft_tail=_tail(row, TTFT),
                tpot_tail=_tail(row, TPOT),
                evidence_grade=near.grade,
                basis=near.basis,
                basis_text="; ".join(w for w in words if w),
                evidence_row_ids=near.row_ids,
                evidence_newest=near.newest,
                evidence_since=near.since,
                other_families=others[k],
                notes=a.notes,
            )

        return Batch(table, points.errors, make, expect)

    def is_probed(self, q: OperatingQuery, place: tuple[object, ...]) -> bool:
        """Whether own measurements speak for a query whose every part is filled in; `place` is its `curve_key`."""
        return self._neighbourhood.is_probed(q, place)

    def first_tokens(self, asked: Sequence[Asked], medians: Medians) -> Batch[FirstToken]:
        """Estimates of TTFT alone."""
        points = _Listed(asked)
        place, table = points.place, np.full((len(points.place), TPOT), np.nan)
        good = [a for a in asked if not a.error]
        _put(table, np.flatnonzero(place >= 0), TTFT, medians.ttft_s, self._factors(good)[:, 0])

        first = _FirstTokens(medians, cache(lambda: self._ends(good)["ttft_p50_s"]))

        def make(i: int) -> FirstToken:
            k = int(place[i])
            if k < 0:
                return FirstToken(NOT_A_NUMBER, {}, points.errors[i])
            return FirstToken(first.of(k), _tail(table[i].tolist(), TTFT), "")

        return Batch(table, points.errors, make, lambda places: first.expect(place[list(places)].tolist()))

    def _ends(self, good: Sequence[Asked]) -> dict[str, Floats]:
        """Ends of the interval of each point in spreads, by metric."""
        classes: dict[tuple[str, str], int] = {}
        of_point: list[int] = []
        for a in good:
            disagg, dated = bool(a.full.disagg), a.run is not None
            drafts = a.full.spec_method not in (None, "none")
            kind = scatter_kind(self._accelerators[a.full.accelerator], drafts, disagg)
            steps = self._neighbourhood.steps(a.full, a.place, a.loads)
            named = {step: (interval_class(step, disagg, dated), kind) for step in dict.fromkeys(steps)}
            place = {step: classes.setdefault(name, len(classes)) for step, name in named.items()}
            of_point += [place[step] for step in steps]
        out, at = {}, np.array(of_point, np.intp)
        for metric, known in self._fit.half_width.items():
            scatter = self._fit.scatter.get(metric, {})
            ends = [[end * scatter.get(kind, 1.0) for end in known[name]] for name, kind in classes]
            out[metric] = np.array(ends, dtype=np.float64).reshape(-1, 2)[at]
        return out

    def _factors(self, good: Sequence[Asked]) -> Floats:
        """Percentiles over requests, over the median: points x (TTFT, TPOT) x PERCENTILES.

        By the load alone, but where the user's own probes measured them.
        """
        rows: list[tuple[tuple[float, ...], ...]] = []
        places: dict[tuple[int, bool], int] = {}
        of_point: list[int] = []
        for a in good:
            disagg, own = bool(a.full.disagg), self._probed.of(a.place, a.full.isl, a.full.osl)
            if own:
                of_point += range(len(rows), len(rows) + len(a.loads))
                rows += [_percentiles(self._fit.tails, load, disagg, own) for load in a.loads]
                continue
            for load in a.loads:
                place = places.get((load, disagg))
                if place is None:
                    place = places[load, disagg] = len(rows)
                    rows.append(self._usual_tails(load, disagg))
                of_point.append(place)
        return np.array(rows, dtype=np.float64).reshape(-1, 2, len(PERCENTILES))[of_point]

    def _usual_tails(self, load: int, disagg: bool) -> tuple[tuple[float, ...], ...]:
        row = self._tails.get((load, disagg))
        if row is None:
            if len(self._tails) >= TAILS:
                self._tails.clear()
            row = self._tails[load, disagg] = _percentiles(self._fit.tails, load, disagg)
        return row


def _percentiles(
    tails: Tails, concurrency: int, disagg: bool, own: Tails | None = None
) -> tuple[tuple[float, ...], ...]:
    """PERCENTILES over the median of TTFT and of TPOT; NaN where nothing was learned."""
    found = (tail_factors(tails, metric, disagg, concurrency, own) for metric in ("ttft", "tpot"))
    return tuple(tuple(factors.get(p, np.nan) for p in PERCENTILES) for factors in found)


def _warnings(q: OperatingQuery, accelerator: Accelerator) -> list[str]:
    """What stands in the way of a deployment that nobody measured: too little memory, links that are not there."""
    tp, out = q.tp or 1, []
    room = _no_room(q, accelerator)
    if room:
        out.append(f"does not fit: {room}")
    if q.model.heads % tp and not q.dp_attention:
        out.append(f"tp {tp} does not divide its {q.model.heads} attention heads, as engines ask for")
    if tp > accelerator.scale_up_domain:
        near = accelerator.scale_up_domain
        out.append(f"tp {tp} reaches beyond the {near} GPUs of its fast links, which are assumed throughout")
    return out


def _no_room(q: OperatingQuery, accelerator: Accelerator) -> str:
    """Why the memory holds no single request of a query, in words; empty where it does. Nothing is kept in reserve."""
    plan = room_of(q, accelerator)
    has = accelerator.memory_bytes / GB
    if plan.fits:
        return ""
    if plan.weights_gb > has:
        return f"{plan.weights_gb:,.0f} GB of weights per GPU exceed its {has:,.0f} GB"
    if plan.binds == "weights":
        usable = f"the {plan.usable_gb:,.0f} GB that an engine takes"
        return f"{plan.weights_gb:,.0f} GB of weights per GPU leave no cache in {usable}"
    need, left = plan.kv_bytes_per_request / GB, plan.kv_gb * max(room_gpus(q), (q.tp or 1) * q.pp)
    held = f"a request of {plan.context_tokens:,.0f} tokens takes {need:,.1f} GB of cache"
    return f"{held}, the weights leave {left:,.1f} GB"


class _Listed:
    """The points of questions, curve by curve."""

    def __init__(self, asked: Sequence[Asked]) -> None:
        sizes = np.array([len(a.loads) for a in asked], np.intp)
        self._asked, self._of_point = asked, np.repeat(np.arange(len(asked)), sizes)
        self._first = np.cumsum(sizes) - sizes
        self.errors = [a.error for a in asked for _ in a.loads]
        good = np.array([not a.error for a in asked], dtype=np.bool_)[self._of_point]
        self.place: NDArray[np.intp] = np.where(good, np.cumsum(good) - 1, -1)
        """Which of the points without an error each one is; -1 beside an error."""

    def __getitem__(self, i: int) -> Asked:
        k = int(self._of_point[i])
        return self._asked[k].point(i - int(self._first[k]))


def _outer(mid: Floats, ends: Floats, spread: Floats) -> Floats:
    """(low, median, high) of each query; the ends are in spreads."""
    out = np.empty((len(mid), 3))
    out[:, 1] = mid
    out[:, ::2] = mid[:, None] * np.exp(ends * spread[:, None])
    return out


class _FirstTokens:
    """(low, median, high) of TTFT [s] of the points of a batch, a few of which are asked for.

    The high end holds what an engine that takes less memory would give.
    """

    def __init__(self, medians: Medians, ends: Callable[[], Floats]) -> None:
        self._medians = medians
        self._ends: Callable[[], Floats] = ends
        self._known: dict[int, list[float]] = {}

    def expect(self, places: Sequence[int]) -> None:
        """They will be asked for at these places, so that they are worked out at once."""
        new = np.array([k for k in places if k >= 0 and k not in self._known], np.intp)
        if len(new):
            doubt = self._medians.doubt(new)
            out = _outer(self._medians.ttft_s[new], self._ends()[new], doubt.spread)
            out[:, 2] = np.maximum(out[:, 2], doubt.less_memory_s)
            self._known.update(zip(new.tolist(), out.tolist(), strict=True))

    def of(self, place: int) -> Interval:
        """At one place."""
        if place not in self._known:
            self.expect([place] if self._known else range(len(self._medians.ttft_s)))
        return Interval(*self._known[place])


def _put(table: Floats, rows: NDArray[np.intp], metric: int, median: Floats, factors: Floats) -> None:
    """Write a metric's median and its percentiles over requests."""
    table[rows, metric] = median
    table[rows, metric + 1 : metric + 1 + len(PERCENTILES)] = median[:, None] * factors


def _tail(row: Sequence[float], metric: int) -> dict[str, float]:
    values = zip(PERCENTILES, row[metric + 1 :], strict=False)
    return {p: value for p, value in values if value == value}  # NaN where nothing was learned


def _failed(asked: Asked) -> OperatingEstimate:
    q = asked.query
    return OperatingEstimate(
        query=q,
        engine=q.engine or "",
        spec_method=q.spec_method or "none",
        disagg=bool(q.disagg),
        tp=q.tp or 0,
        ep=q.ep or 0,
        dp_attention=bool(q.dp_attention),
        gpus=q.gpus or 0,
        ttft_p50_s=NOT_A_NUMBER,
        tpot_p50_s=NOT_A_NUMBER,
        total_tps_per_gpu=NOT_A_NUMBER,
        output_tps_per_gpu=NOT_A_NUMBER,
        ttft_tail={},
        tpot_tail={},
        evidence_grade="D",
        basis="physics",
        basis_text="",
        error=asked.error,
    )
