"""What the user knows: the workload, the service level, the team, the place and the money.

Everything but the model and the traffic has a default. A default that was taken is reported as an
assumption, so that a reader sees what was stated and what was supposed.
"""

from __future__ import annotations

import math
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from advisor.domain.hardware import PRECISIONS, Precision
from advisor.domain.normal import NORMAL, P95

Skill = Literal["none", "some", "expert"]
Commitment = Literal["any", "spot", "on_demand", "reserved_1y", "reserved_3y"]
Appetite = Literal["averse", "neutral", "seeking"]
Percentile = Literal[50, 90, 95, 99]

Positive = Annotated[float, Field(gt=0, le=1e12)]
NonNegative = Annotated[float, Field(ge=0, le=1e15)]
Billions = Annotated[float, Field(ge=1e-6, le=1e12)]
Share = Annotated[float, Field(ge=0, le=1)]
Tokens = Annotated[float, Field(ge=1, le=10_000_000)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Text = Annotated[str, Field(max_length=4000)]
Country = Annotated[str, Field(min_length=2, max_length=80)]


class Section(BaseModel):
    """Base of every profile section: unknown keys, NaN and infinity are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class CustomModel(Section):
    """A model described by hand; dimensions as in a Hugging Face `config.json`."""

    name: Name = Field(description="Name shown in the output.")
    params_total_b: Billions = Field(description="All parameters [1e9].")
    params_active_b: Billions | None = Field(None, description="Parameters used per token [1e9]; default all.")
    layers: int = Field(ge=1, le=10_000, description="Transformer layers.")
    hidden: int = Field(ge=1, le=1_000_000, description="Model width.")
    heads: int = Field(ge=1, le=100_000, description="Attention heads.")
    kv_heads: int | None = Field(None, ge=1, le=100_000, description="Key-value heads; default `heads`.")
    head_dim: int | None = Field(None, ge=1, le=100_000, description="Head width; default hidden / heads.")
    vocab: int = Field(128_000, ge=1, le=10_000_000, description="Vocabulary size.")
    experts: int = Field(0, ge=0, le=100_000, description="Routed experts per MoE layer; 0 for dense.")
    experts_per_token: int = Field(0, ge=0, le=100_000, description="Routed experts per token.")
    moe_intermediate: int = Field(0, ge=0, le=1_000_000, description="Width of one expert.")
    moe_layers: int | None = Field(None, ge=0, le=10_000, description="Layers with experts; default all.")
    intermediate: int = Field(0, ge=0, le=10_000_000, description="Width of the dense feed-forward layer.")
    kv_lora_rank: int = Field(0, ge=0, le=100_000, description="Rank of the MLA latent; 0 for GQA.")
    qk_rope_head_dim: int = Field(0, ge=0, le=100_000, description="Rotary part of the MLA cache.")
    window: int = Field(0, ge=0, le=10_000_000, description="Sliding window [tokens]; 0 for none.")
    windowed_layers: int = Field(0, ge=0, le=10_000, description="Layers that attend within the window only.")
    recurrent_layers: int = Field(0, ge=0, le=10_000, description="Linear or state-space layers without KV.")
    max_context: int = Field(131_072, ge=1, le=100_000_000, description="Longest context [tokens].")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.params_active_b is not None and self.params_active_b > self.params_total_b:
            raise ValueError(
                f"params_active_b {self.params_active_b:g} exceeds params_total_b {self.params_total_b:g}"
            )
        if self.experts and not 1 <= self.experts_per_token <= self.experts:
            raise ValueError(f"experts_per_token must lie between 1 and experts ({self.experts})")
        if self.experts and not self.moe_intermediate:
            raise ValueError("moe_intermediate is needed where experts are given")
        if self.windowed_layers and not self.window:
            raise ValueError("window is needed where windowed_layers are given")
        if self.windowed_layers + self.recurrent_layers > self.layers:
            raise ValueError("windowed_layers + recurrent_layers exceed layers")
        return self


class Model(Section):
    """The model to serve: exactly one of `id`, `config_json` and `custom`."""

    id: Name | None = Field(
        None,
        description="Catalog id, e.g. llama3.3-70b (`advisor catalog list models`), or a name by which servers"
        " call it, e.g. deepseek-ai/DeepSeek-R1-0528.",
    )
    config_json: str | None = Field(None, max_length=4096, description="Path of a Hugging Face config.json.")
    custom: CustomModel | None = Field(None, description="Dimensions by hand.")
    precisions: tuple[Precision, ...] = Field(
        ("fp8", "fp4"), min_length=1, description="Weight precisions that you accept: " + ", ".join(PRECISIONS)
    )
    kv_cache_precision: Literal["bf16", "fp8"] = Field("fp8", description="Precision of the KV cache.")
    speculative: bool = Field(
        True, description="Whether speculative decoding (MTP, EAGLE) may be used where it is measured."
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = [n for n in ("id", "config_json", "custom") if getattr(self, n) is not None]
        if len(given) != 1:
            what = "none is given" if not given else f"{' and '.join(given)} are given"
            raise ValueError(f"give exactly one of id, config_json, custom ({what})")
        return self


class Lengths(Section):
    """Token lengths as a mean, or as percentiles of a log-normal distribution."""

    mean: Tokens | None = Field(None, description="Mean length [tokens].")
    p50: Tokens | None = Field(None, description="Median length [tokens].")
    p95: Tokens | None = Field(None, description="95th percentile [tokens].")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.mean is None and (self.p50 is None or self.p95 is None):
            raise ValueError("give mean, or both p50 and p95")
        if self.p50 is not None and self.p95 is not None and self.p95 < self.p50:
            raise ValueError(f"p95 ({self.p95:g}) is below p50 ({self.p50:g})")
        return self

    @property
    def sigma(self) -> float:
        """Log-standard deviation of the fitted log-normal; 0 where only a mean is known."""
        if self.p50 is None or self.p95 is None:
            return 0.0
        return math.log(self.p95 / self.p50) / P95

    @property
    def mean_tokens(self) -> float:
        """Mean length [tokens]; of the log-normal exp(mu + sigma^2/2) where percentiles are given."""
        if self.mean is not None:
            return self.mean
        assert self.p50 is not None
        return self.p50 * math.exp(self.sigma**2 / 2)

    def at(self, percentile: int) -> float:
        """Length at a percentile over requests [tokens]; the mean where nothing but a mean is known."""
        if self.sigma > 0 and self.p50 is not None:
            return self.p50 * math.exp(self.sigma * NORMAL[percentile])
        return self.high_tokens if percentile >= 95 else self.mean_tokens

    @property
    def high_tokens(self) -> float:
        """Length that the memory must hold for 95 % of requests [tokens]."""
        return max(self.p95 or 0.0, self.mean_tokens)


class Traffic(Section):
    """How much is asked, when, and how it grows."""

    isl: Lengths = Field(description="Input length per request (prompt and context) [tokens].")
    osl: Lengths = Field(description="Output length per request [tokens].")
    peak_concurrency: Annotated[float, Field(gt=0, le=10_000_000)] | None = Field(
        None, description="Requests in flight at the busiest time."
    )
    peak_requests_per_s: Annotated[float, Field(gt=0, le=1_000_000)] | None = Field(
        None, description="Requests arriving per second at the busiest time."
    )
    average_to_peak: Share = Field(0.5, gt=0, description="Average demand while in use, over peak demand.")
    hours_per_day: float = Field(24.0, gt=0, le=24, description="Hours a day with traffic.")
    days_per_week: float = Field(7.0, gt=0, le=7, description="Days a week with traffic.")
    growth_per_year: float = Field(0.0, ge=-0.9, le=20, description="Growth of demand per year; 0.5 is +50 %.")
    prefix_cache_hit_rate: float = Field(
        0.0, ge=0, lt=1, description="Share of input tokens found in the prefix cache."
    )
    burst_headroom: float = Field(0.15, ge=0, le=5, description="Capacity above peak for arrival bursts.")

    @field_validator("isl", "osl", mode="before")
    @classmethod
    def _number_is_mean(cls, value: object) -> object:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return {"mean": value}
        return value

    @model_validator(mode="after")
    def _one_peak(self) -> Self:
        given = [n for n in ("peak_concurrency", "peak_requests_per_s") if getattr(self, n) is not None]
        if len(given) != 1:
            what = "neither is given" if not given else "both are given"
            raise ValueError(f"give exactly one of peak_concurrency and peak_requests_per_s ({what})")
        return self


class Slo(Section):
    """The service level that the fleet must hold at peak."""

    ttft_ms: Positive | None = Field(None, le=86_400_000, description="Time to first token at most [ms].")
    tpot_ms: Positive | None = Field(None, le=3_600_000, description="Time per output token at most [ms].")
    e2e_ms: Positive | None = Field(None, le=86_400_000, description="Whole request at most [ms].")
    percentile: Percentile = Field(95, description="Percentile of requests that must meet the limits.")
    availability: float = Field(0.999, gt=0, lt=1, description="Share of time that full peak capacity is up.")
    justification: Text = Field("", description="Why this level; shown beside it.")
    link: str = Field("", max_length=2000, description="Where the level comes from.")

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        for name in ("ttft_ms", "tpot_ms"):
            value = getattr(self, name)
            if value is not None and self.e2e_ms is not None and value > self.e2e_ms:
                raise ValueError(f"{name} {value:g} exceeds e2e_ms {self.e2e_ms:g}: no request could meet both")
        return self


class Team(Section):
    """Who runs it, and with what experience."""

    rocm_experience: Skill = Field("some", description="Experience with AMD's ROCm stack.")
    cuda_experience: Skill = Field("expert", description="Experience with NVIDIA's CUDA stack.")
    engineers: float = Field(4.0, ge=0, le=100_000, description="Engineers who run inference.")
    engineer_usd_per_year: NonNegative | None = Field(
        None, description="Loaded cost of an engineer [USD/year]; default from the catalog."
    )
    engines: tuple[str, ...] = Field((), description="Engines in use: vllm, sglang, trt, atom, ...")
    custom_kernels: bool = Field(False, description="Own CUDA or Triton kernels in the serving path.")
    lora: bool = Field(False, description="Serves LoRA adapters.")
    multimodal: bool = Field(False, description="Serves images, audio or video.")
    disaggregation: bool = Field(False, description="Wants prefill and decode on separate GPUs.")
    rocm_extra_engineers: NonNegative | None = Field(
        None, description="Overrules the extra engineers that ROCm is supposed to need."
    )
    rocm_migration_weeks: NonNegative | None = Field(
        None, description="Overrules the one-off engineer-weeks to move to ROCm."
    )


class Place(Section):
    """Where it runs, who owns it, who uses it: what export rules and residency look at."""

    country: Country = Field("US", description="Country of deployment, ISO code or English name.")
    headquarters_country: Country | None = Field(None, description="Buyer's headquarters; default `country`.")
    ultimate_parent_country: Country | None = Field(
        None, description="Headquarters of the ultimate parent; default the buyer's."
    )
    end_user_countries: tuple[Country, ...] = Field((), description="Where users sit; default `country`.")
    data_residency: tuple[Country, ...] = Field((), description="Countries that data may not leave, or EU; empty: any.")
    exclude_us_providers: bool = Field(False, description="Leave out providers with headquarters in the US.")
    export_from: Country = Field("US", description="Country that the hardware ships from.")
    regulated: Text = Field("", description="Regulation that governs the use, e.g. GDPR, HIPAA; free text.")


class Quote(Section):
    """A price that you have in hand; it overrules the catalog."""

    accelerator: Name = Field(description="Accelerator id, e.g. mi355x.")
    kind: Literal["rent", "buy"] = Field("rent", description="Rent per GPU-hour, or purchase per GPU all-in.")
    usd: Positive = Field(description="USD per GPU-hour (rent), or per GPU with its share of the node (buy).")
    commitment: Commitment = Field("any", description="Commitment that the rent quote is for.")
    provider: str = Field("", max_length=200, description="Who quoted.")
    as_of: date | None = Field(None, description="Date of the quote.")


class HostedApi(Section):
    """A hosted API as the alternative to serving it oneself."""

    provider: Name = Field(description="Whose API.")
    usd_per_mtok_input: NonNegative = Field(description="USD per million input tokens.")
    usd_per_mtok_output: NonNegative = Field(description="USD per million output tokens.")
    as_of: date | None = Field(None, description="Date of the price.")


class Procurement(Section):
    """How it may be paid for."""

    mode: Literal["rent", "buy", "either"] = Field("either", description="Rent, buy, or whichever is cheaper.")
    horizon_months: int = Field(36, ge=1, le=120, description="Months over which cost is counted.")
    start_date: date | None = Field(None, description="When capacity must be there; default as soon as it can be.")
    commitment: Commitment = Field("any", description="Commitment that rent may take; any compares them.")
    seller: Literal["any", "neocloud", "hyperscaler"] = Field("any", description="Class of provider.")
    volume_discount: Share = Field(0.0, lt=1, description="Discount that you have been promised on list or market.")
    quotes: tuple[Quote, ...] = Field((), max_length=1000, description="Prices in hand.")
    hosted_api: HostedApi | None = Field(None, description="Hosted API to compare with.")
    cost_of_capital: float | None = Field(None, ge=0, le=1, description="Annual discount rate; default from catalog.")
    budget_usd_per_month: NonNegative | None = Field(None, gt=0, description="Upper limit [USD/month].")
    depreciation_years: float | None = Field(None, gt=0, le=15, description="Straight-line life of hardware.")


class Site(Section):
    """The data centre for hardware of your own; irrelevant where you rent."""

    power_kw: Positive | None = Field(None, description="IT power available [kW]; default no limit.")
    rack_kw: Positive | None = Field(None, description="Power and cooling per rack [kW]; default no limit.")
    liquid_cooling: bool | None = Field(None, description="Direct liquid cooling available; default unknown.")
    pue: float | None = Field(None, ge=1, le=4, description="Power usage effectiveness; default from catalog.")
    power_usd_per_kwh: NonNegative | None = Field(None, le=10, description="Electricity; default from catalog.")
    space_usd_per_kw_month: NonNegative | None = Field(
        None, le=100_000, description="Colocation [USD per IT kW and month]; default from catalog."
    )


class Workload(Section):
    """One tier of a service: a model, its traffic and its service level."""

    name: Name = Field(description="Name of the tier.")
    model: Model = Field(description="The model to serve.")
    traffic: Traffic = Field(description="Its traffic.")
    slo: Slo = Field(default_factory=Slo, description="Its service level.")


class Overrides(Section):
    """Numbers of your own in place of the program's."""

    throughput_factor: dict[str, Positive] = Field(
        default_factory=dict, description="Factor on estimated throughput by accelerator id, e.g. {mi355x = 0.9}."
    )
    risk_likelihood: dict[str, Share] = Field(
        default_factory=dict, description="Yearly likelihood by risk id, over the catalog's."
    )
    risk_effect_usd: dict[str, NonNegative] = Field(
        default_factory=dict, description="Effect by risk id [USD], over the catalog's."
    )


class Governance(Section):
    """What a reviewer of regulated use asks; free text, printed as a checklist, no number depends on it."""

    model_version: Text = Field("", description="Exact model release or weights revision that is approved.")
    logged: Text = Field("", description="What is logged of each request, where, and for how long.")
    stored: Text = Field("", description="What else is stored (documents, transcripts), where, and for how long.")
    told: Text = Field("", description="Who is told that a model is used: users, data subjects, regulator.")
    human_review: Text = Field("", description="Who reviews outputs before they take effect.")
    owner: Text = Field("", description="Who answers for the use.")


class Profile(Section):
    """A procurement question. Required: a model with traffic, or `workloads`."""

    name: Name = Field("unnamed", description="Name of the profile; default the name of its file.")
    summary: Text = Field("", description="The situation in a sentence.")
    task: Literal["inference", "training", "fine-tuning"] = Field(
        "inference", description="What the hardware is for; only inference is in scope."
    )
    model: Model | None = Field(None, description="The model to serve.")
    traffic: Traffic | None = Field(None, description="Its traffic.")
    slo: Slo = Field(default_factory=Slo, description="The service level.")
    workloads: tuple[Workload, ...] = Field((), max_length=20, description="Several tiers, instead of one model.")
    team: Team = Field(default_factory=Team, description="Who runs it.")
    place: Place = Field(default_factory=Place, description="Where it runs, who owns and uses it.")
    procurement: Procurement = Field(default_factory=Procurement, description="How it may be paid for.")
    site: Site = Field(default_factory=Site, description="The data centre, if you buy.")
    governance: Governance = Field(default_factory=Governance, description="For regulated use: who answers for what.")
    candidates: tuple[str, ...] = Field((), max_length=50, description="Accelerator ids; default all eight.")
    risk_appetite: Appetite = Field("neutral", description="How much the bad tail counts.")
    overrides: Overrides = Field(default_factory=Overrides, description="Numbers of your own.")

    @model_validator(mode="after")
    def _has_work(self) -> Self:
        if self.task != "inference":
            raise ValueError(
                f'task "{self.task}" is out of scope: advisor sizes inference only. Training and fine-tuning are'
                " bound by other limits (interconnect, optimizer state); remove the key to size the serving part"
            )
        if self.workloads and (self.model or self.traffic):
            raise ValueError("give either model and traffic, or workloads, not both")
        if not self.workloads and (self.model is None or self.traffic is None):
            missing = [n for n in ("model", "traffic") if getattr(self, n) is None]
            raise ValueError(f"{' and '.join(missing)} missing: a profile needs a model and its traffic")
        names = [w.name for w in self.workloads]
        if len(set(names)) != len(names):
            raise ValueError("two workloads have the same name")
        return self

    @property
    def tiers(self) -> tuple[Workload, ...]:
        """The workloads; a simple profile is one tier."""
        if self.workloads:
            return self.workloads
        assert self.model is not None
        assert self.traffic is not None
        # its parts are checked already, and it is asked for a hundred times an answer
        return (Workload.model_construct(name="main", model=self.model, traffic=self.traffic, slo=self.slo),)
