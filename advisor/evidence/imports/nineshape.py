"""The matrix of nine shapes, as `advisor probe --format csv` and other tools write it: rows under the names of
vLLM's benchmark with `random_input_len` and `random_output_len`, as CSV or a JSON list, one row a run.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from advisor.evidence.imports.common import Context, Row, ms_distribution, number, required, run_of, truth, whole, words
from advisor.evidence.runs import Deployment, Run, Step

KIND = "nine-shape"
TOOL = "nine-shape matrix"


def recognises(document: object) -> bool:
    """Whether this is a list of such rows."""
    if not isinstance(document, list) or not document or not isinstance(document[0], dict):
        return False
    return {"random_input_len", "random_output_len", "output_throughput"} <= document[0].keys()


def read(document: list[Row], context: Context) -> list[Run]:
    """One run for each run id (or for the file), one step a row."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in document:
        groups[words(row, "run_id")].append(row)
    return [_run(rows, context) for rows in groups.values()]


def _run(rows: list[Row], context: Context) -> Run:
    steps = tuple(_step(index, row, context) for index, row in enumerate(rows))
    first: dict[str, Any] = dict(rows[0])
    found = Deployment(
        model=words(first, "model_id", "model"),
        accelerator=words(first, "accelerator").lower(),
        gpus=whole(first, "gpus"),
        precision=words(first, "precision").lower(),
        engine=words(first, "engine"),
        tp=whole(first, "tp"),
        ep=whole(first, "ep"),
        dp_attention=truth(first, "dp_attention"),
        spec_method=words(first, "spec_method") or "none",
        disagg=truth(first, "disagg"),
    )
    return run_of(TOOL, context, [dict(row) for row in rows], steps, found, plan="nine-shape")


def _step(index: int, row: Row, context: Context) -> Step:
    n = whole(row, "completed") or 0
    concurrency, rate = number(row, "max_concurrency"), number(row, "request_rate")
    load = words(row, "load")
    return Step(
        index=index,
        load=load if load in ("closed", "poisson", "constant") else ("closed" if concurrency else "unknown"),
        concurrency=concurrency, rate_rps=rate,
        isl=required(number(row, "random_input_len"), "random_input_len", context),
        osl=required(number(row, "random_output_len"), "random_output_len", context),
        mean_input_tokens=number(row, "mean_input_tokens"), mean_output_tokens=number(row, "mean_output_tokens"),
        requests=whole(row, "num_prompts") or n, succeeded=n, duration_s=number(row, "duration"),
        ttft=ms_distribution(row, "ttft", n), tpot=ms_distribution(row, "tpot", n),
        itl=ms_distribution(row, "itl"), e2el=ms_distribution(row, "e2el", n),
        output_tps=number(row, "output_throughput"), total_tps=number(row, "total_token_throughput"),
        requests_per_s=number(row, "request_throughput"), goodput_rps=number(row, "request_goodput"),
        token_source="as recorded by the tool", valid="valid" not in row or truth(row, "valid"),
        partial=truth(row, "partial"), flags=(flags,) if (flags := words(row, "flags")) else (),
    )  # fmt: skip
