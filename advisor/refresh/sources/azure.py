"""Azure's retail price interface, which needs no key: prices per virtual machine, by region, in USD.

Fields: currencyCode, retailPrice, armRegionName, armSkuName, meterName, productName, unitOfMeasure, effectiveStartDate,
type (Consumption, Reservation, DevTestConsumption), reservationTerm; pages are linked by NextPageLink. The price of a
reservation is that of the whole term. Linux and Windows share a meter name and differ by product name.
"""

from __future__ import annotations

import re
from urllib.parse import quote

from advisor.refresh.decode import json_of, label, listed, number
from advisor.refresh.offers import Facts, Offer, Parsed, usable_price
from advisor.refresh.sources.base import Item, Source

_HOURS = {"1 Year": 8760, "3 Years": 3 * 8760}
_TERMS = {"1 Year": "reserved_1y", "3 Years": "reserved_3y"}
_SIZES: tuple[tuple[re.Pattern[str], int, str], ...] = (
    (re.compile(r"Standard_ND96i?sr?_(H100|H200|MI300X)_v\d"), 8, ""),
    (re.compile(r"Standard_ND128i?sr_(?:NDR_)?(GB200|GB300)_v\d"), 4, ""),
    (re.compile(r"Standard_NC40ads_(H100)_v5"), 1, "nvl"),
    (re.compile(r"Standard_NC80adis_(H100)_v5"), 2, "nvl"),
)
"""GPUs of each size, from Azure's documentation of its GPU sizes; the NC series holds the NVL card."""
_PARTS = ("H100", "H200", "B200", "B300", "GB200", "GB300", "MI300X", "MI325X", "MI355X")


def parse(body: bytes, facts: Facts) -> Parsed:
    """Prices of one page."""
    out = Parsed()
    for row in listed(json_of(body), "Items"):
        sku, meter, product = (label(row.get(k), 80) for k in ("armSkuName", "meterName", "productName"))
        kind = row.get("type")
        if "Windows" in product or "Low Priority" in meter or kind not in ("Consumption", "Reservation"):
            out.ignored += 1
            continue
        size = next((s for s in _SIZES if s[0].fullmatch(sku)), None)
        found = size[0].fullmatch(sku) if size else None
        part = facts.part(found[1]) if found else None
        if size is None or part is None:
            out.refused[f"the size {sku or '(none)'} is not known: its number of GPUs is not in the answer"] += 1
            continue
        if row.get("currencyCode") != "USD":
            out.refused["not in USD"] += 1
            continue
        if row.get("unitOfMeasure") != "1 Hour":
            out.refused[f"the unit is {label(row.get('unitOfMeasure'), 20) or '(none)'}, not 1 Hour"] += 1
            continue
        if label(row.get("effectiveStartDate"), 10) > facts.today.isoformat():
            out.ignored += 1  # announced: the price of today is another row
            continue
        usd, commitment = number(row.get("retailPrice")), "spot" if "Spot" in meter else "on_demand"
        if kind == "Reservation":
            term = label(row.get("reservationTerm"))
            if term not in _HOURS:
                out.ignored += 1
                continue
            usd, commitment = None if usd is None else usd / _HOURS[term], _TERMS[term]
        price, reason = usable_price(usd, size[1])
        if price is None:
            out.refused[reason] += 1
            continue
        region = label(row.get("armRegionName"), 40)
        out.offers.append(
            Offer("azure", "", part[0], size[2] or part[1], commitment, price, size[1], sku, region,
                  facts.country(region), ("capacity_not_verified",))
        )  # fmt: skip
    return out


def next_page(body: bytes) -> str | None:
    """Address of the next page."""
    document = json_of(body)
    link = document.get("NextPageLink") if isinstance(document, dict) else None
    return link if isinstance(link, str) and link else None


def _question(part: str) -> str:
    filter_ = f"serviceName eq 'Virtual Machines' and contains(armSkuName, '_{part}_')"
    return "prices?api-version=2023-01-01-preview&$filter=" + quote(filter_)


SOURCE = Source(
    name="azure",
    title="Azure retail prices",
    data="prices",
    base="https://prices.azure.com/api/retail",
    items=tuple(Item(part.casefold(), _question(part), parse, next_page=next_page) for part in _PARTS),
    kind="list price",
)
