"""`advisor`: the parser and the way to each command.

Commands import what they need when they run, so that `--version` and `--help` load neither numpy nor pydantic's
models, pandas, textual or httpx.
"""

from __future__ import annotations

import argparse
import gc
import os
import re
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

from advisor import __version__
from advisor.cli.diagnostics import fail, guarded, stand_ins
from advisor.domain.errors import ExitCode, did_you_mean

COMMANDS: tuple[tuple[str, str], ...] = (
    ("advisor.cli.recommend_command", "recommend"),
    ("advisor.cli.profile_command", "profile"),
    ("advisor.cli.schema_command", "schema"),
    ("advisor.cli.explain_command", "explain"),
    ("advisor.cli.diff_command", "diff"),
    ("advisor.cli.batch_command", "batch"),
    ("advisor.cli.report_command", "report"),
    ("advisor.cli.estimate_command", "estimate"),
    ("advisor.cli.backtest_command", "backtest"),
    ("advisor.cli.probe_command", "probe"),
    ("advisor.cli.evidence_command", "evidence"),
    ("advisor.cli.rules_command", "rules"),
    ("advisor.cli.claims_command", "claims"),
    ("advisor.cli.catalog_command", "catalog"),
    ("advisor.cli.refresh_command", "refresh"),
    ("advisor.cli.calibrate_command", "calibrate"),
    ("advisor.cli.serve_command", "serve"),
    ("advisor.cli.completion_command", "completion"),
)
"""Modules with an `add_<name>_parser(subparsers)`, in the order of the help."""

EXAMPLES = """\
examples:
  advisor                                         the interactive program
  advisor --profile renewal-100-gpus              a verdict on a bundled profile
  advisor --profile mine.toml --format json       the whole answer for scripts and CI
  advisor --profile mine.toml --format pdf --output answer.pdf
  advisor profile new mine.toml                   a commented starter profile
  advisor explain answer.json candidates.mi355x.cost.usd_per_month
  advisor probe http://127.0.0.1:8000 --profile mine.toml

exit codes: 0 a verdict; 1 a fault of ours; 2 wrong input; 3 nothing feasible; 4 verdict changed (diff)

files: own catalog files, profiles and refresh.toml lie in the configuration folder, refreshed data and fits in the
cache folder, measurements in the data folder (docs/headless.md).

variables: ADVISOR_CONFIG_DIR, ADVISOR_CACHE_DIR, ADVISOR_DATA_DIR, ADVISOR_STORE (where measurements are kept),
ADVISOR_API_KEY (probe), ADVISOR_DEBUG=1 (tracebacks), NO_COLOR, HTTPS_PROXY and NO_PROXY (probe, refresh).
"""


class Parser(argparse.ArgumentParser):
    """An argument parser that suggests what may have been meant."""

    given: Sequence[str] = ()

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def]
        """Keep the arguments, so that an error can name the first option that is unknown."""
        self.given = list(sys.argv[1:] if args is None else args)
        return super().parse_known_args(args, namespace)

    def _print_message(self, message: str, file: Any = None) -> None:
        """Write help, usage or version; argparse would pass over a place that takes no more, and exit with 0."""
        target = file or sys.stderr
        target.write(message)
        target.flush()

    def error(self, message: str) -> NoReturn:
        """Print one line with a suggestion and leave with exit code 2."""
        options = _options(self, list(self.given))
        stray = next((g.split("=")[0] for g in self.given if _is_option(g) and not _is_known(g, options)), "")
        if "invalid choice: " in message and not stray:
            word = message.partition("invalid choice: ")[2].partition(" (")[0].strip("'\"")
            of_command = "COMMAND" in message
            hint = did_you_mean(
                word,
                [
                    str(c)
                    for a in self._actions
                    for c in (a.choices or ())
                    if isinstance(a, argparse._SubParsersAction) or not of_command
                ],
            )
            message = f'unknown command "{word}"' if "COMMAND" in message else _in_words(message)
        elif stray and ("invalid choice" in message or "unrecognized" in message):
            # the dashes are no likeness
            near = did_you_mean(stray.lstrip("-"), [o.lstrip("-") for o in options if o.startswith("--")])
            message, hint = f"unknown option {stray}", near.replace('"', '"--', 1).replace(' or "', ' or "--')
        else:
            message, hint = _in_words(message), ""
        fail(f"{message}{hint}" if hint else f"{message}; `{self.prog} --help` shows what there is")
        sys.exit(int(ExitCode.WRONG_INPUT))


def _is_option(word: str) -> bool:
    """Whether a word is written as an option: a lone dash is a stream, and a number may be below zero.

    >>> [_is_option(w) for w in ("--draws", "-f", "-", "-5", "json")]
    [True, True, False, False, False]
    """
    return word.startswith("-") and word != "-" and not word[1:2].isdigit() and word[1:2] != "."


def _is_known(word: str, options: Sequence[str]) -> bool:
    """Whether it is one of the options; a short one may have its value attached.

    >>> _is_known("--seed=3", ["--seed"]), _is_known("-oout.pdf", ["-o"]), _is_known("-f", ["-o", "--format"])
    (True, True, False)
    """
    return word.split("=")[0] in options or (not word.startswith("--") and word[:2] in options)


_NUMBERS = {"int": "a whole number", "float": "a number"}
_REFUSED = re.compile(
    r"argument (?P<name>[^:]+): (?:invalid (?P<type>int|float) value: '(?P<value>.*)'"
    r"|invalid choice: '(?P<word>.*)' \(choose from (?P<known>.*)\)|(?P<bare>expected one argument))",
    re.DOTALL,
)


def _in_words(message: str) -> str:
    """A refused value in a user's words, not in those of the parser."""
    found = _REFUSED.fullmatch(message)
    if found is None:
        return message
    name = found["name"].split("/")[0]
    lead = f"{name}: " if name.startswith("-") else ""
    if found["bare"]:
        return f"{lead}give a value"
    if found["type"]:
        return f'{lead}"{found["value"]}" is not {_NUMBERS[found["type"]]}'
    return f'{lead}"{found["word"]}" is none of {found["known"].replace(chr(39), "")}'


def _options(parser: argparse.ArgumentParser, words: list[str]) -> list[str]:
    """Options of the parser that the words lead to: the command's own, or the root's."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for i, word in enumerate(words):
                if word in action.choices:
                    return _options(action.choices[word], words[i + 1 :])
    return [o for a in parser._actions for o in a.option_strings]


def build_parser(words: Sequence[str] | None = None) -> argparse.ArgumentParser:
    """The whole command line; given its words, commands that they do not name stay bare, unless help is asked for."""
    bare = words is not None and not {"-h", "--help"} & set(words)
    parser = Parser(
        prog="advisor",
        description="Which AI accelerators to rent or buy for an LLM-serving workload, how many, at what cost and "
        "risk, on what evidence, and what would change the answer.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"advisor {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser)
    for module, name in COMMANDS:
        if bare and name not in (words or ()):
            subparsers.add_parser(name)
            continue
        getattr(import_module(module), f"add_{name}_parser")(subparsers)
    from advisor.cli.recommend_command import add_recommend_options

    add_recommend_options(parser)
    parser.set_defaults(func=None)
    if not bare:
        from advisor.cli.help_pages import complete_help

        complete_help(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code."""
    # The matrices are small: threads of the linear algebra library would cost more than they win.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Looking for pydantic plugins reads the metadata of every installed package; none has a say in these models.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    words = sys.argv[1:] if argv is None else argv
    return guarded(lambda: _run(words))


def _run(words: Sequence[str]) -> int:
    args = build_parser(words).parse_args(words)
    if args.func is not None:
        return int(args.func(args))
    if args.profile is not None:
        from advisor.cli.recommend_command import run_recommend

        return run_recommend(args)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        build_parser().print_usage(sys.stderr)
        fail("without a terminal the interactive program cannot run; give --profile FILE or a command")
        return int(ExitCode.WRONG_INPUT)
    from advisor.cli.serve_command import run_terminal

    return run_terminal(args)


def entry() -> None:
    """Console-script entry."""
    # Classes and facts are made in bulk at the start and stay: collecting cycles at each 700th would walk them in vain.
    gc.set_threshold(100_000, 50, 50)
    stand_ins()
    sys.exit(main())
