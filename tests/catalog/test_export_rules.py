"""The export tables: what they must hold, how they fail, overlays, and their refresh from a drop."""

from __future__ import annotations

import csv
import shutil
from datetime import date
from pathlib import Path

import pytest

from advisor.catalog import load_catalog
from advisor.catalog.resources import catalog_root
from advisor.catalog_build.drop import Drop, Output
from advisor.catalog_build.export import READS, run
from advisor.domain.errors import CatalogError

ROOT = catalog_root()


def copy_of(tmp_path: Path) -> Path:
    target = tmp_path / "catalog"
    shutil.copytree(ROOT / "export", target / "export")
    return target


def edit(root: Path, table: str, key: str, column: str, value: str) -> None:
    path = root / "export" / f"{table}.csv"
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    name = next(iter(rows[0]))
    next(row for row in rows if row[name] == key)[column] = value
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def test_counts_and_coverage() -> None:
    rules = load_catalog().export
    assert len(rules.countries) == 201
    assert len({c.iso3 for c in rules.countries.values()}) == 201
    cited = {part for rule in rules.matrix for part in rule.matrix_row.split(";")}
    assert {f"L{n}" for n in range(1, 14)} <= cited
    assert rules.event("E-2025-09") is not None
    assert all(rule.source and rule.as_of and rule.confidence for rule in rules.matrix)
    assert rules.matrix[-1].items == rules.matrix[-1].destinations == ("*",)


def test_a_drop_of_one_rule_follows_another_without_gap_or_overlap() -> None:
    rules = load_catalog().export
    by_id = {rule.id: rule for rule in rules.matrix}
    for base in ("L2", "L3"):
        first, second, third = by_id[f"{base}-2023"], by_id[f"{base}-pending"], by_id[base]
        assert first.superseded_date == second.effective_date == date(2025, 1, 13)
        assert second.superseded_date == third.effective_date == date(2025, 5, 13)
        assert third.superseded_date is None
    for base in ("L7", "L8"):
        assert by_id[f"{base}-2023"].superseded_date == by_id[base].effective_date == date(2026, 1, 15)
        assert by_id[base].superseded_date is None
    assert {*by_id["L7"].destinations, *by_id["L7-d5"].destinations} == set(by_id["L7-2023"].destinations)


@pytest.mark.parametrize(
    ("table", "key", "column", "value", "message"),
    [
        ("thresholds", "T-3A090.a.1", "tpp_min", "many", r"thresholds\.csv, row 3, column tpp_min: must be a number"),
        ("thresholds", "T-3A090.a.1", "effective_date", "2023", r"column effective_date: must be a date"),
        ("countries", "DE", "groups", "A:5;Z:9", r"column groups: not a known member \(value 'Z:9'\)"),
        ("countries", "DE", "destination_class", "FRIEND", r"column destination_class: not a known value"),
        ("licence_matrix", "L9", "destinations", "MARS", r"column destinations: not a known member"),
        ("licence_matrix", "L9", "requirement", "maybe", r"column requirement: not a known value"),
        ("licence_matrix", "L9", "source", "hearsay", r"column source: is not in export/sources\.csv"),
        ("licence_matrix", "L9", "dated_facts", "lately: it changed", r"column dated_facts: must read DATE: text"),
        ("policy_timeline", "E-MY", "countries", "XX", r"column countries: not a known member"),
    ],
)
def test_errors_name_file_row_and_field(
    table: str, key: str, column: str, value: str, message: str, tmp_path: Path
) -> None:
    root = copy_of(tmp_path)
    edit(root, table, key, column, value)
    with pytest.raises(CatalogError, match=message):
        _ = load_catalog([root]).export


def test_an_overlay_replaces_one_rule_and_leaves_the_order(tmp_path: Path) -> None:
    folder = tmp_path / "mine" / "export"
    folder.mkdir(parents=True)
    rows = list(csv.DictReader((ROOT / "export" / "thresholds.csv").read_text(encoding="utf-8").splitlines()))
    row = next(r for r in rows if r["threshold_id"] == "T-2026-case-by-case")
    row["superseded_date"] = "2026-12-01"
    with (folder / "thresholds.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(row), lineterminator="\n")
        writer.writeheader()
        writer.writerow(row)
    rules = load_catalog([tmp_path / "mine"]).export
    assert [t.id for t in rules.thresholds] == [r["threshold_id"] for r in rows]
    changed = next(t for t in rules.thresholds if t.id == "T-2026-case-by-case")
    assert changed.in_force(date(2026, 11, 30))
    assert not changed.in_force(date(2026, 12, 1))


def drop(tmp_path: Path) -> Drop:
    """A small drop: one country changes its groups, one threshold its limit, one fact is new."""
    folder = tmp_path / "drop" / "facts" / "export"
    folder.mkdir(parents=True)
    groups = ["A:1", "A:2", "A:3", "A:4", "A:5", "A:6", "B", "D:1", "D:2", "D:3", "D:4", "D:5", "E:1", "E:2"]
    flags = ",".join("1" if g in ("B", "D:4") else "0" for g in groups)
    (folder / "country_groups.csv").write_text(
        f"iso2,ear_name,{','.join(groups)},derived_class,notes,source_ref,as_of,confidence\n"
        f"DE,Germany,{flags},D1_D4,moved,15 CFR 740 via x/y@0123456:country-groups.json,2027-01-01,high\n"
    )
    (folder / "thresholds.csv").write_text(
        "threshold_id,instrument,eccn_or_provision,tpp_min_incl,tpp_max_excl,pd_min_incl,pd_max_excl,"
        "dram_bw_gbps_max_excl,other_condition,logic,effect,effective_date,superseded_date,citation,source_ref,confidence\n"
        "T-3A090.a.1,New rule,3A090.a.1,5000,,,,,,TPP,control,2023-11-17,2027-02-01,99 FR 1,"
        "https://example.org/rules/new-rule.html,high\n"
        'T-2026-tariff-band1,P,Annex band 1,14000,17500,,,,"memory bandwidth 4,500-5,000 GB/s (not verified)",AND,'
        "30% ad valorem on import,2026-01-15,,same,s-w-kelly/x@0123456:src/data/thresholdData.js,high\n"
        "T-9999,Unheard of,3A999,1,,,,,,TPP,control,2027-01-01,,none,https://example.org/unheard,low\n"
    )
    (folder / "license_matrix.csv").write_text(
        "row_id,citation,source_ref,as_of,confidence\nL9,999.1,https://example.org/l9 (quoted),2027-01-01,high\n"
        "L99,999.2,https://example.org/l99,2027-01-01,high\n"
    )
    (folder / "policy_timeline.csv").write_text(
        "id,date,effective_date,jurisdiction,status_as_of_2026_11_21,citation,source_ref,confidence\n"
        "E-MY,2025-07-14,2025-07-14 (see notes),Malaysia,in force,MITI,https://example.org/miti,high\n"
    )
    (folder / "definitions.csv").write_text(
        "term,definition_verbatim_or_close,machine_formula,citation,source_ref,as_of,confidence\n"
        "TPP,two times MacTOPS times bits,max,note 1,15 CFR via ccl.json,2027-01-01,high\n"
    )
    return Drop(tmp_path / "drop")


def test_refresh_takes_facts_from_the_drop_and_keeps_the_words(tmp_path: Path) -> None:
    out = Output()
    run(drop(tmp_path), out)
    (country,) = csv.DictReader(out.files["export/countries.csv"].splitlines())
    assert (country["groups"], country["destination_class"]) == ("B;D:4", "D1_D4")
    assert (country["iso3"], country["name"], country["blocs"]) == ("DEU", "Germany", "EU")
    thresholds = {r["threshold_id"]: r for r in csv.DictReader(out.files["export/thresholds.csv"].splitlines())}
    assert set(thresholds) == {"T-3A090.a.1", "T-2026-tariff-band1"}
    assert thresholds["T-3A090.a.1"]["tpp_min"] == "5000"
    assert thresholds["T-3A090.a.1"]["statement"] == "Total processing performance alone decides."
    band = thresholds["T-2026-tariff-band1"]
    assert (band["bandwidth_min_gbps"], band["bandwidth_max_gbps"], band["rate"]) == ("4500", "5000", "0.3")
    assert (band["bounds"], band["citation"]) == ("()", "99 FR 1")
    matrix = {r["rule_id"]: r for r in csv.DictReader(out.files["export/licence_matrix.csv"].splitlines())}
    assert matrix["L9"]["citation"] == "999.1"
    assert matrix["L9"]["statement"].startswith("A buyer whose headquarters")
    sources = {r["id"] for r in csv.DictReader(out.files["export/sources.csv"].splitlines())}
    for row in (*thresholds.values(), country, matrix["L9"]):
        assert {s.strip() for s in row["source"].split(";")} <= sources
    account = {line["read_from"]: line for line in out.account}
    assert account["facts/export/thresholds.csv"]["left_out"] == "1 without words of ours yet"
    assert account["facts/export/license_matrix.csv"]["left_out"] == "1 without words of ours yet"
    assert set(account) == set(READS)


def test_a_new_destination_needs_its_name_first(tmp_path: Path) -> None:
    made = drop(tmp_path)
    path = made.root / "facts" / "export" / "country_groups.csv"
    path.write_text(path.read_text().replace("DE,Germany", "QQ,Nowhere"))
    with pytest.raises(CatalogError, match="new destination"):
        run(made, Output())


def test_gate_facts_name_known_parts_providers_and_sources() -> None:
    catalog = load_catalog()
    facts = catalog.gate_facts
    parts = set(catalog.accelerators) | {"*"}
    for row in (*facts.floors, *facts.formats, *facts.lead_times):
        assert set(row.accelerators) <= parts
        assert row.provenance.source_id in catalog.sources
    engines = {r.engine for r in catalog.software} | {"*"}
    for floor in facts.floors:
        assert set(floor.engines) <= engines
        assert not floor.issue or floor.issue in {i.id for i in catalog.known_issues}
    providers = {r.provider for r in catalog.rent_prices}
    assert set(facts.sellers) <= providers
    for seller in facts.sellers.values():
        assert seller.headquarters == "EU" or seller.headquarters in catalog.export.countries
    for lead in facts.lead_times:
        assert lead.low_weeks <= lead.high_weeks
