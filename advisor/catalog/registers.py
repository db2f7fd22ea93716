"""Decision defaults, the risk register and the roadmap read as options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from advisor.catalog.market import read_objects
from advisor.catalog.read import Layer, read_table
from advisor.catalog.schema import Table, number, provenance_columns, text
from advisor.domain.errors import CatalogError
from advisor.domain.provenance import Quantity
from advisor.domain.register import RiskTemplate, RoadmapOption

RISK_CATEGORIES = (
    "software", "evidence", "supply", "export", "price", "roadmap", "power", "concentration", "team", "lock-in",
    "accuracy",
)  # fmt: skip

EFFECT_BASES = (
    "share of monthly cost per week", "share of yearly cost", "engineer-weeks", "shortfall of throughput per week",
    "share of hardware value", "share of yearly space cost", "usd",
)  # fmt: skip

DEFAULTS = Table(
    "decision_defaults",
    "decision/defaults.csv",
    ("name",),
    (
        text("name", required=True),
        number("value", low=None, required=True),
        number("low", low=None),
        number("high", low=None),
        text("unit", required=True),
        *provenance_columns(),
        text("note", required=True, doc="what it means and why this value"),
    ),
    "defaults of cost, risk and decision; kind `assumption` where no source exists",
)

LIMITS: dict[str, tuple[float, float]] = {
    "share": (0.0, 1.0), "correlation": (0.0, 1.0), "log": (0.0, 5.0), "exponent": (0.0, 2.0), "ratio": (0.001, 1e3),
}  # fmt: skip
"""What a default may be, by its unit; any other number lies between 0 and MOST."""
OWN_LIMITS = {
    "demand_factor": (0.001, 1e3),
    "roadmap_price_factor": (0.001, 1e3),
    "probe_hours_short": (0.1, 1e4),
    "probe_hours_day": (0.1, 1e4),
    "probe_hours_long": (0.1, 1e4),
    "tail_weight_averse": (-1.0, 1.0),
    "tail_weight_neutral": (-1.0, 1.0),
    "tail_weight_seeking": (-1.0, 1.0),
}
MOST = 1e6
MOST_EFFECT = 1e9
"""Of one occurrence, in whatever its basis is: a billion dollars, or as many weeks of engineers."""

RISKS = Table(
    "risk_register",
    "risks/register.csv",
    ("id",),
    (
        text("id", required=True),
        text("name", required=True),
        text("category", required=True, choices=RISK_CATEGORIES),
        text("exposure", required=True, doc="what is counted"),
        number("likelihood_low", high=1.0, required=True, unit="1/year"),
        number("likelihood", high=1.0, required=True, unit="1/year", doc="of one unit of exposure"),
        number("likelihood_high", high=1.0, required=True, unit="1/year"),
        text("effect_basis", required=True, choices=EFFECT_BASES),
        number("effect_low", high=MOST_EFFECT, required=True),
        number("effect", high=MOST_EFFECT, required=True),
        number("effect_high", high=MOST_EFFECT, required=True),
        number("weeks", high=520, required=True, unit="weeks", doc="length of one occurrence"),
        text("cause", required=True),
        text("mitigation", required=True),
        text("owner", required=True),
        *provenance_columns(),
    ),
    "templates of the risk register",
    bands=(("likelihood_low", "likelihood", "likelihood_high"), ("effect_low", "effect", "effect_high")),
)

ROADMAP_OPTIONS = Table(
    "roadmap_options",
    "decision/roadmap_options.csv",
    ("roadmap_id",),
    (
        text("roadmap_id", required=True),
        text("tco_scope", doc="scope of a published operator cost"),
        *provenance_columns(),
    ),
    "parts on the roadmap, as options",
)


def read_defaults(layers: Sequence[Layer]) -> dict[str, Quantity]:
    """Defaults of cost, risk and decision by name.

    Raises
    ------
    CatalogError
        When a value or an end of its range cannot be what its unit says.
    """
    columns: dict[str, Any] = read_table(DEFAULTS, layers)
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    for row in rows:
        low, high = OWN_LIMITS.get(row["name"]) or LIMITS.get(row["unit"], (0.0, MOST))
        for end in ("value", "low", "high"):
            if row[end] is not None and not low <= row[end] <= high:
                raise CatalogError(
                    f"must lie between {low:g} and {high:,.0f}", file=DEFAULTS.path, field=end,
                    value=f"{row['name']} = {row[end]:g} {row['unit']}",
                )  # fmt: skip
    return {
        row["name"]: Quantity.model_construct(
            name=row["name"], value=row["value"], unit=row["unit"], low=row["low"], high=row["high"],
            source_id=row["source"], as_of=row["as_of"], kind=row["kind"], note=row["note"],
        )
        for row in rows
    }  # fmt: skip


def read_risks(layers: Sequence[Layer]) -> tuple[RiskTemplate, ...]:
    """Templates of the risk register, in file order."""
    return tuple(read_objects(RiskTemplate, RISKS, layers))


def read_roadmap_options(layers: Sequence[Layer]) -> tuple[RoadmapOption, ...]:
    """Roadmap options, in file order."""
    return tuple(read_objects(RoadmapOption, ROADMAP_OPTIONS, layers))
