"""The catalog: every kind of fact, read and checked when first asked for.

The types of the facts are imported with their readers, so that a run loads only the kinds that it asks for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from advisor.catalog import resources
from advisor.catalog.read import Layer, read_table
from advisor.catalog.tables import PARAMETERS, SOURCES, VENDOR_CI
from advisor.domain.errors import CatalogError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import date

    from advisor.catalog.gates import GateFacts
    from advisor.domain.claims import Claim, SpecConflict
    from advisor.domain.evidence import Measurement
    from advisor.domain.hardware import Accelerator
    from advisor.domain.market import (
        Availability,
        Commitment,
        PricePoint,
        PurchasePrice,
        RentMarket,
        RentPrice,
        SellerClass,
        TcoParameter,
    )
    from advisor.domain.model import ModelSpec
    from advisor.domain.provenance import Quantity, Source
    from advisor.domain.published import AgenticRun, MlperfResult, PublishedFigure
    from advisor.domain.register import RiskTemplate, RoadmapOption
    from advisor.domain.roadmap import RoadmapPart
    from advisor.domain.rules import ExportRules
    from advisor.domain.software import BenchmarkConfig, KnownIssue, Package, Release, SupportRow

T = TypeVar("T")
MARKETS = 4096
"""Rental markets that are kept."""
DERIVED = 4096
"""Derived facts that are kept."""


class Catalog:
    """Facts by kind; each attribute is read once, on first use, and raises CatalogError on a bad row.

    Parameters
    ----------
    known_by
        Software support, rules of software, cost parameters that are prices, and measured points beside curves are left
        out where dated later, as prices are where they are asked for; None keeps all.
    """

    def __init__(self, layers: Sequence[Layer], known_by: date | None = None) -> None:
        self.layers = tuple(layers)
        self.known_by = known_by
        self._markets: dict[tuple[object, ...], RentMarket] = {}
        self._derived: dict[tuple[object, ...], tuple[object, Any]] = {}

    def derived(self, key: tuple[object, ...], fact: object, make: Callable[[], T]) -> T:
        """What follows from one fact and is asked for with every profile, kept; made anew for another fact.

        Parameters
        ----------
        key
            What it is, its name first.
        fact
            The object that it follows from.
        """
        known = self._derived.get(key)
        if known is None or known[0] is not fact:
            if len(self._derived) >= DERIVED:
                self._derived.clear()
            known = self._derived[key] = fact, make()
        found: T = known[1]
        return found

    def models_called(self, name: str) -> tuple[ModelSpec, ...]:
        """Every model that a name may mean: an id, or what servers and measurements call it."""
        from advisor.domain.model_names import models_called

        models = self.models
        return self.derived(("models_called", name), models, lambda: models_called(name, models.values()))

    @cached_property
    def _hardware(self) -> tuple[dict[str, Accelerator], dict[str, str]]:
        from advisor.catalog.hardware import read_accelerators

        return read_accelerators(self.layers)

    @property
    def accelerators(self) -> dict[str, Accelerator]:
        """Accelerators by id, as the measurements spell it."""
        return self._hardware[0]

    @property
    def incomplete_accelerators(self) -> dict[str, str]:
        """Parts whose figures are not public, with the reason."""
        return self._hardware[1]

    @cached_property
    def _models(self) -> tuple[dict[str, ModelSpec], dict[str, str]]:
        from advisor.catalog.models import read_models

        return read_models(self.layers)

    @property
    def models(self) -> dict[str, ModelSpec]:
        """Models by id."""
        return self._models[0]

    @property
    def incomplete_models(self) -> dict[str, str]:
        """Models that lack what sizing needs, with the reason."""
        return self._models[1]

    @property
    def incomplete(self) -> dict[str, str]:
        """Parts and models that lack what sizing needs, with the reason."""
        return {**self.incomplete_accelerators, **self.incomplete_models}

    @cached_property
    def measurements(self) -> list[Measurement]:
        """Independent serving measurements."""
        from advisor.catalog.evidence import read_measurements

        return read_measurements(self.layers)

    @cached_property
    def measurements_of(self) -> Mapping[str, Sequence[Measurement]]:
        """Independent serving measurements by accelerator; none where it has no key."""
        out: dict[str, list[Measurement]] = {}
        for row in self.measurements:
            out.setdefault(row.accelerator, []).append(row)
        return out

    @cached_property
    def measured(self) -> Mapping[tuple[str, str], Sequence[Measurement]]:
        """Independent serving measurements by accelerator and model as measured; none where they have no key.

        Those that were made by the day of a judgement: what is shown beside estimates.
        """
        out: dict[tuple[str, str], list[Measurement]] = {}
        for row in (m for m in self.measurements if m.known_on(self.known_by)):
            out.setdefault((row.accelerator, row.model), []).append(row)
        return out

    @cached_property
    def source_of_row(self) -> Mapping[str, str]:
        """Source of each independent serving measurement, by its row id."""
        return {row.row_id: row.source_id for row in self.measurements}

    @cached_property
    def vendor_ci(self) -> list[Measurement]:
        """Points of AMD's own CI."""
        from advisor.catalog.evidence import read_measurements

        return read_measurements(self.layers, VENDOR_CI)

    @cached_property
    def rent_prices(self) -> list[RentPrice]:
        """Observed rental prices."""
        from advisor.catalog.market import read_rent

        return read_rent(self.layers)

    def rent_market(
        self,
        accelerator: str,
        seller_class: SellerClass,
        commitment: Commitment,
        as_of: date,
        countries: Collection[str] | None = None,
        *,
        without: Collection[str] = (),
        variant: str = "",
    ) -> RentMarket:
        """Low, typical and high rent; see `advisor.catalog.rent.rent_market`."""
        from advisor.catalog.rent import rent_market

        where = None if countries is None else frozenset(countries)
        barred = frozenset(without)
        key = (accelerator, seller_class, commitment, as_of, where, barred, variant)
        found = self._markets.get(key)
        if found is None:
            if len(self._markets) >= MARKETS:
                self._markets.clear()
            rows = self._rent_by_part.get(accelerator, ())
            found = rent_market(
                rows, accelerator, seller_class, commitment, as_of, where, without=barred, variant=variant
            )
            self._markets[key] = found
        return found

    @cached_property
    def _rent_by_part(self) -> Mapping[str, Sequence[RentPrice]]:
        out: dict[str, list[RentPrice]] = {}
        for row in self.rent_prices:
            out.setdefault(row.accelerator, []).append(row)
        return out

    @cached_property
    def price_history(self) -> list[PricePoint]:
        """Dated price series."""
        from advisor.catalog.market import read_price_history

        return read_price_history(self.layers)

    @cached_property
    def purchase_prices(self) -> list[PurchasePrice]:
        """Purchase prices."""
        from advisor.catalog.market import read_purchase

        return read_purchase(self.layers)

    @cached_property
    def tco(self) -> dict[tuple[str, str], TcoParameter]:
        """Cost parameters by (parameter, scope)."""
        from advisor.catalog.market import read_tco

        return read_tco(self.layers, self.known_by)

    @cached_property
    def availability(self) -> list[Availability]:
        """Sellers and lead times per accelerator."""
        from advisor.catalog.market import read_availability

        return read_availability(self.layers)

    @cached_property
    def export(self) -> ExportRules:
        """Export rules: destinations, thresholds with dates, licence matrix, events."""
        from advisor.catalog.export import read_export_rules

        return read_export_rules(self.layers)

    @cached_property
    def gate_facts(self) -> GateFacts:
        """Version floors, format traps, cooling, lead times and sellers' headquarters."""
        from advisor.catalog.gates import read_gate_facts

        return read_gate_facts(self.layers, self.known_by)

    @cached_property
    def decision_defaults(self) -> dict[str, Quantity]:
        """Defaults of cost, risk and decision by name."""
        from advisor.catalog.registers import read_defaults

        return read_defaults(self.layers)

    @cached_property
    def risk_register(self) -> tuple[RiskTemplate, ...]:
        """Templates of the risk register."""
        from advisor.catalog.registers import read_risks

        return read_risks(self.layers)

    @cached_property
    def roadmap_options(self) -> tuple[RoadmapOption, ...]:
        """Parts on the roadmap, as options with dates."""
        from advisor.catalog.registers import read_roadmap_options

        return read_roadmap_options(self.layers)

    @cached_property
    def mlperf(self) -> list[MlperfResult]:
        """MLPerf Inference results."""
        from advisor.catalog.context import read_mlperf

        return read_mlperf(self.layers)

    @cached_property
    def vendor_tables(self) -> list[PublishedFigure]:
        """Figures of published tables, of vendors and independents."""
        from advisor.catalog.context import read_published

        return read_published(self.layers)

    @cached_property
    def agentic(self) -> list[AgenticRun]:
        """Agentic trace replays."""
        from advisor.catalog.context import read_agentic

        return read_agentic(self.layers)

    @cached_property
    def software(self) -> list[SupportRow]:
        """Engine x architecture x feature."""
        from advisor.catalog.context import read_software
        from advisor.catalog.market import known_rows

        return known_rows(read_software(self.layers), self.known_by)

    @cached_property
    def known_issues(self) -> list[KnownIssue]:
        """Public problems with their state."""
        from advisor.catalog.context import read_issues

        return read_issues(self.layers)

    @cached_property
    def releases(self) -> list[Release]:
        """Releases of ROCm, CUDA and companions."""
        from advisor.catalog.context import read_releases

        return read_releases(self.layers)

    @cached_property
    def packages(self) -> list[Package]:
        """Package index state."""
        from advisor.catalog.context import read_packages

        return read_packages(self.layers)

    @cached_property
    def benchmark_coverage(self) -> list[BenchmarkConfig]:
        """Configurations that a public suite runs or ran."""
        from advisor.catalog.context import read_coverage

        return read_coverage(self.layers)

    @cached_property
    def roadmap(self) -> list[RoadmapPart]:
        """What ships next."""
        from advisor.catalog.context import read_roadmap

        return read_roadmap(self.layers)

    @cached_property
    def claims(self) -> list[Claim]:
        """Public claims."""
        from advisor.catalog.context import read_claims

        return read_claims(self.layers)

    @cached_property
    def spec_conflicts(self) -> list[SpecConflict]:
        """Conflicting public specifications and which figure is used."""
        from advisor.catalog.context import read_conflicts

        return read_conflicts(self.layers)

    @cached_property
    def sources(self) -> dict[str, Source]:
        """Cited sources by id, of the main list and of the folders that keep their own."""
        from advisor.catalog.sources import read_sources

        return read_sources(self.layers)

    @cached_property
    def parameters(self) -> list[dict[str, Any]]:
        """The dictionary of columns: table, path, column, type, unit, required, range, description."""
        columns = read_table(PARAMETERS, self.layers)
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the bytes of all files, layer by layer in sorted order."""
        whole = hashlib.sha256()
        for layer in self.layers:
            for path in sorted(p for p in layer.root.rglob("*") if p.is_file() and p.suffix in (".csv", ".toml")):
                data = path.read_bytes()
                whole.update(f"{path.relative_to(layer.root).as_posix()}\0{len(data)}\0".encode())
                whole.update(data)
        return whole.hexdigest()


def load_catalog(
    overlays: Sequence[Path] = (), *, root: Path | None = None, known_by: date | None = None
) -> Catalog:
    """The bundled catalog (or the one at `root`) with overlay folders laid over it, in order.

    An overlay holds files of the same relative paths; a row with the same key replaces the bundled one, a new key
    adds a row. Nothing is read before it is asked for. `known_by` is the day of a judgement, see `Catalog`.
    """
    base = root or resources.catalog_root()
    if not (base / SOURCES.path).is_file():
        raise CatalogError("is not a catalog: it holds no sources.csv", file=str(base))
    layers = [Layer(base, "catalog" if root is None else str(base))]
    for overlay in overlays:
        if not overlay.is_dir():
            what = "is a file; give the folder" if overlay.exists() else "no such folder"
            raise CatalogError(f"{what} of own catalog files", file=str(overlay))
        layers.append(Layer(overlay, str(overlay)))
    return Catalog(layers, known_by)
