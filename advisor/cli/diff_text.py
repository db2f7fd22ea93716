"""Differences between answers as text for a terminal or a log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import fill

from advisor.domain.difference import AnswerDifference, Difference, FolderDifference
from advisor.domain.text import percent, plain

WIDTH = 100
MOST_CHANGES = 40
MOST_SHARED = 20
MOST_REASONS = 3
"""Changes that are named beside a verdict that changed."""
TITLES = {
    "verdict": "Verdict", "feasibility": "Feasibility", "cost": "Cost", "evidence": "Evidence", "input": "Inputs",
    "profile": "Profile", "risk": "Risk",
}  # fmt: skip


def difference_text(found: Difference, most: int | None = MOST_CHANGES) -> str:
    """Two answers compared; `most` limits the changes that are listed."""
    lines = [fill(plain(text), WIDTH) for text in (found.question, found.headline) if text]
    shown = found.changes[:most]
    for kind, title in TITLES.items():
        group = [c for c in shown if c.kind == kind]
        if group:
            lines += ["", title]
            lines += [_item(c.text) for c in group]
    if len(shown) < len(found.changes):
        lines += ["", f"and {len(found.changes) - len(shown)} more; --all shows them"]
    return "\n".join(lines) + "\n"


def folder_text(found: FolderDifference, *, everything: bool = False) -> str:
    """Two folders of answers compared; `everything` lists all changes of each answer."""
    lines = [found.headline]
    by_status: dict[str, list[AnswerDifference]] = {}
    for answer in found.answers:
        by_status.setdefault(answer.status, []).append(answer)
    for answer in by_status.get("wrong", []):
        lines += ["", *_block(f"{_name(answer)}: {answer.message}")]
    for answer in by_status.get("changed", []):
        lines += ["", *_changed(answer)]
    for status, title in (("gone", "No longer there"), ("new", "New")):
        if by_status.get(status):
            lines += ["", title, _item(", ".join(map(_name, by_status[status])))]
    lines += _standing(by_status.get("stands", []))
    if found.shared:
        shared = found.shared if everything else found.shared[:MOST_SHARED]
        lines += ["", "Inputs that changed in several answers"]
        lines += [_item(f"{change.text[:-1]}, in {change.answers}") for change in shared]
        if len(shared) < len(found.shared):
            lines.append(f"  and {len(found.shared) - len(shared)} more; --all shows them")
    if everything:
        for answer in found.answers:
            if answer.difference is not None and answer.difference.changes:
                lines += ["", f"== {_name(answer)}", difference_text(answer.difference, None).rstrip("\n")]
    return "\n".join(lines) + "\n"


def _changed(answer: AnswerDifference) -> Iterator[str]:
    assert answer.difference is not None
    yield from _block(f"{_name(answer)}: {answer.difference.headline}")
    if answer.difference.question:
        yield _item(answer.difference.question)
    for text in _reasons(answer, answer.difference)[:MOST_REASONS]:
        yield _item(text)


def _reasons(answer: AnswerDifference, difference: Difference) -> list[str]:
    """What moved of the accelerators chosen before and now: their ways of paying, then what went in."""
    whose = {f"candidates.{choice}" for choice in (answer.old_choice, answer.new_choice)}
    own = [c for c in difference.changes if c.path.partition(".cost.")[0] in whose]
    ways = [c.text for c in own if ".cost.options[" in c.path]
    return ways + [c.text for c in own if c.kind == "input" and c.relative is not None]


def _standing(answers: Sequence[AnswerDifference]) -> Iterator[str]:
    """Verdicts that stand: those with another cost as a table, the rest by name."""
    moved = [a for a in answers if _cost_moved(a)]
    still = [a for a in answers if not _cost_moved(a)]
    if moved:
        yield ""
        yield "The verdict stands, the cost of the choice moved"
        widest = min(48, max(len(_name(a)) for a in moved))
        for a in moved:
            before, now = (f"USD {usd or 0.0:,.0f}" for usd in (a.old_usd_per_month, a.new_usd_per_month))
            by = "" if a.relative is None else f"{percent(a.relative, 1, sign=True):>9}"
            mark = "  not the same question" if a.difference is not None and a.difference.question else ""
            yield f"  {_name(a):<{widest}}  {before:>16} -> {now:>16} a month {by}{mark}"
    if still:
        yield ""
        yield "The verdict and its cost stand"
        yield _item(", ".join(map(_name, still)))


def _name(answer: AnswerDifference) -> str:
    return plain(answer.name.removesuffix(".json"))


def _cost_moved(answer: AnswerDifference) -> bool:
    changes = () if answer.difference is None else answer.difference.changes
    return any(c.path == "verdict.choice.usd_per_month" for c in changes)


def _item(text: str) -> str:
    return fill(plain(text), WIDTH, initial_indent="  ", subsequent_indent="    ")


def _block(text: str) -> list[str]:
    return fill(plain(text), WIDTH, subsequent_indent="  ").splitlines()
