"""Software: support matrix, known issues, releases, packages, benchmark coverage (all under `facts/`)."""

from __future__ import annotations

import re
from collections import Counter

from advisor.catalog.context_tables import COVERAGE, ISSUES, PACKAGES, RELEASES, SOFTWARE
from advisor.catalog_build import names
from advisor.catalog_build.drop import Drop, Importer, Output, cell, parse_day, row_ids, whole

_WIDE = {
    "CDNA (ROCm)": ("mi300x", "mi325x", "mi350x", "mi355x"),
    "all": ("mi300x", "mi325x", "mi350x", "mi355x"),
    "MI250/MI300/MI350": ("mi300x", "mi350x", "mi355x"),
}
"""Wide scopes of AMD issues, spelt out; MI250 is not in the catalog."""


def run(drop: Drop, out: Output) -> None:
    """Import the five files."""
    _support(drop, out)
    _issues(drop, out)
    _releases(drop, out)
    _packages(drop, out)
    _coverage(drop, out)


def _parts(text: str) -> list[str]:
    if text in _WIDE:
        return list(_WIDE[text])
    return [part for part in (p.strip().casefold() for p in text.split(";")) if part in names.ACCELERATOR_IDS]


def _support(drop: Drop, out: Output) -> None:
    rows = drop.rows("facts/software.csv")
    support: list[dict[str, object]] = []
    for row in rows:
        as_of, _ = parse_day(row["as_of"])
        support.append(
            {
                "engine": row["engine"], "vendor": row["vendor"], "architecture": row["architecture"],
                "accelerators": _parts(row["accelerators"]), "feature": row["feature"], "status": row["status"],
                "since_version": row["since_version"], "detail": _clip(row["detail"], 160),
                "source": out.sources.cite(row["source_ref"], as_of=as_of, kind="documentation"),
                "as_of": as_of, "kind": "documentation", "confidence": row["confidence"],
            }
        )  # fmt: skip
    out.table(SOFTWARE, support)
    out.note("facts/software.csv", len(rows), SOFTWARE.path, len(support), {})


def _issues(drop: Drop, out: Output) -> None:
    rows = drop.rows("facts/known_issues.csv")
    implications = {row["id"]: row["procurement_implication"] for row in rows}
    issues: list[dict[str, object]] = []
    for row in rows:
        as_of, _ = parse_day(row["as_of"])
        seen, _ = parse_day(row["first_seen"])
        same = re.fullmatch(r"as (I\d+)", row["procurement_implication"])
        urls = [url.strip() for url in row["url"].split(" ; ")]
        issues.append(
            {
                "id": row["id"], "vendor": row["vendor"], "accelerators": _parts(row["accelerators"]),
                "severity": row["severity"], "state": _state(row["status"]), "status": _clip(row["status"], 100),
                "first_seen": seen, "component": row["component"], "summary": _clip(row["summary"], 200),
                "implication": implications[same[1]] if same else row["procurement_implication"],
                "urls": urls, "source": out.sources.cite(urls[0], as_of=as_of, kind="documentation"),
                "as_of": as_of, "kind": "documentation", "confidence": row["confidence"],
            }
        )  # fmt: skip
    out.table(ISSUES, issues)
    out.note("facts/known_issues.csv", len(rows), ISSUES.path, len(issues), {})


def _state(text: str) -> str:
    if "fixed" in text:
        return "fixed"
    if text.startswith(("by design", "structural")):
        return "structural"
    if text in ("closed", "PR closed"):
        return "closed"
    return "reported" if text == "reported" else "open"


def _releases(drop: Drop, out: Output) -> None:
    rows = drop.rows("facts/rocm_cuda_timeline.csv")
    releases: list[dict[str, object]] = []
    for row in rows:
        day, _ = parse_day(row["date"])
        releases.append(
            {
                "stack": row["stack"], "version": row["version"], "date": day, "role": row["role"],
                "note": row["note"], "kind": "documentation", "confidence": row["confidence"],
                "source": out.sources.cite(row["source_ref"], as_of=day, kind="documentation"),
            }
        )  # fmt: skip
    out.table(RELEASES, releases)
    out.note("facts/rocm_cuda_timeline.csv", len(rows), RELEASES.path, len(releases), {})


def _packages(drop: Drop, out: Output) -> None:
    rows = drop.rows("facts/package_versions.csv")
    packages: list[dict[str, object]] = []
    for row in rows:
        as_of, _ = parse_day(row["as_of"])
        packages.append(
            {
                "package": row["package"], "latest_stable": row["latest_stable"],
                "stable_date": parse_day(row["stable_date"])[0], "latest_any": row["latest_any"],
                "latest_any_date": parse_day(row["latest_any_date"])[0],
                "platform_files": [part for part in row["platform_files"].split(";") if part],
                "source": out.sources.cite(
                    "metadata of the Python package index", as_of=as_of, kind="documentation", name="pypi"
                ),
                "as_of": as_of, "kind": "documentation", "confidence": "high",
            }
        )  # fmt: skip
    out.table(PACKAGES, packages)
    out.note("facts/package_versions.csv", len(rows), PACKAGES.path, len(packages), {})


def _coverage(drop: Drop, out: Output) -> None:
    rows = drop.rows("facts/inferencex_coverage.csv")
    configs: list[dict[str, object]] = []
    left_out: Counter[str] = Counter()
    for row in rows:
        if row["gpu_norm"] not in names.ACCELERATOR_IDS:
            left_out[f"{row['gpu_norm']}: not in the catalog"] += 1
            continue
        as_of, _ = parse_day(row["as_of"])
        configs.append(
            {
                "config": row["config_id"], "active": row["status"] == "active", "vendor": row["vendor"],
                "accelerator": row["gpu_norm"], "model": row["model_prefix"], "hf_model": row["hf_model"],
                "precision": row["precision"], "engine": row["framework"],
                "multinode": row["multinode"] == "True", "disagg": row["disagg"] == "True",
                "spec_decode": row["mtp"] == "True", "agentic": row["agentic"] == "True",
                "max_ep": whole(row["max_ep"]), "max_tp": whole(row["max_tp"]), "image": row["image"],
                "source": out.sources.cite(
                    row["source_ref"], as_of=as_of, kind="documentation", attribution=names.INFERENCEX
                ),
                "as_of": as_of, "kind": "documentation", "confidence": "high",
            }
        )  # fmt: skip
    identity = [name for name in COVERAGE.names if name not in ("id", "confidence", "kind")]
    configs.sort(key=lambda c: [cell(c[n]) for n in ("config", *identity)])
    ids = row_ids("cfg", ["|".join(cell(c[n]) for n in identity) for c in configs])
    for config, row_id in zip(configs, ids, strict=True):
        config["id"] = row_id
    out.table(COVERAGE, configs, sort=False)
    out.note("facts/inferencex_coverage.csv", len(rows), COVERAGE.path, len(configs), left_out)


def _clip(text: str, limit: int) -> str:
    """The text, cut at a clause or a word where it is longer than the limit."""
    if len(text) <= limit:
        return text
    head = text[: limit - 4]
    at = max(head.rfind("; "), head.rfind(". "))
    return (head[:at] if at > limit // 2 else head.rsplit(" ", 1)[0]) + " ..."


IMPORTER = Importer(
    "software",
    (
        "facts/software.csv", "facts/known_issues.csv", "facts/rocm_cuda_timeline.csv", "facts/package_versions.csv",
        "facts/inferencex_coverage.csv",
    ),
    run,
)  # fmt: skip
