"""`advisor report`: a stored recommendation as PDF, markdown, HTML, CSV or text, without the catalog."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from advisor.domain.errors import ExitCode, InputError

if TYPE_CHECKING:
    from advisor.domain.recommendation import Recommendation

FORMATS = ("pdf", "markdown", "html", "csv", "text")
SUFFIXES = {".pdf": "pdf", ".md": "markdown", ".html": "html", ".htm": "html", ".csv": "csv", ".txt": "text"}


def add_report_parser(subparsers: Any) -> None:
    """`advisor report RECOMMENDATION.json`."""
    parser = subparsers.add_parser(
        "report", help="a stored recommendation as PDF, markdown, HTML, CSV or text", allow_abbrev=False,
        description="Render a stored recommendation (JSON). Everything comes from the file: no catalog is read, so it"
        " renders the same years later.",
    )  # fmt: skip
    parser.add_argument("recommendation", metavar="RECOMMENDATION.json", help="stored result; - reads stdin")
    parser.add_argument("--format", choices=FORMATS, help="default: by the name of --output, else text")
    parser.add_argument("--output", "-o", metavar="PATH", help="write to a file instead of stdout; - is stdout")
    parser.add_argument("--paper", choices=("a4", "letter"), default="a4", help="paper of a PDF (default a4)")
    parser.add_argument("--explain", action="store_true", help="add the arithmetic")
    parser.add_argument(
        "--charts", choices=("table", "svg"), default="table",
        help="markdown: charts as tables in the one file (default), or as SVG files beside --output",
    )  # fmt: skip
    parser.set_defaults(func=run_report)


def run_report(args: argparse.Namespace) -> int:
    """Read, check, render, write."""
    from advisor.cli.output import write_result
    from advisor.cli.tree_file import read_tree

    form = args.format or SUFFIXES.get(Path(args.output or "").suffix.lower(), "text")
    to_file = args.output not in (None, "-")
    if args.charts == "svg" and (form != "markdown" or not to_file):
        raise InputError("--charts svg: needs --format markdown and --output FILE.md; the charts are written beside it")
    tree = read_tree(args.recommendation)
    if args.charts == "svg":
        _write_with_charts(tree, Path(args.output), explain=args.explain)
        return int(ExitCode.OK)
    write_result(_render(tree, form, args), args.output)
    return int(ExitCode.OK)


def _render(tree: Recommendation, form: str, args: argparse.Namespace) -> str | bytes:
    if form == "text":
        from advisor.cli.text import render_text

        return render_text(tree, explain=args.explain, colour=False)
    from advisor.report import render_report

    return render_report(tree, form, explain=args.explain, paper=args.paper)


def _write_with_charts(tree: Recommendation, path: Path, *, explain: bool) -> None:
    from advisor.cli.output import write_result
    from advisor.report.build import build_report
    from advisor.report.markdown import chart_files, write_markdown

    report = build_report(tree, explain=explain)
    files = chart_files(report, path.stem)
    for name, svg in files.values():
        write_result(svg + "\n", str(path.parent / name))
    write_result(write_markdown(report, {anchor: name for anchor, (name, _) in files.items()}), str(path))
