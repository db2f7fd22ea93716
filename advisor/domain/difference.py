"""What changed between two recommendations, and between two folders of them."""

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


AnswerStatus = Literal["changed", "stands", "new", "gone", "wrong"]


class AnswerDifference(Frozen):
    """One answer of two folders, by the name of its file."""

    name: str = Field(description="Name of the file, the same in both folders.")
    status: AnswerStatus = Field(
        description="Whether its verdict changed or stands, it is only in the new folder or only in the old one, or one"
        " of the two files is no answer."
    )
    old_choice: str = Field("", description="Accelerator chosen before; empty where none was.")
    new_choice: str = Field("", description="Accelerator chosen now; empty where none is.")
    old_usd_per_month: float | None = Field(None, description="Cost of the choice before [USD/month].")
    new_usd_per_month: float | None = Field(None, description="Cost of the choice now [USD/month].")
    relative: float | None = Field(None, description="new / old - 1 of that cost.")
    difference: Difference | None = Field(None, description="All that changed, where both answers are there.")
    message: str = Field("", description="Why there is nothing to compare.")


class SharedChange(Frozen):
    """A change of an input that several answers have in common."""

    text: str = Field(description="The change in a sentence.")
    answers: int = Field(description="How many answers it is a change of.")
    relative: float | None = Field(None, description="new / old - 1, where both are numbers.")


class FolderDifference(Frozen):
    """All that changed between the answers of two folders, changed verdicts first."""

    headline: str = Field(description="How many changed, stand, came and went.")
    verdicts_changed: int = Field(description="Answers whose verdict changed.")
    answers: tuple[AnswerDifference, ...] = Field((), description="Each answer, the most changed first.")
    shared: tuple[SharedChange, ...] = Field((), description="Inputs that changed in several, the commonest first.")
