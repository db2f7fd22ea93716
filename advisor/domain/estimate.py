"""What the estimator is asked and what it answers."""

from __future__ import annotations

from dataclasses import field
from datetime import date
from typing import Literal

from advisor.domain.model import ModelSpec
from advisor.domain.record import record

EvidenceGrade = Literal["A", "B", "C", "D"]
"""A: own probe. B: independent measurement of this accelerator, model and precision. C: this accelerator on
other models or precisions. D: no measurement of this accelerator in this regime."""

Basis = Literal["measured", "interpolated", "extrapolated", "modelled", "physics"]


@record
class OperatingQuery:
    """A deployment and a load; None means "the best known configuration"."""

    accelerator: str
    model: ModelSpec
    precision: str
    isl: float
    osl: float
    concurrency: int
    """Requests in flight per replica."""
    engine: str | None = None
    spec_method: str | None = None
    disagg: bool | None = None
    tp: int | None = None
    ep: int | None = None
    dp_attention: bool | None = None
    gpus: int | None = None
    """GPUs per replica."""
    software_date: date | None = None
    """Day whose software is asked for; None leaves that to how the query is put."""
    pp: int = 1
    """Stages of a pipeline of which this is one, with its part of the requests: weights spread over so many."""


@record
class Interval:
    """An 80 % interval around a median estimate."""

    lo: float
    mid: float
    hi: float


@record
class FirstToken:
    """Time to the first token at one operating point [s]; `error` says why there is none."""

    ttft_p50_s: Interval
    ttft_tail: dict[str, float]
    """p90, p95, p99 over requests [s]."""
    error: str


@record
class OtherFamily:
    """What another evidence family says of the same operating point."""

    family: str
    total_tps_per_gpu: float
    tpot_s: float | None
    as_of: str
    row_ids: tuple[str, ...]


@record
class OperatingEstimate:
    """Latency and throughput at one operating point; times in seconds, rates in tokens/s per GPU."""

    query: OperatingQuery
    engine: str
    spec_method: str
    disagg: bool
    tp: int
    ep: int
    dp_attention: bool
    gpus: int
    ttft_p50_s: Interval
    tpot_p50_s: Interval
    total_tps_per_gpu: Interval
    output_tps_per_gpu: Interval
    ttft_tail: dict[str, float]
    """p90, p95, p99 of TTFT over requests [s]."""
    tpot_tail: dict[str, float]
    """p90, p95, p99 of TPOT over requests [s]."""
    evidence_grade: EvidenceGrade
    basis: Basis
    basis_text: str
    evidence_row_ids: tuple[str, ...] = ()
    evidence_newest: str = ""
    """ISO date of the newest measurement that bears on the estimate, of a median the last of its runs."""
    evidence_since: str = ""
    """ISO date, about, of the first run of those medians; empty where the newest measurement is of one day."""
    other_families: tuple[OtherFamily, ...] = ()
    notes: tuple[str, ...] = field(default=())
    error: str = ""
