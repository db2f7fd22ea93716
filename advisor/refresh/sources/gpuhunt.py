"""gpuhunt's published catalog: per provider a `version` file and a zip with one CSV, prices per instance.

Columns: instance_name, location, price, cpu, memory, gpu_count, gpu_name, gpu_memory, spot, disk_size, gpu_vendor,
flags, cpu_arch, provider_data. The version begins with the day of collection (20260818-42).
"""

from __future__ import annotations

import re
from datetime import date
from functools import partial

from advisor.refresh.decode import SourceError, csv_rows, in_usd, label, member, number, text_of, whole
from advisor.refresh.offers import Facts, Offer, Parsed, usable_price
from advisor.refresh.sources.base import Item, Source

_COLUMNS = ("instance_name", "location", "price", "gpu_count", "gpu_name", "spot")
_PROVIDERS = ("aws", "azure", "gcp", "oci", "lambdalabs", "runpod", "nebius", "verda", "cloudrift")
_VERSION = re.compile(r"(\d{4})(\d{2})(\d{2})-\d{1,9}")


def parse(body: bytes, facts: Facts, *, provider: str) -> Parsed:
    """Prices of one provider's archive."""
    out = Parsed()
    for row in csv_rows(member(body, f"{provider}.csv"), _COLUMNS):
        instance = label(row["instance_name"], 60)
        part = facts.part(row["gpu_name"], instance)
        if part is None:
            out.ignored += 1
            continue
        if not in_usd(row):
            out.refused["not in USD"] += 1
            continue
        spot = row["spot"].strip().casefold()
        if spot not in ("true", "false"):
            out.refused["spot is neither true nor false"] += 1
            continue
        gpus = whole(row["gpu_count"])
        price, reason = usable_price(number(row["price"]), gpus)
        if price is None or gpus is None:
            out.refused[reason] += 1
            continue
        region = label(row["location"], 40)
        out.offers.append(
            Offer(
                facts.seller(provider), "", *part, "spot" if spot == "true" else "on_demand", price, gpus, instance,
                region, facts.country(region), ("capacity_not_verified",),
            )
        )  # fmt: skip
    return out


def follow(body: bytes, *, provider: str) -> str:
    """Path of the archive that a version file names."""
    version = text_of(body[:100]).strip()
    if _VERSION.fullmatch(version) is None:
        raise SourceError("the version file holds no version like 20260818-42")
    return f"{provider}/{version}/catalog.zip"


def version_day(address: str) -> date | None:
    """Day of collection, from the address of an archive."""
    found = _VERSION.search(address)
    try:
        return date(*map(int, found.groups())) if found else None
    except ValueError:
        return None


def item(name: str) -> Item:
    """The archive of one provider."""
    return Item(name, f"{name}/version", partial(parse, provider=name), follow=partial(follow, provider=name))


SOURCE = Source(
    name="gpuhunt",
    title="gpuhunt catalog",
    data="prices",
    base="https://dstack-gpu-pricing.s3.eu-west-1.amazonaws.com/v3",
    items=tuple(map(item, _PROVIDERS)),
    kind="list price",
    live=False,
    make=item,
)
