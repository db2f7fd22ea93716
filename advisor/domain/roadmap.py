"""What ships next, and how disputed the dates are."""

from __future__ import annotations

from datetime import date
from typing import Literal

from advisor.domain.provenance import Provenance
from advisor.domain.record import record

RoadmapStatus = Literal["available", "announced", "rumoured"]


@record
class RoadmapPart:
    """An upcoming or newly available part; peak figures are as announced, mostly not said dense or sparse."""

    id: str
    vendor: str
    part: str
    architecture: str
    form_factor: str
    status: RoadmapStatus
    announced: str
    availability: str
    """The vendor's own words for when."""
    earliest: date | None
    """First day of the announced window."""
    latest: date | None
    """Last day of the window, or of a credible later estimate where the window is disputed."""
    disputed: bool
    status_text: str
    status_date: date | None
    memory_gb: float | None
    memory_type: str
    bandwidth_tbps: float | None
    fp4_pflops: float | None
    fp8_pflops: float | None
    bf16_pflops: float | None
    basis: str
    """dense, sparse or not stated."""
    scale_up_domain: int | None
    power: str
    tpp_estimate: float | None
    note: str
    provenance: Provenance
