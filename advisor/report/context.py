"""What every section needs: the tree, the choice, readable names, and source numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from advisor.domain.recommendation import Candidate, Recommendation
from advisor.report.blocks import Inline, Span

OWN_WORDS = {
    "profile": "your profile", "user": "your own figure", "default": "default", "derived": "derived",
}  # fmt: skip
"""Origins that are no documents."""


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

    def find(self, accelerator: str | None) -> Candidate | None:
        """The candidate with that id."""
        return next((c for c in self.tree.candidates if c.accelerator == accelerator), None)

    def name(self, accelerator: str) -> str:
        """Readable name of an accelerator id."""
        found = self.find(accelerator)
        return found.name if found else accelerator

    def cite(self, *source_ids: str) -> Inline:
        """Numbers of the sources named, as `[3]` after a space; nothing for one's own input."""
        ids = [part.strip() for group in source_ids for part in group.split(";")]
        found = sorted({self.numbers[i] for i in ids if i in self.numbers})
        return tuple(Span(str(n), "cite", str(n)) for n in found)

    def origin(self, *source_ids: str) -> Inline:
        """A table cell that says where a value comes from."""
        cited = self.cite(*source_ids)
        if cited:
            return cited
        words = dict.fromkeys(OWN_WORDS.get(i, i) for i in source_ids if i)
        return (Span(", ".join(words)),) if words else ()
