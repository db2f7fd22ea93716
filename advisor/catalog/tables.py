"""Every CSV table of the catalog: path, key, columns, ranges."""

from __future__ import annotations

from advisor.catalog.schema import (
    Table,
    day,
    flag,
    integer,
    listing,
    number,
    provenance_columns,
    text,
)
from advisor.domain.market import COMMITMENTS, SELLER_CLASSES

_PRECISIONS = ("bf16", "fp16", "fp8", "fp4", "int4", "")
MOST_OF_COST = 1e9
"""Of a cost parameter, in whatever its unit is."""
_FAMILIES = ("single_run", "median", "published_table", "secondhand", "vendor_ci", "own_probe")


def _measurements(name: str, path: str, doc: str) -> Table:
    """Columns stand in the order of the fields of `Measurement`, less those of own runs; the loader relies on it."""
    return Table(
        name,
        path,
        ("row_id",),
        (
            text("row_id", required=True, doc="stable id, cited by recommendations"),
            text("family", required=True, choices=_FAMILIES, doc="evidence family, which is also the kind"),
            text("accelerator", required=True),
            text("model", required=True, doc="name under which it was measured; see models.csv"),
            text("precision", required=True, choices=_PRECISIONS[:5], doc="weights and arithmetic"),
            text("engine", required=True, doc="as the source spells it"),
            text("spec_method", required=True, doc="speculative decoding, or none"),
            flag("disagg", doc="prefill and decode on separate GPUs"),
            integer("tp", required=True, high=1024, doc="of the decode role; 0 where not stated"),
            integer("ep", required=True, high=1024, doc="of the decode role; 0 where not stated"),
            flag("dp_attention"),
            integer("gpus", low=1, high=1024, doc="all GPUs of the deployment"),
            integer("isl", required=True, low=1, high=10_000_000, unit="tokens"),
            integer("osl", required=True, low=1, high=10_000_000, unit="tokens"),
            integer("concurrency", required=True, low=1, high=1_000_000),
            number("total_tps_per_gpu", high=1e6, unit="tokens/s", doc="input + output, over all GPUs"),
            number("output_tps_per_gpu", high=1e6, unit="tokens/s", doc="output, over all GPUs"),
            number("tpot_p50_s", high=1e4, unit="s"),
            number("ttft_p50_s", high=1e5, unit="s"),
            number("tpot_p99_s", high=1e4, unit="s"),
            number("ttft_p99_s", high=1e5, unit="s"),
            number("e2el_p50_s", high=1e6, unit="s"),
            day("date", doc="of the run; of the database dump for medians"),
            text("source_id", required=True),
            listing("flags", doc="doubts about the row"),
            integer("prefill_tp", high=1024),
            integer("prefill_ep", high=1024),
            integer("prefill_workers", high=1024),
            integer("decode_workers", high=1024),
            integer("prefill_gpus", high=1024),
            integer("decode_gpus", high=1024),
            number("tpot_mean_s", high=1e4, unit="s"),
            number("ttft_mean_s", high=1e5, unit="s"),
            text("image", doc="container image or version"),
            text("run_url"),
            text("config_id"),
            number("avg_power_w", high=5000, unit="W"),
            text("notes"),
            number("joules_per_output_token", high=1e5, unit="J", doc="GPU alone"),
            day("first_run", doc="of the configuration of medians, about: from its place among dated ones (derived)"),
        ),
        doc,
    )


SERVING = _measurements("measurements", "evidence/serving.csv", "serving throughput and latency at fixed ISL/OSL")
VENDOR_CI = _measurements("vendor_ci", "evidence/vendor_ci.csv", "points of AMD's own CI for ATOM")

SOURCES = Table(
    "sources",
    "sources.csv",
    ("id",),
    (
        text("id", required=True),
        text("reference", required=True, doc="document, repository and commit, or address, as found"),
        day("as_of", doc="date of the content, where one is known"),
        text("kind", required=True),
        text("attribution", doc="line that must appear where its figures appear"),
    ),
    "every source once",
)

PARAMETERS = Table(
    "parameters",
    "parameters.csv",
    ("table", "column"),
    (
        text("table", required=True),
        text("path", required=True),
        text("column", required=True),
        text("type", required=True),
        text("unit"),
        flag("required"),
        text("range"),
        text("description"),
    ),
    "dictionary of all columns",
)

MODELS = Table(
    "models",
    "models/models.csv",
    ("id",),
    (
        text("id", required=True),
        text("name", required=True, doc="Hugging Face id"),
        text("family", required=True),
        number("params_total", low=1e6, high=1e14, doc="count; from the configuration where computable"),
        number("params_active", low=1e6, high=1e14, doc="per token"),
        integer("layers", low=1, high=10_000, required=True),
        integer("hidden", low=1, high=1_000_000, required=True),
        integer("heads", low=1, high=10_000, required=True),
        integer("kv_heads", low=1, high=10_000, required=True),
        integer("head_dim", low=1, high=10_000, required=True),
        integer("vocab", low=1, high=10_000_000, required=True),
        text("attention", required=True, choices=("gqa", "mla")),
        integer("full_layers", high=10_000, required=True, doc="layers that keep the whole context"),
        integer("windowed_layers", high=10_000, required=True),
        integer("recurrent_layers", high=10_000, required=True, doc="layers with a state of fixed size"),
        integer("window", high=100_000_000, required=True, unit="tokens"),
        integer("kv_lora_rank", high=100_000, required=True),
        integer("qk_rope_head_dim", high=10_000, required=True),
        integer("experts", high=100_000, required=True),
        integer("experts_per_token", high=10_000, required=True),
        integer("moe_intermediate", high=1_000_000, required=True),
        integer("shared_experts", high=10_000, required=True),
        integer("moe_layers", high=10_000, required=True),
        integer("intermediate", high=10_000_000, required=True),
        integer("max_context", low=1, high=1_000_000_000, required=True, unit="tokens"),
        text("native_precision", required=True, choices=("bf16", "fp8", "fp4", "int4")),
        flag("tie_embeddings"),
        text("licence"),
        listing("measured_as", doc="model names in the evidence that this architecture answers to"),
        text("source", required=True),
        day("as_of"),
        text("kind", required=True),
        text("confidence"),
        text("notes"),
        number("kv_elements_full", high=1e9, doc="per token, layers with the whole context"),
        number("kv_elements_windowed", high=1e9, doc="per token, up to the window"),
        number("weights_gb_native", unit="1e9 bytes", doc="published checkpoint"),
        text("native_format", doc="number format of the checkpoint, in the publisher's words"),
        integer("index_topk", high=10_000_000, unit="tokens", doc="that sparse attention reads; empty: all"),
        integer("index_heads", high=10_000, doc="of the indexer of sparse attention"),
        integer("index_head_dim", high=10_000),
        integer("index_layers", high=10_000, doc="with an indexer of their own; empty: all that see the whole context"),
        integer("index_ratio", low=1, high=1_000_000, unit="tokens", doc="in an entry that is searched; empty: one"),
        integer("pooled_layers", high=10_000, doc="that attend to all of a compressed cache"),
        number("pooled_ratio", low=1, high=1e6, unit="tokens", doc="in an entry there"),
        integer("residual_streams", low=1, high=1000, doc="copies of the hidden state under hyper-connections"),
        number("recurrent_state_elements", high=1e12, doc="of one sequence, all recurrent layers; kept in 32 bit"),
    ),
    "architecture of served models",
)

RENT = Table(
    "rent_prices",
    "prices/rent.csv",
    ("id",),
    (
        text("id", required=True),
        text("provider", required=True),
        text("channel", doc="broker through which the price was seen"),
        text("seller_class", required=True, choices=SELLER_CLASSES),
        text("accelerator", required=True),
        text("variant", choices=("sxm", "pcie", "nvl", "")),
        text("commitment", required=True, choices=COMMITMENTS),
        number("usd_per_gpu_hour", required=True, low=0.01, high=1000, unit="USD"),
        integer("gpus_per_instance", required=True, low=1, high=1024),
        text("instance_type"),
        text("region"),
        listing("countries", doc="ISO codes that the row names"),
        day("as_of", required=True),
        listing("flags"),
        *(c for c in provenance_columns(as_of=False)),
        text("note"),
    ),
    "observed rental prices",
)

PRICE_HISTORY = Table(
    "price_history",
    "prices/history.csv",
    ("id",),
    (
        text("id", required=True),
        day("date", required=True),
        text("accelerator", required=True),
        text("variant", choices=("sxm", "pcie", "nvl", "")),
        text("series", required=True),
        number("usd_per_gpu_hour", required=True, low=0.01, high=1000, unit="USD"),
        text("quote", required=True, choices=("on_demand", "spot", "index")),
        *(c for c in provenance_columns(as_of=False)),
        text("note"),
    ),
    "dated price series",
)

PURCHASE = Table(
    "purchase_prices",
    "prices/purchase.csv",
    ("id",),
    (
        text("id", required=True),
        text("item", required=True),
        text("accelerator"),
        text(
            "basis",
            required=True,
            choices=("gpu", "gpu_all_in", "server", "node_all_in", "rack", "other"),
        ),
        text("condition", required=True, choices=("new", "used")),
        text("unit", required=True),
        number("low_usd", high=1e9, unit="USD"),
        number("typical_usd", high=1e9, unit="USD"),
        number("high_usd", high=1e9, unit="USD"),
        *provenance_columns(),
        text("note"),
    ),
    "purchase prices (thin)",
    bands=(("low_usd", "typical_usd", "high_usd"),),
)

TCO = Table(
    "tco",
    "tco/parameters.csv",
    ("parameter", "scope"),
    (
        text("parameter", required=True),
        text("scope", required=True),
        number("low", high=MOST_OF_COST),
        number("typical", high=MOST_OF_COST),
        number("high", high=MOST_OF_COST),
        text("unit", required=True),
        flag("superseded", doc="replaced by a newer set; never a default"),
        *provenance_columns(),
        text("note"),
    ),
    "power, PUE, facility, finance and staff",
    bands=(("low", "typical", "high"),),
)

AVAILABILITY = Table(
    "availability",
    "prices/availability.csv",
    ("accelerator", "variant"),
    (
        text("accelerator", required=True),
        text("variant", choices=("sxm", "pcie", "nvl", "")),
        integer("providers_ever", required=True),
        integer("providers_recent", required=True),
        day("recent_since", required=True),
        listing("providers"),
        text("lead_time"),
        *provenance_columns(),
    ),
    "sellers and lead times",
)
