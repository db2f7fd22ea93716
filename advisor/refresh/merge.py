"""Lays what was read over what was kept: rows of a file replace its old rows, prices are judged, history grows."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import median

from advisor.catalog import Catalog
from advisor.catalog.context_tables import MLPERF
from advisor.catalog.tables import PRICE_HISTORY, RENT, SERVING, SOURCES
from advisor.catalog_build.drop import cell, digest
from advisor.domain.market import RentPrice
from advisor.refresh.judge import Judged, judge_prices
from advisor.refresh.offers import Facts, Parsed, grouped
from advisor.refresh.overlay import ItemState, Overlay, Row, prices_of, usable_rows
from advisor.refresh.report import ItemReport, PriceChange, RefreshReport
from advisor.refresh.sources import SOURCES as ADAPTERS
from advisor.refresh.sources import Source

_SAME_RUN = (
    "accelerator", "model", "precision", "engine", "spec_method", "disagg", "tp", "ep", "dp_attention", "isl", "osl",
    "concurrency", "date",
)  # fmt: skip
"""What two records of one run agree in, whatever place they were read from."""
_RENT_IDENTITY = (
    "provider", "channel", "accelerator", "variant", "commitment", "gpus_per_instance", "instance_type", "region",
    "countries", "usd_per_gpu_hour",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Read:
    """One file that was asked for: its rows, or word that it has not changed, or why it could not be had."""

    source: Source
    item: str
    state: ItemState
    parsed: Parsed | None = None
    """None where the file has not changed, or failed."""
    error: str = ""

    @property
    def key(self) -> str:
        """source/item."""
        return f"{self.source.name}/{self.item}"

    @property
    def source_id(self) -> str:
        """Id under which its rows cite it."""
        return f"refresh-{self.source.name}-{self.item}"


def merge(
    overlay: Overlay, reads: Sequence[Read], catalog: Catalog, facts: Facts, confirmed: Collection[str]
) -> RefreshReport:
    """Change the overlay by what was read; the report says how.

    Parameters
    ----------
    catalog
        Without the refreshed data: what prices are held against and which runs are known.
    """
    report = RefreshReport()
    before = _listed(overlay.rows(RENT))
    runs: set[tuple[str, ...]] | None = None
    for read in reads:
        item = ItemReport(read.source.name, read.item, read.source.data, "failed", read.error)
        report.items.append(item)
        old = overlay.items.get(read.key, ItemState())
        item.rows_before = item.rows_after = old.rows
        item.content_date = _day(old.content_date)
        if read.error:
            continue
        if read.parsed is None:
            item.status = "unchanged"
            overlay.items[read.key] = read.state
            if read.source.live:
                _seen_again(overlay, read.source_id, facts.today)
                item.content_date = facts.today
                read.state.content_date = facts.today.isoformat()
            continue
        parsed = read.parsed
        day = min(parsed.content_date or facts.today, facts.today)
        item.refused, item.ignored = parsed.refused, parsed.ignored
        tables = {
            table: usable_rows(table, rows, parsed.refused)
            for table, rows in (
                (RENT, _rent_rows(read, parsed, facts, day)),
                (SERVING, ({**row, "source_id": read.source_id} for row in parsed.measurements)),
                (MLPERF, ({**row, "source": read.source_id, "as_of": parsed.content_date} for row in parsed.mlperf)),
            )
        }
        refused, usable = sum(parsed.refused.values()), sum(map(len, tables.values()))
        if refused > usable:
            item.reason = f"{refused} of {refused + usable} rows cannot be used; its layout may have changed"
            continue
        if not usable:
            if old.rows:
                item.reason = "it lists none of the catalog's accelerators any more"
            else:
                item.status = "nothing"
                overlay.items[read.key] = read.state
            continue
        item.status, item.content_date = "updated", day
        if tables[SERVING] and runs is None:
            runs = {_run(row) for row in _known_runs(catalog)}
        fresh = [row for row in tables[SERVING] if _run(row) not in (runs or ())]
        report.duplicates += len(tables[SERVING]) - len(fresh)
        tables[SERVING] = fresh
        for table, rows in tables.items():
            overlay.put(table, rows, "source_id" if table is SERVING else "source", read.source_id)
        item.rows_after = sum(map(len, tables.values()))
        cited = [_source_row(read, day, facts.today)] if item.rows_after else []
        overlay.put(SOURCES, usable_rows(SOURCES, cited, Counter()), "id", read.source_id)
        read.state.rows, read.state.content_date = item.rows_after, day.isoformat()
        overlay.items[read.key] = read.state
    _judge(overlay, catalog, facts, confirmed, report)
    _changes(before, _listed(overlay.rows(RENT)), report)
    return report


def rejudge(overlay: Overlay, catalog: Catalog, facts: Facts, confirmed: Collection[str]) -> RefreshReport:
    """Judge the prices at hand again, after one was confirmed."""
    report = RefreshReport()
    _judge(overlay, catalog, facts, confirmed, report)
    return report


def _rent_rows(read: Read, parsed: Parsed, facts: Facts, day: date) -> list[dict[str, object]]:
    rows: dict[str, dict[str, object]] = {}
    for offer, countries, regions in grouped(parsed.offers):
        flags = {*offer.flags, "refreshed"}
        flags -= {"date_inferred"} if parsed.content_date else set()
        row: dict[str, object] = {
            "provider": offer.provider, "channel": offer.channel, "seller_class": facts.seller_class(offer.provider),
            "accelerator": offer.accelerator, "variant": offer.variant, "commitment": offer.commitment,
            "usd_per_gpu_hour": offer.usd_per_gpu_hour, "gpus_per_instance": offer.gpus,
            "instance_type": offer.instance_type, "region": offer.region if regions == 1 else "",
            "countries": countries, "as_of": day, "flags": sorted(flags), "source": read.source_id,
            "kind": "list price", "confidence": "medium", "note": f"{regions} regions" if regions > 1 else "",
        }  # fmt: skip
        identity = "|".join([read.source_id, *(cell(row[n]) for n in _RENT_IDENTITY), cell(row["flags"])])
        row["id"] = f"rf-{digest(identity, 10)}"
        rows[str(row["id"])] = row
    return list(rows.values())


def _source_row(read: Read, day: date, today: date) -> dict[str, object]:
    address = read.state.url or "a file given by hand"
    return {
        "id": read.source_id, "reference": f"{read.source.title}: {address}, retrieved {today.isoformat()}",
        "as_of": day, "kind": read.source.kind, "attribution": read.source.attribution,
    }  # fmt: skip


def _seen_again(overlay: Overlay, source_id: str, today: date) -> None:
    """A list that is in force today has today's prices, changed or not."""
    for row in overlay.rows(RENT):
        if row["source"] == source_id:
            row["as_of"] = today.isoformat()


def _judge(overlay: Overlay, catalog: Catalog, facts: Facts, confirmed: Collection[str], report: RefreshReport) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        refreshed = prices_of(overlay.rows(RENT), Path(scratch))
    judged = judge_prices(refreshed, catalog.rent_prices, confirmed, facts.today)
    flags = {j.price.id: ";".join(j.price.flags) for j in judged}
    for row in overlay.rows(RENT):
        row["flags"] = flags[row["id"]]
    report.outliers = sorted((j for j in judged if j.out), key=lambda j: j.price.id)
    report.history_points = _grow_history(overlay, judged)


def _grow_history(overlay: Overlay, judged: Sequence[Judged]) -> int:
    """Add one point per seller, part, kind of price, source and day; the number that was not there before."""
    groups: dict[tuple[str, ...], list[RentPrice]] = {}
    for j in judged:
        p = j.price
        if j.out or p.commitment not in ("on_demand", "spot") or "not_orderable" in p.flags:
            continue
        broker = f" via {p.channel}" if p.channel else ""
        names = {f"refresh-{source.name}-": source.name for source in ADAPTERS.values()}
        source = next((n for start, n in names.items() if p.provenance.source_id.startswith(start)), "refresh")
        series = f"{p.provider}{broker} {p.commitment.replace('_', '-')} ({source})"
        key: tuple[str, ...] = (
            p.as_of.isoformat(),
            p.accelerator,
            p.variant,
            series,
            p.commitment,
            p.provenance.source_id,
        )
        groups.setdefault(key, []).append(p)
    index = {row["id"]: row for row in overlay.rows(PRICE_HISTORY)}
    added = 0
    for (day, accelerator, variant, series, quote, source_id), prices in groups.items():
        row_id = f"rh-{digest('|'.join((day, accelerator, variant, series, quote, source_id)), 10)}"
        point: Row = {
            "id": row_id, "date": day, "accelerator": accelerator, "variant": variant, "series": series,
            "usd_per_gpu_hour": cell(round(median(p.usd_per_gpu_hour for p in prices), 6)), "quote": quote,
            "source": source_id, "kind": "list price", "confidence": "medium",
            "note": f"median of {len(prices)}" if len(prices) > 1 else "",
        }  # fmt: skip
        if row_id in index:
            index[row_id].update(point)
        else:
            overlay.rows(PRICE_HISTORY).append(point)
            added += 1
    return added


def _listed(rows: Sequence[Row]) -> dict[tuple[str, ...], float]:
    """Median price of everything that a seller lists under one name."""
    found: dict[tuple[str, ...], list[float]] = {}
    for row in rows:
        key = tuple(row[n] for n in ("source", "provider", "accelerator", "variant", "commitment", "instance_type"))
        found.setdefault(key, []).append(float(row["usd_per_gpu_hour"]))
    return {key: median(values) for key, values in found.items()}


def _changes(
    before: Mapping[tuple[str, ...], float], after: Mapping[tuple[str, ...], float], report: RefreshReport
) -> None:
    report.added = len(after.keys() - before.keys())
    report.gone = len(before.keys() - after.keys())
    for key in sorted(before.keys() & after.keys()):
        if abs(after[key] / before[key] - 1) > 1e-6:
            report.changes.append(PriceChange(" ".join(part for part in key[1:] if part), before[key], after[key]))


def _known_runs(catalog: Catalog) -> list[dict[str, object]]:
    return [{name: getattr(m, name) for name in _SAME_RUN} for m in catalog.measurements if m.family != "median"]


def _run(row: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(cell(row.get(name)) for name in _SAME_RUN)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
