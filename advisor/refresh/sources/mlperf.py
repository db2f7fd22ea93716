"""MLPerf Inference results: the summary file that every round publishes.

Up to v6.0 a list (`summary_results.json`: ID, Submitter, Category, Suite, System, Model, Scenario, Accelerator, a#,
Nodes, Software, Performance_Result, Performance_Units); from v6.1 an object of numbered entries (`summary.json`:
Organization, Division, SystemType, SystemName, Model, Scenario, Result, Units, accelerator_model_name,
total_accelerators, framework). Figures per accelerator are derived here and are no official metric.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from advisor.catalog_build.drop import cell, digest
from advisor.refresh.decode import SourceError, json_of, label, listed, number, whole
from advisor.refresh.offers import Facts, Parsed
from advisor.refresh.sources.base import Item, Source

_NEW = {
    "submitter": "Organization", "division": "Division", "suite": "SystemType", "system": "SystemName",
    "name": "accelerator_model_name", "count": "total_accelerators", "software": "framework", "result": "Result",
    "unit": "Units",
}  # fmt: skip
_OLD = {
    "submitter": "Submitter", "division": "Category", "suite": "Suite", "system": "System", "name": "Accelerator",
    "count": "a#", "software": "Software", "result": "Performance_Result", "unit": "Performance_Units",
}  # fmt: skip
_LISTED = ("v4.1", "v5.0", "v5.1", "v6.0")
_UNITS = ("tokens/s", "queries/s", "samples/s")
_SCENARIOS = ("Offline", "Server", "Interactive")
_IDENTITY = ("round", "entry", "model", "scenario", "division", "accelerator_name", "result")
ATTRIBUTION = (
    "MLPerf results retrieved from MLCommons, round and entry cited; per-accelerator figures are derived by us "
    "and are not an official MLPerf metric; the MLPerf name and logo are trademarks of MLCommons"
)


def parse(body: bytes, facts: Facts) -> Parsed:
    """Results of one round."""
    document = json_of(body)
    numbered = isinstance(document, dict)
    rows = list(document.items()) if numbered else [(str(n), row) for n, row in enumerate(listed(document))]
    names = _NEW if numbered else _OLD
    if not any(isinstance(row, dict) and set(names.values()) <= set(row) for _, row in rows):
        raise SourceError(f"no entry holds {', '.join(names.values())}: the layout is not known")
    out = Parsed()
    for key, row in rows:
        if not isinstance(row, dict):
            out.refused["an entry is not an object"] += 1
            continue
        field = {name: row.get(column) for name, column in names.items()}
        part = _part(label(field["name"], 120), facts)
        if "datacenter" not in label(field["suite"]) or not part:
            out.ignored += 1
            continue
        found = _result(key, row, field, part, facts, numbered=numbered)
        if isinstance(found, str):
            out.refused[found] += 1
        else:
            out.mlperf.append(found)
    return out


def _result(
    key: str, row: Mapping[str, Any], field: Mapping[str, Any], part: str, facts: Facts, *, numbered: bool
) -> dict[str, object] | str:
    result, count = number(field["result"]), whole(field["count"])
    unit, scenario = label(field["unit"]).casefold(), label(row.get("Scenario"))
    division, model = label(field["division"]).casefold(), label(row.get("Model"))
    round_ = label(row.get("version"), 12)
    if not numbered and (whole(row.get("Nodes")) or 1) > 1:
        return "the accelerators of several nodes are not counted plainly"
    if result is None or not 0 < result <= 1e9 or not count or not 1 <= count <= 100_000:
        return "no result or no number of accelerators"
    if unit not in _UNITS or scenario not in _SCENARIOS or division not in ("closed", "open"):
        return f"unit {unit}, scenario {scenario} or division {division} is not of serving"
    if not re.fullmatch(r"v\d+\.\d+", round_) or not model:
        return "no round or model"
    if whole(row.get("errors")):
        return "marked as erroneous"
    name, weights = label(field["name"], 120), label(row.get("weight_data_types"), 60)
    flags = {"inferred"} if whole(row.get("inferred")) else set()
    flags |= {"preview"} if label(row.get("Availability")) == "preview" else set()
    flags |= {"other_form"} if re.search(r"NVL(?!72)|PCIe", name) else set()
    entry = f"{round_}-summary[{label(key, 12)}]" if numbered else f"{round_}-{_entry_number(row, round_)}"
    found: dict[str, object] = {
        "entry": entry, "round": round_, "submitter": label(field["submitter"]), "division": division,
        "availability": label(row.get("Availability")) or "not stated", "system": label(field["system"], 160),
        "accelerator": part, "accelerator_name": name, "accelerators": count, "model": model,
        "model_id": facts.models.get(model.removesuffix("-99.9").removesuffix("-99").casefold(), ""),
        "scenario": scenario, "unit": unit, "result": result, "per_accelerator": round(result / count, 3),
        "precision": _precision(weights), "weight_dtype": weights, "software": label(field["software"], 200),
        "flags": sorted(flags), "kind": "measured", "confidence": "high", "note": "",
    }  # fmt: skip
    found["id"] = "mlperf-" + digest("|".join(cell(found[n]) for n in _IDENTITY), 9)
    return found


def _entry_number(row: Mapping[str, Any], round_: str) -> str:
    text = label(row.get("ID"), 20)
    return text.removeprefix(round_).removeprefix(round_.removeprefix("v")).lstrip("-")


def _part(name: str, facts: Facts) -> str:
    found = {p[0] for word in re.split(r"[\s,+/]+", name) if (p := facts.part(word))}
    return found.pop() if len(found) == 1 else ""


def _precision(text: str) -> str:
    lowered = text.casefold()
    found = re.search(r"fp4|fp8|fp16|bf16|int4", lowered)
    mixed = "/" in lowered or ("," in lowered and "kv" not in lowered)
    return found[0] if found and not mixed else ""


def item(round_: str) -> Item:
    """The summary of one round."""
    file = "summary_results.json" if round_ in _LISTED else "summary.json"
    return Item(round_, f"inference_results_{round_}/main/{file}", parse)


SOURCE = Source(
    name="mlperf",
    title="MLPerf Inference results",
    data="evidence",
    base="https://raw.githubusercontent.com/mlcommons",
    items=(item("v6.0"), item("v6.1")),
    kind="measured",
    attribution=ATTRIBUTION,
    live=False,
    editions=True,
    make=item,
)
