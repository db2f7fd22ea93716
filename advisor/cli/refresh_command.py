"""`advisor refresh`: newer prices and measurements, laid over the bundled catalog."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from advisor.domain.errors import ExitCode, InputError
from advisor.domain.text import counted, plain

if TYPE_CHECKING:
    from advisor.catalog import Catalog
    from advisor.refresh.report import RefreshReport
    from advisor.refresh.settings import RefreshSettings
    from advisor.refresh.sources import Source

_EXAMPLES = """\
examples:
  advisor refresh                                       prices and evidence, from every source
  advisor refresh prices --dry-run                      what would change
  advisor refresh prices --source skypilot
  advisor refresh evidence --source mlperf --file summary.json
  advisor refresh --confirm rf-1a2b3c4d5e               use a price that was kept out as an outlier

A source that fails leaves its old data as they are; the exit code is then 2. Proxies are taken from HTTPS_PROXY and
NO_PROXY. Mirrors, limits and sources to leave out stand in refresh.toml in the config folder. No other command but
`advisor probe` opens a connection.
"""


def add_refresh_parser(subparsers: Any) -> None:
    """`advisor refresh`."""
    parser = subparsers.add_parser(
        "refresh", help="fetch newer prices and measurements", epilog=_EXAMPLES, allow_abbrev=False,
        description="Fetch newer prices and measurements from public sources and lay them over the bundled catalog,"
        " each with its own source and date.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("data", nargs="?", choices=("prices", "evidence", "all"), default="all", help="default all")
    parser.add_argument(
        "--source", metavar="NAME", action="append", default=[],
        help="only this source: skypilot, gpuhunt, azure, vultr, inferencex, mlperf",
    )  # fmt: skip
    parser.add_argument("--dry-run", action="store_true", help="fetch and report, write nothing")
    parser.add_argument("--config", metavar="FILE", help="settings file in place of refresh.toml in the config folder")
    parser.add_argument("--file", metavar="PATH", help="read one file of a source from disk; needs one --source")
    parser.add_argument(
        "--item", metavar="NAME", help="with --file: which part of the source it is (mlperf: default the newest)"
    )
    parser.add_argument("--confirm", metavar="ID", action="append", default=[], help="use a price kept out as outlier")
    parser.add_argument("--no-calibrate", action="store_true", help="do not renew the fit after new measurements")
    parser.set_defaults(func=run_refresh)


def run_refresh(args: argparse.Namespace) -> int:
    """Refresh, report on stdout; exit code 2 where a source failed."""
    from datetime import date

    from advisor.catalog.resources import cache_dir, config_dir
    from advisor.refresh.run import confirm, refresh_from_file
    from advisor.refresh.settings import read_settings
    from advisor.refresh.sources import SOURCES, chosen_sources

    _check_together(args)
    sources = chosen_sources(args.data, args.source)
    settings = read_settings(Path(args.config) if args.config else None, config_dir(), tuple(SOURCES))
    catalog, today = _catalog_without_refreshes(), date.today()
    if args.confirm:
        report = confirm(args.confirm, catalog, cache=cache_dir(), config=config_dir(), today=today)
    elif args.file:
        source = _one(sources, args)
        report = refresh_from_file(
            source, _item(source, args), Path(args.file), catalog, cache=cache_dir(), config=config_dir(),
            today=today, max_mib=settings.network.max_decoded_mib, dry_run=args.dry_run,
        )  # fmt: skip
    else:
        report = _from_network(sources, settings, catalog, args)
    for line in report.lines():
        print(line)
    failed = report.failed
    if failed and len(failed) == len(report.items):
        reasons = list(dict.fromkeys(item.reason for item in failed))
        more = f" (and {counted(len(reasons) - 1, 'other reason')})" if len(reasons) > 1 else ""
        sys.stdout.flush()
        from advisor.domain.errors import NetworkError

        raise NetworkError(f"no source could be read: {reasons[0]}{more}; the data at hand stay in use")
    if report.evidence_changed and report.written_to and not args.no_calibrate:
        _renew_fit()
    if failed:
        from advisor.cli.diagnostics import fail

        fail(f"{len(failed)} of {len(report.items)} files could not be refreshed; their old data stay in use")
        return int(ExitCode.WRONG_INPUT)
    return int(ExitCode.OK)


def _check_together(args: argparse.Namespace) -> None:
    """Refuse options that do nothing beside each other, rather than leave one out in silence."""
    if args.confirm:
        for name in ("file", "item", "source", "dry_run"):
            if getattr(args, name):
                raise InputError(f"--confirm takes no --{name.replace('_', '-')}: it asks no source and writes at once")
    if args.item is not None and not args.file:
        raise InputError("--item goes with --file; which parts of a source are asked for stands in refresh.toml")


def _from_network(
    sources: list[Source], settings: RefreshSettings, catalog: Catalog, args: argparse.Namespace
) -> RefreshReport:
    from datetime import date

    from advisor.catalog.resources import cache_dir, config_dir
    from advisor.refresh.fetch import Fetcher
    from advisor.refresh.run import refresh

    try:
        with Fetcher(settings.network) as fetcher:
            return refresh(
                sources, settings, catalog, fetcher, cache=cache_dir(), config=config_dir(), today=date.today(),
                dry_run=args.dry_run, progress=_progress,
            )  # fmt: skip
    finally:
        _progress("")


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{plain(text, 70)}", end="", file=sys.stderr, flush=True)


def _catalog_without_refreshes() -> Catalog:
    from advisor.catalog import load_catalog
    from advisor.catalog.resources import config_dir

    own = config_dir() / "catalog"
    return load_catalog([own] if own.is_dir() else [])


def _one(sources: list[Source], args: argparse.Namespace) -> Source:
    if len(args.source) != 1 or len(sources) != 1:
        raise InputError("--file needs one --source, so that it is known how to read it")
    return sources[0]


def _item(source: Source, args: argparse.Namespace) -> Any:
    if args.item is None and source.editions:
        return source.items[-1]
    item = source.item(args.item or "")
    if item is None:
        names = ", ".join(item.name for item in source.items)
        raise InputError(f"--item: name the part of {source.name} that the file is: {names}")
    return item


def _renew_fit() -> None:
    from advisor.cli.calibrate_command import renew_fit

    renew_fit()
