"""Text that is markup somewhere stays harmless text in every form."""

from __future__ import annotations

import csv
import io
import re
from html.parser import HTMLParser

from markdown_it import MarkdownIt

from advisor.domain.recommendation import Recommendation
from advisor.report import render_report
from advisor.report.comparison_csv import safe_cell
from advisor.report.text import render_text

CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200e\u200f]")


def rendered(tree: Recommendation, form: str) -> str:
    out = render_report(tree, form)
    assert isinstance(out, str)
    return out


class Tags(HTMLParser):
    """Collects what a browser would act on."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_html_has_no_foreign_element_attribute_or_link(hostile: Recommendation) -> None:
    written = rendered(hostile, "html")
    tags = Tags()
    tags.feed(written)
    assert "script" not in tags.tags
    assert "img" not in tags.tags
    assert not {name for name in tags.attributes if name.startswith("on")}
    assert all(link.startswith(("#", "https://", "http://")) for link in tags.links)
    assert "<script>alert(1)</script>" in "".join(tags.words)
    assert not CONTROLS.search(written)
    assert "default-src 'none'" in written


def test_markdown_makes_no_element_link_or_formula_of_it(hostile: Recommendation) -> None:
    written = rendered(hostile, "markdown")
    assert not CONTROLS.search(written)
    tokens = MarkdownIt("gfm-like", {"html": True}).parse(written)
    raw = [t for t in tokens if t.type == "html_block"]
    raw += [c for t in tokens for c in t.children or () if c.type == "html_inline"]
    for token in raw:
        for tag in re.findall(r"<\s*/?\s*([a-zA-Z]+)", token.content):
            assert tag in ("a", "sub", "span"), token.content
    links = [c.attrGet("href") for t in tokens for c in t.children or () if c.type == "link_open"]
    assert not [link for link in links if "evil" in str(link) or "script" in str(link)]
    assert not any(c.type == "image" for t in tokens for c in t.children or ())
    texts = [c.content for t in tokens for c in t.children or () if c.type == "text"]
    assert not any(re.search(r"\$[^$\s]", text) for text in texts)


def test_csv_opens_without_a_formula(hostile: Recommendation) -> None:
    written = rendered(hostile, "csv")
    assert not CONTROLS.search(written)
    rows = list(csv.reader(io.StringIO(written)))
    assert len({len(row) for row in rows}) == 1
    for row in rows[1:]:
        for cell in row:
            assert not cell.lstrip().startswith(("=", "@", "+")), cell
            assert not cell.startswith("-") or re.fullmatch(r"-?[\d.e+-]+", cell), cell
    assert rows[1][0].startswith("'=HYPERLINK(")


def test_cells_that_begin_like_formulas() -> None:
    for text in ("=1+1", "+1", "-1+2", "@SUM(A1)", " =1", "|calc", "%0A", "\t=1", "＝1"):
        assert safe_cell(text).startswith("'") or text == "＝1"
    assert safe_cell(-1.5) == "-1.5"
    assert safe_cell(None) == ""


def test_terminal_gets_no_escape(hostile: Recommendation) -> None:
    assert not CONTROLS.search(render_text(hostile, explain=True, colour=False))
