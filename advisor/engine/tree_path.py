"""Find a place in a recommendation by a path such as `candidates.mi355x.cost.usd_per_month`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel

from advisor.domain.errors import InputError, did_you_mean
from advisor.domain.record import record

NAMES = ("accelerator", "id", "gate", "name", "option", "driver", "part", "path", "rival", "tier")
"""Fields by which an item of a list may be called, besides its place."""

LONGEST = 400


@record
class Place:
    """A node of the tree with the way to it."""

    path: str
    """Spelled with indices, as `candidates[0].cost`."""
    node: Any
    description: str
    ancestors: tuple[Any, ...]
    """Nodes from the root to the parent."""
    ancestor_paths: tuple[str, ...]

    def nearest(self, kind: type) -> tuple[Any, str] | None:
        """The nearest node of a type, the place itself included, with its path."""
        nodes = (*self.ancestors, self.node)
        paths = (*self.ancestor_paths, self.path)
        for node, path in zip(reversed(nodes), reversed(paths), strict=True):
            if isinstance(node, kind):
                return node, path
        return None


def find(root: BaseModel, path: str) -> Place:
    """Resolve a path; items of a list go by place (`[0]`, `.0`) or by name.

    Raises
    ------
    InputError
        With the nearest known names, when a step leads nowhere.
    """
    if len(path) > LONGEST:
        raise InputError(f"path is longer than {LONGEST} characters")
    parts = [part for part in re.split(r"[.\[\]]+", path.strip()) if part]
    if not parts:
        raise InputError("give a path, e.g. candidates.mi355x.cost.usd_per_month")
    node: Any = root
    description, spelled = "the whole answer", ""
    ancestors: list[Any] = []
    paths: list[str] = []
    for part in parts:
        ancestors.append(node)
        paths.append(spelled)
        node, description, spelled = _step(node, part, description, spelled)
    return Place(spelled, node, description, tuple(ancestors), tuple(paths))


def _step(node: Any, part: str, description: str, spelled: str) -> tuple[Any, str, str]:
    if isinstance(node, BaseModel):
        fields = type(node).model_fields
        if part not in fields:
            raise InputError(_unknown(part, spelled, fields))
        return getattr(node, part), fields[part].description or "", f"{spelled}.{part}".lstrip(".")
    if isinstance(node, dict):
        if part not in node:
            raise InputError(_unknown(part, spelled, node))
        return node[part], description, f"{spelled}.{part}"
    if isinstance(node, tuple | list):
        index = _index(node, part)
        if index is None:
            raise InputError(_unknown(part, spelled, _names(node)))
        return node[index], description, f"{spelled}[{index}]"
    raise InputError(f"{spelled or 'the tree'} is a plain value; nothing lies below it ({part})")


def _index(items: tuple[Any, ...] | list[Any], part: str) -> int | None:
    if part.lstrip("-").isdigit():
        n = int(part)
        return n % len(items) if items and -len(items) <= n < len(items) else None
    wanted = part.casefold()
    for field in NAMES:
        for i, item in enumerate(items):
            if str(getattr(item, field, "")).casefold() == wanted:
                return i
    return None


def _names(items: Iterable[Any]) -> list[str]:
    out = []
    for i, item in enumerate(items):
        name = next((str(getattr(item, f)) for f in NAMES if getattr(item, f, "")), str(i))
        out.append(name)
    return out


def _unknown(part: str, spelled: str, known: Iterable[str]) -> str:
    names = list(known)
    where = spelled or "the tree"
    hint = did_you_mean(part, names) or (f"; known: {', '.join(names[:12])}" if names else "; it is empty")
    return f'{where} has no "{part}"{hint}'


def children(node: Any, path: str) -> tuple[str, ...]:
    """Paths directly below a branch."""
    if isinstance(node, BaseModel):
        return tuple(f"{path}.{name}" for name in type(node).model_fields)
    if isinstance(node, tuple | list):
        return tuple(f"{path}[{i}]" for i in range(len(node)))
    if isinstance(node, dict):
        return tuple(f"{path}.{name}" for name in node)
    return ()
