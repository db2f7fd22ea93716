"""What a candidate is called where space is short."""

from __future__ import annotations

from advisor.domain.recommendation import Candidate


def short_name(candidate: Candidate) -> str:
    """The accelerator's id as people write it, e.g. MI355X."""
    return candidate.accelerator.upper().replace("_", " ")
