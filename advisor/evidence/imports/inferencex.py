"""Rows of InferenceX: the aggregated JSON of its CI (`agg_*.json`, one or a list), or of its API, or CSV of the same.

Field names as in utils/process_result.py of SemiAnalysisAI/InferenceX. `tput_per_gpu` is input + output tokens per
second over all GPUs; for disaggregated rows `output_tput_per_gpu` counts decode GPUs only. Times in seconds. Data from
InferenceX by SemiAnalysis.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from advisor.domain.errors import EvidenceError
from advisor.evidence.imports.common import Context, Row, moment, number, run_of, truth, whole, words
from advisor.evidence.runs import Deployment, Distribution, Run, Step

KIND = "inferencex"
TOOL = "inferencex"


def recognises(document: object) -> bool:
    """Whether this is such a row, or a list that begins with one."""
    if isinstance(document, list):
        return bool(document) and recognises(document[0])
    if not isinstance(document, dict):
        return False
    flat = _flat(document)
    return "tput_per_gpu" in flat and ("conc" in flat or "concurrency" in flat)


def read(document: Row | list[Row], context: Context) -> list[Run]:
    """One run for each configuration, one step for each concurrency."""
    rows = [_flat(row) for row in (document if isinstance(document, list) else [document]) if isinstance(row, dict)]
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        where = _deployment(row)
        groups[(where.model_dump_json(), words(row, "date"), words(row, "run_url"))].append(row)
    runs = []
    for group in groups.values():
        steps = tuple(_step(index, row, context) for index, row in enumerate(group))
        started = moment(words(group[0], "date")[:10], "%Y-%m-%d")
        runs.append(
            run_of(
                TOOL, context, group, steps, _deployment(group[0]), family="single_run", started_at=started,
                flags=("Data from InferenceX by SemiAnalysis",),
            )
        )  # fmt: skip
    return runs


def _flat(row: Row) -> dict[str, Any]:
    """API rows keep figures under `metrics`."""
    metrics = row.get("metrics")
    return {**row, **metrics} if isinstance(metrics, dict) else dict(row)


def _deployment(row: Row) -> Deployment:
    prefill, decode = whole(row, "num_prefill_gpu"), whole(row, "num_decode_gpu")
    disagg = truth(row, "disagg")
    tp = whole(row, "tp", "decode_tp")
    gpus = (prefill or 0) + (decode or 0) if disagg or truth(row, "is_multinode") else tp
    return Deployment(
        accelerator=words(row, "hw", "hardware", "accelerator").lower().split("-")[0],
        gpus=gpus or tp, model=words(row, "infmax_model_prefix", "model"), precision=words(row, "precision").lower(),
        engine=words(row, "framework").lower(), tp=tp, ep=whole(row, "ep", "decode_ep"),
        dp_attention=truth(row, "dp_attention") or truth(row, "decode_dp_attention"),
        spec_method=words(row, "spec_method", "spec_decoding", "mtp") or "none", disagg=disagg,
    )  # fmt: skip


def _step(index: int, row: Row, context: Context) -> Step:
    where = _deployment(row)
    total, output = number(row, "tput_per_gpu"), number(row, "output_tput_per_gpu")
    if total is None or where.gpus is None:
        raise EvidenceError(f"{context.name}: row {index + 1}: tput_per_gpu or the number of GPUs (tp) is missing")
    decode = whole(row, "num_decode_gpu") if where.disagg else None
    output_tps = None if output is None else output * (decode or where.gpus)
    total_tps = total * where.gpus
    isl, osl = number(row, "isl") or 0.0, number(row, "osl") or 0.0
    flags = () if isl and osl else ("the row does not state its lengths",)
    if output_tps is None and isl and osl:
        output_tps = total_tps * osl / (isl + osl)
        flags = (*flags, "output throughput drawn from the total by OSL / (ISL + OSL)")
    return Step(
        index=index, load="closed", concurrency=number(row, "conc", "concurrency"), isl=isl, osl=osl,
        ttft=_seconds(row, "ttft"), tpot=_seconds(row, "tpot"), itl=_seconds(row, "itl"), e2el=_seconds(row, "e2el"),
        input_tps=None if output_tps is None else max(0.0, total_tps - output_tps), output_tps=output_tps,
        total_tps=total_tps, token_source="as recorded by the tool", flags=flags,
    )  # fmt: skip


def _seconds(row: Row, name: str) -> Distribution:
    return Distribution(
        mean=number(row, f"mean_{name}", f"mean_{name}_s"),
        p50=number(row, f"median_{name}", f"median_{name}_s"),
        p90=number(row, f"p90_{name}"),
        p95=number(row, f"p95_{name}"),
        p99=number(row, f"p99_{name}", f"p99_{name}_s"),
    )
