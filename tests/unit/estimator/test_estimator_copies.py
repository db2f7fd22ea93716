"""Aggregated serving on more GPUs than TP spans: copies that share the requests, or one wide replica."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from advisor.domain.evidence import Measurement
from advisor.engine.estimator.encode import points_of_queries
from advisor.engine.estimator.physics import CACHE_FILL, step_physics
from advisor.engine.memory import weight_bytes
from tests.estimator_kit import bundled_estimator, catalog, estimator_with, query


def test_copies_share_the_requests() -> None:
    many, one, all_on_one = bundled_estimator().estimate(
        [query(tp=2, gpus=8, concurrency=64), query(tp=2, gpus=2, concurrency=16), query(tp=2, gpus=2, concurrency=64)]
    )
    assert many.total_tps_per_gpu == one.total_tps_per_gpu
    assert many.tpot_p50_s == one.tpot_p50_s
    assert many.total_tps_per_gpu.mid < 0.6 * all_on_one.total_tps_per_gpu.mid
    assert "4 copies of 2 GPUs, 16 requests on each" in many.basis_text


def test_data_parallel_attention_makes_one_replica_of_all_gpus() -> None:
    asked = query("h200", "deepseek-r1", engine="sglang", dp_attention=True, ep=8, gpus=8, concurrency=64)
    narrow, wide = bundled_estimator().estimate([replace(asked, tp=1), replace(asked, tp=8)])
    assert narrow.total_tps_per_gpu == wide.total_tps_per_gpu
    assert "tp 8" in narrow.basis_text
    assert "assumed" not in wide.basis_text


@pytest.mark.parametrize("gpus", [1, 3, 8])
def test_a_replica_whose_split_is_open_spreads_over_its_gpus(gpus: int) -> None:
    (found,) = bundled_estimator().estimate([query(tp=None, gpus=gpus)])
    assert (found.tp, found.gpus) == (gpus, gpus)
    assert f"assumed tp {gpus}" in found.basis_text


def test_a_probe_of_copies_speaks_for_one_of_them() -> None:
    asked = query("b200", "llama3.1-8b", tp=1, gpus=1, concurrency=16)
    (before,) = bundled_estimator().estimate([asked])
    probe = Measurement(
        row_id="probe-1", family="own_probe", accelerator="b200", model="llama3.1-8b", precision="fp8", engine="vllm",
        spec_method="none", disagg=False, tp=1, ep=1, dp_attention=False, gpus=8, isl=1024, osl=1024, concurrency=128,
        date=date(2026, 11, 20), flags=(), total_tps_per_gpu=1.5 * before.total_tps_per_gpu.mid,
        output_tps_per_gpu=0.75 * before.total_tps_per_gpu.mid, tpot_p50_s=before.tpot_p50_s.mid / 1.5,
        ttft_p50_s=before.ttft_p50_s.mid, tpot_p99_s=None, ttft_p99_s=None, e2el_p50_s=None, source_id="own",
    )  # fmt: skip
    assert catalog().accelerators["b200"].scale_up_domain == 8
    (after,) = estimator_with(probes=(probe,)).estimate([asked])
    assert after.evidence_grade == "A"
    assert after.total_tps_per_gpu.mid == pytest.approx(1.5 * before.total_tps_per_gpu.mid, rel=0.03)


def test_a_stage_of_a_pipeline_has_the_cache_that_its_part_of_the_weights_leaves() -> None:
    """DeepSeek-R1 on two nodes of H100, TP8: half of 680 GB on each 8 x 80 GB, of which one node would hold nothing.

    A request of 0.9 x (1,024 + 512) tokens takes 61 x 576 bytes each, in eight copies: 388.6 MB.
    """
    part, model = catalog().accelerators["h100"], catalog().models["deepseek-r1"]
    asked = query("h100", "deepseek-r1", engine="sglang", tp=8, gpus=8, concurrency=64)
    one, two = (
        step_physics(points_of_queries([replace(asked, pp=pp)], ["dsr1"], catalog().accelerators)) for pp in (1, 2)
    )
    weights = weight_bytes(model, "fp8", part)
    free = 0.9 * 8 * part.memory_bytes - weights.total / 2 - 8 * 3e9
    held = 0.9 * (1024 + 512) * 61 * 576 * 8
    assert two.saturation[0, 0] == pytest.approx(64 / (CACHE_FILL * free / held), rel=0.02)  # embeddings at 16 bit
    assert one.saturation[0, 0] > 4 * two.saturation[0, 0]
    assert np.array_equal(one.terms[0], two.terms[0])  # a token passes all layers, at the width of a stage


def test_estimates_of_stages_do_not_stand_in_for_those_of_whole_replicas() -> None:
    asked = query("h100", "deepseek-r1", engine="sglang", tp=8, gpus=8, concurrency=256)
    one, two, again = bundled_estimator().estimate([asked, replace(asked, pp=2), asked])
    assert two.total_tps_per_gpu.mid > 1.2 * one.total_tps_per_gpu.mid
    assert two.ttft_p50_s.mid < one.ttft_p50_s.mid
    assert again.total_tps_per_gpu == one.total_tps_per_gpu
