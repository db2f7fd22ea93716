"""The arithmetic of a replica's memory with numbers, down to the rows of the catalog that it starts from."""

from __future__ import annotations

from advisor.domain.hardware import Accelerator
from advisor.domain.model import ModelSpec
from advisor.domain.sizing import Deployment, Memory, Term
from advisor.domain.units import GB
from advisor.engine.memory import (
    KV_BYTES,
    WeightCounts,
    index_bytes_per_token,
    kv_bytes_per_token,
    kv_copies,
    scale_bytes_per_token,
    state_bytes_per_request,
    visited_share,
    weight_bytes,
)


def memory_terms(
    model: ModelSpec, accelerator: Accelerator, deployment: Deployment, memory: Memory, utilisation: float
) -> tuple[Term, ...]:
    """Each figure of `memory` as a term.

    Parameters
    ----------
    utilisation
        Share of memory that the engine may take.
    """
    return (
        Term(
            name="usable memory per GPU [GB]", value=memory.usable_gb,
            formula=f"{accelerator.memory_bytes / GB:,.3f} GB (catalog/accelerators/{accelerator.id}.toml) x"
            f" {utilisation:g} = {memory.usable_gb:,.2f}",
        ),
        _weights(model, accelerator, deployment, memory),
        Term(
            name="left for the KV cache per GPU [GB]", value=memory.kv_gb,
            formula=f"{memory.usable_gb:,.2f} - {memory.weights_gb:,.2f} weights - {memory.reserve_gb:g} reserve ="
            f" {memory.kv_gb:,.2f}",
        ),
        _kv_token(model, deployment, memory),
        _kv_request(model, deployment, memory),
        Term(
            name="requests at once", value=memory.max_concurrency,
            formula=f"floor({memory.kv_gb:,.3f} GB x {deployment.cache_gpus} GPUs"
            f" / {memory.kv_bytes_per_request / GB:,.4f} GB a request) = {memory.max_concurrency:,}",
        ),
    )  # fmt: skip


def _weights(model: ModelSpec, accelerator: Accelerator, d: Deployment, memory: Memory) -> Term:
    found = weight_bytes(model, d.precision, accelerator)
    counts = WeightCounts.of(model)
    parts = [
        f"{params / 1e9:,.3f}e9 {name} x {size / params:.4g} B"
        for name, params, size in (
            ("embeddings and head", counts.embeddings, found.embeddings),
            ("routed experts", counts.experts, found.experts),
            ("other weights", counts.other, found.other),
        )
        if params > 0
    ]
    if d.dp_attention:
        spread = f"embeddings and experts over {d.worker_gpus} GPUs, the rest on each"
        visited = visited_share(model)
        if visited < 1:
            rounded = (1 - visited) * counts.other / 1e9
            spread += f" but {rounded:,.1f}e9 that no token visits, a rounded total"
    else:
        spread = f"over TP {d.tp} x PP {d.pp}"
    return Term(
        name="weights per GPU [GB]", value=memory.weights_gb,
        formula=f"{' + '.join(parts)} = {found.total / GB:,.2f} GB of {model.id} at {d.precision}"
        f" (catalog/models/models.csv), {spread} = {memory.weights_gb:,.2f}",
    )  # fmt: skip


def _kv_token(model: ModelSpec, d: Deployment, memory: Memory) -> Term:
    width, copies = KV_BYTES[d.kv_cache_precision], kv_copies(model, d.tp, d.dp_attention)
    layers = model.full_layers + model.windowed_layers
    if model.kv_elements_full is not None:
        elements = model.kv_elements_full + (model.kv_elements_windowed or 0.0)
        what = f"{elements:,.0f} elements of its configuration"
    elif model.attention == "mla":
        what = f"{layers:g} layers x ({model.kv_lora_rank} latent + {model.qk_rope_head_dim} rotary)"
    else:
        what = f"2 x {layers:g} layers x {model.kv_heads} KV heads x {model.head_dim}"
    index = index_bytes_per_token(model)
    scales = scale_bytes_per_token(model, d.kv_cache_precision)
    beside = f" + {scales:,.0f} B of scales and rotary parts at 16 bit" if scales else ""
    beside += f" + {index:,.0f} B of index keys" if index else ""
    cached = f"({what} x {width:g} B{beside})" if beside else f"{what} x {width:g} B"
    return Term(
        name="KV cache of a token in the replica [bytes]", value=memory.kv_bytes_per_token,
        formula=f"{cached} x {copies:g} copies = {memory.kv_bytes_per_token:,.0f}",
    )  # fmt: skip


def _kv_request(model: ModelSpec, d: Deployment, memory: Memory) -> Term:
    copies = kv_copies(model, d.tp, d.dp_attention)
    full, windowed = kv_bytes_per_token(model, d.kv_cache_precision)
    tokens = memory.context_tokens
    if windowed and not (model.recurrent_layers and not model.window):
        held = min(tokens, model.window) if model.window else tokens
        text = f"({full:,.0f} B x {tokens:,.0f} tokens + {windowed:,.0f} B x {held:,.0f} in the window) x {copies:g}"
    else:
        text = f"{full:,.0f} B x {tokens:,.1f} tokens x {copies:g}"
    state = state_bytes_per_request(model)
    more = f" + {state:,.0f} of state" if state else ""
    return Term(
        name="KV cache of a request [bytes]", value=memory.kv_bytes_per_request,
        formula=f"{text} copies{more} = {memory.kv_bytes_per_request:,.0f}",
    )  # fmt: skip
