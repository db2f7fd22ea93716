"""Markdown: what is text stays text, tables keep their shape, charts lie within or beside."""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from advisor.domain.recommendation import Recommendation
from advisor.domain.text import plain
from advisor.report import render_report
from advisor.report.blocks import Chart, Table
from advisor.report.build import build_report
from advisor.report.markdown import chart_files, escape, write_markdown

PARSER = MarkdownIt("gfm-like")
SPANS = re.compile(r"<span>([$@])</span>")


def shown(markdown: str) -> str:
    """The text a reader sees of one paragraph."""
    tokens = PARSER.parse(SPANS.sub(r"\1", markdown))
    assert [t.type for t in tokens] == ["paragraph_open", "inline", "paragraph_close"], tokens
    out = []
    for child in tokens[1].children or ():
        assert child.type in ("text", "text_special", "softbreak"), child
        out.append(child.content)
    return "".join(out)


@given(st.text(alphabet=st.characters(codec="utf-8", max_codepoint=0x2FF), min_size=1))
@example("# heading")
@example("- item")
@example("1. item")
@example("> quote")
@example("[link](http://x.example) ![i](j)")
@example("<b>&amp;</b> &#65;")
@example("==== and ---- and ~~~~")
@example("https://evil.example and www.evil.example")
@example("| a | b |")
@example("+ plus")
def test_text_is_shown_as_it_stands(raw: str) -> None:
    text = plain(raw).strip()
    if text:
        assert shown(escape(text)).split() == text.split()


def test_headline_parses_as_headings_and_tables(renewal: Recommendation) -> None:
    written = render_report(renewal, "markdown")
    assert isinstance(written, str)
    tokens = PARSER.parse(written)
    levels = [int(t.tag[1]) for t in tokens if t.type == "heading_open"]
    assert levels[:2] == [1, 2]
    assert levels.count(1) == 1
    assert max(levels) == 3
    tables = sum(1 for b in build_report(renewal).blocks if isinstance(b, Table | Chart))
    assert sum(t.type == "table_open" for t in tokens) == tables


def test_every_table_row_has_the_columns_of_its_header(operator: Recommendation) -> None:
    written = render_report(operator, "markdown", explain=True)
    assert isinstance(written, str)
    width = 0
    for line in written.splitlines():
        if not line.startswith("|"):
            width = 0
            continue
        cells = len(re.findall(r"(?<!\\)\|", line)) - 1
        width = width or cells
        assert cells == width, line


def test_charts_lie_beside_when_asked(renewal: Recommendation) -> None:
    report = build_report(renewal)
    files = chart_files(report)
    assert set(files) == {"chart-range", "chart-pareto", "chart-cost", "chart-cash", "chart-tornado"}
    written = write_markdown(report, {anchor: f"charts/{anchor}.svg" for anchor in files})
    for anchor in files:
        assert f"](<charts/{anchor}.svg>)" in written
    assert "Points of the chart" not in written
    assert "Points of the chart" in write_markdown(report)


def test_contents_point_at_headings(renewal: Recommendation) -> None:
    written = render_report(renewal, "markdown")
    assert isinstance(written, str)
    slugs = {
        re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in written.splitlines()
        if line.startswith("## ")
    }
    links = re.findall(r"^- \[[^\]]+\]\(#([^)]+)\)$", written, flags=re.MULTILINE)
    assert len(links) > 10
    assert set(links) <= slugs
