"""`advisor` without arguments, and `advisor serve`: the same program in a browser."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from advisor.domain.errors import ExitCode, InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from advisor.workbench import Workbench

LOOPBACK = "127.0.0.1"


def add_serve_parser(subparsers: Any) -> None:
    """`advisor serve`."""
    parser = subparsers.add_parser(
        "serve",
        help="the interactive program in a browser (needs the extra `serve`)",
        allow_abbrev=False,
        description="Serve the interactive program to a browser. It listens on this machine only, unless told"
        " otherwise: whoever can open the page can read and write profiles as you.",
    )
    parser.add_argument("--host", default=LOOPBACK, help=f"address to listen on (default {LOOPBACK})")
    parser.add_argument("--port", type=int, default=8000, help="port (default 8000)")
    parser.set_defaults(func=run_serve)


def run_serve(args: argparse.Namespace) -> int:
    """Serve until interrupted."""
    if not 1 <= args.port <= 65_535:
        raise InputError(f"--port {args.port}: give a number from 1 to 65535")
    try:
        from advisor.cli.browser import LocalServer, check_free, refusal
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("advisor"):
            raise
        raise InputError("`advisor serve` needs textual-serve: pip install 'accelerator-advisor[serve]'") from None

    check_free(args.host, args.port)
    if args.host not in (LOOPBACK, "localhost", "::1"):
        print(f"advisor: {args.host} can be reached from outside this machine, without a password", file=sys.stderr)
    try:
        LocalServer(args.host, args.port).serve()
    except OSError as error:  # taken between the check and now
        raise refusal(args.host, args.port, error) from None
    return int(ExitCode.OK)


def run_terminal(args: argparse.Namespace) -> int:
    """Run the interactive program until it is left."""
    import os

    if not sys.stderr.isatty() and "TEXTUAL_DRIVER" not in os.environ:
        raise InputError("the interactive program draws on stderr; leave that to the terminal, or give --profile FILE")
    from advisor.cli.recommend_command import open_workbench, parse_as_of

    as_of = parse_as_of(args.as_of)
    return run_app(lambda: open_workbench(args), as_of.isoformat())


def run_plain() -> int:
    """The same with every option at its default."""
    from advisor.cli.diagnostics import guarded

    args = argparse.Namespace(as_of=None, catalog=[], no_user_data=False)
    return guarded(lambda: run_terminal(args))


def run_app(opener: Callable[[], Workbench], as_of: str) -> int:
    """Run the app; a fault of it becomes an exit code."""
    from advisor.tui.app import AdvisorApp
    from advisor.tui.desk import Facts

    app = AdvisorApp(Facts(opener), as_of=as_of)
    app.run()
    return int(app.return_code or ExitCode.OK)
