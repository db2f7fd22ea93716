"""Loads the facts that only gates use: version floors, format traps, cooling, lead times, sellers' homes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Literal

from advisor.catalog.market import known_rows, read_objects
from advisor.catalog.read import Layer
from advisor.catalog.schema import Column, Table, listing, number, provenance_columns, text
from advisor.domain.provenance import Provenance
from advisor.domain.record import record


@record
class FloorRow:
    """A minimum version for some parts, engines and precisions; `*` is any."""

    id: str
    accelerators: tuple[str, ...]
    engines: tuple[str, ...]
    precisions: tuple[str, ...]
    needs: str
    """Feature that must be in use, e.g. mla; empty for always."""
    component: str
    minimum: str
    reason: str
    issue: str
    provenance: Provenance


@record
class FormatRule:
    """What some parts do with a precision and a checkpoint's format (mxfp4, nvfp4, other; empty is any)."""

    id: str
    accelerators: tuple[str, ...]
    precision: str
    checkpoint: str
    status: Literal["full", "partial", "experimental", "note"]
    title: str
    statement: str
    remedy: str
    provenance: Provenance


@record
class Cooling:
    """Whether a part needs liquid cooling."""

    accelerator: str
    liquid: Literal["no", "optional", "usual", "required"]
    statement: str
    provenance: Provenance


@record
class LeadTime:
    """Weeks from order to use along one route; `*` is any part without a row of its own."""

    id: str
    accelerators: tuple[str, ...]
    route: Literal["buy", "colocation", "own_site"]
    low_weeks: float
    high_weeks: float
    statement: str
    provenance: Provenance


@record
class Seller:
    """Where a provider has its headquarters: ISO code, or EU where only that is known."""

    provider: str
    headquarters: str
    provenance: Provenance


@record
class FeatureRule:
    """What a vendor's stack does with a need that no engine's table names."""

    vendor: str
    feature: str
    status: Literal["full", "partial", "experimental", "none"]
    detail: str
    provenance: Provenance


@record
class GateFacts:
    """All of them."""

    floors: tuple[FloorRow, ...]
    formats: tuple[FormatRule, ...]
    cooling: dict[str, Cooling]
    lead_times: tuple[LeadTime, ...]
    sellers: dict[str, Seller]
    features: dict[tuple[str, str], FeatureRule]
    """By vendor and feature."""


def _table(name: str, key: str, *columns: Column, doc: str) -> Table:
    return Table(f"gates/{name}", f"gates/{name}.csv", (key,), (*columns, *provenance_columns()), doc)


FLOORS = _table(
    "floors", "id",
    text("id", required=True), listing("accelerators", doc="* for any"), listing("engines", doc="* for any"),
    listing("precisions", doc="* for any"), text("needs"), text("component", required=True),
    text("minimum", required=True), text("reason", required=True), text("issue"),
    doc="Minimum versions for a contract",
)  # fmt: skip
FORMATS = _table(
    "format_rules", "id",
    text("id", required=True), listing("accelerators"), text("precision", required=True, doc="* for any"),
    text("checkpoint", choices=("mxfp4", "nvfp4", "other")),
    text("status", required=True, choices=("full", "partial", "experimental", "note")),
    text("title", required=True), text("statement", required=True), text("remedy"),
    doc="Number formats that a part runs natively, emulates or converts",
)  # fmt: skip
COOLING = _table(
    "cooling", "accelerator",
    text("accelerator", required=True), text("liquid", required=True, choices=("no", "optional", "usual", "required")),
    text("statement", required=True),
    doc="Liquid cooling by part",
)  # fmt: skip
LEAD_TIMES = _table(
    "lead_times", "id",
    text("id", required=True), listing("accelerators", doc="* for any without a row of its own"),
    text("route", required=True, choices=("buy", "colocation", "own_site")),
    number("low_weeks", required=True), number("high_weeks", required=True), text("statement", required=True),
    doc="Weeks from order to use",
)  # fmt: skip
SELLERS = _table(
    "sellers", "provider",
    text("provider", required=True), text("headquarters", required=True, doc="ISO code, or EU"),
    doc="Headquarters of providers",
)  # fmt: skip
FEATURES = Table(
    "gates/feature_rules",
    "gates/feature_rules.csv",
    ("vendor", "feature"),
    (
        text("vendor", required=True, choices=("AMD", "NVIDIA")),
        text("feature", required=True),
        text("status", required=True, choices=("full", "partial", "experimental", "none")),
        text("detail", required=True),
        *provenance_columns(),
    ),
    "Needs that no engine's table names",
)
TABLES = (FLOORS, FORMATS, COOLING, LEAD_TIMES, SELLERS, FEATURES)


def read_gate_facts(layers: Sequence[Layer], known_by: date | None = None) -> GateFacts:
    """The gates' own facts of the layers of a catalog, checked.

    Rules of software that are dated after `known_by` are left out. Cooling is a property of the part and a lead time
    says itself of when it is: they stay.
    """
    cooling = read_objects(Cooling, COOLING, layers)
    sellers = read_objects(Seller, SELLERS, layers)
    return GateFacts(
        floors=tuple(known_rows(read_objects(FloorRow, FLOORS, layers), known_by)),
        formats=tuple(known_rows(read_objects(FormatRule, FORMATS, layers), known_by)),
        cooling={row.accelerator: row for row in cooling},
        lead_times=tuple(read_objects(LeadTime, LEAD_TIMES, layers)),
        sellers={row.provider: row for row in sellers},
        features={
            (row.vendor, row.feature): row
            for row in known_rows(read_objects(FeatureRule, FEATURES, layers), known_by)
        },
    )
