"""The published 800-accelerator case: what makes it true, and what of it today's data contradicts."""

from __future__ import annotations

from dataclasses import dataclass

from advisor.catalog import Catalog
from advisor.domain.text import percent
from advisor.engine.claims.base import CHECKS, Context, Outcome, missing, numbers
from advisor.engine.claims.measured import frontier_ratios, listing, middle, rows_of

DEPRECIATION_WEIGHT = 0.60
ACCELERATORS = 800
YEARS = 3


@dataclass(frozen=True, slots=True)
class Side:
    """One accelerator of the case."""

    name: str
    list_usd: float
    tdp_w: float
    tps: float
    """Relative or absolute throughput per accelerator; only the ratio counts."""


@dataclass(frozen=True, slots=True)
class CaseResult:
    """Cost per token of the first side over the second, minus 1."""

    change: float
    with_engineers: float
    engineers_usd: float
    hardware_usd: float
    """Purchase of the first side's fleet [USD]."""


def three_year_case(
    first: Side,
    second: Side,
    *,
    discount: float = 0.14,
    engineers: float = 2.0,
    engineer_usd: float = 280_000.0,
    accelerators: int = ACCELERATORS,
    years: int = YEARS,
) -> CaseResult:
    """Cost per token of two fleets, depreciation weighted 60 and power with cooling 40.

    ``cost ratio = 0.6 x price ratio + 0.4 x power ratio``, divided by the throughput ratio. The extra engineers are
    added to the first side in dollars, where depreciation is its purchase and is 60 % of its cost.

    >>> case = three_year_case(Side("MI325X", 22_000, 750, 1.0), Side("H200", 35_000, 700, 0.857))
    >>> round(100 * (0.6 * 22_000 / 35_000 + 0.4 * 750 / 700), 1), round(case.engineers_usd / 1e6, 2)
    (80.6, 1.68)
    """
    price = first.list_usd / second.list_usd  # the discount is the same on both sides and cancels
    power = first.tdp_w / second.tdp_w
    cost = DEPRECIATION_WEIGHT * price + (1 - DEPRECIATION_WEIGHT) * power
    change = cost / (first.tps / second.tps) - 1
    extra = engineers * engineer_usd * years
    second_hardware = second.list_usd * (1 - discount) * accelerators
    second_total = second_hardware / DEPRECIATION_WEIGHT
    with_engineers = (cost * second_total + extra) / second_total / (first.tps / second.tps) - 1
    return CaseResult(change, with_engineers, extra, first.list_usd * (1 - discount) * accelerators)


def needed_throughput(first: Side, second: Side, change: float) -> float:
    """Throughput ratio at which the case yields a change of cost per token."""
    price, power = first.list_usd / second.list_usd, first.tdp_w / second.tdp_w
    return (DEPRECIATION_WEIGHT * price + (1 - DEPRECIATION_WEIGHT) * power) / (1 + change)


def needed_engineers(first: Side, second: Side, change: float, discount: float = 0.14) -> float:
    """Extra engineers at USD 280,000 for which the case yields a change of cost per token."""
    bare = three_year_case(first, second, discount=discount, engineers=0.0)
    one = three_year_case(first, second, discount=discount, engineers=1.0)
    return (change - bare.with_engineers) / (one.with_engineers - bare.with_engineers)


def published_sides(catalog: Catalog) -> tuple[Side, Side]:
    """The case's own inputs: the article's prices, powers and memory-driven throughput."""
    claims = {c.id: c for c in catalog.claims}
    mi325x, h200 = numbers(claims["B12"].claimed)[0], numbers(claims["B13"].claimed)[0]
    power = numbers(claims["B14"].claimed)
    first = Side("MI325X", mi325x, power[0], 1.0)
    second = Side("H200", h200, power[1], 1.0)
    return first, second


@CHECKS.for_claims("B15", "B16")
def _case(context: Context) -> Outcome:
    claims = {c.id: c for c in context.catalog.claims}
    claimed = numbers(context.claim.claimed)[0] / 100
    bare, burdened = (numbers(claims[i].claimed)[0] / 100 for i in ("B15", "B16"))
    first, second = published_sides(context.catalog)
    needed = needed_throughput(first, second, bare)
    own = Side(first.name, first.list_usd, first.tdp_w, needed)
    own_case = three_year_case(own, second)
    today = _today(context, own, second)
    if today is None:
        return missing("a price, a power or a measurement of today is missing")
    sides, measured, text, rows, sources = today
    case = three_year_case(*sides)
    ours = case.change if context.claim.id == "B15" else case.with_engineers
    engineers = needed_engineers(own, second, burdened)
    if context.claim.id == "B15":
        evidence = (
            f"it holds with USD {first.list_usd:,.0f} against {second.list_usd:,.0f}, {first.tdp_w:g} against"
            f" {second.tdp_w:g} W, and {needed:.2f} times the throughput; {_contradicted(own, second, sides, measured)}"
        )
    else:
        moved = f"{percent(own_case.change, sign=True)} to {percent(own_case.with_engineers, sign=True)}"
        fleet = ACCELERATORS * 2 / engineers
        evidence = (
            f"2 engineers x USD 280,000 x 3 years = USD {own_case.engineers_usd / 1e6:.2f}M move it from {moved};"
            f" {percent(burdened, sign=True)} takes {engineers:.1f} engineers on {ACCELERATORS}, or two on {fleet:.0f}:"
            " that step does not follow from the stated premium"
        )
    arithmetic = context.claim.id == "B16" and abs(own_case.with_engineers - claimed) > 0.03
    verdict = "arithmetic error" if arithmetic else "confirmed" if abs(ours - claimed) <= 0.03 else "contradicted"
    return Outcome(
        verdict,  # type: ignore[arg-type]
        f"{percent(ours, sign=True)} with today's data",
        f"0.6 x {sides[0].list_usd:,.0f}/{sides[1].list_usd:,.0f} + 0.4 x {sides[0].tdp_w:g}/{sides[1].tdp_w:g} = "
        f"{(1 + case.change) * measured:.3f}; / {measured:.2f} throughput = {percent(case.change, sign=True)}; with"
        f" engineers {percent(case.with_engineers, sign=True)} ({text})",
        evidence,
        "arithmetic error where the claim misses its own inputs by more than 3 points, contradicted where today's do",
        ours * 100,
        row_ids=rows,
        source_ids=sources,
    )


def _today(
    context: Context, first: Side, second: Side
) -> tuple[tuple[Side, Side], float, str, tuple[str, ...], tuple[str, ...]] | None:
    """Both sides with the catalog's street prices, powers and measured throughput."""
    sides, rows, sources = [], [], []
    for side in (first, second):
        part = context.catalog.accelerators[side.name.lower()]
        prices = [p for p in context.catalog.purchase_prices if p.accelerator == part.id and p.basis == "gpu"]
        price = next((p for p in prices if p.band is not None), None)
        if price is None or price.band is None:
            return None
        sides.append(Side(side.name, price.band[1], part.tdp_w, 1.0))
        rows += [price.id, f"accelerators/{part.id}.toml"]
        sources += [price.provenance.source_id, part.provenance.source_id]
    ratios = frontier_ratios(context.catalog, "mi325x", "h200", ("llama70b",), (20, 30, 50), precisions=("fp8",))
    if not ratios:
        return None
    measured = middle(ratios)
    pair = (Side(sides[0].name, sides[0].list_usd, sides[0].tdp_w, measured), sides[1])
    return pair, measured, listing(ratios, 2), (*rows, *rows_of(ratios)[:6]), tuple(dict.fromkeys(sources))


def _contradicted(first: Side, second: Side, today: tuple[Side, Side], measured: float) -> str:
    """Which of the inputs that make the case true today's data contradict by more than a tenth."""
    pairs = (
        (f"price of the {first.name}", first.list_usd, today[0].list_usd, "USD {:,.0f}"),
        (f"price of the {second.name}", second.list_usd, today[1].list_usd, "USD {:,.0f}"),
        (f"power of the {first.name}", first.tdp_w, today[0].tdp_w, "{:g} W"),
        (f"power of the {second.name}", second.tdp_w, today[1].tdp_w, "{:g} W"),
        ("throughput ratio", first.tps / second.tps, measured, "{:.2f}"),
    )
    wrong = [f"the {name} ({form.format(ours)})" for name, theirs, ours, form in pairs if abs(theirs / ours - 1) > 0.1]
    return f"today's data contradict {', '.join(wrong)}" if wrong else "today's data contradict none of them"
