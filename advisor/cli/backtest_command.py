"""`advisor backtest`: how often the estimates and the advice would have been right."""

from __future__ import annotations

import argparse
from typing import Any

from advisor.domain.errors import InputError


def add_backtest_parser(subparsers: Any) -> None:
    """`advisor backtest [--run] [--format text|json]`."""
    parser = subparsers.add_parser(
        "backtest", help="how often this advice would have been right", allow_abbrev=False,
        description="Leave evidence out (points, shapes, accelerator-model pairs, whole accelerators, the future),"
        " predict it, and say how far off the prediction was and whether the right accelerator would have won."
        " Without --run the stored result is shown, which belongs to the evidence at hand.",
    )  # fmt: skip
    parser.add_argument("--run", action="store_true", help="do it again now (a minute or two)")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="form of the result")
    parser.add_argument("--output", "-o", metavar="PATH", help="write to a file instead of stdout")
    from advisor.cli.recommend_command import add_catalog_options

    add_catalog_options(parser)
    parser.set_defaults(func=run_backtest_command)


def run_backtest_command(args: argparse.Namespace) -> int:
    """Show or redo the backtest."""
    from advisor.cli.recommend_command import open_workbench
    from advisor.report.output import write_result

    bench = open_workbench(args)
    result = bench.run_backtest() if args.run else bench.stored_backtest()
    if result is None:
        raise InputError("no stored backtest belongs to this evidence; run `advisor backtest --run`")
    if args.format == "json":
        write_result(result.model_dump_json(indent=2) + "\n", args.output)
        return 0
    from advisor.engine.backtest.text import backtest_text

    write_result(backtest_text(result), args.output)
    return 0
