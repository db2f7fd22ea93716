"""InferenceX's public benchmark interface: the latest result of every configuration of a model, as JSON rows.

Fields: hardware, framework, model, precision, spec_method, disagg, is_multinode, prefill_* and decode_* (tp, ep,
dp_attention, num_workers), num_prefill_gpu, num_decode_gpu, isl, osl, conc, image, metrics, date, run_url. Metrics are
seconds and tokens/s per GPU; the rates of disaggregated rows are per GPU of the role. Aggregated rows state TP x EP in
both GPU counts: there the GPUs are those of the tensor-parallel group.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any
from urllib.parse import quote

from advisor.catalog.tables import SERVING
from advisor.catalog_build.drop import cell, digest
from advisor.domain.roles import DERIVED, Role, total_gpus
from advisor.refresh.decode import SourceError, json_of, label, listed, number, whole
from advisor.refresh.offers import Facts, Parsed
from advisor.refresh.sources.base import Item, Source

_MODELS = {
    "dsr1": "DeepSeek-R1-0528", "gptoss120b": "gpt-oss-120b", "llama70b": "Llama-3.3-70B-Instruct-FP8",
    "qwen3.5": "Qwen-3.5-397B-A17B", "kimik2.5": "Kimi-K2.5", "minimaxm2.5": "MiniMax-M2.5", "glm5": "GLM-5",
    "dsv4": "DeepSeek-V4-Pro",
}  # fmt: skip
"""Item -> the name by which the interface knows a model; point releases come with their family."""
_PRECISIONS = frozenset({"bf16", "fp16", "fp8", "fp4", "int4"})
_WORKERS = ("num_workers", "tp", "ep")
"""Fields of a role."""
_LENGTH_SHARE = 0.9
"""Mean drawn length over the nominal one, for lengths drawn evenly from 0.8 to 1."""
_IMPLIED_OFF = 0.35
"""Share by which the GPUs implied by the rates may miss the stated ones before the row is flagged."""
_LITTLE = (0.1, 500.0)
"""Concurrency over rate times latency, one by Little's law; of rows at hand 0.58 to 66, where requests wait."""
IDENTITY = tuple(n for n in SERVING.names if n not in ("row_id", "flags", "notes", "run_url", "source_id"))


def parse(body: bytes, facts: Facts) -> Parsed:
    """Measurements of one answer: a list of rows, or the list under `rows` or `data`."""
    document = json_of(body)
    if isinstance(document, dict) and "error" in document:
        raise SourceError(f"the interface answers: {label(document['error'], 100)}")
    key = next((k for k in ("rows", "data") if isinstance(document, dict) and k in document), None)
    rows = listed(document, key) if key else listed(document)
    if rows and not any({"hardware", "isl", "osl", "conc", "metrics"} <= set(row) for row in rows):
        raise SourceError(
            f"the rows lack hardware, isl, osl, conc or metrics; they hold {label(', '.join(rows[0]), 160)}"
        )
    out = Parsed()
    for row in rows:
        hardware = label(row.get("hardware")).casefold()
        if hardware not in facts.memory_gb or label(row.get("model")) not in facts.models or row.get("isl") is None:
            out.ignored += 1  # other parts and models, and trace replays without fixed lengths
            continue
        found = _measurement(row, hardware, facts.today)
        if isinstance(found, str):
            out.refused[found] += 1
        else:
            out.measurements.append(found)
    days = [row["date"] for row in out.measurements]
    out.content_date = max((day for day in days if isinstance(day, date)), default=None)
    return out


def _measurement(row: Mapping[str, Any], accelerator: str, today: date) -> dict[str, object] | str:
    """A row of the serving table, or the reason why there is none."""
    metrics = row.get("metrics")
    if not isinstance(metrics, dict):
        return "no metrics"
    precision = label(row.get("precision")).casefold()
    if precision not in _PRECISIONS:
        return f'precision "{precision}"'
    isl, osl, concurrency = (_count(row.get(k), 10_000_000) for k in ("isl", "osl", "conc"))
    if not isl or not osl or not concurrency:
        return "no lengths or concurrency"
    total, tpot = _positive(metrics, "tput_per_gpu", 1e6), _positive(metrics, "median_tpot", 1e4)
    mean_tpot = _positive(metrics, "mean_tpot", 1e4)
    if total is None or (tpot is None and mean_tpot is None):
        return "no throughput or no TPOT"
    try:
        day = date.fromisoformat(str(row.get("date"))[:10])
    except ValueError:
        return "no date"
    if day > today + timedelta(days=1):  # a day ahead may be another time zone
        return "a date in the future"
    disagg = row.get("disagg") is True
    prefill, decode = (_count(row.get(k), 1024) for k in ("num_prefill_gpu", "num_decode_gpu"))
    tp, ep = (_count(row.get(k), 1024) for k in ("decode_tp", "decode_ep"))
    gpus = (prefill + decode if prefill and decode else None) if disagg else tp
    flags = []
    dp_attention = row.get("decode_dp_attention") is True
    if disagg and prefill and not decode:
        sides = (Role(*(_count(row.get(f"{side}_{n}"), 1024) for n in _WORKERS)) for side in ("prefill", "decode"))
        gpus = total_gpus(*sides, prefill_gpus=prefill, dp_attention=dp_attention)
        if gpus is not None:
            decode = gpus - prefill
            flags.append(DERIVED)
    if not gpus or gpus > 1024:
        return "no number of GPUs"
    output = _positive(metrics, "output_tput_per_gpu", 1e6)
    if disagg and output is not None and decode:
        output = round(output * decode / gpus, 6)
    if output is not None and output > total * 1.001:
        return "more output than input and output together"
    busy_s = (_positive(metrics, "median_ttft", 1e5) or 0.0) + (tpot or mean_tpot or 0.0) * osl * _LENGTH_SHARE
    little = concurrency * _LENGTH_SHARE * (isl + osl) / busy_s / (total * gpus)
    if not _LITTLE[0] <= little <= _LITTLE[1]:
        return "rates and latencies that contradict one another; their units may have changed"
    e2el = _positive(metrics, "median_e2el", 1e6)
    if e2el is not None:
        implied = concurrency * _LENGTH_SHARE * (isl + osl) / e2el / total
        if abs(implied / gpus - 1) > _IMPLIED_OFF:
            flags.append("implied_gpus_off")
    found: dict[str, object] = {
        "family": "single_run", "accelerator": accelerator, "model": label(row.get("model")), "precision": precision,
        "engine": label(row.get("framework")), "spec_method": label(row.get("spec_method")) or "none",
        "disagg": disagg, "tp": tp or 0, "ep": ep or 0, "dp_attention": dp_attention,
        "gpus": gpus, "isl": isl, "osl": osl, "concurrency": concurrency, "total_tps_per_gpu": total,
        "output_tps_per_gpu": output, "tpot_p50_s": tpot, "ttft_p50_s": _positive(metrics, "median_ttft", 1e5),
        "tpot_p99_s": _positive(metrics, "p99_tpot", 1e4), "ttft_p99_s": _positive(metrics, "p99_ttft", 1e5),
        "e2el_p50_s": e2el, "date": day, "flags": flags,
        "prefill_tp": _count(row.get("prefill_tp"), 1024) if disagg else None,
        "prefill_ep": _count(row.get("prefill_ep"), 1024) if disagg else None,
        "prefill_workers": _count(row.get("prefill_num_workers"), 1024) if disagg else None,
        "decode_workers": _count(row.get("decode_num_workers"), 1024) if disagg else None,
        "prefill_gpus": prefill if disagg else None, "decode_gpus": decode if disagg else None,
        "tpot_mean_s": mean_tpot, "ttft_mean_s": _positive(metrics, "mean_ttft", 1e5),
        "image": label(row.get("image"), 160), "run_url": label(row.get("run_url"), 200),
    }  # fmt: skip
    if not found["engine"]:
        return "no engine"
    found["row_id"] = "rx-" + digest("|".join(cell(found.get(name)) for name in IDENTITY), 10)
    return found


def _positive(metrics: Mapping[str, Any], key: str, high: float) -> float | None:
    value = number(metrics.get(key))
    return value if value is not None and 0 < value <= high else None


def _count(value: object, high: int) -> int | None:
    found = whole(value)
    return found if found is not None and 0 < found <= high else None


def item(name: str) -> Item:
    """The answer for one model, by its key here or by the interface's own name for it."""
    return Item(name, f"benchmarks?model={quote(_MODELS.get(name, name))}", parse)


SOURCE = Source(
    name="inferencex",
    title="InferenceX benchmarks",
    data="evidence",
    base="https://inferencex.semianalysis.com/api/v1",
    items=tuple(map(item, _MODELS)),
    kind="measured",
    attribution="Data from InferenceX by SemiAnalysis",
    live=False,
    make=item,
)
