"""What a table refuses, and how it says so: file, row, column, value, reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from advisor.catalog.read import MAX_FILE_BYTES, Layer, read_table
from advisor.catalog.schema import Table, day, flag, integer, listing, number, text
from advisor.domain.errors import CatalogError

TABLE = Table(
    "prices",
    "prices.csv",
    ("id",),
    (
        text("id", required=True),
        text("kind", choices=("spot", "on_demand")),
        number("usd", required=True, low=0.01, high=1000),
        integer("gpus", low=1),
        flag("bundled"),
        day("as_of"),
        listing("flags"),
    ),
)
GOOD = "id,kind,usd,gpus,bundled,as_of,flags\na,spot,1.5,8,true,2026-11-21,x;y\nb,,2,,false,,\n"


def read(folder: Path, content: str | bytes) -> dict[str, list[object]]:
    data = content.encode() if isinstance(content, str) else content
    (folder / TABLE.path).write_bytes(data)
    return read_table(TABLE, [Layer(folder, "mine")])


def test_cells_become_values_and_empty_cells_stay_unknown(tmp_path: Path) -> None:
    columns = read(tmp_path, GOOD)
    assert columns["usd"] == [1.5, 2.0]
    assert columns["gpus"] == [8, None]
    assert columns["bundled"] == [True, False]
    assert [str(v) for v in columns["as_of"]] == ["2026-11-21", "None"]
    assert columns["flags"] == [("x", "y"), ()]


def test_column_order_byte_order_mark_and_optional_columns_are_free(tmp_path: Path) -> None:
    columns = read(tmp_path, "\ufeffusd,bundled,id\n3,true,c\n".encode())
    assert columns["id"] == ["c"]
    assert columns["usd"] == [3.0]
    assert columns["gpus"] == [None]


@pytest.mark.parametrize(
    ("old", "new", "row", "field", "reason"),
    [
        ("a,spot,1.5", "a,spot,cheap", 2, "usd", "must be a number"),
        ("a,spot,1.5", "a,spot,-1", 2, "usd", "must be at least 0.01"),
        ("a,spot,1.5", "a,spot,1e9", 2, "usd", "must be at most 1000"),
        ("a,spot,1.5", "a,spot,nan", 2, "usd", "must be finite"),
        ("a,spot,1.5", "a,spot,inf", 2, "usd", "must be finite"),
        ("a,spot,1.5", "a,spot,", 2, "usd", "must not be empty"),
        ("a,spot,1.5,8", "a,spot,1.5,8.5", 2, "gpus", "must be a whole number"),
        ("a,spot,1.5,8", "a,spot,1.5,0", 2, "gpus", "must be at least 1"),
        ("a,spot", "a,spott", 2, "kind", 'did you mean "spot"'),
        ("\nb,", "\n,", 3, "id", "must not be empty"),
        ("false", "no", 3, "bundled", 'must be "true" or "false"'),
        ("2026-11-21", "21.11.2026", 2, "as_of", "must be a date"),
        ("2026-11-21", "2026-13-01", 2, "as_of", "must be a date"),
    ],
)
def test_a_bad_cell_is_named(tmp_path: Path, old: str, new: str, row: int, field: str, reason: str) -> None:
    assert old in GOOD
    with pytest.raises(CatalogError) as caught:
        read(tmp_path, GOOD.replace(old, new, 1))
    error = caught.value
    assert (error.file, error.row, error.field) == ("mine/prices.csv", row, field)
    assert reason in str(error)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "not UTF-8"),
        (b"id,usd,bundled\n\x00,1,true\n", "NUL"),
        (b"id,usd,bundled\na,1\n", "has 2 cells, the header 3"),
        (b"id,usd,bundled,usd\na,1,true,2\n", 'column "usd" stands twice'),
        (b"id,bundled\na,true\n", 'column "usd" is missing'),
        (b"id,usd,bundled,gpu\na,1,true,8\n", 'unknown column "gpu"; did you mean "gpus"'),
        (b'id,usd,bundled\na,1,"true\n', "is not a CSV file"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(CatalogError, match=r"mine/prices\.csv") as caught:
        read(tmp_path, content)
    assert reason in str(caught.value)


def test_the_first_bad_row_is_the_one_reported(tmp_path: Path) -> None:
    rows = "".join(f"r{n},spot,{'x' if n in (7, 3) else 'y' if n == 5 else 1},1,true,,\n" for n in range(1, 9))
    with pytest.raises(CatalogError) as caught:
        read(tmp_path, "id,kind,usd,gpus,bundled,as_of,flags\n" + rows)
    assert (caught.value.row, caught.value.value) == (4, "x")


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / TABLE.path).open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(CatalogError, match="larger than 64 MiB"):
        read_table(TABLE, [Layer(tmp_path, "mine")])


def test_a_table_without_a_file_is_empty(tmp_path: Path) -> None:
    assert read_table(TABLE, [Layer(tmp_path, "")])["id"] == []
