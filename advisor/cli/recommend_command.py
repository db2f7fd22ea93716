"""`advisor --profile FILE`: a verdict, as text, JSON, markdown, HTML or PDF."""

from __future__ import annotations

import argparse
import shlex
from typing import TYPE_CHECKING, Any

from advisor.cli.formats import form_of
from advisor.domain.errors import ExitCode, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from advisor.domain.recommendation import Recommendation
    from advisor.workbench import Workbench

FORMATS = ("text", "json", "markdown", "html", "pdf")


def add_recommend_options(parser: argparse.ArgumentParser) -> None:
    """Options of the main job, on the root parser and on `advisor recommend`."""
    group = parser.add_argument_group("the main job")
    group.add_argument("--profile", metavar="FILE|NAME", help="profile: a file, - (stdin), or a bundled or own name")
    add_output_options(group)
    group.add_argument("--explain", action="store_true", help="add the arithmetic to text, markdown and PDF")
    group.add_argument("--seed", type=int, default=None, metavar="N", help="seed of the Monte Carlo")
    group.add_argument("--draws", type=int, default=None, metavar="N", help="draws of the Monte Carlo (default 10000)")
    add_catalog_options(group)


def add_output_options(group: Any) -> None:
    """Format and place of the result."""
    group.add_argument("--format", choices=FORMATS, help="default: by the ending of --output, else text")
    group.add_argument("--output", "-o", metavar="PATH", help="write to a file instead of stdout; - is stdout")
    group.add_argument("--paper", choices=("a4", "letter"), default="a4", help="paper of a PDF (default a4)")
    group.add_argument("--no-color", action="store_true", help="no colour, also on a terminal")


def add_catalog_options(group: Any) -> None:
    """What the answer is judged on."""
    group.add_argument(
        "--as-of", metavar="DATE", help="judge by the rules, prices and software of this day (default today)"
    )
    group.add_argument(
        "--catalog", metavar="DIR", action="append", default=[], help="folder of own catalog files, laid over the rest"
    )
    group.add_argument("--no-user-data", action="store_true", help="leave out own catalog files, refreshes and probes")


def add_recommend_parser(subparsers: Any) -> None:
    """`advisor recommend`, the main job as a command."""
    parser = subparsers.add_parser(
        "recommend", help="a verdict on a profile (same as `advisor --profile`)", allow_abbrev=False,
        description="Judge every accelerator for a profile and give one verdict.",
    )  # fmt: skip
    add_recommend_options(parser)
    parser.set_defaults(func=run_recommend)


def run_recommend(args: argparse.Namespace) -> int:
    """Answer the profile and write the result; exit code 3 where nothing is feasible."""
    if args.profile is None:
        raise InputError("give --profile FILE, or the name of a profile; `advisor profile list` names them")
    args.format = form_of(args.format, args.output, FORMATS, "text")
    recommendation = answer(args)
    from advisor.report.output import write_result

    write_result(render(recommendation, args), args.output)
    return int(ExitCode.INFEASIBLE if recommendation.verdict.kind == "infeasible" else ExitCode.OK)


def answer(args: argparse.Namespace) -> Recommendation:
    """Load, judge, return the tree."""
    from advisor.domain.recommendation import DEFAULT_DRAWS, DEFAULT_SEED
    from advisor.profiles.locate import find_profile
    from advisor.profiles.read import read_profile

    path = find_profile(args.profile)
    profile = read_profile(path)
    bench = open_workbench(args)
    seed = DEFAULT_SEED if args.seed is None else args.seed
    draws = DEFAULT_DRAWS if args.draws is None else args.draws
    if not 100 <= draws <= 1_000_000:
        raise InputError(f"--draws {draws}: give a number from 100 to 1,000,000")
    if not 0 <= seed < 2**63:
        raise InputError(f"--seed {seed}: give a whole number from 0 to 2^63 - 1")
    command = reproduce_command(args.profile, bench.as_of, seed, draws, args.catalog, args.no_user_data)
    with_claims = args.explain or args.format not in ("text", "json")
    try:
        return bench.advise(
            profile, folder=path.parent, seed=seed, draws=draws, command=command, with_claims=with_claims
        )
    except InputError as error:  # a name that the catalog does not hold: told with its file, as other faults are
        raise type(error)(f"{path.name}: {error}") from None


def open_workbench(args: argparse.Namespace) -> Workbench:
    """A workbench for the catalog options, the user's own evidence included."""
    from pathlib import Path

    from advisor.workbench import Workbench, own_evidence

    overlays = [Path(p) for p in args.catalog]
    as_of = parse_as_of(args.as_of)
    evidence = [] if args.no_user_data else own_evidence(as_of)
    return Workbench(overlays, as_of=as_of, evidence=evidence, bare=args.no_user_data)


FIRST_YEAR, LAST_YEAR = 2000, 2100


def parse_as_of(text: str | None) -> date:
    """The date to judge at; today where none is given."""
    from datetime import date

    if text is None:
        return date.today()
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise InputError(f"--as-of {text}: not a date; write it as 2026-11-21") from None
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise InputError(f"--as-of {text}: the program judges days from {FIRST_YEAR} to {LAST_YEAR}")
    return day


def reproduce_command(
    profile: str, as_of: date, seed: int, draws: int, catalogs: Sequence[str], bare: bool
) -> str:
    """The command line that gives the same tree again."""
    parts = ["advisor", "--profile", profile, "--as-of", as_of.isoformat(), "--seed", str(seed), "--draws", str(draws)]
    for folder in catalogs:
        parts += ["--catalog", folder]
    if bare:
        parts.append("--no-user-data")
    return shlex.join(parts)


def render(recommendation: Recommendation, args: argparse.Namespace) -> str | bytes:
    """The tree in the form asked for."""
    if args.format == "json":
        return recommendation.model_dump_json(indent=2) + "\n"
    if args.format == "text":
        from advisor.cli.diagnostics import colour_wanted
        from advisor.report.text import render_text

        colour = colour_wanted(args.no_color) and args.output in (None, "-")
        return render_text(recommendation, explain=args.explain, colour=colour)
    from advisor.report import render_report

    return render_report(recommendation, args.format, explain=args.explain, paper=args.paper)
