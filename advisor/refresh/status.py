"""How old each data set is, what of it is stale, and what a refresh would touch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import median_low
from typing import Any

from advisor.catalog import Catalog
from advisor.catalog.kinds import KINDS, newest
from advisor.engine.notes import STALE_DAYS
from advisor.refresh.overlay import ItemState, read_overlay
from advisor.refresh.sources import SOURCES
from advisor.refresh.write import CURRENT

PRICE_KINDS = ("rent", "history", "purchase")
EVIDENCE_KINDS = ("measurements", "vendor-ci", "mlperf", "published", "agentic")
TOUCHED = {
    "rent": ("skypilot", "gpuhunt", "azure", "vultr"), "history": ("skypilot", "gpuhunt", "azure", "vultr"),
    "measurements": ("inferencex",), "mlperf": ("mlperf",),
}  # fmt: skip
"""Sources whose refresh changes a kind of fact."""


@dataclass(frozen=True, slots=True)
class DataSetStatus:
    """Age of one kind of fact."""

    name: str
    rows: int
    newest: date | None
    age_days: int | None
    """Of the newest row."""
    median_age_days: int | None
    limit_days: int | None
    """Age beyond which a row is stale; None for facts that do not go stale by the day."""
    stale_rows: int
    sources: tuple[str, ...]
    """What a refresh would ask."""

    @property
    def stale(self) -> bool:
        """Whether even the newest row is older than the limit."""
        return self.limit_days is not None and self.age_days is not None and self.age_days > self.limit_days

    @property
    def line(self) -> str:
        """One line of text."""
        text = f"{self.name:<14}{self.rows:>6} rows  newest "
        if self.newest is None:
            return text + "undated"
        text += f"{self.newest.isoformat()}  {self.age_days:>5} days old"
        if self.stale:
            text += f"  STALE: the limit is {self.limit_days} days"
        elif self.stale_rows:
            text += f"  {self.stale_rows} rows older than {self.limit_days} days"
        return text + (f"  `advisor refresh` asks {', '.join(self.sources)}" if self.sources else "")


def data_sets(catalog: Catalog, as_of: date) -> Iterator[DataSetStatus]:
    """Every kind of fact with its age."""
    price_limit = round(catalog.decision_defaults["price_stale_days"].value)
    for kind in KINDS.values():
        rows = list(kind.rows(catalog))
        limit = price_limit if kind.name in PRICE_KINDS else STALE_DAYS if kind.name in EVIDENCE_KINDS else None
        ages = [(as_of - day).days for day in map(_day, rows) if day is not None]
        day = newest(rows)
        yield DataSetStatus(
            name=kind.name,
            rows=len(rows),
            newest=day,
            age_days=(as_of - day).days if day else None,
            median_age_days=median_low(ages) if ages else None,
            limit_days=limit,
            stale_rows=sum(age > limit for age in ages) if limit is not None else 0,
            sources=TOUCHED.get(kind.name, ()),
        )


def refresh_lines(cache: Path, as_of: date) -> Iterator[str]:
    """When each source was last asked, with what it gave."""
    items = read_overlay((cache / CURRENT).resolve()).items
    for source in SOURCES.values():
        states = [state for key, state in items.items() if key.startswith(f"{source.name}/")]
        if not states:
            yield f"source        {source.name:<12}{source.data:<10}never refreshed"
            continue
        last = max(map(_fetched, states))
        rows = sum(state.rows for state in states)
        days = (as_of - date.fromisoformat(last)).days if last else None
        ago = "day unknown" if days is None else "today" if days == 0 else f"{days} days ago"
        yield (
            f"source        {source.name:<12}{source.data:<10}refreshed {last} ({ago}),"
            f" {rows} rows from {len(states)} of {len(source.items)} files"
        )


def _fetched(state: ItemState) -> str:
    return state.fetched


def _day(row: Any) -> date | None:
    return newest([row])
