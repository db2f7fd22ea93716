"""What a refresh did, source by source: what changed, what was refused, what stays as it was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from typing import Literal

from advisor.domain.text import percent, plain
from advisor.refresh.judge import Judged

Status = Literal["updated", "unchanged", "nothing", "failed"]
SHOWN_CHANGES = 8
SHOWN_OUTLIERS = 12


@dataclass(frozen=True, slots=True)
class PriceChange:
    """One listed price before and after."""

    text: str
    before_usd: float
    after_usd: float

    @property
    def ratio(self) -> float:
        """After over before."""
        return self.after_usd / self.before_usd


@dataclass(slots=True)
class ItemReport:
    """One file of a source."""

    source: str
    item: str
    data: str
    status: Status
    reason: str = ""
    content_date: date | None = None
    rows_before: int = 0
    rows_after: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    ignored: int = 0

    @property
    def name(self) -> str:
        """source/item."""
        return f"{self.source}/{self.item}"


@dataclass(slots=True)
class RefreshReport:
    """A whole refresh."""

    items: list[ItemReport] = field(default_factory=list)
    changes: list[PriceChange] = field(default_factory=list)
    added: int = 0
    gone: int = 0
    outliers: list[Judged] = field(default_factory=list)
    history_points: int = 0
    duplicates: int = 0
    """Measurements that the catalog already holds."""
    written_to: str = ""
    dry_run: bool = False

    @property
    def failed(self) -> list[ItemReport]:
        """Items whose old data stay because the new could not be had."""
        return [i for i in self.items if i.status == "failed"]

    @property
    def evidence_changed(self) -> bool:
        """Whether the measurements that the fit rests on are others now."""
        return any(i.status == "updated" and i.data == "evidence" and i.source == "inferencex" for i in self.items)

    def lines(self) -> Iterator[str]:
        """The report as lines of text."""
        for items in _alike(self.items):
            item = items[0]
            yield plain(_item_line(item) if len(items) == 1 else _failures_line(items))
            for reason, n in item.refused.most_common(5):
                yield plain(f"    refused {n} row{'' if n == 1 else 's'}: {reason}")
        yield from self._price_lines()
        if self.duplicates:
            yield f"{self.duplicates} measurements are in the catalog already and were not added again"
        done = Counter(i.status for i in self.items)
        summary = ", ".join(f"{done[s]} {s}" for s in ("updated", "unchanged", "nothing", "failed") if done[s])
        yield f"{summary or 'no source asked'}" + (
            "; nothing was written (dry run)" if self.dry_run else f"; written to {plain(self.written_to)}"
            if self.written_to else "; nothing was written"
        )  # fmt: skip

    def _price_lines(self) -> Iterator[str]:
        if self.added or self.gone or self.changes:
            up = sum(1 for c in self.changes if c.ratio > 1)
            yield (
                f"prices: {self.added} new, {self.gone} gone, {up} up, {len(self.changes) - up} down;"
                f" {self.history_points} points added to the price history"
            )
        largest = sorted(self.changes, key=lambda c: abs(c.ratio - 1), reverse=True)
        for change in largest[:SHOWN_CHANGES]:
            yield plain(
                f"    {change.text}: USD {change.before_usd:.2f} -> {change.after_usd:.2f}"
                f" ({percent(change.ratio - 1, sign=True)})"
            )
        if self.outliers:
            n = len(self.outliers)
            yield (
                f"{n} price{'' if n == 1 else 's'} kept but not used: under half or over double the median of"
                f" {'its' if n == 1 else 'their'} class; `advisor refresh --confirm ID` takes one in"
            )
        for judged in self.outliers[:SHOWN_OUTLIERS]:
            p = judged.price
            yield plain(
                f"    {p.id}  {p.provider} {p.accelerator} {p.commitment}: USD {p.usd_per_gpu_hour:.2f},"
                f" {judged.factor or 0:.2f} times the median of {judged.reference_usd or 0:.2f}"
            )
        if len(self.outliers) > SHOWN_OUTLIERS:
            yield f"    and {len(self.outliers) - SHOWN_OUTLIERS} more: `advisor catalog list rent --match outlier`"


def _alike(items: list[ItemReport]) -> Iterator[list[ItemReport]]:
    """Failures of one source for one reason together, everything else by itself."""
    for key, group in groupby(items, key=lambda i: (i.source, i.status == "failed", i.reason)):
        members = list(group)
        if key[1] and len(members) > 1 and not any(i.refused for i in members):
            yield members
        else:
            yield from ([i] for i in members)


def _failures_line(items: list[ItemReport]) -> str:
    kept = sum(i.rows_before for i in items)
    stay = f"their {_rows(kept)} stay" if kept else "nothing was there before"
    return f"{items[0].source:<24} FAILED: {items[0].reason}; {len(items)} files, {stay}"


def _item_line(item: ItemReport) -> str:
    dated = f" of {item.content_date.isoformat()}" if item.content_date else ""
    match item.status:
        case "updated":
            return f"{item.name:<24} updated: {item.rows_before} -> {_rows(item.rows_after)}{dated}"
        case "unchanged":
            return f"{item.name:<24} unchanged: {_rows(item.rows_before)}{dated}"
        case "nothing":
            return f"{item.name:<24} lists none of the catalog's accelerators"
        case "failed":
            kept = f"; its {_rows(item.rows_before)}{dated} stay" if item.rows_before else "; nothing was there before"
            return f"{item.name:<24} FAILED: {item.reason}{kept}"


def _rows(n: int) -> str:
    return f"{n} row" if n == 1 else f"{n} rows"
