"""The catalog and its parts, read once for all gate tests."""

from __future__ import annotations

from datetime import date

import pytest

from advisor.catalog import Catalog, load_catalog
from advisor.domain.rules import Chip, ExportRules
from advisor.engine.gates.export import chip_of
from advisor.engine.gates.place import unspecified_chip

TODAY = date(2026, 11, 21)


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return load_catalog()


@pytest.fixture(scope="session")
def rules(catalog: Catalog) -> ExportRules:
    return catalog.export


@pytest.fixture(scope="session")
def chips(catalog: Catalog) -> dict[str, Chip]:
    """All twelve parts by the id of their specification row."""
    found = {a.part_id: chip_of(a) for a in catalog.accelerators.values()}
    return found | {part: unspecified_chip(part) for part in catalog.incomplete_accelerators}
