"""Model architectures from their table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from advisor.catalog.read import Layer, read_table
from advisor.catalog.tables import MODELS
from advisor.domain.model import ModelSpec
from advisor.domain.provenance import Provenance

_PROVENANCE = ("source", "as_of", "kind", "confidence")


def read_models(layers: Sequence[Layer]) -> tuple[dict[str, ModelSpec], dict[str, str]]:
    """(models by id, ids of models that lack what sizing needs, with the reason)."""
    columns: dict[str, Any] = read_table(MODELS, layers)
    names = [name for name in MODELS.names if name not in _PROVENANCE]
    provenances = list(map(Provenance, *(columns[name] for name in _PROVENANCE)))
    models: dict[str, ModelSpec] = {}
    incomplete: dict[str, str] = {}
    for n, provenance in enumerate(provenances):
        values = {name: columns[name][n] for name in names}
        lacking = _lacking(values)
        if lacking:
            incomplete[values["id"]] = lacking
            continue
        stated = {name: value for name, value in values.items() if value is not None}
        models[values["id"]] = ModelSpec(**stated, provenance=provenance)
    return models, incomplete


def _lacking(values: Mapping[str, Any]) -> str:
    """What sizing needs and a model does not state; empty where it has all."""
    if values["params_active"] is None or values["params_total"] is None:
        which = "active" if values["params_total"] is not None else "total"
        return f"its {which} parameter count is not published"
    if values["attention"] == "mla" and not values["kv_lora_rank"]:
        return "its attention is mla, and kv_lora_rank is 0"
    return ""
