"""Read a Hugging Face `config.json` into the dimensions that serving cost depends on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from advisor.domain.errors import ProfileError
from advisor.domain.model import ModelSpec
from advisor.domain.profile import CustomModel
from advisor.domain.provenance import Provenance

MAX_BYTES = 4_000_000
_PRECISIONS = (("fp4", ("fp4",)), ("int4", ("int4", "awq", "gptq", "w4a16")), ("fp8", ("fp8",)))
"""The narrowest first: what is quantised decides how a checkpoint is served."""

_UNCOUNTED = (
    "hybrid_override_pattern", "layers_block_type", "block_configs", "moe_latent_size", "routed_expert_hidden_size",
)  # fmt: skip
"""Layers that differ from one another, or experts of a width of their own: counted by the usual sizes they come out
several times too large."""


class _Kinds(NamedTuple):
    """Layers that keep the whole context, a window of it, or a state."""

    full: int
    windowed: int
    recurrent: int
    window: int
    """[tokens]"""


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

    def kinds(self, layers: int) -> _Kinds:
        """How many layers attend in which way."""
        listed, linear = self.data.get("layer_types"), self.data.get("linear_attn_config")
        window = self.number("sliding_window", default=0)
        chunk = self.number("attention_chunk_size", default=0)
        if isinstance(self.data.get("compress_ratios"), list):  # DeepSeek V4: a window beside a compressed cache
            return _Kinds(layers, layers, 0, window)
        if isinstance(listed, list) and listed:
            windowed = sum("sliding" in str(k) or "chunked" in str(k) for k in listed)
            recurrent = sum("linear" in str(k) or "mamba" in str(k) or "recurrent" in str(k) for k in listed)
            return _Kinds(layers - windowed - recurrent, windowed, recurrent, window or chunk)
        if isinstance(linear, dict) and isinstance(linear.get("kda_layers"), list):
            recurrent = len(linear["kda_layers"])
            return _Kinds(layers - recurrent, 0, recurrent, 0)
        if chunk:  # Llama 4: every fourth layer keeps the whole context
            every = self.number("no_rope_layer_interval", default=4)
            return _Kinds(layers // every, layers - layers // every, 0, chunk)
        if window and self.data.get("use_sliding_window", True):
            pattern = self.number("sliding_window_pattern", default=0)
            full = layers // pattern if pattern > 1 else 0
            return _Kinds(full, layers - full, 0, window)
        return _Kinds(layers, 0, 0, 0)

    def state_per_layer(self) -> int:
        """Elements that a linear-attention layer keeps of a sequence; 0 where the file does not say."""
        n, linear = self.number, self.data.get("linear_attn_config")
        if isinstance(linear, dict):
            inner = _Reader(linear, self.path).number
            return inner("num_heads", default=0) * inner("head_dim", default=0) ** 2
        heads, key = n("linear_num_value_heads", default=0), n("linear_key_head_dim", default=0)
        return heads * key * n("linear_value_head_dim", default=0)

    def attention_params(self, hidden: int, heads: int, kv_heads: int, head_dim: int, kinds: _Kinds) -> int:
        """Weights of the attention of all layers."""
        n = self.number
        kv_lora, rope, rank = (n(key, default=0) for key in ("kv_lora_rank", "qk_rope_head_dim", "q_lora_rank"))
        if kv_lora:
            nope, v_dim = n("qk_nope_head_dim"), n("v_head_dim")
            q_out = heads * (nope + rope)
            queries = hidden * rank + rank * q_out if rank else hidden * q_out
            one = queries + hidden * (kv_lora + rope) + kv_lora * heads * (nope + v_dim) + heads * v_dim * hidden
        elif n("o_lora_rank", default=0):  # DeepSeek V4: low-rank queries, key and value in one, output in groups
            out = n("o_lora_rank")
            q_out = heads * head_dim
            one = hidden * rank + rank * q_out + hidden * head_dim * kv_heads
            one += q_out * out + n("o_groups", default=1) * out * hidden
        else:
            gate = heads if self.data.get("attn_output_gate") else 0
            one = hidden * head_dim * (2 * heads + gate + 2 * kv_heads)
        values = n("linear_num_value_heads", default=0) * n("linear_value_head_dim", default=0)
        keys = n("linear_num_key_heads", default=0) * n("linear_key_head_dim", default=0)
        gates = 2 * n("linear_num_value_heads", default=0)
        linear = hidden * (2 * keys + 3 * values + gates) if values else one
        return one * (self.number("num_hidden_layers", "n_layer") - kinds.recurrent) + linear * kinds.recurrent

    def index_layers(self, layers: int) -> int | None:
        """Layers with an indexer of their own, where the others take over what it found (GLM-5.2); None for all.

        By `indexer_types`, else one in `index_topk_freq` and all before `index_skip_topk_offset` (SGLang, pull request
        30922).
        """
        types = self.data.get("indexer_types")
        if isinstance(types, list):
            return sum(1 for kind in types[:layers] if kind == "full")
        every, offset = self.number("index_topk_freq", default=1), self.number("index_skip_topk_offset", default=1)
        if every <= 1:
            return None
        return sum(1 for i in range(layers) if max(i - offset + 1, 0) % every == 0)

    def compressed_cache(self, head_dim: int) -> dict[str, Any]:
        """What the cache of DeepSeek V4 holds: layers that compress least search it, the others read all of it."""
        ratios = self.data.get("compress_ratios")
        if not isinstance(ratios, list):
            return {}
        layers = self.number("num_hidden_layers")
        kept = [r for r in ratios[:layers] if isinstance(r, int) and r > 0]
        searched = min(kept, default=1)
        pooled = [r for r in kept if r != searched]
        return {
            "kv_elements_full": sum(head_dim / r for r in kept), "kv_elements_windowed": float(layers * head_dim),
            "index_layers": len(kept) - len(pooled), "index_ratio": searched, "pooled_layers": len(pooled),
            "pooled_ratio": len(pooled) / sum(1 / r for r in pooled) if pooled else 1.0,
        }  # fmt: skip

    def spec(self, name: str) -> ModelSpec:
        n = self.number
        strange = next((key for key in _UNCOUNTED if self.data.get(key)), None)
        if strange is not None:
            raise ProfileError(
                f"model.config_json: {self.path}: {strange} makes layers that this program cannot count; describe the"
                " model in [model.custom]"
            )
        layers, hidden = n("num_hidden_layers", "n_layer"), n("hidden_size", "n_embd")
        heads = n("num_attention_heads", "n_head")
        kv_heads = n("num_key_value_heads", default=heads)
        if min(layers, hidden, heads, kv_heads) < 1:
            raise ProfileError(f"model.config_json: {self.path}: layers, hidden size and heads must be positive")
        kv_lora, rope = n("kv_lora_rank", default=0), n("qk_rope_head_dim", default=0)
        head_dim = n("qk_nope_head_dim") + rope if kv_lora else n("head_dim", default=hidden // heads)
        vocab = n("vocab_size")
        tied = bool(self.data.get("tie_word_embeddings", False))
        kinds = self.kinds(layers)
        experts = n("n_routed_experts", "num_local_experts", "num_experts", default=0)
        per_token = n("num_experts_per_tok", "experts_per_token", default=0) if experts else 0
        width = n("intermediate_size", "n_inner", default=4 * hidden)
        dense_width = n("intermediate_size_mlp", default=width)
        expert_width = n("moe_intermediate_size", default=width) if experts else 0
        moe_layers = self.moe_layers(layers) if experts else 0
        shared = self.shared_width(expert_width) if experts else 0
        embed = vocab * hidden * (1 if tied else 2)
        expert = 3 * hidden * expert_width
        common = self.attention_params(hidden, heads, kv_heads, head_dim, kinds)
        common += 3 * hidden * ((layers - moe_layers) * dense_width + moe_layers * shared)
        total = common + moe_layers * experts * expert + embed
        active = common + moe_layers * per_token * expert + vocab * hidden
        precision, form = _released(self.data)
        return ModelSpec(
            id=name, name=name, family=str(self.data.get("model_type", "")), params_total=float(total),
            params_active=float(active), layers=layers, hidden=hidden, heads=heads, kv_heads=kv_heads,
            head_dim=head_dim, vocab=vocab, attention="mla" if kv_lora else "gqa",
            full_layers=kinds.full, windowed_layers=kinds.windowed, recurrent_layers=kinds.recurrent,
            index_topk=n("index_topk", default=0), index_heads=n("index_n_heads", default=0),
            index_head_dim=n("index_head_dim", default=0), residual_streams=n("hc_mult", default=1),
            **{"index_layers": self.index_layers(layers), **self.compressed_cache(head_dim)},
            recurrent_state_elements=float(kinds.recurrent * self.state_per_layer()),
            window=kinds.window, kv_lora_rank=kv_lora, qk_rope_head_dim=rope, experts=experts,
            experts_per_token=per_token, moe_intermediate=expert_width,
            shared_experts=-(-shared // expert_width) if expert_width else 0,
            moe_layers=moe_layers, intermediate=dense_width,
            max_context=n("max_position_embeddings", "n_positions", default=131_072),
            native_precision=precision, native_format=form, tie_embeddings=tied,
            provenance=Provenance(str(self.path.name), None, "user"),
        )  # fmt: skip

    def moe_layers(self, layers: int) -> int:
        """Layers with routed experts."""
        dense = self.number("first_k_dense_replace", default=0)
        step = self.number("interleave_moe_layer_step", "decoder_sparse_step", default=1)
        only = self.data.get("mlp_only_layers")
        return max(0, (layers - dense) // max(1, step) - (len(only) if isinstance(only, list) else 0))

    def shared_width(self, expert_width: int) -> int:
        """Width of what every token goes through beside its experts, in a layer that routes."""
        if "llama4" in str(self.data.get("model_type", "")):
            return expert_width  # one, which the file takes for granted
        own = self.number("shared_expert_intermediate_size", default=0)
        return own or self.number("n_shared_experts", default=0) * expert_width


def _released(data: dict[str, Any]) -> tuple[str, str]:
    """(precision, format in words) of the checkpoint that the file belongs to."""
    quantization = data.get("quantization_config")
    if not isinstance(quantization, dict):
        return "bf16", ""
    method = str(quantization.get("quant_method") or quantization.get("format") or "")
    words = [method, str(quantization.get("quant_algo") or "")]
    groups = quantization.get("config_groups")
    for group in groups.values() if isinstance(groups, dict) else ():
        weights = group.get("weights") if isinstance(group, dict) else None
        if isinstance(weights, dict):
            kind = "int" if weights.get("type") == "int" else "fp"
            words.append(f"{kind}{weights.get('num_bits')}")
    if "fp8" in method.casefold() and "fp4" in str(data.get("expert_dtype", "")).casefold():
        return "fp4", "FP8 with FP4 routed experts"
    form = " ".join(dict.fromkeys(word for word in words if word))
    named = form.casefold()
    for precision, marks in _PRECISIONS:
        if any(mark in named for mark in marks):
            return precision, form
    return "bf16", form


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
