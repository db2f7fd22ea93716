"""Claims about prices, sellers and supply, held against today's market and against the price history."""

from __future__ import annotations

from datetime import date

from advisor.domain.claim_check import ClaimVerdict
from advisor.domain.market import PricePoint, PurchasePrice, RentMarket, SellerClass
from advisor.domain.text import percent
from advisor.engine.claims.base import CHECKS, Context, Outcome, agree_rule, judge, missing, near, numbers, worst

PRICE = 0.10
HISTORIC = 0.02
OUTDATED = "outdated where the history holds the figure but today's price has left it by more than 10 %"


def _market(context: Context, accelerator: str, seller: SellerClass) -> RentMarket:
    return context.catalog.rent_market(accelerator, seller, "on_demand", context.as_of)


def _gpu_price(context: Context, accelerator: str, basis: str = "gpu") -> PurchasePrice | None:
    return next(
        (
            p
            for p in context.catalog.purchase_prices
            if p.accelerator == accelerator and p.basis == basis and p.condition == "new" and p.band
        ),
        None,
    )


def _seen(context: Context, accelerator: str, claimed: float, *words: str) -> PricePoint | None:
    """A point of the history that holds the claimed price."""
    points = [
        p
        for p in context.catalog.price_history
        if p.accelerator == accelerator
        and near(claimed, p.usd_per_gpu_hour, HISTORIC)
        and (not words or any(w in p.series.casefold() for w in words))
    ]
    return max(points, key=lambda p: (p.date, p.id), default=None)


@CHECKS.for_claims("B12", "B13")
def _unit_price(context: Context) -> Outcome:
    part = "mi325x" if "MI325X" in context.claim.subject else "h200"
    claimed = numbers(context.claim.claimed)[0]
    price = _gpu_price(context, part)
    if price is None or price.band is None:
        return missing("no purchase price in the catalog")
    low, typical, high = price.band
    inside = low <= claimed <= high
    where = "top of" if near(claimed, high, 0.01) else "within" if inside else "above" if claimed > high else "below"
    whole = _gpu_price(context, part, "gpu_all_in")
    all_in = ""
    if whole is not None and whole.band is not None:
        all_in = f"; all-in with server and network an operator's cost implies {whole.band[1]:,.0f}"
    return Outcome(
        "confirmed" if inside else "contradicted",
        f"USD {low:,.0f} to {high:,.0f}, typical {typical:,.0f}",
        f"claimed {claimed:,.0f}: {where} the range of {low:,.0f} to {high:,.0f} for the part alone{all_in}",
        f"{price.item}; low trust, no vendor quote exists",
        "confirmed within the range seen",
        typical,
        row_ids=(price.id,),
        source_ids=(price.provenance.source_id,),
    )


@CHECKS.for_claims("B02")
def _cheaper(context: Context) -> Outcome:
    """At volume: by what it costs an operator to own; street prices and rent beside it."""
    tco = [context.catalog.tco.get(("InferenceX TCO, owner = hyperscaler (4-yr life)", a)) for a in ("MI300X", "H100")]
    owned = [row.typical for row in tco if row is not None and row.typical]
    street = [_gpu_price(context, a) for a in ("mi300x", "h100")]
    rent = [_market(context, a, "neocloud").typical for a in ("mi300x", "h100")]
    if len(owned) < 2:
        return missing("no ownership cost in the catalog")
    ours = owned[0] / owned[1] - 1
    low, high = sorted(numbers(context.claim.claimed)[:2])
    inside = low / 100 <= ours <= high / 100 or near(high / 100, ours, 0.05)
    bands = [p.band[1] for p in street if p is not None and p.band]
    extra = f"; street price of the part {percent(bands[0] / bands[1] - 1, sign=True)}" if len(bands) == 2 else ""
    if rent[0] and rent[1]:
        extra += f"; rent on demand {percent(rent[0] / rent[1] - 1, sign=True)}"
    return Outcome(
        "confirmed" if inside else "contradicted",
        f"{percent(ours, sign=True)} to own",
        f"{owned[0]:.2f} / {owned[1]:.2f} USD per GPU-hour - 1 = {percent(ours, 1, sign=True)}{extra}",
        "true of what an operator at volume pays to own; a small buyer sees a wider gap",
        "confirmed where the ownership cost of an operator at volume lies within the claimed range",
        ours * 100,
        row_ids=tuple(f"tco:{r.parameter}|{r.scope}" for r in tco if r is not None),
        source_ids=tuple(dict.fromkeys(r.provenance.source_id for r in tco if r is not None)),
    )


@CHECKS.for_claims("B18", "B19")
def _discount(context: Context) -> Outcome:
    vendor = "amd" if "MI3" in context.claim.metric + context.claim.subject else "nvidia"
    used = context.catalog.decision_defaults[f"negotiated_discount_{vendor}"]
    low, high = percent(used.band[0]), percent(used.band[2])
    text = f"taken as {low} to {high} on the negotiation page: nothing better is public"
    return missing("discounts are private and no second source names one", text)


@CHECKS.for_claims("D08")
def _b200_price(context: Context) -> Outcome:
    cheapest, low, high, top_low, top_high, average = numbers(context.claim.claimed)[:6]
    neo, hyper = _market(context, "b200", "neocloud"), _market(context, "b200", "hyperscaler")
    if neo.typical is None or neo.low is None or hyper.low is None or hyper.high is None:
        return missing("no price today")
    then = _seen(context, "b200", average)
    parts: list[tuple[str, bool]] = [
        (f"cheapest {cheapest:g} against {neo.low:.2f}", near(cheapest, neo.low, PRICE)),
        (f"neocloud {low:g} to {high:g} against a median of {neo.typical:.2f}", low <= neo.typical <= high),
        (
            f"hyperscaler {top_low:g} to {top_high:g} against {hyper.low:.2f} to {hyper.high:.2f}",
            top_low * 0.9 <= hyper.low and hyper.high <= top_high * 1.1,
        ),
        (f"average {average:g} against {neo.typical:.2f}", near(average, neo.typical, PRICE)),
    ]
    holds = all(ok for _, ok in parts)
    verdict: ClaimVerdict = "confirmed" if holds else "outdated" if then is not None else "contradicted"
    history = f"; {average:g} was the {then.series} on {then.date.isoformat()}" if then else ""
    return Outcome(
        verdict,
        f"USD {neo.typical:.2f} median of {neo.n} neoclouds",
        "; ".join(f"{text}: {'holds' if ok else 'no longer'}" for text, ok in parts),
        f"list prices of {neo.newest}{history}",
        OUTDATED,
        neo.typical,
        row_ids=(*neo.row_ids, *hyper.row_ids, *((then.id,) if then else ())),
        source_ids=(*neo.source_ids, *hyper.source_ids),
    )


@CHECKS.for_claims("D11")
def _sellers(context: Context) -> Outcome:
    counts = {}
    for part in ("mi355x", "b200"):
        rows = [a for a in context.catalog.availability if a.accelerator == part]
        counts[part] = max((a.providers_recent for a in rows), default=0)
    low, high = sorted(abs(v) for v in numbers(context.claim.claimed.replace("-", " to "))[:2])
    other = numbers(context.claim.conditions)[-1]
    first, second = low <= counts["mi355x"] <= high, counts["b200"] > other
    return Outcome(
        worst(["confirmed" if ok else "contradicted" for ok in (first, second)]),
        f"{counts['mi355x']} and {counts['b200']}",
        f"sellers with a price of the last months: MI355X {counts['mi355x']} (claimed {low:g} to {high:g}), B200"
        f" {counts['b200']} (claimed over {other:g})",
        "counted from price lists; waitlists are not recorded",
        "confirmed where both counts hold",
        float(counts["mi355x"]),
        row_ids=("availability:mi355x", "availability:b200"),
        source_ids=tuple(
            dict.fromkeys(
                a.provenance.source_id for a in context.catalog.availability if a.accelerator in ("mi355x", "b200")
            )
        ),
    )


@CHECKS.for_claims("D12")
def _h100_rise(context: Context) -> Outcome:
    claimed = numbers(context.claim.claimed)[0]
    until = context.claim.provenance.as_of or context.as_of
    start = date(until.year - 1, 10, 1)
    series = _long_series(context, "h100", start, until)
    if not series:
        return missing("no series spans the time")
    changes = {name: (b.usd_per_gpu_hour / a.usd_per_gpu_hour - 1, a, b) for name, (a, b) in series.items()}
    name, (ours, a, b) = min(changes.items(), key=lambda item: (abs(item[1][0] * 100 - claimed), item[0]))
    low, high = min(c for c, _, _ in changes.values()), max(c for c, _, _ in changes.values())
    return Outcome(
        judge(claimed, ours * 100, PRICE),
        f"{percent(ours, sign=True)} ({name})",
        f"{a.usd_per_gpu_hour:.2f} on {a.date.isoformat()} to {b.usd_per_gpu_hour:.2f} on {b.date.isoformat()}:"
        f" {percent(ours, 1, sign=True)}",
        f"{len(changes)} series from October to the claim moved by {percent(low, sign=True)} to"
        f" {percent(high, sign=True)}",
        agree_rule(PRICE) + ", for the series that comes nearest",
        ours * 100,
        row_ids=(a.id, b.id),
        source_ids=tuple(dict.fromkeys((a.provenance.source_id, b.provenance.source_id))),
    )


def _long_series(
    context: Context, part: str, start: date, until: date
) -> dict[str, tuple[PricePoint, PricePoint]]:
    """First and last point of each series from a start to an end, four months or more apart."""
    out: dict[str, list[PricePoint]] = {}
    for p in context.catalog.price_history:
        if p.accelerator == part and p.quote != "spot" and start <= p.date <= until:
            out.setdefault(p.series, []).append(p)
    pairs = {name: (min(ps, key=lambda p: p.date), max(ps, key=lambda p: p.date)) for name, ps in sorted(out.items())}
    return {name: (a, b) for name, (a, b) in pairs.items() if (b.date - a.date).days >= 120}


@CHECKS.for_claims("E05")
def _hourly(context: Context) -> Outcome:
    first, second = numbers(context.claim.claimed)[:2]
    parts = [("mi300x", first, "digitalocean"), ("h100", second, "runpod")]
    verdicts: list[ClaimVerdict] = []
    texts: list[str] = []
    rows: list[str] = []
    for part, claimed, seller in parts:
        today = dict(_market(context, part, "neocloud").sellers).get(seller)
        then = _seen(context, part, claimed, seller)
        if today is not None and near(claimed, today, PRICE):
            verdicts.append("confirmed")
        else:
            verdicts.append("outdated" if then is not None else "contradicted")
        rows += [then.id] if then is not None else []
        was = f"listed at {then.usd_per_gpu_hour:.2f} on {then.date.isoformat()}" if then else "not in the history"
        texts.append(f"{seller} {part.upper()}: claimed {claimed:.2f}, {was}, today {_usd(today)}")
    verdict = worst(verdicts)
    if "outdated" in verdicts and "contradicted" in verdicts:
        verdict = "outdated"
    return Outcome(
        verdict, texts[0].rsplit(", ", maxsplit=1)[-1], "; ".join(texts), "price history and today's lists",
        OUTDATED + "; of two prices the one that the history holds decides", None, row_ids=tuple(rows),
        source_ids=tuple(dict.fromkeys(p.provenance.source_id for p in context.catalog.price_history if p.id in rows)),
    )  # fmt: skip


def _usd(value: float | None) -> str:
    return "not listed" if value is None else f"USD {value:.2f}"
