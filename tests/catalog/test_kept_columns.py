"""Parsed tables are kept in the user's cache: the same facts faster, never other facts."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from advisor.catalog import load_catalog
from advisor.catalog.resources import catalog_root
from advisor.domain.errors import CatalogError
from advisor.domain.evidence import Measurement


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ADVISOR_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small catalog: the first rows of the bundled evidence."""
    out = tmp_path / "catalog"
    (out / "evidence").mkdir(parents=True)
    shutil.copy(catalog_root() / "sources.csv", out)
    lines = (catalog_root() / "evidence" / "serving.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (out / "evidence" / "serving.csv").write_text("".join(lines[:200]), encoding="utf-8")
    return out


def _rows(root: Path) -> list[Measurement]:
    return load_catalog(root=root).measurements


def test_a_second_reading_gives_equal_rows(cache: Path, root: Path) -> None:
    first = _rows(root)
    assert (cache / "tables" / "measurements.bin").is_file()
    second = _rows(root)
    assert second == first
    assert [repr(m) for m in second] == [repr(m) for m in first]  # types too, since the fit's fingerprint is of these


def test_an_edited_file_is_read_anew(cache: Path, root: Path) -> None:
    first = _rows(root)
    path = root / "evidence" / "serving.csv"
    path.write_text(path.read_text(encoding="utf-8").replace(first[0].row_id, "another-id"), encoding="utf-8")
    assert _rows(root)[0].row_id == "another-id"


def test_an_overlay_is_read_with_its_rows(cache: Path, root: Path, tmp_path: Path) -> None:
    first = _rows(root)
    overlay = tmp_path / "overlay"
    (overlay / "evidence").mkdir(parents=True)
    lines = (root / "evidence" / "serving.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (overlay / "evidence" / "serving.csv").write_text(
        lines[0] + lines[1].replace(first[0].row_id, "mine"), encoding="utf-8"
    )
    rows = load_catalog([overlay], root=root).measurements
    assert [m.row_id for m in rows] == [*(m.row_id for m in first), "mine"]
    assert _rows(root) == first


@pytest.mark.parametrize("damage", [b"", b"short", None])
def test_a_damaged_cache_is_passed_over(cache: Path, root: Path, damage: bytes | None) -> None:
    first = _rows(root)
    path = cache / "tables" / "measurements.bin"
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]) if damage is None else damage)
    assert _rows(root) == first


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(cache: Path, root: Path) -> None:
    cache.write_text("a file where the folder should be", encoding="utf-8")
    assert len(_rows(root)) == 199


def test_a_bad_row_is_named_at_every_reading(cache: Path, root: Path) -> None:
    path = root / "evidence" / "serving.csv"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join([*lines, lines[-1].replace(",", ",x", 20)]), encoding="utf-8")
    for _ in range(2):
        with pytest.raises(CatalogError, match="row 201"):
            _rows(root)
