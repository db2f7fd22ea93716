"""Reports of `guidellm run --output kind=json` (checked with version 0.8.1; `benchmarks[]`, one a strategy).

Its `inter_token_latency_ms` is (last - first token) / (tokens - 1): our TPOT. Its `time_per_output_token_ms` divides
the whole latency, TTFT included, by the tokens, and is not used. Throughput is tokens of completed requests over the
benchmark's duration, since the report's rate distributions weigh moments, not tokens.
"""

from __future__ import annotations

from typing import Any

from advisor.evidence.imports.common import Context, Row, number, required, run_of, unix_moment, words
from advisor.evidence.runs import Deployment, Distribution, LoadKind, Run, Step

KIND = "guidellm"
TOOL = "guidellm"


def recognises(document: object) -> bool:
    """Whether this is such a report."""
    if not isinstance(document, dict) or not isinstance(document.get("benchmarks"), list):
        return False
    return any(
        isinstance(b, dict) and "time_to_first_token_ms" in (b.get("metrics") or {}) for b in document["benchmarks"]
    )


def read(document: Row, context: Context) -> list[Run]:
    """One run with a step for each benchmark."""
    benchmarks = [b for b in document["benchmarks"] if isinstance(b, dict)]
    steps = tuple(_step(index, benchmark, context) for index, benchmark in enumerate(benchmarks))
    backend = _within(document, "config", "spec", "backend") or _within(benchmarks[0], "config", "backend")
    metadata = document.get("metadata")
    return [
        run_of(
            TOOL, context, [b.get("metrics") for b in benchmarks], steps, Deployment(model=words(backend, "model")),
            tool_version=words(metadata, "guidellm_version") if isinstance(metadata, dict) else "",
            started_at=unix_moment(number(benchmarks[0], "start_time")),
        )
    ]  # fmt: skip


def _step(index: int, benchmark: Row, context: Context) -> Step:
    metrics = benchmark["metrics"]
    strategy = _within(benchmark, "config", "strategy") or _within(benchmark, "args", "strategy")
    totals = metrics.get("request_totals") or {}
    good = round(required(number(totals, "successful"), "metrics.request_totals.successful", context))
    bad = round(number(totals, "errored") or 0)
    duration = required(number(benchmark, "duration"), "duration", context)
    inputs = _distribution(metrics, "prompt_token_count").mean or 0.0
    outputs = _distribution(metrics, "output_token_count").mean or 0.0
    kind = words(strategy, "type_")
    streams = number(strategy, "streams") or (1.0 if kind == "synchronous" else None)
    loads: dict[str, LoadKind] = {
        "concurrent": "closed", "synchronous": "closed", "constant": "constant", "poisson": "poisson",
        "async": "constant",
    }  # fmt: skip
    per_s = good / duration if duration else None
    return Step(
        index=index, load=loads.get(kind, "unknown"), concurrency=streams, rate_rps=number(strategy, "rate"),
        isl=inputs, osl=outputs, mean_input_tokens=inputs, mean_output_tokens=outputs,
        requests=good + bad, succeeded=good, duration_s=duration,
        ttft=_distribution(metrics, "time_to_first_token_ms", 1e-3, good),
        tpot=_distribution(metrics, "inter_token_latency_ms", 1e-3),
        e2el=_distribution(metrics, "request_latency", 1.0, good),
        input_tps=None if per_s is None else per_s * inputs, output_tps=None if per_s is None else per_s * outputs,
        total_tps=None if per_s is None else per_s * (inputs + outputs), requests_per_s=per_s,
        achieved_concurrency=_distribution(metrics, "request_concurrency").mean,
        errors={"errored": bad} if bad else {}, token_source="as recorded by the tool",
    )  # fmt: skip


def _distribution(metrics: Row, name: str, scale: float = 1.0, n: int = 0) -> Distribution:
    values = _within(metrics, name, "successful")
    percentiles = _within(values, "percentiles")
    return Distribution(
        n=n,
        mean=number(values, "mean", scale=scale),
        p50=number(values, "median", scale=scale),
        p90=number(percentiles, "p90", scale=scale),
        p95=number(percentiles, "p95", scale=scale),
        p99=number(percentiles, "p99", scale=scale),
    )


def _within(row: Row, *path: str) -> dict[str, Any]:
    value: Any = row
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}
