"""The back of the report: defaults, arithmetic, sources, attributions, how to reproduce."""

from __future__ import annotations

from advisor.domain.recommendation import Candidate
from advisor.report.blocks import (
    Block,
    Column,
    Heading,
    Inline,
    Items,
    Para,
    Reference,
    References,
    Table,
    code,
    inline,
    sentence,
    small,
    strong,
)
from advisor.report.context import Context
from advisor.report.naming import short_name
from advisor.report.numbers import band, count


def assumptions(ctx: Context) -> list[Block]:
    """Every default that the profile's silence implied."""
    if not ctx.tree.assumptions:
        return []
    columns = (
        Column("Field"), Column("Value taken", width=0.35), Column("What it means", width=0.65),
        Column("Source", width=0.2),
    )  # fmt: skip
    rows = tuple(
        (inline(code(a.path)), inline(a.value), sentence(a.why), ctx.origin(a.source_id)) for a in ctx.tree.assumptions
    )
    return [
        Heading(1, inline("Defaults taken because the profile is silent"), "defaults"),
        Table("Defaults", columns, rows, dense=True),
    ]


def arithmetic(ctx: Context) -> list[Block]:
    """The steps of the choice with numbers and inputs, where they were asked for."""
    choice = ctx.choice
    if not ctx.explain or choice is None:
        return []
    blocks: list[Block] = [Heading(1, inline(f"Arithmetic of {short_name(choice)}"), "arithmetic")]
    if choice.fleet is not None and choice.fleet.terms:
        rows = tuple((inline(t.name), inline(t.formula)) for t in choice.fleet.terms)
        blocks.append(Table("Fleet", (Column("Step", width=0.25), Column("Arithmetic", width=0.75)), rows, dense=True))
    if choice.cost is not None:
        rows = tuple((inline(x.name), inline(x.formula)) for x in choice.cost.lines)
        blocks.append(Table("Cost", (Column("Term", width=0.25), Column("Arithmetic", width=0.75)), rows, dense=True))
        inputs = {q.name: q for x in choice.cost.lines for q in x.inputs}
        columns = (
            Column("Input"), Column("Value", "right"), Column("Unit"), Column("Range", "right"), Column("Kind"),
            Column("Note", width=1.0), Column("Source", width=0.2),
        )  # fmt: skip
        cells = tuple(
            (
                inline(code(q.name)), inline(count(q.value)), inline(q.unit),
                inline(band(q.low, q.high) if q.low is not None and q.high is not None else ""),
                inline(q.kind, f", {q.as_of}" if q.as_of else ""), inline(small(q.note)), ctx.origin(q.source_id),
            )
            for q in inputs.values()
        )  # fmt: skip
        blocks.append(Table("Inputs of the cost", columns, cells, dense=True))
    steps = _other_steps(ctx, choice)
    if steps:
        two = (Column("Step", width=0.25), Column("Arithmetic", width=0.75))
        blocks.append(Table("Memory, engineering, risk and appetite", two, steps, dense=True))
    return blocks


def _other_steps(ctx: Context, choice: Candidate) -> tuple[tuple[Inline, ...], ...]:
    out: list[tuple[str, str]] = []
    m = choice.memory
    if m is not None:
        out.append((
            "Memory of one GPU",
            f"{count(m.usable_gb)} GB usable = {count(m.weights_gb)} weights + {count(m.reserve_gb)} reserve +"
            f" {count(m.kv_gb)} KV cache; {count(m.kv_bytes_per_token)} bytes of KV cache a token over the replica,"
            f" {count(m.context_tokens)} tokens a request, {m.max_concurrency:,} requests at once",
        ))  # fmt: skip
    if choice.cost is not None and choice.cost.stack_premium is not None and choice.cost.stack_premium.formula:
        out.append(("Engineering for the stack", choice.cost.stack_premium.formula))
    out += [(f"Effect of: {r.name}", r.effect_formula) for r in choice.risks]
    d = ctx.tree.decision
    if d is not None:
        out.append(("Appetite for risk", d.appetite.formula))
        if d.information is not None and d.information.probes:
            out.append(("Price of the best probe", d.information.probes[0].formula))
    return tuple((inline(a), inline(b)) for a, b in out)


def sources(ctx: Context) -> list[Block]:
    """Attributions, then every source with its number."""
    tree = ctx.tree
    blocks: list[Block] = [Heading(1, inline("Sources"), "sources")]
    if tree.attributions:
        blocks.append(Items(tuple(inline(a) for a in tree.attributions)))
    entries = (Reference(ctx.numbers[s.id], _reference(s.reference, s.kind, s.as_of)) for s in tree.sources)
    blocks.append(References(tuple(entries)))
    return blocks


def _reference(reference: str, kind: str, as_of: object) -> Inline:
    return inline(reference, small(f" {kind}{f', {as_of}' if as_of else ', undated'}."))


def reproduce(ctx: Context) -> list[Block]:
    """What the same bytes take."""
    tree = ctx.tree
    rows: list[tuple[Inline, Inline]] = [
        (inline(strong("Program")), inline(f"advisor {tree.advisor_version}, answer schema {tree.schema_version}")),
        (inline(strong("Catalog")), inline(code(tree.catalog_fingerprint))),
        (inline(strong("Judged at")), inline(tree.as_of.isoformat())),
        (inline(strong("Seed and draws")), inline(f"{tree.seed}, {tree.draws:,}")),
    ]
    if tree.command:
        rows.append((inline(strong("Command")), inline(code(tree.command))))
    return [
        Heading(1, inline("How to reproduce this"), "reproduce"),
        Para(inline("The same profile, catalog, date and seed give the same bytes.")),
        Table("Reproduction", (Column("Item", width=0.2), Column("Value", width=0.8)), tuple(rows)),
    ]
