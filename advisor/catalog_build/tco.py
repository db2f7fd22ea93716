"""Power, PUE, facility, finance and staff: `prices/tco_parameters.csv`."""

from __future__ import annotations

from collections import Counter

from advisor.catalog.tables import TCO
from advisor.catalog_build.drop import Drop, Importer, Output, number, parse_day
from advisor.catalog_build.names import INFERENCEX

_KINDS: tuple[tuple[str, str], ...] = (
    ("OLD InferenceX", "analyst"),
    ("InferenceX", "analyst"),
    ("all-in provisioned", "analyst"),
    ("TDP", "datasheet"),
    ("TBP", "datasheet"),
    ("electricity price", "index"),
    ("PUE", "documentation"),
)


def run(drop: Drop, out: Output) -> None:
    """Import the parameters; a scope that stands twice under a parameter is told apart by its date."""
    rows = drop.rows("prices/tco_parameters.csv")
    counts = Counter((row["parameter"], row["scope"]) for row in rows)
    parameters: list[dict[str, object]] = []
    for row in rows:
        as_of, _ = parse_day(row["as_of"])
        scope = row["scope"]
        if counts[row["parameter"], scope] > 1:
            scope = f"{scope} ({row['as_of']})"
        attribution = INFERENCEX if "InferenceX" in row["parameter"] + row["source_ref"] else ""
        parameters.append(
            {
                "parameter": row["parameter"],
                "scope": scope,
                "low": number(row["low"]),
                "typical": number(row["typical"]),
                "high": number(row["high"]),
                "unit": row["unit"],
                "superseded": row["parameter"].startswith("OLD "),
                "source": _source(row, out, attribution),
                "as_of": as_of,
                "kind": _kind(row),
                "confidence": "low" if "low trust" in row["notes"] or "not recorded" in row["source_ref"] else "",
                "note": _note(row["notes"]),
            }
        )
    out.table(TCO, parameters)
    out.note("prices/tco_parameters.csv", len(rows), TCO.path, len(parameters), {})


def _source(row: dict[str, str], out: Output, attribution: str) -> str:
    as_of, _ = parse_day(row["as_of"])
    reference = row["source_ref"]
    if reference == "none":
        return out.sources.cite("no source found", kind="assumption", name="no-source")
    return out.sources.cite(reference, as_of=as_of, kind=_kind(row), attribution=attribution)


def _kind(row: dict[str, str]) -> str:
    if "(derived)" in row["parameter"] or "DERIVED" in row["notes"]:
        return "derived"
    if row["source_ref"] == "none":
        return "assumption"
    return next((kind for start, kind in _KINDS if row["parameter"].startswith(start)), "analyst")


def _note(text: str) -> str:
    return text if len(text) <= 160 else text[:157].rsplit(" ", 1)[0] + " ..."


IMPORTER = Importer("tco", ("prices/tco_parameters.csv",), run)
