"""One measurement of serving throughput, in the vocabulary of the field."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date as Date  # noqa: N812 - a field below is called date
from typing import Literal

Family = Literal["single_run", "median", "published_table", "secondhand", "vendor_ci", "own_probe"]
"""Evidence families, never mixed in silence."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One operating point; None where the source does not state it.

    `total_tps_per_gpu` is input + output tokens/s over all GPUs, `output_tps_per_gpu` output tokens/s over
    all GPUs. Times are seconds. `isl` and `osl` are nominal lengths; the mean drawn length is 0.9 of them
    for the closed-loop benchmark that most rows come from.
    """

    row_id: str
    """Stable id of the catalog row, or the store's key."""
    family: Family
    accelerator: str
    model: str
    precision: str
    engine: str
    spec_method: str
    disagg: bool
    tp: int
    ep: int
    dp_attention: bool
    gpus: int | None
    isl: int
    osl: int
    concurrency: int
    total_tps_per_gpu: float | None
    output_tps_per_gpu: float | None
    tpot_p50_s: float | None
    ttft_p50_s: float | None
    tpot_p99_s: float | None
    ttft_p99_s: float | None
    e2el_p50_s: float | None
    date: Date | None
    source_id: str
    flags: tuple[str, ...] = ()
    prefill_tp: int | None = None
    prefill_ep: int | None = None
    prefill_workers: int | None = None
    decode_workers: int | None = None
    prefill_gpus: int | None = None
    decode_gpus: int | None = None
    tpot_mean_s: float | None = None
    ttft_mean_s: float | None = None
    image: str = ""
    run_url: str = ""
    config_id: str = ""
    avg_power_w: float | None = None
    notes: str = ""
    joules_per_output_token: float | None = None
    """Energy of the GPU alone [J]."""
    first_run: Date | None = None
    """Of medians over runs: about when the configuration was first run."""
    # The fit's fingerprint is of a row's repr, in which what own runs alone state has no place.
    engine_version: str = field(default="", repr=False)
    """Of own runs; empty where unknown."""
    tpot_error: float = field(default=0.0, repr=False)
    """Standard error of an own run's median TPOT by the requests behind it [log]; 0 where nothing tells."""
    ttft_error: float = field(default=0.0, repr=False)
    """Likewise of its median TTFT [log]."""
    rate_error: float = field(default=0.0, repr=False)
    """Likewise of its tokens/s [log]."""

    @property
    def known_bad(self) -> bool:
        """Whether its source names an open issue that spoilt the run; of a median over runs that is only possible."""
        return any(flag.startswith("known_issue:") for flag in self.flags)

    def known_on(self, day: Date | None) -> bool:
        """Whether it had been made by that day, or bears none; every one where no day is given."""
        return day is None or self.date is None or self.date <= day

    def began_by(self, day: Date) -> bool:
        """Whether what it shows to work had been run by that day: of medians over runs the first of them counts."""
        began = self.first_run or self.date
        return began is None or began <= day
