"""Operating points as arrays: what physics and kriging see of a measurement or a query."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from datetime import date, timedelta
from functools import cache
from operator import attrgetter, itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from advisor.domain.estimate import OperatingQuery
from advisor.domain.evidence import Measurement
from advisor.domain.hardware import Accelerator
from advisor.domain.model import ModelSpec
from advisor.domain.record import record

Floats = NDArray[np.float64]
Places = NDArray[np.intp]
EPOCH = date(2026, 1, 1)
MONTH_DAYS = 30.4
MEDIAN_MONTH = 2.0
"""Where a median over runs sits on the time axis where nothing is known of its configuration [months after EPOCH]: in
the middle of the ten months of the benchmark."""
MEDIAN_STEP = 0.25
"""To which medians over runs are rounded on the time axis [months]; the first days of their configurations are known
to a week or two."""
KIND = {"median": 0, "single_run": 1, "published_table": 2, "secondhand": 2, "vendor_ci": 3, "own_probe": 1}
DATED = 1
"""Code in KIND of a run of a known day."""
UNSTATED_TP = 8.0
ENGINES = ("sglang", "trt", "vllm", "atom")


@record
class Points:
    """Operating points, one entry per point in every array; `gpus` is NaN where unknown."""

    accelerators: tuple[Accelerator, ...]
    models: tuple[ModelSpec, ...]
    model_names: tuple[str, ...]
    precision: tuple[str, ...]
    engine: tuple[str, ...]
    spec: NDArray[np.bool_]
    disagg: NDArray[np.bool_]
    tp: Floats
    ep: Floats
    dp: NDArray[np.bool_]
    gpus: Floats
    isl: Floats
    osl: Floats
    concurrency: Floats
    kind: Floats
    month: Floats
    pp: Floats
    """Stages over which the weights are spread, where each point is one stage of a pipeline."""

    def __len__(self) -> int:
        return len(self.accelerators)

    def take(self, chosen: NDArray[np.intp]) -> Points:
        """Some of the points."""
        values: dict[str, Any] = {}
        places = chosen.tolist()
        several = itemgetter(*places) if len(places) > 1 else None  # of one place it would give no tuple
        for field in fields(self):
            old = getattr(self, field.name)
            if not isinstance(old, tuple):
                values[field.name] = old.take(chosen)
            else:
                values[field.name] = several(old) if several else tuple(old[i] for i in places)
        return Points(**values)


def distinct(*columns: Iterable[Hashable]) -> tuple[list[int], NDArray[np.intp]]:
    """Where each distinct row of the columns stands first, and which of them each row is.

    Thousands of points share a few hundred combinations of names: what follows from names is reckoned once for each.

    >>> distinct("aba", "xxx")
    ([0, 1], array([0, 1, 0]))
    """
    first: list[int] = []
    places: dict[tuple[Hashable, ...], int] = {}
    of_row = []
    for i, row in enumerate(zip(*columns, strict=True)):
        place = places.get(row)
        if place is None:
            place = places[row] = len(first)
            first.append(i)
        of_row.append(place)
    return first, np.array(of_row, dtype=np.intp)


def sorted_distinct(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Distinct values in order, and which of them each value is: `np.unique`, which would load numpy.ma.

    >>> sorted_distinct(np.array([3, 1, 3]))
    (array([1, 3]), array([1, 0, 1]))
    """
    order = values.argsort(kind="stable")
    ranked = values[order]
    new = np.ones(len(ranked), np.bool_)
    new[1:] = ranked[1:] != ranked[:-1]
    of_value = np.empty(len(ranked), np.intp)
    of_value[order] = new.cumsum() - 1
    return ranked[new], of_value


@cache
def engine_base(engine: str) -> str:
    """The engine without its disaggregation layer: dynamo-trt -> trt."""
    return next((base for base in ENGINES if base in engine), engine)


def months_since_epoch(day: date) -> float:
    """Months after EPOCH."""
    return (day - EPOCH).days / MONTH_DAYS


def day_of(month: float) -> date:
    """The day that lies so many months after EPOCH.

    >>> day_of(months_since_epoch(date(2026, 3, 1)))
    datetime.date(2026, 3, 1)
    """
    return EPOCH + timedelta(days=round(month * MONTH_DAYS))


def on_reference_parts(points: Points, parts: Mapping[str, Accelerator]) -> Points:
    """The points as if each ran on the reference part of its generation, or on any, where its own has none."""
    fallback = next(iter(parts.values()), None)
    first, of_point = distinct(map(id, points.accelerators))
    kinds = [points.accelerators[i] for i in first]
    chosen = [parts.get(a.generation) or fallback or a for a in kinds]
    return replace(points, accelerators=tuple(chosen[k] for k in of_point.tolist()))


def stack_key(accelerator: str, model: str, precision: str, engine: str, spec: bool, disagg: bool) -> str:
    """Name of a stack: accelerator|model|precision|engine|speculation|disaggregation."""
    return f"{accelerator}|{model}|{precision}|{engine_base(engine)}|{spec}|{disagg}"


def stack_keys(points: Points) -> list[str]:
    """Each point's stack."""
    a, m, p, e = points.accelerators, points.model_names, points.precision, points.engine
    s, d = points.spec.tolist(), points.disagg.tolist()
    first, of_point = distinct(map(id, a), m, p, e, s, d)
    keys = [stack_key(a[i].id, m[i], p[i], e[i], s[i], d[i]) for i in first]
    return [keys[k] for k in of_point.tolist()]


def _month(m: Measurement) -> float:
    """Where a measurement sits on the time axis: at its day, or in the middle of the days over which it is a median."""
    if m.family == "median":
        return median_month(m.first_run, m.date) if m.first_run and m.date else MEDIAN_MONTH
    return months_since_epoch(m.date) if m.date else MEDIAN_MONTH


@cache
def median_month(first: date, last: date) -> float:
    """Middle of the days over which a median is taken [months after EPOCH], to MEDIAN_STEP.

    >>> median_month(date(2025, 12, 1), date(2026, 5, 1))
    0.5
    """
    middle = (months_since_epoch(first) + months_since_epoch(last)) / 2
    return round(middle / MEDIAN_STEP) * MEDIAN_STEP


def _stack(rows: Sequence[tuple[Any, ...]]) -> Points:
    cols: list[Any] = list(zip(*rows, strict=True)) if rows else [()] * 17

    def num(i: int) -> Floats:
        return np.array(cols[i], dtype=np.float64)

    def flag(i: int) -> NDArray[np.bool_]:
        return np.array(cols[i], dtype=np.bool_)

    return Points(
        accelerators=tuple(cols[0]),
        models=tuple(cols[1]),
        model_names=tuple(cols[2]),
        precision=tuple(cols[3]),
        engine=tuple(cols[4]),
        spec=flag(5),
        disagg=flag(6),
        tp=num(7),
        ep=num(8),
        dp=flag(9),
        gpus=num(10),
        isl=num(11),
        osl=num(12),
        concurrency=num(13),
        kind=num(14),
        month=num(15),
        pp=num(16),
    )


def _degrees(tp: int | None, ep: int | None, gpus: int | None, disagg: bool) -> tuple[float, float, float]:
    width = float(tp) if tp and tp > 0 else UNSTATED_TP
    known = float(gpus) if gpus and gpus > 0 else float("nan")
    return width, float(ep) if ep and ep > 0 else 1.0, known if disagg else width


def points_of_measurements(
    rows: Sequence[Measurement], models: Mapping[str, ModelSpec], accelerators: Mapping[str, Accelerator]
) -> Points:
    """Encode measurements; the caller has kept only rows whose model and accelerator are known."""

    def column(name: str) -> list[Any]:
        return list(map(attrgetter(name), rows))

    def number(name: str) -> Floats:
        return np.array(column(name), dtype=np.float64)

    names, disagg = column("model"), np.array(column("disagg"), dtype=np.bool_)
    tp, ep, gpus = number("tp"), number("ep"), number("gpus")  # None becomes NaN
    width = np.where(tp > 0, tp, UNSTATED_TP)
    dated = list(map(_month, rows))
    return Points(
        accelerators=tuple(map(accelerators.__getitem__, column("accelerator"))),
        models=tuple(map(models.__getitem__, names)),
        model_names=tuple(names),
        precision=tuple(column("precision")),
        engine=tuple(column("engine")),
        spec=np.array([method != "none" for method in column("spec_method")], dtype=np.bool_),
        disagg=disagg,
        tp=width,
        ep=np.where(ep > 0, ep, 1.0),
        dp=np.array(column("dp_attention"), dtype=np.bool_),
        # A total that the source does not state stays unknown, as it is to a query.
        gpus=np.where(disagg, np.where(gpus > 0, gpus, np.nan), width),
        isl=number("isl"),
        osl=number("osl"),
        concurrency=np.maximum(1.0, number("concurrency")),
        kind=np.array([KIND[family] for family in column("family")], dtype=np.float64),
        month=np.array(dated, dtype=np.float64),
        pp=np.ones(len(rows)),
    )


def points_of_queries(
    queries: Sequence[OperatingQuery],
    names: Sequence[str],
    accelerators: Mapping[str, Accelerator],
) -> Points:
    """Encode queries whose every part is filled in, as medians over runs.

    `names` are the models as the measurements spell them.
    """
    out = []
    for q, name in zip(queries, names, strict=True):
        tp, ep, gpus = _degrees(q.tp, q.ep, q.gpus, bool(q.disagg))
        out.append(
            (
                accelerators[q.accelerator],
                q.model,
                name,
                q.precision,
                q.engine or "",
                (q.spec_method or "none") != "none",
                bool(q.disagg),
                tp,
                ep,
                bool(q.dp_attention),
                gpus,
                q.isl,
                q.osl,
                max(1, q.concurrency),
                0,
                MEDIAN_MONTH,
                q.pp,
            )
        )
    return _stack(out)
