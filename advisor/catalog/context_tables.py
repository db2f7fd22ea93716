"""CSV tables of what surrounds the numbers: published results, software, roadmap, claims."""

from __future__ import annotations

from advisor.catalog import tables
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

_PROVENANCE = provenance_columns()
_UNDATED = provenance_columns(as_of=False)
_PRECISION = ("bf16", "fp16", "fp8", "fp4", "int4", "")

MLPERF = Table(
    "mlperf",
    "evidence/mlperf.csv",
    ("id",),
    (
        text("id", required=True),
        text("entry", required=True, doc="round and submission number"),
        text("round", required=True),
        text("submitter", required=True),
        text("division", required=True, choices=("closed", "open")),
        text("availability", required=True),
        text("system"),
        text("accelerator", doc="empty for mixed systems and parts outside the catalog"),
        text("accelerator_name", required=True),
        integer("accelerators", required=True, low=1, high=100_000),
        text("model", required=True),
        text("model_id"),
        text("scenario", required=True, choices=("Offline", "Server", "Interactive")),
        text("unit", required=True, choices=("tokens/s", "queries/s", "samples/s")),
        number("result", required=True, high=1e9),
        number("per_accelerator", required=True, high=1e7, doc="derived, no official metric"),
        text("precision", choices=_PRECISION),
        text("weight_dtype"),
        text("software"),
        listing("flags"),
        *_PROVENANCE,
        text("note"),
    ),
    "MLPerf Inference results",
)

PUBLISHED = Table(
    "vendor_tables",
    "evidence/published.csv",
    ("id",),
    (
        text("id", required=True),
        text("publisher", required=True),
        text("publisher_kind", required=True, choices=("vendor", "independent")),
        text("accelerator", required=True),
        integer("gpus", low=1, high=100_000),
        integer("tp", low=1, high=1024),
        text("model", required=True),
        text("model_id"),
        text("precision", required=True, choices=_PRECISION[:5]),
        text("engine"),
        text("version"),
        integer("isl", low=1, unit="tokens"),
        integer("osl", low=1, unit="tokens"),
        text("shape", doc="lengths as stated, where they are no plain numbers"),
        integer("concurrency", low=1),
        text(
            "metric",
            required=True,
            choices=(
                "total_tps", "output_tps", "tps", "total_tps_per_gpu", "output_tps_per_gpu", "tps_per_gpu",
                "prefill_tps_per_gpu", "decode_output_tps_per_gpu", "ttft_p50_s", "ttft_mean_s", "tpot_p50_s",
                "tpot_mean_s", "itl_p50_s", "e2el_batch_s",
            ),
        ),
        number("value", required=True, high=1e8),
        number("value_per_gpu", high=1e7),
        day("date"),
        listing("flags"),
        *_UNDATED,
        text("note"),
    ),
    "figures of published tables",
)  # fmt: skip

AGENTIC = Table(
    "agentic",
    "evidence/agentic.csv",
    ("id",),
    (
        text("id", required=True),
        text("accelerator", required=True),
        text("model", required=True),
        text("checkpoint"),
        text("precision", required=True, choices=_PRECISION[:5]),
        text("engine", required=True),
        text("image"),
        text("spec_method"),
        text("kv_offload"),
        integer("tp", low=1, high=1024),
        integer("ep", low=1, high=1024),
        text("dp_attention", choices=("true", "false", "")),
        integer("users", required=True, low=1),
        integer("requests"),
        integer("requests_ok"),
        number("input_tokens_mean"),
        number("output_tokens_mean"),
        number("total_tps_per_gpu", required=True, high=1e6, unit="tokens/s"),
        number("output_tps_per_gpu", high=1e6, unit="tokens/s"),
        number("ttft_mean_s", unit="s"),
        number("ttft_p90_s", unit="s"),
        number("tpot_mean_s", unit="s"),
        number("tpot_p90_s", unit="s"),
        number("e2el_mean_s", unit="s"),
        number("e2el_p90_s", unit="s"),
        number("duration_s", unit="s"),
        day("date"),
        listing("flags"),
        *_UNDATED,
    ),
    "agentic trace replays",
)

SOFTWARE = Table(
    "software",
    "software/support.csv",
    ("engine", "architecture", "feature"),
    (
        text("engine", required=True),
        text("vendor", required=True, choices=("AMD", "NVIDIA")),
        text("architecture", required=True),
        listing("accelerators"),
        text("feature", required=True),
        text("status", required=True, choices=("full", "partial", "experimental", "none")),
        text("since_version"),
        text("detail"),
        *_PROVENANCE,
    ),
    "engine x architecture x feature",
)

ISSUES = Table(
    "known_issues",
    "software/known_issues.csv",
    ("id",),
    (
        text("id", required=True),
        text("vendor", required=True, choices=("AMD", "NVIDIA")),
        listing("accelerators"),
        text("severity", required=True, choices=("critical", "high", "medium", "low")),
        text("state", required=True, choices=("open", "reported", "fixed", "closed", "structural")),
        text("status"),
        day("first_seen"),
        text("component"),
        text("summary", required=True),
        text("implication"),
        listing("urls"),
        *_PROVENANCE,
    ),
    "open and fixed problems",
)

RELEASES = Table(
    "releases",
    "software/releases.csv",
    ("stack", "version"),
    (
        text("stack", required=True),
        text("version", required=True),
        day("date"),
        text("role"),
        text("note"),
        *_UNDATED,
    ),
    "releases of ROCm, CUDA and companions",
)

PACKAGES = Table(
    "packages",
    "software/packages.csv",
    ("package",),
    (
        text("package", required=True),
        text("latest_stable", required=True),
        day("stable_date"),
        text("latest_any"),
        day("latest_any_date"),
        listing("platform_files"),
        *_PROVENANCE,
    ),
    "package index state",
)

COVERAGE = Table(
    "benchmark_coverage",
    "software/benchmark_coverage.csv",
    ("id",),
    (
        text("id", required=True),
        text("config", required=True),
        flag("active"),
        text("vendor", required=True, choices=("AMD", "NVIDIA")),
        text("accelerator", required=True),
        text("model", required=True),
        text("hf_model"),
        text("precision", required=True),
        text("engine", required=True),
        flag("multinode"),
        flag("disagg"),
        flag("spec_decode"),
        flag("agentic"),
        integer("max_ep", high=4096),
        integer("max_tp", high=4096),
        text("image"),
        *_PROVENANCE,
    ),
    "configurations that InferenceX runs or ran",
)

ROADMAP = Table(
    "roadmap",
    "roadmap/parts.csv",
    ("id",),
    (
        text("id", required=True),
        text("vendor", required=True, choices=("AMD", "NVIDIA")),
        text("part", required=True),
        text("architecture"),
        text("form_factor"),
        text("status", required=True, choices=("available", "announced", "rumoured")),
        text("announced"),
        text("availability", doc="the vendor's words for when"),
        day("earliest"),
        day("latest"),
        flag("disputed"),
        text("status_text"),
        day("status_date"),
        number("memory_gb", unit="1e9 bytes"),
        text("memory_type"),
        number("bandwidth_tbps", low=0.01, high=1000, unit="1e12 bytes/s"),
        number("fp4_pflops", unit="1e15/s"),
        number("fp8_pflops", unit="1e15/s"),
        number("bf16_pflops", unit="1e15/s"),
        text("basis", doc="dense, sparse or not stated"),
        integer("scale_up_domain", low=1),
        text("power"),
        number("tpp_estimate", high=1e7),
        text("note"),
        *_PROVENANCE,
    ),
    "what ships next",
)

CLAIMS = Table(
    "claims",
    "claims/claims.csv",
    ("id",),
    (
        text("id", required=True),
        text("subject", required=True),
        text("metric", required=True),
        text("claimed"),
        text("unit"),
        text("conditions"),
        text("basis", required=True),
        text("finding", required=True, choices=("contradicted", "unverifiable", "out_of_scope", "to_check")),
        text("how_to_check", required=True),
        *_PROVENANCE,
    ),
    "public claims",
)

CONFLICTS = Table(
    "spec_conflicts",
    "claims/spec_conflicts.csv",
    ("id",),
    (
        text("id", required=True),
        listing("accelerators"),
        text("claim_a", required=True),
        text("claim_b", required=True),
        text("verdict", required=True),
        *_PROVENANCE,
    ),
    "conflicting public specifications",
)

ALL_TABLES: tuple[Table, ...] = (
    tables.SOURCES, tables.PARAMETERS, tables.MODELS, tables.SERVING, tables.VENDOR_CI, MLPERF, PUBLISHED, AGENTIC,
    tables.RENT, tables.PRICE_HISTORY, tables.PURCHASE, tables.AVAILABILITY, tables.TCO,
    SOFTWARE, ISSUES, RELEASES, PACKAGES, COVERAGE, ROADMAP, CLAIMS, CONFLICTS,
)  # fmt: skip
