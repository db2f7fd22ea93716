"""The importer: the same drop gives the same bytes, whatever the order of its rows."""

from __future__ import annotations

import csv
import doctest
import random
import re
from datetime import date
from importlib import import_module
from pathlib import Path

import pytest

from advisor.catalog.resources import catalog_root
from advisor.catalog.tables import RENT
from advisor.catalog_build import evidence, models, prices
from advisor.catalog_build.__main__ import main
from advisor.catalog_build.build import differences, write
from advisor.catalog_build.drop import Drop, Importer, Output, SourceBook, parse_day, row_ids, source_id
from advisor.catalog_build.registry import importers
from advisor.domain.errors import CatalogError

RENT_HEADER = (
    "provider,accelerator,gpus_per_instance,instance_type,region,country,price_per_gpu_hour_usd,"
    "price_per_instance_hour_usd,pricing_model,availability_note,as_of,source_ref"
)
RENT_ROWS = [
    "datacrunch,B200,1,,,,6.11,6.11,on_demand,listed price; page https://x.io/p,2026-08-22,a/b@1234567:x.json",
    'gmicloud,B200,1,,,,4,4,on_demand,"""starting at"" marketing price",2026-08-22,a/b@1234567:x.json',
    "nebius (shadeform),H100 SXM,1,,FI/FR/US,FI,2.95,2.95,on_demand,,~2025-10/12 (date inferred),c/d",
    "vultr,MI325X,8,,(locations empty),,4.615,36.9,on_demand,deploy False -> not orderable on demand,2026-08-19,e/f",
    "lambda,GH200,1,,,,2.29,2.29,on_demand,,2026-08-22,a/b@1234567:x.json",
    "oci,B300,8,,all regions (uniform list),multi,15.0,120,on_demand,LIST price,~2026-09/10 (date inferred),g/h",
]


def drop(folder: Path, relative: str, header: str, rows: list[str]) -> Drop:
    file = folder / relative
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return Drop(folder)


def price_drop(folder: Path, rows: list[str]) -> Drop:
    drop(folder, "prices/price_history.csv", "date,accelerator,series,usd_per_gpu_hour,kind,note,source_ref", [])
    drop(folder, "prices/purchase_prices.csv", "item,unit,low_usd,typical_usd,high_usd,kind,as_of,source_ref,notes", [])
    drop(
        folder, "prices/availability.csv",
        "accelerator,provider_count,provider_count_since_2026_07,providers_since_2026_07,lead_time_statements,as_of,source",
        [],
    )  # fmt: skip
    return drop(folder, "prices/cloud_prices.csv", RENT_HEADER, rows)


def imported(folder: Path, rows: list[str]) -> Output:
    out = Output()
    prices.run(price_drop(folder, rows), out)
    return out


def test_rent_rows_are_normalised(tmp_path: Path) -> None:
    out = imported(tmp_path, RENT_ROWS)
    lines = out.files[RENT.path].splitlines()
    names = lines[0].split(",")
    rows = {line.split(",")[1]: dict(zip(names, line.split(","), strict=False)) for line in lines[1:]}
    assert set(rows) == {"verda", "gmicloud", "nebius", "vultr", "oci"}
    assert rows["nebius"]["channel"] == "shadeform"
    assert rows["nebius"]["countries"] == "FI;FR;US"
    assert (rows["nebius"]["accelerator"], rows["nebius"]["variant"]) == ("h100", "sxm")
    assert (rows["nebius"]["as_of"], rows["nebius"]["flags"]) == ("2025-10-01", "date_inferred")
    assert rows["gmicloud"]["flags"] == "from_price"
    assert "not_orderable" in rows["vultr"]["flags"]
    assert (rows["oci"]["seller_class"], rows["oci"]["countries"]) == ("hyperscaler", "")
    assert out.account[0]["left_out"] == "1 GH200: not in the catalog"


def test_the_order_of_rows_does_not_matter(tmp_path: Path) -> None:
    expected = imported(tmp_path / "a", RENT_ROWS)
    for seed in range(3):
        rows = list(RENT_ROWS)
        random.Random(seed).shuffle(rows)
        again = imported(tmp_path / f"b{seed}", rows)
        assert again.files == expected.files
        assert again.sources.entries == expected.sources.entries


SERVING_HEADER = (
    "source,source_ref,run_url,date,accelerator,model,precision,framework,image,spec_method,disagg,is_multinode,"
    "prefill_tp,prefill_ep,prefill_dp_attention,prefill_num_workers,decode_tp,decode_ep,decode_dp_attention,"
    "decode_num_workers,num_prefill_gpu,num_decode_gpu,isl,osl,concurrency,tput_per_gpu,output_tput_per_gpu,"
    "input_tput_per_gpu,median_ttft_s,p99_ttft_s,mean_ttft_s,median_tpot_s,p99_tpot_s,mean_tpot_s,median_itl_s,"
    "p99_itl_s,median_e2el_s,p99_e2el_s,median_intvty,row_kind,gpus_used,implied_gpus,qa_flags,config_id,"
    "avg_power_w,joules_per_output_token,notes"
)


def serving_row(**changes: str) -> str:
    cells = dict.fromkeys(SERVING_HEADER.split(","), "") | {
        "source_ref": "x/y@abcdef1:f.json", "date": "2026-02-03", "accelerator": "b200", "model": "dsr1",
        "precision": "fp4", "framework": "trt", "spec_method": "none", "disagg": "False", "prefill_tp": "8",
        "prefill_ep": "8.0", "prefill_dp_attention": "False", "decode_tp": "8.0", "decode_ep": "8.0",
        "decode_dp_attention": "False", "num_prefill_gpu": "64.0", "num_decode_gpu": "64.0", "isl": "1024",
        "osl": "1024", "concurrency": "64", "tput_per_gpu": "1400.0", "output_tput_per_gpu": "700.0",
        "median_tpot_s": "0.004", "row_kind": "single_run", "gpus_used": "8.0",
        "qa_flags": "db_num_gpu=tp*ep;use_gpus_used",
    }  # fmt: skip
    return ",".join((cells | changes).values())


def measured(folder: Path, *rows: str) -> list[dict[str, str]]:
    drop(
        folder, "throughput/atom_latest.csv",
        "source_ref,run_url,date,accelerator,model,precision,framework,image,spec_method,decode_tp,isl,osl,concurrency,"
        "tput_per_gpu,output_tput_per_gpu,mean_ttft_s,mean_tpot_s,gpus_used,qa_flags,notes,variant,rocm", [],
    )  # fmt: skip
    out = Output()
    evidence.run(drop(folder, "throughput/serving.csv", SERVING_HEADER, list(rows)), out)
    header, *lines = out.files["evidence/serving.csv"].splitlines()
    return [dict(zip(header.split(","), line.split(","), strict=True)) for line in lines]


def test_aggregated_rows_never_add_the_two_fields(tmp_path: Path) -> None:
    (row,) = measured(tmp_path, serving_row())
    assert (row["gpus"], row["prefill_gpus"], row["decode_gpus"]) == ("8", "", "")
    assert (row["output_tps_per_gpu"], row["flags"]) == ("700", "db_gpu_count_tp_x_ep")


def test_disaggregated_rates_become_rates_over_all_gpus(tmp_path: Path) -> None:
    (row,) = measured(
        tmp_path,
        serving_row(disagg="True", num_prefill_gpu="20", num_decode_gpu="8", gpus_used="28", qa_flags="",
                    output_tput_per_gpu="4451"),
    )  # fmt: skip
    assert (row["gpus"], row["prefill_gpus"], row["decode_gpus"]) == ("28", "20", "8")
    assert float(row["output_tps_per_gpu"]) == pytest.approx(4451 * 8 / 28)


OPEN_TOTAL = {
    "disagg": "True", "num_prefill_gpu": "4", "num_decode_gpu": "", "gpus_used": "", "qa_flags": "",
    "output_tput_per_gpu": "", "prefill_tp": "4", "prefill_ep": "4",
}  # fmt: skip


def test_unknown_workers_leave_the_total_and_the_output_unknown(tmp_path: Path) -> None:
    (row,) = measured(tmp_path, serving_row(**OPEN_TOTAL))
    assert (row["gpus"], row["decode_gpus"], row["output_tps_per_gpu"], row["flags"]) == ("", "", "", "")


def test_workers_of_decode_tell_a_total_that_is_not_stated(tmp_path: Path) -> None:
    """One prefill worker of 4 GPUs and five decode workers of TP 8: 4 + 5 x 8 = 44."""
    workers = OPEN_TOTAL | {"prefill_num_workers": "1", "decode_num_workers": "5"}
    (row,) = measured(tmp_path / "a", serving_row(**workers))
    assert (row["gpus"], row["prefill_gpus"], row["decode_gpus"]) == ("44", "4", "40")
    assert (row["flags"], row["output_tps_per_gpu"]) == ("gpus_from_workers", "")
    # Where the workers of prefill do not add up to its GPUs, those of decode may not either.
    (odd,) = measured(tmp_path / "b", serving_row(**workers | {"prefill_ep": "2", "prefill_tp": "2"}))
    assert (odd["gpus"], odd["flags"]) == ("", "")
    (stated,) = measured(tmp_path / "c", serving_row(**workers | {"num_decode_gpu": "16", "gpus_used": "20"}))
    assert (stated["gpus"], stated["flags"]) == ("20", "")


def test_equal_rows_get_distinct_ids_and_known_flags_become_codes(tmp_path: Path) -> None:
    flagged = serving_row(qa_flags="KNOWN_ISSUE:sgl-project/sglang#27194 accuracy issue; implied_gpus_off(2.0x)")
    rows = measured(tmp_path, flagged, flagged)
    assert len({row["row_id"] for row in rows}) == 2
    assert {row["flags"] for row in rows} == {"implied_gpus_off;known_issue:sglang-27194"}


def test_ids_are_stable_and_numbered() -> None:
    assert row_ids("x", ["a", "b", "a"]) == row_ids("x", ["a", "b", "a"])
    first, _, third = row_ids("x", ["a", "b", "a"])
    assert first == row_ids("x", ["a"])[0]
    assert third != first


def test_sources_are_cited_once_under_readable_ids() -> None:
    book = SourceBook()
    first = book.cite("ROCm/ATOM@ffdf3bb5ddf8:recipes/README.md", as_of=date(2026, 5, 1), kind="documentation")
    again = book.cite("ROCm/ATOM@ffdf3bb5ddf8:recipes/README.md ", as_of=date(2026, 7, 1), kind="documentation")
    assert first == again
    assert first.startswith("atom-readme-")
    assert book.entries[first]["as_of"] == "2026-07-01"
    assert source_id("https://www.runpod.io/pricing").startswith("runpod-io-pricing-")
    with pytest.raises(CatalogError, match="cites no source"):
        book.cite("  ", kind="press")


@pytest.mark.parametrize("table", ["sources.csv", "export/sources.csv"])
def test_no_source_is_told_with_a_broken_sentence(table: str) -> None:
    """"(cited, ; original not read)" and "blogs (address not recordeds)" stood in answers and reports."""
    rows = csv.DictReader((catalog_root() / table).read_text(encoding="utf-8").splitlines())
    broken = re.compile(r",\s*[;)]|\(\s*[;,)]|\bnot \w+eds\b")
    references = [row["reference"] for row in rows]
    assert len(references) > 30
    assert [r for r in references if broken.search(r) or r.count("(") != r.count(")")] == []


@pytest.mark.parametrize(
    ("text", "day", "exact"),
    [
        ("2026-08-22", date(2026, 8, 22), "day"),
        ("~2025-12/2026-02 (date inferred)", date(2025, 12, 1), "month"),
        ("2025-H2", date(2025, 7, 1), "half"),
        ("Q3-Q4 2026", date(2026, 10, 1), "quarter"),
        ("2026 (undated page)", date(2026, 1, 1), "year"),
        ("undated (stored copy)", None, "unknown"),
        ("", None, "unknown"),
    ],
)
def test_loose_dates(text: str, day: date | None, exact: str) -> None:
    assert parse_day(text) == (day, exact)


def test_writing_touches_only_what_differs(tmp_path: Path) -> None:
    out = Output(files={"a.csv": "x\n1\n", "deep/b.csv": "y\n"})
    assert write(out, tmp_path) == ["a.csv", "deep/b.csv"]
    assert write(out, tmp_path) == []
    (tmp_path / "a.csv").write_text("x\n2\n", encoding="utf-8")
    assert differences(out, tmp_path) == ["a.csv"]
    assert write(out, tmp_path) == ["a.csv"]
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == ["a.csv", "b.csv"]


def test_registered_importers_say_what_they_read() -> None:
    found = importers()
    assert len({i.name for i in found}) == len(found)
    assert all(isinstance(i, Importer) and i.reads for i in found)


def test_an_incomplete_drop_is_refused_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--from", str(tmp_path), "--to", str(tmp_path)]) == 2
    assert "facts/accelerators.csv: is not in the drop" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_models_without_active_parameters_are_kept_and_counted(tmp_path: Path) -> None:
    header = (
        "id,hf_id,family,params_total_b,params_active_b,params_total_b_computed,params_active_b_computed,layers,"
        "hidden_size,num_attention_heads,num_kv_heads,head_dim,intermediate_size,n_experts,experts_per_token,"
        "moe_intermediate_size,n_shared_experts,moe_layers,attention_type,kv_lora_rank,qk_rope_head_dim,"
        "sliding_window,full_attention_layers,linear_or_sliding_layers,kv_elements_per_token_full,"
        "kv_elements_per_token_windowed,vocab_size,max_context,tie_embeddings,native_precision,"
        "weight_gb_native_est,licence,architecture_source_ref,source_date,confidence,notes"
    )
    known = (
        "a,org/a,A,10,,10,,2,64,4,2,16,128,4,1,1000000,,1,GQA,,,,2,0,128,0,100,1000,false,"
        "FP8 x,,MIT,o/r,2026-01-01,high,"
    )
    unknown = known.replace("1000000", "9000000000").replace("a,org/a", "b,org/b")
    out = Output()
    models.run(drop(tmp_path, "facts/models.csv", header, [known, unknown]), out)
    rows = {line.split(",")[0]: line.split(",") for line in out.files["models/models.csv"].splitlines()[1:]}
    # 10e9 less three quarters of 4 experts x 3 x 64 x 1e6
    assert float(rows["a"][4]) == pytest.approx(10e9 - 0.75 * 4 * 3 * 64 * 1e6, rel=1e-3)
    assert rows["b"][4] == ""
    assert out.account[0]["left_out"].startswith("1 kept without active parameters")


@pytest.mark.parametrize(
    "module",
    [
        "advisor.catalog_build.drop", "advisor.catalog_build.names", "advisor.catalog_build.prices",
        "advisor.catalog_build.outlook", "advisor.catalog.rent", "advisor.domain.market",
    ],
)  # fmt: skip
def test_examples_in_docstrings(module: str) -> None:
    result = doctest.testmod(import_module(module))
    assert result.attempted > 0
    assert result.failed == 0
