"""Any overlay: what it spoils is named with file, row and column; what it may say is answered within the laws."""

from __future__ import annotations

import csv
import io
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pytest
from answer_laws import check_answer
from hypothesis import example, given
from hypothesis import strategies as st

from advisor.catalog import load_catalog
from advisor.catalog.check import CHECKED_TABLES, check_catalog
from advisor.catalog.resources import catalog_root
from advisor.catalog.schema import Column, Table
from advisor.catalog.store import Catalog
from advisor.domain.errors import AdvisorError, CatalogError
from advisor.domain.text import plain
from advisor.profiles.locate import find_profile
from advisor.profiles.read import read_profile
from advisor.workbench import Workbench
from tests.bench_kit import usual_bench

AS_OF = date(2026, 11, 21)
KEPT_ROWS = 4
WHOLE = ("export", "decision", "sizing", "gates", "risks", "models", "tco")
"""Folders whose rows refer to one another: the small catalog keeps them whole."""
TABLES = {table.path: table for table in CHECKED_TABLES}
PARTS = sorted(path.name for path in (catalog_root() / "accelerators").glob("*.toml"))
HUGE = ("9" * 400, "1e308", "-1e308", "5e-324", "-0", "1_000", "١٢", "0x10", "NaN", "inf", "1e999", "9" * 5000)
CELLS = st.one_of(
    st.sampled_from([
        "", " ", "0", "-1", "1", "true", "false", "True", "2026-11-21", "20261121", "0001-01-01", "9999-12-31", "user",
        "=1+1", "\x1b[31m", "\u202e", "a;b;;c", ";", '"', "a,b", "a\nb", "\r", "mi355x", "b200", "US", "x" * 999,
        "\0", "a\rb", *HUGE,
    ]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20), st.integers().map(str), st.floats().map(repr),
)  # fmt: skip


@cache
def rows_of(path: str) -> tuple[list[str], list[list[str]]]:
    """(header, rows) of a bundled table."""
    with (catalog_root() / path).open(encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file))
    return header, rows


def csv_text(header: list[str], rows: list[list[str]]) -> str:
    out = io.StringIO()
    # a lone return ends a row, and the writer leaves it bare
    bare = any("\r" in cell for row in (header, *rows) for cell in row)
    quoting: Any = csv.QUOTE_ALL if bare else csv.QUOTE_MINIMAL
    csv.writer(out, lineterminator="\n", quoting=quoting).writerows([header, *rows])
    return out.getvalue()


@cache
def small_root() -> Path:
    """A catalog of few rows, so that ten thousand can be read."""
    root = Path(tempfile.mkdtemp(prefix="small-catalog"))
    for path in sorted(catalog_root().rglob("*")):
        relative = path.relative_to(catalog_root())
        if path.suffix not in (".csv", ".toml") or relative.parts[0] == "fit":
            continue
        content = path.read_text(encoding="utf-8")
        if path.suffix == ".csv" and relative.parts[0] not in WHOLE and relative.name != "sources.csv":
            header, rows = rows_of(relative.as_posix())
            content = csv_text(header, rows[:KEPT_ROWS])
        (root / relative).parent.mkdir(parents=True, exist_ok=True)
        (root / relative).write_text(content, encoding="utf-8")
    return root


@cache
def usual_faults() -> frozenset[str]:
    """What a check says of the small catalog alone."""
    return frozenset(check_catalog(load_catalog(root=small_root())).faults)


@contextmanager
def overlay(path: str, content: bytes) -> Iterator[Path]:
    """A folder with one file."""
    with tempfile.TemporaryDirectory(prefix="overlay") as folder:
        file = Path(folder, path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        yield Path(folder)


@cache  # some examples are drawn twice
def new_faults(path: str, content: bytes) -> tuple[str, ...]:
    """Faults that an overlay brings; anything raised but a fault fails the test."""
    with overlay(path, content) as folder:
        catalog = load_catalog([folder], root=small_root())
        found = [f for f in check_catalog(catalog).faults if f not in usual_faults()]
        for fault in found:
            assert len(plain(fault)) < 2000
        return tuple(f.replace(f"{folder}/", "") for f in found)


@st.composite
def spoilt_tables(draw: st.DrawFn) -> tuple[Table, list[str], list[list[str]], tuple[int, int]]:
    """A table's own rows with one cell replaced: (table, header, rows, (row, column) of the cell)."""
    table = TABLES[draw(st.sampled_from(sorted(TABLES)))]
    header, rows = rows_of(table.path)
    first = draw(st.integers(0, len(rows) - 1))
    rows = [list(row) for row in rows[first : first + draw(st.integers(1, 3))]]
    row, column = draw(st.integers(0, len(rows) - 1)), draw(st.integers(0, len(header) - 1))
    rows[row][column] = draw(CELLS)
    return table, header, rows, (row, column)


def own(table: Table, names: list[str], fault: str) -> bool:
    """Whether a fault names a file, and the row and the column where it speaks of a cell."""
    if re.match(rf"{re.escape(table.path)}, row \d+(, column ({'|'.join(map(re.escape, names))}))?: ", fault):
        return True
    return bool(re.match(r"[\w./-]+(, row \d+)?(, column \S+)?: ", fault))


@given(spoilt_tables())
def test_a_spoilt_cell_is_named_with_its_place_or_is_fine(spoilt: Any) -> None:
    table, header, rows, (row, column) = spoilt
    faults = new_faults(table.path, csv_text(header, rows).encode())
    spec = table.column(header[column])
    if not wrong_by_form(spec, rows[row][column]):
        assert all(own(table, header, fault) for fault in faults), faults
        return
    place = f"{table.path}, row {row + 2}, column {spec.name}: "
    if "\0" in rows[row][column]:  # no table holds that anywhere: the file is named, not the cell
        place = f"{table.path}: "
    assert any(fault.startswith(place) for fault in faults), (place, faults)


def wrong_by_form(column: Column, cell: str) -> bool:
    """Whether a cell cannot be what its column says, by a rule of thumb of the test's own."""
    if not cell:
        return column.required
    if column.type == "bool":
        return cell not in ("true", "false")
    if column.type == "float":
        return not re.fullmatch(r"\s*[-+]?[\d_.]+(e[-+]?\d+)?\s*", cell, re.IGNORECASE)
    if column.type == "int":
        return not re.fullmatch(r"\s*[-+]?[\d_]+\s*", cell)
    return bool(column.choices) and cell not in column.choices


@st.composite
def spoilt_files(draw: st.DrawFn) -> tuple[str, bytes]:
    """A table that is wrong as a file: its header, its cells, its encoding, its end."""
    path = draw(st.sampled_from(sorted(TABLES)))
    header, rows = rows_of(path)
    header, rows = list(header), [list(row) for row in rows[:2]]
    at = draw(st.integers(0, len(header) - 1))
    match draw(st.sampled_from(("rename", "drop", "twice", "swap", "short", "long", "none"))):
        case "rename":
            header[at] = draw(CELLS)
        case "drop":
            header, rows = header[:at] + header[at + 1 :], [row[:at] + row[at + 1 :] for row in rows]
        case "twice":
            header[at] = header[draw(st.integers(0, len(header) - 1))]
        case "swap":
            header[0], header[at] = header[at], header[0]
        case "short":
            rows[-1] = rows[-1][:at]
        case "long":
            rows[-1] += draw(st.lists(CELLS, min_size=1, max_size=2))
    text = csv_text(header, rows)
    content = text.encode(draw(st.sampled_from(("utf-8", "utf-8-sig", "utf-16", "utf-32-be", "cp500"))), "replace")
    match draw(st.sampled_from(("torn", "noise", "returns", "quote", "null", "whole", "bytes"))):
        case "torn":
            content = content[: draw(st.integers(0, len(content)))]
        case "noise":
            place = draw(st.integers(0, len(content)))
            content = content[:place] + draw(st.binary(max_size=8)) + content[place:]
        case "returns":
            content = content.replace(b"\n", draw(st.sampled_from((b"\r", b"\r\n", b"\n\n", b"\n\r"))))
        case "quote":
            content = content.replace(b",", b',"', 1)
        case "null":
            content += b"\0"
        case "bytes":
            content = draw(st.binary(max_size=300))
    return path, content


@given(spoilt_files())
@example(("prices/rent.csv", b""))
@example(("prices/rent.csv", b"\xef\xbb\xbf"))
@example(("prices/rent.csv", b"\n"))
@example(("tco/parameters.csv", b'"' + b"x" * 200_000))
def test_a_spoilt_file_is_named_or_is_fine(spoilt: tuple[str, bytes]) -> None:
    path, content = spoilt
    for fault in new_faults(path, content):
        assert re.match(r"[\w./-]+(, row \d+)?(, column [^:]+)?: ", fault), fault


VALUES = st.one_of(
    st.sampled_from([
        "0", "-1", "1e308", "5e-324", "nan", "inf", "true", '""', '"\\u202e"', "[]", "{}", "[[]]", "[1]", '["x"]',
        "1979-05-27",
        "2026-11-21T00:00:00Z", "07:32:00", "{a = 1}", "9" * 400, '"fp8"', '"AMD"', '"user"', "1_000", '"""', "=",
    ]),
    st.text(max_size=10),
)  # fmt: skip


@given(st.sampled_from(PARTS), st.data())
def test_a_spoilt_part_is_named_or_is_fine(name: str, data: st.DataObject) -> None:
    lines = (catalog_root() / "accelerators" / name).read_text(encoding="utf-8").splitlines()
    place = data.draw(st.integers(0, len(lines) - 1))
    key = lines[place].partition("=")[0]
    lines[place] = data.draw(st.one_of(VALUES.map(lambda value: f"{key}= {value}"), st.just(""), VALUES))
    content = "\n".join(lines).encode("utf-8", "replace")
    for fault in new_faults(f"accelerators/{name}", content):
        assert re.match(r"[\w./-]+(, row \d+)?(, column [^:]+)?: ", fault), fault


ANSWERED = (
    "prices/rent.csv", "prices/purchase.csv", "prices/availability.csv", "tco/parameters.csv", "sizing/parameters.csv",
    "decision/defaults.csv", "decision/roadmap_options.csv", "risks/register.csv", "roadmap/parts.csv",
    "gates/lead_times.csv", "gates/cooling.csv", "gates/floors.csv", "gates/sellers.csv", "gates/format_rules.csv",
    "export/countries.csv", "export/thresholds.csv", "export/delays.csv", "export/licence_matrix.csv",
    "models/models.csv", "software/support.csv", "software/known_issues.csv", "prices/history.csv",
)  # fmt: skip
"""Tables that an answer rests on."""
PROFILES = ("llama-70b-4k-512-concurrent", "renewal-100-gpus")
CELLS_OF_TYPE: dict[str, st.SearchStrategy[str]] = {
    "float": st.one_of(
        st.sampled_from(["0", "1", "1e-300", "1e300", "1e308", "5e-324", "-1", "100", "0.5", ""]),
        st.floats(0, 1e6).map(repr),
    ),
    "int": st.one_of(st.sampled_from(["0", "1", "", "9" * 30, "9" * 400, "-1"]), st.integers(0, 1000).map(str)),
    "bool": st.sampled_from(["true", "false"]),
    "date": st.sampled_from(["0001-01-01", "9999-12-31", "2026-11-21", "2026-11-22", "2019-01-01", ""]),
    "list": st.sampled_from(["", "a;b", "mi355x;b200", ";"]),
    "text": st.sampled_from(["", "x", "user", "mi355x", "b200", "all", "US", "\x1b[1m", "2099-01-01"]),
}


@cache
def bench() -> Workbench:
    return usual_bench()


def bench_with(folder: Path, path: str) -> Workbench:
    """The facts with an overlay; what it leaves alone is read once for all."""
    found, usual = Workbench([folder], as_of=AS_OF, bare=True), bench()
    for name, value in vars(Catalog).items():
        if isinstance(value, cached_property) and name in ("measurements", "vendor_ci"):
            vars(found.catalog)[name] = getattr(usual.catalog, name)
    if not path.startswith("models/"):
        vars(found)["estimator"] = usual.estimator
    vars(found)["backtest"], vars(found)["fit"], vars(found)["configs"] = usual.backtest, usual.fit, usual.configs
    return found


@st.composite
def turned_facts(draw: st.DrawFn) -> tuple[str, bytes]:
    """A few rows of a table that an answer rests on, with one or two cells at the edge of what they may be."""
    path = draw(st.sampled_from(ANSWERED))
    header, rows = rows_of(path)
    taken = draw(st.lists(st.integers(0, len(rows) - 1), min_size=1, max_size=6, unique=True))
    rows = [list(rows[n]) for n in taken]
    table = TABLES[path]
    columns = draw(st.lists(st.integers(0, len(header) - 1), min_size=1, max_size=2))
    for column in columns:
        spec = table.column(header[column])
        choices = st.sampled_from(spec.choices) if spec.choices else CELLS_OF_TYPE[spec.type]
        cell = draw(choices)
        for row in rows:
            row[column] = cell
    return path, csv_text(header, rows).encode()


def turned(path: str, key: str, **cells: str) -> tuple[str, bytes]:
    """The first row of a table that starts with this key, with some cells turned."""
    header, rows = rows_of(path)
    row = next(row for row in rows if ",".join(row).startswith(f"{key},"))
    return path, csv_text(header, [[cells.get(name, cell) for name, cell in zip(header, row, strict=True)]]).encode()


FOUND = (
    turned("roadmap/parts.csv", "feynman", latest="9999-12-31"),
    turned("roadmap/parts.csv", "feynman", bandwidth_tbps="1e300"),
    turned("roadmap/parts.csv", "feynman", bandwidth_tbps="5e-324"),
    turned("decision/defaults.csv", "price_common_share", value="1e300"),
    turned("decision/defaults.csv", "throughput_error_correlation", value="-1"),
    turned("decision/defaults.csv", "demand_factor", value="1e-300"),
    turned("decision/defaults.csv", "probe_hours_short", value="0"),
    turned("models/models.csv", "deepseek-r1", kv_elements_full="1e300"),
    turned("models/models.csv", "llama3.3-70b", kv_elements_full="0"),
    turned("models/models.csv", "gpt-oss-120b", attention="mla"),
    turned("tco/parameters.csv", 'InferenceX "retail tier" price,B200', typical="0"),
    turned("tco/parameters.csv", 'InferenceX "retail tier" price,B200', typical="5e-324"),
    turned("tco/parameters.csv", 'InferenceX "retail tier" price,B200', low="", typical="1e-300"),
    turned("tco/parameters.csv", 'InferenceX "retail tier" price,B200', typical="1e308", high=""),
    turned("export/licence_matrix.csv", "N", effective_date="9999-12-31"),
    turned("risks/register.csv", "software_regression", effect_low="1e308"),
    turned("risks/register.csv", "software_regression", effect_high="1e9"),
)
"""What ten thousand examples found once."""


@pytest.mark.parametrize("found", FOUND, ids=[path for path, _ in FOUND])
@pytest.mark.parametrize("name", PROFILES)
def test_what_was_found_once_is_refused_or_answered(found: tuple[str, bytes], name: str) -> None:
    refused_or_answered(*found, name)


@given(turned_facts(), st.sampled_from(PROFILES))
def test_facts_at_the_edge_are_refused_or_answered_within_the_laws(facts: tuple[str, bytes], name: str) -> None:
    refused_or_answered(*facts, name)


@cache
def refused_or_answered(path: str, content: bytes, name: str) -> None:
    """An overlay is refused in a line, or its answer keeps the laws."""
    profile = read_profile(find_profile(name))
    with overlay(path, content) as folder:
        try:
            tree = bench_with(folder, path).advise(profile, draws=120, seed=1)
        except AdvisorError as error:
            said = plain(str(error))
            assert said
            assert "\n" not in said
            return
    check_answer(tree)


def test_the_tables_of_answers_are_tables() -> None:
    assert set(ANSWERED) <= set(TABLES)
    assert usual_faults() is not None
    with pytest.raises(CatalogError):
        load_catalog(root=Path(tempfile.gettempdir()))
