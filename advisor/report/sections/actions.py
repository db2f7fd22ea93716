"""What to do before signing: the probe, what probes have shown, and the page to take into the negotiation."""

from __future__ import annotations

from advisor.domain.decision import Negotiation, ProbePlan, ValueOfInformation
from advisor.domain.text import capital
from advisor.report.blocks import Block, Column, Heading, Inline, Items, Para, Table, code, inline, strong
from advisor.report.context import Context
from advisor.report.numbers import NONE, count, percent, seconds, usd

PROBES_SHOWN = 8
FACTS = (Column("Item", width=0.3), Column("Value", width=0.7))


def probing(ctx: Context) -> list[Block]:
    """The value of measuring first, the plan, and earlier probes against their predictions."""
    information = ctx.tree.decision.information if ctx.tree.decision else None
    if information is None and not ctx.tree.probes:
        return []
    blocks: list[Block] = [Heading(1, inline("Measuring before signing"), "probe")]
    if information is not None:
        blocks.append(Para(inline(information.text)))
        if information.probes:
            blocks.append(_value(information))
        if information.plan is not None:
            blocks += [Heading(2, inline("The plan"), "probe-plan"), _plan(ctx, information.plan)]
    if ctx.tree.probes:
        blocks += [Heading(2, inline("Own probes against their predictions"), "probe-results"), _results(ctx)]
    return blocks


def _value(information: ValueOfInformation) -> Table:
    columns = (
        Column("Probe", width=1.0), Column("GPUs", "right"), Column("Error left", "right"), Column("Worth", "right"),
        Column("Costs", "right"), Column("Net", "right"), Column("Changes the choice", "right"),
    )  # fmt: skip
    rows = tuple(
        (
            inline(f"{p.accelerator.upper()}, {p.hours:g} hours"), inline(str(p.gpus)), inline(percent(p.error_share)),
            inline(usd(p.evsi_usd)), inline(usd(p.price_usd)), inline(usd(p.net_usd)),
            inline(percent(p.changes_choice)),
        )
        for p in information.probes[:PROBES_SHOWN]
    )  # fmt: skip
    caption = (
        f"Probes over a lock-in of {count(information.lock_in_months)} months ({information.lock_in_why}); perfect"
        f" information would be worth {usd(information.evpi_usd)}, on throughput alone"
        f" {usd(information.evpi_throughput_usd)}"
    )
    return Table(caption, columns, rows, dense=True)


def _plan(ctx: Context, plan: ProbePlan) -> Table:
    turn = plan.decides_at_output_tps_per_gpu
    part = ctx.name(plan.accelerator)
    rows: list[tuple[str, Inline]] = [
        ("Where", inline(f"{part if plan.gpus is None else f'{plan.gpus} {part}'}, {plan.provider}")),
        ("How long, at most", inline(f"{plan.hours:g} hours, {usd(plan.budget_usd)}")),
        ("What", inline(f"{plan.deployment}; {plan.concurrency} requests in flight, {plan.isl} in, {plan.osl} out")),
        ("Expected", inline(f"{count(plan.expected_output_tps_per_gpu)} output tokens/s per GPU")),
        ("Decides at", inline(NONE if turn is None else f"{count(turn)} output tokens/s per GPU")),
        ("Rule", inline(plan.rule)),
        ("Command", inline(code(plan.command))),
    ]
    return Table("The probe", FACTS, tuple((inline(strong(a)), b) for a, b in rows))


def _results(ctx: Context) -> Table:
    columns = (
        Column("Probe", width=0.35), Column("Predicted tok/s/GPU", "right"), Column("Measured", "right"),
        Column("TPOT predicted, measured", "right"), Column("What follows", width=0.65),
    )  # fmt: skip
    rows = []
    for p in ctx.tree.probes:
        told = [seconds(v) if v is not None else NONE for v in (p.predicted_tpot_s, p.measured_tpot_s)]
        spread = p.predicted_output_tps
        rows.append((
            inline(f"{ctx.name(p.accelerator)}, {p.deployment}, {p.concurrency} in flight, {p.measured_on}"),
            inline(f"{count(spread.value)} ({count(spread.lo)} to {count(spread.hi)})"),
            inline(count(p.measured_output_tps)), inline(", ".join(told)), inline(p.text),
        ))  # fmt: skip
    return Table("Own probes", columns, tuple(rows), dense=True)


def negotiation(ctx: Context) -> list[Block]:
    """The page to take into the room."""
    page = ctx.tree.decision.negotiation if ctx.tree.decision else None
    if page is None:
        return []
    rows = [(inline(strong(a)), b) for a, b in _terms(ctx, page)]
    blocks: list[Block] = [
        Heading(1, inline("Negotiation"), "negotiation"),
        Table(f"Prices of {ctx.name(page.seller_of)}", FACTS, tuple(rows)),
    ]
    if page.asks:
        blocks.append(Heading(2, inline("What to ask for"), "asks"))
        blocks.append(Items(tuple(
            inline(strong(f"{capital(a.what)}. "), f"{capital(a.why)}. ", ctx.cite(a.source_id)) for a in page.asks
        ), ordered=True))  # fmt: skip
    return blocks


def _terms(ctx: Context, page: Negotiation) -> list[tuple[str, Inline]]:
    unit = f"{page.unit.removeprefix('USD')} {page.paid}".rstrip()
    out: list[tuple[str, Inline]] = []
    if page.today_usd is not None:
        out.append(("Price today", inline(f"{usd(page.today_usd)}{unit}")))
    if page.walk_away_usd is not None and page.runner_up:
        text = f"{usd(page.walk_away_usd)}{unit}, then {ctx.name(page.runner_up)} wins"
        out.append(("Walk away above", inline(text)))
    if page.runner_up_wins_below_usd is not None and page.runner_up:
        theirs = f"{page.runner_up_unit.removeprefix('USD')} {page.runner_up_paid}".rstrip()
        text = f"{usd(page.runner_up_wins_below_usd)}{theirs}"
        out.append((f"{ctx.name(page.runner_up)} wins below", inline(text)))
    if page.discount_low is not None and page.discount_high is not None:
        seen = f"{percent(page.discount_low)} to {percent(page.discount_high)}"
        condition = f" ({page.discount_condition})" if page.discount_condition else ""
        out.append(("Discounts seen", inline(f"{seen}{condition} ", ctx.cite(page.discount_source_id))))
    if page.target_usd is not None:
        saving = page.saving_at_target_usd_per_month
        worth = f", worth {usd(saving)} a month" if saving is not None else ""
        out.append(("Target", inline(f"{usd(page.target_usd)}{unit}{worth}")))
    if page.lowest_seen_usd is not None:
        out.append(("Lowest seen", inline(f"{usd(page.lowest_seen_usd)}{unit}, {page.lowest_seen_at}")))
    return out
