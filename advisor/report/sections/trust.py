"""How far to trust it: claims that a reader may have met, the method, the backtest, and governance."""

from __future__ import annotations

from advisor.report.blocks import Block, Column, Heading, Inline, Items, Para, Table, inline, small, strong
from advisor.report.context import Context
from advisor.report.numbers import percent, words
from advisor.report.sections.workload import model_name


def claims(ctx: Context) -> list[Block]:
    """Public claims that bear on the choice, with what our recomputation makes of them."""
    if not ctx.tree.claims:
        return []
    columns = (
        Column("Claim", width=0.45), Column("Finding"), Column("What we find", width=0.55),
        Column("Source", width=0.2),
    )  # fmt: skip
    rows = tuple(
        (
            inline(strong(f"{c.subject}: "), c.claim, small(f" {c.conditions}" if c.conditions else "")),
            inline(words(c.finding)), inline(c.assessment), ctx.origin(c.source_id),
        )
        for c in ctx.tree.claims
    )  # fmt: skip
    return [
        Heading(1, inline("Claims you may have read"), "claims"),
        Table("Public claims about these parts, recomputed", columns, rows, dense=True),
    ]


def method(ctx: Context) -> list[Block]:
    """How the answer was reached, in short, and how often such answers have been right."""
    tree = ctx.tree
    steps = (
        "Gates: export rules, software, site and supply are checked first; what fails stays listed with its reason.",
        "Operating point: for each deployment, latency and throughput are estimated over a ladder of loads from"
        " measurements corrected by physics; the highest load that keeps the service level at the percentile asked is"
        " taken.",
        "Fleet: whole replicas for the peak, for bursts, for growth and for redundancy, in whole nodes.",
        "Cost: every way of paying that the profile allows, month by month, levelised at the cost of capital.",
        "Risk: likelihood times effect for each entry of the register joins the cost.",
        f"Decision: {tree.draws:,} draws over throughput, price, demand, engineering, discount and residual value, the"
        " same random numbers for all candidates; break-evens are solved, not sampled.",
    )
    blocks: list[Block] = [Heading(1, inline("Method, and how often it is right"), "method"), Items(
        tuple(inline(s) for s in steps), ordered=True)]  # fmt: skip
    b = tree.backtest
    if b is None:
        blocks.append(Para(inline("No backtest belongs to the evidence of this run.")))
    else:
        blocks.append(Para(inline(b.text)))
        rows: list[tuple[Inline, Inline]] = [(inline("Comparisons left out"), inline(f"{b.decisions:,}"))]
        for name, value, digits in (  # in as many as the sentence above
            ("Right winner", b.right_winner_share, 0), ("Mean extra cost of the advised", b.mean_regret, 1),
            ("Worst extra cost", b.worst_regret, 0),
        ):  # fmt: skip
            if value is not None:
                rows.append((inline(name), inline(percent(value, digits))))
        blocks.append(Table("Backtest", (Column("Figure", width=1.0), Column("Value", "right")), tuple(rows)))
    notes = tree.decision.model_notes if tree.decision else ()
    if notes:
        blocks += [Heading(2, inline("What is drawn"), "draws"), Items(tuple(inline(n) for n in notes))]
    return blocks


def governance(ctx: Context) -> list[Block]:
    """The checklist for regulated use, filled from the profile; empty answers are open points."""
    profile = ctx.tree.profile
    g = profile.governance
    if not profile.place.regulated and not any(getattr(g, name) for name in type(g).model_fields):
        return []
    place = profile.place
    tiers = ", ".join(model_name(t) for t in profile.tiers)
    where = place.country
    if place.data_residency:
        where += f"; data stays in {', '.join(place.data_residency)}"
    precision = ctx.choice.deployment.label if ctx.choice and ctx.choice.deployment else ""
    rows = (
        ("Regulation", place.regulated),
        ("Model and version", g.model_version or f"{tiers} ({precision}); exact revision open"),
        ("Where inference runs", where),
        ("What is logged", g.logged),
        ("What is stored", g.stored),
        ("Who is told", g.told),
        ("Human review", g.human_review),
        ("Who answers for it", g.owner),
    )
    cells = tuple((inline(strong(a)), inline(b or "open: answer before go-live")) for a, b in rows)
    return [
        Heading(1, inline("Governance checklist"), "governance"),
        Table("For regulated use, from the profile", (Column("Point", width=0.3), Column("Answer", width=0.7)), cells),
    ]
