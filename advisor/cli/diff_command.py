"""`advisor diff OLD NEW`: what changed between two answers, or two folders of them; made for a monthly CI run."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from advisor.domain.errors import AdvisorError, ExitCode, InputError

if TYPE_CHECKING:
    from advisor.domain.difference import AnswerDifference


def add_diff_parser(subparsers: Any) -> None:
    """`advisor diff`."""
    parser = subparsers.add_parser(
        "diff", help="what changed between two answers; exit code 4 when the verdict did", allow_abbrev=False,
        description="Compare two recommendations in JSON: verdict, cost, inputs and profile; or two folders of them, as"
        " two runs of `advisor batch` leave them, file by file. Exit code 4 when a verdict changed, 0 when it stands;"
        " 2 when a file of a folder is no answer.",
    )  # fmt: skip
    parser.add_argument("old", metavar="OLD.json|DIR", help="the earlier answer, or a folder of answers")
    parser.add_argument("new", metavar="NEW.json|DIR", help="the later answer, or a folder; - reads one from stdin")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="form of the result (default text)")
    parser.add_argument("--output", "-o", metavar="PATH", help="write to a file instead of stdout")
    parser.add_argument("--all", action="store_true", help="every change, not the most important")
    parser.set_defaults(func=run_diff)


def run_diff(args: argparse.Namespace) -> int:
    """Compare and print; exit code 4 when a verdict changed."""
    if args.old == "-" and args.new == "-":
        raise InputError("only one of the two answers can come from stdin")
    folders = [Path(name).is_dir() for name in (args.old, args.new)]
    if all(folders):
        return _run_folders(args)
    if any(folders):
        folder, other = (args.old, args.new) if folders[0] else (args.new, args.old)
        raise InputError(f"{folder} is a folder and {other} is not: compare two answers, or two folders of answers")
    from advisor.cli.diff_text import MOST_CHANGES, difference_text
    from advisor.cli.tree_file import read_tree
    from advisor.engine.diff import diff
    from advisor.report.output import write_result

    found = diff(read_tree(args.old), read_tree(args.new))
    as_json = args.format == "json"
    text = _json(found) if as_json else difference_text(found, None if args.all else MOST_CHANGES)
    write_result(text, args.output)
    return int(ExitCode.VERDICT_CHANGED if found.verdict_changed else ExitCode.OK)


def _run_folders(args: argparse.Namespace) -> int:
    from advisor.cli.diff_text import folder_text
    from advisor.engine.diff_folder import fold
    from advisor.report.output import write_result

    found = fold(_pairs(Path(args.old), Path(args.new)))
    write_result(_json(found) if args.format == "json" else folder_text(found, everything=args.all), args.output)
    if any(answer.status == "wrong" for answer in found.answers):
        return int(ExitCode.WRONG_INPUT)
    return int(ExitCode.VERDICT_CHANGED if found.verdicts_changed else ExitCode.OK)


def _json(found: Any) -> str:
    return str(found.model_dump_json(indent=2)) + "\n"


def _pairs(old: Path, new: Path) -> Iterator[AnswerDifference]:
    """Answers of two folders by the names of their files, read one pair at a time."""
    from advisor.cli.tree_file import read_tree
    from advisor.engine.diff_folder import compare

    before, after = _answers(old), _answers(new)
    for name in sorted({*before, *after}):
        try:
            first, second = (read_tree(str(there[name])) if name in there else None for there in (before, after))
        except AdvisorError as error:
            yield compare(name, None, None, str(error))
        else:
            yield compare(name, first, second)


def _answers(folder: Path) -> dict[str, Path]:
    """JSON files of a folder by name.

    Raises
    ------
    InputError
        Where it has none, or cannot be read.
    """
    try:
        found = {path.name: path for path in folder.iterdir() if path.suffix == ".json" and path.is_file()}
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({error.strerror})") from None
    if not found:
        raise InputError(f"{folder}: no answer (*.json) in this folder; `advisor batch ... --output DIR` writes them")
    return found
