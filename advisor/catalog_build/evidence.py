"""Serving measurements: `throughput/serving.csv` and `throughput/atom_latest.csv`.

The counts of GPUs follow the drop's own arithmetic: aggregated serving takes `gpus_used` (the database
stores TP x EP in both of its fields there), disaggregated serving the sum of prefill and decode. Where the drop
states only the GPUs of prefill, the workers of decode tell the total, and a flag says so. Rates of disaggregated rows
are per GPU of the role; they become rates over all GPUs here, once.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import date

from advisor.catalog.schema import Table
from advisor.catalog.tables import SERVING, VENDOR_CI
from advisor.catalog_build import names
from advisor.catalog_build.drop import Drop, Importer, Output, cell, number, row_ids, whole
from advisor.catalog_build.first_days import first_days, period_of
from advisor.domain.roles import DERIVED, Role, total_gpus

_FAMILY = {
    "single_run": "single_run",
    "median_over_runs": "median",
    "published_table_rounded": "published_table",
    "secondhand": "secondhand",
}

_FLAGS: tuple[tuple[str, str], ...] = (
    ("use_gpus_used", ""),
    ("db_num_gpu=tp*ep", "db_gpu_count_tp_x_ep"),
    ("in/out tput are per prefill-/decode-GPU", ""),
    ("one-off stall", "one_off_stall"),
    ("tput_exceeds_tpot_bound", "tput_exceeds_tpot_bound"),
    ("implied_gpus_off", "implied_gpus_off"),
    ("ttft_or_stall_dominated", "ttft_or_stall_dominated"),
    ("disagg_in_out_split_inconsistent", "io_split_inconsistent"),
    ("no_in_out_split", "no_io_split"),
    ("accelerator_inferred", "accelerator_inferred"),
)
_ISSUE = re.compile(r"^(POSSIBLE_)?KNOWN_ISSUE.*?:[\w-]+/([\w-]+)#(\d+)")

_NOTES: tuple[tuple[str, str], ...] = (
    ("median over all runs", ""),
    ("single MI355X 8-GPU node", "one 8-GPU node; DP attention at high concurrency in later runs"),
    ("CSV header says ms", "unit of the export corrected from ms to s"),
    ('TP4/EP4; "16 GPU pool"', "the 16 GPUs of the text are a database artefact: 4 GPUs"),
    ("GPU counts not given", "GPU counts not stated"),
    ("early GB200 row", "prefill and decode counts each equal the total"),
    ("TP inferred from arithmetic", "TP inferred from arithmetic"),
    ("GPU string reported as", "GPU string names no model; 288 GB"),
    ("GPU not recorded", "GPU not recorded; the CI fleet's is assumed"),
)

_Row = tuple[dict[str, object], dict[str, object]]
"""Cells as the source states them, and those that follow from it."""

SORT = (
    "accelerator", "model", "precision", "engine", "isl", "osl", "disagg", "spec_method", "tp", "ep",
    "concurrency", "family", "date", "row_id",
)  # fmt: skip


def run(drop: Drop, out: Output) -> None:
    """Import both files."""
    read = drop.rows("throughput/serving.csv")
    serving = [_serving_row(row, out) for row in read]
    _date_medians(serving, [period for row in read if (period := period_of(row["notes"]))])
    _finish(serving, "ix", "throughput/serving.csv", SERVING, out, Counter())
    points: list[_Row] = []
    left_out = Counter[str]()
    for row in drop.rows("throughput/atom_latest.csv"):
        if not row["precision"]:
            left_out["rows without a precision"] += 1
            continue
        points.append((_ci_row(row, out), {}))
    _finish(points, "atom", "throughput/atom_latest.csv", VENDOR_CI, out, left_out)


def _date_medians(rows: list[_Row], periods: list[tuple[date, date]]) -> None:
    """Say of medians over runs when their configuration was first run."""
    medians = [row for row in rows if row[0]["family"] == "median" and row[0]["config_id"]]
    if not (medians and periods):
        return
    numbered = [stated | derived for stated, derived in medians]
    runs = [stated | derived for stated, derived in rows if stated["family"] == "single_run"]
    days = first_days(numbered, runs, (min(p[0] for p in periods), max(p[1] for p in periods)))
    for stated, derived in medians:
        derived["first_run"] = days[str(stated["config_id"])]


def _finish(rows: list[_Row], prefix: str, source: str, table: Table, out: Output, left_out: Counter[str]) -> None:
    identity = [name for name in table.names if name not in ("row_id", "flags", "notes", "run_url", "first_run")]
    keyed = sorted(rows, key=lambda r: [_sort_key(r[0].get(n)) for n in SORT[:-1]] + [cell(r[0].get("notes"))])
    # Names come of what the source states alone, so that a rule of ours changes none.
    ids = row_ids(prefix, ["|".join(cell(row.get(name)) for name in identity) for row, _ in keyed])
    complete = [row | derived | {"row_id": row_id} for (row, derived), row_id in zip(keyed, ids, strict=True)]
    out.table(table, complete, sort=False)
    out.note(source, len(rows) + sum(left_out.values()), table.path, len(rows), left_out)


def _sort_key(value: object) -> tuple[int, float, str]:
    if isinstance(value, bool | int | float):
        return (0, float(value), "")
    return (1, 0.0, cell(value))


def _serving_row(row: dict[str, str], out: Output) -> _Row:
    disagg = row["disagg"] == "True"
    flags = _flags(row["qa_flags"])
    prefill_gpus = whole(row["num_prefill_gpu"]) if disagg else None
    decode_gpus = whole(row["num_decode_gpu"]) if disagg else None
    gpus = whole(row["gpus_used"])
    output = number(row["output_tput_per_gpu"])
    if "io_split_inconsistent" in flags:
        prefill_gpus = decode_gpus = output = None
    elif disagg:
        output = output * decode_gpus / gpus if output is not None and gpus and decode_gpus else None
    if not disagg and gpus is None:
        gpus = whole(row["decode_tp"]) or whole(row["prefill_tp"])
    tp = whole(row["decode_tp"]) or (whole(row["prefill_tp"]) if not disagg else None)
    ep = whole(row["decode_ep"]) or (whole(row["prefill_ep"]) if not disagg else None)
    dp_attention = row["decode_dp_attention"] or (row["prefill_dp_attention"] if not disagg else "")
    if not (tp and ep and dp_attention):
        flags.append("parallelism_partly_stated")
    prefill = Role(*(whole(row[name]) for name in ("prefill_num_workers", "prefill_tp", "prefill_ep")))
    workers = whole(row["decode_num_workers"])
    derived: dict[str, object] = {}
    if disagg and gpus is None:
        split = Role(workers, tp, ep)
        total = total_gpus(prefill, split, prefill_gpus=prefill_gpus, dp_attention=dp_attention == "True")
        if total is not None and prefill_gpus is not None:
            rest = total - prefill_gpus
            derived = {"gpus": total, "decode_gpus": rest or None, "flags": sorted({*flags, DERIVED})}
    day = date.fromisoformat(row["date"])
    stated: dict[str, object] = {
        "family": _FAMILY[row["row_kind"]],
        "accelerator": row["accelerator"],
        "model": row["model"],
        "precision": row["precision"],
        "engine": row["framework"],
        "spec_method": row["spec_method"] or "none",
        "disagg": disagg,
        "tp": tp or 0,
        "ep": ep or 0,
        "dp_attention": dp_attention == "True",
        "gpus": gpus,
        "isl": whole(row["isl"]),
        "osl": whole(row["osl"]),
        "concurrency": whole(row["concurrency"]),
        "total_tps_per_gpu": number(row["tput_per_gpu"]),
        "output_tps_per_gpu": None if output is None else round(output, 6),
        "tpot_p50_s": number(row["median_tpot_s"]),
        "ttft_p50_s": number(row["median_ttft_s"]),
        "tpot_p99_s": number(row["p99_tpot_s"]),
        "ttft_p99_s": number(row["p99_ttft_s"]),
        "e2el_p50_s": number(row["median_e2el_s"]),
        "date": day,
        "source_id": _inferencex_source(row, day, out),
        "flags": sorted(set(flags)),
        "prefill_tp": prefill.tp if disagg else None,
        "prefill_ep": prefill.ep if disagg else None,
        "prefill_workers": prefill.workers if disagg else None,
        "decode_workers": workers if disagg else None,
        "prefill_gpus": prefill_gpus,
        "decode_gpus": decode_gpus,
        "tpot_mean_s": number(row["mean_tpot_s"]),
        "ttft_mean_s": number(row["mean_ttft_s"]),
        "image": row["image"],
        "run_url": row["run_url"],
        "config_id": str(whole(row["config_id"]) or ""),
        "avg_power_w": number(row["avg_power_w"]),
        "notes": _note(row["notes"]),
        "joules_per_output_token": number(row["joules_per_output_token"]),
    }
    return stated, derived


def _ci_row(row: dict[str, str], out: Output) -> dict[str, object]:
    day = date.fromisoformat(row["date"])
    reference = re.sub(r" \(entry commit [0-9a-f]+\)", "", row["source_ref"])
    reference = re.sub(r"gh-pages@[0-9a-f]+", "gh-pages", reference)
    tp = whole(row["decode_tp"])
    rocm = "" if row["rocm"] in ("", "unknown") else f"ROCm {row['rocm']}"
    return {
        "family": "vendor_ci",
        "accelerator": row["accelerator"],
        "model": row["model"],
        "precision": row["precision"],
        "engine": row["framework"],
        "spec_method": row["spec_method"] or "none",
        "disagg": False,
        "tp": tp,
        "ep": 0,
        "dp_attention": False,
        "gpus": whole(row["gpus_used"]),
        "isl": whole(row["isl"]),
        "osl": whole(row["osl"]),
        "concurrency": whole(row["concurrency"]),
        "total_tps_per_gpu": number(row["tput_per_gpu"]),
        "output_tps_per_gpu": number(row["output_tput_per_gpu"]),
        "date": day,
        "source_id": out.sources.cite(
            reference, as_of=day, kind="vendor claim", name="rocm-atom-ci", attribution="ROCm/ATOM CI (AMD), MIT"
        ),
        "flags": sorted({*_flags(row["qa_flags"]), "means_not_medians", "parallelism_partly_stated"}),
        "tpot_mean_s": number(row["mean_tpot_s"]),
        "ttft_mean_s": number(row["mean_ttft_s"]),
        "image": row["image"],
        "run_url": row["run_url"],
        "config_id": row["variant"],
        "notes": "; ".join(part for part in (rocm, _note(row["notes"])) if part),
    }


def _inferencex_source(row: dict[str, str], day: date, out: Output) -> str:
    reference = re.sub(r" \(row_id [0-9a-f]+\)", "", row["source_ref"])
    reference = re.sub(r"#L\d+(-L?\d+)?", "", reference)
    official = reference.startswith("SemiAnalysisAI/")
    attribution = names.INFERENCEX if official else names.INFERENCEX_FORK
    name = "inferencex-db-dump-2026-07-20" if "db-dump/2026-07-20" in reference else ""
    return out.sources.cite(reference, as_of=day, kind="measured", attribution=attribution, name=name)


def _flags(text: str) -> list[str]:
    flags: list[str] = []
    for part in filter(None, (piece.strip() for piece in text.split(";"))):
        if found := _ISSUE.match(part):
            flags.append(f"{'possible_' if found[1] else ''}known_issue:{found[2]}-{found[3]}")
            continue
        code = next((code for start, code in _FLAGS if part.startswith(start)), None)
        if code is None:
            code = re.sub(r"[^a-z0-9]+", "_", part.casefold())[:40]
        if code:
            flags.append(code)
    return flags


def _note(text: str) -> str:
    return next((short for start, short in _NOTES if text.startswith(start)), text)


IMPORTER = Importer("evidence", ("throughput/serving.csv", "throughput/atom_latest.csv"), run)
