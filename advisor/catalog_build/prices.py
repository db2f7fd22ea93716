"""What it costs to rent and buy: `prices/cloud_prices.csv`, history, purchase prices, availability."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date

from advisor.catalog.tables import AVAILABILITY, PRICE_HISTORY, PURCHASE, RENT
from advisor.catalog_build.drop import Drop, Importer, Output, cell, number, parse_day, row_ids, whole
from advisor.catalog_build.names import accelerator, accelerators_in

_SAME_SELLER = {
    "datacrunch": "verda", "vast-ai": "vast", "thunder-compute": "thundercompute",
    "jarvis-labs": "jarvislabs", "packet-ai": "packet.ai",
}  # fmt: skip
"""Spellings and former names (DataCrunch became Verda)."""

_HYPERSCALERS = {"aws", "azure", "gcp", "oci"}
_SERVERLESS = {"baseten", "cerebrium", "fal", "fireworks", "koyeb", "modal", "replicate"}
_MARKETPLACES = {"akash", "lium", "primeintellect", "spheron", "vast"}
"""Sellers whose own rows are called a marketplace in the data; everybody else is a neocloud."""

_FLAGS: tuple[tuple[str, str], ...] = (
    (r"\"from\"|\bstarting at\b|as low as", "from_price"),
    (r"floor bid|spot floor", "floor_bid"),
    (r"OUTLIER", "outlier"),
    (r"fixture", "test_fixture"),
    (r"ESTIMATE", "estimate"),
    (r"low trust", "low_trust"),
    (r"currency ambiguous", "currency_ambiguous"),
    (r"not orderable", "not_orderable"),
    (r"= sold out", "sold_out"),
    (r"GPU component only", "gpu_only"),
    (r"bundled", "bundled"),
    (r"mean of that provider", "provider_mean"),
    (r"reseller/aggregator", "reseller"),
    (r"secondary source|quoted by", "secondhand"),
    (r"all regions \(uniform list\)|same price everywhere", "uniform_list"),
    (r"capacity not verified|not proof of capacity", "capacity_not_verified"),
    (r"marketing page", "marketing_page"),
    (r"\bcommunity\b", "community_tier"),
    (r"date inferred|undated", "date_inferred"),
)

_CONFIDENCE: tuple[tuple[str, str], ...] = (
    ("repository was not recorded", "low"),
    ("address not recorded", "low"),
    ("cliffcenter", "low"),
    ("gpu.blog", "low"),
    ("tokenwatt", "low"),
)


def run(drop: Drop, out: Output) -> None:
    """Import all four price files."""
    _rent(drop, out)
    _history(drop, out)
    _purchase(drop, out)
    _availability(drop, out)


def seller(name: str) -> tuple[str, str]:
    """(canonical seller, channel) of a provider's name.

    >>> seller("datacrunch (primeintellect)")
    ('verda', 'primeintellect')
    """
    base, _, rest = name.partition(" (")
    return _SAME_SELLER.get(base, base), rest.rstrip(")")


def seller_class(name: str) -> str:
    """Class of a canonical seller."""
    if name in _HYPERSCALERS:
        return "hyperscaler"
    if name in _SERVERLESS:
        return "serverless"
    return "marketplace" if name in _MARKETPLACES else "neocloud"


def _rent(drop: Drop, out: Output) -> None:
    rows = drop.rows("prices/cloud_prices.csv")
    prices: list[dict[str, object]] = []
    left_out: Counter[str] = Counter()
    for row in rows:
        part = accelerator(row["accelerator"])
        if part is None:
            left_out[f"{row['accelerator']}: not in the catalog"] += 1
            continue
        prices.append(_rent_row(row, part, out))
    identity = [name for name in RENT.names if name not in ("id", "flags", "note", "confidence")]
    prices.sort(key=lambda p: [cell(p.get(n)) for n in ("accelerator", "seller_class", "provider", *identity)])
    ids = row_ids("rent", ["|".join(cell(p.get(n)) for n in identity) for p in prices])
    for price, row_id in zip(prices, ids, strict=True):
        price["id"] = row_id
    out.table(RENT, prices, sort=False)
    out.note("prices/cloud_prices.csv", len(rows), RENT.path, len(prices), left_out)


def _rent_row(row: dict[str, str], part: tuple[str, str], out: Output) -> dict[str, object]:
    provider, channel = seller(row["provider"])
    note = row["availability_note"]
    as_of, exact = parse_day(row["as_of"])
    said = f"{note} {row['as_of']} {row['region']}"
    reserved = row["pricing_model"].startswith("reserved")
    flags = {code for pattern, code in _FLAGS if re.search(pattern, said)}
    if reserved:
        # a "from" price with a commitment is that commitment's price
        flags.discard("from_price")
    if provider == "(unnamed)":
        flags.add("unnamed_seller")
    if exact != "day":
        flags.add("date_inferred")
    source = row["source_ref"]
    return {
        "provider": provider.strip("()"),
        "channel": channel,
        "seller_class": seller_class(provider),
        "accelerator": part[0],
        "variant": part[1],
        "commitment": row["pricing_model"],
        "usd_per_gpu_hour": number(row["price_per_gpu_hour_usd"]),
        "gpus_per_instance": whole(row["gpus_per_instance"]),
        "instance_type": row["instance_type"],
        "region": row["region"] if len(row["region"]) <= 40 else row["region"].split(" ", maxsplit=1)[0],
        "countries": _countries(row["country"], row["region"]),
        "as_of": as_of,
        "flags": sorted(flags),
        "source": out.sources.cite(source, as_of=as_of, kind="list price"),
        "kind": _rent_kind(flags, provider),
        "confidence": next((c for key, c in _CONFIDENCE if key in source), "medium"),
        "note": _rent_note(note, row["as_of"] if exact != "day" else ""),
    }


def _rent_kind(flags: set[str], provider: str) -> str:
    if "estimate" in flags:
        return "estimate"
    if "unnamed_seller" in flags or provider == "wafer-quoted":
        return "press"
    return "index" if "provider_mean" in flags else "list price"


def _rent_note(note: str, as_of: str) -> str:
    page = re.search(r"page (https?://\S+)", note)
    text = page[1] if page else note
    for boilerplate in ("machine-written copy of the provider price page", "mean of that provider's offers"):
        if text.startswith(boilerplate):
            text = ""
    return "; ".join(part for part in (text, f"dated {as_of}" if as_of else "") if part)


def _countries(country: str, region: str) -> list[str]:
    """ISO codes from the country cell and from codes that the region spells out."""
    if country == "multi" or "/" in region:
        codes = [code for code in re.findall(r"\b[A-Z]{2}\b", region) if code != "GPU"]
        if codes:
            return sorted(set(codes))
    return [country] if re.fullmatch(r"[A-Z]{2}", country) else []


def _history(drop: Drop, out: Output) -> None:
    rows = drop.rows("prices/price_history.csv")
    points: list[dict[str, object]] = []
    left_out: Counter[str] = Counter()
    for row in rows:
        part = accelerator(row["accelerator"])
        day, _ = parse_day(row["date"])
        if part is None or day is None:
            left_out[f"{row['accelerator']}: not in the catalog" if part is None else "undated"] += 1
            continue
        points.append(
            {
                "date": day, "accelerator": part[0], "variant": part[1], "series": row["series"],
                "usd_per_gpu_hour": number(row["usd_per_gpu_hour"]), "quote": row["kind"],
                "source": out.sources.cite(row["source_ref"], as_of=day, kind="list price"),
                "kind": "index" if row["kind"] == "index" else "list price",
                "confidence": "medium",
                "note": row["note"] if len(row["note"]) <= 120 else "",
            }
        )  # fmt: skip
    order = ("accelerator", "variant", "series", "date", "usd_per_gpu_hour", "quote", "source")
    points.sort(key=lambda p: [cell(p.get(n)) for n in order])
    for point, row_id in zip(points, row_ids("ph", ["|".join(cell(p[n]) for n in order) for p in points]), strict=True):
        point["id"] = row_id
    out.table(PRICE_HISTORY, points, sort=False)
    out.note("prices/price_history.csv", len(rows), PRICE_HISTORY.path, len(points), left_out)


_PURCHASE_KIND = {"street": "list price", "list": "list price", "analyst": "analyst", "estimate": "estimate"}


def _purchase(drop: Drop, out: Output) -> None:
    rows = drop.rows("prices/purchase_prices.csv")
    prices: list[dict[str, object]] = []
    for row in rows:
        as_of, _ = parse_day(row["as_of"])
        derived = "DERIVED" in row["notes"]
        named = accelerators_in(row["item"]) if _purchase_basis(row) != "other" else []
        for name in named or [""]:
            slug = re.sub(r"[^a-z0-9]+", "-", row["item"].split(":", maxsplit=1)[0].casefold()).strip("-")
            suffix = "all-in" if derived else ""
            prices.append(
                {
                    "id": "-".join(p for p in ("buy", slug[:40], suffix, name if len(named) > 1 else "") if p),
                    "item": row["item"], "accelerator": name, "basis": _purchase_basis(row),
                    "condition": "used" if " used" in row["item"] else "new", "unit": row["unit"],
                    "low_usd": number(row["low_usd"]), "typical_usd": number(row["typical_usd"]),
                    "high_usd": number(row["high_usd"]),
                    "source": out.sources.cite(row["source_ref"], as_of=as_of, kind=_PURCHASE_KIND[row["kind"]]),
                    "as_of": as_of, "kind": "derived" if derived else _PURCHASE_KIND[row["kind"]],
                    "confidence": "low", "note": _purchase_note(row["notes"]),
                }
            )  # fmt: skip
    out.table(PURCHASE, prices)
    out.note("prices/purchase_prices.csv", len(rows), PURCHASE.path, len(prices), {})


def _purchase_basis(row: dict[str, str]) -> str:
    item, unit = row["item"], row["unit"]
    if "switch" in unit or "licence" in item.casefold() or unit.startswith("%") or "content" in item:
        return "other"
    if "all-in" in item:
        return "gpu_all_in" if unit.startswith("per GPU") else "node_all_in"
    if unit in ("per server", "per system"):
        return "server"
    return {"per GPU": "gpu", "per node": "node_all_in", "per rack": "rack"}.get(unit, "other")


def _purchase_note(text: str) -> str:
    if text.startswith("DERIVED"):
        return "derived: hyperscaler cost per hour x 35,040 h x 0.8; low discounts at 10 %; not a quote"
    first = text.split("; ", maxsplit=1)[0]
    return first if len(first) <= 140 else first[:137].rsplit(" ", 1)[0] + " ..."


def _availability(drop: Drop, out: Output) -> None:
    rows = drop.rows("prices/availability.csv")
    kept: list[dict[str, object]] = []
    left_out: Counter[str] = Counter()
    for row in rows:
        part = accelerator(row["accelerator"])
        if part is None:
            left_out[f"{row['accelerator']}: not in the catalog"] += 1
            continue
        as_of, _ = parse_day(row["as_of"])
        kept.append(
            {
                "accelerator": part[0], "variant": part[1], "providers_ever": whole(row["provider_count"]),
                "providers_recent": whole(row["provider_count_since_2026_07"]),
                "recent_since": date(2026, 7, 1),
                "providers": [p.strip() for p in row["providers_since_2026_07"].split(";") if p.strip()],
                "lead_time": row["lead_time_statements"],
                "source": out.sources.cite(
                    f"price survey of {row['as_of'][:10]}, with the sources named in each statement",
                    as_of=as_of, kind="derived", name="price-survey",
                ),
                "as_of": as_of, "kind": "derived", "confidence": "low",
            }
        )  # fmt: skip
    out.table(AVAILABILITY, kept)
    out.note("prices/availability.csv", len(rows), AVAILABILITY.path, len(kept), left_out)


IMPORTER = Importer(
    "prices",
    ("prices/cloud_prices.csv", "prices/price_history.csv", "prices/purchase_prices.csv", "prices/availability.csv"),
    run,
)
