"""The bundled estimator and small worlds of measurements for its tests, loaded once."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import cache

from advisor.catalog import Catalog, load_catalog
from advisor.catalog.resources import catalog_root
from advisor.domain.estimate import OperatingQuery
from advisor.domain.evidence import Measurement
from advisor.domain.hardware import Accelerator
from advisor.engine.estimator import Estimator, Fit, fit_from_text

AS_OF = date(2026, 11, 21)


@cache
def catalog() -> Catalog:
    """The bundled catalog without overlays."""
    return load_catalog(())


@cache
def evidence() -> tuple[Measurement, ...]:
    """Independent measurements and vendor CI."""
    return (*catalog().measurements, *catalog().vendor_ci)


@cache
def bundled_fit() -> Fit:
    """The fit that ships."""
    folder = catalog_root() / "fit"
    return fit_from_text((folder / "parameters.json").read_text(), (folder / "weights.csv").read_text())


@cache
def bundled_estimator() -> Estimator:
    """The estimator over the bundled evidence."""
    return Estimator(bundled_fit(), evidence(), catalog().models, catalog().accelerators, AS_OF)


def estimator_with(
    *, accelerators: dict[str, Accelerator] | None = None, probes: tuple[Measurement, ...] = ()
) -> Estimator:
    """The bundled estimator with accelerators laid over the catalog's, or with own measurements."""
    parts = {**catalog().accelerators, **(accelerators or {})}
    return Estimator(bundled_fit(), (*evidence(), *probes), catalog().models, parts, AS_OF)


def query(accelerator: str = "b200", model: str = "llama3.3-70b", **more: object) -> OperatingQuery:
    """A fully stated query, with changes."""
    base = OperatingQuery(
        accelerator=accelerator, model=catalog().models[model], precision="fp8", isl=1024, osl=1024, concurrency=32,
        engine="vllm", spec_method="none", disagg=False, tp=4, ep=1, dp_attention=False, gpus=4,
    )  # fmt: skip
    return replace(base, **more)  # type: ignore[arg-type]


def query_of(m: Measurement) -> OperatingQuery:
    """The query that a measurement answers."""
    models = bundled_estimator().models
    return OperatingQuery(
        accelerator=m.accelerator, model=replace(models[m.model], id=m.model), precision=m.precision, isl=m.isl,
        osl=m.osl, concurrency=m.concurrency, engine=m.engine, spec_method=m.spec_method, disagg=m.disagg,
        tp=m.tp or None, ep=m.ep or None, dp_attention=m.dp_attention, gpus=m.gpus,
    )  # fmt: skip
