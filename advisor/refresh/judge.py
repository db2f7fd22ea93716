"""Outliers: a refreshed price under half or over double the median of its class is kept and shown, not used."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from advisor.catalog.rent import rent_market
from advisor.domain.market import RentPrice, SellerClass

LOW, HIGH = 0.5, 2.0
FAR_LOW = 0.1
"""Where a class has no median, the part's on-demand price is the bound: under a tenth or over double of that is out."""
OUTLIER, CONFIRMED = "outlier", "confirmed"


@dataclass(frozen=True, slots=True)
class Judged:
    """A refreshed price with its flags, and what it was held against."""

    price: RentPrice
    reference_usd: float | None
    """Median of its class without its own refreshed prices, or the part's on-demand price where there is none and it
    is far off; None where there is nothing to hold it against."""

    @property
    def out(self) -> bool:
        """Whether it is kept out of the market."""
        return OUTLIER in self.price.flags

    @property
    def factor(self) -> float | None:
        """Price over the median."""
        return self.price.usd_per_gpu_hour / self.reference_usd if self.reference_usd else None


def judge_prices(
    refreshed: Sequence[RentPrice], held: Iterable[RentPrice], confirmed: Collection[str], as_of: date
) -> list[Judged]:
    """Flag each refreshed price against the median of its class.

    The class is accelerator, form, commitment and sort of seller; its median is over sellers, of the prices held
    before the refresh where they are recent enough, so that a source that is wrong as a whole stands out; else of what
    other sellers list now. Where a class has no other seller, all sorts of sellers of the same commitment are taken;
    where there are none of these either, the part's on-demand price bounds what can be true.
    """
    by_part: dict[str, list[RentPrice]] = {}
    for price in held:
        by_part.setdefault(price.accelerator, []).append(price)
    fresh: dict[str, list[RentPrice]] = {}
    for price in refreshed:
        fresh.setdefault(price.accelerator, []).append(price)
    cache: dict[tuple[str, ...], float | None] = {}
    anchors: dict[tuple[str, ...], float | None] = {}
    out: list[Judged] = []
    for price in refreshed:
        key = (price.accelerator, price.variant, price.commitment, price.seller_class, price.provider)
        if key not in cache:
            before = by_part.get(price.accelerator, [])
            others = [p for p in fresh[price.accelerator] if p.provider != price.provider]
            cache[key] = _reference(price, before, others, as_of)
        reference = cache[key]
        if reference is None:
            listed = replace(price, variant="", commitment="on_demand")
            anchors.setdefault(key, _reference(listed, by_part.get(price.accelerator, []), [], as_of))
            reference = _far(price, anchors[key])
        out.append(_judged(price, reference, confirmed))
    return out


def _far(price: RentPrice, anchor: float | None) -> float | None:
    """The on-demand price of the part, where this one is too far from it to be true; else None."""
    if anchor is None or FAR_LOW <= price.usd_per_gpu_hour / anchor <= HIGH:
        return None
    return anchor


def _judged(price: RentPrice, reference: float | None, confirmed: Collection[str]) -> Judged:
    flags = set(price.flags) - {OUTLIER, CONFIRMED}
    if reference is not None and not LOW <= price.usd_per_gpu_hour / reference <= HIGH:
        flags.add(CONFIRMED if price.id in confirmed else OUTLIER)
    return Judged(replace(price, flags=tuple(sorted(flags))), reference)


def _reference(price: RentPrice, held: list[RentPrice], others: list[RentPrice], as_of: date) -> float | None:
    own: SellerClass = price.seller_class
    classes: tuple[tuple[SellerClass, ...], ...] = ((own,), ("neocloud", "hyperscaler", "serverless"))
    for group in classes:
        for prices in (held, [*held, *others]):
            values: list[float] = []
            for seller_class in dict.fromkeys(group):
                market = rent_market(
                    prices, price.accelerator, seller_class, price.commitment, as_of, variant=_form(price)
                )
                if "stale" not in market.flags:
                    values += [value for _, value in market.sellers]
            if values:
                values.sort()
                middle = len(values) // 2
                return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2
    return None


def _form(price: RentPrice) -> str:
    return price.variant if price.variant in ("pcie", "nvl") else ""
