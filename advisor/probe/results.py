"""What one request came to."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import Literal

from advisor.probe.faults import Fault

TokenSource = Literal["usage", "events", "none"]


@dataclass(slots=True)
class RequestResult:
    """Moments [ns, monotonic clock] and counts of one request; no text of prompt or answer."""

    id: str
    """Sent as `X-Request-Id`."""
    isl: int
    osl: int
    start_ns: int = 0
    """Where latency counts from: the send, or the intended start in an open loop."""
    sent_ns: int = 0
    intended_ns: int | None = None
    stamps_ns: array[int] = field(default_factory=lambda: array("q"))
    """Arrival of each event that carried text."""
    end_ns: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    token_source: TokenSource = "none"
    usage_disagrees: bool = False
    finish_reason: str | None = None
    fault: Fault | None = None
    message: str = ""
    status: int = 0
    retry_after_s: float | None = None
    late: array[int] = field(default_factory=lambda: array("q"))
    """Pairs (first, last) of events that this machine read too late to tell apart."""
    reasoning_events: int = 0
    hidden_tokens: int = 0
    """Output that was counted and never streamed: the thinking of a server that keeps it to itself."""
    cached_tokens: int | None = None
    """Prompt tokens that the server says it found in its prefix cache; None where it does not say."""
    stated_input: int = 0
    """Input tokens that the server stated and that cannot be those of this prompt."""
    model: str = ""

    @property
    def ok(self) -> bool:
        """Whether it counts as a measurement."""
        return self.fault is None

    @property
    def blurred(self) -> int:
        """Token events whose own moment is lost."""
        return sum(self.late[1::2]) - sum(self.late[::2])

    @property
    def first_is_late(self) -> bool:
        """Whether the first token's moment is lost, and TTFT and TPOT with it."""
        return bool(self.late) and self.late[0] == 0

    @property
    def ttft_s(self) -> float:
        """Start to first token event [s]."""
        return (self.stamps_ns[0] - self.start_ns) / 1e9

    @property
    def e2el_s(self) -> float:
        """Start to last token event [s]."""
        return (self.stamps_ns[-1] - self.start_ns) / 1e9

    @property
    def tpot_s(self) -> float | None:
        """(E2EL - TTFT) / (output tokens - 1) [s], of the tokens that were streamed; None for a single one."""
        streamed = self.output_tokens - self.hidden_tokens
        if streamed < 2 or len(self.stamps_ns) < 2:
            return None
        return (self.stamps_ns[-1] - self.stamps_ns[0]) / 1e9 / (streamed - 1)
