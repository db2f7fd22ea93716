"""Refreshes the export tables from a folder of gathered facts.

Numbers, dates, citations and confidence come from the facts; names, explanations and the form of each
rule are kept as they stand in the catalog, so that a refresh never loses a sentence written by hand.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

from advisor.catalog import export as tables
from advisor.catalog.resources import catalog_root
from advisor.catalog_build.drop import Drop, Importer, Output, healed
from advisor.domain.errors import CatalogError

Row = dict[str, str]

FOLDER = "facts/export"
READS = tuple(
    f"{FOLDER}/{name}.csv"
    for name in ("country_groups", "thresholds", "license_matrix", "policy_timeline", "definitions")
)

_KNOWN_SOURCES = {
    "ccl.json": "ecfr-774",
    "country-groups.json": "ecfr-740",
    "license-exceptions.js": "ear-exceptions",
    "policy-status.ts": "policy-status",
    "verbatim govinfo/SEC quotes": "export-quotes",
    "quotes https://www.sec.gov": "export-quotes",
    "thresholdData.js": "chip-export-controls",
    "CSET explainer": "cset-explainer",
    "ecfr-opportunities": "ecfr-2025-01",
    "FR-2022-10-13": "fr-87-62186",
    "FR-2026-01-15": "fr-91-1684",
    "2026SemiConductor": "section-232-annex",
    "chip-security-act.md": "chip-security-tracker",
    "ear-interaction-risk-matrix": "ear-risk-matrix",
    "bis-guidance-may-31-2026": "bis-2026-05-31",
    "FR 2026-06851": "fr-2026-06851",
    "not recorded (text)": "gain-ai-text",
}
_REMARKS = ("none", "one outlet")
"""Beginnings of parts that are remarks, not sources."""
_GROUPS = ("A:1", "A:2", "A:3", "A:4", "A:5", "A:6", "B", "D:1", "D:2", "D:3", "D:4", "D:5", "E:1", "E:2")


def run(drop: Drop, out: Output) -> None:
    """Refresh the export tables from the drop, keeping the words of the bundled catalog."""
    source, target = drop.root / FOLDER, catalog_root() / "export"
    sources = {row["id"]: row for row in _read(target / "sources.csv")}
    left: dict[str, list[str]] = {name: [] for name in ("thresholds", "licence_matrix", "policy_timeline")}
    written = {
        "countries": ("country_groups", _countries(source, target, sources)),
        "thresholds": ("thresholds", _thresholds(source, target, sources, left["thresholds"])),
        "licence_matrix": ("license_matrix", _matrix(source, target, sources, left["licence_matrix"])),
        "policy_timeline": ("policy_timeline", _events(source, target, sources, left["policy_timeline"])),
        "definitions": ("definitions", _definitions(source, sources)),
    }
    by_name = {table.name: table for table in tables.TABLES}
    for name, (read_from, rows) in written.items():
        table = by_name[f"export/{name}"]
        out.table(table, rows, sort=False)
        unworded = len(left.get(name, ()))
        reasons = {"without words of ours yet": unworded} if unworded else {}
        out.note(f"{FOLDER}/{read_from}.csv", len(_read(source / f"{read_from}.csv")), table.path, len(rows), reasons)
    out.table(tables.SOURCES, sources.values())
    for name in ("letters", "delays"):
        table = by_name[f"export/{name}"]
        out.table(table, _read(target / f"{name}.csv"), sort=False)


def _countries(source: Path, target: Path, sources: dict[str, Row]) -> list[Row]:
    kept = {row["iso2"]: row for row in _read(target / "countries.csv")}
    rows = []
    for fact in _read(source / "country_groups.csv"):
        words = kept.get(fact["iso2"])
        if words is None:
            raise CatalogError("new destination: add its iso3 and name first", file="countries.csv", value=fact["iso2"])
        row = {
            "ear_name": fact["ear_name"],
            "groups": ";".join(g for g in _GROUPS if fact[g] == "1"),
            "destination_class": fact["derived_class"],
            "note": fact["notes"],
            "source": _source_ids(fact["source_ref"], fact["as_of"], sources),
            "as_of": fact["as_of"],
            "confidence": fact["confidence"],
        }
        rows.append(words | row)
    return rows


def _thresholds(source: Path, target: Path, sources: dict[str, Row], unworded: list[str]) -> list[Row]:
    kept = {row["threshold_id"]: row for row in _read(target / "thresholds.csv")}
    rows: list[Row] = []
    citation = ""
    for fact in _read(source / "thresholds.csv"):
        words = kept.get(fact["threshold_id"])
        citation = citation if fact["citation"] == "same" else fact["citation"]
        if words is None:
            unworded.append(fact["threshold_id"])
            continue
        other = fact["other_condition"].replace(",", "")
        band = re.search(r"memory bandwidth (\d+)-(\d+) GB/s", other)
        transfer = re.search(r"transfer rate >= (\d+) GB/s", other)
        duty = re.match(r"(\d+)% ad valorem", fact["effect"])
        ids = _source_ids(fact["source_ref"], "", sources)
        rows.append(
            words
            | {
                "instrument": fact["instrument"],
                "provision": fact["eccn_or_provision"],
                "tpp_min": fact["tpp_min_incl"],
                "tpp_max": fact["tpp_max_excl"],
                "pd_min": fact["pd_min_incl"],
                "pd_max": fact["pd_max_excl"],
                "bandwidth_min_gbps": band[1] if band else "",
                "bandwidth_max_gbps": band[2] if band else fact["dram_bw_gbps_max_excl"],
                "io_min_gbps": transfer[1] if transfer else "",
                "rate": str(int(duty[1]) / 100) if duty else "",
                "effective_date": fact["effective_date"],
                "superseded_date": fact["superseded_date"],
                "citation": citation,
                "source": _joined(ids, words["source"]),
                "as_of": words["as_of"] or fact["effective_date"],
                "confidence": fact["confidence"],
            }
        )
    return rows


def _matrix(source: Path, target: Path, sources: dict[str, Row], unworded: list[str]) -> list[Row]:
    facts = {row["row_id"]: row for row in _read(source / "license_matrix.csv")}
    rows = _read(target / "licence_matrix.csv")
    cited = {part for row in rows for part in row["matrix_row"].split(";")}
    unworded += [row_id for row_id in facts if row_id not in cited and row_id != "L14"]
    for row in rows:
        found = [facts[part] for part in row["matrix_row"].split(";") if part in facts]
        if not found:
            continue
        base = facts["L2"] if found[0]["citation"] == "as L2" else found[0]
        row["citation"] = base["citation"]
        row["source"] = _source_ids(found[0]["source_ref"], found[0]["as_of"], sources)
        row["as_of"] = _day(found[0]["as_of"])
        row["confidence"] = found[0]["confidence"]
    return rows


def _events(source: Path, target: Path, sources: dict[str, Row], unworded: list[str]) -> list[Row]:
    kept = {row["id"]: row for row in _read(target / "policy_timeline.csv")}
    rows = []
    for fact in _read(source / "policy_timeline.csv"):
        words = kept.get(fact["id"])
        if words is None:
            unworded.append(fact["id"])
            continue
        rows.append(
            words
            | {
                "announced": fact["date"],
                "effective_date": _day(fact["effective_date"]),
                "jurisdiction": fact["jurisdiction"],
                "status": fact["status_as_of_2026_11_21"],
                "citation": fact["citation"],
                "source": _source_ids(fact["source_ref"], "", sources),
                "confidence": fact["confidence"],
            }
        )
    return rows


def _definitions(source: Path, sources: dict[str, Row]) -> list[Row]:
    return [
        {
            "term": fact["term"],
            "statement": fact["definition_verbatim_or_close"],
            "formula": fact["machine_formula"],
            "citation": fact["citation"],
            "source": _source_ids(fact["source_ref"], fact["as_of"], sources),
            "as_of": fact["as_of"],
            "confidence": fact["confidence"],
        }
        for fact in _read(source / "definitions.csv")
    ]


def _source_ids(reference: str, as_of: str, sources: dict[str, Row]) -> str:
    """Ids of the sources that a reference names, entering those that are new."""
    ids = []
    for part in _split(reference):
        if part.startswith(_REMARKS):
            continue
        source_id = next((i for mark, i in _KNOWN_SOURCES.items() if mark in part), _slug(part))
        ids.append(source_id)
        if source_id not in sources:
            kind = "regulation" if re.search(r"CFR|govinfo|bis\.gov|whitehouse", part) else "analyst"
            sources[source_id] = {
                "id": source_id, "reference": healed(part), "as_of": _day(as_of), "kind": kind, "attribution": "",
            }  # fmt: skip
    return _joined("; ".join(ids))


def _split(reference: str) -> list[str]:
    """Parts between semicolons, not counting those in brackets."""
    parts, depth, start = [], 0, 0
    for at, char in enumerate(reference):
        depth += (char == "(") - (char == ")")
        if char == ";" and depth == 0:
            parts.append(reference[start:at])
            start = at + 1
    return [part.strip() for part in [*parts, reference[start:]] if part.strip()]


def _slug(reference: str) -> str:
    text = re.sub(r"^https?://(www\.)?", "", reference).split(" ")[0]
    pieces = [p for p in re.split(r"[^a-z0-9]+", text.lower()) if p and p not in ("com", "org", "html", "php")]
    return "-".join(pieces[:2] + pieces[-2:] if len(pieces) > 4 else pieces)[:48].strip("-") or "unnamed"


def _joined(*ids: str) -> str:
    every = [part.strip() for group in ids for part in group.split(";") if part.strip()]
    return "; ".join(dict.fromkeys(every))


def _day(text: str) -> str:
    """The first full or partial date in a text as an ISO date, months as their first day."""
    found = re.search(r"\d{4}-\d{2}(-\d{2})?", text)
    if not found:
        return ""
    return found[0] if found[1] else f"{found[0]}-01"


def _read(path: Path) -> list[Row]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return [{k: (v or "").strip() for k, v in row.items() if k is not None} for row in csv.DictReader(file)]
    except OSError as error:
        raise CatalogError(f"cannot be read ({error.strerror})", file=str(path)) from None


IMPORTER = Importer("export", READS, run)
