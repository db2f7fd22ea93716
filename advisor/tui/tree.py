"""Walk a recommendation by path: what stands where, what it means, what is under it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from pydantic import BaseModel

KEYS = ("accelerator", "id", "gate", "name", "path", "rival", "part", "driver", "row_id")
"""Fields that name an entry of a list, tried in this order."""


@dataclass(frozen=True, slots=True)
class Node:
    """One place in the tree."""

    path: str
    name: str
    value: Any
    help: str

    @property
    def leaf(self) -> bool:
        """Whether nothing stands under it."""
        return not isinstance(self.value, BaseModel | tuple | dict) or not children_of(self)


def resolve(root: BaseModel, path: str) -> Node | None:
    """The node at a dotted path, e.g. `candidates.mi355x.cost.lines.0`; None where there is none."""
    node = Node("", "answer", root, "")
    for part in path.split(".") if path else []:
        found = next((c for c in children_of(node) if c.path.rpartition(".")[2] == part), None)
        if found is None:
            return None
        node = found
    return node


def children_of(node: Node) -> list[Node]:
    """What stands under a node."""
    value, lead = node.value, f"{node.path}." if node.path else ""
    if isinstance(value, BaseModel):
        return [
            Node(f"{lead}{name}", name.replace("_", " "), getattr(value, name), info.description or "")
            for name, info in type(value).model_fields.items()
        ]
    if isinstance(value, dict):
        return [Node(f"{lead}{key}", str(key), inner, "") for key, inner in value.items()]
    if isinstance(value, tuple | list):
        out, seen = [], set()
        for i, inner in enumerate(value):
            key = _key(inner)
            segment = key if key and not set(key) & set(".[]") and key not in seen else str(i)
            seen.add(segment)
            out.append(Node(f"{lead}{segment}", key or str(i + 1), inner, _gist(inner)))
        return out
    return []


def shown(value: Any) -> str:
    """A value in a cell; a branch says how much it holds."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.6g}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, str | date):
        return str(value)
    if isinstance(value, tuple | list):
        return f"{len(value)} ▸" if value else "none"
    if isinstance(value, dict):
        return f"{len(value)} ▸" if value else "none"
    band = [getattr(value, n, None) for n in ("p10", "p50", "p90")]
    if all(isinstance(b, float) for b in band):
        return f"{shown(band[1])}  ({shown(band[0])} – {shown(band[2])})"
    if hasattr(value, "value") and hasattr(value, "unit"):
        return f"{shown(value.value)} {value.unit}"
    return "▸"


def _key(value: Any) -> str:
    if isinstance(value, BaseModel):
        for name in KEYS:
            text = getattr(value, name, None)
            if isinstance(text, str) and text:
                return text
    return "" if isinstance(value, BaseModel | tuple | dict) else str(value)[:80]


def _gist(value: Any) -> str:
    for name in ("formula", "title", "text", "note", "why", "reference", "headline"):
        text = getattr(value, name, None)
        if isinstance(text, str) and text:
            return text
    return ""
