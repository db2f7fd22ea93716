"""Prices and cost parameters from their tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from advisor.catalog.read import Layer, read_table
from advisor.catalog.schema import Table
from advisor.catalog.tables import AVAILABILITY, PRICE_HISTORY, PURCHASE, RENT, TCO
from advisor.domain.errors import CatalogError
from advisor.domain.market import Availability, PricePoint, PurchasePrice, RentPrice, TcoParameter
from advisor.domain.provenance import Provenance

LEAST_RENT, LEAST_OF_COST = 0.001, 1e-6
"""A price per GPU-hour, or another cost parameter, below this and above nothing is a slip of the pen."""


def read_rent(layers: Sequence[Layer]) -> list[RentPrice]:
    """Observed rental prices."""
    return read_objects(RentPrice, RENT, layers, "as_of")


def read_price_history(layers: Sequence[Layer]) -> list[PricePoint]:
    """Dated price series."""
    return read_objects(PricePoint, PRICE_HISTORY, layers, "date")


def read_purchase(layers: Sequence[Layer]) -> list[PurchasePrice]:
    """Purchase prices."""
    return read_objects(PurchasePrice, PURCHASE, layers)


MARKET_UNITS = frozenset({
    "USD/GPU-h", "USD/GPU", "USD/GPU-yr", "USD/kW-month", "USD/kWh", "EUR/kWh", "USD/GB", "%/yr", "% off on-demand",
    "% of purchase",
})  # fmt: skip
"""Units of what a market moves. The other parameters are properties of hardware and buildings, which were so before
anybody wrote them down, and conventions of the model (staffing, lives), which no day made known."""


def read_tco(layers: Sequence[Layer], known_by: date | None = None) -> dict[tuple[str, str], TcoParameter]:
    """Cost parameters by (parameter, scope); prices, rates and discounts dated after `known_by` are left out."""
    rows: list[TcoParameter] = read_objects(TcoParameter, TCO, layers)
    for row in rows:
        least = LEAST_RENT if row.unit == "USD/GPU-h" else LEAST_OF_COST
        for field, value in (("low", row.low), ("typical", row.typical), ("high", row.high)):
            if value is not None and 0 < value < least:
                raise CatalogError(
                    f"lies between 0 and {least:g}, which no {row.unit} is", file=TCO.path, field=field,
                    value=f"{row.parameter}, {row.scope} = {value:g}",
                )  # fmt: skip
    return {(r.parameter, r.scope): r for r in rows if r.unit not in MARKET_UNITS or _was_known(r, known_by)}


def read_availability(layers: Sequence[Layer]) -> list[Availability]:
    """Sellers and lead times."""
    return read_objects(Availability, AVAILABILITY, layers)


def read_objects(kind: Any, table: Table, layers: Sequence[Layer], date_column: str = "as_of") -> list[Any]:
    """Rows of a table as objects whose fields are named like the columns.

    source, the date column, kind and confidence become the row's `provenance`; a date column that the type
    also has as a field is given to both.
    """
    columns: dict[str, Any] = read_table(table, layers)
    n = len(next(iter(columns.values())))
    blank = [""] * n
    provenances = map(
        Provenance, columns["source"], columns[date_column], columns["kind"], columns.get("confidence", blank)
    )
    fields = [name for name in kind.__dataclass_fields__ if name != "provenance"]
    wanted = [columns[name] for name in fields]
    return [
        kind(**dict(zip(fields, values, strict=True)), provenance=provenance)
        for values, provenance in zip(zip(*wanted, strict=True), provenances, strict=True)
    ]


def known_rows(rows: list[Any], day: date | None) -> list[Any]:
    """Those that were written by a day, or bear no date; all where no day is given."""
    return [r for r in rows if _was_known(r, day)]


def _was_known(row: Any, day: date | None) -> bool:
    return day is None or row.provenance.as_of is None or bool(row.provenance.as_of <= day)
