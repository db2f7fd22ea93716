"""Help of every command: what it does, examples that parse, within the width of a terminal."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator

import pytest

from advisor.cli.help_pages import EXAMPLES
from advisor.cli.main import build_parser


def pages(parser: argparse.ArgumentParser, path: str = "advisor") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    yield path, parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, command in action.choices.items():
                yield from pages(command, f"{path} {name}")


PAGES = dict(pages(build_parser()))


@pytest.mark.parametrize("path", PAGES)
def test_a_page_says_what_the_command_does_and_how_to_call_it(path: str) -> None:
    page = PAGES[path]
    assert page.description
    assert page.description[0].isupper()
    assert page.description.rstrip()[-1] in ".)"
    assert page.epilog
    assert path in page.epilog
    own = [a for a in page._actions if not isinstance(a, argparse._SubParsersAction)]
    assert not [a.dest for a in own if a.option_strings and not a.help]


def examples_of(page: argparse.ArgumentParser) -> list[str]:
    """Command lines of the examples of a page: what follows two spaces or more is what they are good for."""
    text = re.sub(r"\\\n +", "", page.epilog or "")
    found = re.findall(r"^  (?:[A-Z_]+=\S+ )?(\S+(?: \S+)*)", text, re.MULTILINE)
    commands = [part.strip() for line in found for part in re.split(r" [|>] ", line)]
    return [command for command in commands if command.startswith("advisor")]


@pytest.mark.parametrize("path", PAGES)
def test_examples_of_a_page_are_of_the_command_and_parse(path: str) -> None:
    examples = examples_of(PAGES[path])
    assert path == "advisor completion" or examples
    assert path == "advisor completion" or any(line.startswith(path) for line in examples)
    for line in examples:
        build_parser().parse_args(shlex.split(line)[1:])


def test_examples_are_of_commands_that_exist() -> None:
    assert EXAMPLES.keys() <= PAGES.keys()


def test_descriptions_are_wrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for path, page in pages(build_parser()):
        assert page.description in " ".join(page.format_help().split()), path
        assert max(map(len, page._get_formatter()._fill_text(page.description, 80, "").splitlines())) <= 80
