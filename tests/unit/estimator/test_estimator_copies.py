"""Aggregated serving on more GPUs than TP spans: copies that share the requests, or one wide replica."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from advisor.domain.evidence import Measurement
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
