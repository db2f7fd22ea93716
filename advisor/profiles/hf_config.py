"""Read a Hugging Face `config.json` into the dimensions that serving cost depends on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from advisor.domain.errors import ProfileError
from advisor.domain.model import ModelSpec
from advisor.domain.profile import CustomModel
from advisor.domain.provenance import Provenance

MAX_BYTES = 4_000_000


def model_from_config(path: Path) -> ModelSpec:
    """A `ModelSpec` from a configuration file on disk.

    Parameters are counted from the dimensions: attention projections, feed-forward or experts, embeddings; norms
    and biases are left out (below 0.1 %).

    Raises
    ------
    ProfileError
        When the file is unreadable or lacks a dimension.
    """
    try:
        with path.open("rb") as file:  # a device has no size to ask for
            raw = file.read(MAX_BYTES + 1)
        if len(raw) > MAX_BYTES:
            raise ProfileError(f"{path}: larger than {MAX_BYTES / 1e6:.0f} MB; not a model configuration")
        data = json.loads(raw.decode("utf-8-sig"))
    except FileNotFoundError:
        raise ProfileError(f"model.config_json: {path}: no such file") from None
    except OSError as error:
        raise ProfileError(f"model.config_json: {path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise ProfileError(f"model.config_json: {path}: not valid JSON ({type(error).__name__})") from None
    if not isinstance(data, dict):
        raise ProfileError(f"model.config_json: {path}: the top level must be an object")
    nested = data.get("text_config")
    text = {**data, **nested} if isinstance(nested, dict) else data
    return _Reader(text, path).spec(str(data.get("_name_or_path") or path.parent.name or path.stem))


class _Reader:
    """Dimensions of one configuration, with the file in every complaint."""

    def __init__(self, data: dict[str, Any], path: Path) -> None:
        self.data, self.path = data, path

    def number(self, *names: str, default: int | None = None) -> int:
        for name in names:
            value = self.data.get(name)
            if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**10:
                return value
            if value is not None and not isinstance(value, int | list):
                raise ProfileError(f"model.config_json: {self.path}: {name} is {value!r}, not a whole number")
        if default is not None:
            return default
        raise ProfileError(f"model.config_json: {self.path}: lacks {' or '.join(names)}; describe it in [model.custom]")

    def windows(self, layers: int) -> tuple[int, int, int]:
        """(windowed layers, recurrent layers, window)."""
        kinds = self.data.get("layer_types")
        window = self.number("sliding_window", default=0)
        if isinstance(kinds, list) and kinds:
            windowed = sum("sliding" in str(k) or "chunked" in str(k) for k in kinds)
            recurrent = sum("linear" in str(k) or "mamba" in str(k) or "recurrent" in str(k) for k in kinds)
            return windowed, recurrent, window or self.number("attention_chunk_size", default=0)
        if window and self.data.get("use_sliding_window", True):
            pattern = self.number("sliding_window_pattern", default=0)
            return (layers - layers // pattern if pattern > 1 else layers), 0, window
        return 0, 0, 0

    def state_per_layer(self) -> int:
        """Elements that a linear-attention layer keeps of a sequence; 0 where the file does not say."""
        n = self.number
        heads, key = n("linear_num_value_heads", default=0), n("linear_key_head_dim", default=0)
        return heads * key * n("linear_value_head_dim", default=0)

    def spec(self, name: str) -> ModelSpec:
        n = self.number
        layers, hidden = n("num_hidden_layers", "n_layer"), n("hidden_size", "n_embd")
        heads = n("num_attention_heads", "n_head")
        kv_heads = n("num_key_value_heads", default=heads)
        if min(layers, hidden, heads, kv_heads) < 1:
            raise ProfileError(f"model.config_json: {self.path}: layers, hidden size and heads must be positive")
        head_dim = n("head_dim", default=hidden // heads)
        vocab = n("vocab_size")
        tied = bool(self.data.get("tie_word_embeddings", False))
        kv_lora, rope = n("kv_lora_rank", default=0), n("qk_rope_head_dim", default=0)
        experts = n("n_routed_experts", "num_local_experts", "num_experts", default=0)
        per_token = n("num_experts_per_tok", "experts_per_token", default=0) if experts else 0
        dense_width = n("intermediate_size", "n_inner", default=4 * hidden)
        expert_width = n("moe_intermediate_size", default=dense_width) if experts else 0
        dense_layers = n("first_k_dense_replace", default=0) if experts else layers
        shared = n("n_shared_experts", default=0) if experts else 0
        moe_layers = layers - dense_layers if experts else 0
        windowed, recurrent, window = self.windows(layers)

        if kv_lora:
            q_rank, nope, v_dim = n("q_lora_rank", default=0), n("qk_nope_head_dim"), n("v_head_dim")
            q_out = heads * (nope + rope)
            queries = hidden * q_rank + q_rank * q_out if q_rank else hidden * q_out
            attention = queries + hidden * (kv_lora + rope) + kv_lora * heads * (nope + v_dim) + heads * v_dim * hidden
        else:
            attention = hidden * head_dim * (2 * heads + 2 * kv_heads)
        embed = vocab * hidden * (1 if tied else 2)
        expert = 3 * hidden * expert_width
        dense = dense_layers * 3 * hidden * dense_width
        common = layers * attention + dense + moe_layers * shared * expert
        total = common + moe_layers * experts * expert + embed
        active = common + moe_layers * per_token * expert + vocab * hidden
        return ModelSpec(
            id=name, name=name, family=str(self.data.get("model_type", "")), params_total=float(total),
            params_active=float(active), layers=layers, hidden=hidden, heads=heads, kv_heads=kv_heads,
            head_dim=head_dim, vocab=vocab, attention="mla" if kv_lora else "gqa",
            full_layers=layers - windowed - recurrent, windowed_layers=windowed, recurrent_layers=recurrent,
            index_topk=n("index_topk", default=0), index_heads=n("index_n_heads", default=0),
            index_head_dim=n("index_head_dim", default=0),
            recurrent_state_elements=float(recurrent * self.state_per_layer()),
            window=window, kv_lora_rank=kv_lora, qk_rope_head_dim=rope, experts=experts,
            experts_per_token=per_token, moe_intermediate=expert_width, shared_experts=shared,
            moe_layers=moe_layers, intermediate=dense_width,
            max_context=n("max_position_embeddings", "n_positions", default=131_072),
            native_precision=_native(self.data), native_format=_native_format(self.data), tie_embeddings=tied,
            provenance=Provenance(str(self.path.name), None, "user"),
        )  # fmt: skip


def _native_format(data: dict[str, Any]) -> str:
    quantization = data.get("quantization_config")
    if isinstance(quantization, dict):
        return str(quantization.get("quant_method") or quantization.get("format") or "")
    return ""


def _native(data: dict[str, Any]) -> str:
    named = _native_format(data).lower()
    if "fp4" in named:
        return "fp4"
    if "fp8" in named:
        return "fp8"
    if any(word in named for word in ("int4", "awq", "gptq", "w4a16")):
        return "int4"
    return "bf16"


def model_by_hand(custom: CustomModel) -> ModelSpec:
    """A `ModelSpec` from dimensions given in the profile."""
    active = custom.params_active_b if custom.params_active_b is not None else custom.params_total_b
    return ModelSpec(
        id=custom.name, name=custom.name, family="custom", params_total=custom.params_total_b * 1e9,
        params_active=active * 1e9, layers=custom.layers, hidden=custom.hidden, heads=custom.heads,
        kv_heads=custom.kv_heads or custom.heads, head_dim=custom.head_dim or max(1, custom.hidden // custom.heads),
        vocab=custom.vocab, attention="mla" if custom.kv_lora_rank else "gqa",
        full_layers=custom.layers - custom.windowed_layers - custom.recurrent_layers,
        windowed_layers=custom.windowed_layers, recurrent_layers=custom.recurrent_layers, window=custom.window,
        kv_lora_rank=custom.kv_lora_rank, qk_rope_head_dim=custom.qk_rope_head_dim, experts=custom.experts,
        experts_per_token=custom.experts_per_token, moe_intermediate=custom.moe_intermediate,
        moe_layers=(custom.moe_layers if custom.moe_layers is not None else custom.layers) if custom.experts else 0,
        intermediate=custom.intermediate, max_context=custom.max_context,
        provenance=Provenance("profile", None, "user"),
    )  # fmt: skip
