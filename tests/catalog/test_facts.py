"""Facts that went in are the facts that come out: parts, models, costs, software, outlook."""

from __future__ import annotations

from datetime import date

import pytest

from advisor.catalog import Catalog

IDS = {"h100", "h200", "h20", "b200", "b300", "gb200", "gb300", "mi300x", "mi325x", "mi350x", "mi355x"}


def test_all_parts_are_there_and_the_one_without_figures_is_not_invented(catalog: Catalog) -> None:
    assert set(catalog.accelerators) == IDS
    assert set(catalog.incomplete_accelerators) == {"mi308x"}


@pytest.mark.parametrize(
    ("part", "fp8", "fp4", "tb_per_s", "memory_bytes"),
    [
        ("h100", 1979, None, 3.35, 85_520_809_984),
        ("h200", 1979, None, 4.8, 150_754_820_096),
        ("b200", 4500, 9000, 7.7, 192_265_846_784),
        ("b300", 4500, 14000, 7.75, 288_400_343_040),
        ("mi300x", 2614.9, None, 5.3, 206_141_652_992),
        ("mi325x", 2614.9, None, 6.0, 274_861_129_728),
        ("mi355x", 5033.2, 10066.3, 8.0, 309_220_868_096),
    ],
)
def test_dense_peaks_bandwidth_and_bytes(
    catalog: Catalog, part: str, fp8: float, fp4: float | None, tb_per_s: float, memory_bytes: float
) -> None:
    a = catalog.accelerators[part]
    assert a.dense_tflops["fp8"] == fp8
    assert a.dense_tflops.get("fp4") == fp4
    assert a.bandwidth_gbps == pytest.approx(tb_per_s * 1000)
    assert a.memory_bytes == memory_bytes
    assert a.provenance.source_id in catalog.sources


def test_memory_is_counted_in_one_unit_and_says_who_saw_it(catalog: Catalog) -> None:
    """AMD's parts were once read at 1e9 bytes a GB beside NVIDIA's at 2**30: a handicap of 7 %."""
    for part, a in catalog.accelerators.items():
        assert a.memory_bytes % 2**20 == 0, part
        assert 0.93 < a.memory_bytes / (a.memory_gb_marketed * 2**30) < 1.0, part
        if part not in ("b300", "gb200", "gb300"):
            assert a.memory_provenance is not None, part
            assert catalog.sources[a.memory_provenance.source_id].kind == a.memory_provenance.kind
    spare = {a.memory_gb_marketed * 2**30 - a.memory_bytes for a in catalog.accelerators.values() if a.vendor == "AMD"}
    assert spare == {16 * 2**20}  # what the driver keeps of each


def test_fabric_cooling_and_formats(catalog: Catalog) -> None:
    parts = catalog.accelerators
    assert {p for p, a in parts.items() if not a.scale_up_switched} == {"mi300x", "mi325x", "mi350x", "mi355x"}
    assert parts["gb200"].scale_up_domain == 72
    assert (parts["gb200"].gpus_per_node, parts["b200"].gpus_per_node) == (4, 8)
    assert parts["mi355x"].cooling == ("liquid", "air")
    assert parts["gb300"].cooling == ("liquid",)
    assert "fp8_fnuz" in parts["mi325x"].formats
    assert "fp8_ocp" not in parts["mi325x"].formats
    assert "nvfp4" not in parts["mi355x"].formats
    assert "int8" not in parts["b300"].formats
    assert parts["mi350x"].all_in_kw is None


def test_cache_dimensions_of_the_models_that_are_served_most(catalog: Catalog) -> None:
    llama, r1, oss = (catalog.models[m] for m in ("llama3.3-70b", "deepseek-r1", "gpt-oss-120b"))
    assert llama.kv_elements_full == 2 * 80 * 8 * 128
    assert (r1.attention, r1.kv_elements_full) == ("mla", 61 * (512 + 64))
    assert (oss.full_layers, oss.windowed_layers, oss.window) == (18, 18, 128)
    assert oss.kv_elements_full == oss.kv_elements_windowed == 2 * 18 * 8 * 64


def test_linear_attention_keeps_a_state_and_no_growing_cache(catalog: Catalog) -> None:
    qwen = catalog.models["qwen3.5-397b-a17b"]
    assert (qwen.full_layers, qwen.windowed_layers, qwen.recurrent_layers) == (15, 0, 45)
    assert qwen.kv_elements_windowed is None


def test_published_cache_sizes_follow_the_formula(catalog: Catalog) -> None:
    for model in catalog.models.values():
        if model.id.startswith("deepseek-v4"):
            continue  # compressed cache
        width = model.kv_lora_rank + model.qk_rope_head_dim
        per_layer = width if model.attention == "mla" else 2 * model.kv_heads * model.head_dim
        assert model.kv_elements_full == model.full_layers * per_layer, model.id
        assert model.full_layers + model.windowed_layers + model.recurrent_layers == model.layers, model.id


def test_parameter_counts_are_consistent(catalog: Catalog) -> None:
    for model in catalog.models.values():
        assert 0 < model.params_active <= model.params_total, model.id
        assert model.is_moe == (model.params_active < 0.95 * model.params_total), model.id
        assert model.routed_expert_params < model.params_total, model.id
    assert catalog.models["llama3.1-405b"].params_total == pytest.approx(405.85e9)
    assert "kimi-k3" in catalog.incomplete_models


def test_derived_active_parameters_say_so(catalog: Catalog) -> None:
    flash = catalog.models["deepseek-v4-flash"]
    routed = 43 * 256 * 3 * 4096 * 2048
    assert flash.params_active == pytest.approx(285e9 - routed * (1 - 6 / 256), rel=1e-3)
    assert flash.provenance.kind == "derived"


def test_every_measured_model_has_an_architecture(catalog: Catalog) -> None:
    answered = {name for model in catalog.models.values() for name in model.measured_as}
    assert {m.model for m in catalog.measurements} <= answered
    assert catalog.models["llama3.3-70b"].measured_as == ("llama70b",)
    assert catalog.models["deepseek-v4-pro"].measured_as == ("dsv4",)


def test_cost_parameters(catalog: Catalog) -> None:
    tco = catalog.tco
    assert tco["all-in provisioned IT power per GPU", "MI355X"].typical == 2.09
    assert tco["PUE", "AI colo / new hyperscale"].band == (1.1, 1.15, 1.2)
    assert tco["cost of debt", "CoreWeave DDTL 5.0"].band is None
    assert tco["extra engineering FTE for ROCm vs CUDA", "per cluster"].band is None
    assert all(p.superseded == key[0].startswith("OLD ") for key, p in tco.items())


def test_purchase_prices_keep_gaps_and_bases(catalog: Catalog) -> None:
    by_id = {p.id: p for p in catalog.purchase_prices}
    mi325x = next(p for p in by_id.values() if p.accelerator == "mi325x" and p.basis == "gpu")
    assert (mi325x.low_usd, mi325x.typical_usd, mi325x.high_usd) == (12000, None, 15000)
    assert mi325x.band == (12000, 13500, 15000)
    all_in = {p.accelerator: p for p in by_id.values() if p.basis == "gpu_all_in"}
    assert set(all_in) == IDS - {"h20", "mi350x"}
    assert all(p.provenance.kind == "derived" for p in all_in.values())
    shared = {p.accelerator for p in by_id.values() if p.item == "MI350X/MI355X 288GB"}
    assert shared == {"mi350x", "mi355x"}


def test_mlperf_rows_cite_round_and_entry(catalog: Catalog) -> None:
    assert len(catalog.mlperf) == 1133
    for r in catalog.mlperf:
        assert r.entry.startswith(r.round)
        assert r.per_accelerator <= r.result + 1e-6
        if "heterogeneous" in r.flags:
            assert r.accelerator == ""
    assert {r.accelerator for r in catalog.mlperf if "MI350P" in r.accelerator_name.upper()} <= {""}
    r1 = [r for r in catalog.mlperf if r.model_id == "deepseek-r1" and r.accelerator.startswith("mi")]
    assert r1 == []  # no AMD entry in any round held here
    assert all("other_form" in r.flags for r in catalog.mlperf if "H200-NVL" in r.accelerator_name)
    outliers = {r.submitter for r in catalog.mlperf if "outlier" in r.flags}
    assert outliers == {"VibeHPC"}


def test_published_times_are_seconds(catalog: Catalog) -> None:
    assert len(catalog.vendor_tables) == 2151
    for f in catalog.vendor_tables:
        if f.metric.startswith(("ttft", "tpot", "itl")):
            assert f.value_per_gpu is None
            assert f.value < 2000, f.id
    tpots = [f.value for f in catalog.vendor_tables if f.metric == "tpot_p50_s"]
    assert 0.005 < sorted(tpots)[len(tpots) // 2] < 0.5


def test_support_matrix_and_issues(catalog: Catalog) -> None:
    rows = {(r.engine, r.architecture, r.feature): r for r in catalog.software}
    assert len(rows) == len(catalog.software) == 176
    assert rows["TensorRT-LLM", "CDNA4 gfx950", "official_support"].status == "none"
    assert rows["vLLM", "CDNA3 gfx942", "fp4"].status == "experimental"
    issues = {i.id: i for i in catalog.known_issues}
    assert (issues["I13"].severity, issues["I13"].state, issues["I13"].unresolved) == ("critical", "fixed", False)
    assert issues["I07"].implication == issues["I06"].implication
    assert issues["I24"].accelerators == ("mi300x", "mi325x", "mi350x", "mi355x")
    assert issues["I25"].unresolved


def test_benchmark_coverage_counts(catalog: Catalog) -> None:
    active = [c for c in catalog.benchmark_coverage if c.active]
    assert len(active) == 206
    disagg = {c.accelerator for c in active if c.vendor == "AMD" and c.disagg}
    assert disagg == {"mi355x"}


def test_roadmap_windows(catalog: Catalog) -> None:
    parts = {p.id: p for p in catalog.roadmap}
    helios = parts["mi455x_helios"]
    assert (helios.earliest, helios.latest, helios.disputed) == (date(2026, 7, 1), date(2027, 6, 30), True)
    assert (parts["mi500"].earliest, parts["mi500"].status) == (date(2027, 1, 1), "announced")
    assert parts["mi350_avail"].status == "available"
    assert parts["b30a"].status == "rumoured"


def test_claims_are_kept_also_when_wrong(catalog: Catalog) -> None:
    claims = {c.id: c for c in catalog.claims}
    assert len(claims) == 65
    assert claims["B06"].finding == "contradicted"
    assert claims["A02"].finding == "unverifiable"
    assert claims["A01"].finding == "to_check"
    assert len(catalog.spec_conflicts) == 23


def test_every_row_has_a_source_and_a_kind(catalog: Catalog) -> None:
    groups = (
        catalog.rent_prices, catalog.price_history, catalog.purchase_prices, catalog.tco.values(),
        catalog.availability, catalog.mlperf, catalog.vendor_tables, catalog.agentic, catalog.software,
        catalog.known_issues, catalog.releases, catalog.packages, catalog.benchmark_coverage, catalog.roadmap,
        catalog.claims, catalog.spec_conflicts, catalog.models.values(), catalog.accelerators.values(),
    )  # fmt: skip
    for rows in groups:
        for row in rows:
            assert row.provenance.source_id in catalog.sources
            assert row.provenance.kind
