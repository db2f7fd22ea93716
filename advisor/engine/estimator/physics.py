"""The roofline of one decode step and of one prefill, term by term.

A step reads the weights that it touches, reads the KV cache of the running requests, multiplies, pays
collectives and launch overhead, and in aggregated serving shares the machine with the prefill of arriving
requests. Requests that the KV cache cannot hold wait, so that the running batch saturates. Terms are ideal
seconds at datasheet peaks; calibration weighs them.

While a request decodes it is the others whose prompts come in between: one alone waits for none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from advisor.domain.hardware import Accelerator
from advisor.domain.model import ModelSpec
from advisor.engine.estimator.encode import Floats, Points, distinct
from advisor.engine.memory import (
    BYTES_FP8,
    WeightBytes,
    attended_bytes_per_request,
    bytes_per_other_weight,
    held_bytes_per_request,
    index_bytes_per_token,
    kv_copies,
    state_bytes_per_request,
    weight_bytes,
)

MEAN_LENGTH = 0.9
"""Mean drawn length over nominal length in the closed-loop benchmark that the evidence comes from."""
TERMS = (
    "weights", "experts", "kv", "attend", "flops", "prefill", "passes", "sums", "links", "moves", "latency",
    "launch", "admission",
)  # fmt: skip
PROMPT_TERMS = ("dense", "experts", "links", "passes", "layers")
"""What the prefill of one prompt takes: arithmetic of routed experts and of all else, all-reduces, passes over hidden
states, and a least time for each layer. All but the last are taken once more for each prompt ahead of it."""
STREAM_PASSES, ROUTE_PASSES = 12.0, 4.0
"""How often a layer goes through the hidden state of each token, on every GPU of a tensor-parallel replica: twice a
fused sum and norm, which read and write the state and its residual, and a change of number format, which reads and
writes; for each routed expert of a token its state goes into the order of the experts, and its result back."""
DRAFTED = 3.0
"""Tokens that one request puts through a step under speculative decoding (one plus two drafts)."""
DECODE_PART = 0.6
"""Part of a disaggregated deployment that decodes, where only the total is known."""
USABLE_MEMORY, RESERVE_BYTES, LEAST_CACHE = 0.9, 3e9, 0.06
LESS_MEMORY = 0.85
"""Share of memory that some engines take: low end of `gpu_memory_utilisation` in `catalog/sizing/parameters.csv`."""
CACHE_FILL = 0.95
"""Share of the cache in which requests fit before they queue, from saturated rows of the evidence."""
ONE_BYTE = "fp8"
"""Precision at which bytes count elements."""
SHARPNESS = 24.0
"""How sharply a batch saturates: ``b = B·(1 + (B/C)^p)^(-1/p)``."""
_SCALARS = (
    "bandwidth", "link", "peak", "peak_other", "peak16", "other", "experts", "ratio", "kv_mean", "kv_prompt", "attend",
    "active", "routed", "looked_up", "output_head", "attention", "layers", "hidden", "streams", "routes", "capacity",
    "less",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Physics:
    """Ideal seconds of a decode step at given loads, points x loads per term."""

    loads: Floats
    """Requests in flight, points x loads."""
    terms: tuple[Floats, ...]
    """One array per entry of TERMS."""
    batch: Floats
    """Requests that run, points x loads: those in flight that the cache holds, at least one."""
    saturation: Floats
    """Requests in flight over those that the cache holds, points x loads; 0 for disaggregated serving."""
    cache_doubt: Floats
    """log2 of that capacity over that of an engine that takes LESS_MEMORY, per point; 0 for disaggregated serving."""
    prompt: tuple[Floats, ...]
    """Ideal seconds of the prefill of one prompt alone on the replica, per point: one array per entry of PROMPT_TERMS;
    1 us a layer for the last."""
    prefill_floor_s: Floats
    """Arithmetic of one prompt at peak over all GPUs [s], per point."""
    floor_s: Floats
    """No output token takes less, points x loads: in aggregated serving what the running batch reads at full bandwidth
    or multiplies at peak, over the tokens that a step yields; reading what one request touches over all GPUs [s]."""
    flops_floor_s: Floats
    """Arithmetic of one request's input and output on one GPU at peak [GPU seconds], per point."""


def peak_flops(accelerator: Accelerator, precision: str) -> float:
    """Dense peak for a precision [FLOP/s]; that of BF16 where the part lacks it, so that weights alone are narrow."""
    order = {"fp4": ("fp4", "bf16"), "fp8": ("fp8", "bf16")}.get(precision, ("bf16",))
    for key in order:
        if key in accelerator.dense_tflops:
            return accelerator.dense_tflops[key] * 1e12
    return max(accelerator.dense_tflops.values()) * 1e12


def cache_precision(precision: str) -> str:
    """KV format that is assumed beside weights of a precision, as measurements do not state it."""
    return "bf16" if precision == "bf16" else "fp8"


def step_physics(points: Points, loads: Floats | None = None) -> Physics:
    """Ideal seconds of every term.

    Parameters
    ----------
    loads
        Requests in flight, points x loads; by default each point's own.
    """
    s = _scalars(points)
    concurrency = points.concurrency[:, None] if loads is None else loads
    tp, dp, dis = points.tp[:, None], points.dp[:, None], points.disagg[:, None]
    isl, osl = points.isl[:, None] * MEAN_LENGTH, points.osl[:, None] * MEAN_LENGTH
    unknown = np.isnan(points.gpus)
    gpus = np.where(unknown, np.maximum(2 * points.tp, 12.0), points.gpus)[:, None]
    replicas = np.where(dis, np.maximum(1.0, DECODE_PART * gpus / tp), 1.0)
    arriving = np.maximum(concurrency / replicas, 1.0)
    saturation = np.where(dis, 0.0, arriving / (CACHE_FILL * s["capacity"]))
    batch = np.maximum(arriving * (1 + saturation**SHARPNESS) ** (-1 / SHARPNESS), 1.0)
    tokens = batch * np.where(points.spec[:, None], DRAFTED, 1.0)
    missed = np.exp(tokens * np.log1p(-np.minimum(s["ratio"], 0.999)))
    experts = 2 * s["routed"] / tp / s["peak"]
    dense = 2 * (s["active"] - s["routed"] - s["looked_up"]) / tp / s["peak_other"]
    per_token = experts + dense
    # only the last token of a prompt asks for the next one
    per_prompt_token = per_token - 2 * s["output_head"] / tp / s["peak_other"] + s["attention"] / tp / s["peak16"]
    ranks = np.where(dp, tp, 1.0)
    routes = s["routes"] / points.ep[:, None]
    passes = s["layers"] * s["hidden"] * 2 * (s["streams"] + routes) / s["bandwidth"] / ranks
    links = np.where(tp > 1, s["layers"] * s["hidden"] * 4 / s["link"] / ranks, 0.0)
    prompts = np.where(dis, 0.0, (batch - 1.0) * isl / osl)  # tokens of them for each that is put out
    terms = (
        s["other"] / np.where(dp, 1.0, tp) / s["bandwidth"],
        s["experts"] * (1 - missed) / tp / s["bandwidth"],
        batch * (s["kv_mean"] / tp / s["bandwidth"]),
        tokens * (s["attend"] / tp / s["peak16"]),
        per_token * tokens,
        prompts * per_prompt_token,
        prompts * passes,
        prompts * links,
        tokens * links,
        tokens * passes,
        s["layers"] * np.log2(np.maximum(tp, 1.0)) * 1e-6,
        s["layers"] * 1e-6,
        np.where(dis, 0.0, (batch - 1.0) * (s["layers"] / osl * 50e-6)),
    )
    shards = np.where(unknown, points.tp, np.maximum(points.tp, points.gpus))
    one = {k: v[:, 0] for k, v in s.items()}
    first = one["experts"] * np.minimum(one["ratio"], 1.0)
    alone = ((one["other"] + first + one["kv_prompt"]) / shards / one["bandwidth"])[:, None]
    prompt = ((per_prompt_token - experts) * isl, experts * isl, links * isl, passes * isl, s["layers"] * 1e-6)
    by_name = dict(zip(TERMS, terms, strict=True))
    batched = np.maximum(by_name["weights"] + by_name["experts"] + by_name["kv"], by_name["flops"])
    return Physics(
        loads=concurrency,
        terms=tuple(np.broadcast_to(t, batch.shape) for t in terms),
        batch=batch,
        saturation=saturation,
        cache_doubt=np.where(points.disagg, 0.0, np.log2(one["capacity"] / one["less"])),
        prompt=tuple(term[:, 0] for term in prompt),
        prefill_floor_s=2 * one["active"] * isl[:, 0] / shards / one["peak"],
        floor_s=np.maximum(alone, np.where(dis, 0.0, batched / np.where(points.spec[:, None], DRAFTED, 1.0))),
        flops_floor_s=2 * one["active"] * (isl + osl)[:, 0] / one["peak"],
    )


def _scalars(points: Points) -> dict[str, Floats]:
    """Constants of each point's accelerator, model, precision and split, as columns."""
    a, m, precision = points.accelerators, points.models, points.precision
    tp, dp, isl, osl = points.tp.tolist(), points.dp.tolist(), points.isl.tolist(), points.osl.tolist()
    pp = points.pp.tolist()
    first, of_point = distinct(map(id, a), map(id, m), precision, tp, dp, isl, osl, pp)
    constants = [_constants(a[i], m[i], precision[i], tp[i], dp[i], isl[i], osl[i], pp[i]) for i in first]
    rows = np.array(constants, dtype=np.float64).reshape(-1, len(_SCALARS))[of_point]
    return {name: rows[:, k : k + 1] for k, name in enumerate(_SCALARS)}


def _constants(
    a: Accelerator, m: ModelSpec, precision: str, tp: float, dp: bool, isl: float, osl: float, pp: float
) -> tuple[float, ...]:
    w = weight_bytes(m, precision, a)
    ratio = m.experts_per_token / m.experts if m.experts else 0.0
    kv_precision = cache_precision(precision)
    copies = kv_copies(m, int(tp), dp)
    mean = MEAN_LENGTH * (isl + osl / 2)
    prompt = MEAN_LENGTH * isl
    state = state_bytes_per_request(m)
    routed = min(m.routed_expert_params * ratio, m.params_active)  # a model of one's own may state fewer active ones
    head = min(m.vocab * m.hidden, (m.params_active - routed) / 2)
    held = held_bytes_per_request(m, mean, kv_precision, copies)
    read = attended_bytes_per_request(m, mean, kv_precision) * copies + index_bytes_per_token(m) * copies * mean
    return (
        a.bandwidth_gbps * 1e9,
        a.scale_up_gbps * 1e9,
        peak_flops(a, precision),
        peak_flops(a, precision_of_rest(m, precision, a)),
        peak_flops(a, "bf16"),
        w.other,
        w.experts,
        ratio,
        read + 2 * state,  # a state is read and written
        attended_bytes_per_request(m, prompt, kv_precision),
        attended_bytes_per_request(m, mean, ONE_BYTE) * flops_per_element(m) + index_flops(m, mean),
        m.params_active,
        routed,
        0.0 if m.tie_embeddings else head,
        head,
        attention_flops(m, prompt),
        float(m.layers),
        float(m.hidden),
        STREAM_PASSES * m.residual_streams,
        ROUTE_PASSES * m.experts_per_token * m.moe_layers / m.layers,
        *(_capacity(a, m, precision, tp, dp, pp, held, w, share) for share in (USABLE_MEMORY, LESS_MEMORY)),
    )


def precision_of_rest(m: ModelSpec, precision: str, a: Accelerator) -> str:
    """Precision of what is no routed expert: four-bit mixtures keep it at 8 or 16 bit."""
    if not m.is_moe:
        return precision
    width = bytes_per_other_weight(m, precision, a)
    return "bf16" if width > BYTES_FP8 else "fp8" if width == BYTES_FP8 else precision


def flops_per_element(m: ModelSpec) -> float:
    """Operations of attention that an output token does for each cached element.

    Every head of a group multiplies and adds each element of its keys and values once. An MLA latent serves all heads,
    as key with its rotary part and again as value (DeepSeek-V2, arXiv:2405.04434, section 2.1.2, absorbed), as does
    an entry of a compressed cache.

    >>> from types import SimpleNamespace
    >>> flops_per_element(SimpleNamespace(attention="gqa", heads=64, kv_heads=8))
    16.0
    """
    if m.attention == "mla":
        width = m.kv_lora_rank + m.qk_rope_head_dim
        return 2.0 * m.heads * (width + m.kv_lora_rank) / width
    return (4.0 if m.is_compressed else 2.0) * m.heads / m.kv_heads


def attention_flops(m: ModelSpec, prompt: float) -> float:
    """Operations of attention for one token of a prompt in the mean, all layers: ``4·heads·head_dim`` for each entry of
    the cache that it sees, those of the indexer, and eight for each element of a state (decay, write and read)."""
    seen = attended_in_prompt(m, prompt)
    if m.is_compressed:
        entries = m.searching_layers * seen / m.index_ratio + m.pooled_layers * prompt / 2 / m.pooled_ratio
    else:
        entries = max(0, m.layers - m.windowed_layers - m.recurrent_layers) * seen
    entries += m.windowed_layers * min(m.window or prompt, prompt)
    state = 8.0 * (m.recurrent_state_elements or 0.0)
    return 4.0 * m.heads * m.head_dim * entries + index_flops(m, prompt / 2) + state


def attended_in_prompt(m: ModelSpec, prompt: float) -> float:
    """Tokens that a token of a prompt attends to in the mean, in a layer that sees the whole context.

    Half of the prompt, or under sparse attention the mean of ``min(position, k)``: ``k - k²/(2·prompt)`` beyond `k`.
    Where an entry of the cache stands for several tokens, all of them count.

    >>> from types import SimpleNamespace
    >>> [attended_in_prompt(SimpleNamespace(index_topk=2048, index_ratio=1), n) for n in (1024.0, 2048.0, 8192.0)]
    [512.0, 1024.0, 1792.0]
    """
    k = m.index_topk * m.index_ratio
    return k - k**2 / (2 * prompt) if 0 < k < prompt else prompt / 2


def index_flops(m: ModelSpec, tokens: float) -> float:
    """Operations by which the indexer scores so many cached tokens for one token, all layers."""
    return 2.0 * m.index_heads * m.index_head_dim * m.searching_layers * tokens / m.index_ratio


def _capacity(
    a: Accelerator, m: ModelSpec, precision: str, tp: float, dp: bool, pp: float, kv_request: float, w: WeightBytes,
    share: float,
) -> float:  # fmt: skip
    """Requests of mean length that the KV cache of a replica holds, where the engine takes this share of memory.

    Each of `pp` stages holds its part of the weights, and its part of the cache of the requests of all stages, which is
    as much as the whole cache of its own.
    """
    other = w.other
    if "FP8" in m.native_format and precision != "bf16":
        other = min(other, m.params_total - m.routed_expert_params - m.embedding_params)
    memory = share * a.memory_bytes * tp
    copies = 1 + 0.3 * (tp - 1) if dp else 1.0
    free = memory - (w.experts + w.embeddings + other * copies) / pp - RESERVE_BYTES * tp
    return max(free, LEAST_CACHE * memory) / max(kv_request, 1.0)
