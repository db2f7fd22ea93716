"""Operating points as table rows."""

from __future__ import annotations

import time

import pytest

from advisor.domain.roles import DERIVED
from advisor.engine.estimator import RESULT_COLUMNS, estimate_rows
from advisor.engine.memory import weight_bytes
from tests.estimator_kit import bundled_estimator, catalog, evidence

ROW = {
    "accelerator": "b200", "model": "llama70b", "precision": "fp8", "engine": "vllm", "spec_method": "none",
    "disagg": "False", "tp": "4.0", "ep": "1.0", "dp_attention": "False", "gpus": "4", "isl": "1024", "osl": "1024",
    "concurrency": "32",
}  # fmt: skip


def _one(**changes: str) -> dict[str, str]:
    return estimate_rows(bundled_estimator(), [{**ROW, **changes}])[0]


def test_input_columns_are_kept_and_results_follow_in_the_documented_order() -> None:
    assert list(_one()) == [*ROW, *RESULT_COLUMNS]
    assert RESULT_COLUMNS[:3] == ("tpot_p50_s", "tpot_p50_s_lo", "tpot_p50_s_hi")
    assert RESULT_COLUMNS[-3:] == ("evidence_grade", "basis", "error")


def test_rows_keep_their_order_and_a_bad_one_stops_nothing() -> None:
    rows = [ROW, {**ROW, "accelerator": "b20"}, {**ROW, "concurrency": "64"}, {}]
    out = estimate_rows(bundled_estimator(), rows)
    assert [bool(r["error"]) for r in out] == [False, True, False, True]
    assert 'did you mean "b200"' in out[1]["error"]
    assert out[1]["tpot_p50_s"] == ""
    assert "accelerator, model, precision" in out[3]["error"]
    assert float(out[2]["tpot_p50_s"]) > float(out[0]["tpot_p50_s"])


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("isl", "minus one", 'isl "minus one" is not a number'),
        ("isl", "-5", "not a positive number"),
        ("isl", "inf", "not a positive number"),
        ("tp", "2.5", "not a whole number"),
        ("tp", "9223372036854775807", "tp 9.22337e+18 is not a whole number between 1 and 1,024"),
        ("concurrency", "9" * 20, "concurrency 1e+20 is not a number between 1 and 65,536"),
        ("gpus", "2", "gpus 2 cannot hold tp 4"),
        ("disagg", "perhaps", "neither true nor false"),
        ("model", "dsr", 'did you mean "dsr1"'),
        ("precision", "fp3", "none of"),
        ("isl", "900000", "exceed"),
        ("software_date", "in spring", 'software_date "in spring" is not a day, YYYY-MM-DD'),
        ("software_date", "2019-01-01", "is not between 2025-10-06, the day of the first run, and"),
        ("software_date", "2999-01-01", "is not between"),
    ],
)
def test_errors_name_the_cell(column: str, value: str, says: str) -> None:
    assert says in _one(**{column: value})["error"]


@pytest.mark.parametrize("spelt", ["TensorRT-LLM", "tensorrt_llm", "trtllm", "TRT"])
def test_an_engine_has_many_spellings(spelt: str) -> None:
    assert {**_one(engine=spelt), "engine": ""} == {**_one(engine="trt"), "engine": ""}


def test_a_model_goes_by_the_name_of_its_repository_too() -> None:
    named, known = _one(model="meta-llama/Llama-3.3-70B-Instruct"), _one(model="llama3.3-70b")
    assert named["error"] == ""
    assert named["tpot_p50_s"] == known["tpot_p50_s"]
    assert named["model"] == "meta-llama/Llama-3.3-70B-Instruct"
    assert "meta-llama/llama-3.3-70b-instruct" in _one(model="meta-llama/Llama-3.3-70B-Instruckt")["error"]


def test_what_nobody_ran_is_said() -> None:
    assert "myengine was never measured on this accelerator" in _one(engine="myengine")["basis"]
    assert "trt was never measured" in _one(accelerator="mi355x", engine="trt")["basis"]
    assert "never measured" not in _one(engine="sglang", model="llama3.1-405b")["basis"]
    assert "tp 64 reaches beyond the 8 GPUs of its fast links" in _one(accelerator="h100", tp="64", gpus="64")["basis"]
    assert "fast links" not in _one(accelerator="gb200", tp="64", gpus="64")["basis"]


def test_unknown_parts_are_assumed_and_named() -> None:
    row = _one(engine="", spec_method="unknown", disagg="", tp="", ep="", dp_attention="", gpus="")
    assert row["error"] == ""
    for part in ("engine", "tp"):
        assert part in row["basis"].split("assumed")[1]


@pytest.mark.parametrize("disagg", ["", "true"])
@pytest.mark.parametrize("accelerator", ["h100", "mi355x", "b200"])
def test_a_model_takes_no_heads_and_no_experts_from_others(accelerator: str, disagg: str) -> None:
    """Where only other models were measured: multi-token heads and expert parallelism are theirs."""
    silent = dict.fromkeys(("engine", "spec_method", "tp", "ep", "dp_attention", "gpus"), "")
    asked = {**silent, "accelerator": accelerator, "model": "llama3.1-405b", "disagg": disagg}
    rows = [
        _one(**asked, precision=precision, concurrency=load)
        for precision in ("bf16", "fp8", "fp4") for load in ("1", "64", "512")
    ]  # fmt: skip
    for row in rows:
        assert "spec_method none" in row["basis"]
        assert "ep 1, dp_attention false" in row["basis"]


def test_a_day_asks_for_the_software_of_that_day() -> None:
    runs = [m for m in evidence() if m.family == "single_run" and m.accelerator == "mi355x" and not m.disagg]
    m = max(runs, key=lambda run: (run.date, run.row_id))
    row = {
        "accelerator": m.accelerator, "model": m.model, "precision": m.precision, "engine": m.engine,
        "spec_method": m.spec_method, "disagg": str(m.disagg), "tp": str(m.tp), "ep": str(m.ep or ""),
        "dp_attention": str(m.dp_attention), "isl": str(m.isl), "osl": str(m.osl), "concurrency": str(m.concurrency),
    }  # fmt: skip
    undated = estimate_rows(bundled_estimator(), [row])[0]
    then, later = (
        estimate_rows(bundled_estimator(), [{**row, "software_date": day}])[0] for day in (str(m.date), "2026-06-30")
    )
    assert f"on the software of {m.date:%Y-%m}" in then["basis"]
    assert "on the software of" not in undated["basis"]
    assert then["software_date"] == str(m.date)

    def off(answer: dict[str, str]) -> float:
        return abs(float(answer["tpot_p50_s"]) / (m.tpot_p50_s or 0.0) - 1)

    assert off(then) < 0.05
    assert off(then) <= off(undated)
    assert later["error"] == ""


def test_output_rate_is_the_output_part_of_the_total() -> None:
    row = _one(isl="8192")
    assert float(row["output_tps_per_gpu"]) == pytest.approx(float(row["total_tps_per_gpu"]) / 9, rel=1e-4)


def test_intervals_hold_their_estimate() -> None:
    row = _one()
    for metric in ("tpot_p50_s", "ttft_p50_s", "total_tps_per_gpu", "output_tps_per_gpu"):
        assert float(row[metric + "_lo"]) < float(row[metric]) < float(row[metric + "_hi"])


@pytest.mark.alone
def test_ten_thousand_rows_take_seconds() -> None:
    rows = [
        {
            "accelerator": m.accelerator, "model": m.model, "precision": m.precision, "engine": m.engine,
            "spec_method": m.spec_method, "disagg": str(m.disagg), "tp": str(m.tp), "ep": str(m.ep),
            "dp_attention": str(m.dp_attention), "gpus": "" if DERIVED in m.flags else str(m.gpus or ""),
            "isl": str(m.isl), "osl": str(m.osl),
            "concurrency": str(m.concurrency),
        }
        for m in (evidence() * 2)[:10_000]
    ]  # fmt: skip
    start = time.process_time()
    out = estimate_rows(bundled_estimator(), rows)
    assert len(out) == 10_000
    assert time.process_time() - start < 10.0


def test_what_is_assumed_holds_a_request() -> None:
    """141 GB of Mixtral 8x22B were put on one H200, of which an engine takes 136 GB."""
    parts = catalog().accelerators
    rows = [
        {"accelerator": part, "model": name, "precision": "fp8", "isl": isl, "osl": "1000", "concurrency": load}
        for part in ("h200", "b200", "b300", "mi325x")
        for name, model in catalog().models.items()
        if weight_bytes(model, "fp8", parts[part]).total < 0.75 * parts[part].memory_bytes * parts[part].scale_up_domain
        for isl in ("1024", "8192", "100000")
        for load in ("1", "16", "128")
    ]
    found = estimate_rows(bundled_estimator(), rows)
    assert sum(not row["error"] for row in found) > 1000
    assert [row for row in found if "does not fit" in row["basis"]] == []
    mixtral = [row["basis"] for row in found if (row["accelerator"], row["model"]) == ("h200", "mixtral-8x22b")]
    assert all(", tp 1," not in text for text in mixtral)


def test_what_the_catalog_lists_without_figures_is_not_called_unknown() -> None:
    """MI308X "is not in the catalog; did you mean mi350x": another part's figures are no answer to that."""
    rows = [_one(accelerator="MI308X"), _one(model="kimi-k3"), _one()]
    part, model, fine = estimate_rows(bundled_estimator(), rows, lacking=catalog().incomplete)
    assert part["error"] == 'accelerator "MI308X" cannot be estimated: no public specification; not usable for sizing'
    assert model["error"] == 'model "kimi-k3" cannot be estimated: its active parameter count is not published'
    assert not fine["error"]
