"""CSV carries the tree's own figures; HTML can be read aloud."""

from __future__ import annotations

import csv
import io
from html.parser import HTMLParser
from xml.etree import ElementTree

from advisor.domain.recommendation import Recommendation
from advisor.report import render_report
from advisor.report.links import safe_url


def test_csv_figures_are_those_of_the_tree(renewal: Recommendation) -> None:
    written = render_report(renewal, "csv")
    assert isinstance(written, str)
    rows = list(csv.DictReader(io.StringIO(written)))
    assert [r["accelerator"] for r in rows] == [c.accelerator for c in renewal.candidates]
    for row, c in zip(rows, renewal.candidates, strict=True):
        assert c.cost is not None
        assert c.operating_point is not None
        assert float(row["usd_per_month_p50"]) == c.cost.usd_per_month.p50
        assert float(row["output_tps_per_gpu"]) == c.operating_point.output_tps_per_gpu
        assert float(row["p_cheapest"]) == c.p_cheapest


class Structure(HTMLParser):
    """Headings, tables and figures in order."""

    def __init__(self) -> None:
        super().__init__()
        self.levels: list[int] = []
        self.ids: list[str] = []
        self.targets: list[str] = []
        self.cells: list[tuple[str, str | None]] = []
        self.counts: dict[str, int] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.counts[tag] = self.counts.get(tag, 0) + 1
        if tag in ("h1", "h2", "h3", "h4"):
            self.levels.append(int(tag[1]))
        if tag == "th":
            self.cells.append((tag, given.get("scope")))
        if given.get("id"):
            self.ids.append(str(given["id"]))
        if tag == "a" and str(given.get("href", "")).startswith("#"):
            self.targets.append(str(given["href"])[1:])


def test_html_has_headings_in_order_captions_scopes_and_alt_texts(operator: Recommendation) -> None:
    written = render_report(operator, "html", explain=True)
    assert isinstance(written, str)
    page = Structure()
    page.feed(written)
    assert page.levels[0] == 1
    assert page.levels.count(1) == 1
    assert all(b - a <= 1 for a, b in zip(page.levels, page.levels[1:], strict=False))
    assert {scope for _, scope in page.cells} == {"col", "row"}
    assert page.counts["caption"] == page.counts["table"]
    assert page.counts["desc"] == page.counts["svg"] == page.counts["figure"] == 5
    assert len(set(page.ids)) == len(page.ids)
    assert set(page.targets) <= set(page.ids)
    assert '<html lang="en">' in written


def test_charts_in_html_are_well_formed(renewal: Recommendation) -> None:
    written = render_report(renewal, "html")
    assert isinstance(written, str)
    for part in written.split("<svg")[1:]:
        root = ElementTree.fromstring("<svg" + part.partition("</svg>")[0] + "</svg>")
        assert root.attrib["role"] == "img"


def test_addresses_that_may_become_links() -> None:
    assert safe_url('https://example.org/"onmouseover="x') == "https://example.org/%22onmouseover=%22x"
    for address in ("javascript:alert(1)", "data:text/html,x", "//evil.example", "http://", "ftp://x", "http://[::1"):
        assert safe_url(address) == ""
