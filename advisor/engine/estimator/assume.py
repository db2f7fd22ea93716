"""Fill in what a query leaves open with the best known configuration."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import TypeVar

from advisor.domain.errors import did_you_mean
from advisor.domain.estimate import OperatingQuery
from advisor.domain.evidence import Measurement
from advisor.domain.hardware import PRECISIONS, Accelerator
from advisor.domain.model import ModelSpec
from advisor.domain.sizing import Memory
from advisor.engine.estimator.known import Known, agrees, best_known, configurations, nearest_kin
from advisor.engine.estimator.physics import MEAN_LENGTH, USABLE_MEMORY, cache_precision
from advisor.engine.memory import plan_memory, weight_bytes

MOST = {"isl": 100_000_000, "osl": 100_000_000, "concurrency": 65_536, "tp": 1024, "ep": 1024, "gpus": 65_536}
"""Beyond these a question is a slip of the pen: no deployment comes near."""
OPEN_FIELDS = ("engine", "spec_method", "disagg", "tp", "ep", "dp_attention", "gpus")


def problem_with(q: OperatingQuery, accelerators: Mapping[str, Accelerator], days: tuple[date, date]) -> str:
    """Why a query cannot be estimated; empty where it can. `days` bound the software that may be asked for."""
    if q.accelerator not in accelerators:
        return f'accelerator "{q.accelerator}" is not in the catalog{did_you_mean(q.accelerator, accelerators)}'
    if q.precision not in PRECISIONS:
        return f'precision "{q.precision}" is none of {", ".join(PRECISIONS)}{did_you_mean(q.precision, PRECISIONS)}'
    for name, value in (("isl", q.isl), ("osl", q.osl), ("concurrency", q.concurrency)):
        if not 1 <= value <= MOST[name]:
            return f"{name} {_shown(value)} is not a number between 1 and {MOST[name]:,}"
    for name, size in (("tp", q.tp), ("ep", q.ep), ("gpus", q.gpus)):
        if size is not None and not 1 <= size <= MOST[name]:
            return f"{name} {_shown(size)} is not a whole number between 1 and {MOST[name]:,}"
    if q.tp and q.gpus and q.gpus < q.tp and not q.disagg:
        return f"gpus {q.gpus} cannot hold tp {q.tp}, which takes one GPU each"
    if lacks_worker(q):
        return f"gpus {q.gpus} cannot hold a decode worker of tp {q.tp or 1}, ep {q.ep or 1}, and others that prefill"
    if q.software_date and not days[0] <= q.software_date <= days[1]:
        return f"software_date {q.software_date} is not between {days[0]}, the day of the first run, and {days[1]}"
    mean_tokens = MEAN_LENGTH * (q.isl + q.osl)
    if q.model.max_context and mean_tokens > q.model.max_context:
        limit = f"the {q.model.max_context:,} of {q.model.name or q.model.id}"
        return f"{mean_tokens:,.0f} tokens of mean input and output exceed {limit}"
    return ""


def lacks_worker(q: OperatingQuery) -> bool:
    """Whether the total of a disaggregated question is less than one decode worker has."""
    return bool(q.disagg and q.gpus and q.gpus < max(q.tp or 1, q.ep or 1))


def _shown(value: float) -> str:
    """A number that may be too large for a float."""
    return f"{float(max(min(value, 1e300), -1e300)):g}"


def is_open(q: OperatingQuery) -> bool:
    """Whether a query leaves anything to assume."""
    return None in (q.engine, q.spec_method, q.disagg, q.tp, q.ep, q.dp_attention, q.gpus)


P = TypeVar("P", OperatingQuery, Measurement)


def one_copy(p: P) -> P:
    """An aggregated deployment on more GPUs than its TP as the estimator knows it, where a replica has as many.

    With data-parallel attention the GPUs are one replica, whose width the evidence writes as TP. Without it they are
    copies, each with its part of the requests.
    """
    if p.disagg or not p.tp or not p.gpus or p.gpus <= p.tp:
        return p
    if p.dp_attention:
        return replace(p, tp=p.gpus)
    return replace(p, gpus=p.tp, concurrency=max(1, round(p.concurrency * p.tp / p.gpus)))


def _copies(q: OperatingQuery, one: OperatingQuery) -> str:
    """What `one_copy` made of a question, in words."""
    if one.tp != q.tp:
        return f"tp {one.tp}, the GPUs over which data-parallel attention spreads"
    each = f"{one.concurrency} request{'s' * (one.concurrency > 1)}"
    return f"{(q.gpus or 1) / (q.tp or 1):.3g} copies of {q.tp} GPUs, {each} on each"


class Assumer:
    """Picks, among measured configurations that agree with the query, the one of the highest rate at its load."""

    def __init__(
        self, rows: Sequence[Measurement], models: Mapping[str, ModelSpec], accelerators: Mapping[str, Accelerator]
    ) -> None:
        self._models = models
        self._accelerators = accelerators
        self._by: dict[tuple[str, str, str], list[Measurement]] = defaultdict(list)
        self._by_accelerator: dict[tuple[str, str], list[Measurement]] = defaultdict(list)
        self._speculated = {m.model for m in rows if m.spec_method != "none"}
        self._known: dict[tuple[object, ...], tuple[Known, ...]] = {}
        for m in rows:
            self._by[m.accelerator, m.model, m.precision].append(m)
            self._by_accelerator[m.accelerator, m.precision].append(m)

    def complete(self, q: OperatingQuery, model_name: str) -> tuple[OperatingQuery, tuple[str, ...]]:
        """The query with nothing open and for one replica, and what was assumed."""
        full, notes = self._filled(q, model_name) if is_open(q) else (q, ())
        one = one_copy(full)
        return (full, notes) if one is full else (one, (*notes, _copies(full, one)))

    def _filled(self, q: OperatingQuery, model_name: str) -> tuple[OperatingQuery, tuple[str, ...]]:
        open_fields = [f for f in OPEN_FIELDS if getattr(q, f) is None]
        if q.disagg and q.gpus is None:
            open_fields.remove("gpus")  # the usual total of such deployments is assumed instead, see `Estimator`
        if not open_fields:
            return q, ()
        if open_fields == ["gpus"]:
            return replace(q, gpus=q.tp), ()
        closed: dict[str, object] = {}
        if q.tp is None and q.gpus and not q.disagg and q.gpus <= self._accelerators[q.accelerator].scale_up_domain:
            closed["tp"] = q.gpus  # a replica that has so many GPUs
        best = self._best(replace(q, **closed), model_name) or self._best(q, model_name)  # type: ignore[arg-type]
        if best is None:
            closed |= self._closed(q, model_name)
            best = self._best(replace(q, **closed)) or self._best(q)  # type: ignore[arg-type]
        values: dict[str, object] = {}
        if best is not None:
            values = {
                "engine": best.engine,
                "spec_method": best.spec_method,
                "disagg": best.disagg,
                "tp": best.tp,
                "ep": best.ep or 1,
                "dp_attention": best.dp_attention,
                "gpus": best.gpus if best.disagg else best.tp,
            }
        tp = q.tp or _smallest_tp(q, self._accelerators[q.accelerator])
        fallback = {
            "engine": "vllm",
            "spec_method": "none",
            "disagg": False,
            "tp": tp,
            "ep": 1,
            "dp_attention": False,
            "gpus": tp,
        }
        fill = {f: values.get(f, fallback[f]) for f in open_fields} | closed
        too_small = best is not None and _too_small(q, best, self._accelerators[q.accelerator])
        if too_small and q.tp is None and "tp" not in closed:
            fill |= {"tp": tp, "gpus": tp}
        full = replace(q, **fill)  # type: ignore[arg-type]
        if not full.disagg:
            full = replace(full, gpus=full.gpus if q.gpus else full.tp)
        named = [f for f in open_fields if f != "gpus" or full.disagg]
        # as a table of points has it: true and false
        return full, tuple(f"{f} {str(v).lower() if isinstance(v := fill[f], bool) else v}" for f in named)

    def _closed(self, q: OperatingQuery, model_name: str) -> dict[str, object]:
        """Open fields that the deployments of other models say nothing about: speculation that was never measured with
        this one, which may have no such head, and a split of experts that a dense model has not."""
        out: dict[str, object] = {}
        if q.spec_method is None and model_name not in self._speculated:
            out["spec_method"] = "none"
        if not q.model.is_moe:
            out |= {f: value for f, value in (("ep", 1), ("dp_attention", False)) if getattr(q, f) is None}
        return out

    def _best(self, q: OperatingQuery, own: str = "") -> Measurement | None:
        """A row of the best configuration measured with the model of that name; without one, with its nearest kin."""
        stated = tuple(getattr(q, name) for name in OPEN_FIELDS)
        key = (q.accelerator, q.precision, own or q.model, *stated, q.isl, q.osl)
        if key not in self._known:
            self._known[key] = self._configurations(q, own)
        return best_known(self._known[key], q.concurrency)

    def _configurations(self, q: OperatingQuery, own: str) -> tuple[Known, ...]:
        if own:
            return configurations(q, self._by.get((q.accelerator, own, q.precision), ()))
        kin = [m for m in self._by_accelerator.get((q.accelerator, q.precision), ()) if agrees(q, m)]
        return configurations(q, nearest_kin(q.model, kin, self._models))


def _smallest_tp(q: OperatingQuery, accelerator: Accelerator) -> int:
    """Smallest power of two whose GPUs hold the weights in 80 % of memory, and a request beside them."""
    need = weight_bytes(q.model, q.precision, accelerator).total
    tp = 1
    while 2 * tp <= accelerator.scale_up_domain and (
        need > 0.8 * accelerator.memory_bytes * tp or not room_of(replace(q, tp=tp, gpus=tp), accelerator).fits
    ):
        tp *= 2
    return tp


def _too_small(q: OperatingQuery, m: Measurement, accelerator: Accelerator) -> bool:
    """Whether the GPUs of a measured deployment, of another model or other lengths, hold no request of a query."""
    asked = replace(q, tp=m.tp, ep=m.ep, gpus=m.gpus, dp_attention=m.dp_attention, disagg=m.disagg)
    return not room_of(one_copy(asked), accelerator).fits


def room_of(q: OperatingQuery, accelerator: Accelerator) -> Memory:
    """What the memory of one replica holds beside the weights, or one decode worker's; nothing is kept in reserve.

    Parameters
    ----------
    q
        Of one copy, see `one_copy`.
    """
    return plan_memory(
        q.model, accelerator, precision=q.precision, kv_precision=cache_precision(q.precision), tp=q.tp or 1, pp=q.pp,
        gpus=room_gpus(q), dp_attention=bool(q.dp_attention), context_tokens=MEAN_LENGTH * (q.isl + q.osl),
        utilisation=USABLE_MEMORY, reserve_gb=0.0,
    )  # fmt: skip


def room_gpus(q: OperatingQuery) -> int:
    """GPUs over which `room_of` reckons, but for the stages of a pipeline."""
    return max(q.tp or 1, (q.ep or 1) if q.disagg else (q.gpus or 1))
