"""Where the money goes: terms by kind, ways of paying, cash by month, prices, the stack premium, the hosted API."""

from __future__ import annotations

from advisor.domain.cost import Cost, CostOption, PriceBasis
from advisor.domain.recommendation import Candidate
from advisor.domain.text import capital, factors
from advisor.report.blocks import Block, Chart, Column, Heading, Inline, Items, Para, Table, inline, small, strong
from advisor.report.charts.bars import FILLS, Stack, draw_stacks
from advisor.report.charts.months import draw_months
from advisor.report.context import Context
from advisor.report.naming import counted_sellers, short_name
from advisor.report.numbers import MINUS, NONE, count, money, percent, usd


def cost(ctx: Context) -> list[Block]:
    """Breakdown, options, cash flow and price basis of the choice."""
    priced = [(c, c.cost) for c in ctx.leading if c.cost is not None]
    if not priced:
        return []
    candidate, own = priced[0]
    blocks: list[Block] = [Heading(1, inline("Cost"), "cost"), _stacks(ctx)]
    blocks.append(_lines(candidate, own))
    if own.bill_text:
        blocks.append(Para(inline(own.bill_text), note=True))
    blocks += [_totals(own), *_shares(candidate), *_years(candidate, own), _options(ctx, candidate, own)]
    blocks += _months(ctx, candidate, own, priced[1] if len(priced) > 1 else None)
    blocks += [_prices(ctx, priced)]
    blocks += _premium(priced)
    if own.hosted_api is not None:
        blocks += [Heading(2, inline("Against a hosted API"), "hosted"), Para(inline(capital(own.hosted_api.text)))]
    if own.notes:
        notes = tuple(inline(counted_sellers(n)) for n in own.notes)
        blocks += [Heading(2, inline("Notes on cost"), "cost-notes"), Items(notes)]
    return blocks


def _stacks(ctx: Context) -> Chart:
    priced, beyond = ctx.charted
    stacks = [
        Stack(short_name(c), tuple((line.category, line.usd_per_month) for line in x.lines), x.point_usd_per_month)
        for c, x in priced
    ]
    kinds = [k for k in FILLS if any(k == name for s in stacks for name, _ in s.parts)]
    rows = []
    for s in stacks:
        by_kind = {k: [v for name, v in s.parts if name == k] for k in kinds}
        cells = [inline(money(sum(v)) if v else NONE) for v in by_kind.values()]
        rows.append((inline(s.name), *cells, inline(strong(money(s.total)))))
    columns = (Column("Candidate", width=1.0), *(Column(k, "right") for k in kinds), Column("total", "right"))
    table = Table("USD per month by kind, at typical inputs", columns, tuple(rows), dense=True)
    alt = "Cost per month by kind. " + " ".join(
        f"{s.name}: {', '.join(f'{k} {money(v)}' for k, v in s.parts)}; total {money(s.total)}." for s in stacks
    )
    return Chart(
        "chart-cost", draw_stacks(stacks, alt), alt, f"Cost per month by kind, at typical inputs{beyond}", table
    )


def _lines(candidate: Candidate, own: Cost) -> Table:
    columns = (
        Column("Term", width=1.0), Column("Kind"), Column("Quantity", "right"), Column("Unit"),
        Column("USD per unit", "right"), Column("USD/month", "right"),
    )  # fmt: skip
    rows = []
    for line in own.lines:
        quantity, price = (x.replace("-", MINUS) for x in factors(line.quantity, line.unit_price_usd))
        cells = (line.name, line.category, quantity, line.unit, price, money(line.usd_per_month))
        rows.append(tuple(inline(cell) for cell in cells))
    levelled = any(line.category in ("capital", "residual") for line in own.lines)
    total = (inline(strong("Total at typical inputs")), (), (), (), (), inline(strong(money(own.point_usd_per_month))))
    caption = f"{short_name(candidate)}: terms of the cost, a month" + (
        f" (what is bought or sold once, over {count(own.annuity_months)} discounted months)" if levelled else ""
    )
    return Table(caption, columns, (*rows, total), strong_rows=frozenset({len(rows)}), dense=True)


def _totals(own: Cost) -> Table:
    budget = "" if own.within_budget is None else f", {'within' if own.within_budget else 'over'} budget"
    rows = (
        ("Median cost per month", usd(own.usd_per_month.p50), f"over the draws{budget}"),
        ("Mean cost per month", usd(own.mean_usd_per_month), "over the draws"),
        ("Per million tokens", usd(own.usd_per_mtok_blended.p50),
         f"median over the draws; input {money(own.usd_per_mtok_input.p50)}, output"
         f" {money(own.usd_per_mtok_output.p50)}; at {percent(own.utilisation)} utilisation"),
        ("Per GPU-hour, all in", usd(own.usd_per_gpu_hour), "of the GPUs paid for, at typical inputs"),
        *((("Capital up front", usd(own.outlay.up_front_usd), own.outlay.text),) if own.outlay else ()),
        *((("Bound by signing", usd(own.lease.usd), own.lease.text),) if own.lease else ()),
        ("Net present cost", usd(own.npv_usd),
         f"over {own.horizon_months} months at {own.discount_rate * 100:g} % a year, at typical inputs"),
        ("Cash view", usd(own.cash_view_usd),
         f"cash out over the {own.horizon_months} months at typical inputs, undiscounted, net of residual value"),
        ("Books view", usd(own.book_view_usd),
         f"depreciation and interest over the {own.horizon_months} months at typical inputs"),
        ("GPUs paid for", *_gpus_paid(own)),
        ("Tokens served", f"{count(own.mtok_per_month)} million a month", "levelised over the horizon"),
    )  # fmt: skip
    cells = tuple((inline(strong(a)), inline(b), inline(c)) for a, b, c in rows)
    columns = (Column("Figure"), Column("Value", "right"), Column("Scope", width=1.0))
    return Table("Totals of the choice", columns, cells)


def _shares(candidate: Candidate) -> list[Block]:
    """What each workload has of the shared nodes and of their cost; nothing for one."""
    borne = [(tier, tier.share) for tier in candidate.tiers if tier.share is not None]
    if not borne or candidate.fleet is None:
        return []
    columns = (
        Column("Workload"), Column("GPUs", "right"), Column("Share", "right"), Column("USD/month", "right"),
        Column("USD/Mtok", "right"), Column("Arithmetic", width=1.0),
    )  # fmt: skip
    rows = tuple(
        (inline(strong(t.name)), inline(f"{t.fleet.gpus_needed:,}"), inline(percent(x.share, 1)),
         inline(money(x.usd_per_month)), inline(money(x.usd_per_mtok_blended)), inline(x.formula))
        for t, x in borne
    )  # fmt: skip
    caption = (
        f"{short_name(candidate)}: what each workload has of the nodes that all share, and bears of the cost (GPUs in"
        " replicas at the start; medians)"
    )
    return [Table(caption, columns, rows, dense=True), Para(inline(f"{candidate.fleet.shared_nodes}."), note=True)]


def _gpus_paid(own: Cost) -> tuple[str, str]:
    first, last = count(own.gpus_start), count(own.gpus_end)
    if first == last:
        return first, "average, from the first month to the last"
    return f"{first} to {last}", "average of the first and last month"


def _years(candidate: Candidate, own: Cost) -> list[Block]:
    """From the GPUs of today to those of later years; nothing where each year has the same."""
    if len({(y.gpus_needed, y.gpus_paid) for y in own.fleet_years}) < 2:
        return []
    columns = (
        Column("Year", "right"), Column("Month", "right"), Column("Demand", "right"), Column("GPUs needed", "right"),
        Column("Paid for", "right"), Column("Arithmetic", width=1.0),
    )  # fmt: skip
    rows = tuple(
        (inline(str(y.year)), inline(str(y.month)), inline(f"x {y.demand_factor:.3g}"), inline(count(y.gpus_needed)),
         inline(strong(count(y.gpus_paid))), inline(f"{y.formula}. Paid for: {y.paid_text}"))
        for y in own.fleet_years
    )  # fmt: skip
    caption = f"{short_name(candidate)}: GPUs by year as demand grows (paid for: average of the month)"
    return [Table(caption, columns, rows, dense=True)]


def _options(ctx: Context, candidate: Candidate, own: Cost) -> Table:
    columns = (
        Column("Way of paying", width=0.42), Column("USD/month", "right"), Column("Unit price", "right"),
        Column("Firmness"), Column("What to know", width=0.46), Column("Source", width=0.32),
    )  # fmt: skip
    rows = tuple(_option(ctx, o) for o in own.options)
    taken = frozenset(i for i, o in enumerate(own.options) if o.id == own.option)
    caption = (
        f"{short_name(candidate)}: ways of paying for the same fleet, the one that ranks best first: with tail and"
        f" expected loss, which USD/month at typical inputs leaves out{ctx.before_discount}"
    )
    return Table(caption, columns, rows, strong_rows=taken, dense=True)


def _option(ctx: Context, o: CostOption) -> tuple[Inline, ...]:
    price = o.price
    return (
        inline(o.label, small(f" {o.seller}") if o.mode == "mixed" else ""),
        inline(NONE if o.usd_per_month is None else money(o.usd_per_month)),
        inline(f"{money(price.typical)} {price.unit.removeprefix('USD')}" if price else NONE),
        inline(price.firmness if price else NONE),
        inline(o.caution if o.allowed else f"Not taken: {o.why_not or 'not allowed'}"),
        ctx.cite(*price.source_ids) if price else (),
    )


def _months(ctx: Context, candidate: Candidate, own: Cost, rival: tuple[Candidate, Cost] | None) -> list[Block]:
    if not own.flows:
        return []
    other = (short_name(rival[0]), [f.cash_usd for f in rival[1].flows]) if rival and rival[1].flows else None
    columns = (
        Column("Month", "right"), Column("GPUs", "right"), Column("Cash out, USD", "right"),
        Column("In the books, USD", "right"), Column("Million tokens", "right", 1.0),
    )  # fmt: skip
    rows = tuple(
        (inline(str(f.month)), inline(count(f.gpus)), inline(money(f.cash_usd)), inline(money(f.book_usd)),
         inline(count(f.mtok)))
        for f in own.flows
    )  # fmt: skip
    table = Table(f"{short_name(candidate)}: month by month", columns, rows, dense=True)
    first, last = own.flows[0], own.flows[-1]
    alt = (
        f"Cash out of {short_name(candidate)} by month: {usd(first.cash_usd)} in month {first.month},"
        f" {usd(last.cash_usd)} in month {last.month}; {usd(own.cash_view_usd)} over the horizon."
    )
    svg = draw_months((short_name(candidate), [f.cash_usd for f in own.flows]), other, alt)
    caption = "Cash out by month; purchases and bills fall at the beginning of a month, residual value comes back last"
    return [Chart("chart-cash", svg, alt, caption, table, show_table=ctx.explain)]


def _prices(ctx: Context, priced: list[tuple[Candidate, Cost]]) -> Table:
    columns = (
        Column("Candidate"), Column("Low", "right"), Column("Typical", "right"), Column("High", "right"),
        Column("Unit"), Column("Sellers", "right"), Column("Newest"), Column("What it rests on", width=1.0),
        Column("Source", width=0.3),
    )  # fmt: skip
    rows = tuple(_price(ctx, c, x.price) for c, x in priced)
    caption = (
        "Prices that the comparison rests on (sellers: those with a price for this way of paying; the gate of supply"
        f" counts all that list the part){ctx.before_discount}"
    )
    return Table(caption, columns, rows, dense=True)


def _price(ctx: Context, c: Candidate, p: PriceBasis | None) -> tuple[Inline, ...]:
    if p is None:
        return (inline(strong(short_name(c))), *(inline(NONE) for _ in range(6)), inline("no unit price"), ())
    return (
        inline(strong(short_name(c))), inline(money(p.low)), inline(money(p.typical)), inline(money(p.high)),
        inline(p.unit.removeprefix("USD/")), inline(str(p.sellers or NONE)), inline(str(p.newest or NONE)),
        inline(counted_sellers(p.text)), ctx.cite(*p.source_ids),
    )  # fmt: skip


def _premium(priced: list[tuple[Candidate, Cost]]) -> list[Block]:
    rows = []
    for c, x in priced:
        s = x.stack_premium
        if s is None or not s.usd_per_month:
            continue
        rows.append((
            inline(strong(short_name(c))), inline(s.stack.upper() if s.stack == "cuda" else "ROCm"),
            inline(count(s.base_engineers + s.feature_engineers)), inline(count(s.migration_weeks)),
            inline(money(s.usd_per_month)), inline(percent(s.share_of_cost)), inline("; ".join(s.features) or NONE),
        ))  # fmt: skip
    if not rows:
        return []
    columns = (
        Column("Candidate"), Column("Stack"), Column("Extra engineers", "right"), Column("Weeks, once", "right"),
        Column("USD/month", "right"), Column("Of cost", "right"), Column("Features with a surcharge", width=1.0),
    )  # fmt: skip
    return [Table("Engineering for the software stack", columns, tuple(rows), dense=True)]
