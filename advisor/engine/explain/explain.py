"""Explain any figure of a recommendation from the tree alone: formula with numbers, inputs, sources, catalog rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from pydantic import BaseModel

from advisor.domain.cost import Band, Cost, CostLine, CostOption, FleetYear, MonthFlow, PriceBasis, StackPremium
from advisor.domain.decision import Appetite, BreakEven, ProbeOption, TornadoBar, ValueOfInformation
from advisor.domain.explanation import Explanation
from advisor.domain.gates import Gate
from advisor.domain.provenance import Quantity, Source
from advisor.domain.recommendation import Candidate, Recommendation, Verdict
from advisor.domain.risk import Risk
from advisor.domain.sizing import Fleet, Memory, OperatingPoint
from advisor.domain.text import significant
from advisor.engine.explain import money, parts
from advisor.engine.explain.asked import Asked, Draft
from advisor.engine.explain.origin import origin_of
from advisor.engine.explain.redo import redo
from advisor.engine.tree_path import Place, children, find

AGREES = 1e-6
TEXTS = ("formula", "effect_formula", "arithmetic", "text", "basis", "reason", "evidence_text", "why")


def explain(recommendation: Recommendation, path: str) -> Explanation:
    """How the figure at a path comes about.

    Raises
    ------
    InputError
        When the path leads nowhere; the message names what is near.
    """
    place = find(recommendation, path)
    draft = Draft()
    for kind, explainer in _EXPLAINERS:
        found = place.nearest(kind)
        if found is not None:
            explainer(found[0], Asked(found[1], place, recommendation, draft))
            break
    number = _number(place.node)
    redone = redo(place, recommendation) if number is not None else None
    if redone is not None:
        if not any(step.value == redone[1] for step in draft.steps):
            name = place.path.rsplit(".", 1)[-1].replace("_", " ")
            draft.add(name, f"{redone[0]} = {significant(redone[1], 6)}", redone[1], place.path)
        draft.again = redone[1] if draft.again is None else draft.again
    if not draft.steps:
        _plain(place, draft)
    origin = origin_of(place, recommendation, reckoned=draft.again is not None) if number is not None else None
    if origin is not None and origin.text:
        draft.notes.append(origin.text)
    for quantity in draft.inputs:
        draft.source_ids += [part.strip() for part in quantity.source_id.split(";")]
        draft.rows += _rows_in(quantity.note)
    return Explanation(
        path=place.path,
        what=place.description,
        value=_shown(place.node),
        number=number,
        origin="" if origin is None else origin.origin,
        steps=tuple(draft.steps),
        check=_check(number, draft.again),
        inputs=tuple({q.name: q for q in draft.inputs}.values()),
        sources=_sources(recommendation, draft.source_ids),
        rows=tuple(dict.fromkeys(draft.rows)),
        notes=tuple(draft.notes),
        children=children(place.node, place.path),
    )


def _plain(place: Place, draft: Draft) -> None:
    """What the nearest nodes say of themselves."""
    nodes = (*place.ancestors, place.node)
    paths = (*place.ancestor_paths, place.path)
    for node, path in zip(reversed(nodes), reversed(paths), strict=True):
        if not isinstance(node, BaseModel) or isinstance(node, Recommendation):
            continue
        for name in TEXTS:
            text = getattr(node, name, "")
            if isinstance(text, str) and text:
                draft.add(name.replace("_", " "), text, None, f"{path}.{name}")
        for name in ("source_id", "source"):
            if isinstance(getattr(node, name, None), str):
                draft.source_ids += [part.strip() for part in getattr(node, name).split(";")]
        if draft.steps:
            return
    if place.path.startswith("profile"):
        draft.add("profile", "your own input, or a default that `assumptions` names")


Explainer = Callable[[Any, Asked], None]
_EXPLAINERS: tuple[tuple[type, Explainer], ...] = (
    (Quantity, parts.explain_quantity),
    (PriceBasis, money.explain_price),
    (CostLine, money.explain_line),
    (CostOption, money.explain_option),
    (StackPremium, money.explain_premium),
    (MonthFlow, money.explain_flow),
    (FleetYear, money.explain_year),
    (Cost, money.explain_cost),
    (Fleet, parts.explain_fleet),
    (OperatingPoint, parts.explain_point),
    (Memory, parts.explain_memory),
    (Risk, parts.explain_risk),
    (Gate, parts.explain_gate),
    (ProbeOption, parts.explain_probe),
    (ValueOfInformation, parts.explain_information),
    (BreakEven, parts.explain_break_even),
    (TornadoBar, parts.explain_bar),
    (Appetite, parts.explain_appetite),
    (Verdict, parts.explain_verdict),
    (Candidate, parts.explain_candidate),
)
"""From the smallest part to the largest: the first that encloses the place explains it."""


def _number(node: Any) -> float | None:
    if isinstance(node, bool):
        return None
    return float(node) if isinstance(node, int | float) else None


def _shown(node: Any) -> str:
    if isinstance(node, Band):
        return f"p10 {significant(node.p10, 6)}, p50 {significant(node.p50, 6)}, p90 {significant(node.p90, 6)}"
    if isinstance(node, float):
        return f"{significant(node, 6)}"
    if isinstance(node, BaseModel):
        return f"a branch of {len(type(node).model_fields)} fields"
    if isinstance(node, tuple | list):
        return f"a list of {len(node)}"
    return str(node)


def _check(number: float | None, again: float | None) -> str:
    if number is None or again is None:
        return ""
    if math.isclose(number, again, rel_tol=AGREES, abs_tol=AGREES):
        return f"reckoned again from the tree: {significant(again, 6)}, agrees"
    return f"reckoned again from the tree: {significant(again, 6)}, DIFFERS from {significant(number, 6)}"


def _rows_in(note: str) -> list[str]:
    """Catalog rows that a quantity's note names."""
    first, _, rest = note.partition("; rows ")
    rows = [row.strip() for row in rest.split(",")] if rest else []
    head = first.split("; ")[0]
    return rows + ([head] if head.startswith(("tco:", "buy-")) else [])


def _sources(tree: Recommendation, ids: Iterable[str]) -> tuple[Source, ...]:
    known = {source.id: source for source in tree.sources}
    return tuple(known[i] for i in dict.fromkeys(ids) if i in known)
