"""Measurements: counts of GPUs and rates as the benchmark's own arithmetic has them."""

from __future__ import annotations

import statistics
from dataclasses import fields
from datetime import date

import pytest

from advisor.catalog import Catalog
from advisor.catalog.tables import SERVING, VENDOR_CI
from advisor.domain.evidence import Measurement
from advisor.domain.roles import DERIVED, Role, total_gpus


def pick(catalog: Catalog, **wanted: object) -> list[Measurement]:
    return [m for m in catalog.measurements if all(getattr(m, k) == v for k, v in wanted.items())]


def one(catalog: Catalog, **wanted: object) -> Measurement:
    found = pick(catalog, **wanted)
    assert len(found) == 1, [m.row_id for m in found]
    return found[0]


@pytest.mark.parametrize("table", [SERVING, VENDOR_CI])
def test_columns_stand_in_the_order_of_the_fields(table: object) -> None:
    """But for those that own runs alone fill, which no table has: there they have their defaults."""
    names = table.names  # type: ignore[attr-defined]
    assert names == tuple(f.name for f in fields(Measurement) if f.repr)


def test_what_own_runs_alone_state_is_empty_in_a_table(catalog: Catalog) -> None:
    for m in (catalog.measurements[0], catalog.vendor_ci[-1]):
        assert all(getattr(m, f.name) == f.default for f in fields(Measurement) if not f.repr)


def test_every_row_is_there_once(catalog: Catalog) -> None:
    assert len(catalog.measurements) == 6932
    assert len(catalog.vendor_ci) == 1336
    ids = [m.row_id for m in (*catalog.measurements, *catalog.vendor_ci)]
    assert len(set(ids)) == len(ids)


def test_aggregated_tp8_ep8_is_eight_gpus_where_the_database_says_sixty_four(catalog: Catalog) -> None:
    row = one(
        catalog, family="single_run", accelerator="b200", model="dsr1", precision="fp4", engine="trt", tp=8, ep=8,
        isl=1024, osl=1024, concurrency=64, spec_method="mtp", date=date(2026, 2, 6),
    )  # fmt: skip
    assert row.gpus == 8
    assert row.total_tps_per_gpu == pytest.approx(1400.4, abs=0.05)
    assert row.output_tps_per_gpu == pytest.approx(700.0, abs=0.05)
    assert "db_gpu_count_tp_x_ep" in row.flags
    # concurrency x mean lengths / latency / GPUs: only 8 GPUs reproduce the reported rate
    computed = 64 * 0.9 * 2048 / (row.e2el_p50_s or 0) / 8
    assert computed == pytest.approx(1446.2, rel=1e-3)


def test_aggregated_8k_1k_matches_the_published_hand_check(catalog: Catalog) -> None:
    row = one(
        catalog, family="single_run", accelerator="mi355x", model="dsr1", precision="fp4", engine="sglang", tp=8,
        isl=8192, osl=1024, concurrency=64, spec_method="none", date=date(2025, 12, 30),
    )  # fmt: skip
    assert (row.gpus, row.disagg) == (8, False)
    assert row.total_tps_per_gpu == pytest.approx(2140.1, abs=0.05)
    assert row.output_tps_per_gpu == pytest.approx(238.0, abs=0.05)
    assert (row.prefill_gpus, row.decode_gpus) == (None, None)


def test_disaggregated_output_is_spread_over_all_gpus(catalog: Catalog) -> None:
    """20 prefill and 8 decode GPUs report 4,451 output tokens/s per decode GPU: 4451 x 8 / 28 over all."""
    row = one(
        catalog, family="single_run", accelerator="gb200", model="dsr1", precision="fp4", engine="dynamo-trt",
        isl=8192, osl=1024, concurrency=2150, date=date(2025, 12, 10), prefill_gpus=20, decode_gpus=8,
    )  # fmt: skip
    assert (row.gpus, row.disagg) == (28, True)
    assert row.total_tps_per_gpu == pytest.approx(11436, abs=1)
    assert row.output_tps_per_gpu == pytest.approx(4451 * 8 / 28, rel=1e-3)


def test_what_the_source_does_not_state_stays_unknown(catalog: Catalog) -> None:
    medians = pick(catalog, family="median")
    assert len(medians) == 5215
    assert all(m.ttft_p50_s is None and m.output_tps_per_gpu is None and m.e2el_p50_s is None for m in medians)
    assert sum(m.gpus is None for m in medians) == 79
    inconsistent = [m for m in catalog.measurements if "io_split_inconsistent" in m.flags]
    assert len(inconsistent) == 7
    assert all(m.output_tps_per_gpu is None and m.prefill_gpus is None for m in inconsistent)


def test_totals_that_follow_from_workers_are_those_that_sources_state(catalog: Catalog) -> None:
    """The rule against every row that states a total, and Little's law against those that do not."""

    def told(m: Measurement) -> int | None:
        prefill = Role(m.prefill_workers, m.prefill_tp, m.prefill_ep)
        return total_gpus(
            prefill, Role(m.decode_workers, m.tp, m.ep), prefill_gpus=m.prefill_gpus, dp_attention=m.dp_attention
        )

    split = [m for m in catalog.measurements if m.disagg]
    derived = [m for m in split if DERIVED in m.flags]
    stated = [m for m in split if m.gpus and DERIVED not in m.flags and told(m)]
    assert (len(stated), sum(told(m) == m.gpus for m in stated)) == (584, 583)
    assert len(derived) == 1912
    assert all(told(m) == m.gpus == (m.prefill_gpus or 0) + (m.decode_gpus or 0) for m in derived)
    # Requests that did nothing but decode would need as many GPUs as there are, or more: c·(I + O)/(O·TPOT·rate).
    implied = [
        m.concurrency * (m.isl + m.osl) / (m.osl * (m.tpot_p50_s or 0.0)) / (m.total_tps_per_gpu or 1.0) / (m.gpus or 1)
        for m in derived
    ]
    assert min(implied) > 0.94
    assert statistics.median(implied) < 1.25
    # Names come of what the source states: this one is that of the row before the rule.
    known = one(catalog, row_id="ix-e01b56b5f")
    assert (known.gpus, known.decode_gpus, known.flags) == (44, 40, ("gpus_from_workers",))


def test_counts_by_family_and_flag_are_those_of_the_source(catalog: Catalog) -> None:
    def flagged(start: str) -> int:
        return sum(any(f.startswith(start) for f in m.flags) for m in catalog.measurements)

    families = {f: len(pick(catalog, family=f)) for f in ("single_run", "published_table", "secondhand")}
    assert families == {"single_run": 1567, "published_table": 146, "secondhand": 4}
    assert flagged("one_off_stall") == 107
    assert flagged("known_issue:") == 22
    assert flagged("possible_known_issue:") == 76
    assert flagged("tput_exceeds_tpot_bound") == 55
    assert flagged("implied_gpus_off") == 50


def test_little_law_holds_over_all_single_runs(catalog: Catalog) -> None:
    """concurrency x 0.9 x (ISL + OSL) / E2E / GPUs against the reported rate: p5 to p95 of 1.00 to 1.18."""
    ratios = sorted(
        m.concurrency * 0.9 * (m.isl + m.osl) / m.e2el_p50_s / m.gpus / m.total_tps_per_gpu
        for m in pick(catalog, family="single_run")
        if m.e2el_p50_s and m.gpus and m.total_tps_per_gpu and "implied_gpus_off" not in m.flags
        and "one_off_stall" not in m.flags
    )  # fmt: skip
    n = len(ratios)
    assert n > 1300
    assert 0.98 < ratios[n // 20] < ratios[n // 2] < 1.06
    assert ratios[-n // 20] < 1.2


def test_output_share_is_that_of_the_lengths(catalog: Catalog) -> None:
    """Converted disaggregated rows show it: output / total is about OSL / (ISL + OSL) only over all GPUs."""
    rows = [m for m in pick(catalog, family="single_run", disagg=True) if m.output_tps_per_gpu]
    assert len(rows) > 500
    for m in rows:
        share = (m.output_tps_per_gpu or 0) / (m.total_tps_per_gpu or 1)
        assert share == pytest.approx(m.osl / (m.isl + m.osl), rel=0.12), m.row_id


def test_vendor_ci_is_kept_apart_and_says_that_it_holds_means(catalog: Catalog) -> None:
    assert {m.family for m in catalog.vendor_ci} == {"vendor_ci"}
    assert all("means_not_medians" in m.flags and m.tpot_p50_s is None for m in catalog.vendor_ci)
    assert catalog.sources["rocm-atom-ci"].kind == "vendor claim"
    best = max(
        m.total_tps_per_gpu or 0 for m in catalog.vendor_ci
        if (m.model, m.tp, m.concurrency, m.isl, m.osl) == ("llama70b", 1, 32, 1024, 1024)
    )  # fmt: skip
    assert best == pytest.approx(3528, abs=1)


def test_attribution_goes_with_the_figures(catalog: Catalog) -> None:
    for m in catalog.measurements:
        assert catalog.sources[m.source_id].attribution.startswith("Data from InferenceX by SemiAnalysis")
    for result in catalog.mlperf:
        line = catalog.sources[result.provenance.source_id].attribution
        assert "not an official MLPerf metric" in line
        assert "trademarks of MLCommons" in line
