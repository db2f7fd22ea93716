"""A user's files over the bundled ones: the same key replaces, a new key adds."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from advisor.catalog import load_catalog
from advisor.catalog.check import check_catalog
from advisor.catalog.resources import cache_dir, catalog_root, config_dir, profiles_root, user_overlay_dirs
from advisor.catalog.tables import RENT, TCO
from advisor.domain.errors import CatalogError

QUOTE = {
    "id": "our-quote-1", "provider": "ourcloud", "seller_class": "neocloud", "accelerator": "mi355x",
    "commitment": "reserved_1y", "usd_per_gpu_hour": "2.75", "gpus_per_instance": "8", "as_of": "2026-11-10",
    "source": "user", "kind": "quote",
}  # fmt: skip


def overlay(folder: Path, path: str, rows: list[dict[str, str]]) -> Path:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    names = list(rows[0])
    lines = [",".join(names), *(",".join(row[n] for n in names) for row in rows)]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def test_a_new_key_adds_a_row_and_changes_the_market(tmp_path: Path) -> None:
    bundled = load_catalog()
    ours = load_catalog([overlay(tmp_path, RENT.path, [QUOTE])])
    assert len(ours.rent_prices) == len(bundled.rent_prices) + 1
    market = ours.rent_market("mi355x", "neocloud", "reserved_1y", date(2026, 11, 21))
    assert market.sellers == (("ourcloud", 2.75),)
    assert market.row_ids == ("our-quote-1",)
    assert not bundled.rent_market("mi355x", "neocloud", "reserved_1y", date(2026, 11, 21)).found


def test_the_same_key_replaces_a_row(tmp_path: Path) -> None:
    row = {"parameter": "PUE", "scope": "Google", "typical": "1.4", "unit": "ratio", "superseded": "false",
           "source": "user", "kind": "user"}  # fmt: skip
    ours = load_catalog([overlay(tmp_path, TCO.path, [row])])
    assert ours.tco["PUE", "Google"].typical == 1.4
    assert ours.tco["PUE", "Google"].provenance.source_id == "user"
    assert len(ours.tco) == len(load_catalog().tco)


def test_the_last_overlay_wins(tmp_path: Path) -> None:
    first = overlay(tmp_path / "a", RENT.path, [QUOTE])
    second = overlay(tmp_path / "b", RENT.path, [QUOTE | {"usd_per_gpu_hour": "2.25"}])
    for order, price in (((first, second), 2.25), ((second, first), 2.75)):
        prices = {p.id: p for p in load_catalog(order).rent_prices}
        assert prices["our-quote-1"].usd_per_gpu_hour == price


def test_an_accelerator_file_replaces_or_adds_a_part(tmp_path: Path) -> None:
    (tmp_path / "accelerators").mkdir()
    content = (catalog_root() / "accelerators" / "mi355x.toml").read_text(encoding="utf-8")
    (tmp_path / "accelerators" / "mi355x.toml").write_text(content.replace("tdp_w = 1400", "tdp_w = 1000"))
    (tmp_path / "accelerators" / "mi999x.toml").write_text(content.replace('id = "mi355x"', 'id = "mi999x"', 1))
    ours = load_catalog([tmp_path])
    assert ours.accelerators["mi355x"].tdp_w == 1000
    assert ours.accelerators["mi999x"].bandwidth_gbps == 8000
    assert ours.accelerators["b200"] == load_catalog().accelerators["b200"]


def test_a_bad_overlay_row_is_named_with_its_own_file(tmp_path: Path) -> None:
    ours = load_catalog([overlay(tmp_path, RENT.path, [QUOTE, QUOTE | {"id": "q2", "usd_per_gpu_hour": "free"}])])
    with pytest.raises(CatalogError) as caught:
        _ = ours.rent_prices
    assert caught.value.file == f"{tmp_path}/{RENT.path}"
    assert (caught.value.row, caught.value.field, caught.value.value) == (3, "usd_per_gpu_hour", "free")


def test_an_overlay_that_is_no_folder_and_a_root_that_is_no_catalog_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="no such folder"):
        load_catalog([tmp_path / "absent"])
    (tmp_path / "quotes.csv").write_text("id\n")
    with pytest.raises(CatalogError, match="is a file; give the folder"):
        load_catalog([tmp_path / "quotes.csv"])
    with pytest.raises(CatalogError, match="not a catalog"):
        load_catalog(root=tmp_path)


def test_check_finds_a_misspelt_file_and_an_unknown_source(tmp_path: Path) -> None:
    overlay(tmp_path, "prices/rents.csv", [QUOTE])
    overlay(tmp_path, RENT.path, [QUOTE | {"source": "pypy", "accelerator": "mi355"}])
    faults = "\n".join(check_catalog(load_catalog([tmp_path])).faults)
    assert 'prices/rents.csv: is not a catalog file; did you mean "prices/rent.csv"' in faults
    assert 'row 2, column source: names no known source; did you mean "pypi"' in faults
    assert "row 2, column accelerator: names no known accelerator" in faults


def test_the_fingerprint_covers_overlays(tmp_path: Path) -> None:
    bundled = load_catalog().fingerprint
    assert bundled == load_catalog().fingerprint
    folder = overlay(tmp_path, RENT.path, [QUOTE])
    changed = load_catalog([folder]).fingerprint
    assert changed != bundled
    overlay(tmp_path, RENT.path, [QUOTE | {"usd_per_gpu_hour": "2.76"}])
    assert load_catalog([folder]).fingerprint not in (bundled, changed)


def test_user_folders_follow_the_environment_and_only_count_when_they_exist(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADVISOR_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("ADVISOR_CACHE_DIR", str(tmp_path / "cache"))
    assert (config_dir(), cache_dir()) == (tmp_path / "config", tmp_path / "cache")
    assert user_overlay_dirs() == ()
    for folder in (tmp_path / "config" / "catalog", tmp_path / "cache" / "refreshed"):
        folder.mkdir(parents=True)
    assert user_overlay_dirs() == (tmp_path / "cache" / "refreshed", tmp_path / "config" / "catalog")


def test_without_the_environment_the_platform_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ADVISOR_CONFIG_DIR", "ADVISOR_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    assert config_dir().name == cache_dir().name == "advisor"


def test_the_bundled_folders_are_found() -> None:
    assert (catalog_root() / "sources.csv").is_file()
    assert profiles_root().is_dir()
