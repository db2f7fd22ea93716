"""Model architectures: `facts/models.csv`.

Two traps of the file are met here. The per-token elements of linear-attention layers are not a cache that
grows: those layers keep a state of fixed size, so they become `recurrent_layers`. And where the file gives
no active parameters they follow from the dimensions, if the dimensions agree with the total.
"""

from __future__ import annotations

from collections import Counter

from advisor.catalog.tables import MODELS
from advisor.catalog_build.drop import Drop, Importer, Output, number, parse_day, whole
from advisor.catalog_build.names import MEASURED_AS

_ATTENTION_NOTES: tuple[tuple[str, str], ...] = (
    ("MLA + DSA sparse", "sparse attention (DSA) reads index keys of the whole cache and the tokens found"),
    ("GQA + chunked local", "chunked local attention; every fourth layer keeps the whole context"),
    ("GQA + block-sparse", "block-sparse attention reads part of the cache; the whole of it is kept"),
)

_STATE_PER_LAYER: dict[str, int] = {
    "qwen3.5-397b-a17b": 64 * 128 * 128, "qwen3.5-122b-a10b": 64 * 128 * 128, "qwen3.5-35b-a3b": 32 * 128 * 128,
    "kimi-k3": 96 * 128 * 128,
}  # fmt: skip
"""State of a linear-attention layer: value heads x dimensions of key and value, which the drop leaves in words and the
configurations that it cites state (`linear_num_value_heads`, `linear_attn_config.num_heads`)."""

_INDEXER: dict[str, tuple[int, int, int, int | None]] = {
    "deepseek-v3.2": (2048, 64, 128, None), "glm-5": (2048, 32, 128, None), "glm-5.2": (2048, 32, 128, 21),
    "deepseek-v4-pro": (1024, 64, 128, 30), "deepseek-v4-flash": (512, 64, 128, 21),
}  # fmt: skip
"""`index_topk`, `index_n_heads` and `index_head_dim` of the same configurations, and layers with an indexer: in GLM-5.2
`index_topk_freq` is 4 from layer `index_skip_topk_offset` 3 on, and the layers between take over what was found. In
DeepSeek V4 layers of `compress_ratios` 4 have one."""

_COMPRESSED: dict[str, tuple[int, int, int, int]] = {
    "deepseek-v4-pro": (4, 31, 128, 4), "deepseek-v4-flash": (4, 20, 128, 4),
}  # fmt: skip
"""Of the configurations of DeepSeek V4: the smaller of `compress_ratios`, how many layers have the larger one, that
one, and `hc_mult`."""

_TOTALS = {
    "deepseek-v4-pro": "total as its maker rounds it, 1.6T; the layers of its configuration come to 1,572e9, which is"
    " what a profile with that config.json counts, and one layer more of its experts, as for multi-token prediction,"
    " is 25.4e9; what is beyond the layers counts once in a replica",
}
"""Why a stated total and the dimensions beside it differ."""


def run(drop: Drop, out: Output) -> None:
    """Import the architectures."""
    rows = drop.rows("facts/models.csv")
    left_out: Counter[str] = Counter()
    models = [_model(row, out) for row in rows]
    for model in models:
        if model["params_active"] is None:
            left_out["kept without active parameters, not usable as a workload"] += 1
    out.table(MODELS, models)
    out.note("facts/models.csv", len(rows), MODELS.path, len(models), left_out)


def _model(row: dict[str, str], out: Output) -> dict[str, object]:
    as_of, _ = parse_day(row["source_date"])
    layers = whole(row["layers"]) or 0
    windowed, recurrent, window = _layer_kinds(row)
    full = whole(row["full_attention_layers"])
    total, active, kind, notes = _parameters(row)
    kv_windowed = number(row["kv_elements_per_token_windowed"]) if windowed else None
    topk, index_heads, index_dim, index_layers = _INDEXER.get(row["id"], (None, None, None, None))
    ratio, pooled, pooled_ratio, streams = _COMPRESSED.get(row["id"], (None, None, None, None))
    hybrid = row["attention_type"].startswith("hybrid compressed")
    if hybrid:
        notes.append("compressed cache beside a sliding window in every layer; the compressed size is derived")
    notes += [note for start, note in _ATTENTION_NOTES if row["attention_type"].startswith(start)]
    notes += [note for note in (_TOTALS.get(row["id"], ""), _note(row)) if note]
    return {
        "id": row["id"],
        "name": row["hf_id"].split(" (", maxsplit=1)[0],
        "family": row["family"],
        "params_total": total,
        "params_active": active,
        "layers": layers,
        "hidden": whole(row["hidden_size"]),
        "heads": whole(row["num_attention_heads"]),
        "kv_heads": whole(row["num_kv_heads"]),
        "head_dim": whole(row["head_dim"]),
        "vocab": whole(row["vocab_size"]),
        "attention": "mla" if "MLA" in row["attention_type"] else "gqa",
        "full_layers": layers if hybrid else full,
        "windowed_layers": windowed,
        "recurrent_layers": recurrent,
        "window": window,
        "kv_lora_rank": whole(row["kv_lora_rank"]) or 0,
        "qk_rope_head_dim": whole(row["qk_rope_head_dim"]) or 0,
        "experts": whole(row["n_experts"]) or 0,
        "experts_per_token": whole(row["experts_per_token"]) or 0,
        "moe_intermediate": whole(row["moe_intermediate_size"]) or 0,
        "shared_experts": whole(row["n_shared_experts"]) or 0,
        "moe_layers": whole(row["moe_layers"]) or 0,
        "intermediate": whole(row["intermediate_size"]) or 0,
        "max_context": whole(row["max_context"]),
        "native_precision": _precision(row["native_precision"]),
        "tie_embeddings": row["tie_embeddings"] == "true",
        "licence": row["licence"],
        "measured_as": MEASURED_AS.get(row["id"], ()),
        "source": out.sources.cite(row["architecture_source_ref"], as_of=as_of, kind="documentation"),
        "as_of": as_of,
        "kind": kind,
        "confidence": row["confidence"].split(";", maxsplit=1)[0],
        "notes": "; ".join(notes),
        "kv_elements_full": _kv_full(row),
        "kv_elements_windowed": kv_windowed,
        "weights_gb_native": number(row["weight_gb_native_est"]),
        "native_format": row["native_precision"].split(";", maxsplit=1)[0],
        "index_topk": topk,
        "index_heads": index_heads,
        "index_head_dim": index_dim,
        "index_layers": index_layers,
        "index_ratio": ratio,
        "pooled_layers": pooled,
        "pooled_ratio": pooled_ratio,
        "residual_streams": streams,
        "recurrent_state_elements": recurrent * _STATE_PER_LAYER[row["id"]] if recurrent else None,
    }


def _kv_full(row: dict[str, str]) -> float | None:
    """Elements of the cache a token, without the index keys that the drop counts among those of DeepSeek V4."""
    stated = number(row["kv_elements_per_token_full"])
    if stated is None or row["id"] not in _COMPRESSED:
        return stated
    _, _, dim, layers = _INDEXER[row["id"]]
    return stated - (layers or 0) * dim / _COMPRESSED[row["id"]][0]


def _layer_kinds(row: dict[str, str]) -> tuple[int, int, int]:
    """(windowed layers, recurrent layers, window) of a row."""
    window = whole(row["sliding_window"]) or 0
    other = whole(row["linear_or_sliding_layers"]) or 0
    if row["attention_type"].startswith("hybrid compressed"):
        return whole(row["layers"]) or 0, 0, window
    if window:
        return other, 0, window
    return 0, other, 0


def _parameters(row: dict[str, str]) -> tuple[float | None, float | None, str, list[str]]:
    """(total, active, kind, notes); active parameters from the dimensions where the file gives none.

    active = total - routed experts x (1 - experts per token / experts).
    """
    marketed = number(row["params_total_b"])
    active = number(row["params_active_b"])
    computed = number(row["params_total_b_computed"])
    # a computed total that leaves out a marketed part would lose weights; the larger is what must be stored
    total = max((v for v in (marketed, computed) if v is not None), default=None)
    if total is None:
        return None, None, "documentation", []
    if active is not None:
        return total * 1e9, active * 1e9, "documentation", []
    dims = [whole(row[name]) for name in ("moe_layers", "n_experts", "hidden_size", "moe_intermediate_size")]
    per_token = whole(row["experts_per_token"])
    if all(dims) and per_token:
        moe_layers, experts, hidden, inner = (float(d or 0) for d in dims)
        routed = moe_layers * experts * 3 * hidden * inner / 1e9
        if routed < total:
            value = total - routed * (1 - per_token / experts)
            note = "active parameters derived: total less the routed experts that a token does not visit"
            return total * 1e9, round(value, 2) * 1e9, "derived", [note]
    return total * 1e9, None, "documentation", ["active parameters unknown: the dimensions exceed the stated total"]


def _precision(text: str) -> str:
    lowered = text.casefold()
    if "fp4" in lowered.split(" (fp8 and nvfp4")[0]:
        return "fp4"
    if lowered.startswith("fp8"):
        return "fp8"
    return "int4" if lowered.startswith("int4") else "bf16"


def _note(row: dict[str, str]) -> str:
    text = row["notes"].split("; ", maxsplit=1)[0]
    return text if len(text) <= 120 else ""


IMPORTER = Importer("models", ("facts/models.csv",), run)
