"""Estimates beside a vendor's table of long prompts, which no fit has seen: the most that a deployment gives."""

from __future__ import annotations

from functools import cache

import numpy as np

from tests.estimator_kit import bundled_estimator, catalog, query

LOADS = tuple(2**k for k in range(13))
LONG = 20_000


@cache
def ratios() -> tuple[float, ...]:
    """Estimated over published output tokens/s per GPU at most load, of every NVIDIA row with LONG input tokens."""
    out = []
    for row in catalog().vendor_tables:
        if "TensorRT-LLM" not in row.publisher or (row.isl or 0) < LONG or not row.tp or not row.osl:
            continue
        asked = query(
            row.accelerator, row.model_id, precision=row.precision, engine="trtllm", tp=row.tp, gpus=row.tp,
            isl=row.isl, osl=row.osl,
        )  # fmt: skip
        found = bundled_estimator().curve(asked, LOADS)
        most = np.nanmax([found[i].output_tps_per_gpu.mid for i in range(len(LOADS))])
        out.append(float(most) / (row.value_per_gpu or row.value))
    return tuple(out)


def test_most_rates_of_long_prompts_are_those_of_the_vendor_s_table() -> None:
    found = np.array(ratios())
    assert len(found) >= 45
    # the vendor tunes for most throughput alone, and a service does not: somewhat below, seldom far off
    assert 0.8 <= np.median(found) <= 1.1
    assert np.mean((found > 1 / 1.5) & (found < 1.5)) >= 0.85


def test_first_tokens_of_a_model_that_no_run_times_are_those_of_its_recipe() -> None:
    """GLM-5.2 with ATOM, prompts of 1,024 and 8,192 tokens, 1 to 64 in flight."""
    rows = [
        row for row in catalog().vendor_tables
        if row.metric == "ttft_p50_s" and row.model_id == "glm-5.2" and row.isl and row.osl and row.concurrency
    ]  # fmt: skip
    assert len(rows) == 6
    asked = [
        query(
            row.accelerator, row.model_id, precision=row.precision, engine=row.engine, tp=row.tp, gpus=row.tp,
            isl=row.isl, osl=row.osl, concurrency=row.concurrency,
        )
        for row in rows
    ]  # fmt: skip
    found = bundled_estimator().estimate(asked, software="typical")
    ratios = np.array([e.ttft_p50_s.mid / row.value for e, row in zip(found, rows, strict=True)])
    assert (ratios > 0.75).all()
    assert (ratios < 1.5).all()
