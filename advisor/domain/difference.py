"""What changed between two recommendations."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from advisor.domain.provenance import Frozen

ChangeKind = Literal["verdict", "cost", "feasibility", "input", "profile", "evidence", "risk"]


class Change(Frozen):
    """One change, in words and in figures."""

    kind: ChangeKind = Field(description="What sort of thing changed.")
    path: str = Field(description="Where it stands in the tree.")
    text: str = Field(description="The change in a sentence.")
    old: str = Field("", description="Old value.")
    new: str = Field("", description="New value.")
    relative: float | None = Field(None, description="new / old - 1, where both are numbers.")


class Difference(Frozen):
    """All changes from an old to a new recommendation, the verdict first."""

    verdict_changed: bool = Field(description="Whether kind, accelerator or way of paying of the verdict changed.")
    question: str = Field("", description="That not the same was asked; empty where it was.")
    headline: str = Field(description="The difference in a sentence.")
    changes: tuple[Change, ...] = Field((), description="Changes, most important first.")
