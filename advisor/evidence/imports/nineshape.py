"""The matrix of nine shapes, as `advisor probe --format csv` and other tools write it: rows under the names of
vLLM's benchmark with `random_input_len` and `random_output_len`, as CSV or a JSON list, one row a run.

A table of our own (`evidence export` writes any run as one) says whose measurement it was and when, how many of its
tokens were shared on purpose, and keeps the run's id.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any, get_args

from advisor.domain.errors import EvidenceError
from advisor.domain.evidence import Family
from advisor.domain.text import plain
from advisor.evidence.imports.common import (
    Context,
    Row,
    moment,
    ms_distribution,
    number,
    required,
    run_of,
    truth,
    whole,
    words,
)
from advisor.evidence.runs import Deployment, Run, Step

KIND = "nine-shape"
TOOL = "nine-shape matrix"
_ID = re.compile(r"[\w.-]{1,100}")


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
        engine_version=words(first, "engine_version"),
        tp=whole(first, "tp"),
        ep=whole(first, "ep"),
        dp_attention=truth(first, "dp_attention"),
        spec_method=words(first, "spec_method") or "none",
        disagg=truth(first, "disagg"),
    )
    family = words(first, "family")
    if family and family not in get_args(Family):
        raise EvidenceError(f'{context.name}: family: "{family}" is not one of {", ".join(get_args(Family))}')
    more: dict[str, Any] = {"family": family} if family else {}
    run = run_of(
        TOOL, context, [dict(row) for row in rows], steps, found, plan="nine-shape",
        started_at=moment(words(first, "started_at")), **more,
    )  # fmt: skip
    name = words(first, "run_id")
    ours = words(first, "tool") and _ID.fullmatch(name)
    return run.model_copy(update={"id": name}) if ours else run


def _step(index: int, row: Row, context: Context) -> Step:
    n = whole(row, "completed") or 0
    flags = str(row.get("flags") or "").split("; ")
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
        shared_prefix=min(1.0, number(row, "shared_prefix") or 0.0),
        asked_input_tokens=number(row, "asked_input_tokens"), asked_output_tokens=number(row, "asked_output_tokens"),
        token_source="as recorded by the tool", valid="valid" not in row or truth(row, "valid"),
        partial=truth(row, "partial"), flags=tuple(plain(flag, 300) for flag in flags if flag),
    )  # fmt: skip
