"""What a gate says of one candidate: pass, pass with a condition, or fail, with the rule behind it."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from advisor.domain.provenance import Frozen

GateStatus = Literal["pass", "condition", "fail"]

GateCondition = Literal[
    "", "licence", "review", "waitlist", "software", "site", "tariff", "denial", "embargo", "missing"
]
"""What a condition or a failure asks for; `missing` where the catalog lacks the fact that would decide."""

Blocks = Literal["nothing", "buy", "rent", "all"]

DISCLAIMER = "Decision support, not legal advice."


class DelayWeeks(Frozen):
    """Weeks that a condition may cost before hardware can be used."""

    low: float = Field(ge=0, description="Low end [weeks].")
    typical: float = Field(ge=0, description="Typical [weeks].")
    high: float = Field(ge=0, description="High end [weeks].")
    basis: str = Field(description="What the range rests on, with its source.")


class Gate(Frozen):
    """One rule applied to one candidate; `reason` stands alone for a reader who knows nothing."""

    gate: str = Field(description="Which rule: export, tariff, end_users, parties, software, site_power, ...")
    status: GateStatus = Field(description="pass, condition (possible if something is done first) or fail.")
    title: str = Field(description="The finding in a few words.")
    reason: str = Field(description="What the rule is and why it hits or does not.")
    condition: GateCondition = Field("", description="What a condition asks for; empty on a plain pass.")
    remedy: str = Field("", description="What could be done about it; empty where nothing need be done.")
    arithmetic: str = Field("", description="The numbers that decided, so that a reader can redo them.")
    citation: str = Field("", description="Regulation, document or catalog table that states the rule.")
    source: str = Field("", description="Source ids, separated by a semicolon.")
    as_of: date | None = Field(None, description="Date of the rule's text or of the fact.")
    confidence: str = Field("", description="Confidence of the catalog row, with its reservation.")
    literal_text_position: str = Field("", description="What the regulation's text says, where practice differs.")
    enforced_position: str = Field("", description="What is enforced, where the text differs.")
    delay_weeks: DelayWeeks | None = Field(None, description="Delay that the condition may bring; none if unknown.")
    tariff_rate: float | None = Field(
        None, ge=0, description="Duty on the landed hardware price, as a fraction; none where no duty applies."
    )
    blocks: Blocks = Field("nothing", description="What the gate rules out: buy, rent, all or nothing.")
    room_gpus: int | None = Field(
        None, ge=0, description="GPUs that the site has room for, where the fleet takes more; none elsewhere."
    )
    notes: tuple[str, ...] = Field((), description="What the data cannot decide, and other reservations.")
    disclaimer: str = Field("", description="Stands beside every finding of law.")

    @property
    def passes(self) -> bool:
        """Whether the candidate may go on, at least on a condition."""
        return self.status != "fail"
