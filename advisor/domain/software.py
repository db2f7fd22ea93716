"""What serving software supports, where it fails, how it moves, and what is benchmarked at all."""

from __future__ import annotations

from datetime import date as Date  # noqa: N812 - a field below is called date
from typing import Literal

from advisor.domain.provenance import Provenance
from advisor.domain.record import record

SupportStatus = Literal["full", "partial", "experimental", "none"]
IssueState = Literal["open", "reported", "fixed", "closed", "structural"]
Severity = Literal["critical", "high", "medium", "low"]


@record
class SupportRow:
    """How well one engine supports one feature on one architecture."""

    engine: str
    vendor: str
    architecture: str
    accelerators: tuple[str, ...]
    feature: str
    status: SupportStatus
    since_version: str
    detail: str
    provenance: Provenance


@record
class KnownIssue:
    """A public problem with its state; the state is that of the date in the provenance, not live."""

    id: str
    vendor: str
    accelerators: tuple[str, ...]
    severity: Severity
    state: IssueState
    status: str
    """The state as found, with the version that fixes it where one is named."""
    first_seen: Date | None
    component: str
    summary: str
    implication: str
    """What a contract or an acceptance test should do about it."""
    urls: tuple[str, ...]
    provenance: Provenance

    @property
    def unresolved(self) -> bool:
        """True where nothing says that it is fixed."""
        return self.state in ("open", "reported", "structural")

    def known_on(self, day: Date) -> bool:
        """Whether it had been seen by that day."""
        seen = self.first_seen or self.provenance.as_of
        return seen is None or seen <= day


@record
class Release:
    """A release of a software stack."""

    stack: str
    version: str
    date: Date | None
    role: str
    note: str
    provenance: Provenance


@record
class Package:
    """The state of a package on its index."""

    package: str
    latest_stable: str
    stable_date: Date | None
    latest_any: str
    latest_any_date: Date | None
    platform_files: tuple[str, ...]
    provenance: Provenance


@record
class BenchmarkConfig:
    """One configuration of a public benchmark suite: a sign of maturity, not a result."""

    id: str
    config: str
    active: bool
    vendor: str
    accelerator: str
    model: str
    hf_model: str
    precision: str
    engine: str
    multinode: bool
    disagg: bool
    spec_decode: bool
    agentic: bool
    max_ep: int | None
    max_tp: int | None
    image: str
    provenance: Provenance
