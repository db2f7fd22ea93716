"""Published results: `throughput/mlperf.csv`, `throughput/vendor.csv`, `throughput/serving_agentic.csv`."""

from __future__ import annotations

import re

from advisor.catalog.context_tables import AGENTIC, MLPERF, PUBLISHED
from advisor.catalog_build import names
from advisor.catalog_build.drop import Drop, Importer, Output, cell, number, parse_day, row_ids, whole

_ROUND_DATES = {"v5.1": "2025-09", "v6.0": "2026-03-26"}
"""Publication of a round, where the drop states it."""
_METRICS = {
    "total_tokens_per_s": ("total_tps", 1.0), "output_tokens_per_s": ("output_tps", 1.0),
    "total_output_tokens_per_s": ("output_tps", 1.0), "tokens_per_s": ("tps", 1.0),
    "total_tokens_per_s_per_gpu": ("total_tps_per_gpu", 1.0),
    "output_tokens_per_s_per_gpu": ("output_tps_per_gpu", 1.0), "tokens_per_s_per_gpu": ("tps_per_gpu", 1.0),
    "prefill_tokens_per_s_per_gpu": ("prefill_tps_per_gpu", 1.0),
    "decode_output_tokens_per_s_per_gpu": ("decode_output_tps_per_gpu", 1.0),
    "median_ttft_ms": ("ttft_p50_s", 1e-3), "mean_ttft_ms": ("ttft_mean_s", 1e-3),
    "median_tpot_ms": ("tpot_p50_s", 1e-3), "mean_tpot_ms": ("tpot_mean_s", 1e-3),
    "median_itl_ms": ("itl_p50_s", 1e-3), "batch_e2e_latency_s": ("e2el_batch_s", 1.0),
}  # fmt: skip
_PUBLISHED_FLAGS: tuple[tuple[str, str], ...] = (
    (r"max[- ]load|offline|submitted at once", "max_load"),
    (r"queue?ing|request rate inf|sent at once", "flooded"),
    (r"static batch", "static_batch"),
    (r"PREFIX-CACHED", "prefix_cached"),
    (r"INTERPOLATED", "interpolated"),
    (r"rounded", "rounded"),
    (r"date approximate|date = approximate|date not", "date_approximate"),
    (r"accelerator from|GPU model not stated", "accelerator_assumed"),
    (r"read as OUTPUT|metric definition not on page", "reading_assumed"),
    (r"not comparable", "not_comparable"),
    (r"MTP|DSpark|speculative", "speculative"),
)


def run(drop: Drop, out: Output) -> None:
    """Import the three families."""
    models = {row["id"] for row in drop.rows("facts/models.csv")}
    _mlperf(drop, out, models)
    _published(drop, out, models)
    _agentic(drop, out)


def _finish(rows: list[dict[str, object]], prefix: str, identity: tuple[str, ...]) -> list[dict[str, object]]:
    """Rows sorted by what identifies them, each with its id."""
    rows.sort(key=lambda row: [cell(row.get(name)) for name in identity])
    ids = row_ids(prefix, ["|".join(cell(row.get(name)) for name in identity) for row in rows])
    for row, row_id in zip(rows, ids, strict=True):
        row["id"] = row_id
    return rows


def _mlperf(drop: Drop, out: Output, models: set[str]) -> None:
    rows = drop.rows("throughput/mlperf.csv")
    results: list[dict[str, object]] = []
    for row in rows:
        key = row["accelerator_key"]
        as_of, _ = parse_day(_ROUND_DATES.get(row["round"], ""))
        reference = row["source_ref"].split("#", maxsplit=1)[0]
        results.append(
            {
                "entry": _entry(row), "round": row["round"], "submitter": row["submitter"],
                "division": row["category"], "availability": row["availability"], "system": row["system"],
                "accelerator": key if key in names.ACCELERATOR_IDS else "",
                "accelerator_name": row["accelerator"], "accelerators": whole(row["total_accelerators"]),
                "model": row["model"], "model_id": names.catalog_model(row["model"], models),
                "scenario": row["scenario"], "unit": row["units"].casefold(),
                "result": number(row["result_tokens_per_s"]), "per_accelerator": number(row["per_gpu_tokens_per_s"]),
                "precision": _mlperf_precision(row["weight_dtype"]), "weight_dtype": row["weight_dtype"],
                "software": row["software"], "flags": _mlperf_flags(row),
                "source": out.sources.cite(
                    reference, as_of=as_of, kind="measured", attribution=names.MLPERF,
                    name=f"mlperf-inference-{row['round']}",
                ),
                "as_of": as_of, "kind": "measured", "confidence": "high",
                "note": row["notes"].split("; inferred", maxsplit=1)[0][:100].strip() if row["notes"] else "",
            }
        )  # fmt: skip
    identity = ("round", "entry", "model", "scenario", "division", "accelerator_name", "result")
    out.table(MLPERF, _finish(results, "mlperf", identity), sort=False)
    out.note("throughput/mlperf.csv", len(rows), MLPERF.path, len(results), {})


def _entry(row: dict[str, str]) -> str:
    """Submission number with its round in front, however the round's file spells it."""
    number_only = row["id"].removeprefix(row["round"]).removeprefix(row["round"].removeprefix("v")).lstrip("-")
    return f"{row['round']}-{number_only}"


def _mlperf_precision(text: str) -> str:
    lowered = text.casefold()
    if "," in lowered and "kv" not in lowered:
        return ""
    found = re.search(r"fp4|fp8|fp16|bf16|int4", lowered)
    return found[0] if found and "/" not in lowered else ""


def _mlperf_flags(row: dict[str, str]) -> list[str]:
    flags = set()
    if "inferred" in row["notes"]:
        flags.add("inferred")
    if "power submission" in row["notes"]:
        flags.add("power_submission")
    if "+" in row["accelerator_key"]:
        flags.add("heterogeneous")
    if row["availability"] == "preview":
        flags.add("preview")
    if re.search(r"NVL(?!72)|PCIe", row["accelerator"]):
        flags.add("other_form")
    if row["submitter"] == "VibeHPC" and row["round"] == "v6.1" and row["model"] == "deepseek-r1":
        # about half of every other submission of the same part
        flags.add("outlier")
    return sorted(flags)


def _published(drop: Drop, out: Output, models: set[str]) -> None:
    rows = drop.rows("throughput/vendor.csv")
    figures: list[dict[str, object]] = []
    for row in rows:
        metric, factor = _METRICS[row["metric"]]
        day, exact = parse_day(row["date"])
        lengths = [int(t) if t.isdigit() else None for t in (row["isl"], row["osl"])]
        flags = {code for pattern, code in _PUBLISHED_FLAGS if re.search(pattern, row["notes"])}
        if exact != "day":
            flags.add("date_approximate")
        if row["precision"] == "fp8-kv":
            flags.add("fp8_kv_only")
        inferencex = row["source"].startswith("InferenceX")
        value = number(row["value"]) or 0.0
        kind = "vendor claim" if row["publisher_kind"] == "vendor" else "measured"
        figures.append(
            {
                "publisher": row["source"], "publisher_kind": row["publisher_kind"],
                "accelerator": row["accelerator"], "gpus": whole(row["n_gpus"]), "tp": whole(row["tp"]),
                "model": row["model"], "model_id": names.catalog_model(row["model"], models),
                "precision": "fp8" if row["precision"] == "fp8-kv" else row["precision"],
                "engine": "" if row["framework"].startswith("(") else row["framework"].split(" (", maxsplit=1)[0],
                "version": row["version"], "isl": lengths[0], "osl": lengths[1],
                "shape": "" if None not in lengths else f"{row['isl']} / {row['osl']}".strip(" /"),
                "concurrency": whole(row["concurrency"]), "metric": metric, "value": round(value * factor, 9),
                "value_per_gpu": number(row["per_gpu_value"]) if factor == 1.0 and metric != "e2el_batch_s" else None,
                "date": day, "flags": sorted(flags),
                "source": out.sources.cite(
                    row["source_ref"], as_of=day, kind=kind, attribution=names.INFERENCEX if inferencex else "",
                ),
                "kind": kind, "confidence": "", "note": _short(row["notes"]),
            }
        )  # fmt: skip
    identity = (
        "publisher", "accelerator", "model", "precision", "engine", "version", "gpus", "tp", "isl", "osl", "shape",
        "concurrency", "metric", "value", "note",
    )  # fmt: skip
    out.table(PUBLISHED, _finish(figures, "pub", identity), sort=False)
    out.note("throughput/vendor.csv", len(rows), PUBLISHED.path, len(figures), {})


def _short(text: str) -> str:
    first = text.split("; ", maxsplit=1)[0]
    first = re.sub(r"^date (= )?approximate.*", "", first)
    return first if len(first) <= 90 else first[:87].rsplit(" ", 1)[0] + " ..."


def _agentic(drop: Drop, out: Output) -> None:
    rows = drop.rows("throughput/serving_agentic.csv")
    runs: list[dict[str, object]] = []
    for row in rows:
        day, exact = parse_day(row["date"])
        flags = {"prefix_hits_counted_as_input"}
        if "unofficial" in row["notes"]:
            flags.add("unofficial_run")
        if row["notes"].startswith("published table"):
            flags |= {"published_table", "rounded"}
        if "blank in JSON" in row["notes"]:
            flags.add("labels_from_file_path")
        if exact != "day":
            flags.add("date_approximate")
        repository = row["source_ref"].split(":", maxsplit=1)[0]
        vendor = "vendor" in row["source"]
        kind = "vendor claim" if vendor else "measured"
        runs.append(
            {
                "accelerator": row["accelerator"], "model": row["model"],
                "checkpoint": row["model_id"].rsplit("/models/", 1)[-1], "precision": row["precision"],
                "engine": row["framework"], "image": row["image"], "spec_method": row["spec_method"],
                "kv_offload": row["kv_offload"], "tp": whole(row["tp"]), "ep": whole(row["ep"]),
                "dp_attention": row["dp_attention"], "users": whole(row["users_concurrency"]),
                "requests": whole(row["requests_total"]), "requests_ok": whole(row["requests_ok"]),
                "input_tokens_mean": _round(row["mean_input_tokens"], 1),
                "output_tokens_mean": _round(row["mean_output_tokens"], 1),
                "total_tps_per_gpu": _round(row["tput_per_gpu"], 3),
                "output_tps_per_gpu": _round(row["output_tput_per_gpu"], 3),
                "ttft_mean_s": _round(row["mean_ttft_s"], 4), "ttft_p90_s": _round(row["p90_ttft_s"], 4),
                "tpot_mean_s": _round(row["mean_tpot_s"], 6), "tpot_p90_s": _round(row["p90_tpot_s"], 6),
                "e2el_mean_s": _round(row["mean_e2el_s"], 3), "e2el_p90_s": _round(row["p90_e2el_s"], 3),
                "duration_s": _round(row["duration_s"], 1), "date": day, "flags": sorted(flags),
                "source": out.sources.cite(
                    f"{repository} ({row['source']})", as_of=day, kind=kind,
                    attribution=names.INFERENCEX if vendor else names.INFERENCEX_FORK,
                ),
                "kind": kind, "confidence": "",
            }
        )  # fmt: skip
    identity = (
        "accelerator",
        "model",
        "precision",
        "engine",
        "image",
        "kv_offload",
        "tp",
        "users",
        "total_tps_per_gpu",
    )
    out.table(AGENTIC, _finish(runs, "agent", identity), sort=False)
    out.note("throughput/serving_agentic.csv", len(rows), AGENTIC.path, len(runs), {})


def _round(text: str, digits: int) -> float | None:
    value = number(text)
    return None if value is None else round(value, digits)


IMPORTER = Importer(
    "published",
    ("throughput/mlperf.csv", "throughput/vendor.csv", "throughput/serving_agentic.csv", "facts/models.csv"),
    run,
)
