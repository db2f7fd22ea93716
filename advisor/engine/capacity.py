"""Memory and service level as a gate, so that every reason stands in one list."""

from __future__ import annotations

from collections.abc import Sequence

from advisor.domain.gates import Gate
from advisor.engine.layout import Layout

_TITLES = {
    "memory": "Does not fit the memory", "slo": "Misses the service level", "estimate": "Cannot be estimated",
}  # fmt: skip


def capacity_gate(names: Sequence[str], layouts: Sequence[Layout]) -> Gate:
    """Whether a replica of each workload holds weights and cache and keeps the level at some load.

    Parameters
    ----------
    names, layouts
        Of the workloads, in the order of the profile.
    """
    failed = [layout for layout in layouts if layout.failure]
    if failed:
        text = "; ".join(layout.failure_text for layout in failed)
        what = "memory" if failed[0].failure == "memory" else "service level"
        title = _TITLES.get(failed[0].failure, "Precision not supported")
        reason = f"A replica must hold the weights and the KV cache and keep the {what} at some load. Here {text}."
        return Gate(gate="capacity", status="fail", title=title, reason=reason, source="derived")
    reason = " ".join(
        _holds(layout, f" of workload {name}" if len(layouts) > 1 else "")
        for name, layout in zip(names, layouts, strict=True)
    )
    return Gate(gate="capacity", status="pass", title="Fits memory and service level", reason=reason, source="derived")


def _holds(layout: Layout, whose: str) -> str:
    assert layout.memory is not None
    assert layout.deployment is not None
    m, d = layout.memory, layout.deployment
    split = f"; {d.prefill_gpus} GPUs prefill, {d.decode_gpus} decode" if d.split else ""
    return (
        f"A replica{whose} ({d.label}{split}) holds {m.weights_gb:,.0f} GB of weights per GPU and has"
        f" {m.kv_gb:,.0f} GB left for the KV cache, enough for {m.max_concurrency:,} requests of"
        f" {m.context_tokens:,.0f} tokens at once."
    )
