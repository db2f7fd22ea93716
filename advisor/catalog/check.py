"""Checks every row of the catalog and of its overlays, and goes on after the first fault."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from advisor.catalog import export, gates, registers, sizing
from advisor.catalog.context_tables import ALL_TABLES
from advisor.catalog.hardware import FOLDER
from advisor.catalog.read import Layer, RawTable, band_faults, parse_column, read_raw
from advisor.catalog.schema import Table
from advisor.catalog.sources import source_tables
from advisor.catalog.store import Catalog
from advisor.catalog.tables import PARAMETERS, SOURCES
from advisor.domain.errors import CatalogError, did_you_mean
from advisor.domain.record import record

CHECKED_TABLES: tuple[Table, ...] = tuple(
    {
        table.path: table
        for table in (
            *ALL_TABLES, *export.TABLES, *gates.TABLES, registers.DEFAULTS, registers.RISKS, registers.ROADMAP_OPTIONS,
            sizing.PARAMETERS,
        )
    }.values()
)  # fmt: skip
"""Every table that something reads."""

OWN_SOURCE = "user"
"""Source id that a user's own rows may cite without listing it."""

ANY = "*"


@record
class CheckReport:
    """What a check found."""

    faults: tuple[str, ...]
    rows: int
    files: int


def check_catalog(catalog: Catalog) -> CheckReport:
    """Every fault of every table, file by file; an empty list means that all of it can be used."""
    layers = catalog.layers
    faults: list[str] = list(_unknown_files(layers))
    parsed: dict[str, tuple[RawTable, dict[str, list[Any]]]] = {}
    rows = files = 0
    own = (t for t in source_tables(layers) if t.path not in {table.path for table in CHECKED_TABLES})
    for table in (*CHECKED_TABLES, *own):
        having = [layer for layer in layers if layer.file(table.path) is not None]
        raw: RawTable | None = None
        for layer in having:
            try:
                raw = read_raw(table, [layer])
            except CatalogError:
                raw = None  # reported where all layers are read together
            else:
                faults += _duplicates(raw)
        try:
            if raw is None or len(having) > 1:
                raw = read_raw(table, layers)
        except CatalogError as error:
            faults.append(str(error))
            continue
        rows += len(raw.places)
        files += 1
        columns: dict[str, list[Any]] = {}
        for column in table.columns:
            try:
                columns[column.name] = parse_column(raw, column)
            except CatalogError as error:
                faults.append(str(error))
        parsed[table.path] = (raw, columns)
        if len(columns) == len(table.columns):
            faults += map(str, band_faults(raw, columns))
    faults += _attributes(catalog)
    faults += _references(catalog, parsed)
    faults += _relations(parsed)
    files += len({path.name for layer in layers for path in (layer.root / FOLDER).glob("*.toml")})
    return CheckReport(tuple(dict.fromkeys(faults)), rows, files)


def _unknown_files(layers: Sequence[Layer]) -> Iterator[str]:
    """Files of an overlay that nothing reads: most likely a misspelt name."""
    base = layers[0].root
    known = {p.relative_to(base).as_posix() for p in base.rglob("*") if p.is_file()}
    known |= {table.path for table in CHECKED_TABLES}
    for layer in layers[1:]:
        for path in sorted(p for p in layer.root.rglob("*") if p.is_file() and p.suffix in (".csv", ".toml")):
            name = path.relative_to(layer.root).as_posix()
            if name in known or name.startswith(f"{FOLDER}/") or name.endswith("/sources.csv"):
                continue
            yield str(CatalogError(f"is not a catalog file{did_you_mean(name, known)}", file=layer.shown(name)))


def _duplicates(raw: RawTable) -> Iterator[str]:
    """Keys that stand twice in one file."""
    table = raw.table
    seen: dict[tuple[str, ...], int] = {}
    keys = [raw.cells[table.place(name)] for name in table.key]
    for key, (file, row) in zip(zip(*keys, strict=True), raw.places, strict=True):
        if key in seen:
            shown = "/".join(key)
            yield str(CatalogError(f"same key as row {seen[key]}", file=file, row=row, field=table.key[0], value=shown))
        seen.setdefault(key, row)


def _attributes(catalog: Catalog) -> Iterator[str]:
    """Load everything that the catalog offers, so that loaders with rules of their own are heard too."""
    for name, value in vars(type(catalog)).items():
        if isinstance(value, cached_property):
            try:
                getattr(catalog, name)
            except CatalogError as error:
                yield str(error)
    try:
        sizing.read_sizing(catalog)
    except CatalogError as error:
        yield str(error)


def _references(catalog: Catalog, parsed: dict[str, tuple[RawTable, dict[str, list[Any]]]]) -> Iterator[str]:
    """Cells that name a source or an accelerator which is not there."""
    try:
        sources = {*catalog.sources, OWN_SOURCE}
        accelerators = {*catalog.accelerators, *catalog.incomplete_accelerators}
    except CatalogError:
        return  # already reported
    for part in catalog.accelerators.values():
        for where in (part.provenance, part.memory_provenance):
            if where is not None and where.source_id not in sources:
                reason = f"names no known source{did_you_mean(where.source_id, sources)}"
                yield str(CatalogError(reason, file=f"{FOLDER}/{part.id}.toml", field="source", value=where.source_id))
    for raw, columns in parsed.values():
        if raw.table in (PARAMETERS, SOURCES):
            continue
        for name in ("source", "source_id"):
            yield from _missing(raw, columns, name, sources, "names no known source")
        for name in ("accelerator", "accelerators"):
            yield from _missing(raw, columns, name, accelerators, "names no known accelerator")


def _missing(raw: RawTable, columns: dict[str, list[Any]], name: str, known: set[str], reason: str) -> Iterator[str]:
    for (file, row), value in zip(raw.places, columns.get(name, ()), strict=False):
        parts = value if isinstance(value, tuple) else value.split(";") if isinstance(value, str) else ()
        for part in filter(None, map(str.strip, parts)):
            if part != ANY and part not in known:
                yield str(
                    CatalogError(f"{reason}{did_you_mean(part, known)}", file=file, row=row, field=name, value=part)
                )


_Rule = Callable[[dict[str, Any]], tuple[str, str] | None]


def _relations(parsed: dict[str, tuple[RawTable, dict[str, list[Any]]]]) -> Iterator[str]:
    """Relations between the columns of a row."""
    for path, rules in RULES.items():
        if path not in parsed:
            continue
        raw, columns = parsed[path]
        if len(columns) != len(raw.table.columns):
            continue  # a column is faulty and reported
        for n, (file, row) in enumerate(raw.places):
            record = {name: values[n] for name, values in columns.items()}
            for rule in rules:
                found = rule(record)
                if found is not None:
                    field, reason = found
                    yield str(CatalogError(reason, file=file, row=row, field=field, value=record.get(field)))


def _measurement_says_something(row: dict[str, Any]) -> tuple[str, str] | None:
    if not row["total_tps_per_gpu"]:
        return "total_tps_per_gpu", "must be positive: a row without throughput says nothing"
    output, total = row["output_tps_per_gpu"], row["total_tps_per_gpu"]
    if output is not None and output > total * 1.001:
        return "output_tps_per_gpu", f"exceeds input and output together ({total:g})"
    if row["tpot_p50_s"] is None and row["tpot_mean_s"] is None:
        return "tpot_p50_s", "neither a median nor a mean TPOT is given"
    return None


def _roles_add_up(row: dict[str, Any]) -> tuple[str, str] | None:
    prefill, decode, gpus = row["prefill_gpus"], row["decode_gpus"], row["gpus"]
    if None not in (prefill, decode, gpus) and prefill + decode != gpus:
        return "gpus", f"is not the sum of {prefill} prefill and {decode} decode GPUs"
    if not row["disagg"] and (prefill is not None or decode is not None):
        return "prefill_gpus", "an aggregated row has no roles"
    return None


def _architecture_holds(row: dict[str, Any]) -> tuple[str, str] | None:
    kinds = row["full_layers"] + row["windowed_layers"] + row["recurrent_layers"]
    if kinds < row["layers"]:
        return "layers", f"only {kinds} layers are given a kind of attention"
    if row["windowed_layers"] and not row["window"]:
        return "window", "windowed layers without a window"
    if row["params_active"] and row["params_total"] and row["params_active"] > row["params_total"]:
        return "params_active", "exceeds the total"
    if row["attention"] == "mla" and not row["kv_lora_rank"]:
        return "kv_lora_rank", "mla without a rank of its latent"
    if row["experts"] and not row["experts_per_token"]:
        return "experts_per_token", "experts without a number per token"
    return None


RULES: dict[str, tuple[_Rule, ...]] = {
    "evidence/serving.csv": (_measurement_says_something, _roles_add_up),
    "evidence/vendor_ci.csv": (_measurement_says_something, _roles_add_up),
    "models/models.csv": (_architecture_holds,),
}


def overlay_files(root: Path) -> list[str]:
    """Relative paths of the data files of a folder."""
    return sorted(
        p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file() and p.suffix in (".csv", ".toml")
    )
