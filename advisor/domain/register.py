"""What the catalog holds for risk and decision: the register's templates and the roadmap read as options."""

from __future__ import annotations

from advisor.domain.provenance import Provenance
from advisor.domain.record import record
from advisor.domain.risk import RiskCategory


@record
class RiskTemplate:
    """One row of the risk register, before a profile and a candidate give it its exposure."""

    id: str
    name: str
    category: RiskCategory
    exposure: str
    """What is counted: the likelihood is that of one unit of exposure a year."""
    likelihood_low: float
    likelihood: float
    likelihood_high: float
    effect_basis: str
    """What the effect is a share of, or its unit."""
    effect_low: float
    effect: float
    effect_high: float
    weeks: float
    """Length of one occurrence [weeks]."""
    cause: str
    mitigation: str
    owner: str
    provenance: Provenance


@record
class RoadmapOption:
    """A part on the roadmap as something to wait for."""

    roadmap_id: str
    tco_scope: str
    """Scope of a published operator cost, or empty."""
    provenance: Provenance
