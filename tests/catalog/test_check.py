"""`check_catalog`: the bundled catalog is clean, and each planted fault is found and named."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from advisor.catalog import Catalog, load_catalog
from advisor.catalog.check import check_catalog
from advisor.catalog.context_tables import ALL_TABLES
from advisor.catalog.resources import catalog_root
from advisor.catalog_build.build import parameter_dictionary


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled catalog with its evidence cut to a few hundred rows, so that a check takes a moment."""
    folder = tmp_path_factory.mktemp("catalog")
    shutil.copytree(catalog_root(), folder, dirs_exist_ok=True)
    for file in (folder / "evidence").glob("*.csv"):
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        file.write_text("".join([lines[0], *lines[1::40]]), encoding="utf-8")
    return folder


def test_the_bundled_catalog_has_no_fault(catalog: Catalog) -> None:
    report = check_catalog(catalog)
    assert report.faults == ()
    assert report.rows > 14_000
    assert report.files > 30


def test_the_dictionary_describes_the_tables_as_they_are() -> None:
    assert (catalog_root() / "parameters.csv").read_text(encoding="utf-8") == parameter_dictionary()


def test_every_table_is_bundled_and_keyed() -> None:
    assert len({t.name for t in ALL_TABLES}) == len({t.path for t in ALL_TABLES}) == len(ALL_TABLES)
    for table in ALL_TABLES:
        assert (catalog_root() / table.path).is_file(), table.path
        assert set(table.key) <= set(table.names)


def swap(column: str, value: str, row: int = 2) -> Callable[[str], str]:
    """Replace one cell; only for files without quoted commas before the column."""

    def change(text: str) -> str:
        lines = text.splitlines()
        cells = lines[row - 1].split(",")
        cells[lines[0].split(",").index(column)] = value
        lines[row - 1] = ",".join(cells)
        return "\n".join(lines) + "\n"

    return change


def repeat_first_row(text: str) -> str:
    return text + text.splitlines()[1] + "\n"


@pytest.mark.parametrize(
    ("file", "change", "said"),
    [
        ("evidence/serving.csv", repeat_first_row, "same key as row 2"),
        ("evidence/serving.csv", swap("total_tps_per_gpu", "0"), "column total_tps_per_gpu: must be positive"),
        ("evidence/serving.csv", swap("total_tps_per_gpu", "-3"), "column total_tps_per_gpu: must be at least 0"),
        ("evidence/serving.csv", swap("accelerator", "b20"), 'names no known accelerator; did you mean "b200"'),
        ("evidence/serving.csv", swap("source_id", "nowhere"), "column source_id: names no known source"),
        ("evidence/serving.csv", swap("family", "rumour"), "column family: not a known value"),
        ("evidence/serving.csv", swap("tpot_p50_s", ""), "neither a median nor a mean TPOT"),
        ("models/models.csv", swap("layers", "700"), "layers are given a kind of attention"),
        ("models/models.csv", swap("params_active", "9e13"), "column params_active: exceeds the total"),
        ("tco/parameters.csv", swap("low", "99"), "low, typical and high are not in order"),
        ("sources.csv", repeat_first_row, "same key as row 2"),
    ],
)
def test_a_planted_fault_is_found(small: Path, file: str, change: Callable[[str], str], said: str) -> None:
    path = small / file
    before = path.read_text(encoding="utf-8")
    path.write_text(change(before), encoding="utf-8")
    try:
        faults = check_catalog(load_catalog(root=small)).faults
    finally:
        path.write_text(before, encoding="utf-8")
    assert any(file in fault and said in fault for fault in faults), faults


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("tdp_w = 1400", 'tdp_w = "1400"', "column tdp_w: must be a number"),
        ("tdp_w = 1400", "tdp_w = -1", "must be a number from 10"),
        ("tdp_w = 1400", "tdp = 1400", 'unknown key; did you mean "tdp_w"'),
        ("memory_bytes = 309220868096", "memory_bytes = nan", "must be a number"),
        ("memory_as_of = ", "# memory_as_of = ", "must be a date"),
        ('memory_kind = "measured"', 'memory_kind = "hearsay"', "not a known kind"),
        ('memory_source = "memory-mi355x"', 'memory_source = "memory-mi335x"', "names no known source"),
        ('vendor = "AMD"', 'vendor = "Amd"', 'must be "AMD" or "NVIDIA"'),
        ("bf16 = ", "bf15 = ", "unknown format"),
        ("scale_up_switched = false", 'scale_up_switched = "no"', "must be true or false"),
        ('kind = "datasheet"', 'kind = "hearsay"', "not a known kind"),
        ("as_of = 2026-08-15", 'as_of = "soon"', "must be a date"),
        ('id = "mi355x"', 'id = "mi355"', 'must equal the file name "mi355x"'),
        ("tdp_w = 1400", "tdp_w = = 1", "is not TOML"),
        ("bandwidth_gbps", "# bandwidth_gbps", "is missing"),
    ],
)
def test_a_faulty_accelerator_is_found(small: Path, old: str, new: str, said: str) -> None:
    path = small / "accelerators" / "mi355x.toml"
    before = path.read_text(encoding="utf-8")
    assert old in before
    path.write_text(before.replace(old, new, 1), encoding="utf-8")
    try:
        faults = check_catalog(load_catalog(root=small)).faults
    finally:
        path.write_text(before, encoding="utf-8")
    assert any("accelerators/mi355x.toml" in fault and said.replace("field", "tdp_w") in fault for fault in faults), (
        faults
    )


def test_a_check_goes_on_after_the_first_fault(small: Path) -> None:
    first, second = small / "prices" / "purchase.csv", small / "claims" / "claims.csv"
    kept = {path: path.read_text(encoding="utf-8") for path in (first, second)}
    first.write_text("", encoding="utf-8")
    second.write_text("id\n", encoding="utf-8")
    try:
        faults = "\n".join(check_catalog(load_catalog(root=small)).faults)
    finally:
        for path, text in kept.items():
            path.write_text(text, encoding="utf-8")
    assert "prices/purchase.csv: is empty" in faults
    assert 'claims/claims.csv, row 1: column "subject" is missing' in faults
