"""What a statement about the hardware and the model is held to."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import ValidationError

from advisor.domain.hardware import Accelerator
from advisor.domain.model import ModelSpec
from advisor.domain.provenance import Provenance
from advisor.evidence.runs import Deployment, Distribution, Step
from advisor.probe.plausibility import Plausibility, implausible

ACCELERATOR = Accelerator(
    id="x", part_id="x", vendor="AMD", name="X", architecture="", memory_bytes=192e9, memory_gb_marketed=192,
    bandwidth_gbps=5000, dense_tflops={"bf16": 1000, "fp8": 2000}, tdp_w=750, all_in_kw=None, scale_up_gbps=450,
    scale_up_domain=8, scale_up_switched=False, cooling=(), die_area_mm2=None, formats=(), release="",
    provenance=Provenance("t", None, "user"),
)  # fmt: skip
MODEL = ModelSpec(
    id="m", name="m", family="", params_total=70e9, params_active=70e9, layers=80, hidden=8192, heads=64, kv_heads=8,
    head_dim=128, vocab=128_000, attention="gqa", full_layers=80,
)  # fmt: skip


def test_the_impossible_is_named() -> None:
    """70e9 bytes at fp8 over 8 x 5e12 B/s take 1.75 ms; 8 x 2e15 FLOP/s over 140e9 FLOP a token give 114,286 tok/s."""
    where = Deployment(accelerator="x", gpus=8, model="m", precision="fp8")
    fine = Step(index=0, isl=1, osl=1, tpot=Distribution(p50=0.0018), total_tps=114_000.0)
    assert implausible(fine, where, ACCELERATOR, MODEL) == []
    fast = Step(index=0, isl=1, osl=1, tpot=Distribution(p50=0.0017), total_tps=115_000.0)
    assert [flag.split()[1] for flag in implausible(fast, where, ACCELERATOR, MODEL)] == ["TPOT", "115,000"]
    drafted = where.model_copy(update={"spec_method": "mtp"})
    assert len(implausible(fast, drafted, ACCELERATOR, MODEL)) == 1
    small = where.model_copy(update={"gpus": 1, "precision": "bf16"})
    step = Step(index=0, isl=1, osl=1, tpot=Distribution(p50=0.5))
    assert MODEL.params_total * 2 < 192e9
    assert implausible(step, small, ACCELERATOR, MODEL) == []
    large = replace(MODEL, params_total=100e9)
    assert "200 GB of weights at bf16 do not fit into the 192 GB" in implausible(step, small, ACCELERATOR, large)[0]


def test_a_layout_wider_than_the_stated_gpus_is_named() -> None:
    """A run of TP8 that is brought in with --gpus 4 had counted as one twice as fast a GPU."""
    where = Deployment(accelerator="x", gpus=4, model="m", precision="fp8", tp=8)
    step = Step(index=0, isl=1, osl=1)
    told = "implausible: TP 8 takes 8 GPUs, but only 4 are stated as serving: check --gpus and --tp"
    assert implausible(step, where, ACCELERATOR, MODEL) == [told]
    assert implausible(step, where.model_copy(update={"gpus": 8}), ACCELERATOR, MODEL) == []


def test_a_release_at_four_bits_fits_where_it_was_measured_at_fp8() -> None:
    """DeepSeek V4 Pro: 1.6e12 parameters are 1,600 GB at a byte each, 800 GB as released; eight H200 hold 1,128 GB.

    Its 49e9 active parameters at half a byte over 8 x 4.8e12 B/s take 0.64 ms. With FP4 units, FP8 is a byte a weight.
    """
    h200 = replace(ACCELERATOR, memory_bytes=141e9, bandwidth_gbps=4800)
    release = replace(MODEL, params_total=1.6e12, params_active=49e9, native_format="FP8 with FP4 routed experts")
    where = Deployment(accelerator="x", gpus=8, model="m", precision="fp8")
    step = Step(index=0, isl=1, osl=1, tpot=Distribution(p50=0.00065))
    assert implausible(step, where, h200, release) == []
    quick = Step(index=0, isl=1, osl=1, tpot=Distribution(p50=0.0006))
    assert [flag.split()[1] for flag in implausible(quick, where, h200, release)] == ["TPOT"]
    units = replace(h200, dense_tflops={**h200.dense_tflops, "fp4": 4000})
    wide = replace(release, native_format="FP8")
    for accelerator, model in ((units, release), (h200, wide)):
        assert "1,600 GB of weights at fp8" in implausible(step, where, accelerator, model)[0]


def test_what_the_stated_hardware_cannot_have_done_is_no_evidence() -> None:
    check = Plausibility({"x": ACCELERATOR}, {"m": MODEL})
    where = Deployment(accelerator="x", gpus=8, model="m", precision="fp8")
    fine = Step(index=0, isl=1, osl=1, tpot=Distribution(p50=0.0018))
    assert check.judged(where, fine) is fine
    fast = check.judged(where, Step(index=0, isl=1, osl=1, tpot=Distribution(p50=0.0007), flags=("else",)))
    assert not fast.valid
    assert fast.flags[0].startswith("implausible: TPOT 0.70 ms")
    assert fast.flags[1] == "else"
    assert check.judged(where, fast) is fast  # as when it is brought in again


def test_a_server_that_names_another_model_than_was_stated_is_told() -> None:
    models = {name: replace(MODEL, id=name, name=f"org/{name}-Instruct") for name in ("big", "small", "twin")}
    models |= {name: replace(models[name], measured_as=("b",)) for name in ("big", "twin")}
    check = Plausibility({}, models)
    stated = Deployment(model="big")
    assert "which is small; big was stated" in check.doubt(stated, "/models/Small-Instruct-FP8")
    for served in ("org/big-Instruct", "twin", "b", "house-name", ""):
        assert check.doubt(stated, served) == ""


def test_a_server_that_names_weights_of_another_precision_than_was_stated_is_told() -> None:
    check = Plausibility({}, {"r1": replace(MODEL, id="r1", name="deepseek-ai/DeepSeek-R1")})
    stated = Deployment(model="r1", precision="fp8")
    told = "one of fp4 weights; fp8 was stated: check --weights"
    assert told in check.doubt(stated, "nvidia/DeepSeek-R1-0528-NVFP4-v2")
    for served in ("deepseek-ai/DeepSeek-R1-0528", "org/DeepSeek-R1-FP8", "org/DeepSeek-R1-Int8"):
        assert check.doubt(stated, served) == ""


def test_figures_that_contradict_each_other_are_no_evidence() -> None:
    """Four in flight at 140 ms a token give 29 tok/s; 200 were taken, and an estimate followed neither figure."""
    check = Plausibility({}, {})
    where = Deployment(accelerator="unknown", model="unknown")
    step = Step(index=0, concurrency=4, isl=1, osl=1, output_tps=28.0, tpot=Distribution(p50=0.14, mean=0.14))
    assert check.judged(where, step) is step
    assert check.judged(where, step.model_copy(update={"output_tps": 40.0})).valid  # means over unlike requests
    odd = check.judged(where, step.model_copy(update={"output_tps": 200.0}))
    assert not odd.valid
    told = "implausible: 200 output tok/s from 4 in flight at a TPOT of 140.0 ms, which give 29 at most"
    assert odd.flags[0].startswith(told)
    open_loop = {"load": "poisson", "concurrency": 512, "achieved_concurrency": 4.0, "output_tps": 200.0}
    assert not check.judged(where, step.model_copy(update=open_loop)).valid


@pytest.mark.parametrize("field", ["output_tps", "total_tps", "requests_per_s"])
def test_a_negative_rate_or_time_is_no_figure(field: str) -> None:
    with pytest.raises(ValidationError):
        Step.model_validate({"index": 0, "isl": 1, "osl": 1, field: -5.0})
    with pytest.raises(ValidationError):
        Distribution(p50=-0.1)
