"""Memory worked by hand, step by step, for the three kinds of attention.

H200 has 150,754,820,096 bytes, MI355X 309,220,868,096. The engine takes 0.9 of it; 4 GB are reserved. So an H200
offers 135.6793380864 - 4 = 131.6793380864 GB, an MI355X 278.2987812864 - 4 = 274.2987812864 GB for weights and cache.
"""

from __future__ import annotations

import pytest

from advisor.catalog import Catalog, load_catalog
from advisor.domain.sizing import Memory
from advisor.engine.estimator.calibration import by_measured_name
from advisor.engine.memory import (
    attended_bytes_per_request,
    kv_bytes_per_request,
    kv_bytes_per_token,
    kv_copies,
    plan_memory,
    state_bytes_per_request,
    weight_bytes,
)


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


def plan(
    catalog: Catalog, model: str, accelerator: str, precision: str, tp: int, context: float, **kw: object
) -> Memory:
    a = catalog.accelerators[accelerator]
    arguments: dict[str, object] = {"kv_precision": "fp8", "gpus": tp, "utilisation": 0.9, "reserve_gb": 4.0, **kw}
    fixed = {"precision": precision, "tp": tp, "context_tokens": context}
    return plan_memory(catalog.models[model], a, **fixed, **arguments)  # type: ignore[arg-type]


def test_llama_70b_fp8_on_h200_and_mi355x(catalog: Catalog) -> None:
    model = catalog.models["llama3.3-70b"]
    # Cache: 2 x 80 layers x 8 heads x 128 x 1 byte = 163,840 bytes a token.
    assert kv_bytes_per_token(model, "fp8") == (163_840.0, 0.0)
    # Embedding and head: 128,256 x 8,192 x 2 = 2,101,346,304 parameters at 2 bytes = 4.202692608 GB.
    # The rest: 70.55e9 - 2,101,346,304 = 68.448653696e9 at 1 byte. Together 72.651346304 GB.
    assert weight_bytes(model, "fp8", catalog.accelerators["h200"]).total == pytest.approx(72.651346304e9)
    h200 = plan(catalog, "llama3.3-70b", "h200", "fp8", 1, 8192)
    # 131.6793380864 - 72.651346304 = 59.0279917824 GB; a request of 8,192 tokens takes 1.34217728 GB: 43.98.
    assert h200.kv_gb == pytest.approx(59.0279917824)
    assert h200.max_concurrency == 43
    mi355x = plan(catalog, "llama3.3-70b", "mi355x", "fp8", 1, 8192)
    # 274.2987812864 - 72.651346304 = 201.6474349824 GB / 1.34217728 GB = 150.24.
    assert mi355x.max_concurrency == 150


def test_deepseek_r1_mla_is_replicated_over_tensor_parallel_ranks(catalog: Catalog) -> None:
    model = catalog.models["deepseek-r1"]
    # 61 layers x (512 + 64) x 1 byte = 35,136 bytes a token and copy: a 25th of what counting heads would give.
    assert kv_bytes_per_token(model, "fp8")[0] == 35_136.0
    assert kv_copies(model, tp=8, dp_attention=False) == 8.0
    assert kv_copies(model, tp=8, dp_attention=True) == 1.0
    # Experts 58 x 256 x 3 x 7,168 x 2,048 = 653,908,770,816; embeddings 129,280 x 7,168 x 2 = 1,853,358,080 at 2
    # bytes; other 671.03e9 - both = 15,267,871,104. FP8: 653.908770816 + 15.267871104 + 3.70671616 = 672.88335808 GB.
    assert weight_bytes(model, "fp8", catalog.accelerators["h200"]).total == pytest.approx(672.88335808e9)
    h200 = plan(catalog, "deepseek-r1", "h200", "fp8", 8, 2048)
    # Per GPU 131.6793380864 - 84.11041976 = 47.5689183264 GB hold 1,353,851 tokens / 2,048 = 661.1 requests.
    assert h200.weights_gb == pytest.approx(84.11041976)
    assert h200.max_concurrency == 661
    mi355x = plan(catalog, "deepseek-r1", "mi355x", "fp8", 8, 2048)
    # Per GPU 274.2987812864 - 84.11041976 = 190.1883615264 GB hold 5,412,920 tokens / 2,048 = 2,643.0 requests.
    assert mi355x.max_concurrency == 2643


def test_gpt_oss_120b_windows_are_capped(catalog: Catalog) -> None:
    model = catalog.models["gpt-oss-120b"]
    # 18 full and 18 windowed layers of 2 x 8 x 64 = 1,024 elements at 2 bytes: 36,864 bytes a token each.
    assert kv_bytes_per_token(model, "bf16") == (36_864.0, 36_864.0)
    # At 8,192 tokens: 36,864 x 8,192 + 36,864 x 128 = 306,708,480 bytes.
    assert kv_bytes_per_request(model, 8192, "bf16") == 306_708_480.0
    # Experts 36 x 128 x 3 x 2,880 x 2,880 = 114,661,785,600 at 17/32 byte = 60.9140736 GB; embeddings
    # 201,088 x 2,880 x 2 = 1,158,266,880 and 979,947,520 others at 2 bytes = 4.2764288 GB. The release is 65.2 GB.
    assert weight_bytes(model, "fp4", catalog.accelerators["h200"]).total == pytest.approx(65.1905024e9)
    h200 = plan(catalog, "gpt-oss-120b", "h200", "fp4", 1, 8192, kv_precision="bf16")
    # (131.6793380864 - 65.1905024) GB / 306,708,480 bytes = 216.78.
    assert h200.max_concurrency == 216
    mi355x = plan(catalog, "gpt-oss-120b", "mi355x", "fp4", 1, 8192, kv_precision="bf16")
    # (274.2987812864 - 65.1905024) GB / 306,708,480 bytes = 681.78.
    assert mi355x.max_concurrency == 681


def test_the_fp8_cache_of_sparse_mla_has_scales_and_rotary_parts_at_16_bit(catalog: Catalog) -> None:
    """vLLM, `fp8_ds_mla`: 512 + 4 x 4 + 64 x 2 = 656 bytes a token and layer, beside index keys of 132."""
    model = catalog.models["deepseek-v3.2"]
    assert kv_bytes_per_token(model, "fp8")[0] == 61 * (656 + 132)
    assert kv_bytes_per_token(model, "bf16")[0] == 61 * (2 * 576 + 132)
    assert attended_bytes_per_request(model, 100_000) == 61 * 656 * 2048


def test_linear_attention_keeps_a_state_of_each_request(catalog: Catalog) -> None:
    model = catalog.models["qwen3.5-397b-a17b"]
    # 45 layers x 64 heads x 128 x 128 in 32 bit, once over the ranks, however often the 2 KV heads are copied
    assert state_bytes_per_request(model) == 45 * 64 * 128 * 128 * 4 == 188_743_680
    # 15 full layers x 2 x 2 heads x 256 x 1 byte = 15,360 bytes a token, 4 copies on 8 ranks
    h200 = plan(catalog, "qwen3.5-397b-a17b", "h200", "fp8", 8, 9216)
    assert h200.kv_bytes_per_request == 15_360 * 9216 * 4 + 188_743_680
    assert state_bytes_per_request(catalog.models["llama3.3-70b"]) == 0.0


def test_deepseek_v4_is_stored_as_it_is_released(catalog: Catalog) -> None:
    model, parts = catalog.models["deepseek-v4-pro"], catalog.accelerators
    # Experts 61 x 384 x 3 x 7,168 x 3,072 = 1,547,396,186,112 at 17/32 byte = 822.054223872 GB; embeddings 129,280 x
    # 7,168 x 2 = 1,853,358,080 at 2 bytes = 3.70671616 GB; 50,750,455,808 others at 1 byte. Published: 865 GB.
    for part, precision in (("b200", "fp4"), ("mi355x", "fp4"), ("h200", "fp8"), ("mi300x", "fp8")):
        assert weight_bytes(model, precision, parts[part]).total == pytest.approx(876.51139584e9)
    assert weight_bytes(model, "fp4", parts["b200"]).total == pytest.approx(865e9, rel=0.02)
    # A part with FP4 units serves the release as FP4; at FP8 its experts take a byte each.
    assert weight_bytes(model, "fp8", parts["mi355x"]).total == pytest.approx(1_601.853358080e9)


def test_what_was_measured_fits(catalog: Catalog) -> None:
    """Eight H200 served a DeepSeek V4 that is called FP8; at a byte a weight none of them could have."""
    by_name = {name: m for m in catalog.models.values() for name in m.measured_as}
    deployments = {
        (m.model, m.accelerator, m.precision, m.tp) for m in catalog.measurements if not m.disagg and m.model in by_name
    }
    assert len(deployments) > 100
    for model, part, precision, tp in deployments:
        memory = catalog.accelerators[part].memory_bytes
        weights = weight_bytes(by_name[model], precision, catalog.accelerators[part]).total / tp
        assert weights < 0.9 * memory, (model, part, precision, tp)


@pytest.mark.parametrize("accelerator", ["mi355x", "mi350x", "b300"])
def test_405b_fits_one_288_gb_part_at_four_bits_and_not_at_eight(catalog: Catalog, accelerator: str) -> None:
    assert plan(catalog, "llama3.1-405b", accelerator, "fp4", 1, 2048).fits
    eight = plan(catalog, "llama3.1-405b", accelerator, "fp8", 1, 2048)
    assert not eight.fits
    assert eight.binds == "weights"


def test_kv_heads_fewer_than_ranks_are_replicated(catalog: Catalog) -> None:
    model = catalog.models["llama3.3-70b"]  # 8 heads
    assert [kv_copies(model, tp, False) for tp in (1, 2, 8, 16)] == [1.0, 1.0, 1.0, 2.0]
    ten = catalog.models["phi-4"]  # 10 heads on 4 ranks: 3 each, 12 in all
    assert kv_copies(ten, 4, False) == pytest.approx(1.2)


def test_what_rounding_adds_to_a_total_is_on_no_rank_twice(catalog: Catalog) -> None:
    """DeepSeek V4 Pro on eight H200 under data-parallel attention, as vLLM was measured there and yet said not to fit.

    Experts 61 x 384 x 3 x 7,168 x 3,072 = 1,547.396e9, of which a token visits 6/384 = 24.178e9. Of 49e9 active ones
    24.822e9 are left, while "1.6T" leaves 1,600 - 1,547.396 - 1.853 (embeddings) = 50.751e9 beside the experts:
    25.929e9 of rounding. Each GPU: (1,547.396 x 17/32 + 1.853 x 2 + 25.929) / 8 + 24.822 = 131.28 GB of 135.68.
    """
    held = plan(catalog, "deepseek-v4-pro", "h200", "fp8", 8, 2048, dp_attention=True)
    assert held.weights_gb == pytest.approx(131.28, abs=0.01)
    assert held.fits


def test_every_deployment_that_was_measured_is_said_to_fit(catalog: Catalog) -> None:
    names = by_measured_name(catalog.models)
    rows = [m for m in catalog.measurements if not m.disagg and m.tp]
    seen = {(m.accelerator, m.model, m.precision, m.tp, m.dp_attention): m for m in rows}
    assert len(seen) > 150
    for m in seen.values():
        width = "bf16" if m.precision == "bf16" else "fp8"
        held = plan(
            catalog, names[m.model].id, m.accelerator, m.precision, m.tp, 0.9 * (m.isl + m.osl),
            dp_attention=m.dp_attention, kv_precision=width,
        )  # fmt: skip
        assert held.fits, m.row_id
