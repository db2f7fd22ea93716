"""Reports: the recommendation as text, markdown, HTML, PDF and a CSV of the comparison.

One list of blocks is built from the tree; each writer turns it into its own form. The report computes nothing but
layout. Importing this package loads neither typst nor the section builders.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.domain.errors import InputError

if TYPE_CHECKING:
    from advisor.domain.recommendation import Recommendation

REPORT_FORMATS = ("markdown", "html", "pdf", "csv")
PAPERS = ("a4", "letter")


def render_report(recommendation: Recommendation, fmt: str, *, explain: bool = False, paper: str = "a4") -> str | bytes:
    """The whole report in one of `REPORT_FORMATS`; the same tree gives the same bytes.

    Parameters
    ----------
    fmt
        markdown, html, csv (text) or pdf (bytes).
    explain
        Add the arithmetic.
    paper
        a4 or letter; for PDF.

    Raises
    ------
    InputError
        When the format or paper is unknown, or no PDF can be made on this platform.
    """
    if paper not in PAPERS:
        raise InputError(f"paper {paper!r}: give one of {', '.join(PAPERS)}")
    if fmt == "csv":
        from advisor.report.comparison_csv import write_csv

        return write_csv(recommendation)
    if fmt not in REPORT_FORMATS:
        raise InputError(f"format {fmt!r}: give one of {', '.join(REPORT_FORMATS)}")
    from advisor.report.build import build_report

    report = build_report(recommendation, explain=explain)
    if fmt == "markdown":
        from advisor.report.markdown import write_markdown

        return write_markdown(report)
    if fmt == "html":
        from advisor.report.html import write_html

        return write_html(report)
    from advisor.report.pdf import write_pdf

    return write_pdf(report, paper=paper)
