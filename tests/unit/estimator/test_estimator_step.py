"""Physics of a step worked by hand: what the prompts of others take beside their arithmetic."""

from __future__ import annotations

from dataclasses import replace

import pytest

from advisor.engine.estimator.encode import points_of_queries
from advisor.engine.estimator.physics import TERMS, attention_flops, precision_of_rest, step_physics
from advisor.engine.memory import attended_bytes_per_request, kv_bytes_per_request
from tests.estimator_kit import bundled_estimator, catalog, query

R1 = query("h200", "deepseek-r1", engine="sglang", tp=8, gpus=8, isl=8192, osl=1024, concurrency=33)


def term(name: str, asked: object = R1) -> float:
    points = points_of_queries([asked], ["x"], catalog().accelerators)  # type: ignore[list-item]
    return float(step_physics(points).terms[TERMS.index(name)][0, 0])


def test_every_rank_goes_through_the_hidden_states_of_all_prompts() -> None:
    """DeepSeek-R1: 8 tokens of prompts for each output token of the 32 others, 61 layers of 7,168 at 2 bytes; 12
    passes, and 4 for each of 8 experts in 58 layers."""
    h200 = catalog().accelerators["h200"]
    passes = 12 + 4 * 8 * 58 / 61
    assert term("passes") == pytest.approx(32 * 8 * 61 * 7168 * 2 * passes / (h200.bandwidth_gbps * 1e9), rel=1e-4)
    two, four = (replace(R1, model=catalog().models["llama3.3-70b"], tp=tp, gpus=tp, concurrency=3) for tp in (2, 4))
    assert term("passes", two) == pytest.approx(term("passes", four), rel=1e-3)
    assert term("passes", replace(R1, ep=8)) == pytest.approx(term("passes") * (12 + 4 * 58 / 61) / passes, rel=1e-3)
    assert term("passes", replace(R1, dp_attention=True)) == pytest.approx(term("passes") / 8, rel=1e-3)
    assert term("sums") == pytest.approx(32 * 8 * 61 * 7168 * 4 / (h200.scale_up_gbps * 1e9), rel=1e-4)
    assert term("sums", replace(R1, concurrency=1)) == term("passes", replace(R1, concurrency=1)) == 0.0


def test_hyper_connections_multiply_the_passes() -> None:
    asked = replace(R1, model=catalog().models["deepseek-v4-pro"], precision="fp8")
    plain = replace(asked, model=replace(asked.model, residual_streams=1))
    assert term("passes", asked) / term("passes", plain) == pytest.approx((12 * 4 + 4 * 6) / (12 + 4 * 6))


def test_the_rest_of_a_four_bit_mixture_runs_at_its_own_precision() -> None:
    """Experts of a token 58 x 8 x 3 x 7,168 x 2,048 = 20.4e9; the rest of 37e9 but the input embedding at 16 bit."""
    b200 = catalog().accelerators["b200"]
    model = R1.model
    peak4, peak16 = (b200.dense_tflops[p] * 1e12 for p in ("fp4", "bf16"))
    experts = 58 * 8 * 3 * 7168 * 2048
    rest = 37e9 - experts - 129_280 * 7168
    asked = replace(R1, accelerator="b200", precision="fp4")
    assert term("flops", asked) == pytest.approx(33 * 2 * (experts / peak4 + rest / peak16) / 8)
    for name, precision, runs_at in (
        ("deepseek-r1", "fp8", "fp8"), ("deepseek-r1", "fp4", "bf16"), ("deepseek-v4-pro", "fp4", "fp8"),
        ("gpt-oss-120b", "fp4", "bf16"), ("llama3.3-70b", "fp4", "fp4"), ("kimi-k2.5", "int4", "bf16"),
    ):  # fmt: skip
        model = catalog().models[name]
        assert precision_of_rest(model, precision, b200) == runs_at, (name, precision)


def test_deepseek_v4_reads_what_it_finds_of_its_compressed_cache() -> None:
    """At 100,000 tokens: 1,024 entries of 512 in 30 layers, a 128th of the tokens in 31, and 128 tokens in all 61."""
    model = catalog().models["deepseek-v4-pro"]
    found, pooled, window = 30 * 1024 * 512, 31 * 512 * 100_000 / 128, 61 * 128 * 512
    assert attended_bytes_per_request(model, 100_000) == pytest.approx(found + pooled + window)
    keys = 30 * 132 / 4 * 100_000
    held = 30 * 512 * 100_000 / 4 + pooled + window + keys
    assert kv_bytes_per_request(model, 100_000) == pytest.approx(held)
    # below 4,096 tokens all entries are found
    short = attended_bytes_per_request(model, 4000)
    assert short == pytest.approx(kv_bytes_per_request(model, 4000) - 30 * 132 / 4 * 4000)


def test_prefill_of_deepseek_v4_attends_to_entries_windows_and_keys() -> None:
    """A prompt of 8,192: 1,024 entries from 4,096 tokens on, 512 in the mean before; 128 heads of 512, 64 of 128."""
    model = catalog().models["deepseek-v4-pro"]
    entries = 30 * (512 + 1024) / 2 + 31 * 4096 / 128 + 61 * 128
    keys = 2 * 64 * 128 * 30 * 4096 / 4
    assert attention_flops(model, 8192) == pytest.approx(4 * 128 * 512 * entries + keys)


def test_prompts_of_others_count_once_in_a_life() -> None:
    """With prompts of 100,000 tokens the rate of one H20 had halved from 1 to 16 in flight."""
    asked = query("h20", "llama3.3-70b", isl=100_000, osl=1000, tp=4, gpus=4)
    loads = (1, 2, 4, 8, 16)
    found = bundled_estimator().curve(asked, loads)
    rates = [found[i].total_tps_per_gpu.mid for i in range(len(loads))]
    assert min(rates) > 0.8 * rates[0]
