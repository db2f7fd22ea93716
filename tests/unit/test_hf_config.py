"""Configurations of released models, cut down to their dimensions, against what their publishers say of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from advisor.catalog import load_catalog
from advisor.domain.errors import ProfileError
from advisor.domain.model import ModelSpec
from advisor.engine.estimator.physics import index_flops
from advisor.engine.memory import kv_bytes_per_token, state_bytes_per_request, weight_bytes
from advisor.profiles.hf_config import model_from_config

R1 = {
    "num_hidden_layers": 61, "hidden_size": 7168, "num_attention_heads": 128, "num_key_value_heads": 128,
    "vocab_size": 129280, "kv_lora_rank": 512, "q_lora_rank": 1536, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64,
    "v_head_dim": 128, "n_routed_experts": 256, "num_experts_per_tok": 8, "moe_intermediate_size": 2048,
    "n_shared_experts": 1, "first_k_dense_replace": 3, "intermediate_size": 18432, "max_position_embeddings": 163840,
    "quantization_config": {"quant_method": "fp8", "fmt": "e4m3"},
}  # fmt: skip
V4 = {
    "num_hidden_layers": 61, "hidden_size": 7168, "num_attention_heads": 128, "num_key_value_heads": 1,
    "head_dim": 512, "vocab_size": 129280, "q_lora_rank": 1536, "o_lora_rank": 1024, "o_groups": 16,
    "qk_rope_head_dim": 64, "n_routed_experts": 384, "num_experts_per_tok": 6, "moe_intermediate_size": 3072,
    "n_shared_experts": 1, "sliding_window": 128, "index_head_dim": 128, "index_n_heads": 64, "index_topk": 1024,
    "compress_ratios": [128, *([128, 4] * 30), 0], "expert_dtype": "fp4", "max_position_embeddings": 1048576,
    "quantization_config": {"quant_method": "fp8", "fmt": "e4m3", "scale_fmt": "ue8m0"},
}  # fmt: skip
QWEN = {
    "text_config": {
        "num_hidden_layers": 60, "hidden_size": 4096, "num_attention_heads": 32, "num_key_value_heads": 2,
        "head_dim": 256, "vocab_size": 248320, "num_experts": 512, "num_experts_per_tok": 10,
        "moe_intermediate_size": 1024, "shared_expert_intermediate_size": 1024, "attn_output_gate": True,
        "layer_types": ["linear_attention", "linear_attention", "linear_attention", "full_attention"] * 15,
        "linear_num_key_heads": 16, "linear_num_value_heads": 64, "linear_key_head_dim": 128,
        "linear_value_head_dim": 128, "mlp_only_layers": [], "max_position_embeddings": 262144,
    }
}  # fmt: skip
MAVERICK = {
    "text_config": {
        "model_type": "llama4_text", "num_hidden_layers": 48, "hidden_size": 5120, "num_attention_heads": 40,
        "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 202048, "num_local_experts": 128,
        "num_experts_per_tok": 1, "intermediate_size": 8192, "intermediate_size_mlp": 16384,
        "interleave_moe_layer_step": 2, "attention_chunk_size": 8192, "max_position_embeddings": 1048576,
    }
}  # fmt: skip


def read(tmp_path: Path, data: dict[str, Any]) -> ModelSpec:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    return model_from_config(path)


@pytest.mark.parametrize(
    ("data", "name", "total_b", "active_b"),
    [
        (R1, "deepseek-r1", 671, 37),
        (V4, "deepseek-v4-pro", 1600, 49),
        (QWEN, "qwen3.5-397b-a17b", 397, 17),
        (MAVERICK, "llama4-maverick", 400, 17),
    ],
)
def test_parameters_and_cache_are_those_of_the_release(
    tmp_path: Path, data: dict[str, Any], name: str, total_b: float, active_b: float
) -> None:
    """Llama 4 Maverick had been counted at 778e9 parameters, and DeepSeek V4 at 87e9 active ones."""
    model, known = read(tmp_path, data), load_catalog(()).models[name]
    assert model.params_total == pytest.approx(total_b * 1e9, rel=0.02)
    assert model.params_active == pytest.approx(active_b * 1e9, rel=0.06)
    same = ("attention", "head_dim", "full_layers", "windowed_layers", "recurrent_layers", "window", "experts",
            "moe_layers", "native_precision", "shared_experts")  # fmt: skip
    assert {x: getattr(model, x) for x in same} == {x: getattr(known, x) for x in same}
    assert kv_bytes_per_token(model) == kv_bytes_per_token(known)
    assert state_bytes_per_request(model) == state_bytes_per_request(known)


def test_a_total_that_its_dimensions_do_not_give_says_why(tmp_path: Path) -> None:
    """The catalog has the 1.6T of its maker for DeepSeek V4 Pro, its `config.json` gives 28e9 less."""
    model, known = read(tmp_path, V4), load_catalog(()).models["deepseek-v4-pro"]
    layer = model.experts * 3 * model.hidden * model.moe_intermediate
    assert f"come to {model.params_total / 1e9:,.0f}e9" in known.notes
    assert f"is {layer / 1e9:.1f}e9" in known.notes
    assert known.params_total - model.params_total == pytest.approx(layer, rel=0.15)


def test_experts_of_four_bits_within_fp8_are_seen(tmp_path: Path) -> None:
    model, h200 = read(tmp_path, V4), load_catalog(()).accelerators["h200"]
    assert weight_bytes(model, "fp8", h200).total == pytest.approx(865e9, rel=0.02)


@pytest.mark.parametrize(
    ("quantization", "precision"),
    [
        ({"quant_method": "compressed-tensors", "config_groups": {"g": {"weights": {"num_bits": 4, "type": "int"}}}},
         "int4"),
        ({"quant_method": "compressed-tensors", "config_groups": {"g": {"weights": {"num_bits": 8, "type": "float"}}}},
         "fp8"),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, "fp4"),
        ({"quant_method": "mxfp4"}, "fp4"),
        ({"quant_method": "awq"}, "int4"),
        ({"quant_method": "bitsandbytes"}, "bf16"),
    ],
)  # fmt: skip
def test_the_precision_of_a_checkpoint_is_read_from_its_quantisation(
    tmp_path: Path, quantization: dict[str, Any], precision: str
) -> None:
    """Kimi K2.5's INT4 is named in its groups alone; it had been taken for 16 bit."""
    assert read(tmp_path, {**R1, "quantization_config": quantization}).native_precision == precision


@pytest.mark.parametrize("key", ["hybrid_override_pattern", "layers_block_type", "block_configs", "moe_latent_size"])
def test_layers_that_cannot_be_counted_are_not_guessed(tmp_path: Path, key: str) -> None:
    """A Nemotron of 120e9 parameters had come out at 1,495e9."""
    with pytest.raises(ProfileError, match=rf"{key}.*model\.custom"):
        read(tmp_path, {**R1, key: "M*ME"})


GLM = {
    "model_type": "glm_moe_dsa", "num_hidden_layers": 78, "hidden_size": 6144, "num_attention_heads": 64,
    "num_key_value_heads": 64, "vocab_size": 154880, "kv_lora_rank": 512, "q_lora_rank": 2048,
    "qk_nope_head_dim": 192, "qk_rope_head_dim": 64, "v_head_dim": 256, "n_routed_experts": 256,
    "num_experts_per_tok": 8, "moe_intermediate_size": 2048, "n_shared_experts": 1, "first_k_dense_replace": 3,
    "intermediate_size": 12288, "index_topk": 2048, "index_n_heads": 32, "index_head_dim": 128,
    "max_position_embeddings": 1048576,
}  # fmt: skip
TYPES = ["full" if i < 3 or (i - 2) % 4 == 0 else "shared" for i in range(78)]


@pytest.mark.parametrize(
    ("more", "layers"),
    [
        ({}, 78), ({"index_topk_freq": 1, "index_skip_topk_offset": 3}, 78), ({"indexer_types": TYPES}, 21),
        ({"index_topk_freq": 4, "index_skip_topk_offset": 3}, 21), ({"index_topk_freq": 4}, 20),
    ],
)  # fmt: skip
def test_layers_that_take_over_what_an_indexer_found_keep_no_keys(
    tmp_path: Path, more: dict[str, Any], layers: int
) -> None:
    """GLM-5.2, a layer in four after the first three: 78 x 656 B of latent, and 21 x 132 B of keys; GLM-5 78 x 132."""
    full, windowed = kv_bytes_per_token(read(tmp_path, GLM | more))
    assert (full, windowed) == (78 * 656 + layers * 132, 0)


def test_the_catalog_knows_which_glm_shares_its_index() -> None:
    models = load_catalog(()).models
    assert [kv_bytes_per_token(models[name])[0] for name in ("glm-5", "glm-5.2")] == [61_464, 53_940]
    # 2 x 32 heads x 128 dimensions in each layer that searches, for each of a thousand cached tokens
    assert [index_flops(models[name], 1000.0) for name in ("glm-5", "glm-5.2")] == [8_192e3 * 78, 8_192e3 * 21]
