"""Results of `vllm bench serve --save-result` (one JSON object, or several appended).

Field names as in vllm/benchmarks/serve.py of vllm-project/vllm. Times in ms, rates per second over the deployment.
TPOT excludes the first token; ITL is between streamed chunks. Lengths are means over completed requests.
"""

from __future__ import annotations

from advisor.evidence.imports.common import (
    Context,
    Row,
    load_of,
    moment,
    ms_distribution,
    number,
    required,
    run_of,
    whole,
    words,
)
from advisor.evidence.runs import SPECULATION, Deployment, Run, Step

KIND = "vllm"
TOOL = "vllm bench serve"


def recognises(document: object) -> bool:
    """Whether this is such a result."""
    return (
        isinstance(document, dict)
        and {"total_token_throughput", "mean_ttft_ms", "total_input_tokens"} <= document.keys()
    )


def read(row: Row, context: Context) -> list[Run]:
    """One run of one step."""
    completed = required(number(row, "completed"), "completed", context)
    failed = number(row, "failed") or 0.0
    n = round(completed)
    goodput = number(row, "request_goodput")
    requests_per_s = number(row, "request_throughput")
    step = Step(
        index=0,
        **load_of(row, n + round(failed), _in_flight(row, n, requests_per_s)),
        isl=number(row, "random_input_len")
        or required(number(row, "total_input_tokens"), "total_input_tokens", context) / max(1, n),
        osl=number(row, "random_output_len")
        or required(number(row, "total_output_tokens"), "total_output_tokens", context) / max(1, n),
        mean_input_tokens=(number(row, "total_input_tokens") or 0) / max(1, n),
        mean_output_tokens=(number(row, "total_output_tokens") or 0) / max(1, n),
        requests=n + round(failed),
        succeeded=n,
        duration_s=number(row, "duration"),
        ttft=ms_distribution(row, "ttft", n),
        tpot=ms_distribution(row, "tpot", n),
        itl=ms_distribution(row, "itl"),
        e2el=ms_distribution(row, "e2el", n),
        output_tps=number(row, "output_throughput"),
        total_tps=number(row, "total_token_throughput"),
        requests_per_s=requests_per_s,
        goodput_rps=goodput,
        goodput_share=min(1.0, goodput / requests_per_s) if goodput is not None and requests_per_s else None,
        errors={"failed": round(failed)} if failed else {},
        token_source="as recorded by the tool",
    )
    found = Deployment(
        model=words(row, "model_id"),
        engine=words(row, "backend", "endpoint_type")
        if words(row, "backend", "endpoint_type") in ("vllm", "sglang")
        else "",
        engine_version=words(row, "version"),
        tp=whole(row, "tp", "tensor_parallel_size"),
        spec_method=SPECULATION if number(row, "spec_decode_num_drafts") else "none",
    )
    started = moment(words(row, "date"), "%Y%m%d-%H%M%S")
    return [run_of(TOOL, context, dict(row), (step,), found, started_at=started)]


def _in_flight(row: Row, completed: int, requests_per_s: float | None) -> float | None:
    """Mean requests in flight by Little's law: arrivals per second times mean E2EL, made of its parts if not stated."""
    ttft, tpot, e2el = (number(row, f"mean_{name}_ms", scale=1e-3) for name in ("ttft", "tpot", "e2el"))
    if e2el is None and ttft is not None and tpot is not None:
        e2el = ttft + tpot * max(0.0, (number(row, "total_output_tokens") or 0.0) / max(1, completed) - 1)
    return None if e2el is None or requests_per_s is None else requests_per_s * e2el
