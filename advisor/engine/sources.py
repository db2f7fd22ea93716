"""Collect every source that a result cites, with the attribution lines that must stand beside its figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel

from advisor.domain.provenance import Source

OWN_RUN = "run:"
"""Prefix of the source of a measurement in the user's own store."""
UNCITED = frozenset({"", "profile", "default", "user", "derived"})
"""Origins that are no documents: the user's own input and values derived within the tree."""

CITING = frozenset({"source_id", "source", "discount_source_id"})
PLAIN = frozenset({str, float, int, bool, type(None)})
"""Types that hold no fields; told apart first, because to ask whether a float is a model takes long."""


def cited_ids(*parts: Any) -> set[str]:
    """Source ids named anywhere in the models given, by the fields that carry them."""
    found: set[str] = set()
    stack: list[Any] = list(parts)
    while stack:
        node = stack.pop()
        kind = type(node)
        if kind is tuple or kind is list:
            stack.extend(node)
        elif kind not in PLAIN and isinstance(node, BaseModel):
            for name, value in node.__dict__.items():
                if name in CITING and isinstance(value, str):
                    found.update(part.strip() for part in value.split(";"))
                elif name == "source_ids":
                    found.update(value)
                elif type(value) not in PLAIN:
                    stack.append(value)
    return found - UNCITED


def resolve_sources(ids: Iterable[str], known: Mapping[str, Source]) -> tuple[Source, ...]:
    """Sources in order of id; an id that the catalog does not know stays visible as such."""
    return tuple(known.get(i) or _unlisted(i) for i in sorted(set(ids)))


def _unlisted(source_id: str) -> Source:
    if source_id.startswith(OWN_RUN):
        run = source_id.removeprefix(OWN_RUN)
        reference = f"your own measurement, run {run}; `advisor evidence show {run}` prints it"
        return Source(id=source_id, reference=reference, as_of=None, kind="measured", attribution="")
    return Source(id=source_id, reference="not in the catalog", as_of=None, kind="unknown", attribution="")


def attributions(sources: Iterable[Source]) -> tuple[str, ...]:
    """Attribution lines, each once, in order."""
    return tuple(dict.fromkeys(s.attribution for s in sources if s.attribution))
