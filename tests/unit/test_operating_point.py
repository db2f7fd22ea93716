"""The operating point against an estimator whose answers can be worked out by hand.

TPOT is 10 ms + 0.5 ms a request in flight, TTFT 100 ms + 2 ms a request, tails 1.2 and 2 times the median.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from advisor.catalog import Catalog, load_catalog
from advisor.domain.estimate import Interval, OperatingEstimate, OperatingQuery
from advisor.domain.profile import Lengths, Profile, Workload
from advisor.domain.sizing import Deployment
from advisor.engine.adjust import with_factors, with_long_prompts, with_prefix_cache
from advisor.engine.deployments import MeasuredConfigs
from advisor.engine.estimates import PERCENTILES, TTFT, WIDTH, Batch
from advisor.engine.fleet import Sizing
from advisor.engine.infeasible import explain_infeasible, layout_obstacle
from advisor.engine.layout import Layout, lay_out
from advisor.engine.operating_point import Load, ladder, limited_by, query_for

SIZING = Sizing(
    {
        "gpu_memory_utilisation": 0.9, "runtime_reserve_gb": 4.0, "growth_lookahead_months": 6.0,
        "interruptions_per_gpu_hour": 5e-5, "repair_hours": 4.0,
    },
    12,
)  # fmt: skip
NONE = MeasuredConfigs({}, {}, {})


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


def flat(value: float, spread: float = 1.25) -> Interval:
    return Interval(value / spread, value, value * spread)


def batch_of(estimates: Sequence[OperatingEstimate], prefill_share: float = 0.0) -> Batch[OperatingEstimate]:
    """A batch of estimates that are made already."""
    rows = [
        (
            e.ttft_p50_s.mid, *(e.ttft_tail.get(p, np.nan) for p in PERCENTILES),
            e.tpot_p50_s.mid, *(e.tpot_tail.get(p, np.nan) for p in PERCENTILES),
            e.output_tps_per_gpu.lo, e.output_tps_per_gpu.mid, e.output_tps_per_gpu.hi, prefill_share,
        )
        for e in estimates
    ]  # fmt: skip
    table = np.array(rows, dtype=np.float64).reshape(-1, WIDTH)
    return Batch(table, [e.error for e in estimates], estimates.__getitem__)


def estimate(queries: Sequence[OperatingQuery]) -> Batch[OperatingEstimate]:
    out = []
    for q in queries:
        tpot, ttft = 0.010 + 0.0005 * q.concurrency, 0.1 * q.isl / 1000 + 0.002 * q.concurrency
        mean_osl = 0.9 * q.osl
        output = q.concurrency * mean_osl / (ttft + tpot * mean_osl) / (q.gpus or 1)
        out.append(
            OperatingEstimate(
                query=q, engine="vllm", spec_method="none", disagg=False, tp=q.tp or 1, ep=1, dp_attention=False,
                gpus=q.gpus or 1, ttft_p50_s=flat(ttft), tpot_p50_s=flat(tpot), total_tps_per_gpu=flat(2 * output),
                output_tps_per_gpu=flat(output), ttft_tail={"p90": ttft * 1.5, "p95": ttft * 2, "p99": ttft * 3},
                tpot_tail={"p90": tpot * 1.1, "p95": tpot * 1.2, "p99": tpot * 1.3}, evidence_grade="B",
                basis="interpolated", basis_text="worked by hand",
            )
        )  # fmt: skip
    return batch_of(out)


def workload(**slo: float) -> Workload:
    profile = Profile.model_validate(
        {
            "name": "x",
            "model": {"id": "llama3.3-70b", "precisions": ["fp8"]},
            "traffic": {"isl": 900, "osl": 900, "peak_concurrency": 1000},
            "slo": slo,
        }
    )
    return profile.tiers[0]


def replace_traffic(work: Workload, **changes: float) -> Workload:
    return work.model_copy(update={"traffic": work.traffic.model_copy(update=changes)})


def run(catalog: Catalog, work: Workload, accelerator: str = "mi355x", est=estimate) -> Layout:
    model = catalog.models["llama3.3-70b"]
    team = Profile.model_validate(
        {"name": "x", "model": {"id": "a"}, "traffic": {"isl": 1, "osl": 1, "peak_concurrency": 1}}
    ).team
    return lay_out(work, model, [catalog.accelerators[accelerator]], NONE, est, SIZING, team)[accelerator]


def test_concurrency_ends_where_the_tail_meets_the_limit(catalog: Catalog) -> None:
    # 1.2 x (10 + 0.5 n) <= 60 ms: n <= 80. Log-linear refinement from 64 to 128 must stay at or below it.
    layout = run(catalog, workload(tpot_ms=60, percentile=95))
    assert layout.sample is not None
    assert 72 <= layout.sample.concurrency <= 80
    assert layout.limit == "tpot"
    assert layout.sample.tpot_at_percentile_s <= 0.060


@pytest.mark.parametrize("limit_ms", [55, 57.3, 60, 61.9, 66, 80])
def test_the_edge_is_found_where_the_metric_bends(catalog: Catalog, limit_ms: float) -> None:
    """TPOT of 1.2 x (10 + 0.5 n) ms bends up in logs, and its square root, stretched to the same ends, bends down."""

    def bent(queries: Sequence[OperatingQuery]) -> Batch[OperatingEstimate]:
        return batch_of([
            replace(e, tpot_p50_s=flat(t := 0.005 * q.concurrency**0.5), tpot_tail=dict.fromkeys(e.tpot_tail, 1.2 * t))
            for e, q in zip(estimate(queries), queries, strict=True)
        ])  # fmt: skip

    up = (limit_ms / 1.2 - 10) / 0.5
    down = (limit_ms / 1.2 / 5) ** 2
    work = workload(tpot_ms=limit_ms)
    for found, edge in ((run(catalog, work), up), (run(catalog, work, est=bent), down)):
        assert found.sample is not None
        assert not found.sample.violated
        assert edge * 0.95 - 1 <= found.sample.concurrency <= edge


def test_a_replica_is_looked_at_up_to_twice_the_demand_with_bursts_and_growth(catalog: Catalog) -> None:
    """30 in flight with bursts of a half, growing 44 % in the 6 months ahead: 2 x 30 x 1.5 x 1.44 = 129.6."""
    work = workload(tpot_ms=100_000)
    grown = replace_traffic(work, peak_concurrency=30, burst_headroom=0.5, growth_per_year=1.44**2 - 1)
    layout = run(catalog, grown)
    assert layout.sample is not None
    assert layout.sample.concurrency == 130
    assert layout.limit == "demand"


def test_a_pipeline_yields_what_one_stage_yields_with_its_part_of_the_requests(catalog: Catalog) -> None:
    """Two nodes: 40 requests are 20 on one node, at its latency and its rate per GPU, with half of the weights."""
    load = Load.of(workload(tpot_ms=60).traffic, workload(tpot_ms=60).slo)
    model = catalog.models["llama3.3-70b"]
    one, two = (
        Deployment(
            engine="vllm", precision="fp8", kv_cache_precision="fp8", tp=8, pp=pp, ep=1, dp=1, dp_attention=False,
            spec_method="none", disagg=False, gpus_per_replica=8 * pp, decode_gpus=None,
        )
        for pp in (1, 2)
    )  # fmt: skip
    assert query_for(two, "h100", model, load, 40) == replace(query_for(one, "h100", model, load, 20), pp=2)
    assert "PP2" in two.label


def test_memory_limits_a_pipeline_at_its_last_whole_step(catalog: Catalog) -> None:
    """A cache of 41 requests over two stages holds 20 in each: 40 are the most."""
    layout = run(catalog, workload(tpot_ms=100_000), "h200")
    assert layout.memory is not None
    assert layout.sample is not None
    load, memory = Load.of(workload().traffic, workload().slo), layout.memory.model_copy(update={"max_concurrency": 41})
    last, before = (replace(layout.sample, concurrency=n) for n in (ladder(memory, load, 2)[-1], 38))
    assert last.concurrency == 40
    assert limited_by([last], memory, load, 2) == "memory"
    assert limited_by([before], memory, load, 2) == "evidence"


def test_the_median_allows_more_than_the_tail(catalog: Catalog) -> None:
    tail, median = (run(catalog, workload(tpot_ms=60, percentile=p)).sample for p in (99, 50))
    assert tail is not None
    assert median is not None
    assert median.concurrency > tail.concurrency


def test_memory_ends_the_ladder(catalog: Catalog) -> None:
    # 1,800 tokens x 163,840 bytes; TP1 on H200 holds (136.2578 - 72.6513 - 4) GB / 0.294912 GB = 202 requests.
    layout = run(catalog, workload(tpot_ms=100_000), "h200")
    assert layout.memory is not None
    assert layout.sample is not None
    assert layout.sample.concurrency <= layout.memory.max_concurrency


def test_an_unreachable_level_names_the_nearest_point_and_the_change(catalog: Catalog) -> None:
    work = workload(tpot_ms=5, percentile=50)
    layout = run(catalog, work)
    assert layout.sample is None
    assert layout.failure == "slo"
    assert layout.nearest is not None
    assert layout.nearest.concurrency == 1  # 10.5 ms, the least there is
    obstacle = layout_obstacle(layout, "main", work.slo, "slo")
    assert obstacle.change == "relax slo.tpot_ms from 5 to 11"
    assert obstacle.size == pytest.approx(1.1)
    why = explain_infeasible({"mi355x": [obstacle]})
    assert why.binding == "slo (1 of 1)"
    assert "relax slo.tpot_ms from 5 to 11" in why.change
    assert "MI355X" in why.headline


def test_prefix_cache_shortens_ttft_only(catalog: Catalog) -> None:
    query = OperatingQuery("mi355x", catalog.models["llama3.3-70b"], "fp8", 1000.0, 1000.0, 10, gpus=1, tp=1)
    plain, cached = estimate([query])[0], with_prefix_cache(estimate, 0.5)([query])[0]
    assert cached.tpot_p50_s == plain.tpot_p50_s
    assert cached.ttft_p50_s.mid == pytest.approx(0.05 + 0.02)  # half of the input, the queue as before
    assert cached.output_tps_per_gpu.mid > plain.output_tps_per_gpu.mid
    assert with_prefix_cache(estimate, 0.0) is estimate


def test_cached_prompts_disturb_decode_less(catalog: Catalog) -> None:
    """Of a step of 15 ms two fifths are prefill; with half of the prompts cached a fifth is saved: 12 ms."""

    def disturbed(queries: Sequence[OperatingQuery]) -> Batch[OperatingEstimate]:
        return batch_of(list(estimate(queries)), prefill_share=0.4)

    query = OperatingQuery("mi355x", catalog.models["llama3.3-70b"], "fp8", 1000.0, 1000.0, 10, gpus=1, tp=1)
    plain, cached = disturbed([query])[0], with_prefix_cache(disturbed, 0.5)([query])[0]
    assert cached.tpot_p50_s.mid == pytest.approx(0.8 * plain.tpot_p50_s.mid)
    assert cached.tpot_tail["p99"] == pytest.approx(0.8 * plain.tpot_tail["p99"])
    before, after = 0.1 + 0.02 + 0.015 * 1000, 0.05 + 0.02 + 0.012 * 1000
    assert cached.output_tps_per_gpu.mid == pytest.approx(plain.output_tps_per_gpu.mid * before / after)


def test_a_long_prompt_takes_its_own_prefill_at_the_percentile(catalog: Catalog) -> None:
    """Mean 1,000 tokens, 4,000 at p95, 10 in flight: 120 ms at the median, and 300 ms more prefill for the long one."""
    query = OperatingQuery("mi355x", catalog.models["llama3.3-70b"], "fp8", 1000.0, 1000.0, 10, gpus=1, tp=1)
    long = with_long_prompts(estimate, 4.0, 95, 1.0, estimate)
    found = long([query, replace(query, concurrency=1)])
    assert [e.ttft_tail["p95"] for e in found] == pytest.approx([0.12 + 0.3, 0.102 + 0.3])
    assert found.at_percentile(TTFT, 95).tolist() == pytest.approx([0.42, 0.402])
    assert found[0].ttft_tail["p99"] == estimate([query])[0].ttft_tail["p99"]
    # half of it cached: half of the prefill; and where requests alike long have the longer tail, that one stands
    cached = with_long_prompts(estimate, 4.0, 95, 0.5, estimate)([query])[0]
    assert cached.ttft_tail["p95"] == pytest.approx(0.12 + 0.15)
    assert with_long_prompts(estimate, 1.5, 95, 1.0, estimate)([query])[0] == estimate([query])[0]
    assert with_long_prompts(estimate, 1.0, 95, 1.0, estimate) is estimate
    assert with_long_prompts(estimate, 4.0, 50, 1.0, estimate) is estimate


def test_lengths_at_a_percentile_are_those_of_the_distribution() -> None:
    lengths = Lengths(p50=1000, p95=4000)
    assert lengths.at(50) == 1000
    assert lengths.at(95) == pytest.approx(4000)
    assert lengths.at(99) == pytest.approx(1000 * 4 ** (2.3263 / 1.6449), rel=1e-4)
    assert [Lengths(mean=500).at(p) for p in (50, 95, 99)] == [500, 500, 500]
    assert [Lengths(mean=500, p95=900).at(p) for p in (90, 95, 99)] == [500, 900, 900]


def test_the_users_factor_scales_rate_and_stretches_latency(catalog: Catalog) -> None:
    query = OperatingQuery("mi355x", catalog.models["llama3.3-70b"], "fp8", 1000.0, 1000.0, 10, gpus=1, tp=1)
    plain, scaled = estimate([query])[0], with_factors(estimate, {"mi355x": 0.8})([query])[0]
    assert scaled.output_tps_per_gpu.mid == pytest.approx(0.8 * plain.output_tps_per_gpu.mid)
    assert scaled.tpot_p50_s.mid == pytest.approx(plain.tpot_p50_s.mid / 0.8)
    assert with_factors(estimate, {"b200": 0.8})([query])[0] == plain


def test_reference_latency_is_the_levels_own() -> None:
    work = workload(ttft_ms=2000, tpot_ms=50)
    assert Load.of(work.traffic, work.slo).reference_e2e_s == pytest.approx(2 + 0.05 * 900)
    assert Load.of(work.traffic, workload(e2e_ms=30_000).slo).reference_e2e_s == 30.0
    assert Load.of(work.traffic, workload(ttft_ms=100).slo).reference_e2e_s is None


@pytest.mark.parametrize(("e2e_ms", "latency_s"), [(30_000, 30.0), (47_000, 47.0), (600_000, 47.0)])
def test_of_two_limits_on_a_request_the_one_that_binds_sets_the_rate(e2e_ms: float, latency_s: float) -> None:
    # 2 s + 900 tokens x 50 ms = 47 s: a request may take no longer, however much later its end would be allowed
    work = workload(ttft_ms=2000, tpot_ms=50, e2e_ms=e2e_ms)
    assert Load.of(work.traffic, work.slo).reference_e2e_s == pytest.approx(latency_s)
