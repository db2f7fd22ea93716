"""The command line as plain data: what may follow what."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from advisor.domain.text import plain

_PROFILE = re.compile(r"\bNAME\b.*\bFILE\b|\bFILE\b.*\bNAME\b")
_FILE = re.compile(r"\bFILES?\b|\bPATH\b|\bDIR\b|\.json|\.csv", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z0-9._:/+-]+")


@dataclass(frozen=True, slots=True)
class Value:
    """What a value may be: words of a list, a file, or anything."""

    words: tuple[str, ...] = ()
    files: bool = False


@dataclass(frozen=True, slots=True)
class Option:
    """An option with its spellings."""

    names: tuple[str, ...]
    help: str
    value: Value | None
    """None for a switch."""


@dataclass(frozen=True, slots=True)
class Node:
    """A command, by the words that lead to it."""

    path: str
    help: str
    options: tuple[Option, ...]
    positional: Value
    children: tuple[Node, ...]

    def walk(self) -> Iterator[Node]:
        """The command and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()

    @property
    def name(self) -> str:
        """Its last word."""
        return self.path.rpartition(" ")[2]


def tree_of(parser: argparse.ArgumentParser, profiles: Sequence[str], path: str = "advisor", about: str = "") -> Node:
    """Read a parser; values that ask for a profile get the names of `profiles`."""
    options: list[Option] = []
    children: list[Node] = []
    words: list[str] = []
    files = False
    for action in parser._actions:
        if action.help == argparse.SUPPRESS:
            continue
        if isinstance(action, argparse._SubParsersAction):
            helps = {a.dest: a.help or "" for a in action._choices_actions}
            children += [
                tree_of(child, profiles, f"{path} {name}", _line(helps.get(name, "")))
                for name, child in action.choices.items()
            ]
        elif action.option_strings:
            value = None if action.nargs == 0 else _value(action, profiles)
            options.append(Option(tuple(action.option_strings), _line(action.help or ""), value))
        else:
            found = _value(action, profiles)
            words += [w for w in found.words if w not in words]
            files = files or found.files
    return Node(path, about, tuple(options), Value(tuple(words), files), tuple(children))


def _value(action: argparse.Action, profiles: Sequence[str]) -> Value:
    if action.choices:
        return Value(tuple(str(c) for c in action.choices if _WORD.fullmatch(str(c))))
    shown = action.metavar if isinstance(action.metavar, str) else action.dest
    if _PROFILE.search(shown):
        return Value(tuple(name for name in profiles if _WORD.fullmatch(name)), files=True)
    return Value(files=bool(_FILE.search(shown)))


def _line(text: str) -> str:
    return plain(text.replace("%%", "%"), 90)
