"""Accelerators from their TOML files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Literal, cast, get_args

from advisor.catalog.read import Layer, read_text, toml_of
from advisor.domain.errors import CatalogError, did_you_mean
from advisor.domain.hardware import Accelerator
from advisor.domain.provenance import Kind, Provenance

FOLDER = "accelerators"
_FORMATS = ("bf16", "fp16", "fp8", "fp6", "fp4", "int8")
_NUMBERS: dict[str, tuple[float, float]] = {
    "memory_bytes": (1e9, 1e14), "memory_gb_marketed": (1, 1e5), "bandwidth_gbps": (10, 1e6),
    "bandwidth_alt_gbps": (10, 1e6), "tdp_w": (10, 1e5), "all_in_kw": (0.01, 100), "scale_up_gbps": (1, 1e5),
    "scale_up_domain": (1, 1e5), "gpus_per_node": (1, 1024), "die_area_mm2": (1, 1e5),
}  # fmt: skip
_TEXTS = ("id", "part_id", "vendor", "name", "architecture", "release", "source", "kind", "confidence", "notes")
_OPTIONAL_TEXTS = ("memory_source", "memory_kind")
_KNOWN = (
    *_NUMBERS, *_TEXTS, *_OPTIONAL_TEXTS, "memory_as_of", "figures_public", "scale_up_switched", "cooling", "formats",
    "as_of", "dense_tflops", "extra",
)  # fmt: skip
_NEEDED = ("memory_bytes", "memory_gb_marketed", "bandwidth_gbps", "tdp_w", "scale_up_gbps", "scale_up_domain")


def read_accelerators(layers: Sequence[Layer]) -> tuple[dict[str, Accelerator], dict[str, str]]:
    """(accelerators by id, ids of parts without public figures with the reason).

    A later layer's file replaces the file of the same name.
    """
    found: dict[str, Accelerator] = {}
    incomplete: dict[str, str] = {}
    for layer in layers:
        for path in sorted((layer.root / FOLDER).glob("*.toml")):
            shown = layer.shown(f"{FOLDER}/{path.name}")
            entry = _parse(read_text(path, shown), shown)
            if entry["id"] != path.stem:
                raise CatalogError(f'must equal the file name "{path.stem}"', file=shown, field="id", value=entry["id"])
            if not entry["figures_public"]:
                incomplete[entry["id"]] = entry["notes"] or "its specification is not public"
                found.pop(entry["id"], None)
                continue
            incomplete.pop(entry["id"], None)
            found[entry["id"]] = _accelerator(entry, shown)
    return found, incomplete


def _parse(content: str, shown: str) -> dict[str, Any]:
    try:
        entry = toml_of(content)
    except ValueError as error:
        raise CatalogError(f"is not TOML: {error}", file=shown) from None
    for key in entry:
        if key not in _KNOWN:
            raise CatalogError(f"unknown key{did_you_mean(key, _KNOWN)}", file=shown, field=key)
    entry = {"confidence": "", "notes": "", "figures_public": True, "gpus_per_node": 8, "extra": {}} | entry
    for key in (*_TEXTS, *(name for name in _OPTIONAL_TEXTS if name in entry)):
        if not isinstance(entry.get(key), str):
            raise CatalogError("must be a text", file=shown, field=key, value=entry.get(key))
    for key, (low, high) in _NUMBERS.items():
        if key in entry:
            _check_number(entry[key], low, high, shown, key)
    for key in ("figures_public", "scale_up_switched"):
        if not isinstance(entry.get(key), bool):
            raise CatalogError("must be true or false", file=shown, field=key, value=entry.get(key))
    for key in ("cooling", "formats"):
        value = entry.get(key)
        if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
            raise CatalogError("must be a list of texts", file=shown, field=key, value=value)
    for key in ("as_of", *(("memory_as_of",) if "memory_source" in entry else ())):
        if not isinstance(entry.get(key), date):
            raise CatalogError("must be a date", file=shown, field=key, value=entry.get(key))
    for key in ("kind", "memory_kind"):
        if key in entry and entry[key] not in get_args(Kind):
            raise CatalogError("not a known kind", file=shown, field=key, value=entry[key])
    if entry["vendor"] not in ("AMD", "NVIDIA"):
        raise CatalogError('must be "AMD" or "NVIDIA"', file=shown, field="vendor", value=entry["vendor"])
    _check_tflops(entry.get("dense_tflops", {}), shown)
    return entry


def _check_number(value: object, low: float, high: float, shown: str, field: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise CatalogError(f"must be a number from {low:g} to {high:g}", file=shown, field=field, value=value)


def _check_tflops(tflops: object, shown: str) -> None:
    if not isinstance(tflops, dict):
        raise CatalogError("must be a table", file=shown, field="dense_tflops", value=tflops)
    for name, value in tflops.items():
        if name not in _FORMATS:
            hint = did_you_mean(str(name), _FORMATS)
            raise CatalogError(f"unknown format{hint}", file=shown, field=f"dense_tflops.{name}")
        _check_number(value, 0.1, 1e7, shown, f"dense_tflops.{name}")


def _accelerator(entry: dict[str, Any], shown: str) -> Accelerator:
    for key in _NEEDED:
        if key not in entry:
            raise CatalogError("is missing", file=shown, field=key)
    if "bf16" not in entry.get("dense_tflops", {}):
        raise CatalogError("is missing", file=shown, field="dense_tflops.bf16")
    extra = {key: str(value) for key, value in entry["extra"].items()}
    if "bandwidth_alt_gbps" in entry:
        extra["bandwidth_alt_gbps"] = f"{entry['bandwidth_alt_gbps']:g}"
    return Accelerator(
        id=entry["id"],
        part_id=entry["part_id"],
        vendor=cast(Literal["AMD", "NVIDIA"], entry["vendor"]),
        name=entry["name"],
        architecture=entry["architecture"],
        memory_bytes=float(entry["memory_bytes"]),
        memory_gb_marketed=float(entry["memory_gb_marketed"]),
        bandwidth_gbps=float(entry["bandwidth_gbps"]),
        dense_tflops={name: float(value) for name, value in entry["dense_tflops"].items()},
        tdp_w=float(entry["tdp_w"]),
        all_in_kw=entry.get("all_in_kw"),
        scale_up_gbps=float(entry["scale_up_gbps"]),
        scale_up_domain=int(entry["scale_up_domain"]),
        scale_up_switched=entry["scale_up_switched"],
        cooling=tuple(entry["cooling"]),
        die_area_mm2=entry.get("die_area_mm2"),
        formats=tuple(entry["formats"]),
        release=entry["release"],
        provenance=Provenance(entry["source"], entry["as_of"], entry["kind"], entry["confidence"]),
        gpus_per_node=int(entry["gpus_per_node"]),
        notes=entry["notes"],
        extra=extra,
        memory_provenance=_memory_provenance(entry),
    )


def _memory_provenance(entry: dict[str, Any]) -> Provenance | None:
    if "memory_source" not in entry:
        return None
    return Provenance(entry["memory_source"], entry["memory_as_of"], entry.get("memory_kind", entry["kind"]))
