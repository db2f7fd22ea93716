"""`advisor explain FILE PATH`: how a figure comes about, down to the catalog rows."""

from __future__ import annotations

import argparse
from typing import Any

from advisor.domain.errors import InputError
from advisor.domain.text import significant

WIDTH = 100


def add_explain_parser(subparsers: Any) -> None:
    """`advisor explain`."""
    from advisor.cli.recommend_command import add_catalog_options

    parser = subparsers.add_parser(
        "explain", help="how a figure comes about, down to the catalog rows", allow_abbrev=False,
        description="Print formula, numbers, sources and catalog rows of a figure in an answer, e.g. `advisor explain"
        " answer.json candidates.mi355x.cost.usd_per_month`; `advisor explain claims [ID]` recomputes public claims.",
    )  # fmt: skip
    parser.add_argument("what", metavar="FILE.json|claims|PATH", help="an answer in JSON, or `claims`, or a path")
    parser.add_argument("path", nargs="*", metavar="PATH", help="path of the figure, or ids of claims")
    parser.add_argument("--profile", metavar="FILE|NAME", help="answer this profile first, instead of reading a file")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="form of the result (default text)")
    parser.add_argument("--output", "-o", metavar="PATH", help="write to a file instead of stdout")
    parser.add_argument("--seed", type=int, default=None, metavar="N", help="seed of the Monte Carlo")
    parser.add_argument("--draws", type=int, default=None, metavar="N", help="draws of the Monte Carlo")
    add_catalog_options(parser)
    parser.set_defaults(func=run_explain)


def run_explain(args: argparse.Namespace) -> int:
    """Explain a figure of a file or of a profile that is answered first."""
    if args.what == "claims":
        from advisor.cli.claims_command import show_claims

        return show_claims(args, args.path)
    from advisor.engine.explain import explain
    from advisor.report.output import write_result

    if args.profile is not None:
        from advisor.cli.recommend_command import answer

        tree, paths = answer(args), [args.what, *args.path]
    else:
        from advisor.cli.tree_file import read_tree

        if not args.path:
            raise InputError(
                "give a file and a path: advisor explain answer.json candidates.mi355x.cost.usd_per_month"
                " (or a path with --profile NAME)"
            )
        _no_profile(args.what, args.path)
        tree, paths = read_tree(args.what), args.path
    found = [explain(tree, path) for path in paths]
    text = _json(found) if args.format == "json" else "\n\n".join(_text(e) for e in found) + "\n"
    write_result(text, args.output)
    return 0


def _no_profile(name: str, paths: list[str]) -> None:
    """Refuse a profile in place of an answer, with the call that would explain it."""
    from pathlib import Path
    from shlex import join

    from advisor.domain.errors import ProfileError
    from advisor.profiles.locate import find_profile

    if Path(name).suffix.lower() == ".json" or name == "-":
        return
    try:
        find_profile(name)
    except ProfileError:
        return
    raise InputError(
        f"{name}: is a profile, no answer; `{join(['advisor', 'explain', *paths, '--profile', name])}` answers it first"
    )


def _json(found: list[Any]) -> str:
    """One document: an object for one path, an array in the order asked for several."""
    texts = [str(e.model_dump_json(indent=2)) for e in found]
    return (texts[0] if len(texts) == 1 else "[\n" + ",\n".join(texts) + "\n]") + "\n"


def _text(e: Any) -> str:
    from advisor.domain.text import plain

    lines = [f"{e.path} = {plain(e.value)}", *_wrapped(e.what, "  ")]
    for step in e.steps:
        lines += ["", *_wrapped(step.name, "  "), *_wrapped(step.formula, "      ")]
    if e.check:
        lines += ["", *_wrapped(e.check, "  ")]
    if e.inputs:
        lines += ["", "Inputs"]
        lines += [line for q in e.inputs for line in _quantity(q)]
    for title, items in (("Catalog rows", [", ".join(e.rows)] if e.rows else []), ("Notes", list(e.notes))):
        if items:
            lines += ["", title, *(line for item in items for line in _wrapped(item, "  "))]
    if e.sources:
        lines += ["", "Sources"]
        for source in e.sources:
            dated = f", {source.as_of.isoformat()}" if source.as_of else ""
            lines += _wrapped(f"{source.id} [{source.kind}{dated}]: {source.reference}", "  ")
            if source.attribution:
                lines += _wrapped(source.attribution, "      ")
    if e.children and not e.steps:
        lines += ["", "Below", *(f"  {child}" for child in e.children)]
    return "\n".join(lines)


def _quantity(q: Any) -> list[str]:
    band = f" ({significant(q.low, 6)} to {significant(q.high, 6)})" if q.low is not None and q.high is not None else ""
    dated = f", {q.as_of.isoformat()}" if q.as_of else ""
    head = f"{q.name} = {significant(q.value, 6)} {q.unit}{band}: {q.kind}{dated}, {q.source_id}"
    return [*_wrapped(head, "  "), *(_wrapped(q.note, "      ") if q.note else [])]


def _wrapped(text: str, indent: str) -> list[str]:
    from textwrap import wrap

    from advisor.domain.text import plain

    deeper = indent + "  "
    return wrap(plain(text), WIDTH, initial_indent=indent, subsequent_indent=deeper, break_on_hyphens=False) or [indent]
