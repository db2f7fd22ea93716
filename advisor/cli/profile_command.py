"""`advisor profile`: list, start, check and show profiles."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from advisor.domain.errors import InputError
from advisor.domain.text import plain


def add_profile_parser(subparsers: Any) -> None:
    """`advisor profile list|new|validate|show|schema`."""
    parser = subparsers.add_parser("profile", help="list, start, check and show profiles", allow_abbrev=False)
    inner = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    listed = inner.add_parser("list", help="profiles that can be opened by name", allow_abbrev=False)
    listed.set_defaults(func=run_list)
    new = inner.add_parser("new", help="write a commented starter", allow_abbrev=False)
    new.add_argument("path", nargs="?", default="-", help="file to write; - is stdout (default)")
    new.add_argument("--force", action="store_true", help="overwrite an existing file")
    new.set_defaults(func=run_new)
    validate = inner.add_parser("validate", help="check profiles, catalog names included", allow_abbrev=False)
    validate.add_argument("profiles", nargs="+", metavar="FILE|NAME")
    validate.set_defaults(func=run_validate)
    show = inner.add_parser("show", help="print a profile as it is on disk", allow_abbrev=False)
    show.add_argument("profile", metavar="FILE|NAME")
    show.set_defaults(func=run_show)
    schema = inner.add_parser("schema", help="JSON Schema of a profile", allow_abbrev=False)
    schema.set_defaults(func=run_schema)


def run_list(args: argparse.Namespace) -> int:
    """One line a profile."""
    del args
    from advisor.domain.errors import AdvisorError
    from advisor.profiles.locate import list_profiles
    from advisor.profiles.read import read_profile

    for entry in list_profiles():
        try:
            title = read_profile(entry.path).name
        except AdvisorError as error:
            title = f"unreadable: {error}"
        where = "bundled" if entry.bundled else "own"
        print(f"{entry.name:<34} {where:<8} {plain(title, 100)}")
    return 0


def run_new(args: argparse.Namespace) -> int:
    """Write the starter; an existing file is kept unless --force."""
    from advisor.profiles.starter import STARTER
    from advisor.report.output import write_result

    if args.path != "-" and Path(args.path).exists() and not args.force:
        raise InputError(f"{args.path}: exists already; give another name, or --force to overwrite it")
    write_result(STARTER, args.path)
    return 0


def run_validate(args: argparse.Namespace) -> int:
    """Check each profile; the last wrong one decides the exit code, every fault of each is a line."""
    from datetime import date

    from advisor.cli.diagnostics import fail
    from advisor.domain.errors import AdvisorError, ProfileError
    from advisor.profiles.locate import find_profile
    from advisor.profiles.read import read_profile
    from advisor.workbench import Workbench

    bench = Workbench(as_of=date.today())
    code = 0
    for name in args.profiles:
        try:
            path = find_profile(name)
            profile = read_profile(path)
        except AdvisorError as error:
            for problem in error.problems if isinstance(error, ProfileError) else (str(error),):
                fail(problem)
            code = int(error.exit_code)
            continue
        try:
            bench.check(profile, path.parent)
        except AdvisorError as error:
            fail(f"{plain(path.name)}: {error}")
            code = int(error.exit_code)
        else:
            print(f"{plain(name)}: valid")
    return code


def run_show(args: argparse.Namespace) -> int:
    """Print the file."""
    from advisor.profiles.locate import find_profile
    from advisor.profiles.read import read_text

    print(read_text(find_profile(args.profile)), end="")
    return 0


def run_schema(args: argparse.Namespace) -> int:
    """Print the schema of a profile."""
    from advisor.cli.schema_command import run_schema as print_schema

    args.what = "profile"
    return print_schema(args)
