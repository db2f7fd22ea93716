"""What would change the answer: leads, tornado, break-evens; splitting and waiting."""

from __future__ import annotations

from advisor.domain.decision import BreakEven, Decision, SplitOption, TierChoice, TornadoBar
from advisor.report.blocks import Block, Chart, Column, Heading, Inline, Items, Para, Table, inline, small, strong
from advisor.report.charts.bars import Swing, draw_tornado
from advisor.report.context import Context
from advisor.report.differences import PRICE_DIFFERS, PROBE_DIFFERS, probe_differs
from advisor.report.numbers import NONE, count, money, percent, usd


def change(ctx: Context) -> list[Block]:
    """Tests behind the verdict, lead over each rival, tornado, break-evens."""
    d = ctx.tree.decision
    if d is None:
        return []
    blocks: list[Block] = [
        Heading(1, inline("What would change the answer"), "change"), Para(inline(d.kind_reason))
    ]  # fmt: skip
    if d.leads:
        blocks.append(_leads(ctx, d))
    if d.tornado:
        blocks.append(_tornado(ctx, d))
    if d.break_evens:
        blocks.append(_break_evens(d))
        notes = _differences(d)
        blocks += [Para(inline(notes), note=True)] if notes else []
    if d.vendor_gap_text:
        blocks.append(Para(inline(strong("Between the vendors. "), d.vendor_gap_text)))
    return blocks


def _leads(ctx: Context, d: Decision) -> Table:
    columns = (
        Column("Rival", width=1.0), Column("Lead P10", "right"), Column("Lead P50", "right"),
        Column("Lead P90", "right"), Column("Choice is cheaper in", "right"),
    )  # fmt: skip
    rows = tuple(
        (
            inline(strong(ctx.name(x.rival))), inline(money(x.lead_p10_usd)), inline(money(x.lead_p50_usd)),
            inline(money(x.lead_p90_usd)), inline(percent(x.p_choice_cheaper)),
        )
        for x in d.leads
    )  # fmt: skip
    caption = "Lead of the choice over each rival, draw by draw (USD/month; negative: the rival wins)"
    return Table(caption, columns, rows)


def _value(value: float, unit: str) -> str:
    return f"{count(value * 100)} %" if unit in ("share", "fraction") else f"{count(value)} {unit}".strip()


def _tornado(ctx: Context, d: Decision) -> Chart:
    against = all(b.lead_at_low_usd is not None and b.lead_at_high_usd is not None for b in d.tornado)
    swings = [_swing(b, against=against) for b in d.tornado]
    rival = ctx.name(d.runner_up) if d.runner_up else "the runner-up"
    title = f"lead over {rival}, USD per month" if against else "cost, USD per month"
    rows = tuple(
        (
            inline(b.name), inline(_value(b.low_value, b.unit)), inline(_value(b.high_value, b.unit)),
            inline(money(s.at_low)), inline(money(s.at_high)), inline(money(b.swing_usd)),
            inline(strong("yes") if b.flips else "no"),
        )
        for b, s in zip(d.tornado, swings, strict=True)
    )  # fmt: skip
    columns = (
        Column("Input", width=1.0), Column("P10", "right"), Column("P90", "right"), Column("At P10", "right"),
        Column("At P90", "right"), Column("Swing", "right"), Column("Changes the winner"),
    )  # fmt: skip
    caption = f"Each input moved alone from its 10th to its 90th percentile: {title}{ctx.before_discount}"
    table = Table(caption, columns, rows, dense=True)
    alt = f"Tornado, {title}: " + "; ".join(f"{s.name} from {money(s.at_low)} to {money(s.at_high)}" for s in swings)
    svg = draw_tornado(swings, title, f"{rival} wins left of this line" if against else "", alt)
    return Chart("chart-tornado", svg, alt, "Which inputs move the answer, the largest first", table, show_table=True)


def _swing(b: TornadoBar, *, against: bool) -> Swing:
    low, high = b.cost_at_low_usd, b.cost_at_high_usd
    if against and b.lead_at_low_usd is not None and b.lead_at_high_usd is not None:
        low, high = b.lead_at_low_usd, b.lead_at_high_usd
    return Swing(b.name, low, high, count(b.low_value), _value(b.high_value, b.unit))


def _break_evens(d: Decision) -> Table:
    columns = (
        Column("Break-even", width=1.0), Column("Today", "right"), Column("Turns at", "right"), Column("Unit"),
        Column("Range searched", "right"),
    )  # fmt: skip
    caption = "Break-evens: one input moved and paid for anew, deployments and every uncertainty kept"
    return Table(caption, columns, tuple(_break_even(b) for b in d.break_evens), dense=True)


def _differences(d: Decision) -> str:
    """What reconciles the break-evens with the tornado above and with the rule of the probe below."""
    out = []
    if d.tornado and any(b.variable == "price" for b in d.break_evens):
        out.append(PRICE_DIFFERS)
    if d.information is not None and probe_differs(d.break_evens, d.information):
        out.append(PROBE_DIFFERS)
    return " ".join(out)


def _break_even(b: BreakEven) -> tuple[Inline, ...]:
    turn = "never" if b.value is None else f"{count(b.value)}{'' if b.exact else ' (jump)'}"
    return (
        inline(b.text), inline(count(b.today)), inline(turn), inline(b.unit),
        inline(f"{count(b.searched_low)} to {count(b.searched_high)}"),
    )  # fmt: skip


def other_courses(ctx: Context) -> list[Block]:
    """Two vendors instead of one, and waiting for what ships next."""
    d = ctx.tree.decision
    if d is None or (d.split is None and not d.waits):
        return []
    blocks: list[Block] = [Heading(1, inline("Other courses: split or wait"), "courses")]
    if d.split is not None:
        blocks += _split(ctx, d)
    if d.waits:
        blocks += _waits(d)
    return blocks


def _gpus(s: SplitOption, t: TierChoice) -> str:
    """GPUs of a tier, and those of the nodes where it shares them."""
    part = next((p for p in s.parts if t.tier in p.tiers and len(p.tiers) > 1), None)
    return f"{t.gpus:,}" if part is None else f"{t.gpus:,} of {part.gpus:,}"


def _split(ctx: Context, d: Decision) -> list[Block]:
    s = d.split
    assert s is not None
    rows: list[tuple[Inline, ...]] = [
        (inline(strong(t.tier)), inline(f"{_gpus(s, t)} × {ctx.name(t.accelerator)}"), inline(money(t.usd_per_month)))
        for t in s.tiers
    ]
    rows += [
        (inline(name), inline(""), inline(money(value)))
        for name, value in (
            ("Volume discount lost", s.lost_discount_usd_per_month),
            ("Second software stack", s.second_stack_usd_per_month),
            ("Leverage of a credible second vendor", -s.leverage_usd_per_month),
            ("Split, all terms", s.usd_per_month),
            ("Best single vendor", s.single_usd_per_month),
            ("Gain of splitting", s.gain_usd_per_month),
        )
    ]
    columns = (Column("Term", width=1.0), Column("What"), Column("USD/month", "right"))
    last = frozenset({len(rows) - 3, len(rows) - 1})
    return [
        Heading(2, inline("Two vendors"), "split"),
        Para(inline(s.text)),
        Table("Split between vendors", columns, tuple(rows), strong_rows=last, dense=True),
    ]


def _waits(d: Decision) -> list[Block]:
    columns = (
        Column("Part", width=0.24), Column("Announced", width=0.22), Column("Available", width=0.2),
        Column("Speed against", width=0.34),
        Column("Saves, USD/month", "right"), Column("Saves in", "right"), Column("Pays below", "right"),
    )  # fmt: skip
    rows = []
    for w in d.waits:
        dates = " / ".join(str(x) for x in (w.available_low, w.available_typical, w.available_high) if x) or NONE
        speeds = [x for x in (w.speedup_low, w.speedup_typical, w.speedup_high) if x is not None]
        speed = f"{w.reference.upper()}: {' / '.join(f'{count(x)}×' for x in speeds)}" if speeds else NONE
        turn = w.breakeven_usd_per_gpu_hour
        rows.append((
            inline(strong(w.name)), inline(w.announced), inline(dates), inline(speed),
            inline(NONE if w.saving_usd_per_month is None else money(w.saving_usd_per_month)),
            inline(NONE if w.p_saves is None else percent(w.p_saves)),
            inline(NONE if turn is None else f"{usd(turn)}/GPU-h"),
        ))  # fmt: skip
    texts = tuple(inline(w.text, small(f" Disputed: {w.dispute}") if w.dispute else "") for w in d.waits)
    return [
        Heading(2, inline("Waiting"), "wait"),
        Items(texts),
        Table("Parts on the roadmap as options (early / typical / late; low / typical / high)", columns, tuple(rows),
              dense=True),
    ]  # fmt: skip
