"""The importers, one module a kind; a new kind of data is a new module and a line here."""

from __future__ import annotations

from importlib import import_module

from advisor.catalog_build.drop import Importer

MODULES: tuple[str, ...] = (
    "hardware", "models", "evidence", "published", "prices", "tco", "software", "outlook", "export",
)  # fmt: skip
"""Modules of this package that define `IMPORTER`, in the order in which they run."""


def importers() -> list[Importer]:
    """All registered importers."""
    found: list[Importer] = []
    for name in MODULES:
        importer = import_module(f"advisor.catalog_build.{name}").IMPORTER
        if not isinstance(importer, Importer):
            raise TypeError(f"advisor.catalog_build.{name}.IMPORTER is not an Importer")
        found.append(importer)
    return found
