"""What our own recomputation makes of a public claim."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from advisor.domain.provenance import Frozen

ClaimVerdict = Literal["confirmed", "contradicted", "outdated", "arithmetic error", "unverifiable"]


class ClaimCheck(Frozen):
    """One claim with its source, our figure, the evidence and a verdict."""

    id: str = Field(description="Id of the claim in the catalog.")
    subject: str = Field(description="What it speaks of.")
    metric: str = Field(description="What it states.")
    claimed: str = Field(description="The figure or statement as published.")
    unit: str = Field(description="Its unit.")
    conditions: str = Field(description="Under which conditions.")
    published: date | None = Field(None, description="When it was published, as far as known.")
    source_id: str = Field(description="Who said it.")
    verdict: ClaimVerdict = Field(description="confirmed, contradicted, outdated, arithmetic error or unverifiable.")
    ours: str = Field(description="Our figure, or what is missing for one.")
    ours_value: float | None = Field(None, description="Our figure as a number, in the unit of the claim.")
    formula: str = Field(description="How it is reckoned, with numbers.")
    evidence: str = Field(description="What it rests on, in a sentence.")
    rule: str = Field(description="The rule by which the verdict follows from the figures.")
    computed: bool = Field(description="False where no public fact could decide, so nothing was computed.")
    row_ids: tuple[str, ...] = Field((), description="Catalog rows.")
    source_ids: tuple[str, ...] = Field((), description="Sources of the evidence.")
