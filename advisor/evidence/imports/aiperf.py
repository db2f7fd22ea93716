"""`profile_export_aiperf.json` (checked with aiperf 0.13.0) and its forerunner `profile_export_genai_perf.json`.

Each metric is {unit, avg, p50, p90, p95, p99, ...}. `inter_token_latency` is (request latency - TTFT) / (tokens - 1):
our TPOT; `inter_chunk_latency` is our ITL. Latencies in ms (ns or s where `unit` says so).
"""

from __future__ import annotations

from typing import Any

from advisor.evidence.imports.common import Context, Row, moment, number, required, run_of, words
from advisor.evidence.runs import Deployment, Distribution, LoadKind, Run, Step

KIND = "aiperf"
_SCALE = {
    "ms": 1e-3,
    "milliseconds": 1e-3,
    "s": 1.0,
    "sec": 1.0,
    "seconds": 1.0,
    "us": 1e-6,
    "ns": 1e-9,
    "nanoseconds": 1e-9,
}


def recognises(document: object) -> bool:
    """Whether this is such an export."""
    return isinstance(document, dict) and all(
        isinstance(document.get(name), dict) and "avg" in document[name]
        for name in ("time_to_first_token", "request_latency", "output_token_throughput")
    )


def read(document: Row, context: Context) -> list[Run]:
    """One run of one step."""
    settings = document.get("input_config")
    settings = settings if isinstance(settings, dict) else {}
    load, concurrency, rate = _load(settings)
    tool = "aiperf" if "aiperf_version" in document else "genai-perf"
    outputs = _value(document, "output_token_throughput")
    inputs = _value(document, "input_token_throughput")
    total = _value(document, "total_token_throughput")
    mean_input = required(_value(document, "input_sequence_length"), "input_sequence_length", context)
    mean_output = required(_value(document, "output_sequence_length"), "output_sequence_length", context)
    per_s = _value(document, "request_throughput")
    good = round(_value(document, "request_count") or 0)
    bad = round(_value(document, "error_request_count") or 0)
    if total is None and outputs is not None and per_s is not None:
        total = outputs + per_s * mean_input
    step = Step(
        index=0, load=load, concurrency=concurrency, rate_rps=rate, isl=mean_input, osl=mean_output,
        mean_input_tokens=mean_input, mean_output_tokens=mean_output, requests=good + bad, succeeded=good,
        duration_s=_value(document, "benchmark_duration"),
        ttft=_distribution(document, "time_to_first_token", good),
        tpot=_distribution(document, "inter_token_latency", good),
        itl=_distribution(document, "inter_chunk_latency", 0),
        e2el=_distribution(document, "request_latency", good),
        input_tps=inputs, output_tps=outputs, total_tps=total, requests_per_s=per_s,
        goodput_rps=_value(document, "goodput"), achieved_concurrency=_value(document, "effective_concurrency"),
        errors={"errored": bad} if bad else {}, token_source="as recorded by the tool",
        partial=document.get("was_cancelled") is True,
    )  # fmt: skip
    started = moment(
        words(document, "start_time"), "%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f%z"
    )
    version = words(document, "aiperf_version")
    return [
        run_of(
            tool,
            context,
            dict(document),
            (step,),
            Deployment(model=_model(settings)),
            tool_version=version,
            started_at=started,
        )
    ]


def _load(settings: Row) -> tuple[LoadKind, float | None, float | None]:
    """How load was made, by the layouts of aiperf (phases), older aiperf (loadgen) and genai-perf (stimulus)."""
    phases = settings.get("phases")
    places: list[Any] = (
        [p for p in phases if isinstance(p, dict) and p.get("kind", "profiling") == "profiling"]
        if isinstance(phases, list)
        else []
    )
    analyzer = settings.get("perf_analyzer")
    places += [settings.get("loadgen"), analyzer.get("stimulus") if isinstance(analyzer, dict) else None, settings]
    for place in places:
        if not isinstance(place, dict):
            continue
        concurrency, rate = number(place, "concurrency"), number(place, "rate", "request_rate")
        if rate:
            mode = words(place, "type", "arrival_pattern", "request_rate_mode")
            return ("constant" if "constant" in mode else "poisson"), concurrency, rate
        if concurrency:
            return "closed", concurrency, None
    return "unknown", None, None


def _model(settings: Row) -> str:
    models = settings.get("models")
    items = models.get("items") if isinstance(models, dict) else None
    if isinstance(items, list) and items and isinstance(items[0], dict):
        return words(items[0], "name")
    endpoint = settings.get("endpoint")
    for names in (settings.get("model_names"), endpoint.get("model_names") if isinstance(endpoint, dict) else None):
        if isinstance(names, list) and names:
            return words({"name": names[0]}, "name")
    return ""


def _value(document: Row, name: str) -> float | None:
    metric = document.get(name)
    return number(metric, "avg") if isinstance(metric, dict) else None


def _distribution(document: Row, name: str, n: int) -> Distribution:
    metric = document.get(name)
    if not isinstance(metric, dict):
        return Distribution()
    scale = _SCALE.get(words(metric, "unit").lower(), 1e-3)
    return Distribution(
        n=n, mean=number(metric, "avg", scale=scale), p50=number(metric, "p50", scale=scale),
        p90=number(metric, "p90", scale=scale), p95=number(metric, "p95", scale=scale),
        p99=number(metric, "p99", scale=scale),
    )  # fmt: skip
