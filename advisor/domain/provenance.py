"""Where a number comes from: kinds of evidence, sources, and values that carry both."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from advisor.domain.record import record

Kind = Literal[
    "datasheet", "measured", "list price", "quote", "index", "analyst", "vendor claim", "regulation",
    "documentation", "press", "estimate", "derived", "assumption", "user",
]  # fmt: skip
"""What sort of statement a value rests on, strongest first within its field."""


class Frozen(BaseModel):
    """Base of every immutable model: unknown fields are errors, NaN and infinity too."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


@record
class Provenance:
    """Source, date and kind of one catalog row."""

    source_id: str
    as_of: date | None
    kind: Kind
    confidence: str = ""


class Source(Frozen):
    """One cited source."""

    id: str = Field(description="Short stable identifier, cited by other fields as `source_id`.")
    reference: str = Field(description="Document, repository and commit, or URL, as found.")
    as_of: date | None = Field(None, description="Date of the content, where known.")
    kind: str = Field(description="Kind of statement: datasheet, measured, list price, analyst, ...")
    attribution: str = Field("", description="Line that must appear where figures of this source appear.")


class Quantity(Frozen):
    """A number with its unit, range and origin; what an assumption or an input is made of."""

    name: str = Field(description="What the number is, with its unit at the end of the name.")
    value: float = Field(description="Typical value, in `unit`.")
    unit: str = Field(description="Unit of `value`, `low` and `high`.")
    low: float | None = Field(None, description="Low end of the plausible range.")
    high: float | None = Field(None, description="High end of the plausible range.")
    source_id: str = Field(description="Source id; `profile` for the user's own input, `default` for a default.")
    as_of: date | None = Field(None, description="Date of the value.")
    kind: Kind = Field(description="Kind of statement the value rests on.")
    note: str = Field("", description="Condition or caveat in a few words.")

    @property
    def band(self) -> tuple[float, float, float]:
        """(low, typical, high), a missing end being the typical value."""
        low = self.value if self.low is None else self.low
        high = self.value if self.high is None else self.high
        return low, self.value, high
