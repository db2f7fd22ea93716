"""SkyPilot's public catalog: one CSV per cloud, a row per instance type and region, prices per instance.

Columns as of catalog v8: InstanceType, AcceleratorName, AcceleratorCount, vCPUs, MemoryGiB, Price, SpotPrice, Region,
GpuInfo; some clouds add UpstreamCloudId and AvailabilityZone, and the order differs. The files carry no date.
"""

from __future__ import annotations

from functools import partial

from advisor.refresh.decode import csv_rows, in_usd, label, number, whole
from advisor.refresh.offers import Facts, Offer, Parsed, usable_price
from advisor.refresh.sources.base import Item, Source

_COLUMNS = ("InstanceType", "AcceleratorName", "AcceleratorCount", "Price", "SpotPrice", "Region")
_CLOUDS = (
    "aws", "gcp", "oci", "lambda", "runpod", "nebius", "verda", "hyperstack", "jarvislabs", "cudo", "seeweb",
    "hyperbolic", "mithril", "daytona", "yotta", "vast", "lium", "spheron", "primeintellect", "shadeform",
)  # fmt: skip
_BROKERS = ("primeintellect", "shadeform")


def parse(body: bytes, facts: Facts, *, cloud: str) -> Parsed:
    """Prices of one cloud's file."""
    out = Parsed()
    for row in csv_rows(body, _COLUMNS):
        instance = label(row["InstanceType"], 60)
        part = facts.part(row["AcceleratorName"], instance)
        if part is None:
            out.ignored += 1
            continue
        if not in_usd(row):
            out.refused["not in USD"] += 1
            continue
        provider, channel, flags = _seller(cloud, instance, facts)
        if not instance:
            flags = (*flags, "gpu_only")
        gpus = whole(row["AcceleratorCount"])
        on_demand, spot = number(row["Price"]), number(row["SpotPrice"])
        if spot is not None and on_demand is not None and spot >= on_demand:
            spot = None  # a list without spot prices repeats the on-demand price
        listed = [(c, v) for c, v in (("on_demand", on_demand), ("spot", spot)) if v is not None]
        if not listed:
            out.refused["no price"] += 1
        for commitment, usd in listed:
            price, reason = usable_price(usd, gpus)
            if price is None or gpus is None:
                out.refused[reason] += 1
                continue
            region = label(row["Region"], 40)
            out.offers.append(
                Offer(
                    provider, channel, *part, commitment, price, gpus, instance, region, facts.country(region),
                    tuple(sorted({*flags, "capacity_not_verified", "date_inferred"})),
                )
            )  # fmt: skip
    return out


def _seller(cloud: str, instance: str, facts: Facts) -> tuple[str, str, tuple[str, ...]]:
    """(seller, broker, flags): a broker's instance types begin with the seller's name."""
    if cloud not in _BROKERS:
        return facts.seller(cloud), "", ()
    name = facts.seller(instance.partition("__")[0] if "__" in instance else instance.partition("_")[0])
    if name in facts.seller_classes:
        return name, cloud, ("reseller",)
    return cloud, "", ("reseller",)


def item(cloud: str) -> Item:
    """The file of one cloud."""
    return Item(cloud, f"catalogs/v8/{cloud}/vms.csv", partial(parse, cloud=cloud))


SOURCE = Source(
    name="skypilot",
    title="SkyPilot catalog",
    data="prices",
    base="https://raw.githubusercontent.com/skypilot-org/skypilot-catalog/master",
    items=tuple(map(item, _CLOUDS)),
    kind="list price",
    live=False,
    make=item,
)
