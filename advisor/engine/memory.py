"""What a model occupies in the memory of a deployment, and how many requests fit.

References
----------
.. [1] OCP Microscaling Formats (MX) Specification v1.0, 2023, section 5: MXFP4 holds one 8-bit scale per 32
   elements. https://www.opencompute.org/documents/ocp-microscaling-formats-mx-v1-0-spec-final-pdf
.. [2] NVIDIA, Introducing NVFP4, 2025: one FP8 scale per 16 elements.
   https://developer.nvidia.com/blog/introducing-nvfp4-for-efficient-and-accurate-low-precision-inference/
.. [3] DeepSeek-AI, DeepSeek-V2, 2024, section 2.1: the MLA cache holds the compressed latent and the rotary key.
   https://arxiv.org/abs/2405.04434
.. [4] InferenceX, benchmarks/single_node/fixed_seq_len/dsv4_fp8_mi300x.sh: only dense and attention weights go through
   FP8, experts stay MXFP4. https://github.com/SemiAnalysisAI/InferenceX
.. [5] The same, benchmarks/single_node/dsv4_fp8_mi355x.sh: SGLANG_DSV4_FP4_EXPERTS=false.
.. [6] DeepSeek-AI, DeepSeek-V3.2, 2025, section 2.1, https://arxiv.org/abs/2512.02556; vLLM keeps the indexer's keys in
   FP8 with a 32-bit scale for each 128 (`DeepseekV32IndexerCache`).
.. [7] GLM-5.2, `index_topk_freq` 4 and `index_skip_topk_offset` 3: 21 of 78 layers have an indexer, the others reuse
   its result (SGLang, pull request 30922; ROCm/ATOM, pull request 1260).
.. [8] DeepSeek V4: `compress_ratios` 4 and 128 by layer, beside a window in each; what is compressed by 4 is searched
   for `index_topk` entries, what is compressed by 128 is read whole. vLLM, 24 April 2026,
   https://github.com/vllm-project/vllm-project.github.io/blob/main/_posts/2026-04-24-deepseek-v4.md
.. [9] vLLM, `fp8_ds_mla`: 656 bytes a token and layer, 512 of the latent with four 32-bit scales and 64 rotary elements
   at 16 bit (`FlashMLASparseBackend.get_kv_cache_shape`; FlashMLA, README).
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
BYTES_STATE = 4.0
INDEX_SCALE_BYTES = 4.0  # beside the FP8 key of a token in the indexer's cache of each layer [6]
LATENT_SCALE_BYTES, LATENT_SCALED = 4.0, 128  # a scale of the FP8 latent under sparse attention, of so many [9]
BYTES_INT4 = 0.5 + 2 / 32  # group of 32 with a 16-bit scale, as in Kimi K2.5's configuration
KV_BYTES = {"bf16": 2.0, "fp8": 1.0}


@record
class WeightCounts:
    """Parameters of a model by tensor class, the total shared out among them."""

    embeddings: float
    experts: float
    other: float

    @classmethod
    def of(cls, model: ModelSpec) -> WeightCounts:
        """As its dimensions say, and no more in all than its total."""
        embeddings = min(model.embedding_params, model.params_total)
        experts = min(model.routed_expert_params, model.params_total - embeddings)
        return cls(embeddings, experts, model.params_total - embeddings - experts)


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


def bytes_per_weight(model: ModelSpec, precision: str, accelerator: Accelerator) -> float:
    """Bytes per quantised weight of the experts, or of all where there are none, block scales included.

    FP4 is MXFP4 on AMD and for checkpoints that are MXFP4 by nature, NVFP4 elsewhere.
    """
    if precision == "fp4" or keeps_four_bits(model, precision, accelerator):
        return BYTES_MXFP4 if accelerator.vendor == "AMD" or model.four_bit_form == "mxfp4" else BYTES_NVFP4
    return {"bf16": BYTES_16_BIT, "fp8": BYTES_FP8, "int4": BYTES_INT4}[precision]


def keeps_four_bits(model: ModelSpec, precision: str, accelerator: Accelerator) -> bool:
    """Whether experts released at four bits stay so in memory although the arithmetic is FP8.

    On parts without FP4 units that is what benchmarks call FP8 of DeepSeek V4 [4]: its 1.6e12 parameters at a byte each
    would not fit the eight H200 on which it was measured. Parts with FP4 units serve the release as FP4; at FP8 they
    hold its experts at a byte each [5].
    """
    return precision == "fp8" and model.four_bit_experts and "fp4" not in accelerator.dense_tflops


def bytes_per_other_weight(model: ModelSpec, precision: str, accelerator: Accelerator) -> float:
    """Bytes per weight that is neither embedding nor routed expert, block scales included.

    Four-bit checkpoints of MoE models quantise the experts and keep attention, shared experts and dense layers at 16
    bit (as gpt-oss and Kimi K2.5 state in their configurations) or as the release has them; four-bit checkpoints of
    dense models quantise every linear layer.
    """
    width = bytes_per_weight(model, precision, accelerator)
    if not model.is_moe or width >= BYTES_FP8:
        return width
    counts = WeightCounts.of(model)
    outweighs = counts.other * (BYTES_16_BIT - BYTES_FP8) > counts.experts * (BYTES_FP8 - width)
    return BYTES_FP8 if outweighs or model.four_bit_experts else BYTES_16_BIT


def weight_bytes(model: ModelSpec, precision: str, accelerator: Accelerator) -> WeightBytes:
    """Weights of one copy of the model [bytes]; embeddings and output head stay at 16 bit in quantised checkpoints."""
    counts = WeightCounts.of(model)
    return WeightBytes(
        counts.embeddings * BYTES_16_BIT,
        counts.experts * bytes_per_weight(model, precision, accelerator),
        counts.other * bytes_per_other_weight(model, precision, accelerator),
    )


def kv_bytes_per_token(model: ModelSpec, kv_precision: str = "fp8") -> tuple[float, float]:
    """KV cache of one token in one copy: (layers with full context, layers with a window) [bytes].

    GQA ``2·layers·kv_heads·head_dim·bytes``; MLA ``layers·(kv_lora_rank + qk_rope_head_dim)·bytes`` [3]; with what the
    indexer of sparse attention keeps.
    """
    width = KV_BYTES[kv_precision]
    index = index_bytes_per_token(model) + scale_bytes_per_token(model, kv_precision)
    if model.kv_elements_full is not None:
        return model.kv_elements_full * width + index, (model.kv_elements_windowed or 0.0) * width
    if model.attention == "mla":
        per_layer = float(model.kv_lora_rank + model.qk_rope_head_dim)
    else:
        per_layer = 2.0 * model.kv_heads * model.head_dim
    return model.full_layers * per_layer * width + index, model.windowed_layers * per_layer * width


def index_bytes_per_token(model: ModelSpec) -> float:
    """Keys by which sparse attention finds what to read, of one token in one copy [bytes]; FP8 at any KV precision.

    Layers that take over what an earlier one found keep none [7]; of a compressed cache each entry has one [8].
    """
    return model.searching_layers * (model.index_head_dim + INDEX_SCALE_BYTES) / model.index_ratio


def scale_bytes_per_token(model: ModelSpec, kv_precision: str) -> float:
    """What the FP8 cache of sparse MLA takes beyond a byte an element: scales, and rotary parts at 16 bit [9]."""
    if kv_precision != "fp8" or model.attention != "mla" or not model.index_topk:
        return 0.0
    scales = LATENT_SCALE_BYTES * model.kv_lora_rank / LATENT_SCALED
    return model.full_layers * (scales + (BYTES_16_BIT - BYTES_FP8) * model.qk_rope_head_dim)


def attended_bytes_per_request(model: ModelSpec, context_tokens: float, kv_precision: str = "fp8") -> float:
    """What an output token reads of the cache of one request in one copy [bytes], index keys aside.

    All of it, but under sparse attention the `index_topk` entries that the indexer finds (DeepSeek-V3.2 [6]), beside
    the window and the more compressed layers of DeepSeek V4 [8].
    """
    if not model.index_topk:
        return kv_bytes_per_request(model, context_tokens, kv_precision)
    full, windowed = kv_bytes_per_token(model, kv_precision)
    pooled = model.pooled_layers * model.head_dim / model.pooled_ratio * KV_BYTES[kv_precision]
    searched = full - index_bytes_per_token(model) - pooled
    found = min(context_tokens, model.index_topk * model.index_ratio)
    return searched * found + pooled * context_tokens + windowed * min(context_tokens, model.window)


def kv_bytes_per_request(model: ModelSpec, context_tokens: float, kv_precision: str = "fp8") -> float:
    """KV cache of one request in one copy at a context [tokens], windows capped [bytes].

    What linear-attention layers hold does not grow with context, see `state_bytes_per_request`.
    """
    full, windowed = kv_bytes_per_token(model, kv_precision)
    in_window = min(context_tokens, model.window) if model.window else context_tokens
    in_window = in_window if model.windowed_layers or model.kv_elements_windowed else 0.0
    if model.recurrent_layers and not model.window:
        in_window = 0.0
    return full * context_tokens + windowed * in_window


def state_bytes_per_request(model: ModelSpec) -> float:
    """State of the linear-attention layers of one request [bytes], kept once over the ranks of a replica.

    In 32 bit, as configurations of Qwen3.5 set (`mamba_ssm_dtype`) and engines take by default; the window of the short
    convolution in front adds 2 % and is left out. 0 for a model of one's own that does not state its size.
    """
    return BYTES_STATE * (model.recurrent_state_elements or 0.0)


def held_bytes_per_request(model: ModelSpec, context_tokens: float, kv_precision: str, copies: float) -> float:
    """What a replica holds of one request at a context [tokens]: each copy of its cache, its state once [bytes]."""
    return kv_bytes_per_request(model, context_tokens, kv_precision) * copies + state_bytes_per_request(model)


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


def visited_share(model: ModelSpec) -> float:
    """Part of the weights outside embeddings and routed experts that a token visits.

    All of them, by construction. Totals are published rounded, though ("1.6T" of DeepSeek V4 Pro), and what rounding
    adds counts among them: more than the active parameters leave beside the experts that a token is routed to.
    """
    c = WeightCounts.of(model)
    visited = model.params_active - c.experts * model.experts_per_token / model.experts if model.is_moe else c.other
    return min(1.0, visited / c.other) if visited > 0 and c.other > 0 else 1.0


def weight_bytes_per_gpu(
    weights: WeightBytes, *, tp: int, pp: int, gpus: int, dp_attention: bool, visited: float = 1.0
) -> float:
    """Weights on one GPU of a replica [bytes].

    Parameters
    ----------
    dp_attention
        Replicates what is not an expert.
    visited
        Part of that which is there at all, see `visited_share`; the rest counts once in the replica.
    """
    shards = max(gpus, tp * pp)
    if dp_attention:
        once = weights.experts + weights.embeddings + (1 - visited) * weights.other
        return once / shards + visited * weights.other / pp
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
        weight_bytes(model, precision, accelerator), tp=tp, pp=pp, gpus=worker_gpus or gpus,
        dp_attention=dp_attention, visited=visited_share(model),
    )  # fmt: skip
    free = usable - weights - reserve_gb * GB
    copies = kv_copies(model, tp, dp_attention)
    full, windowed = kv_bytes_per_token(model, kv_precision)
    per_request = held_bytes_per_request(model, context_tokens, kv_precision, copies)
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
