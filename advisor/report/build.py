"""From the tree to the list of blocks that every writer takes."""

from __future__ import annotations

from advisor.domain.recommendation import Recommendation
from advisor.domain.text import plain
from advisor.report.blocks import Block, Contents, PageBreak, Report
from advisor.report.context import Context
from advisor.report.sections.actions import negotiation, probing
from advisor.report.sections.change import change, other_courses
from advisor.report.sections.closing import arithmetic, assumptions, reproduce, sources
from advisor.report.sections.comparison import comparison
from advisor.report.sections.cost import cost
from advisor.report.sections.first_page import KIND_WORDS, first_page
from advisor.report.sections.glossary import glossary
from advisor.report.sections.guards import gates, risks
from advisor.report.sections.trust import claims, governance, method
from advisor.report.sections.workload import workload


def build_report(tree: Recommendation, *, explain: bool = False) -> Report:
    """The whole report; sections without content are left out."""
    ctx = Context(tree, explain)
    blocks: list[Block] = [*first_page(ctx), PageBreak(), Contents()]
    for section in (
        workload, comparison, cost, change, probing, other_courses, negotiation, gates, risks, claims, governance,
        method, assumptions, arithmetic, sources, reproduce, glossary,
    ):  # fmt: skip
        blocks += section(ctx)
    return Report(
        title=plain(tree.profile.name),
        kicker=KIND_WORDS[tree.verdict.kind],
        headline=plain(tree.verdict.headline),
        as_of=tree.as_of,
        footer=f"advisor {tree.advisor_version} · catalog {tree.catalog_fingerprint[:12]} · seed {tree.seed}",
        keywords=("accelerators", "LLM serving", "procurement", *(c.accelerator for c in tree.candidates)),
        blocks=tuple(blocks),
    )
