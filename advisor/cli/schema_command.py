"""`advisor schema`: the JSON Schema of the answer."""

from __future__ import annotations

import argparse
from typing import Any


def add_schema_parser(subparsers: Any) -> None:
    """`advisor schema [recommendation|profile]`."""
    parser = subparsers.add_parser(
        "schema", help="JSON Schema of the answer or of a profile", allow_abbrev=False,
        description="Print the JSON Schema of the answer (`advisor --profile ... --format json`) or of a profile.",
    )  # fmt: skip
    parser.add_argument("what", nargs="?", choices=("recommendation", "profile"), default="recommendation")
    parser.set_defaults(func=run_schema)


def run_schema(args: argparse.Namespace) -> int:
    """Print the schema."""
    import json

    if args.what == "profile":
        from advisor.domain.profile import Profile as Root
    else:
        from advisor.domain.recommendation import Recommendation as Root  # type: ignore[assignment]
    print(json.dumps(Root.model_json_schema(), indent=2))
    return 0
