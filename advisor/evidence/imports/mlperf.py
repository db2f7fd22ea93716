"""Summaries of MLPerf Inference rounds (`summary.json`, `summary_results.json` of mlcommons/inference_results_*).

Field names as in the v6.1 summary (rows under numbered keys) and in the lists of earlier rounds. A contest at its
peak, tuned by the submitter: kept for context, never an operating point (no concurrency, no latencies). Results
retrieved from MLCommons; per-accelerator figures are derived by us and are not an official MLPerf metric. The MLPerf
name and logo are trademarks of MLCommons.
"""

from __future__ import annotations

from advisor.evidence.imports.common import Context, Row, number, run_of, whole, words
from advisor.evidence.runs import Deployment, Run, Step

KIND = "mlperf"
TOOL = "mlperf inference"
_ATTRIBUTION = "MLPerf results retrieved from MLCommons; per-accelerator figures are not an official MLPerf metric"


def recognises(document: object) -> bool:
    """Whether this is a round's summary."""
    rows = _rows(document)
    return bool(rows) and "Scenario" in rows[0] and ("MlperfModel" in rows[0] or "Model" in rows[0])


def read(document: object, context: Context) -> list[Run]:
    """One run for each tokens-per-second result of a datacenter language model."""
    return [
        _run(row, context) for row in _rows(document) if "tokens/s" in words(row, "Units", "Performance_Units").lower()
    ]


def _run(row: Row, context: Context) -> Run:
    rate = number(row, "Result", "Performance_Result")
    gpus = whole(row, "total_accelerators") or (whole(row, "accelerators_per_node", "a#") or 0) * (
        whole(row, "number_of_nodes", "Nodes") or 1
    )
    scenario = words(row, "Scenario")
    step = Step(
        index=0, load="unknown", isl=0, osl=0, output_tps=rate, token_source="as recorded by the tool",
        flags=(f"MLPerf {scenario}: a peak at a contest, not an operating point",),
    )  # fmt: skip
    found = Deployment(
        accelerator=words(row, "accelerator_model_name", "Accelerator"), gpus=gpus or None,
        model=words(row, "MlperfModel", "Model"), precision=words(row, "weight_data_types"),
        engine=words(row, "framework", "Software"),
    )  # fmt: skip
    place = " ".join(
        (words(row, "version", "Round"), words(row, "Organization", "Submitter"), words(row, "SystemName", "System"))
    )
    return run_of(
        TOOL, context, dict(row), (step,), found, tool_version=words(row, "version"), family="published_table",
        plan=f"{words(row, 'Division', 'Category')} {scenario}", flags=(_ATTRIBUTION, place.strip()),
    )  # fmt: skip


def _rows(document: object) -> list[Row]:
    if isinstance(document, dict):
        document = list(document.values())
    return [row for row in document if isinstance(row, dict)] if isinstance(document, list) else []
