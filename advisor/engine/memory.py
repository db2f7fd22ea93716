"""What a model occupies in the memory of a deployment, and how many requests fit.

References
----------
.. [1] OCP Microscaling Formats (MX) Specification v1.0, 2023, section 5: MXFP4 holds one 8-bit scale per 32
   elements. https://www.opencompute.org/documents/ocp-microscaling-formats-mx-v1-0-spec-final-pdf
.. [2] NVIDIA, Introducing NVFP4, 2025: one FP8 scale per 16 elements.
   https://developer.nvidia.com/blog/introducing-nvfp4-for-efficient-and-accurate-low-precision-inference/
.. [3] DeepSeek-AI, DeepSeek-V2, 2024, section 2.1: the MLA cache holds the compressed latent and the rotary key.
   https://arxiv.org/abs/2405.04434
"""

from __future__ import annotations

import math

from advisor.domain.hardware import Accelerator
from advisor.domain.model import ModelSpec
from advisor.domain.record import record
from advisor.domain.sizing import Memory
from advisor.domain.units import GB

BYTES_16_BIT = 2.0
BYTES_FP8 = 1.0
BYTES_MXFP4 = 0.5 + 1 / 32  # [1]
BYTES_NVFP4 = 0.5 + 1 / 16  # [2]
BYTES_INT4 = 0.5 + 2 / 32  # group of 32 with a 16-bit scale, as in Kimi K2.5's configuration
KV_BYTES = {"bf16": 2.0, "fp8": 1.0}


@record
class WeightBytes:
    """Weights of one copy of a model by tensor class [bytes]."""

    embeddings: float
    experts: float
    other: float

    @property
    def total(self) -> float:
        """All weights [bytes]."""
        return self.embeddings + self.experts + self.other


def bytes_per_weight(model: ModelSpec, precision: str, vendor: str) -> float:
    """Bytes per quantised weight, block scales included.

    FP4 is MXFP4 on AMD and for checkpoints that are MXFP4 by nature, NVFP4 elsewhere.
    """
    if precision == "fp4":
        native_mx = "mxfp4" in model.native_format.lower()
        return BYTES_MXFP4 if vendor == "AMD" or native_mx else BYTES_NVFP4
    return {"bf16": BYTES_16_BIT, "fp8": BYTES_FP8, "int4": BYTES_INT4}[precision]


def weight_bytes(model: ModelSpec, precision: str, vendor: str = "NVIDIA") -> WeightBytes:
    """Weights of one copy of the model [bytes].

    Embeddings and output head stay at 16 bit in quantised checkpoints. Four-bit checkpoints of MoE models
    quantise the experts and keep attention, shared experts and dense layers at 16 bit (as gpt-oss and
    Kimi K2.5 state in their configurations); four-bit checkpoints of dense models quantise every linear layer.
    """
    width = bytes_per_weight(model, precision, vendor)
    embedding = min(model.embedding_params, model.params_total)
    experts = min(model.routed_expert_params, model.params_total - embedding)
    other = model.params_total - embedding - experts
    other_width = width
    if model.is_moe and width < BYTES_FP8:
        outweighs = other * (BYTES_16_BIT - BYTES_FP8) > experts * (BYTES_FP8 - width)
        other_width = BYTES_FP8 if outweighs else BYTES_16_BIT
    return WeightBytes(embedding * BYTES_16_BIT, experts * width, other * other_width)


def kv_bytes_per_token(model: ModelSpec, kv_precision: str = "fp8") -> tuple[float, float]:
    """KV cache of one token in one copy: (layers with full context, layers with a window) [bytes].

    GQA ``2·layers·kv_heads·head_dim·bytes``; MLA ``layers·(kv_lora_rank + qk_rope_head_dim)·bytes`` [3].
    """
    width = KV_BYTES[kv_precision]
    if model.kv_elements_full is not None:
        return model.kv_elements_full * width, (model.kv_elements_windowed or 0.0) * width
    if model.attention == "mla":
        per_layer = float(model.kv_lora_rank + model.qk_rope_head_dim)
    else:
        per_layer = 2.0 * model.kv_heads * model.head_dim
    return model.full_layers * per_layer * width, model.windowed_layers * per_layer * width


def kv_bytes_per_request(model: ModelSpec, context_tokens: float, kv_precision: str = "fp8") -> float:
    """KV cache of one request in one copy at a context [tokens], windows capped [bytes].

    Linear-attention layers hold a state of fixed size that does not grow with context; it is left out
    where the catalog has no figure for it.
    """
    full, windowed = kv_bytes_per_token(model, kv_precision)
    in_window = min(context_tokens, model.window) if model.window else context_tokens
    in_window = in_window if model.windowed_layers or model.kv_elements_windowed else 0.0
    if model.recurrent_layers and not model.window:
        in_window = 0.0
    return full * context_tokens + windowed * in_window


def kv_copies(model: ModelSpec, tp: int, dp_attention: bool) -> float:
    """Copies of each cached token within a replica.

    Tensor parallelism splits KV heads until there is one per rank and replicates them beyond; an MLA latent has
    no heads to split, so that each rank holds it whole; under data-parallel attention a request lives on one rank.
    """
    if dp_attention or tp <= 1:
        return 1.0
    if model.attention == "mla":
        return float(tp)
    return tp * math.ceil(model.kv_heads / tp) / model.kv_heads


def weight_bytes_per_gpu(weights: WeightBytes, *, tp: int, pp: int, gpus: int, dp_attention: bool) -> float:
    """Weights on one GPU of a replica [bytes]; data-parallel attention replicates what is not an expert."""
    shards = max(gpus, tp * pp)
    if dp_attention:
        return weights.experts / shards + weights.other / pp + weights.embeddings / shards
    return weights.total / (tp * pp)


def plan_memory(
    model: ModelSpec,
    accelerator: Accelerator,
    *,
    precision: str,
    kv_precision: str,
    tp: int,
    pp: int = 1,
    gpus: int,
    worker_gpus: int | None = None,
    dp_attention: bool = False,
    context_tokens: float,
    utilisation: float,
    reserve_gb: float,
) -> Memory:
    """Lay a replica out in memory.

    Parameters
    ----------
    gpus
        GPUs that hold the cache of running requests: those of the replica, or those of it that decode.
    worker_gpus
        GPUs over which one copy of the experts spreads; `gpus` by default.
    context_tokens
        Input plus output of a mean request [tokens]: many requests share the cache, so the mean counts.
    utilisation
        Share of memory that the engine may take.
    reserve_gb
        Activations, graphs and buffers inside that share [1e9 bytes per GPU].
    """
    usable = accelerator.memory_bytes * utilisation
    weights = weight_bytes_per_gpu(
        weight_bytes(model, precision, accelerator.vendor), tp=tp, pp=pp, gpus=worker_gpus or gpus,
        dp_attention=dp_attention,
    )  # fmt: skip
    free = usable - weights - reserve_gb * GB
    copies = kv_copies(model, tp, dp_attention)
    full, windowed = kv_bytes_per_token(model, kv_precision)
    per_request = kv_bytes_per_request(model, context_tokens, kv_precision) * copies
    capacity = max(0.0, free) * max(gpus, tp * pp)
    max_concurrency = int(min(capacity / per_request, 1e9)) if per_request > 0 else (10**9 if free > 0 else 0)
    fits = max_concurrency >= 1
    return Memory(
        usable_gb=usable / GB,
        weights_gb=weights / GB,
        reserve_gb=reserve_gb,
        kv_gb=max(0.0, free) / GB,
        kv_bytes_per_token=(full + windowed) * copies,
        kv_bytes_per_request=per_request,
        context_tokens=context_tokens,
        max_concurrency=max_concurrency,
        fits=fits,
        binds="nothing" if fits else ("weights" if free <= 0 else "kv_cache"),
    )
