"""Loads the export rules: seven small tables under `export/`, checked cell by cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import date
from typing import Any, TypeVar, get_args

from advisor.catalog.read import Layer, RawTable, parse_column, read_raw
from advisor.catalog.schema import Column, Table, day, listing, number, text
from advisor.catalog.sources import read_sources
from advisor.domain.errors import CatalogError
from advisor.domain.provenance import Source
from advisor.domain.rules import (
    Country,
    Definition,
    DestinationClass,
    ExportRules,
    Letter,
    LicenceDelay,
    LicenceRule,
    PolicyEvent,
    Requirement,
    ReviewPolicy,
    Threshold,
)

_CLASSES: tuple[str, ...] = get_args(DestinationClass)
_GROUPS = ("A:1", "A:2", "A:3", "A:4", "A:5", "A:6", "B", "D:1", "D:2", "D:3", "D:4", "D:5", "E:1", "E:2")

_PROVENANCE = (
    text("citation", required=True, doc="where the rule stands"),
    text("source", required=True, doc="ids in export/sources.csv, parted by semicolons"),
    day("as_of", doc="date of the text that was read"),
    text("confidence", doc="trust in the row, with its reservation"),
)


def _table(name: str, key: str, *columns: Column, doc: str) -> Table:
    return Table(f"export/{name}", f"export/{name}.csv", (key,), columns, doc)


COUNTRIES = _table(
    "countries", "iso2",
    text("iso2", required=True), text("iso3", required=True), text("name", required=True),
    listing("aliases", doc="other names that users type"), text("ear_name", doc="name in the regulation"),
    listing("groups", doc="Country Groups, 15 CFR 740 Supp. 1"),
    text("destination_class", required=True, choices=_CLASSES, doc="as the licence matrix tells them apart"),
    listing("blocs"), text("note"), *_PROVENANCE[1:],
    doc="Destinations with their Country Groups",
)  # fmt: skip
THRESHOLDS = _table(
    "thresholds", "threshold_id",
    text("threshold_id", required=True),
    text("kind", required=True, choices=("control", "exclusion", "memory", "relief", "tariff")),
    text("instrument", required=True), text("provision", required=True), text("gives", required=True),
    number("tpp_min"), number("tpp_max"), number("pd_min"), number("pd_max"),
    number("bandwidth_min_gbps", unit="GB/s"), number("bandwidth_max_gbps", unit="GB/s"),
    number("io_min_gbps", unit="GB/s", doc="both directions"),
    text("bounds", required=True, choices=("[)", "()"), doc="lower limit included or not"),
    number("rate", high=1.0, doc="duty as a fraction"),
    day("effective_date", required=True), day("superseded_date"), text("statement", required=True), *_PROVENANCE,
    doc="Numeric tests with the dates between which they apply",
)  # fmt: skip
MATRIX = _table(
    "licence_matrix", "rule_id",
    text("rule_id", required=True), text("matrix_row", required=True), listing("items", doc="* for any"),
    text("relief", choices=("yes",)), listing("destinations", doc="destination classes; * for any"),
    listing("except_destinations"), text("hq", required=True, choices=("free", "restricted", "any")),
    text("export_from", required=True, choices=("US", "other", "any")),
    day("effective_date"), day("superseded_date"),
    text("requirement", required=True, choices=get_args(Requirement)),
    text("review_policy", required=True, choices=get_args(ReviewPolicy)),
    text("title", required=True), text("statement", required=True),
    text("dated_facts", doc="DATE: text, parted by |; told from that day on"), text("remedy"),
    text("conditions", doc="parted by |"), listing("disclose_users", doc="remote users that must be listed"),
    text("exceptions"), text("literal_position"), text("reservation"),
    *_PROVENANCE,
    doc="Who needs a licence; rows in order of precedence",
)  # fmt: skip
LETTERS = _table(
    "letters", "part_id",
    text("part_id", required=True), day("effective_date", required=True), text("statement", required=True),
    *_PROVENANCE,
    doc="Individual licence letters",
)  # fmt: skip
EVENTS = _table(
    "policy_timeline", "id",
    text("id", required=True), text("announced", doc="day or month, as known"), day("effective_date"),
    text("jurisdiction", required=True), text("title", required=True), text("statement", required=True),
    listing("countries", doc="destinations or blocs that it bears on"), text("consequence", choices=("review",)),
    day("suspended_from"), day("suspended_until", doc="last day of a suspension"), text("status"),
    text("citation"), text("source"), text("confidence"),
    doc="Dated events",
)  # fmt: skip
DELAYS = _table(
    "delays", "review_policy",
    text("review_policy", required=True, choices=get_args(ReviewPolicy)),
    number("low_days", required=True), number("typical_days", required=True), number("high_days", required=True),
    text("basis", required=True), *_PROVENANCE[1:],
    doc="Days from application to decision",
)  # fmt: skip
DEFINITIONS = _table(
    "definitions", "term",
    text("term", required=True), text("statement", required=True), text("formula"), *_PROVENANCE,
    doc="Legal terms and the formulas that they come to",
)  # fmt: skip
SOURCES = _table(
    "sources", "id",
    text("id", required=True), text("reference", required=True), day("as_of"), text("kind", required=True),
    text("attribution"),
    doc="Sources of the export tables",
)  # fmt: skip
TABLES = (COUNTRIES, THRESHOLDS, MATRIX, LETTERS, EVENTS, DELAYS, DEFINITIONS, SOURCES)

T = TypeVar("T")


def read_export_rules(layers: Sequence[Layer]) -> ExportRules:
    """The export rules of the layers of a catalog, checked."""
    raw = {table.name: read_raw(table, layers) for table in TABLES}
    rows = {name: _rows(table) for name, table in raw.items()}
    sources = {r["id"]: Source(**r) for r in rows["export/sources"]}
    for table in raw.values():
        _check_sources(table, sources, layers)
    countries = _countries(raw["export/countries"], rows["export/countries"])
    matrix = raw["export/licence_matrix"]
    _check_members(matrix, "destinations", {*_CLASSES, "*"})
    _check_members(matrix, "except_destinations", set(_CLASSES))
    _check_members(matrix, "disclose_users", set(countries))
    blocs = {bloc for country in countries.values() for bloc in country.blocs}
    _check_members(raw["export/policy_timeline"], "countries", {*countries, *blocs})
    rules = [
        _make(
            LicenceRule,
            r,
            id=r["rule_id"],
            conditions=tuple(filter(None, r["conditions"].split("|"))),
            dated_facts=facts,
        )
        for r, facts in zip(rows["export/licence_matrix"], _dated_facts(matrix), strict=True)
    ]
    return ExportRules(
        countries=countries,
        thresholds=tuple(_make(Threshold, r, id=r["threshold_id"]) for r in rows["export/thresholds"]),
        matrix=tuple(sorted(rules, key=_fits_everything)),
        letters=tuple(_make(Letter, r) for r in rows["export/letters"]),
        events=tuple(_make(PolicyEvent, r) for r in rows["export/policy_timeline"]),
        delays={r["review_policy"]: _make(LicenceDelay, r) for r in rows["export/delays"]},
        definitions=tuple(_make(Definition, r) for r in rows["export/definitions"]),
        sources=sources,
    )


def _fits_everything(rule: LicenceRule) -> bool:
    """Whether a row is the one for the rest; it stays behind the rows that an overlay adds."""
    return "*" in rule.items and "*" in rule.destinations and rule.hq == rule.export_from == "any"


def _rows(raw: RawTable) -> list[dict[str, Any]]:
    columns = {column.name: parse_column(raw, column) for column in raw.table.columns}
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]


def _make(kind: type[T], row: dict[str, Any], **changed: object) -> T:
    values = row | changed
    return kind(**{f.name: values[f.name] for f in fields(kind)})  # type: ignore[arg-type]


def _countries(raw: RawTable, rows: list[dict[str, Any]]) -> dict[str, Country]:
    _check_members(raw, "groups", set(_GROUPS))
    if not rows:
        raise CatalogError(
            "no destination is listed; export rules cannot be judged", file="catalog/export/countries.csv"
        )
    return {r["iso2"]: _make(Country, r, groups=frozenset(r["groups"])) for r in rows}


def _dated_facts(raw: RawTable) -> list[tuple[tuple[date, str], ...]]:
    cells = raw.cells[raw.table.names.index("dated_facts")]
    found = []
    for (file, row), cell in zip(raw.places, cells, strict=True):
        facts = []
        for part in filter(None, cell.split("|")):
            day_text, _, words = part.partition(":")
            try:
                facts.append((date.fromisoformat(day_text.strip()), words.strip()))
            except ValueError:
                reason = "must read DATE: text"
                raise CatalogError(reason, file=file, row=row, field="dated_facts", value=part) from None
        found.append(tuple(facts))
    return found


def _check_members(raw: RawTable, column: str, known: set[str]) -> None:
    for (file, row), members in zip(raw.places, parse_column(raw, raw.table.column(column)), strict=True):
        assert isinstance(members, tuple)
        for member in members:
            if member not in known:
                raise CatalogError("not a known member", file=file, row=row, field=column, value=member)


def _check_sources(raw: RawTable, own: dict[str, Source], layers: Sequence[Layer]) -> None:
    """Each source must be listed here or elsewhere in the catalog; a user's own rows may cite `user`."""
    if "source" not in raw.table.names:
        return
    cells = raw.cells[raw.table.names.index("source")]
    for (file, row), cell in zip(raw.places, cells, strict=True):
        for source in filter(None, (part.strip() for part in cell.split(";"))):
            if source not in own and source != "user" and source not in read_sources(layers):
                raise CatalogError("is not in export/sources.csv", file=file, row=row, field="source", value=source)
