"""Compare two folders of recommendations, as two monthly runs of a batch leave them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from advisor.domain.difference import AnswerDifference, AnswerStatus, FolderDifference, SharedChange
from advisor.domain.recommendation import Recommendation
from advisor.engine.diff import diff

ORDER: tuple[AnswerStatus, ...] = ("wrong", "changed", "gone", "new", "stands")
"""What a reader must see first."""
SEVERAL = 2
"""Answers from which on a change of an input is told as one of many."""


def compare(name: str, old: Recommendation | None, new: Recommendation | None, message: str = "") -> AnswerDifference:
    """One answer of both folders; without either it is new or gone, and with a message it is wrong."""
    found = None if old is None or new is None else diff(old, new)
    status: AnswerStatus = "wrong" if message else "new" if old is None else "gone"
    if found is not None:
        status = "changed" if found.verdict_changed else "stands"
    (old_choice, before), (new_choice, after) = _choice(old), _choice(new)
    return AnswerDifference(
        name=name, status=status, old_choice=old_choice, new_choice=new_choice,
        old_usd_per_month=before, new_usd_per_month=after,
        relative=after / before - 1 if before and after is not None else None, difference=found, message=message,
    )  # fmt: skip


def fold(answers: Iterable[AnswerDifference]) -> FolderDifference:
    """All answers of both folders in one, with what many of them have in common."""
    ordered = tuple(
        sorted(answers, key=lambda a: (ORDER.index(a.status), -abs(a.relative or 0.0), a.name))
    )
    counts = Counter(a.status for a in ordered)
    return FolderDifference(
        headline=_headline(counts), verdicts_changed=counts["changed"], answers=ordered, shared=_shared(ordered)
    )


def _choice(tree: Recommendation | None) -> tuple[str, float | None]:
    """(accelerator, cost [USD/month]) of what is to be got."""
    choice = tree.verdict.choice if tree is not None else None
    return ("", None) if choice is None else (choice.accelerator, choice.usd_per_month)


def _headline(counts: Counter[AnswerStatus]) -> str:
    total = sum(counts.values())
    parts = [f"{counts['changed']} verdict{'s' * (counts['changed'] != 1)} changed"]
    parts.append(f"{counts['stands']} stand{'s' * (counts['stands'] == 1)}")
    parts += [f"{counts[status]} {status}" for status in ("new", "gone", "wrong") if counts[status]]
    return f"{total} answer{'s' * (total != 1)}: {', '.join(parts)}."


def _shared(answers: Iterable[AnswerDifference]) -> tuple[SharedChange, ...]:
    """Changes of inputs by how many answers have them; the same price is an input of each that asks for it."""
    count: Counter[str] = Counter()
    relative: dict[str, float | None] = {}
    for answer in answers:
        if answer.difference is None:
            continue
        texts = {c.text: c.relative for c in answer.difference.changes if c.kind == "input"}
        count.update(texts.keys())
        relative |= texts
    common = [(text, n) for text, n in count.items() if n >= SEVERAL]
    common.sort(key=lambda item: (-item[1], -abs(relative[item[0]] or 0.0), item[0]))
    return tuple(SharedChange(text=text, answers=n, relative=relative[text]) for text, n in common)
