"""A benchmark run as it is kept: the user's own probe, or a result of another tool.

The same types hold both, so that the store, the exports and the estimator know one form. Times are seconds,
rates are per second over the whole deployment (not per GPU), counts are tokens.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any, Literal

from pydantic import Field, computed_field, model_validator

from advisor.domain.evidence import Family, Measurement
from advisor.domain.hardware import PRECISIONS
from advisor.domain.probing import LEAST_EVIDENCE, LEAST_REQUESTS, tells_speed
from advisor.domain.provenance import Frozen
from advisor.domain.text import counted

RUN_SCHEMA = 1
"""Version of the exported form; readers refuse a higher one."""

LENGTH_TOLERANCE = 0.05
"""Share by which the mean length may miss what was asked for before a step is one of other lengths."""

SATURATED = "saturated: arrivals outran the server, so that latencies depend on how long it was run"

_START_SHARE = 0.01
"""Part of the requests of a run without a warm-up from which those that it starts with are its p99."""

_TENSORRT = re.compile(r"(tensorrt|trt)([ _-]?llm)?")
"""Spellings of the engine that measurements call trt."""

SPECULATION = "speculative"
"""Method of speculative decoding that shows in figures and that nobody named."""

Outcome = Literal["running", "complete", "budget", "interrupted", "failed"]
LoadKind = Literal["closed", "poisson", "constant", "unknown"]
Evidence = Literal["full", "rate and TPOT", "none"]
"""What a step may move in an estimate."""


class Distribution(Frozen):
    """Percentiles of one metric [s]; a field is None where the source does not give it."""

    n: int = Field(0, ge=0, description="Values behind it; 0 where the source does not say.")
    mean: float | None = Field(None, ge=0)
    p50: float | None = Field(None, ge=0)
    p90: float | None = Field(None, ge=0)
    p95: float | None = Field(None, ge=0)
    p99: float | None = Field(None, ge=0)
    mean_ci95: tuple[float, float] | None = Field(None, description="95 % interval of the mean.")
    p50_ci95: tuple[float, float] | None = Field(None, description="95 % interval of the median.")
    p99_ci95: tuple[float, float] | None = Field(
        None, description="95 % interval of p99; None where too few values bound it."
    )


class OwnLag(Frozen):
    """What the measuring tool itself added, and whether that was too much."""

    kernel_stamps: bool = Field(description="Arrivals were stamped by the kernel, so that lag does not add to latency.")
    arrival_p50_s: float | None = Field(None, description="Kernel arrival to read, median.")
    arrival_p99_s: float | None = None
    arrival_max_s: float | None = None
    loop_delay_p99_s: float = Field(0.0, description="How late the event loop ran a timer, 99th percentile.")
    loop_delay_max_s: float = 0.0
    reissue_p50_s: float | None = Field(None, description="End of one request to the start of the next, median.")
    cpu_share: float = Field(0.0, description="CPU time of the tool over wall time; 1 is one core.")
    cpu_per_event_us: float | None = Field(None, description="CPU time per streamed event [microseconds].")
    blurred_share: float = Field(0.0, description="Share of token events whose own moment was lost in a late read.")


class Deployment(Frozen):
    """What was measured, as the user states it; empty where unknown."""

    accelerator: str = Field("", description="Catalog id, e.g. mi355x.")
    gpus: int | None = Field(None, ge=1, le=100_000, description="GPUs that serve the endpoint.")
    model: str = ""
    precision: str = ""
    engine: str = ""
    engine_version: str = ""
    tp: int | None = Field(None, ge=1)
    ep: int | None = Field(None, ge=1)
    dp_attention: bool = False
    spec_method: str = Field("none", description="Speculative decoding method; none where off.")
    disagg: bool = False

    @property
    def too_wide(self) -> dict[str, str]:
        """Each of `tp` and `ep` that takes more GPUs than are stated, in words."""
        gpus = self.gpus
        return {} if gpus is None else {
            name: f"{name.upper()} {width} takes {width:,} GPUs, but only {gpus:,} are stated as serving"
            for name, width in (("tp", self.tp), ("ep", self.ep)) if width is not None and width > gpus
        }  # fmt: skip


class Step(Frozen):
    """One operating point of a run."""

    index: int = Field(ge=0)
    load: LoadKind = "closed"
    concurrency: float | None = Field(
        None, ge=0, description="Requests in flight: set (closed) or mean measured (open)."
    )
    rate_rps: float | None = Field(None, ge=0, description="Intended arrivals per second of an open loop.")
    isl: float = Field(ge=0, description="Intended input length [tokens].")
    osl: float = Field(ge=0, description="Intended output length [tokens].")
    shared_prefix: float = Field(0.0, ge=0, le=1, description="Share of each prompt that was the same on purpose.")
    asked_input_tokens: float | None = Field(None, description="Mean length that was asked for, as it was drawn.")
    asked_output_tokens: float | None = Field(None, description="Likewise of the outputs.")
    mean_input_tokens: float | None = None
    mean_output_tokens: float | None = None
    requests: int = Field(0, ge=0, description="Requests measured, good and bad, warm-up excluded.")
    succeeded: int = Field(0, ge=0)
    warmup_requests: int = Field(0, ge=0)
    duration_s: float | None = Field(None, ge=0, description="Length of the measured window.")
    ttft: Distribution = Distribution()
    itl: Distribution = Distribution()
    tpot: Distribution = Distribution()
    e2el: Distribution = Distribution()
    input_tps: float | None = Field(None, ge=0)
    output_tps: float | None = Field(None, ge=0)
    total_tps: float | None = Field(None, ge=0)
    requests_per_s: float | None = Field(None, ge=0)
    goodput_rps: float | None = Field(None, description="Requests per second that met the service level.")
    goodput_share: float | None = Field(None, ge=0, le=1)
    achieved_concurrency: float | None = Field(None, description="Mean requests in flight over the window.")
    errors: dict[str, int] = Field(default_factory=dict, description="Failed requests by kind.")
    token_source: str = Field("usage", description="usage, events (counted), or as the imported tool had it.")
    tokens_per_event: float | None = None
    lag: OwnLag | None = None
    server: dict[str, float] = Field(default_factory=dict, description="Means and maxima from the server's /metrics.")
    valid: bool = True
    partial: bool = Field(False, description="Ended before it had what it was planned to gather.")
    steady: bool | None = Field(None, description="No drift found over the window; None where not tested.")
    flags: tuple[str, ...] = Field((), description="What a reader must know; reasons of invalidity first.")

    @model_validator(mode="before")
    @classmethod
    def _without_what_follows(cls, given: Any) -> Any:
        """An export tells what the step is as evidence; it follows from the rest, and is not read back."""
        return {k: v for k, v in given.items() if k != "evidence"} if isinstance(given, dict) else given

    @computed_field(description="What it tells of the service, once the run states what it measured.")  # type: ignore[prop-decorator]
    @property
    def evidence(self) -> Evidence:
        """None where it is not valid, has no throughput, or its prompts share a part on purpose; else as far as its
        requests are enough (`tells_speed`). Where nobody says how many there were, they are taken for enough.
        """
        concurrency = self.in_flight
        if not self.valid or self.shared_prefix or self.output_tps is None or not concurrency:
            return "none"
        if not self.requests or self.succeeded >= LEAST_EVIDENCE:
            return "full"
        enough = tells_speed(self.succeeded, self.mean_output_tokens or self.osl, concurrency)
        return "rate and TPOT" if enough else "none"

    @property
    def state(self) -> str:
        """What a reader may make of it, in a word or two."""
        if not self.valid:
            return "INVALID"
        return {"full": "valid", "rate and TPOT": "no TTFT", "none": "no evidence"}[self.evidence]

    @property
    def in_flight(self) -> float | None:
        """Requests in flight: as set in a closed loop; in an open one as measured or by Little's law, never its cap."""
        if self.load == "closed":
            return self.concurrency
        if self.load == "unknown":
            return self.achieved_concurrency or self.concurrency
        if self.achieved_concurrency is None and self.requests_per_s is not None and self.e2el.mean is not None:
            return self.requests_per_s * self.e2el.mean
        return self.achieved_concurrency

    @property
    def lengths(self) -> tuple[float, float]:
        """Input and output lengths [tokens] of which its figures are: the intended, or the counted where that is apart.

        Of drawn lengths a few requests have another mean than all; the share of it that came tells how far off it is.
        """
        return (
            _length(self.isl, self.asked_input_tokens or self.isl, self.mean_input_tokens),
            _length(self.osl, self.asked_output_tokens or self.osl, self.mean_output_tokens),
        )


def _length(intended: float, asked: float, counted: float | None) -> float:
    if not counted or not asked or abs(counted / asked - 1) <= LENGTH_TOLERANCE:
        return intended
    return intended * counted / asked


class Run(Frozen):
    """A run: the deployment, its steps, and how it ended."""

    schema_version: int = RUN_SCHEMA
    id: str = Field(min_length=1, max_length=100)
    tool: str = Field(description="advisor probe, or the tool that an import came from.")
    tool_version: str = ""
    started_at: datetime = Field(description="In the zone where it ran.")
    finished_at: datetime | None = None
    endpoint: str = Field("", description="Scheme, host and port; no path, no credentials.")
    deployment: Deployment = Deployment()
    outcome: Outcome = "complete"
    family: Family = "own_probe"
    steps: tuple[Step, ...] = ()
    server_facts: dict[str, str] = Field(default_factory=dict)
    plan: str = ""
    asked: dict[str, str] = Field(
        default_factory=dict, description="What a probe was asked to measure, by which it can be taken up again."
    )
    holder: str = Field("", description="Host and process that measures it; empty once it has ended.")
    spent_tokens: int | None = None
    spent_usd: float | None = None
    spent_s: float | None = None
    flags: tuple[str, ...] = ()
    note: str = ""


def measurements_from_run(run: Run) -> list[Measurement]:
    """Operating points of a run, in the form of the catalog's measurements.

    Steps that are no evidence are left out, and all where the run does not state what an estimate cannot do without.
    """
    points = (point_of(run, step) for step in run.steps if step.evidence != "none")
    return [point for point in points if point is not None]


def point_of(run: Run, step: Step) -> Measurement | None:
    """The operating point of a step, whether it is evidence or not; None where nobody says what was run, or how."""
    gpus, concurrency = run.deployment.gpus, step.in_flight
    if unstated(run.deployment) or gpus is None or not concurrency or step.output_tps is None:
        return None
    return _measurement(run, step, max(1, round(concurrency)), gpus)


def unstated(where: Deployment) -> tuple[str, ...]:
    """Fields without which no estimate can place a run; a precision is one of those that the catalog knows."""
    missing = [name for name in ("accelerator", "gpus", "model") if not getattr(where, name)]
    return (*missing, *(() if where.precision in PRECISIONS else ("precision",)))


def _measurement(run: Run, step: Step, concurrency: int, gpus: int) -> Measurement:
    from advisor.evidence.precision import median_error, rate_error

    where = run.deployment
    flags = list(step.flags)
    flags += ["partial"] if step.partial else []
    flags += ["not_steady"] if step.steady is False else []
    assert step.output_tps is not None
    no_ttft = SATURATED in step.flags or (step.requests > 0 and step.succeeded < LEAST_EVIDENCE)
    # A probe states lengths that were sent; other families state nominal ones, of which requests draw a part.
    isl, osl = step.lengths if run.family == "own_probe" else (step.isl, step.osl)
    return Measurement(
        row_id=f"{run.id}:{step.index}",
        family=run.family,
        accelerator=where.accelerator,
        model=where.model,
        precision=where.precision,
        engine=_TENSORRT.sub("trt", where.engine.strip().casefold()),
        spec_method=speculation(run),
        disagg=where.disagg,
        tp=where.tp or gpus,
        ep=where.ep or 1,
        dp_attention=where.dp_attention,
        gpus=gpus,
        isl=max(1, round(isl)),
        osl=max(1, round(osl)),
        concurrency=concurrency,
        total_tps_per_gpu=None if step.total_tps is None else step.total_tps / gpus,
        output_tps_per_gpu=step.output_tps / gpus,
        tpot_p50_s=step.tpot.p50,
        ttft_p50_s=None if no_ttft else step.ttft.p50,
        tpot_p99_s=_tail(step.tpot),
        ttft_p99_s=None if no_ttft or _tells_its_start(step) else _tail(step.ttft),
        e2el_p50_s=step.e2el.p50,
        date=run_date(run),
        source_id=f"run:{run.id}",
        flags=tuple(flags),
        tpot_mean_s=step.tpot.mean,
        ttft_mean_s=None if no_ttft else step.ttft.mean,
        notes=f"{run.tool} {run.tool_version}".strip(),
        engine_version=where.engine_version.strip(),
        tpot_error=median_error(step.tpot),
        ttft_error=median_error(step.ttft),
        rate_error=rate_error(step.e2el if step.e2el.n else step.tpot),
    )


def speculation(run: Run) -> str:
    """Method of speculative decoding as stated; where none was and the server's own counters show it, `SPECULATION`."""
    stated = run.deployment.spec_method.strip().casefold()
    shown = any(step.server.get("spec_accepted") or step.server.get("spec_length_max", 0) > 1 for step in run.steps)
    return SPECULATION if shown and stated in ("", "none") else stated


def _tail(found: Distribution) -> float | None:
    """p99, where enough values stand behind it or nobody says how many: of a dozen it is but the largest."""
    return found.p99 if found.n == 0 or found.n >= LEAST_REQUESTS else None


def _tells_its_start(step: Step) -> bool:
    """Whether the p99 of TTFT is that of the first requests, which all came at once, and not of the service."""
    at_once = 0 if step.warmup_requests or step.load != "closed" else step.concurrency or 0
    return at_once > 1 and at_once > _START_SHARE * step.requests > 0


def ending(run: Run) -> str:
    """How a run ended, in words: also a complete one may have steps that the server broke off."""
    broken = sum(step.partial and step.requests > 0 for step in run.steps)
    if run.outcome != "complete" or not broken:
        return run.outcome
    return f"{run.outcome}, but {broken} of {counted(len(run.steps), 'step')} ended early"


def run_date(run: Run) -> date:
    """Day of the run where it ran: that of UTC may be tomorrow's, of which an answer of today knows nothing."""
    started: datetime = run.started_at
    return started.date()
