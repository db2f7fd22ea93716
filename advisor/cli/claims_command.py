"""`advisor claims`: public claims with our recomputation, the evidence and a verdict."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from advisor.domain.errors import InputError, did_you_mean

if TYPE_CHECKING:
    from advisor.domain.claim_check import ClaimCheck

WIDTH = 100
ORDER = ("confirmed", "contradicted", "outdated", "arithmetic error", "unverifiable")
ATTRIBUTION = (
    "Data from InferenceX by SemiAnalysis. MLPerf results retrieved from MLCommons, round and entry cited;"
    " per-accelerator figures are derived by us and are not an official MLPerf metric; the MLPerf name and logo are"
    " trademarks of MLCommons."
)


def add_claims_parser(subparsers: Any) -> None:
    """`advisor claims`."""
    from advisor.cli.recommend_command import add_catalog_options

    parser = subparsers.add_parser(
        "claims", help="public claims, recomputed, with a verdict each", allow_abbrev=False,
        description="Recompute what articles and reports claim. Each verdict follows from a computation, or the line"
        " says what is missing for one.",
    )  # fmt: skip
    parser.add_argument("ids", nargs="*", metavar="ID", help="claims to show in full, e.g. B15 D10")
    parser.add_argument("--verdict", choices=ORDER, help="only claims with this verdict")
    parser.add_argument("--format", choices=("text", "json", "markdown"), default="text", help="form (default text)")
    parser.add_argument("--output", "-o", metavar="PATH", help="write to a file instead of stdout")
    add_catalog_options(parser)
    parser.set_defaults(func=run_claims)


def run_claims(args: argparse.Namespace) -> int:
    """Check and print."""
    return show_claims(args, args.ids)


def show_claims(args: argparse.Namespace, ids: Sequence[str]) -> int:
    """Claims in a list, or in full where ids are given."""
    from advisor.report.output import write_result

    found = _checked(args, ids)
    wanted = getattr(args, "verdict", None)
    if wanted:
        found = [c for c in found if c.verdict == wanted]
    if args.format == "json":
        text = "[" + ",\n".join(c.model_dump_json(indent=2) for c in found) + "]\n"
    elif args.format == "markdown":
        text = _markdown(found)
    else:
        text = "\n\n".join(_full(c) for c in found) + "\n" if ids else _table(found)
    write_result(text, args.output)
    return 0


def _checked(args: argparse.Namespace, ids: Sequence[str]) -> list[ClaimCheck]:
    from advisor.cli.recommend_command import open_workbench
    from advisor.domain.recommendation import Recommendation
    from advisor.engine.claims import check_claim

    bench = open_workbench(args)
    catalog = bench.catalog
    known = {c.id: c for c in catalog.claims}
    for id_ in ids:
        if id_.upper() not in known:
            raise InputError(f'no claim "{id_}"{did_you_mean(id_.upper(), known) or "; `advisor claims` lists them"}')
    claims = [known[i.upper()] for i in ids] if ids else list(catalog.claims)
    answers: dict[str, Recommendation] = {}

    def recommend(name: str) -> Recommendation:
        if name not in answers:
            from advisor.catalog.resources import profiles_root
            from advisor.profiles.read import read_profile

            path = profiles_root() / f"{name}.toml"
            answers[name] = bench.advise(read_profile(path), folder=path.parent)
        return answers[name]

    return [check_claim(claim, catalog, bench.as_of, recommend) for claim in claims]


def _table(found: Sequence[ClaimCheck]) -> str:
    """One claim in two lines: what was said, what we find."""
    from textwrap import shorten

    from advisor.domain.text import plain

    counts = ", ".join(f"{n} {v}" for v in ORDER if (n := sum(c.verdict == v for c in found)))
    lines = [f"{len(found)} claims: {counts}", ""]
    for c in found:
        said = f"{c.subject}, {c.metric}" + (f": {c.claimed} {c.unit}".rstrip() if c.claimed else "")
        lines.append(f"{c.id}  {c.verdict:<16} {shorten(plain(said), WIDTH - 22, placeholder=' ...')}")
        lines.append(f"     {'':<16} {shorten(plain(f'ours: {c.ours}'), WIDTH - 22, placeholder=' ...')}")
    lines += ["", "`advisor claims ID` shows formula, evidence and rule of one.", *_wrapped(ATTRIBUTION, "")]
    return "\n".join(lines) + "\n"


def _full(c: ClaimCheck) -> str:
    dated = f", {c.published.isoformat()}" if c.published else ""
    parts = (
        ("claimed", f"{c.claimed} {c.unit}".strip() or c.metric),
        ("conditions", c.conditions),
        ("source", f"{c.source_id}{dated}"),
        ("ours", c.ours),
        ("formula", c.formula),
        ("evidence", c.evidence),
        ("rule", c.rule),
        ("catalog rows", ", ".join(c.row_ids)),
        ("sources", ", ".join(c.source_ids)),
    )
    lines = _wrapped(f"{c.id}  {c.verdict.upper()}  {c.subject}: {c.metric}", "")
    for name, text in parts:
        if text:
            lines += _wrapped(f"{name}: {text}", "  ")
    return "\n".join(lines)


def _markdown(found: Sequence[ClaimCheck]) -> str:
    lines = ["| id | claim | claimed | ours | verdict | evidence |", "|---|---|---|---|---|---|"]
    for c in found:
        cells = (c.id, f"{c.subject}: {c.metric}", f"{c.claimed} {c.unit}".strip(), c.ours, c.verdict, c.evidence)
        lines.append("| " + " | ".join(_cell(text) for text in cells) + " |")
    return "\n".join([*lines, "", ATTRIBUTION, ""])


def _cell(text: str) -> str:
    """Text made literal for a markdown table."""
    from advisor.domain.text import plain

    out = plain(text)
    for char in "\\|*_`<>[]":
        out = out.replace(char, f"\\{char}")
    return out


def _wrapped(text: str, indent: str) -> list[str]:
    from textwrap import wrap

    from advisor.domain.text import plain

    return wrap(plain(text), WIDTH, initial_indent=indent, subsequent_indent=indent + "    ", break_on_hyphens=False)
