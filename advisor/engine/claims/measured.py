"""Figures that claims about speed are held against: MLPerf, serving frontiers, single points."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from statistics import median

from advisor.catalog import Catalog
from advisor.domain.evidence import Measurement
from advisor.domain.published import MlperfResult

NODE = 8
Shape = tuple[int, int]
SHAPES: tuple[Shape, ...] = ((1024, 1024), (8192, 1024), (1024, 8192))


@dataclass(frozen=True, slots=True)
class Ratio:
    """One ratio with the rows behind it."""

    label: str
    first: float
    second: float
    rows: tuple[str, ...]

    @property
    def value(self) -> float:
        """first / second."""
        return self.first / self.second

    @property
    def text(self) -> str:
        """For a formula."""
        return f"{self.label}: {self.first:,.0f} / {self.second:,.0f} = {self.value:.2f}"


def mlperf_best(
    catalog: Catalog, accelerator: str, model: str, scenario: str, round_: str, gpus: int = NODE
) -> MlperfResult | None:
    """The best closed result of a part on one node, derived per accelerator."""
    rows = [
        r
        for r in catalog.mlperf
        if r.accelerator == accelerator
        and (r.model == model or (model in r.model and not model[-1].isdigit()) or r.model.startswith(f"{model}-"))
        and r.scenario == scenario
        and r.round == round_
        and r.division == "closed"
        and r.accelerators == gpus
        and r.unit == "tokens/s"
        and "outlier" not in r.flags
    ]
    return max(rows, key=lambda r: (r.per_accelerator, r.id), default=None)


def mlperf_ratio(
    catalog: Catalog, first: str, second: str, model: str, scenario: str, first_round: str, second_round: str = ""
) -> Ratio | None:
    """Best node of one part over the best node of another, per accelerator."""
    a = mlperf_best(catalog, first, model, scenario, first_round)
    b = mlperf_best(catalog, second, model, scenario, second_round or first_round)
    if a is None or b is None:
        return None
    label = f"{scenario} {a.entry} {a.submitter} over {b.entry} {b.submitter}"
    return Ratio(label, a.per_accelerator, b.per_accelerator, (a.id, b.id))


def frontier(
    catalog: Catalog,
    accelerator: str,
    model: str,
    shape: Shape,
    tokens_per_s_user: float,
    *,
    precisions: Collection[str] = (),
    engine: str = "",
) -> Measurement | None:
    """The highest total tokens/s per GPU measured at or above an interactivity, any configuration."""
    best: Measurement | None = None
    for r in catalog.measurements:
        if r.accelerator != accelerator or r.model != model or (r.isl, r.osl) != shape:
            continue
        if r.family == "secondhand" or not r.tpot_p50_s or not r.total_tps_per_gpu:
            continue
        if 1.0 / r.tpot_p50_s < tokens_per_s_user or (precisions and r.precision not in precisions):
            continue
        if engine and engine not in r.engine:
            continue
        if best is None or r.total_tps_per_gpu > (best.total_tps_per_gpu or 0.0):
            best = r
    return best


def frontier_ratios(
    catalog: Catalog,
    first: str,
    second: str,
    models: Sequence[str],
    interactivities: Sequence[float] = (20, 30, 50),
    *,
    shapes: Sequence[Shape] = SHAPES,
    precisions: Collection[str] = (),
    second_precisions: Collection[str] | None = None,
    engine: str = "",
) -> list[Ratio]:
    """Frontier ratios over models, shapes and interactivities where both parts are measured."""
    out: list[Ratio] = []
    theirs = precisions if second_precisions is None else second_precisions
    for model in models:
        for shape in shapes:
            for target in interactivities:
                a = frontier(catalog, first, model, shape, target, precisions=precisions, engine=engine)
                b = frontier(catalog, second, model, shape, target, precisions=theirs, engine=engine)
                if a is None or b is None or not a.total_tps_per_gpu or not b.total_tps_per_gpu:
                    continue
                label = f"{model} {shape[0]}/{shape[1]} at {target:g} tok/s per user"
                out.append(Ratio(label, a.total_tps_per_gpu, b.total_tps_per_gpu, (a.row_id, b.row_id)))
    return out


def point_ratios(
    catalog: Catalog,
    first: str,
    second: str,
    model: str,
    concurrencies: Sequence[int],
    *,
    precision: str,
    engine: str = "",
    tp: int | None = None,
) -> list[Ratio]:
    """Ratios at the same concurrency and shape, each part in its best aggregated configuration."""
    out: list[Ratio] = []
    for shape in SHAPES:
        for n in concurrencies:
            best: list[Measurement] = []
            for part in (first, second):
                rows = [
                    r
                    for r in catalog.measurements
                    if r.accelerator == part
                    and r.model == model
                    and (r.isl, r.osl) == shape
                    and r.concurrency == n
                    and r.precision == precision
                    and r.total_tps_per_gpu
                    and not r.disagg
                    and engine in r.engine
                    and (tp is None or r.tp == tp)
                ]
                best += sorted(rows, key=lambda r: (-(r.total_tps_per_gpu or 0.0), r.row_id))[:1]
            if len(best) == 2:
                a, b = best
                label = f"{shape[0]}/{shape[1]} at {n} in flight"
                out.append(Ratio(label, a.total_tps_per_gpu or 0.0, b.total_tps_per_gpu or 0.0, (a.row_id, b.row_id)))
    return out


def middle(ratios: Sequence[Ratio]) -> float:
    """Median of ratios."""
    return median(r.value for r in ratios)


def listing(ratios: Sequence[Ratio], most: int = 4) -> str:
    """Ratios for a formula, the first few in full."""
    shown = "; ".join(r.text for r in ratios[:most])
    more = f"; and {len(ratios) - most} more" if len(ratios) > most else ""
    return f"{shown}{more}; median {middle(ratios):.2f} of {len(ratios)}"


def rows_of(ratios: Sequence[Ratio]) -> tuple[str, ...]:
    """Rows behind ratios, each once."""
    return tuple(dict.fromkeys(row for ratio in ratios for row in ratio.rows))


def spread(ratios: Sequence[Ratio]) -> tuple[float, float]:
    """(smallest, largest) ratio."""
    values = [r.value for r in ratios]
    return (min(values), max(values)) if values else (math.nan, math.nan)
