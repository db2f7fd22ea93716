"""Public claims, kept with their conditions and the way to check them; several are wrong, on purpose kept."""

from __future__ import annotations

from typing import Literal

from advisor.domain.provenance import Provenance
from advisor.domain.record import record

Finding = Literal["contradicted", "unverifiable", "out_of_scope", "to_check"]


@record
class Claim:
    """What an article or a report says."""

    id: str
    subject: str
    metric: str
    claimed: str
    unit: str
    conditions: str
    basis: str
    """measured, vendor, analyst, opinion, anecdote, fact, arithmetic, roadmap, published or method."""
    finding: Finding
    """contradicted: other facts of the catalog speak against it; to_check: the program can compute it."""
    how_to_check: str
    provenance: Provenance


@record
class SpecConflict:
    """Two public figures for the same property, and which one the catalog uses."""

    id: str
    accelerators: tuple[str, ...]
    claim_a: str
    claim_b: str
    verdict: str
    provenance: Provenance
