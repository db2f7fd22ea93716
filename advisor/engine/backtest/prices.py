"""Prices at which the decision score ranks accelerators."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from statistics import median

from advisor.domain.market import RentPrice

VARIANTS = ("", "sxm")
"""The parts that were measured: not the PCIe and NVL cards that share a name with them."""


def on_demand_prices(prices: Iterable[RentPrice]) -> dict[str, float]:
    """Median on-demand price of the neoclouds [USD per GPU and hour], each provider counted once."""
    by: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for p in prices:
        if p.commitment == "on_demand" and p.seller_class == "neocloud" and p.variant in VARIANTS:
            by[p.accelerator][p.provider].append(p.usd_per_gpu_hour)
    return {name: median(median(own) for own in sellers.values()) for name, sellers in sorted(by.items())}
