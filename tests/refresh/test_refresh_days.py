"""Refreshes on different days: what an unchanged list says about today, which runs are known, what dates a file."""

from __future__ import annotations

import csv
import json
from datetime import date
from pathlib import Path

import pytest
from source_server import SourceServer, sample

from advisor.catalog import load_catalog
from advisor.cli.main import main
from advisor.refresh.fetch import Fetched, Fetcher, Known
from advisor.refresh.report import RefreshReport
from advisor.refresh.run import _commit_day, refresh
from advisor.refresh.settings import Network, read_settings
from advisor.refresh.sources import SOURCES, chosen_sources
from advisor.refresh.status import data_sets, refresh_lines

FIRST, SECOND = date(2026, 11, 20), date(2026, 11, 30)


def on(day: date, server: SourceServer, cache: Path, config: Path, *names: str) -> RefreshReport:
    settings = read_settings(server.config(config), config, tuple(SOURCES))
    with Fetcher(Network()) as fetcher:
        return refresh(
            chosen_sources("all", list(names)), settings, load_catalog(), fetcher, cache=cache, config=config, today=day
        )


def rows(cache: Path, name: str) -> list[dict[str, str]]:
    with (cache / "refreshed" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_seller_s_own_list_that_has_not_changed_holds_today(server: SourceServer, cache: Path, config: Path) -> None:
    on(FIRST, server, cache, config, "vultr")
    report = on(SECOND, server, cache, config, "vultr")
    assert [item.status for item in report.items] == ["unchanged", "unchanged"]
    assert {row["as_of"] for row in rows(cache, "prices/rent.csv")} == {SECOND.isoformat()}
    spot = [
        r
        for r in rows(cache, "prices/history.csv")
        if r["series"] == "vultr spot (vultr)" and r["accelerator"] == "mi300x"
    ]
    assert sorted((r["date"], r["usd_per_gpu_hour"]) for r in spot) == [
        (FIRST.isoformat(), "1.84"), (SECOND.isoformat(), "1.84"),
    ]  # fmt: skip
    catalog = load_catalog([(cache / "refreshed").resolve()])
    assert len(catalog.price_history) == len(load_catalog().price_history) + report.history_points * 2


def test_a_collected_list_that_has_not_changed_keeps_its_date(server: SourceServer, cache: Path, config: Path) -> None:
    on(FIRST, server, cache, config, "gpuhunt")
    on(SECOND, server, cache, config, "gpuhunt")
    assert {row["as_of"] for row in rows(cache, "prices/rent.csv")} == {"2026-11-18"}
    assert {row["date"] for row in rows(cache, "prices/history.csv")} == {"2026-11-18"}


def test_content_from_the_future_is_dated_today(server: SourceServer, cache: Path, config: Path) -> None:
    on(date(2026, 11, 1), server, cache, config, "gpuhunt")
    assert {row["as_of"] for row in rows(cache, "prices/rent.csv")} == {"2026-11-01"}


def test_a_run_that_the_catalog_holds_is_not_added_again(server: SourceServer, cache: Path, config: Path) -> None:
    held = next(
        m for m in load_catalog().measurements if m.family == "single_run" and not m.disagg and m.model == "dsr1"
    )
    row = json.loads(sample("inferencex/dsr1.json"))[0] | {
        "hardware": held.accelerator, "framework": held.engine, "model": held.model, "precision": held.precision,
        "spec_method": held.spec_method, "decode_tp": held.tp, "decode_ep": held.ep or None,
        "decode_dp_attention": held.dp_attention, "isl": held.isl, "osl": held.osl, "conc": held.concurrency,
        "date": str(held.date),
    }  # fmt: skip
    other = row | {"date": "2026-11-19"}
    server.files["/ix/benchmarks?model=DeepSeek-R1-0528"] = json.dumps([row, other]).encode()
    report = on(FIRST, server, cache, config, "inferencex")
    assert report.duplicates == 1
    assert [r["date"] for r in rows(cache, "evidence/serving.csv")] == ["2026-11-19"]


def test_a_source_that_changes_its_mind_replaces_its_rows_and_no_other_s(
    server: SourceServer, cache: Path, config: Path
) -> None:
    on(FIRST, server, cache, config, "skypilot", "vultr")
    before = {row["id"]: row for row in rows(cache, "prices/rent.csv")}
    server.files["/sky/catalogs/v8/lambda/vms.csv"] = sample("skypilot/lambda.csv").replace(b",6.99,us-", b",6.49,us-")
    report = on(SECOND, server, cache, config, "skypilot")
    after = {row["id"]: row for row in rows(cache, "prices/rent.csv")}
    gone = [before[key] for key in before.keys() - after.keys()]
    new = [after[key] for key in after.keys() - before.keys()]
    assert [(r["source"], r["usd_per_gpu_hour"]) for r in gone] == [("refresh-skypilot-lambda", "6.99")]
    assert [(r["source"], r["usd_per_gpu_hour"]) for r in new] == [("refresh-skypilot-lambda", "6.49")]
    assert [(c.before_usd, c.after_usd) for c in report.changes] == [(6.99, 6.49)]
    assert {r["provider"] for r in after.values()} == {"lambda", "verda", "vultr"}


def test_the_last_change_of_a_file_in_a_repository_dates_it() -> None:
    source = SOURCES["skypilot"]
    asked: list[str] = []

    def get(address: str) -> Fetched:
        asked.append(address)
        body = json.dumps([{"commit": {"committer": {"date": "2025-10-03T04:05:06Z"}}}]).encode()
        return Fetched(address, body, Known(), None)

    assert _commit_day(f"{source.base}/{source.items[0].path}", get) == date(2025, 10, 3)
    assert asked == [
        "https://api.github.com/repos/skypilot-org/skypilot-catalog/commits?path=catalogs/v8/aws/vms.csv&per_page=1"
    ]
    assert _commit_day("https://mirror.example/sky/vms.csv", get) is None
    assert _commit_day(f"{source.base}/x.csv", lambda a: Fetched(a, b"{}", Known(), None)) is None


def test_status_says_what_is_stale_and_what_a_refresh_asks(
    server: SourceServer, cache: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    on(FIRST, server, cache, config, "vultr")
    lines = {line.split()[1]: line for line in refresh_lines(cache, SECOND)}
    assert "refreshed 2026-11-20 (10 days ago), 5 rows from 2 of 2 files" in lines["vultr"]
    assert lines["azure"].endswith("never refreshed")
    sets = {s.name: s for s in data_sets(load_catalog(), date(2027, 6, 1))}
    assert sets["rent"].stale
    assert sets["rent"].sources == ("skypilot", "gpuhunt", "azure", "vultr")
    assert sets["rent"].stale_rows == sets["rent"].rows
    assert not sets["accelerators"].stale
    assert main(["catalog", "status", "--as-of", "2027-06-01"]) == 0
    said = capsys.readouterr().out
    assert "STALE: the limit is 60 days  `advisor refresh` asks skypilot" in said
    assert "stale         " in said


def test_rows_older_than_the_limit_are_counted_where_the_newest_is_fresh() -> None:
    sets = {s.name: s for s in data_sets(load_catalog(), date(2026, 11, 21))}
    rent = sets["rent"]
    assert not rent.stale
    days = [(date(2026, 11, 21) - p.as_of).days for p in load_catalog().rent_prices]
    assert rent.stale_rows == sum(d > 60 for d in days)
    assert rent.age_days == min(days)
