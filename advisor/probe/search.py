"""Finds the knee: the concurrency beyond which more load buys waiting, not throughput."""

from __future__ import annotations

from dataclasses import replace

from advisor.domain.text import percent
from advisor.evidence.runs import Step
from advisor.probe.plan import Search, StepPlan

_KNEE_SHARE = 0.9
_FINEST_RATIO = 1.2


class KneeSearch:
    """Doubles concurrency until throughput stops growing, then halves the interval (geometrically).

    The knee is the lowest measured concurrency that reaches 90 % of the highest throughput seen.
    """

    def __init__(self, search: Search, template: StepPlan) -> None:
        self._search = search
        self._template = template
        self._seen: dict[int, float] = {}
        self._failed_at: int | None = None
        self._saturated = False

    def first(self) -> StepPlan:
        """The first step, one request at a time."""
        return self._at(1)

    def after(self, step: Step) -> StepPlan | None:
        """The next step in the light of the last, or None once the knee is known."""
        concurrency = round(step.concurrency or 1)
        if step.succeeded and step.output_tps:
            self._seen[concurrency] = step.output_tps
        if concurrency not in self._seen or (not step.valid and concurrency > 1):
            # Nothing came back, or this tool was the bottleneck: no higher load can be judged from here.
            self._failed_at = concurrency
        if not self._saturated:
            upward = self._upward(concurrency)
            if upward is not None:
                return self._at(upward)
        middle = self._middle()
        return None if middle is None else self._at(middle)

    def verdict(self) -> list[str]:
        """What was found, in words."""
        if not self._seen:
            return ["saturation search: no step succeeded"]
        knee = self.knee()
        best = max(self._seen.values())
        tps = self._seen[knee]
        text = f"saturation search: {knee} concurrent give {tps:.0f} output tok/s, {percent(tps / best)} of the highest"
        if not self._saturated and self._failed_at is None:
            return [f"{text}; no saturation up to {max(self._seen)} concurrent"]
        return [text]

    def knee(self) -> int:
        """Lowest measured concurrency within 90 % of the highest throughput."""
        best = max(self._seen.values())
        return min(c for c, tps in self._seen.items() if tps >= _KNEE_SHARE * best)

    def _upward(self, last: int) -> int | None:
        if self._failed_at is not None:
            self._saturated = True
            return None
        before = self._seen.get(last // 2)
        if before is not None and self._seen[last] < before * self._search.gain:
            self._saturated = True
            return None
        following = last * 2
        return following if following <= self._search.highest else None

    def _middle(self) -> int | None:
        """A point between the knee and its lower neighbour, while they are far apart."""
        if not self._seen:
            return None
        knee = self.knee()
        below = [c for c in self._seen if c < knee]
        if not below or knee / max(below) <= _FINEST_RATIO:
            return None
        middle = round((knee * max(below)) ** 0.5)
        return middle if middle not in self._seen and middle != self._failed_at else None

    def _at(self, concurrency: int) -> StepPlan:
        template = self._template
        per_slot = max(1, round(template.max_requests / max(1, template.concurrency)))
        most = max(12, per_slot * concurrency)
        return replace(
            template, load="closed", concurrency=concurrency, rate_rps=None, warmup=concurrency,
            min_requests=min(max(6, 2 * concurrency), most), max_requests=most,
        )  # fmt: skip
