"""The answer: a frozen tree that every surface renders and none adds to."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from advisor.domain.cost import Cost
from advisor.domain.decision import Decision
from advisor.domain.gates import Gate
from advisor.domain.profile import Profile
from advisor.domain.provenance import Frozen, Quantity, Source
from advisor.domain.risk import Risk
from advisor.domain.sizing import CurvePoint, Deployment, Fleet, Memory, OperatingPoint, Spread, TierPlan

SCHEMA_VERSION = "1.1"
READABLE = ("1.0", SCHEMA_VERSION)
"""Schemas of stored answers that this program reads."""
DEFAULT_DRAWS = 10_000
DEFAULT_SEED = 20_260_101

VerdictKind = Literal["get", "probe_first", "split", "wait", "infeasible"]


class Choice(Frozen):
    """What to get."""

    accelerator: str = Field(description="Accelerator id.")
    name: str = Field(description="Its full name.")
    vendor: str = Field(description="AMD or NVIDIA.")
    gpus: int = Field(description="GPUs to get, in whole nodes.")
    nodes: int = Field(description="Whole nodes.")
    mode: str = Field(description="rent, buy or mixed.")
    commitment: str = Field(description="Commitment of the rent, or `purchase`.")
    deployment: str = Field(description="How it is run, in short.")
    usd_per_month: float = Field(description="Median cost [USD/month].")


class Binding(Frozen):
    """A constraint that keeps candidates out where none is left."""

    what: str = Field(description="slo, memory, precision, estimate, budget, or the gate's id.")
    candidates: int = Field(description="Candidates that it keeps out.")
    of: int = Field(description="Candidates that were considered.")

    @property
    def words(self) -> str:
        """For a reader, with its count.

        >>> Binding(what="site_power", candidates=5, of=8).words
        'site power (5 of 8)'
        """
        name = "service level" if self.what == "slo" else self.what.replace("_", " ")
        return f"{name} ({self.candidates} of {self.of})"


class Verdict(Frozen):
    """One answer with its reason."""

    kind: VerdictKind = Field(description="get, probe_first, split, wait or infeasible.")
    headline: str = Field(description="The answer in one sentence.")
    reason: str = Field(description="Why this kind of answer.")
    choice: Choice | None = Field(None, description="What to get; none when infeasible.")
    runner_up: str | None = Field(None, description="Accelerator id of the second best.")
    confidence: float = Field(ge=0, le=1, description="Probability that the choice is the cheapest that qualifies.")
    confidence_word: str = Field(description="high, fair or low.")
    too_close_to_call: bool = Field(False, description="The best two lie within each other's interval.")
    reasons: tuple[str, ...] = Field((), description="Three reasons, strongest first.")
    next_steps: tuple[str, ...] = Field((), description="What to do on Monday.")
    binding_constraint: str = Field("", description="When infeasible: what binds.")
    binding: tuple[Binding, ...] = Field((), description="When infeasible: what binds, by constraint, most first.")
    smallest_change: str = Field("", description="When infeasible: the smallest change that frees it.")

    @property
    def binding_words(self) -> str:
        """What binds, for a reader; answers of earlier versions have it by its short names alone."""
        return ", ".join(b.words for b in self.binding) or self.binding_constraint

    @property
    def reason_binds(self) -> bool:
        """Whether the reason is what binds, which need not be said beside it a second time."""
        return self.kind == "infeasible" and self.reason.startswith("What binds")


class Assumption(Frozen):
    """A default that was taken because the profile is silent."""

    path: str = Field(description="Profile field, or name of the default.")
    value: str = Field(description="Value taken, with its unit.")
    why: str = Field(description="What it means and where it comes from.")
    source_id: str = Field("default", description="Source, where it is a catalog value.")


class Candidate(Frozen):
    """One accelerator, judged from end to end; excluded ones stay, with the reason."""

    accelerator: str = Field(description="Accelerator id.")
    name: str = Field(description="Full name.")
    vendor: str = Field(description="AMD or NVIDIA.")
    feasible: bool = Field(description="Whether it can serve the profile.")
    infeasible_reason: str = Field("", description="Why not, in a sentence.")
    rank: int | None = Field(None, description="1 for the best feasible candidate.")
    gates: tuple[Gate, ...] = Field((), description="Every gate with its result.")
    deployment: Deployment | None = Field(None, description="How one replica of the main tier is run.")
    memory: Memory | None = Field(None, description="Memory of one replica of the main tier.")
    operating_point: OperatingPoint | None = Field(None, description="Load and yield of one replica, main tier.")
    fleet: Fleet | None = Field(None, description="Replicas, GPUs and nodes over all tiers.")
    tiers: tuple[TierPlan, ...] = Field((), description="Every tier, the main one first.")
    curve: tuple[CurvePoint, ...] = Field((), description="Throughput against interactivity, main tier.")
    cost: Cost | None = Field(None, description="Cost with its terms.")
    risks: tuple[Risk, ...] = Field((), description="Risk register, largest first.")
    expected_loss_usd_per_month: float | None = Field(None, description="Expected loss from the register [USD/month].")
    risk_adjusted_usd_per_month: float | None = Field(
        None, description="Mean cost plus expected loss and the share of the tail that appetite asks for."
    )
    p_cheapest: float = Field(0.0, ge=0, le=1, description="Share of draws in which it is the cheapest.")
    expected_regret_usd_per_month: float | None = Field(
        None, description="Mean cost above the best of each draw [USD/month]."
    )
    software_floor: tuple[str, ...] = Field((), description="Minimum versions to put into the contract.")


class ClaimNote(Frozen):
    """A public claim that bears on this choice, and what to make of it."""

    id: str = Field(description="Catalog id of the claim.")
    subject: str = Field(description="What it is about.")
    claim: str = Field(description="What was said, with its figure and unit.")
    conditions: str = Field("", description="Conditions under which it was said to hold.")
    finding: str = Field(
        description="confirmed, contradicted, outdated, arithmetic error or unverifiable, by recomputation."
    )
    assessment: str = Field(description="Our figure and what it rests on.")
    source_id: str = Field(description="Source.")


class ProbeCheck(Frozen):
    """One measured point of an own probe against what had been predicted there."""

    accelerator: str = Field(description="Accelerator id.")
    measured_on: date = Field(description="Day of the probe.")
    provider: str = Field("", description="Where it ran.")
    deployment: str = Field(description="Deployment that was measured.")
    concurrency: int = Field(description="Requests in flight per replica.")
    isl: int = Field(description="Input tokens per request.")
    osl: int = Field(description="Output tokens per request.")
    predicted_output_tps: Spread = Field(description="Prediction without the probe [output tokens/s per GPU].")
    measured_output_tps: float = Field(description="Measured [output tokens/s per GPU].")
    predicted_tpot_s: float | None = Field(None, description="Median TPOT predicted [s].")
    measured_tpot_s: float | None = Field(None, description="Median TPOT measured [s].")
    within_interval: bool = Field(description="Whether the measurement lies within the predicted interval.")
    text: str = Field(description="What follows, in a sentence.")
    source_id: str = Field("", description="Run that was measured, among the sources.")


class BacktestSummary(Frozen):
    """How often advice of this kind has been right."""

    right_winner_share: float | None = Field(description="Share of left-out comparisons with the right winner.")
    mean_regret: float | None = Field(description="Mean extra cost of the advised over the best.")
    worst_regret: float | None = Field(description="Worst such extra cost.")
    decisions: int = Field(description="Left-out comparisons.")
    text: str = Field(description="In a sentence.")
    fingerprint: str = Field(description="Fingerprint of the evidence that was tested.")


class Recommendation(Frozen):
    """The whole answer; the same inputs give the same bytes."""

    schema_version: str = Field(SCHEMA_VERSION, description="Version of this tree.")
    advisor_version: str = Field(description="Version of the program.")
    catalog_fingerprint: str = Field(description="SHA-256 of the catalog with its overlays.")
    as_of: date = Field(description="Date that rules, prices and evidence are judged at.")
    seed: int = Field(description="Seed of the Monte Carlo.")
    draws: int = Field(description="Draws of the Monte Carlo.")
    command: str = Field("", description="Command that reproduces this tree.")
    profile: Profile = Field(description="The profile, resolved.")
    verdict: Verdict = Field(description="The answer.")
    candidates: tuple[Candidate, ...] = Field(
        description="Every accelerator, best first; excluded ones last, the nearest to feasible first."
    )
    decision: Decision | None = Field(None, description="Sensitivity, break-evens, value of information, options.")
    assumptions: tuple[Assumption, ...] = Field((), description="Defaults that were taken.")
    inputs: tuple[Quantity, ...] = Field((), description="Catalog values that the cost rests on.")
    probes: tuple[ProbeCheck, ...] = Field((), description="Own probes against their predictions.")
    claims: tuple[ClaimNote, ...] = Field(
        (), description="Public claims about the candidates, recomputed; filled for reports and with --explain."
    )
    backtest: BacktestSummary | None = Field(None, description="How far to trust this.")
    notes: tuple[str, ...] = Field((), description="What a reader should know: disagreements, ages, scope.")
    sources: tuple[Source, ...] = Field((), description="Every source cited in the tree.")
    attributions: tuple[str, ...] = Field((), description="Lines that must appear with the figures.")
