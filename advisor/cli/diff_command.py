"""`advisor diff OLD NEW`: what changed between two answers, made for a monthly CI run."""

from __future__ import annotations

import argparse
from typing import Any

from advisor.domain.errors import ExitCode

WIDTH = 100


def add_diff_parser(subparsers: Any) -> None:
    """`advisor diff`."""
    parser = subparsers.add_parser(
        "diff", help="what changed between two answers; exit code 4 when the verdict did", allow_abbrev=False,
        description="Compare two recommendations in JSON: verdict, cost, inputs and profile. Exit code 4 when the"
        " verdict changed, 0 when it stands.",
    )  # fmt: skip
    parser.add_argument("old", metavar="OLD.json", help="the earlier answer")
    parser.add_argument("new", metavar="NEW.json", help="the later answer; - reads stdin")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="form of the result (default text)")
    parser.add_argument("--output", "-o", metavar="PATH", help="write to a file instead of stdout")
    parser.add_argument("--all", action="store_true", help="every change, not the 40 most important")
    parser.set_defaults(func=run_diff)


def run_diff(args: argparse.Namespace) -> int:
    """Compare and print; exit code 4 when the verdict changed."""
    from advisor.cli.tree_file import read_tree
    from advisor.domain.errors import InputError
    from advisor.engine.diff import diff
    from advisor.report.output import write_result

    if args.old == "-" and args.new == "-":
        raise InputError("only one of the two answers can come from stdin")
    found = diff(read_tree(args.old), read_tree(args.new))
    text = found.model_dump_json(indent=2) + "\n" if args.format == "json" else _text(found, None if args.all else 40)
    write_result(text, args.output)
    return int(ExitCode.VERDICT_CHANGED if found.verdict_changed else ExitCode.OK)


def _text(found: Any, most: int | None) -> str:
    from textwrap import fill

    from advisor.domain.text import plain

    titles = {
        "verdict": "Verdict", "feasibility": "Feasibility", "cost": "Cost", "evidence": "Evidence", "input": "Inputs",
        "profile": "Profile", "risk": "Risk",
    }  # fmt: skip
    lines = [fill(plain(text), WIDTH) for text in (found.question, found.headline) if text]
    shown = found.changes if most is None else found.changes[:most]
    for kind, title in titles.items():
        group = [c for c in shown if c.kind == kind]
        if group:
            lines += ["", title]
            lines += [fill(plain(c.text), WIDTH, initial_indent="  ", subsequent_indent="    ") for c in group]
    if len(shown) < len(found.changes):
        lines += ["", f"and {len(found.changes) - len(shown)} more; --all shows them"]
    return "\n".join(lines) + "\n"
