"""Every candidate side by side, those that cannot serve with the reason, and the Pareto chart."""

from __future__ import annotations

from advisor.domain.recommendation import Candidate
from advisor.domain.sizing import CurvePoint, Deployment, OperatingPoint
from advisor.report.blocks import Block, Chart, Column, Heading, Inline, Para, Table, inline, small, strong
from advisor.report.charts.bars import Range, draw_ranges
from advisor.report.charts.pareto import BANDS, DRAWN, draw_pareto, estimates
from advisor.report.context import Context
from advisor.report.naming import paid, short_name
from advisor.report.numbers import NONE, TENTHS, band, count, money, percent, seconds, words

MOST_LENGTHS = 3
"""Lengths of measurements that a caption names."""


def comparison(ctx: Context) -> list[Block]:
    """Tables of the candidates, ranges of cost, throughput against speed per user."""
    blocks: list[Block] = [Heading(1, inline("Comparison"), "comparison")]
    if ctx.feasible:
        blocks.append(_money_table(ctx))
        for tier in range(_tiers(ctx)):
            blocks += [_serving_table(ctx, tier), *_otherwise(ctx, tier)]
        blocks += _ranges(ctx)
    if ctx.excluded:
        blocks.append(_excluded(ctx))
    blocks += _pareto(ctx)
    return blocks


def _money_table(ctx: Context) -> Table:
    columns = (
        Column("#", "right"), Column("Candidate", width=1.0), Column("GPUs", "right"), Column("Way of paying"),
        Column("USD/month", "right"), Column("P10 to P90", "right"), Column("Risk-adjusted", "right"),
        Column("USD/Mtok", "right"), Column("Cheapest in", "right"),
    )  # fmt: skip
    rows = []
    for c in ctx.feasible:
        cost, fleet = c.cost, c.fleet
        monthly = cost.usd_per_month if cost else None
        rows.append((
            inline(str(c.rank or NONE)),
            inline(strong(short_name(c)), small(f" {c.name}")),
            inline(f"{fleet.gpus:,}" if fleet else NONE),
            inline(paid(cost.mode, cost.commitment) if cost else NONE),
            inline(money(monthly.p50) if monthly else NONE),
            inline(band(monthly.p10, monthly.p90) if monthly else NONE),
            inline(_maybe_money(c.risk_adjusted_usd_per_month)),
            inline(money(cost.usd_per_mtok_blended.p50) if cost else NONE),
            inline(percent(c.p_cheapest)),
        ))  # fmt: skip
    mixed = any(c.cost is not None and c.cost.mode == "mixed" for c in ctx.feasible)
    return Table(
        "Cost of each candidate (levelised, at real utilisation; USD/Mtok blends input and output"
        f"{'; above a base rented on demand' if mixed else ''})",
        columns, tuple(rows), strong_rows=_choice_row(ctx), dense=True,
    )  # fmt: skip


def _tiers(ctx: Context) -> int:
    """Workloads that each candidate serves; one stays the simple case."""
    return max((len(c.tiers) for c in ctx.feasible), default=0) or 1


def _run(c: Candidate, tier: int) -> tuple[Deployment | None, OperatingPoint | None]:
    if not c.tiers:
        return c.deployment, c.operating_point
    return c.tiers[tier].deployment, c.tiers[tier].operating_point


def _serving_table(ctx: Context, tier: int) -> Table:
    columns = (
        # The longest text takes what the others leave, and wraps: names of disaggregated deployments are long.
        Column("Candidate"), Column("Deployment", width=1.0), Column("In flight", "right"), Column("TTFT", "right"),
        Column("TPOT", "right"), Column("Out tok/s/GPU", "right"), Column("80 % interval", "right"),
        Column("Limited by"), Column("Grade"),
    )  # fmt: skip
    rows = []
    for c in ctx.feasible:
        deployment, p = _run(c, tier)
        if p is None:
            rows.append((inline(strong(short_name(c))), *(inline(NONE) for _ in columns[1:])))
            continue
        interval = p.output_tps_interval
        rows.append((
            inline(strong(short_name(c))),
            inline(deployment.label if deployment else NONE),
            inline(f"{p.concurrency:,}"),
            inline(seconds(p.ttft_p50_s)),
            inline(seconds(p.tpot_p50_s)),
            inline(count(p.output_tps_per_gpu)),
            inline(f"{count(interval.lo)} to {count(interval.hi)}"),
            inline(words(p.limited_by)),
            inline(f"{p.evidence_grade}, {p.basis}"),
        ))  # fmt: skip
    split = next((d.split for d, _ in (_run(c, tier) for c in ctx.feasible) if d is not None and d.split), "")
    legend = f"; {split}: GPUs of a replica that prefill, and that decode" if split else ""
    name = next((f"tier {c.tiers[tier].name}, " for c in ctx.feasible if c.tiers), "")
    return Table(
        f"How each would be run: {name}one replica at its operating point (latency medians; grade A own probe, B"
        f" measured on this model, C on others, D physics only{legend})",
        columns, tuple(rows), strong_rows=_choice_row(ctx), dense=True,
    )  # fmt: skip


def _otherwise(ctx: Context, tier: int) -> list[Block]:
    """What each fleet carries where its throughput turns out a tenth off."""
    points = ((short_name(c), _run(c, tier)[1]) for c in ctx.feasible)
    carried = [(name, [p.carried_at(k) for k in TENTHS]) for name, p in points if p is not None]
    told = [f"{name} {' and '.join(percent(x) for x in factors if x)}" for name, factors in carried if all(factors)]
    if not told:
        return []
    text = "What the fleet carries within the service level, a tenth slower and a tenth faster than estimated: "
    return [Para(inline(f"{text}{'; '.join(told)}."), note=True)]


def _choice_row(ctx: Context) -> frozenset[int]:
    return frozenset(i for i, c in enumerate(ctx.feasible) if c is ctx.choice and ctx.tree.verdict.choice is not None)


def _excluded(ctx: Context) -> Table:
    rows: tuple[tuple[Inline, ...], ...] = tuple(
        (inline(strong(short_name(c))), inline(c.infeasible_reason or "no reason is given"), _failed_citations(ctx, c))
        for c in ctx.excluded
    )
    columns: tuple[Column, ...] = (
        Column("Candidate"), Column("Why it cannot serve", width=1.0), Column("Source", width=0.2)
    )  # fmt: skip
    if not any(cited for *_, cited in rows):  # a service level that is missed rests on no rule
        columns, rows = columns[:2], tuple(row[:2] for row in rows)
    return Table("Excluded, with the reason", columns, rows)


def _failed_citations(ctx: Context, c: Candidate) -> Inline:
    return ctx.cite(*(g.source for g in c.gates if not g.passes))


def _ranges(ctx: Context) -> list[Block]:
    priced, beyond = ctx.charted
    if not priced:
        return []
    ranges = [
        Range(short_name(c), cost.usd_per_month.p10, cost.usd_per_month.p50, cost.usd_per_month.p90,
              c.risk_adjusted_usd_per_month)
        for c, cost in priced
    ]  # fmt: skip
    table = Table(
        "Cost per month: P10, P50, P90, and with expected loss and appetite for risk",
        (Column("Candidate", width=1.0), Column("P10", "right"), Column("P50", "right"), Column("P90", "right"),
         Column("Risk-adjusted", "right")),
        tuple(
            (inline(r.name), inline(money(r.low)), inline(money(r.middle)), inline(money(r.high)),
             inline(_maybe_money(r.mark)))
            for r in ranges
        ),
        dense=True,
    )  # fmt: skip
    alt = "Cost per month, P10, median and P90: " + "; ".join(
        f"{r.name} {money(r.low)}, {money(r.middle)}, {money(r.high)}" for r in ranges
    )
    svg = draw_ranges(ranges, "USD per month", "risk-adjusted", alt)
    return [Chart("chart-range", svg, alt, f"Cost under uncertainty, P10 to P90 with the median{beyond}", table)]


def _pareto(ctx: Context) -> list[Block]:
    drawn = [c for c in (ctx.leading or ctx.tree.candidates) if estimates(c)][:DRAWN]
    if not drawn:
        return []
    tier = ctx.tree.profile.tiers[0]
    name = drawn[0].tiers[0].name if drawn[0].tiers else tier.name
    tier = next((t for t in ctx.tree.profile.tiers if t.name == name), tier)
    limit = tier.slo.tpot_ms
    slo_tps = 1e3 / limit if limit is not None else None
    slo_label = f"service level: {count(slo_tps)} tok/s at p{tier.slo.percentile}" if slo_tps is not None else ""
    alt = "Throughput per GPU against speed per user. " + " ".join(_in_words(c) for c in drawn)
    svg = draw_pareto(drawn, slo_tps, slo_label, alt)
    of_tier = f" (tier {name})" if len(ctx.tree.profile.tiers) > 1 else ""
    left_out = sum(1 for c in ctx.tree.candidates if estimates(c)) - len(drawn)
    rest = f" {left_out} more candidates are in the tables." if left_out > 0 else ""
    banded = " (first two candidates)" if len(drawn) > BANDS else ""
    run = any(c.operating_point is not None for c in drawn)  # none, where no load meets the service level
    caption = (
        f"Throughput per GPU against speed per user{of_tier}. Lines are estimates, shaded their 80 % interval{banded},"
        f" hollow marks measurements{_at_lengths(drawn)}{', large marks where each would be run' if run else ''}.{rest}"
    )
    blocks: list[Block] = [Chart("chart-pareto", svg, alt, caption, _curve_table(drawn))]
    told = ctx.leading or ctx.tree.candidates
    texts = [c for c in told if c.operating_point is not None and c.operating_point.evidence_text]
    if texts:
        blocks.append(_evidence(texts))
    return blocks


def _at_lengths(drawn: list[Candidate]) -> str:
    """Lengths of the measured points, which are seldom those that the lines are for."""
    labels = [p.label.rpartition(", ")[2].partition("/") for c in drawn for p in c.curve if p.kind == "measured"]
    lengths = sorted({(int(i), int(o)) for i, _, o in labels if i.isdigit() and o.isdigit()})
    if not lengths:
        return ""
    told = ", ".join(f"{isl:,}/{osl:,}" for isl, osl in lengths[:MOST_LENGTHS])
    more = " and others" if len(lengths) > MOST_LENGTHS else ""
    return f" at {told}{more} tokens in/out"


def _evidence(texts: list[Candidate]) -> Table:
    caption = "What each estimate rests on"
    points = [(c, c.operating_point) for c in texts if c.operating_point is not None]
    if not any(p.other_families for _, p in points):
        two = (Column("Candidate"), Column("Evidence", width=1.0))
        return Table(caption, two, tuple((inline(strong(short_name(c))), inline(p.evidence_text)) for c, p in points),
                     dense=True)  # fmt: skip
    three = (Column("Candidate"), Column("Evidence", width=0.6), Column("Other evidence at this point", width=0.4))
    rows = tuple((inline(strong(short_name(c))), inline(p.evidence_text), _families(c)) for c, p in points)
    return Table(caption, three, rows, dense=True)


def _families(c: Candidate) -> Inline:
    assert c.operating_point is not None
    parts = [
        f"{words(f.family)} {count(f.total_tps_per_gpu)} tok/s/GPU in and out{f' ({f.as_of})' if f.as_of else ''}"
        for f in c.operating_point.other_families
    ]
    return inline(small("; ".join(parts))) if parts else inline(NONE)


def _in_words(c: Candidate) -> str:
    points = estimates(c)
    first, last = points[0], points[-1]
    return (
        f"{short_name(c)}: from {count(first.output_tps_per_gpu)} tokens/s per GPU at {count(first.interactivity_tps)}"
        f" tokens/s per user to {count(last.output_tps_per_gpu)} at {count(last.interactivity_tps)}."
    )


def _curve_table(drawn: list[Candidate]) -> Table:
    columns = (
        Column("Candidate", width=1.0), Column("In flight", "right"), Column("tok/s/user", "right"),
        Column("tok/s/GPU", "right"), Column("80 % interval", "right"), Column("Kind"), Column("Meets SLO"),
    )  # fmt: skip
    rows = tuple(_curve_row(c, p) for c in drawn for p in c.curve)
    return Table("Points of the chart", columns, rows, dense=True)


def _curve_row(c: Candidate, p: CurvePoint) -> tuple[Inline, ...]:
    interval = f"{count(p.output_tps_lo)} to {count(p.output_tps_hi)}" if p.kind == "estimate" else NONE
    return (
        inline(short_name(c)), inline(f"{p.concurrency:,}"), inline(count(p.interactivity_tps)),
        inline(count(p.output_tps_per_gpu)), inline(interval), inline(p.kind), inline(_held(p)),
    )  # fmt: skip


def _held(p: CurvePoint) -> str:
    return NONE if p.kind == "measured" else "yes" if p.meets_slo else "no"


def _maybe_money(value: float | None) -> str:
    return NONE if value is None else money(value)
