"""Parameters of sizing: how much memory an engine takes, how often hardware fails, what stands in for silence."""

from __future__ import annotations

from typing import Any

from advisor.catalog.read import read_table
from advisor.catalog.schema import Table, number, provenance_columns, text
from advisor.catalog.store import Catalog
from advisor.domain.errors import CatalogError
from advisor.domain.provenance import Quantity

PARAMETERS = Table(
    "sizing",
    "sizing/parameters.csv",
    ("name",),
    (
        text("name", required=True),
        number("value", required=True),
        number("low"),
        number("high"),
        text("unit", required=True),
        *(c for c in provenance_columns() if c.name != "confidence"),
        text("note"),
    ),
    "memory, failures, growth, default service level",
)
REQUIRED = frozenset(
    {"gpu_memory_utilisation", "runtime_reserve_gb", "interruptions_per_gpu_hour", "repair_hours",
     "growth_lookahead_months", "default_ttft_ms", "default_tpot_ms"}
)  # fmt: skip


def read_sizing(catalog: Catalog) -> dict[str, Quantity]:
    """Sizing parameters by name, overlays included.

    Raises
    ------
    CatalogError
        When a parameter that sizing needs is missing, or the engine's share of memory is no share.
    """
    columns: dict[str, Any] = read_table(PARAMETERS, catalog.layers)
    out = {}
    for row in zip(*(columns[name] for name in PARAMETERS.names), strict=True):
        cell = dict(zip(PARAMETERS.names, row, strict=True))
        out[cell["name"]] = Quantity(
            name=cell["name"], value=cell["value"], unit=cell["unit"], low=cell["low"], high=cell["high"],
            source_id=cell["source"], as_of=cell["as_of"], kind=cell["kind"], note=cell["note"],
        )  # fmt: skip
    missing = sorted(REQUIRED - out.keys())
    if missing:
        raise CatalogError(f"lacks {', '.join(missing)}", file=PARAMETERS.path, field="name")
    share = out["gpu_memory_utilisation"].value
    if not 0 < share <= 1:
        raise CatalogError(
            "must lie between 0 and 1", file=PARAMETERS.path, field="value", value=f"gpu_memory_utilisation = {share}"
        )
    return out
