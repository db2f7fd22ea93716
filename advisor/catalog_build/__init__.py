"""Imports a drop of gathered data into `catalog/`: `python -m advisor.catalog_build --from DIR`."""
