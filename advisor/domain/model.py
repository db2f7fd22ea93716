"""The architecture of a served model, as far as serving cost depends on it."""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from advisor.domain.provenance import Provenance
from advisor.domain.record import record

Attention = Literal["gqa", "mla"]


@record
class ModelSpec:
    """Dimensions of a decoder-only transformer; parameters are counts, not billions.

    Attention layers are split by kind: `full_layers` keep the whole context, `windowed_layers`
    at most `window` tokens, `recurrent_layers` a state of fixed size.
    """

    id: str
    name: str
    family: str
    params_total: float
    params_active: float
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    vocab: int
    attention: Attention
    full_layers: int
    windowed_layers: int = 0
    recurrent_layers: int = 0
    window: int = 0
    """Sliding-window length [tokens]; 0 where there is none."""
    kv_lora_rank: int = 0
    qk_rope_head_dim: int = 0
    experts: int = 0
    experts_per_token: int = 0
    moe_intermediate: int = 0
    shared_experts: int = 0
    moe_layers: int = 0
    intermediate: int = 0
    max_context: int = 0
    native_precision: str = "bf16"
    tie_embeddings: bool = False
    licence: str = ""
    measured_as: tuple[str, ...] = ()
    """Model names under which the measurements list it."""
    provenance: Provenance = field(default_factory=lambda: Provenance("user", None, "user"))
    notes: str = ""
    kv_elements_full: float | None = None
    """KV elements per token of the full-context layers where published; overrides the formula."""
    kv_elements_windowed: float | None = None
    """KV elements per token of all windowed layers together, up to `window` tokens."""
    index_topk: int = 0
    """Entries of the cache that an output token attends to under sparse attention; 0 where it attends to all."""
    index_heads: int = 0
    index_head_dim: int = 0
    index_layers: int | None = None
    """Layers with an indexer of their own, where others take over what it finds (GLM-5.2); None for all full ones."""
    index_ratio: int = 1
    """Tokens that an entry of the cache stands for in layers that search it; above 1 where it is compressed (V4)."""
    pooled_layers: int = 0
    """Layers that attend to all of a compressed cache, `pooled_ratio` tokens in an entry."""
    pooled_ratio: float = 1.0
    residual_streams: int = 1
    """Copies of the hidden state between layers, above 1 under hyper-connections."""
    recurrent_state_elements: float | None = None
    """Elements of the state that all recurrent layers keep of one sequence, where known."""
    weights_gb_native: float | None = None
    """Size of the published checkpoint [1e9 bytes], where known."""
    native_format: str = ""
    """The checkpoint's number format in the publisher's words."""

    @property
    def is_moe(self) -> bool:
        """True where a router picks experts."""
        return self.experts > 0

    @property
    def searching_layers(self) -> int:
        """Layers that search the cache themselves under sparse attention; the others take over what these find."""
        if not self.index_topk:
            return 0
        return self.full_layers if self.index_layers is None else self.index_layers

    @property
    def is_compressed(self) -> bool:
        """Whether the cache holds one vector, key and value in one, for several tokens (DeepSeek V4)."""
        return self.index_ratio > 1

    @property
    def four_bit_experts(self) -> bool:
        """Whether the publisher's FP8 checkpoint holds its routed experts in FP4, one 8-bit scale per 32 (MXFP4).

        DeepSeek V4 is released so: 865 GB of V4 Pro (vLLM recipes, https://github.com/vllm-project/recipes/pull/779).
        """
        form = self.native_format.casefold()
        return form.startswith("fp8") and "fp4 routed experts" in form

    @property
    def four_bit_form(self) -> str:
        """The four-bit form in which the publisher releases it: mxfp4, nvfp4 or other."""
        if self.four_bit_experts:
            return "mxfp4"
        form = self.native_format.casefold()
        return next((mark for mark in ("mxfp4", "nvfp4") if mark in form), "other")

    @property
    def embedding_params(self) -> float:
        """Parameters of input embedding and output head, kept at 16 bit in quantised checkpoints."""
        return self.vocab * self.hidden * (1 if self.tie_embeddings else 2)

    @property
    def routed_expert_params(self) -> float:
        """Parameters of all routed experts (three matrices each)."""
        return self.moe_layers * self.experts * 3.0 * self.hidden * self.moe_intermediate if self.is_moe else 0.0
