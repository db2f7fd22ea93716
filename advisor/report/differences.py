"""Why two figures of an answer that look alike differ: told where both are shown, in one clause each."""

from __future__ import annotations

from collections.abc import Iterable

from advisor.domain.decision import BreakEven, ValueOfInformation

PROBE_DIFFERS = (
    "The rule of a probe turns at another figure than these break-evens of throughput: they keep the interval as wide"
    " as today, and a probe narrows it."
)
PRICE_DIFFERS = (
    "An input of the tornado moves with the way of paying kept; a break-even lets the cheapest way of paying be chosen"
    " anew. So an input may change the winner in the one and not in the other."
)


def probe_differs(break_evens: Iterable[BreakEven], information: ValueOfInformation) -> bool:
    """Whether a probe's threshold and a break-even of throughput, or the lack of one, stand side by side."""
    plan = information.plan
    probed = plan is not None and plan.decides_at_output_tps_per_gpu is not None
    return probed and any(b.variable == "throughput" for b in break_evens)
