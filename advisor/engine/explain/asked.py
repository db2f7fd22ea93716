"""What an explainer is asked, and what it answers with."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from advisor.domain.explanation import Step
from advisor.domain.provenance import Quantity
from advisor.domain.recommendation import Recommendation
from advisor.engine.tree_path import Place


@dataclass(slots=True)
class Draft:
    """An explanation in the making."""

    steps: list[Step] = field(default_factory=list)
    inputs: list[Quantity] = field(default_factory=list)
    source_ids: list[str] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    again: float | None = None
    """The figure reckoned from the steps."""

    def add(self, name: str, formula: str, value: float | None = None, path: str = "") -> None:
        """Add one step."""
        self.steps.append(Step(name=name, formula=formula, value=value, path=path))


@dataclass(frozen=True, slots=True)
class Asked:
    """The node that explains, and the place that is asked for within it."""

    path: str
    """Path of the node that explains."""
    place: Place
    tree: Recommendation
    draft: Draft

    @property
    def leaf(self) -> str:
        """What of the node is asked for: the field names below it."""
        return self.place.path[len(self.path) :].lstrip(".")

    def below(self, name: str) -> Asked:
        """The same question put to a field of the node."""
        return replace(self, path=f"{self.path}.{name}")
