"""How a workload is laid out on an accelerator: deployment, memory, operating point, fleet."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from advisor.domain.provenance import Frozen


class Spread(Frozen):
    """An estimate with its 80 % interval."""

    lo: float = Field(description="Low end of the 80 % interval.")
    value: float = Field(description="Median estimate.")
    hi: float = Field(description="High end of the 80 % interval.")


class Term(Frozen):
    """One step of an arithmetic, so that a reader can redo it."""

    name: str = Field(description="What the step yields, with its unit.")
    value: float = Field(description="Its result.")
    formula: str = Field(description="The arithmetic with numbers.")


class Deployment(Frozen):
    """How one replica is run."""

    engine: str = Field(description="Serving engine, e.g. vllm, sglang, trt, atom.")
    precision: str = Field(description="Weight precision: bf16, fp8, fp4 or int4.")
    kv_cache_precision: str = Field(description="Precision of the KV cache.")
    tp: int = Field(description="Tensor-parallel degree.")
    pp: int = Field(1, description="Pipeline-parallel degree.")
    ep: int = Field(1, description="Expert-parallel degree; 1 for none.")
    dp: int = Field(1, description="Data-parallel replicas of attention within the replica.")
    dp_attention: bool = Field(False, description="Attention is data-parallel, experts are sharded.")
    spec_method: str = Field("none", description="Speculative decoding: none, mtp, eagle.")
    disagg: bool = Field(False, description="Prefill and decode run on separate GPUs.")
    gpus_per_replica: int = Field(description="GPUs of one replica.")
    decode_gpus: int | None = Field(None, description="GPUs of a disaggregated replica that decode; the rest prefill.")

    @property
    def cache_gpus(self) -> int:
        """GPUs of a replica that hold the KV cache of running requests."""
        return self.decode_gpus or max(self.gpus_per_replica, self.tp * self.pp)

    @property
    def worker_gpus(self) -> int:
        """GPUs over which one copy of the weights may spread: a replica, or a decode worker of a disaggregated one."""
        return max(self.tp, self.ep) if self.disagg else max(self.gpus_per_replica, self.tp * self.pp)

    @property
    def prefill_gpus(self) -> int | None:
        """GPUs of a replica that prefill alone; None where a replica is not split or its split not known."""
        return self.gpus_per_replica - self.decode_gpus if self.decode_gpus else None

    @property
    def split(self) -> str:
        """GPUs that prefill and that decode, `4P+16D`; empty where `prefill_gpus` is None."""
        return "" if self.prefill_gpus is None else f"{self.prefill_gpus}P+{self.decode_gpus}D"

    @property
    def label(self) -> str:
        """Short form, e.g. `fp8 TP4 sglang` or, over two nodes, `fp8 TP8 PP2 vllm`."""
        parts = [self.precision, f"TP{self.tp}"]
        if self.pp > 1:
            parts.append(f"PP{self.pp}")
        if self.ep > 1:
            parts.append(f"EP{self.ep}")
        if self.dp_attention:
            parts.append("DPA")
        if self.spec_method != "none":
            parts.append(self.spec_method.upper())
        if self.disagg:
            parts += ["disagg", self.split]
        return " ".join(part for part in (*parts, self.engine) if part)


class Memory(Frozen):
    """What occupies the memory of one replica; per GPU unless said otherwise."""

    usable_gb: float = Field(description="Usable memory per GPU [1e9 bytes].")
    weights_gb: float = Field(description="Weights per GPU [1e9 bytes].")
    reserve_gb: float = Field(description="Activations, graphs and runtime per GPU [1e9 bytes].")
    kv_gb: float = Field(description="Left for the KV cache per GPU [1e9 bytes].")
    kv_bytes_per_token: float = Field(description="KV cache per token over the whole replica [bytes].")
    kv_bytes_per_request: float = Field(
        description="KV cache of one request at the sized context, and the state of its recurrent layers [bytes]."
    )
    context_tokens: float = Field(description="Context that is sized for: input plus output [tokens].")
    max_concurrency: int = Field(description="Requests whose KV cache fits the replica at once.")
    fits: bool = Field(description="Whether weights and at least one request fit.")
    binds: str = Field(description="What limits: weights, kv_cache or nothing.")
    terms: tuple[Term, ...] = Field((), description="The arithmetic, step by step, from the rows of the catalog.")


class EvidenceNote(Frozen):
    """What another evidence family says of the same point."""

    family: str = Field(description="Evidence family: vendor_ci, median, single_run, own_probe, ...")
    total_tps_per_gpu: float = Field(description="Input plus output tokens/s per GPU.")
    tpot_s: float | None = Field(description="Time per output token [s], where stated.")
    as_of: str = Field(description="ISO date of that evidence, empty where unknown.")
    row_ids: tuple[str, ...] = Field((), description="Catalog rows.")


class CapacityResponse(Frozen):
    """What a replica carries within the service level where its throughput turns out otherwise than estimated."""

    throughput: float = Field(description="Factor on the estimated throughput; latencies are divided by it.")
    capacity: float = Field(description="Factor on what the GPUs of the fleet carry within the service level.")


class OperatingPoint(Frozen):
    """The load at which one replica is run, and what it yields there."""

    concurrency: int = Field(description="Requests in flight per replica.")
    ttft_p50_s: float = Field(description="Median time to first token [s].")
    tpot_p50_s: float = Field(description="Median time per output token [s].")
    e2el_p50_s: float = Field(description="Median end-to-end latency at mean lengths [s].")
    output_tps_per_gpu: float = Field(description="Output tokens/s per GPU.")
    total_tps_per_gpu: float = Field(description="Input plus output tokens/s per GPU.")
    interactivity_tps: float = Field(description="Output tokens/s per user, 1/TPOT.")
    requests_per_s: float = Field(description="Requests/s that one replica completes.")
    ttft_interval_s: Spread = Field(description="80 % interval of the median TTFT [s].")
    tpot_interval_s: Spread = Field(description="80 % interval of the median TPOT [s].")
    output_tps_interval: Spread = Field(description="80 % interval of output tokens/s per GPU.")
    slo_percentile: int = Field(description="Percentile that the service level asks for.")
    ttft_at_percentile_s: float = Field(description="TTFT at that percentile [s].")
    tpot_at_percentile_s: float = Field(description="TPOT at that percentile [s].")
    meets_slo: bool = Field(description="Whether both limits hold at that percentile.")
    limited_by: str = Field(
        description="What keeps concurrency from being higher: ttft, tpot, e2e, memory, demand or evidence."
    )
    evidence_grade: Literal["A", "B", "C", "D"] = Field(description="Grade of the evidence, A best.")
    basis: str = Field(description="measured, interpolated, extrapolated, modelled or physics.")
    evidence_text: str = Field(description="What the estimate rests on, in a sentence.")
    evidence_newest: str = Field(
        description="ISO date of the newest measurement used, of a median the last of its runs; empty where unknown."
    )
    evidence_since: str = Field(
        "",
        description="ISO date, about, of the first run behind the medians where `evidence_newest` is the last day of"
        " medians over runs; empty elsewhere.",
    )
    evidence_rows: tuple[str, ...] = Field((), description="Catalog rows that the estimate rests on.")
    response: tuple[CapacityResponse, ...] = Field(
        (),
        description="What the fleet carries where throughput turns out otherwise, deployments chosen again; straight in"
        " logs between the factors stated.",
    )
    other_families: tuple[EvidenceNote, ...] = Field((), description="Other evidence families at this point.")

    def carried_at(self, throughput: float) -> float | None:
        """Factor on what the fleet carries at one of the factors of `response`; None where it states no such one."""
        return next((r.capacity for r in self.response if r.throughput == throughput), None)


class CurvePoint(Frozen):
    """One point of the throughput-against-interactivity curve."""

    concurrency: int = Field(description="Requests in flight per replica.")
    interactivity_tps: float = Field(description="Output tokens/s per user.")
    output_tps_per_gpu: float = Field(description="Output tokens/s per GPU.")
    output_tps_lo: float = Field(description="Low end of the 80 % interval.")
    output_tps_hi: float = Field(description="High end of the 80 % interval.")
    ttft_p50_s: float = Field(description="Median TTFT [s].")
    tpot_p50_s: float = Field(description="Median TPOT [s].")
    kind: Literal["estimate", "measured"] = Field(description="Estimated here, or a measured row.")
    meets_slo: bool | None = Field(
        description="Whether the service level holds; none for a measured row, which has lengths of its own."
    )
    label: str = Field("", description="Deployment, for a measured row of another configuration.")
    row_id: str = Field("", description="Catalog row of a measured point.")
    usd_per_mtok_output: float | None = Field(
        None,
        description="Cost of output tokens, their input included, with every GPU at this load and at the candidate's"
        " own cost per GPU-hour [USD/Mtok]; none without a cost.",
    )


class DeploymentCurve(Frozen):
    """The curve of one way to run a model on an accelerator: the best layout of a precision and an engine."""

    accelerator: str = Field(description="Accelerator id.")
    tier: str = Field(description="Workload whose lengths and service level are held against it.")
    model_id: str = Field(description="Model.")
    deployment: Deployment = Field(description="How one replica is run.")
    evidence_grade: Literal["A", "B", "C", "D"] = Field(description="Grade of the best point's evidence, A best.")
    best_concurrency: int | None = Field(description="Load that yields most within the service level; none holds it.")
    points: tuple[CurvePoint, ...] = Field((), description="Estimated points, then measured ones.")


RATE_UNIT = "requests/s"
SHARED_NODES = "nodes by what they hold"
"""Name of the term of a fleet that says how the workloads share its nodes."""


class Fleet(Frozen):
    """How many replicas, GPUs and nodes the demand takes; each allowance is a term of its own.

    Of a fleet of several workloads what speaks of one replica is that of the first; its replicas differ in GPUs.
    """

    demand_unit: str = Field(
        description="What demand is counted in: `requests in flight` or `requests/s`; the latter where tiers differ."
    )
    peak_demand: float = Field(description="Demand at the busiest time, at the start [demand_unit].")
    replica_capacity: float = Field(description="What one replica carries at its operating point [demand_unit].")
    peak_requests_per_s: float = Field(description="Requests/s at the busiest time, at the start.")
    replica_requests_per_s: float = Field(description="Share of those requests/s that one replica carries.")
    replicas_for_peak: int = Field(description="Replicas that carry the peak without any allowance.")
    replicas_for_bursts: int = Field(description="Added for arrival bursts.")
    replicas_for_growth: int = Field(description="Added for growth until capacity can next be added.")
    replicas_for_redundancy: int = Field(description="Added so that availability holds when replicas fail.")
    replicas: int = Field(description="All replicas.")
    gpus_per_replica: int = Field(description="GPUs of one replica.")
    gpus_needed: int = Field(description="GPUs in replicas.")
    gpus: int = Field(description="GPUs to get, in whole nodes.")
    gpus_per_node: int = Field(description="GPUs of one node.")
    nodes: int = Field(description="Whole nodes.")
    utilisation_at_average: float = Field(description="Average demand over what the fleet can carry.")
    terms: tuple[Term, ...] = Field((), description="The arithmetic, step by step.")

    @property
    def shared_nodes(self) -> str:
        """How several workloads share the nodes; empty for one."""
        return next((term.formula for term in self.terms if term.name == SHARED_NODES), "")


class TierShare(Frozen):
    """What one workload has of a fleet whose nodes several share, and of its cost; over all of them it adds up."""

    gpus_by_year: tuple[int, ...] = Field(description="GPUs in its replicas in each of `cost.fleet_years`.")
    gpu_months: float = Field(
        description="Those GPUs over the months of the horizon; where the whole fleet follows demand, what it uses of"
        " them on average, one replica at least, in its hours with traffic [GPU-months]."
    )
    share: float = Field(description="Of the GPU-months of all workloads; of the cost it bears as much.")
    usd_per_month: float = Field(description="share x the median cost, `cost.usd_per_month.p50` [USD/month].")
    point_usd_per_month: float = Field(description="share x the cost at typical inputs [USD/month].")
    mtok_per_month: float = Field(description="Tokens served, levelised over the horizon [1e6/month].")
    usd_per_mtok_blended: float = Field(
        description="USD per million tokens of this workload, input and output together: the median of all tokens,"
        " `cost.usd_per_mtok_blended.p50`, x share / its part of the tokens."
    )
    formula: str = Field(description="The arithmetic with numbers.")


class TierPlan(Frozen):
    """One workload laid out on the candidate."""

    name: str = Field(description="Name of the workload.")
    model_id: str = Field(description="Model.")
    deployment: Deployment = Field(description="How one replica is run.")
    memory: Memory = Field(description="Memory of one replica.")
    operating_point: OperatingPoint = Field(description="Load and yield of one replica.")
    fleet: Fleet = Field(
        description="Replicas and GPUs; `gpus` and `nodes` are what it would take by itself, as all share nodes."
    )
    curve: tuple[CurvePoint, ...] = Field((), description="Throughput against interactivity.")
    request_input_tokens: float = Field(description="Mean input tokens per request.")
    request_output_tokens: float = Field(description="Mean output tokens per request.")
    share: TierShare | None = Field(
        None, description="What it has of the shared fleet and of its cost; none without a cost."
    )
