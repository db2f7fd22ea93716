"""Accelerators: `facts/accelerators.csv` becomes one TOML file a part.

Memory is counted in bytes: what the driver of the part reports (`device_memory`), else what the drop has, else
the marketed size at 1e9 bytes a GB, which is the cautious reading.
"""

from __future__ import annotations

import re
from collections import Counter

from advisor.catalog_build.device_memory import REPORTED
from advisor.catalog_build.drop import Drop, Importer, Output, number, parse_day, plain, whole
from advisor.catalog_build.names import PART_IDS

_ORDER = ("bf16", "fp16", "fp8", "fp6", "fp4", "int8")
_FORMATS: tuple[tuple[str, str], ...] = (
    (r"\bBF16\b", "bf16"),
    (r"\bFP16\b", "fp16"),
    (r"FP8 E4M3FNUZ", "fp8_fnuz"),
    (r"FP8 E4M3(?!FNUZ)", "fp8_ocp"),
    (r"\bMXFP8\b", "mxfp8"),
    (r"(?<!MX)FP6", "fp6"),
    (r"\bMXFP6\b", "mxfp6"),
    (r"\bNVFP4\b", "nvfp4"),
    (r"\bMXFP4\b", "mxfp4"),
    (r"\bINT8\b(?! and FP64 throughput| reduced)", "int8"),
)
_GPUS_PER_TRAY = {"gb200": 4, "gb300": 4}
_EXTRA = {
    "compiler_target": "compiler_target", "form_factor": "form_factor", "memory_type": "memory_type",
    "scale_up_name": "scale_up_name", "scale_up_topology": "scale_up_topology",
    "process_node": "process_node", "conflict_ids": "conflicts",
}  # fmt: skip


def run(drop: Drop, out: Output) -> None:
    """Write one file per part."""
    rows = drop.rows("facts/accelerators.csv")
    for row in rows:
        part_id = PART_IDS.get(row["id"], row["id"])
        out.files[f"accelerators/{part_id}.toml"] = _toml(part_id, row, out)
    blank = Counter(
        "kept without figures: its specification is not public" for row in rows if not row["memory_bandwidth_tbps"]
    )
    out.note("facts/accelerators.csv", len(rows), "accelerators/", len(rows), blank)


def _toml(part_id: str, row: dict[str, str], out: Output) -> str:
    as_of, _ = parse_day(row["source_date"])
    source = out.sources.cite(row["source_ref"], as_of=as_of, kind="datasheet", name=f"spec-{part_id}")
    mesh = "mesh" in row["scale_up_topology"]
    alternative = number(row["memory_bandwidth_alt_tbps"].split(" ", maxsplit=1)[0])
    public = bool(row["memory_bandwidth_tbps"])
    tflops = {
        name: value
        for name in _ORDER
        if (value := number(row[f"{name}_dense_{'tops' if name == 'int8' else 'tflops'}"])) is not None
    }
    lines = [
        f"id = {_quoted(part_id)}",
        f"part_id = {_quoted(row['id'])}",
        f"vendor = {_quoted(row['vendor'])}",
        f"name = {_quoted(row['name'])}",
        f"architecture = {_quoted(row['architecture'])}",
        f"release = {_quoted(row['release_ga_date'])}",
        f"figures_public = {'true' if public else 'false'}",
        *_memory(part_id, row, out),
        *_given("memory_gb_marketed", number(row["memory_gb_marketed"])),
        *_given("bandwidth_gbps", _scaled(row["memory_bandwidth_tbps"], 1000), "dense read rate, 1e9 bytes/s"),
        *_given("bandwidth_alt_gbps", alternative * 1000 if alternative and public else None, "the other figure"),
        *_given("tdp_w", number(row["tdp_w"])),
        *_given("all_in_kw", number(row["all_in_power_kw_per_gpu_inferencex"]), "IT power with its share of the node"),
        *_given("scale_up_gbps", number(row["scale_up_gbps_unidir_per_gpu"]), "per GPU, one direction"),
        *_given("scale_up_domain", number(row["scale_up_domain_gpus"])),
        f"scale_up_switched = {'false' if mesh or not public else 'true'}",
        f"gpus_per_node = {_GPUS_PER_TRAY.get(part_id, 8)}",
        f"cooling = [{', '.join(map(_quoted, _cooling(row['cooling_options'])))}]",
        *_given("die_area_mm2", number(row["die_area_mm2"])),
        f"formats = [{', '.join(map(_quoted, _formats(row['hw_inference_formats'])))}]",
        f"source = {_quoted(source)}",
        f"as_of = {as_of.isoformat() if as_of else ''}",
        'kind = "datasheet"',
        f"confidence = {_quoted(re.split(r'[ (;]', row['confidence'], maxsplit=1)[0])}",
        f"notes = {_quoted(_notes(row))}",
        "",
        "[dense_tflops]",
        *(f"{name} = {plain(value)}" for name, value in tflops.items()),
        "",
        "[extra]",
        *(f"{key} = {_quoted(row[column])}" for column, key in _EXTRA.items() if row[column]),
        f"announced = {_quoted(row['announced_date'])}",
    ]
    return "\n".join(lines) + "\n"


def _memory(part_id: str, row: dict[str, str], out: Output) -> list[str]:
    reported = REPORTED.get(part_id)
    if reported is not None:
        source = out.sources.cite(
            reported.reference, as_of=reported.as_of, kind=reported.kind, name=f"memory-{part_id}"
        )
        return [
            *_given("memory_bytes", reported.memory_bytes, f"the total that the driver reports: {reported.mib:,} MiB"),
            f"memory_source = {_quoted(source)}",
            f"memory_as_of = {reported.as_of.isoformat()}",
            f"memory_kind = {_quoted(reported.kind)}",
        ]
    if row["memory_usable_bytes"]:
        return _given("memory_bytes", float(row["memory_usable_bytes"]), "the total that the driver reports")
    marketed = whole(row["memory_gb_marketed"])
    return _given("memory_bytes", None if marketed is None else marketed * 1e9, "marketed GB read as 1e9 bytes")


def _cooling(text: str) -> list[str]:
    sourced = text.split("; OEM DLC exists")[0].casefold()
    found = {name: sourced.find(name) for name in ("air", "liquid") if name in sourced}
    if sourced.startswith("liquid (cpu/gpu") or sourced.startswith("liquid + air"):
        return ["liquid"]
    return sorted(found, key=lambda name: found[name])


def _formats(text: str) -> list[str]:
    return [name for pattern, name in _FORMATS if re.search(pattern, text)]


def _notes(row: dict[str, str]) -> str:
    notes = {
        "b300": "INT8 throughput is a small fraction of FP8 here",
        "gb300": "INT8 throughput is a small fraction of FP8 here",
        "mi300x": "FP8 is the FNUZ variant; FP4 and FP6 are emulated",
        "mi325x": "FP8 is the FNUZ variant; FP4 and FP6 are emulated; announced with 288 GB, shipped with 256 GB",
        "mi350x": "interconnect figure assumed equal to MI355X; MXFP4 and MXFP6 native, NVFP4 not",
        "mi355x": "MXFP6 runs at the FP4 rate; NVFP4 not native; air-cooled systems may cap power",
        "h20": "all figures secondary; no public datasheet",
        "mi308x": "no public specification; not usable for sizing",
        "b200": "192 GB physical, 180 GB in the HGX and DGX part",
    }
    return notes.get(PART_IDS.get(row["id"], row["id"]), "")


def _given(key: str, value: float | None, comment: str = "") -> list[str]:
    if value is None:
        return []
    return [f"{key} = {plain(value)}" + (f"  # {comment}" if comment else "")]


def _scaled(text: str, factor: float) -> float | None:
    value = number(text)
    return None if value is None else round(value * factor, 6)


def _quoted(text: str) -> str:
    escaped = " ".join(text.split()).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


IMPORTER = Importer("hardware", ("facts/accelerators.csv",), run)
