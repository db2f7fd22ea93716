"""What a GPU-hour costs: the user's quote, a market, a derived or an analyst's price, each with its firmness.

A price interval is read as an 80 % interval. Where one to three sellers quote, it is at least as wide as the
spread between sellers is where there is a market; where prices are older than the limit, the drift that the price
history shows is added.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date
from statistics import quantiles

from advisor.catalog import Catalog
from advisor.domain.cost import PriceBasis
from advisor.domain.market import Commitment as MarketCommitment
from advisor.domain.market import PricePoint, RentMarket, SellerClass
from advisor.domain.normal import Z80
from advisor.domain.profile import Profile, Quote
from advisor.domain.record import record
from advisor.domain.text import percent
from advisor.engine.gates.residency import barred_name, left_out

MIN_SERIES_DAYS = 14
DRIFT_DAYS = 60.0
ANALYST_SCOPE = 'InferenceX "retail tier" price'
ANALYST_LOW = "InferenceX rental, 3-yr contract 25% upfront"
RESERVED_DISCOUNT = {"reserved_1y": "reserved discount 1-yr", "reserved_3y": "reserved discount 3-yr"}
LOOSE_COMMITMENTS: tuple[MarketCommitment, ...] = ("reserved_2y", "reserved_unspecified")


@record
class MarketSpread:
    """How prices vary between sellers and over time, over the whole catalog."""

    seller_sigma: float
    """Log-standard deviation between sellers, where four or more list the same."""
    drift_sigma: float
    """Log-standard deviation of the change of a listed price in 60 days."""
    markets: int
    series: int


@record
class _Where:
    """Whose prices count."""

    countries: frozenset[str] | None
    """ISO codes; None is anywhere."""
    without: frozenset[str]
    """Providers that the profile leaves out."""


@record
class _Raw:
    """A price before its interval is widened."""

    low: float
    typical: float
    high: float
    sellers: int
    firmness: str
    newest: date | None
    text: str
    source_ids: tuple[str, ...]
    row_ids: tuple[str, ...]


def market_spread(catalog: Catalog, as_of: date) -> MarketSpread:
    """Spread between sellers and drift over time; computed once for a catalog and a date."""
    cache: dict[date, MarketSpread] = catalog.__dict__.setdefault("_market_spread", {})
    if as_of not in cache:
        cache[as_of] = _market_spread(catalog, as_of)
    return cache[as_of]


def _market_spread(catalog: Catalog, as_of: date) -> MarketSpread:
    squares: list[float] = []
    markets = 0
    for accelerator in sorted({p.accelerator for p in catalog.rent_prices}):
        market = catalog.rent_market(accelerator, "neocloud", "on_demand", as_of)
        if market.n >= 4 and market.typical:
            markets += 1
            squares += [math.log(price / market.typical) ** 2 for _, price in market.sellers]
    changes = series_changes(catalog.price_history, as_of)
    drift = [change**2 * DRIFT_DAYS / days for change, days in changes]
    return MarketSpread(
        seller_sigma=math.sqrt(sum(squares) / len(squares)) if squares else 0.0,
        drift_sigma=math.sqrt(sum(drift) / len(drift)) if drift else 0.0,
        markets=markets,
        series=len(changes),
    )


def series_changes(
    history: Sequence[PricePoint], as_of: date, min_days: int = MIN_SERIES_DAYS
) -> list[tuple[float, int]]:
    """(log change from first to last, days between) of each on-demand or index series."""
    by_series: dict[tuple[str, str, str], list[PricePoint]] = {}
    for point in history:
        if point.quote != "spot" and point.date <= as_of:
            by_series.setdefault((point.accelerator, point.variant, point.series), []).append(point)
    out: list[tuple[float, int]] = []
    for key in sorted(by_series):
        points = sorted(by_series[key], key=lambda p: (p.date, p.id))
        days = (points[-1].date - points[0].date).days
        if days >= min_days:
            out.append((math.log(points[-1].usd_per_gpu_hour / points[0].usd_per_gpu_hour), days))
    return out


def best_quote(
    profile: Profile, accelerator: str, kind: str, commitment: str, without: Collection[str] = ()
) -> Quote | None:
    """The cheapest quote in hand for a commitment, not of a provider left out; `any` counts for each of them."""
    fitting = [
        q
        for q in profile.procurement.quotes
        if q.accelerator == accelerator and q.kind == kind and (kind == "buy" or q.commitment in ("any", commitment))
        and not barred_name(q.provider, without)
    ]
    return min(fitting, key=lambda q: (q.usd, q.provider), default=None)


def rent_basis(
    profile: Profile,
    accelerator: str,
    commitment: str,
    seller: SellerClass,
    catalog: Catalog,
    as_of: date,
    countries: Collection[str] | None,
) -> PriceBasis | None:
    """Rent of one accelerator under one commitment from one class of sellers; None where no price is found."""
    barred = left_out(profile, catalog)
    quote = best_quote(profile, accelerator, "rent", commitment, barred)
    if quote is not None:
        sigma = catalog.decision_defaults["user_quote_sigma"].value
        return quote_basis(quote, "USD/GPU-h", sigma, as_of)
    cache: dict[object, PriceBasis | None] = catalog.__dict__.setdefault("_rent_basis", {})
    where = _Where(None if countries is None else frozenset(countries), barred)
    key = (accelerator, commitment, seller, as_of, where.countries, where.without)
    if key not in cache:
        raw = _raw_price(accelerator, commitment, seller, catalog, as_of, where)
        cache[key] = None if raw is None or raw.low <= 0 else widen(raw, catalog, as_of)
    return cache[key]


def quote_basis(quote: Quote, unit: str, sigma: float, as_of: date) -> PriceBasis:
    """A quote in hand as a price."""
    who = f" from {quote.provider}" if quote.provider else ""
    age = None if quote.as_of is None else (as_of - quote.as_of).days
    dated = "" if quote.as_of is None else f", dated {quote.as_of.isoformat()}"
    return PriceBasis(
        unit=unit,
        low=quote.usd * math.exp(-Z80 * sigma),
        typical=quote.usd,
        high=quote.usd * math.exp(Z80 * sigma),
        sellers=1,
        firmness="user quote",
        newest=quote.as_of,
        age_days=age,
        text=f"your quote{who}: USD {quote.usd:,.2f}{dated}",
        source_ids=("profile",),
    )


def _raw_price(
    accelerator: str,
    commitment: str,
    seller: SellerClass,
    catalog: Catalog,
    as_of: date,
    where: _Where,
) -> _Raw | None:
    if commitment in ("on_demand", "spot"):
        return _listed(accelerator, _market(commitment), seller, catalog, as_of, where)
    observed = _listed(accelerator, _market(commitment), seller, catalog, as_of, where)
    derived = _discounted(accelerator, commitment, seller, catalog, as_of, where)
    if observed is None and commitment == "reserved_3y" and seller == "neocloud":
        observed = _analyst(accelerator, catalog, as_of)
    if observed is None:
        return derived
    if observed.sellers >= 4 or derived is None:
        return observed
    return replace(
        observed,
        low=min(observed.low, derived.low, derived.typical),
        high=max(observed.high, derived.typical),
        text=f"{observed.text}; on-demand less the usual discount is USD {derived.typical:,.2f}",
        source_ids=tuple(sorted({*observed.source_ids, *derived.source_ids})),
        row_ids=tuple(sorted({*observed.row_ids, *derived.row_ids})),
    )


def _market(commitment: str) -> MarketCommitment:
    known: dict[str, MarketCommitment] = {
        "on_demand": "on_demand", "spot": "spot", "reserved_1y": "reserved_1y", "reserved_3y": "reserved_3y",
    }  # fmt: skip
    return known[commitment]


def _listed(
    accelerator: str, commitment: MarketCommitment, seller: SellerClass, catalog: Catalog, as_of: date, where: _Where
) -> _Raw | None:
    """What the sellers that may be rented from list."""
    market = catalog.rent_market(accelerator, seller, commitment, as_of, where.countries, without=where.without)
    raw = _observed(market)
    if raw is None or not where.without:
        return raw
    homeless = [name for name, _ in market.sellers if name not in catalog.gate_facts.sellers]
    text = f"{raw.text}; providers with headquarters in the United States left out"
    if homeless:
        text += f", those of {', '.join(homeless)} not known"
    return replace(raw, text=text)


def _observed(market: RentMarket) -> _Raw | None:
    if market.typical is None or market.low is None or market.high is None:
        return None
    values = [price for _, price in market.sellers]
    low, high = market.low, market.high
    if len(values) >= 4:
        deciles = quantiles(values, n=10, method="inclusive")
        low, high = deciles[0], deciles[-1]
    sellers = f"{market.n} seller{'s' if market.n > 1 else ''}"
    named = ", ".join(f"{name} {price:,.2f}" for name, price in market.sellers[:4])
    more = "" if market.n <= 4 else f" and {market.n - 4} more"
    stale = "; only older prices exist" if "stale" in market.flags else ""
    bundled = "; bundled with CPU and disk" if "bundled" in market.flags and market.n < 4 else ""
    return _Raw(
        low,
        market.typical,
        high,
        market.n,
        "market" if market.n >= 4 else "quote, not a market",
        market.newest,
        f"median of {sellers} ({named}{more}){stale}{bundled}",
        market.source_ids,
        market.row_ids,
    )


def _discounted(
    accelerator: str,
    commitment: str,
    seller: SellerClass,
    catalog: Catalog,
    as_of: date,
    where: _Where,
) -> _Raw | None:
    """On-demand less the published discount; looser commitments that were seen pull the low end down."""
    base = _listed(accelerator, "on_demand", seller, catalog, as_of, where)
    parameter = catalog.tco.get((RESERVED_DISCOUNT[commitment], "global"))
    share = None if parameter is None else parameter.band
    if base is None or parameter is None or share is None:
        return None
    low, typical, high = (
        base.low * (1 - share[2] / 100), base.typical * (1 - share[1] / 100), base.high * (1 - share[0] / 100)
    )  # fmt: skip
    loose = [
        seen
        for other in LOOSE_COMMITMENTS
        if (seen := _listed(accelerator, other, seller, catalog, as_of, where)) is not None
    ]
    sources, rows = {*base.source_ids, parameter.provenance.source_id}, set(base.row_ids)
    text = f"USD {base.typical:,.2f} on demand less {share[1]:g} %"
    for seen in loose:
        if seen.typical < typical:
            low = min(low, seen.typical)
            sources |= set(seen.source_ids)
            rows |= set(seen.row_ids)
            text += f"; USD {seen.typical:,.2f} was quoted for a commitment of another or unknown term"
    return _Raw(
        low, typical, high, base.sellers, "derived", base.newest, text, tuple(sorted(sources)), tuple(sorted(rows))
    )


def _analyst(accelerator: str, catalog: Catalog, as_of: date) -> _Raw | None:
    newer = catalog.tco.get((ANALYST_SCOPE, accelerator.upper()))
    older = catalog.tco.get((ANALYST_LOW, accelerator.upper()))
    rows = [p for p in (newer, older) if p is not None and p.typical]  # a price of nothing is no price
    rows = [p for p in rows if p.provenance.as_of is None or p.provenance.as_of <= as_of]
    if not rows:
        return None
    values = [p.typical for p in rows if p.typical is not None]
    sigma = catalog.decision_defaults["analyst_price_sigma"].value
    typical = values[0]
    low, high = min(values) * math.exp(-Z80 * sigma), max(values) * math.exp(Z80 * sigma)
    return _Raw(
        low,
        typical,
        high,
        0,
        "analyst",
        max((p.provenance.as_of for p in rows if p.provenance.as_of), default=None),
        f"analyst's price for long contracts, USD {typical:,.2f}",
        tuple(sorted({p.provenance.source_id for p in rows})),
        tuple(f"tco:{p.parameter}|{p.scope}" for p in rows),
    )


def widen(raw: _Raw, catalog: Catalog, as_of: date) -> PriceBasis:
    """Widen an interval for few sellers and for age.

    Log half-widths ``w`` become ``max(w, 1.28 sigma_sellers)`` for one to three sellers, then
    ``sqrt(w^2 + (1.28 sigma_drift)^2 age/60)`` where the newest price is older than the limit.
    """
    spread = market_spread(catalog, as_of)
    defaults = catalog.decision_defaults
    down, up = math.log(raw.typical / raw.low), math.log(raw.high / raw.typical)
    before = down + up
    notes: list[str] = []
    few = 0 < raw.sellers <= defaults["few_sellers"].value
    if few and raw.firmness != "user quote":
        down, up = max(down, Z80 * spread.seller_sigma), max(up, Z80 * spread.seller_sigma)
        notes.append(
            f"{raw.sellers} seller{'s' if raw.sellers > 1 else ''}: a quote, not a market, so the interval is at least"
            f" as wide as the spread between sellers of parts with a market ({percent(spread.seller_sigma)})"
        )
    age = None if raw.newest is None else (as_of - raw.newest).days
    if age is not None and age > defaults["price_stale_days"].value:
        extra = (Z80 * spread.drift_sigma) ** 2 * age / DRIFT_DAYS
        down, up = math.sqrt(down**2 + extra), math.sqrt(up**2 + extra)
        notes.append(
            f"newest price {age} days old: the drift seen over 60 days ({percent(spread.drift_sigma)}) widens the"
            " interval"
        )
    firmness = "quote, not a market" if few and raw.firmness == "market" else raw.firmness
    return PriceBasis(
        unit="USD/GPU-h",
        low=raw.typical * math.exp(-down),
        typical=raw.typical,
        high=raw.typical * math.exp(up),
        sellers=raw.sellers,
        firmness=firmness,
        newest=raw.newest,
        age_days=age,
        widened_by=math.exp(down + up - before),
        text="; ".join([raw.text, *notes]),
        source_ids=raw.source_ids,
        row_ids=raw.row_ids,
    )
