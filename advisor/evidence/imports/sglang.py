"""Results of `python -m sglang.bench_serving --output-file` (JSON lines, one benchmark a line).

Field names as in python/sglang/bench_serving.py of sgl-project/sglang. Times in ms. `total_throughput` counts
input and output. Requested lengths are upper ends of a range when `random_range_ratio` is below 1.
"""

from __future__ import annotations

from advisor.evidence.imports.common import (
    Context,
    Row,
    load_of,
    ms_distribution,
    number,
    required,
    run_of,
    truth,
    whole,
    words,
)
from advisor.evidence.runs import SPECULATION, Deployment, Distribution, Run, Step

KIND = "sglang"
TOOL = "sglang.bench_serving"


def recognises(document: object) -> bool:
    """Whether this is such a line."""
    return (
        isinstance(document, dict)
        and {"median_e2e_latency_ms", "random_input_len", "output_throughput"} <= document.keys()
    )


def read(row: Row, context: Context) -> list[Run]:
    """One run of one step."""
    n = round(required(number(row, "completed"), "completed", context))
    mean_input = (number(row, "total_input_tokens") or 0) / max(1, n)
    mean_output = (number(row, "total_output_tokens") or 0) / max(1, n)
    fixed = number(row, "random_range_ratio") == 1.0 and words(row, "dataset_name").startswith("random")
    itl = ms_distribution(row, "itl")
    step = Step(
        index=0, **load_of(row, n, number(row, "concurrency")),
        isl=(number(row, "random_input_len") if fixed else None) or mean_input,
        osl=(number(row, "random_output_len") if fixed else None) or mean_output,
        mean_input_tokens=mean_input, mean_output_tokens=mean_output,
        requests=n, succeeded=n, duration_s=number(row, "duration"),
        ttft=ms_distribution(row, "ttft", n), tpot=ms_distribution(row, "tpot", n),
        itl=Distribution(mean=itl.mean, p50=itl.p50, p90=itl.p90, p95=itl.p95, p99=itl.p99),
        e2el=ms_distribution(row, "e2e_latency", n),
        input_tps=number(row, "input_throughput"), output_tps=number(row, "output_throughput"),
        total_tps=number(row, "total_throughput"), requests_per_s=number(row, "request_throughput"),
        token_source="as recorded by the tool",
    )  # fmt: skip
    server = row.get("server_info")
    server = server if isinstance(server, dict) else {}
    backend = words(row, "backend")
    found = Deployment(
        model=words(server, "served_model_name", "model_path"),
        engine=next((name for name in ("sglang", "vllm", "trt") if backend.startswith(name)), ""),
        engine_version=words(server, "version"),
        tp=whole(server, "tp_size"), ep=whole(server, "ep_size"), dp_attention=truth(server, "enable_dp_attention"),
        spec_method=_speculation(row, server),
    )
    return [run_of(TOOL, context, dict(row), (step,), found)]


def _speculation(row: Row, server: Row) -> str:
    """Method of speculative decoding: NEXTN, and EAGLE without a draft model, draft with heads of the model's own."""
    method = words(server, "speculative_algorithm").casefold()
    if method in ("nextn", "eagle") and not words(server, "speculative_draft_model_path"):
        return "mtp"
    return method or (SPECULATION if (number(row, "accept_length") or 0.0) > 1 else "none")
