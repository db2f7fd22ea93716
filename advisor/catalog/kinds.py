"""The kinds of fact that the catalog holds, for listing and showing them one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass
from datetime import date
from typing import Any

from advisor.catalog.store import Catalog
from advisor.domain.errors import InputError, did_you_mean
from advisor.domain.provenance import Provenance, Quantity
from advisor.domain.record import record


@record
class FactKind:
    """One kind of fact: where it lies, how a row is named, and what a one-line list shows."""

    name: str
    path: str
    title: str
    rows: Callable[[Catalog], Iterable[Any]]
    key: tuple[str, ...]
    shown: tuple[str, ...]


def _of(attribute: str) -> Callable[[Catalog], Iterable[Any]]:
    def rows(catalog: Catalog) -> Iterable[Any]:
        value = getattr(catalog, attribute)
        return value.values() if isinstance(value, dict) else value

    return rows


def _sizing(catalog: Catalog) -> Iterable[Any]:
    from advisor.catalog.sizing import read_sizing

    return read_sizing(catalog).values()


def _kind(name: str, path: str, title: str, attribute: str, key: str, shown: str) -> FactKind:
    return FactKind(name, path, title, _of(attribute), tuple(key.split()), tuple(shown.split()))


KINDS: dict[str, FactKind] = {
    kind.name: kind
    for kind in (
        _kind("accelerators", "accelerators/", "accelerators", "accelerators", "id",
              "name memory_bytes bandwidth_gbps tdp_w release"),
        _kind("models", "models/models.csv", "model architectures", "models", "id",
              "name params_total params_active attention max_context native_precision"),
        _kind("measurements", "evidence/serving.csv", "independent serving measurements", "measurements", "row_id",
              "family accelerator model precision engine isl osl concurrency total_tps_per_gpu tpot_p50_s date"),
        _kind("vendor-ci", "evidence/vendor_ci.csv", "points of AMD's own CI", "vendor_ci", "row_id",
              "accelerator model precision engine isl osl concurrency total_tps_per_gpu date"),
        _kind("mlperf", "evidence/mlperf.csv", "MLPerf Inference results", "mlperf", "id",
              "entry submitter accelerator accelerators model scenario per_accelerator unit"),
        _kind("published", "evidence/published.csv", "published tables", "vendor_tables", "id",
              "publisher_kind accelerator model precision metric value date"),
        _kind("agentic", "evidence/agentic.csv", "agentic trace replays", "agentic", "id",
              "accelerator model precision engine users total_tps_per_gpu date"),
        _kind("rent", "prices/rent.csv", "observed rental prices", "rent_prices", "id",
              "provider seller_class accelerator variant commitment usd_per_gpu_hour as_of flags"),
        _kind("history", "prices/history.csv", "dated price series", "price_history", "id",
              "date accelerator series usd_per_gpu_hour quote"),
        _kind("purchase", "prices/purchase.csv", "purchase prices", "purchase_prices", "id",
              "item basis condition low_usd typical_usd high_usd"),
        _kind("availability", "prices/availability.csv", "sellers and lead times", "availability",
              "accelerator variant", "providers_recent lead_time"),
        _kind("tco", "tco/parameters.csv", "power, facility, finance and staff", "tco", "parameter scope",
              "low typical high unit superseded"),
        FactKind("sizing", "sizing/parameters.csv", "parameters of sizing", _sizing, ("name",),
                 ("low", "value", "high", "unit")),
        _kind("decision", "decision/defaults.csv", "defaults of cost and decision", "decision_defaults", "name",
              "low value high unit"),
        _kind("risks", "risks/register.csv", "templates of the risk register", "risk_register", "id",
              "name likelihood_low likelihood likelihood_high effect_low effect effect_high effect_basis"),
        _kind("software", "software/support.csv", "engine support", "software", "engine architecture feature",
              "status since_version detail"),
        _kind("issues", "software/known_issues.csv", "known issues", "known_issues", "id",
              "severity state accelerators summary"),
        _kind("releases", "software/releases.csv", "software releases", "releases", "stack version", "date role note"),
        _kind("packages", "software/packages.csv", "package index state", "packages", "package",
              "latest_stable stable_date"),
        _kind("coverage", "software/benchmark_coverage.csv", "benchmarked configurations", "benchmark_coverage", "id",
              "config active accelerator precision engine"),
        _kind("roadmap", "roadmap/parts.csv", "what ships next", "roadmap", "id",
              "part status availability earliest latest disputed"),
        _kind("claims", "claims/claims.csv", "public claims", "claims", "id", "subject metric claimed unit finding"),
        _kind("conflicts", "claims/spec_conflicts.csv", "conflicting specifications", "spec_conflicts", "id",
              "accelerators verdict"),
    )
}  # fmt: skip


def kind_named(name: str) -> FactKind:
    """The kind of that name, or an InputError with a suggestion."""
    if name not in KINDS:
        hint = did_you_mean(name, KINDS) or f"; the kinds are {', '.join(KINDS)}"
        raise InputError(f'the catalog holds no kind "{name}"{hint}')
    return KINDS[name]


def row_key(kind: FactKind, row: Any) -> str:
    """The name of a row: its id, or its key parts joined by slashes."""
    return "/".join(str(getattr(row, part)) for part in kind.key).rstrip("/")


def find_row(catalog: Catalog, name: str, kind: FactKind | None = None) -> tuple[FactKind, Any]:
    """The row with that id, in one kind or in any."""
    kinds = [kind] if kind else list(KINDS.values())
    keys: list[str] = []
    for candidate in kinds:
        for row in candidate.rows(catalog):
            key = row_key(candidate, row)
            if key == name:
                return candidate, row
            keys.append(key)
    where = f"among {kind.title}" if kind else "in the catalog"
    raise InputError(f'nothing {where} is called "{name}"{did_you_mean(name, keys)}')


def row_fields(row: Any) -> list[tuple[str, Any]]:
    """(field, value) of a row, its provenance spelt out at the end."""
    found: list[tuple[str, Any]] = []
    last: list[tuple[str, Any]] = []
    if isinstance(row, Quantity):
        return [("source" if name == "source_id" else name, getattr(row, name)) for name in Quantity.model_fields]
    for item in fields(row) if is_dataclass(row) else ():
        value = getattr(row, item.name)
        if isinstance(value, Provenance):
            what = item.name.removesuffix("provenance")  # `memory_` of `memory_provenance`
            last += [(f"{what}source", value.source_id), (f"{what}as_of", value.as_of), (f"{what}kind", value.kind)]
            last += [(f"{what}confidence", value.confidence)] if value.confidence else []
        elif isinstance(value, dict):
            found += [(f"{item.name}.{key}", entry) for key, entry in value.items()]
        else:
            found.append((item.name, value))
    named = {name for name, _ in found}
    return found + [(name, value) for name, value in last if name not in named]


def newest(rows: Iterable[Any]) -> date | None:
    """Newest date that a row of these states."""
    days = (getattr(row, "date", None) or _as_of(row) for row in rows)
    return max((day for day in days if isinstance(day, date)), default=None)


def _as_of(row: Any) -> date | None:
    stated = row if isinstance(row, Quantity) else getattr(row, "provenance", None)
    return stated.as_of if isinstance(stated, Provenance | Quantity) else None
