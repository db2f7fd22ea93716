"""Page one: what the CFO reads."""

from __future__ import annotations

from advisor.domain.recommendation import Recommendation
from advisor.domain.text import capital, counted, evidence_days, told_usd
from advisor.report.blocks import (
    Block,
    Card,
    Cards,
    Columns,
    Heading,
    Inline,
    Items,
    Para,
    inline,
    sentence,
    small,
    strong,
)
from advisor.report.context import Context
from advisor.report.naming import counted_sellers, paid
from advisor.report.numbers import band, percent, usd

RISKS_ON_PAGE_ONE = 3
WIDEST_ON_CARD = 1e7
"""From here a sum breaks over two lines; it stands in full among the totals."""

KIND_WORDS = {
    "get": "Recommendation: go ahead",
    "probe_first": "Recommendation: probe first",
    "split": "Recommendation: split between vendors",
    "wait": "Recommendation: wait",
    "infeasible": "No candidate qualifies",
}


def first_page(ctx: Context) -> list[Block]:
    """Headline, key figures, three reasons, three risks, what to do on Monday."""
    tree, verdict = ctx.tree, ctx.tree.verdict
    blocks: list[Block] = [Heading(1, inline(verdict.headline), "verdict")]
    cards = _cards(ctx)
    if cards:
        blocks.append(Cards(cards))
    if verdict.reason and not verdict.reason_binds:  # a card says it
        blocks.append(Para(inline(verdict.reason)))
    reasons = tuple(sentence(counted_sellers(r)) for r in verdict.reasons)
    risks = _risks(ctx)
    titles = [t for t, items in ((_reasons_title(reasons), reasons), (_risks_title(risks), risks)) if items]
    lists = [items for items in (reasons, risks) if items]
    if lists:
        blocks.append(Columns(tuple(titles), tuple(lists)))
    steps = [s for s in verdict.next_steps if s != f"Smallest change: {verdict.smallest_change}."]  # likewise
    if steps:
        blocks.append(Heading(2, inline("What to do on Monday"), "monday"))
        blocks.append(Items(tuple(sentence(_for_readers(s, tree)) for s in steps), ordered=True))
    blocks.append(Para(inline(_how_to_read(tree)), note=True))
    return blocks


def _for_readers(step: str, tree: Recommendation) -> str:
    """A step without the field that a profile's author knows by name, and with its command set apart.

    In running text a line may end between the hyphens of an option, and `--` may turn into a dash.
    """
    told = step.replace("put them into procurement.quotes", "enter them in the profile")
    information = tree.decision.information if tree.decision else None
    command = information.plan.command if information is not None and information.plan is not None else ""
    return told.replace(command, f"`{command}`") if command and "`" not in step else told


def _cards(ctx: Context) -> tuple[Card, ...]:
    verdict, choice = ctx.tree.verdict, ctx.choice
    out: list[Card] = []
    if verdict.choice is not None:
        c = verdict.choice
        how = f"{c.name}; {counted(c.nodes, 'node')}, {paid(c.mode, c.commitment)}"
        out.append(Card("What", f"{c.gpus:,} × {c.accelerator.upper()}", how))
    if choice is not None and choice.cost is not None and verdict.kind != "infeasible":
        own, cost = choice.cost, choice.cost.usd_per_month
        total = f"{_short(own.cash_view_usd)} over {own.horizon_months} months at typical inputs"
        out.append(Card("Cost per month", usd(cost.p50), f"P10 to P90: {band(cost.p10, cost.p90)}; {total}"))
        outlay, lease = own.outlay, own.lease
        if outlay is not None:
            later = f"; {usd(outlay.later_usd)} later, as demand grows" if outlay.later_usd else ""
            each = f"{usd(outlay.usd_per_gpu)} per GPU{later}"
            out.append(Card("Capital up front", _short(outlay.up_front_usd), each))
        if lease is not None:
            for_what = f"{counted(lease.gpus, 'GPU')} for {lease.months} months at {usd(lease.usd_per_gpu_hour)}/GPU-h"
            out.append(Card("Bound by signing", _short(lease.usd), for_what))
    if verdict.kind != "infeasible":
        close = "; too close to call" if verdict.too_close_to_call else ""
        out.append(Card("Confidence", f"{verdict.confidence_word} ({percent(verdict.confidence)})",
                        f"cheapest that qualifies{close}"))  # fmt: skip
    if choice is not None and choice.operating_point is not None and verdict.kind != "infeasible":
        point = choice.operating_point
        days = evidence_days(point.evidence_newest, point.evidence_since)
        dated = f", {days}" if point.evidence_newest else ""
        out.append(Card("Evidence", f"grade {point.evidence_grade}", f"{point.basis}{dated}"))
    if verdict.kind == "infeasible":
        out.append(Card("What binds", verdict.binding_words or "see the gates", "candidates that it stops"))
        if verdict.smallest_change:
            out.append(Card("Smallest change", verdict.smallest_change, "of the profile, that would do"))
    return tuple(out)


def _short(total: float) -> str:
    return usd(total) if total < WIDEST_ON_CARD else f"USD {told_usd(total)}"


def _risks(ctx: Context) -> tuple[Inline, ...]:
    choice = ctx.choice
    if choice is None:
        return ()
    out = []
    for risk in choice.risks[:RISKS_ON_PAGE_ONE]:
        loss = f"Expected loss {usd(risk.expected_loss_usd_per_month)} a month; {risk.level}. "
        out.append(inline(strong(f"{risk.name}. "), loss, small(capital(risk.mitigation))))
    return tuple(out)


_NUMBER = {1: "One", 2: "Two", 3: "Three", 4: "Four", 5: "Five"}


def _reasons_title(items: tuple[Inline, ...]) -> str:
    return f"{_NUMBER.get(len(items), str(len(items)))} reason{'s' if len(items) != 1 else ''}"


def _risks_title(items: tuple[Inline, ...]) -> str:
    return f"{_NUMBER.get(len(items), str(len(items)))} risk{'s' if len(items) != 1 else ''}"


def _how_to_read(tree: Recommendation) -> str:
    parts = []
    if tree.verdict.kind != "infeasible":
        parts.append(
            "Cost is levelised over the horizon; P10 to P90 holds the cost in 80 % of draws. Confidence is the share of"
            f" {tree.draws:,} draws in which the choice is the cheapest that qualifies."
        )
    if tree.backtest is not None:
        parts.append(tree.backtest.text)
    parts.append("Decision support, not legal advice.")
    return " ".join(parts)
