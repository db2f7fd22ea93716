"""The market of a class of sellers, drawn from single observed prices."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date
from statistics import median

from advisor.domain.market import Commitment, RentMarket, RentPrice, SellerClass

WINDOW_MONTHS = 5
"""Prices of the month of `as_of` and of the four before count as current: lists moved 15 to 50 % within
months in 2026, and fewer months leave too few sellers."""

FEW_SELLERS = 4
"""Fewer sellers are quotes, not a market."""

NOT_A_PRICE = frozenset(
    {
        "from_price", "floor_bid", "outlier", "test_fixture", "estimate", "low_trust", "currency_ambiguous",
        "not_orderable", "unnamed_seller", "marketing_page",
    }
)  # fmt: skip
"""Flags of rows that are shown but not counted."""

MEMBERS: dict[SellerClass, frozenset[str]] = {
    "neocloud": frozenset({"neocloud", "marketplace"}),
    "hyperscaler": frozenset({"hyperscaler"}),
    "serverless": frozenset({"serverless"}),
    "marketplace": frozenset({"marketplace"}),
}
_SHOWN = ("bundled", "gpu_only", "provider_mean", "sold_out", "uniform_list", "date_inferred", "secondhand")


def rent_market(
    prices: Iterable[RentPrice],
    accelerator: str,
    seller_class: SellerClass,
    commitment: Commitment,
    as_of: date,
    countries: Collection[str] | None = None,
    *,
    without: Collection[str] = (),
    variant: str = "",
    window_months: int = WINDOW_MONTHS,
) -> RentMarket:
    """Low, typical and high rent of an accelerator [USD per GPU-hour].

    One value per seller, the median of its prices in the newest month in which it was seen; typical is
    the median over sellers. `neocloud` includes marketplaces, which sell the same kind of machine.

    Parameters
    ----------
    as_of
        Rows dated later are ignored.
    countries
        ISO codes: rows that name other countries only are left out; rows that name none are counted, and the
        result is flagged `country_unknown`. None counts everything.
    without
        Providers that may not be rented from.
    variant
        "pcie" or "nvl" for those forms; by default the SXM or OAM part, or one not further described.

    Where nothing lies inside the window the newest older prices are used and the result is flagged `stale`.
    """
    members = MEMBERS[seller_class]
    variants = {"", "sxm"} if not variant else {variant}
    matching = [
        p
        for p in prices
        if p.accelerator == accelerator
        and p.commitment == commitment
        and p.seller_class in members
        and p.variant in variants
        and p.as_of <= as_of
    ]
    left_out: dict[str, str] = {}
    usable: list[RentPrice] = []
    for price in matching:
        reason = _why_not(price, countries, without)
        if reason:
            left_out[price.id] = reason
        else:
            usable.append(price)
    first = _months_back(as_of, window_months - 1)
    current = [price for price in usable if price.as_of >= first]
    counted, flags = (current, set[str]()) if current else (usable, {"stale"} if usable else set())
    left_out |= {p.id: f"older than {first.isoformat()}" for p in usable if current and p.as_of < first}
    sellers, rows = _per_seller(counted)
    flags |= {code for row in rows for code in row.flags if code in _SHOWN}
    if 0 < len(sellers) < FEW_SELLERS:
        flags.add("few_sellers")
    if countries is not None and any(not row.countries for row in rows):
        flags.add("country_unknown")
    values = [value for _, value in sellers]
    return RentMarket(
        accelerator=accelerator,
        seller_class=seller_class,
        commitment=commitment,
        as_of=as_of,
        low=values[0] if values else None,
        typical=median(values) if values else None,
        high=values[-1] if values else None,
        sellers=tuple(sellers),
        newest=max((row.as_of for row in rows), default=None),
        row_ids=tuple(sorted(row.id for row in rows)),
        left_out=tuple(sorted(left_out.items())),
        flags=tuple(sorted(flags)),
        source_ids=tuple(sorted({row.provenance.source_id for row in rows})),
    )


def _why_not(price: RentPrice, countries: Collection[str] | None, without: Collection[str]) -> str:
    if price.provider in without:
        return "provider left out by the profile"
    barred = sorted(NOT_A_PRICE.intersection(price.flags))
    if barred:
        return barred[0]
    if countries is not None and price.countries and not set(price.countries) & set(countries):
        return f"offered in {', '.join(price.countries)}"
    return ""


def _per_seller(prices: list[RentPrice]) -> tuple[list[tuple[str, float]], list[RentPrice]]:
    """((seller, USD per GPU-hour) cheapest first, the rows behind them)."""
    by_seller: dict[str, list[RentPrice]] = {}
    for price in prices:
        by_seller.setdefault(price.provider, []).append(price)
    sellers: list[tuple[str, float]] = []
    rows: list[RentPrice] = []
    for name, seen in by_seller.items():
        newest = max((p.as_of.year, p.as_of.month) for p in seen)
        latest = _not_superseded([p for p in seen if (p.as_of.year, p.as_of.month) == newest])
        sellers.append((name, median(p.usd_per_gpu_hour for p in latest)))
        rows += latest
    return sorted(sellers, key=lambda s: (s[1], s[0])), rows


def _not_superseded(prices: list[RentPrice]) -> list[RentPrice]:
    """Without the list prices of a month that a refresh of the same seller came after; own quotes stay."""
    refreshed = max((p.as_of for p in prices if "refreshed" in p.flags), default=None)
    if refreshed is None:
        return prices
    return [p for p in prices if p.as_of >= refreshed or p.provenance.kind in ("quote", "user")]


def _months_back(day: date, months: int) -> date:
    """First day of the month that lies `months` before that of `day`.

    >>> _months_back(date(2026, 2, 14), 4)
    datetime.date(2025, 10, 1)
    """
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, 1)
