"""`advisor catalog`: check it, list it, show one row, say how old it is, name the sources."""

from __future__ import annotations

import argparse
import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from advisor.domain.errors import ExitCode, InputError, did_you_mean
from advisor.domain.text import plain

if TYPE_CHECKING:
    from advisor.catalog import Catalog

_EXAMPLES = """\
examples:
  advisor catalog check --catalog ./our-quotes
  advisor catalog list rent --match b200
  advisor catalog show mi355x
  advisor catalog sources inferencex
"""


def add_catalog_parser(subparsers: Any) -> None:
    """`advisor catalog check|list|show|status|sources`."""
    parser = subparsers.add_parser(
        "catalog", help="check, list and show the facts and their sources", epilog=_EXAMPLES, allow_abbrev=False,
        description="The facts that the advice rests on, each with source, date and kind.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    inner = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    check = inner.add_parser("check", help="check every row of the catalog and of own files", allow_abbrev=False)
    check.set_defaults(func=run_check)
    listed = inner.add_parser("list", help="kinds of fact, or the rows of one", allow_abbrev=False)
    listed.add_argument("kind", nargs="?", metavar="KIND", help="accelerators, models, rent, tco, issues, ...")
    listed.add_argument("--match", metavar="TEXT", default="", help="only rows that contain TEXT")
    listed.set_defaults(func=run_list)
    show = inner.add_parser("show", help="one row with its source", allow_abbrev=False)
    show.add_argument("name", metavar="[KIND/]ID", help="id as lists show it")
    show.add_argument("--format", choices=("text", "json"), default="text", help="form (default text)")
    show.set_defaults(func=run_show)
    status = inner.add_parser("status", help="where the files lie, how many rows, how old", allow_abbrev=False)
    status.add_argument("--as-of", metavar="DATE", help="count ages from this date (default today)")
    status.set_defaults(func=run_status)
    sources = inner.add_parser("sources", help="cited sources and the lines that they ask for", allow_abbrev=False)
    sources.add_argument("match", nargs="?", default="", metavar="TEXT", help="only sources that contain TEXT")
    sources.set_defaults(func=run_sources)
    for action in (check, listed, show, status, sources):
        action.add_argument(
            "--catalog", metavar="DIR", action="append", default=[], help="folder of own files, laid over the rest"
        )
        action.add_argument("--no-user-data", action="store_true", help="leave out own files and refreshes")


def open_catalog(args: argparse.Namespace) -> Catalog:
    """The catalog with the overlays that the options ask for."""
    from advisor.catalog import load_catalog
    from advisor.catalog.resources import user_overlay_dirs

    own = () if args.no_user_data else user_overlay_dirs()
    return load_catalog([*own, *map(Path, args.catalog)])


def run_check(args: argparse.Namespace) -> int:
    """Print every fault; exit code 2 where there is one."""
    from advisor.catalog.check import check_catalog

    report = check_catalog(open_catalog(args))
    for fault in report.faults:
        print(plain(fault))
    n = len(report.faults)
    verdict = f"{n} fault{'' if n == 1 else 's'}" if n else "no faults"
    print(f"{report.rows} rows in {report.files} files: {verdict}")
    return int(ExitCode.WRONG_INPUT if n else ExitCode.OK)


def run_list(args: argparse.Namespace) -> int:
    """Kinds with their counts, or one line per row of a kind."""
    from advisor.catalog.kinds import KINDS, kind_named, row_key

    catalog = open_catalog(args)
    if args.kind is None:
        for kind in KINDS.values():
            count = sum(1 for _ in kind.rows(catalog))
            print(f"{kind.name:<14}{count:>6}  {kind.title:<38}{kind.path}")
        return 0
    kind = kind_named(args.kind)
    wanted = args.match.casefold()
    for row in kind.rows(catalog):
        cells = [f"{name}={_shown(getattr(row, name))}" for name in kind.shown if _shown(getattr(row, name))]
        line = plain(f"{row_key(kind, row)}  {'  '.join(cells)}")
        if wanted in line.casefold():
            print(line)
    return 0


def run_show(args: argparse.Namespace) -> int:
    """All fields of one row."""
    from advisor.catalog.kinds import KINDS, find_row, kind_named, row_fields

    catalog = open_catalog(args)
    head, _, rest = args.name.partition("/")
    if rest and head in KINDS:
        kind, row = find_row(catalog, rest, kind_named(head))
    else:
        kind, row = find_row(catalog, args.name)
    pairs = row_fields(row)
    source = catalog.sources.get(str(dict(pairs).get("source", dict(pairs).get("source_id", ""))))
    if source is not None:
        pairs += [("reference", source.reference)]
        pairs += [("attribution", source.attribution)] if source.attribution else []
    memory = catalog.sources.get(str(dict(pairs).get("memory_source", "")))
    pairs += [("memory_reference", memory.reference)] if memory is not None else []
    if args.format == "json":
        print(json.dumps(dict(pairs), default=_jsonable, ensure_ascii=False, indent=2))
        return 0
    print(f"{kind.title}: {plain(args.name)}")
    for name, value in pairs:
        text = _shown(value)
        if text:
            print(f"  {name:<26}{plain(text)}")
    return 0


def run_status(args: argparse.Namespace) -> int:
    """Layers, fingerprint, rows and ages, what is stale, and what a refresh would touch."""
    from advisor.catalog.check import overlay_files
    from advisor.catalog.resources import cache_dir
    from advisor.cli.recommend_command import parse_as_of
    from advisor.refresh.status import data_sets, refresh_lines

    catalog = open_catalog(args)
    as_of = parse_as_of(args.as_of)
    for n, layer in enumerate(catalog.layers):
        files = overlay_files(layer.root)
        print(f"{'catalog' if n == 0 else 'overlay'}  {plain(str(layer.root))}  {len(files)} files")
    print(f"fingerprint  {catalog.fingerprint}")
    sets = list(data_sets(catalog, as_of))
    for data in sets:
        print(data.line)
    for line in () if args.no_user_data else refresh_lines(cache_dir(), as_of):
        print(line)
    stale = [data.name for data in sets if data.stale]
    if stale:
        print(f"stale         {', '.join(stale)}")
    for what, missing in (
        ("accelerator", catalog.incomplete_accelerators),
        ("model", catalog.incomplete_models),
    ):
        for name, reason in missing.items():
            print(f"not usable  {what} {name}: {reason}")
    return 0


def run_sources(args: argparse.Namespace) -> int:
    """Sources by id, each with the line that must appear beside its figures."""
    catalog = open_catalog(args)
    wanted = args.match.casefold()
    found = [s for s in catalog.sources.values() if wanted in f"{s.id} {s.reference}".casefold()]
    if not found:
        hint = did_you_mean(args.match, catalog.sources)
        raise InputError(f'no source contains "{args.match}"{hint}')
    for source in sorted(found, key=lambda s: s.id):
        day = source.as_of.isoformat() if source.as_of else "undated   "
        print(plain(f"{source.id}  {day}  {source.kind}  {source.reference}"))
        if source.attribution:
            print(f"    {plain(source.attribution)}")
    return 0


def _shown(value: object) -> str:
    match value:
        case None | "" | ():
            return ""
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.0f}" if value.is_integer() else f"{value:.10g}"
        case tuple():
            return ", ".join(str(part) for part in value)
        case _:
            return str(value)


def _jsonable(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else str(value)


