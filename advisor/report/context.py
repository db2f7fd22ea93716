"""What every section needs: the tree, the choice, readable names, and source numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from advisor.domain.cost import Cost
from advisor.domain.recommendation import Candidate, Recommendation
from advisor.report.blocks import Inline, Span
from advisor.report.naming import short_name
from advisor.report.numbers import percent

OWN_WORDS = {
    "profile": "your profile", "user": "your own figure", "default": "default", "derived": "derived",
}  # fmt: skip
"""Origins that are no documents."""
OFF_THE_AXIS = 8.0
"""A candidate that costs more than so many times the choice would press the others together."""


@dataclass(frozen=True)
class Context:
    """One tree, with the lookups that sections share."""

    tree: Recommendation
    explain: bool = False

    @cached_property
    def numbers(self) -> dict[str, int]:
        """Number of each source, in the order of the tree."""
        return {s.id: i for i, s in enumerate(self.tree.sources, 1)}

    @cached_property
    def before_discount(self) -> str:
        """A clause for captions: unit prices are those of sellers, the bill is less the discount that is promised."""
        buying = self.tree.profile.procurement
        if not buying.volume_discount:
            return ""
        net = "; your quotes are net" if buying.quotes else ""
        return f"; prices before your discount of {percent(buying.volume_discount)}{net}"

    @cached_property
    def choice(self) -> Candidate | None:
        """The candidate that the verdict names; the best ranked where it names none."""
        named = self.tree.verdict.choice
        wanted = named.accelerator if named else self.tree.decision.choice if self.tree.decision else None
        return self.find(wanted) or next((c for c in self.tree.candidates if c.rank == 1), None)

    @cached_property
    def runner_up(self) -> Candidate | None:
        """The second best, where there is one."""
        wanted = self.tree.verdict.runner_up or (self.tree.decision.runner_up if self.tree.decision else None)
        return self.find(wanted)

    @cached_property
    def feasible(self) -> tuple[Candidate, ...]:
        """Candidates that can serve the profile, best first."""
        return tuple(c for c in self.tree.candidates if c.feasible)

    @cached_property
    def excluded(self) -> tuple[Candidate, ...]:
        """The others."""
        return tuple(c for c in self.tree.candidates if not c.feasible)

    @cached_property
    def leading(self) -> tuple[Candidate, ...]:
        """Feasible candidates for charts: choice, runner-up, then by rank."""
        first = [c for c in (self.choice, self.runner_up) if c is not None and c.feasible]
        return (*first, *(c for c in self.feasible if c not in first))

    @cached_property
    def charted(self) -> tuple[tuple[tuple[Candidate, Cost], ...], str]:
        """Candidates whose cost a chart can show on one axis with the choice, and a note on the others."""
        priced = tuple((c, c.cost) for c in self.leading if c.cost is not None)
        if not priced:
            return (), ""
        most = OFF_THE_AXIS * priced[0][1].usd_per_month.p50
        near = tuple((c, cost) for c, cost in priced if cost.usd_per_month.p50 <= most)
        far = [short_name(c) for c, cost in priced if cost.usd_per_month.p50 > most]
        why = f"; left off at more than {OFF_THE_AXIS:g} times the choice, in the table: {', '.join(far)}"
        return near, why if far else ""

    def find(self, accelerator: str | None) -> Candidate | None:
        """The candidate with that id."""
        return next((c for c in self.tree.candidates if c.accelerator == accelerator), None)

    def name(self, accelerator: str) -> str:
        """Short name of an accelerator id."""
        found = self.find(accelerator)
        return short_name(found) if found else accelerator.upper()

    def cite(self, *source_ids: str) -> Inline:
        """Numbers of the sources named, runs of them drawn together; nothing for one's own input."""
        ids = [part.strip() for group in source_ids for part in group.split(";")]
        found = sorted({self.numbers[i] for i in ids if i in self.numbers})
        out: list[Span] = []
        for first, last in _runs(found):
            if out:
                out.append(Span(" "))
            out.append(Span(str(first) if first == last else f"{first}–{last}", "cite", str(first)))
        return tuple(out)

    def origin(self, *source_ids: str) -> Inline:
        """A table cell that says where a value comes from."""
        cited = self.cite(*source_ids)
        if cited:
            return cited
        words = dict.fromkeys(OWN_WORDS.get(i, i) for i in source_ids if i)
        return (Span(", ".join(words)),) if words else ()


def _runs(numbers: list[int]) -> list[tuple[int, int]]:
    """Runs of three or more following numbers as one, the others alone.

    >>> _runs([1, 2, 4, 5, 6])
    [(1, 1), (2, 2), (4, 6)]
    """
    out: list[tuple[int, int]] = []
    at = 0
    while at < len(numbers):
        end = at
        while end + 1 < len(numbers) and numbers[end + 1] == numbers[end] + 1:
            end += 1
        if end - at >= 2:
            out.append((numbers[at], numbers[end]))
        else:
            out += [(n, n) for n in numbers[at : end + 1]]
        at = end + 1
    return out
