"""`python -m advisor.catalog_build --from DIR [--to DIR] [--check]`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from advisor.catalog.resources import catalog_root
from advisor.catalog_build.build import build, differences, write
from advisor.domain.errors import CatalogError, ExitCode


def main(argv: Sequence[str] | None = None) -> int:
    """Import a drop, or with --check say whether the catalog still agrees with it."""
    parser = argparse.ArgumentParser(prog="python -m advisor.catalog_build", description=__doc__, allow_abbrev=False)
    parser.add_argument("--from", dest="source", type=Path, required=True, metavar="DIR", help="folder of the drop")
    parser.add_argument("--to", type=Path, default=None, metavar="DIR", help="catalog to write (default: ours)")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where files differ")
    options = parser.parse_args(argv)
    target = options.to or catalog_root()
    try:
        out = build(options.source)
    except CatalogError as error:
        print(f"catalog_build: error: {error}", file=sys.stderr)
        return ExitCode.WRONG_INPUT
    for line in out.account:
        left = f"; left out: {line['left_out']}" if line["left_out"] else ""
        print(f"{line['read_from']}: {line['rows_read']} read, {line['rows_written']} -> {line['written_to']}{left}")
    changed = differences(out, target) if options.check else write(out, target)
    for path in changed:
        print(f"{'differs' if options.check else 'written'}: {path}")
    if not changed:
        print("the catalog agrees with the drop")
    return ExitCode.OUR_FAULT if options.check and changed else ExitCode.OK


if __name__ == "__main__":
    sys.exit(main())
