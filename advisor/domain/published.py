"""Published results that inform but never outrank independent serving measurements."""

from __future__ import annotations

from datetime import date as Date  # noqa: N812 - a field below is called date
from typing import Literal

from advisor.domain.provenance import Provenance
from advisor.domain.record import record


@record
class MlperfResult:
    """One MLPerf Inference result; the per-accelerator figure is derived and no official metric."""

    id: str
    entry: str
    """Round and submission number, to be cited."""
    round: str
    submitter: str
    division: Literal["closed", "open"]
    availability: str
    system: str
    accelerator: str
    """Catalog id; empty for mixed systems and parts that the catalog does not hold."""
    accelerator_name: str
    accelerators: int
    model: str
    model_id: str
    """Catalog model; empty where the catalog does not hold it or the submission changed it."""
    scenario: Literal["Offline", "Server", "Interactive"]
    unit: Literal["tokens/s", "queries/s", "samples/s"]
    result: float
    per_accelerator: float
    precision: str
    """Normalised; empty where unset or mixed."""
    weight_dtype: str
    software: str
    flags: tuple[str, ...]
    """inferred, heterogeneous, power_submission, preview, outlier, other_form (a PCIe or NVL card)."""
    provenance: Provenance
    note: str = ""


@record
class PublishedFigure:
    """One figure of a published table; units stand in the name of the metric."""

    id: str
    publisher: str
    publisher_kind: Literal["vendor", "independent"]
    accelerator: str
    gpus: int | None
    tp: int | None
    model: str
    model_id: str
    precision: str
    engine: str
    version: str
    isl: int | None
    osl: int | None
    shape: str
    """Lengths as stated, where they are no plain numbers."""
    concurrency: int | None
    metric: str
    """total_tps, output_tps, tps (which is not said), the same with _per_gpu, prefill_tps_per_gpu,
    decode_output_tps_per_gpu, ttft_p50_s, ttft_mean_s, tpot_p50_s, tpot_mean_s, itl_p50_s, e2el_batch_s."""
    value: float
    value_per_gpu: float | None
    date: Date | None
    flags: tuple[str, ...]
    """max_load, flooded, static_batch, prefix_cached, interpolated, rounded, date_approximate, accelerator_assumed,
    reading_assumed, not_comparable."""
    provenance: Provenance
    note: str = ""


@record
class AgenticRun:
    """One point of an agentic trace replay; input includes prefix-cache hits, so it compares only with its like."""

    id: str
    accelerator: str
    model: str
    checkpoint: str
    precision: str
    engine: str
    image: str
    spec_method: str
    kv_offload: str
    tp: int | None
    ep: int | None
    dp_attention: str
    """true, false, or empty where not stated."""
    users: int
    requests: int | None
    requests_ok: int | None
    input_tokens_mean: float | None
    output_tokens_mean: float | None
    total_tps_per_gpu: float
    output_tps_per_gpu: float | None
    ttft_mean_s: float | None
    ttft_p90_s: float | None
    tpot_mean_s: float | None
    tpot_p90_s: float | None
    e2el_mean_s: float | None
    e2el_p90_s: float | None
    duration_s: float | None
    date: Date | None
    flags: tuple[str, ...]
    provenance: Provenance
