"""Collect every source that a result cites, with the attribution lines that must stand beside its figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from functools import lru_cache
from typing import Any, Literal, get_args, get_origin

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
            fields = node.__dict__
            for name in _fields_to_follow(node.__class__):
                value = fields[name]
                if name in CITING and isinstance(value, str):
                    found.update(part.strip() for part in value.split(";"))
                elif name == "source_ids":
                    found.update(value)
                elif type(value) not in PLAIN:
                    stack.append(value)
    return found - UNCITED


@lru_cache(maxsize=256)
def _fields_to_follow(kind: type[BaseModel]) -> tuple[str, ...]:
    """Fields of a model that cite, or whose type may hold models that do."""
    return tuple(
        name
        for name, field in kind.model_fields.items()
        if name in CITING or name == "source_ids" or _may_cite(field.annotation, frozenset({kind}))
    )


def _may_cite(annotation: Any, above: frozenset[type]) -> bool:
    """Whether a value of this type may hold a source id; `above` are the models that it lies in."""
    if get_origin(annotation) is Literal or annotation in PLAIN or annotation is date or annotation is Ellipsis:
        return False
    parts = get_args(annotation)
    if parts:
        return any(_may_cite(part, above) for part in parts)
    if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return True
    if annotation in above:
        return True
    return any(
        name in CITING or name == "source_ids" or _may_cite(field.annotation, above | {annotation})
        for name, field in annotation.model_fields.items()
    )


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
