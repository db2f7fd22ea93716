"""The facts that the advice rests on: read, checked, each with its source, date and kind."""

from __future__ import annotations

from advisor.catalog.store import Catalog, load_catalog

__all__ = ["Catalog", "load_catalog"]
