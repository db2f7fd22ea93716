"""`advisor report`: a stored answer as PDF, markdown, HTML, CSV or text, without the catalog."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from advisor.cli.formats import form_of
from advisor.domain.errors import ExitCode, InputError

if TYPE_CHECKING:
    from advisor.domain.recommendation import Recommendation

FORMATS = ("pdf", "markdown", "html", "csv", "text")


def add_report_parser(subparsers: Any) -> None:
    """`advisor report RECOMMENDATION.json --output answer.pdf`."""
    parser = subparsers.add_parser(
        "report", help="render a stored answer as PDF, markdown, HTML, CSV or text", allow_abbrev=False,
        description="Render an answer that `advisor --profile ... --format json` wrote. Everything comes from the"
        " file, so it renders the same years later, whatever the catalog says by then.",
    )  # fmt: skip
    parser.add_argument("recommendation", metavar="RECOMMENDATION.json", help="stored answer; - is stdin")
    parser.add_argument("--format", choices=FORMATS, help="default: by the ending of --output, else markdown")
    parser.add_argument("--output", "-o", metavar="PATH", help="write to a file instead of stdout; - is stdout")
    parser.add_argument("--paper", choices=("a4", "letter"), default="a4", help="paper of a PDF (default a4)")
    parser.add_argument("--charts", metavar="DIR", help="markdown: write the charts as SVG into DIR and link them")
    parser.add_argument("--explain", action="store_true", help="add the arithmetic")
    parser.set_defaults(func=run_report)


def run_report(args: argparse.Namespace) -> int:
    """Read, check, render, write."""
    from advisor.cli.tree_file import read_tree
    from advisor.report.output import write_result

    form = form_of(args.format, args.output, FORMATS, "markdown")
    if args.charts and form != "markdown":
        raise InputError("--charts: goes with --format markdown; PDF and HTML carry their charts")
    tree = read_tree(args.recommendation)
    content = _with_charts(tree, args) if args.charts else _render(tree, form, args)
    write_result(content, args.output)
    return int(ExitCode.OK)


def _render(tree: Recommendation, form: str, args: argparse.Namespace) -> str | bytes:
    if form == "text":
        from advisor.report.text import render_text

        return render_text(tree, explain=args.explain, colour=False)
    from advisor.report import render_report

    return render_report(tree, form, explain=args.explain, paper=args.paper)


def _with_charts(tree: Recommendation, args: argparse.Namespace) -> str:
    """The markdown, its charts written beside it and linked by relative paths."""
    from os.path import relpath

    from advisor.report.build import build_report
    from advisor.report.markdown import chart_files, write_markdown
    from advisor.report.output import write_result

    report = build_report(tree, explain=args.explain)
    folder = Path(args.charts)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--charts {args.charts}: cannot be made ({error.strerror})") from None
    base = Path(args.output).parent if args.output not in (None, "-") else Path()
    links = {}
    for anchor, svg in chart_files(report).items():
        path = folder / f"{anchor}.svg"
        write_result(svg + "\n", str(path))
        links[anchor] = Path(relpath(path, base)).as_posix()
    return write_markdown(report, links)
