"""What a deployment asks of software: support, version floors, format traps, open problems."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from advisor.domain.provenance import Frozen

SupportLevel = Literal["full", "partial", "experimental", "none", "unknown"]
IssueReach = Literal["this model", "this engine", "this part", "another model"]


class FeatureSupport(Frozen):
    """How well one engine supports one feature on one part."""

    engine: str = Field(description="Engine as the support table names it.")
    feature: str = Field(description="Feature: fp8, fp4, lora, disagg_prefill, ...")
    why: str = Field(description="What of the profile or the deployment asks for it.")
    status: SupportLevel = Field(description="full, partial, experimental, none, or unknown where no row says.")
    detail: str = Field("", description="What the source says in short.")
    since_version: str = Field("", description="First version with it, where known.")
    alternatives: tuple[str, ...] = Field((), description="Engines that support it better on this part.")
    source: str = Field("", description="Source id.")
    as_of: date | None = Field(None, description="Date of the row.")
    confidence: str = Field("", description="Confidence of the row.")


class VersionFloor(Frozen):
    """A version that a contract should ask for at least."""

    component: str = Field(description="ROCm, vLLM, SGLang, ...")
    minimum: str = Field(description="Lowest version.")
    reason: str = Field(description="Why.")
    issue: str = Field("", description="Known issue that it answers.")
    source: str = Field(description="Source id.")
    as_of: date | None = Field(None, description="Date of the statement.")

    @property
    def line(self) -> str:
        """For a contract, in a line."""
        return f"{self.component} >= {self.minimum}: {self.reason}" + (f" ({self.issue})" if self.issue else "")


class FormatFinding(Frozen):
    """What the part does with the checkpoint's number format."""

    id: str = Field(description="Id of the catalog row.")
    precision: str = Field(description="Precision that it bears on; * for a warning beside every precision.")
    status: Literal["full", "partial", "experimental", "note"] = Field(description="How well it runs.")
    title: str = Field(description="In a few words.")
    statement: str = Field(description="In a sentence.")
    remedy: str = Field("", description="What to do.")
    source: str = Field(description="Source id.")
    as_of: date | None = Field(None, description="Date of the statement.")


class OpenIssue(Frozen):
    """A public problem that nothing says is fixed."""

    id: str = Field(description="Id of the catalog row.")
    severity: str = Field(description="critical, high, medium or low.")
    state: str = Field(description="open, reported or structural, on the date of the row.")
    component: str = Field(description="Where it sits.")
    summary: str = Field(description="What goes wrong.")
    implication: str = Field("", description="What a contract or an acceptance test should do about it.")
    reach: IssueReach = Field(description="How close it is to this deployment.")
    url: str = Field("", description="Where it is discussed.")
    source: str = Field("", description="Source id.")
    as_of: date | None = Field(None, description="Date of the state.")


class SoftwareFindings(Frozen):
    """Everything that software adds to or takes from one deployment."""

    accelerator: str = Field(description="Accelerator id.")
    engine: str = Field(description="Engine of the estimate.")
    engines: tuple[str, ...] = Field(description="Rows of the support table that it stands for.")
    precision: str = Field(description="Weight precision of the estimate.")
    features: tuple[FeatureSupport, ...] = Field(description="Features that the profile needs, one by one.")
    formats: tuple[FormatFinding, ...] = Field(description="Number formats, with their traps.")
    floors: tuple[VersionFloor, ...] = Field(description="Versions to ask for.")
    issues: tuple[OpenIssue, ...] = Field(description="Open problems, closest and gravest first.")
    ci: str = Field("", description="How far the engine's own tests run on this part.")

    @property
    def missing(self) -> tuple[FeatureSupport, ...]:
        """Features that the engine does not support here."""
        return tuple(f for f in self.features if f.status == "none")

    @property
    def partial(self) -> tuple[FeatureSupport, ...]:
        """Features with partial or experimental support."""
        return tuple(f for f in self.features if f.status in ("partial", "experimental"))

    @property
    def unknown(self) -> tuple[FeatureSupport, ...]:
        """Features of which no row of the catalog speaks."""
        return tuple(f for f in self.features if f.status == "unknown")

    @property
    def floor_lines(self) -> tuple[str, ...]:
        """Version floors for a contract, one line each."""
        return tuple(f.line for f in self.floors)

    @property
    def close_issues(self) -> tuple[OpenIssue, ...]:
        """Grave open problems of this model, engine or part."""
        return tuple(i for i in self.issues if i.reach != "another model" and i.severity in ("critical", "high"))
