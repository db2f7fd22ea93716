"""What stands in the way and what could go wrong: gates with citations, the risk register, the software floor."""

from __future__ import annotations

from advisor.domain.gates import Gate
from advisor.domain.recommendation import Candidate
from advisor.report.blocks import Block, Column, Heading, Inline, Items, Para, Table, inline, sentence, small, strong
from advisor.report.context import Context
from advisor.report.naming import short_name
from advisor.report.numbers import money, words

ACROSS = 10
"""Candidates side by side in one matrix."""
STATUS = {"pass": "✓ pass", "condition": "▲ condition", "fail": "✗ fail"}


def gates(ctx: Context) -> list[Block]:
    """A matrix of all candidates, then every finding about the choice, then what hits the others."""
    judged = [c for c in ctx.tree.candidates if c.gates]
    if not judged:
        return []
    blocks: list[Block] = [
        Heading(1, inline("Gates"), "gates"),
        Para(inline("A gate is a rule that a candidate must pass. Decision support, not legal advice.")),
        *_matrices(judged),
    ]
    choice = ctx.choice
    if choice is not None:
        blocks.append(Heading(2, inline(f"{short_name(choice)}: every gate"), "gates-choice"))
        blocks.append(_findings(ctx, choice.gates))
    others = _others(ctx, judged)
    if others.rows:
        title = "What hits the others" if choice is not None else "What hits each candidate"
        blocks += [Heading(2, inline(title), "gates-others"), others]
    return blocks


def _matrices(judged: list[Candidate]) -> list[Table]:
    names = list(dict.fromkeys(g.gate for c in judged for g in c.gates))
    return [_matrix(judged[i : i + ACROSS], names) for i in range(0, len(judged), ACROSS)]


def _matrix(judged: list[Candidate], names: list[str]) -> Table:
    columns = (Column("Gate", width=1.0), *(Column(c.accelerator.upper()) for c in judged))
    rows = []
    for name in names:
        cells = []
        for c in judged:
            worst = max((g.status for g in c.gates if g.gate == name), key=list(STATUS).index, default=None)
            cells.append(inline(STATUS[worst].split()[0] if worst else ""))
        rows.append((inline(words(name)), *cells))
    caption = "Every gate and candidate: ✓ pass, ▲ possible on a condition, ✗ fail"
    return Table(caption, columns, tuple(rows), dense=True)


def _findings(ctx: Context, found: tuple[Gate, ...]) -> Table:
    columns = (Column("Gate"), Column("Result"), Column("Finding", width=1.0), Column("Source", width=0.2))
    rows = tuple(_finding(ctx, g) for g in sorted(found, key=lambda g: -list(STATUS).index(g.status)))
    return Table("Findings, with the rule behind each", columns, rows, dense=True)


def _finding(ctx: Context, g: Gate) -> tuple[Inline, ...]:
    parts: list[str | Inline] = [inline(strong(f"{g.title}. ")), g.reason]
    if g.remedy:
        parts.append(sentence(f" What to do: {g.remedy}"))
    if g.arithmetic:
        parts.append(inline(small(f" Arithmetic: {g.arithmetic}.")))
    if g.literal_text_position or g.enforced_position:
        parts.append(inline(small(f" Text: {g.literal_text_position} Enforced: {g.enforced_position}")))
    if g.citation:
        dated = f", {g.as_of}" if g.as_of else ""
        parts.append(inline(small(f" Rule: {g.citation}{dated}.")))
    return inline(words(g.gate)), inline(STATUS[g.status]), inline(*parts), ctx.origin(g.source)


def _others(ctx: Context, judged: list[Candidate]) -> Table:
    hits: dict[tuple[str, str, str, str], list[str]] = {}
    for c in judged:
        if c is ctx.choice:
            continue
        for g in c.gates:
            if g.status != "pass":
                hits.setdefault((g.gate, g.status, g.title, g.source), []).append(c.accelerator.upper())
    rows = tuple(
        (inline(words(gate)), inline(STATUS[status]), inline(title), inline(", ".join(names)), ctx.origin(source))
        for (gate, status, title, source), names in hits.items()
    )
    columns = (
        Column("Gate"), Column("Result"), Column("Finding", width=0.7), Column("Candidates", width=0.3),
        Column("Source", width=0.2),
    )  # fmt: skip
    whose = "of the other candidates" if ctx.choice is not None else "by finding"
    return Table(f"Conditions and failures {whose}", columns, rows, dense=True)


def risks(ctx: Context) -> list[Block]:
    """The register of the choice in full, expected losses of the others, version floors for the contract."""
    choice = ctx.choice
    blocks: list[Block] = []
    if choice is not None and choice.risks:
        blocks += [
            Heading(1, inline("Risk register"), "risks"),
            Para(inline("Likelihoods and effects come from the catalog or the profile; each can be overruled there. "
                        "The table gives means of a low, a typical and a high value; the loss a month is the likelihood"
                        " a year times the effect, divided by 12.")),
            _register(ctx, choice),
        ]
        blocks += _losses(ctx)
    if choice is not None and choice.software_floor:
        blocks.append(Heading(1, inline("Software floor for the contract"), "floor"))
        blocks.append(Items(tuple(inline(line) for line in choice.software_floor)))
    return blocks


def _register(ctx: Context, choice: Candidate) -> Table:
    columns = (
        Column("Risk", width=0.2), Column("Cause and basis", width=0.44), Column("A year", "right"),
        Column("Effect, USD", "right", width=0.13), Column("Loss, USD a month", "right", width=0.13),
        Column("Mitigation and owner", width=0.36), Column("Source", width=0.12),
    )  # fmt: skip
    rows = tuple(
        (
            inline(strong(r.name), small(f" {r.level}")),
            inline(r.cause, small(f" {r.basis}")),
            inline(_mean_share(r.likelihood_per_year.mean)),
            inline(money(r.effect_usd.mean), small(f" over {r.effect_weeks:g} weeks" if r.effect_weeks else "")),
            inline(money(r.expected_loss_usd_per_month)),
            inline(r.mitigation, small(f" Owner: {r.owner}.")),
            ctx.origin(*r.source_ids),
        )
        for r in choice.risks
    )
    return Table(f"{short_name(choice)}: what could go wrong, largest expected loss first", columns, rows, dense=True)


def _mean_share(value: float) -> str:
    """A likelihood with digits enough that the row can be multiplied out by hand."""
    return f"{100 * value:.4g} %"


def _losses(ctx: Context) -> list[Block]:
    rows = tuple(
        (
            inline(short_name(c)),
            inline(money(c.expected_loss_usd_per_month)),
            inline(c.risks[0].name if c.risks else ""),
        )
        for c in ctx.feasible
        if c.expected_loss_usd_per_month is not None
    )
    if len(rows) < 2:
        return []
    columns = (Column("Candidate"), Column("Expected loss, USD/month", "right"), Column("Largest risk", width=1.0))
    return [Table("Expected loss of each candidate", columns, rows, dense=True)]
