"""What the server says of itself: models, version, and its own counters while it is under load."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass, field, replace

from advisor.domain.errors import NetworkError, did_you_mean
from advisor.domain.text import plain
from advisor.probe.client import ProbeClient, error_text
from advisor.probe.faults import FATAL, UNREACHED, TransportFault

_SAMPLE = re.compile(rb"^([A-Za-z_:][A-Za-z0-9_:]*)(?:\{[^}]*\})? ([-+0-9.eE]+)", re.MULTILINE)
_METRICS: dict[bytes, str] = {
    b"vllm:num_requests_running": "running",
    b"vllm:num_requests_waiting": "waiting",
    b"vllm:kv_cache_usage_perc": "kv_use",
    b"vllm:gpu_cache_usage_perc": "kv_use",
    b"vllm:num_preemptions_total": "preemptions",
    b"vllm:prefix_cache_hits_total": "prefix_hits",
    b"vllm:gpu_prefix_cache_hits_total": "prefix_hits",
    b"sglang:cached_tokens_total": "prefix_hits",
    b"vllm:spec_decode_num_accepted_tokens_total": "spec_accepted",
    b"sglang:spec_accept_length": "spec_length",
    b"sglang:num_running_reqs": "running",
    b"sglang:num_queue_reqs": "waiting",
    b"sglang:token_usage": "kv_use",
    b"sglang:num_retracted_reqs": "preemptions",
    b"llamacpp:requests_processing": "running",
    b"llamacpp:requests_deferred": "waiting",
    b"llamacpp:kv_cache_usage_ratio": "kv_use",
    b"tgi_batch_current_size": "running",
    b"tgi_queue_size": "waiting",
}
_OWNERS = {"vllm": "vllm", "sglang": "sglang", "tensorrt_llm": "trt", "llamacpp": "llama.cpp"}
"""Engines by what they give as the owner of a model, for those that keep no counters by default."""
_COUNTERS = frozenset({"preemptions", "prefix_hits", "spec_accepted"})
_LEVELS = frozenset({"kv_use", "spec_length"})
"""Of several engines the largest counts, not the sum."""
_POLL_S = 1.0


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """Facts gathered before the first measured request; empty where the server does not say."""

    models: tuple[str, ...] = ()
    max_model_len: int | None = None
    version: str = ""
    engine: str = ""
    has_metrics: bool = False
    no_list: str = ""
    """What `/v1/models` gave in place of a list of models; empty where it gave one."""
    busy: bool = False
    """With a status that may pass: too many requests, or an engine that is still loading."""

    def as_text(self) -> dict[str, str]:
        """For the record."""
        found = {
            "models": ", ".join(self.models),
            "max_model_len": str(self.max_model_len or ""),
            "version": self.version,
            "engine": self.engine,
            "metrics": "yes" if self.has_metrics else "",
        }
        return {name: value for name, value in found.items() if value}


async def gather_facts(client: ProbeClient) -> ServerFacts:
    """Ask `/v1/models`, `/version` and `/metrics`; what does not answer stays unknown.

    Raises `NetworkError` only where the server cannot be reached at all or refuses the key.
    """
    listed = await _models(client)
    version = await _version(client)
    counters = await _scrape(client)
    engine = listed.engine
    for prefix in ("vllm", "sglang", "llamacpp", "tgi"):
        if any(name.startswith(prefix) for name in counters.names):
            engine = "llama.cpp" if prefix == "llamacpp" else prefix
    return replace(listed, version=version, engine=engine, has_metrics=bool(counters.values))


def choose_model(wanted: str | None, facts: ServerFacts) -> str:
    """The model to ask for: the user's, or the only one that the server lists."""
    if wanted:
        return wanted
    if len(facts.models) == 1:
        return facts.models[0]
    if facts.busy:
        raise NetworkError(f"/v1/models {facts.no_list}: the server is not ready yet; try again once it is")
    if facts.no_list:
        raise NetworkError(
            f"/v1/models {facts.no_list}, not a list of models; check that the URL is that of an OpenAI-compatible"
            " server, or name the model with --model"
        )
    if not facts.models:
        raise NetworkError("the server lists no models; name one with --model")
    shown = ", ".join(facts.models[:8]) + (", …" if len(facts.models) > 8 else "")
    raise NetworkError(f"the server offers {len(facts.models)} models; choose one with --model: {shown}")


def unknown_model(wanted: str, facts: ServerFacts) -> str:
    """Sentence for a model that the server does not have."""
    if not facts.models:
        return f'the server has no model "{wanted}"'
    hint = did_you_mean(wanted, facts.models).rstrip("?")
    return f'the server has no model "{wanted}"{hint}; it lists ' + ", ".join(facts.models[:8])


async def _models(client: ProbeClient) -> ServerFacts:
    """What `/v1/models` says: the served names and their longest context."""
    try:
        answer = await client.ask("/v1/models")
    except TransportFault as fault:
        told = client.redact(str(fault))
        if fault.fault in FATAL or fault.fault in UNREACHED:
            raise NetworkError(f"{client.target.shown}: {told}") from None
        return ServerFacts(no_list=f"gave no answer ({fault.fault.value}: {plain(told, 120)})")
    if answer.status in (401, 403):
        raise NetworkError(
            f"{client.target.shown} refused the key (HTTP {answer.status}); give the right one with --key-env or"
            " --key-prompt"
        )
    if answer.status in (429, 502, 503, 504):
        said = plain(client.redact(error_text(answer.body.decode("utf-8", "replace"))), 120)
        return ServerFacts(no_list=f"answered HTTP {answer.status}" + (f" ({said})" if said else ""), busy=True)
    rows = _json(answer.body).get("data") if answer.status == 200 else None
    if not isinstance(rows, list):
        return ServerFacts(no_list=f"answered HTTP {answer.status} with {answer.kind or 'no content type'}")
    rows = [row for row in rows if isinstance(row, dict)]
    names = tuple(plain(client.redact(str(row["id"])), 200) for row in rows if row.get("id"))
    lengths = [row["max_model_len"] for row in rows if isinstance(row.get("max_model_len"), int)]
    owners = {str(row.get("owned_by")).casefold() for row in rows}
    engine = next((_OWNERS[owner] for owner in owners if owner in _OWNERS), "") if len(owners) == 1 else ""
    return ServerFacts(names, lengths[0] if len(lengths) == 1 else None, engine=engine)


async def _version(client: ProbeClient) -> str:
    try:
        answer = await client.ask("/version")
    except TransportFault:
        return ""
    version = _json(answer.body).get("version") if answer.status == 200 else None
    return plain(client.redact(version), 80) if isinstance(version, str) else ""


@dataclass(slots=True)
class _Counters:
    values: dict[str, float] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)


async def _scrape(client: ProbeClient) -> _Counters:
    found = _Counters()
    try:
        answer = await client.ask("/metrics")
    except TransportFault:
        return found
    if answer.status != 200:
        return found
    for match in _SAMPLE.finditer(answer.body[: 4 * 1024 * 1024]):
        name = _METRICS.get(match[1])
        if name is None:
            continue
        found.names.add(match[1].decode())
        try:
            value = float(match[2])
        except ValueError:
            continue
        found.values[name] = (
            max(found.values.get(name, 0.0), value) if name in _LEVELS else found.values.get(name, 0.0) + value
        )
    return found


class MetricsWatch:
    """Polls `/metrics` once a second during a step."""

    def __init__(self, client: ProbeClient, enabled: bool) -> None:
        self._client = client
        self._enabled = enabled
        self._samples: list[dict[str, float]] = []
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin a step."""
        self._samples = []
        if self._enabled:
            self._task = asyncio.get_running_loop().create_task(self._watch())

    async def stop(self) -> dict[str, float]:
        """Means and maxima since `start`; growth for counters."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        found: dict[str, float] = {}
        for name in sorted({name for sample in self._samples for name in sample}):
            values = [sample[name] for sample in self._samples if name in sample]
            if name in _COUNTERS:
                found[name] = values[-1] - values[0]
            else:
                found[f"{name}_mean"] = sum(values) / len(values)
                found[f"{name}_max"] = max(values)
        return found

    async def _watch(self) -> None:
        while True:
            counters = await _scrape(self._client)
            if counters.values:
                self._samples.append(counters.values)
            await asyncio.sleep(_POLL_S)


def _json(body: bytes) -> dict[str, object]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
