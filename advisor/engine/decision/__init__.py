"""Decision: Monte Carlo, sensitivity, break-evens, value of information, and the verdict."""

from __future__ import annotations

from advisor.engine.decision.decide import DecisionOutcome, Judged, decide

__all__ = ["DecisionOutcome", "Judged", "decide"]
