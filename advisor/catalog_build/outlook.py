"""What ships next and what is claimed: `facts/roadmap.csv`, `claims.csv`, `facts/specs_conflicts.md`."""

from __future__ import annotations

import re
from datetime import date, timedelta

from advisor.catalog.context_tables import CLAIMS, CONFLICTS, ROADMAP
from advisor.catalog_build.drop import Drop, Importer, Output, number, parse_day, whole
from advisor.catalog_build.names import accelerators_in
from advisor.domain.errors import CatalogError

_RUMOURED = {"b30a"}
_LATER = {"mi455x_helios": date(2027, 6, 30)}
"""Where a named analyst puts volume after the vendor's window; the window then ends there, marked disputed."""

_FINDINGS: tuple[tuple[str, str], ...] = (
    (r"contradicted|is wrong|arithmetic error|off by 1000x|sparsity figure|datasheet dense peak", "contradicted"),
    (r"unverifiable", "unverifiable"),
    (r"out of scope", "out_of_scope"),
)
_CLAIM_KINDS = {"vendor": "vendor claim", "roadmap": "vendor claim", "analyst": "analyst"}


def run(drop: Drop, out: Output) -> None:
    """Import the three files."""
    _roadmap(drop, out)
    _claims(drop, out)
    _conflicts(drop, out)


def _roadmap(drop: Drop, out: Output) -> None:
    rows = drop.rows("facts/roadmap.csv")
    parts: list[dict[str, object]] = []
    for row in rows:
        as_of, _ = parse_day(row["source_date"] or row["latest_status_date"])
        text = row["announced_availability"] or row["announced_date"]
        first, last = window(row["announced_availability"])
        later = _LATER.get(row["id"])
        available = row["latest_status"].startswith("AVAILABLE")
        status = "available" if available else "rumoured" if row["id"] in _RUMOURED else "announced"
        disputed = later is not None or "disputed" in row["latest_status"]
        reference = row["source_ref"] if row["source_ref"] != "address not recorded" else f"{row['part']}: press"
        parts.append(
            {
                "id": row["id"], "vendor": row["vendor"], "part": row["part"], "architecture": row["architecture"],
                "form_factor": row["form_factor"], "status": status, "announced": row["announced_date"],
                "availability": text, "earliest": first, "latest": later or last, "disputed": disputed,
                "status_text": _clip(row["latest_status"].removeprefix("AVAILABLE: ")),
                "status_date": parse_day(row["latest_status_date"])[0],
                "memory_gb": number(row["memory_gb"]), "memory_type": row["memory_type"],
                "bandwidth_tbps": number(row["memory_bandwidth_tbps"]),
                "fp4_pflops": _leading(row["fp4_pflops"]), "fp8_pflops": _leading(row["fp8_pflops"]),
                "bf16_pflops": _leading(row["bf16_pflops"]), "basis": _basis(row),
                "scale_up_domain": whole(m[0]) if (m := re.match(r"\d+", row["scale_up_domain"])) else None,
                "power": row["tdp_or_rack_power"], "tpp_estimate": _leading(row["tpp_estimate"].replace(",", "")),
                "note": _clip(row["conflict_note"]),
                "source": out.sources.cite(reference, as_of=as_of, kind="press"), "as_of": as_of,
                "kind": "measured" if available else "press",
                "confidence": re.split(r"[ ;]", row["confidence"], maxsplit=1)[0],
            }
        )  # fmt: skip
    out.table(ROADMAP, parts)
    out.note("facts/roadmap.csv", len(rows), ROADMAP.path, len(parts), {})


def window(text: str) -> tuple[date | None, date | None]:
    """First and last day of an announced window.

    >>> window("H2 2026 (AMD: Q3-Q4 2026)")
    (datetime.date(2026, 7, 1), datetime.date(2026, 12, 31))
    >>> window("2027"), window("Q3-Q4 2025")[0], window("")
    ((datetime.date(2027, 1, 1), datetime.date(2027, 12, 31)), datetime.date(2025, 7, 1), (None, None))
    """
    if found := re.search(r"\bH([12]) (20\d\d)", text):
        half, year = int(found[1]), int(found[2])
        return (date(year, 1, 1), date(year, 6, 30)) if half == 1 else (date(year, 7, 1), date(year, 12, 31))
    if found := re.search(r"\bQ([1-4])(?:-Q([1-4]))? (20\d\d)", text):
        first, last, year = int(found[1]), int(found[2] or found[1]), int(found[3])
        end = date(year + last // 4, last % 4 * 3 + 1, 1) - timedelta(days=1)
        return date(year, 3 * first - 2, 1), end
    if found := re.search(r"\b(20\d\d)\b", text):
        return date(int(found[1]), 1, 1), date(int(found[1]), 12, 31)
    return None, None


def _leading(text: str) -> float | None:
    found = re.match(r"\d+(\.\d+)?", text)
    return float(found[0]) if found else None


def _basis(row: dict[str, str]) -> str:
    said = f"{row['dense_or_sparse']} {row['fp4_pflops']}"
    if "dense" in said and "not plain dense" not in said:
        return "dense"
    return "not stated" if row["fp4_pflops"] else ""


def _claims(drop: Drop, out: Output) -> None:
    rows = drop.rows("claims.csv")
    claims: list[dict[str, object]] = []
    for row in rows:
        as_of, _ = parse_day(row["published"])
        finding = next((f for pattern, f in _FINDINGS if re.search(pattern, row["how_to_check"])), "to_check")
        claims.append(
            {
                "id": row["id"], "subject": row["subject"], "metric": row["metric"], "claimed": row["claimed"],
                "unit": row["unit"], "conditions": row["conditions"], "basis": row["kind"], "finding": finding,
                "how_to_check": row["how_to_check"],
                "source": out.sources.cite(f"{row['source']}, {row['published']}", as_of=as_of, kind="press"),
                "as_of": as_of, "kind": _CLAIM_KINDS.get(row["kind"], "press"), "confidence": "",
            }
        )  # fmt: skip
    out.table(CLAIMS, claims)
    out.note("claims.csv", len(rows), CLAIMS.path, len(claims), {})


def _conflicts(drop: Drop, out: Output) -> None:
    path = drop.root / "facts" / "specs_conflicts.md"
    if not path.is_file():
        raise CatalogError("is not in the drop", file="facts/specs_conflicts.md")
    conflicts: list[dict[str, object]] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not re.match(r"\| C\d+ \|", line):
            continue
        cells = [part.strip() for part in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        cells = [part.replace("**", "").replace("\\|", "|") for part in cells]
        confidence = re.search(r"(High|Medium|Low)(-high|-medium|-low)?(?=[^.]*$)", cells[4])
        conflicts.append(
            {
                "id": cells[0], "accelerators": accelerators_in(f"{cells[1]} {cells[2]}"),
                "claim_a": _clip(cells[1]), "claim_b": _clip(cells[2]), "verdict": _clip(cells[3]),
                "source": out.sources.cite(
                    "comparison of public specifications, 2026-11-21", as_of=date(2026, 11, 21), kind="derived",
                    name="spec-comparison",
                ),
                "as_of": date(2026, 11, 21), "kind": "derived",
                "confidence": confidence[0].casefold() if confidence else "",
            }
        )  # fmt: skip
    out.table(CONFLICTS, conflicts)
    out.note("facts/specs_conflicts.md", len(conflicts), CONFLICTS.path, len(conflicts), {})


def _clip(text: str, limit: int = 220) -> str:
    return text if len(text) <= limit else text[: limit - 4].rsplit(" ", 1)[0] + " ..."


IMPORTER = Importer("outlook", ("facts/roadmap.csv", "claims.csv", "facts/specs_conflicts.md"), run)
