"""A screen that lists something for one candidate at a time: the choice first, any other by key or click."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import events
from textual.message import Message
from textual.strip import Strip

from advisor.tui import format as f
from advisor.tui.widgets.tones import Piece, Toned

if TYPE_CHECKING:
    from advisor.domain.recommendation import Candidate, Recommendation


class CandidateTabs(Toned):
    """All candidates in a line; the one that is shown stands out."""

    DEFAULT_CSS = """
    CandidateTabs { height: 1; background: $surface; }
    """

    class Chosen(Message):
        """Another candidate was chosen."""

        def __init__(self, accelerator: str) -> None:
            super().__init__()
            self.accelerator = accelerator

    def __init__(self, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.names: list[tuple[str, bool]] = []
        self.at = ""
        self.picked = False
        """Whether somebody chose `at`; until then it follows the answer's choice."""

    def show(self, answer: Recommendation | None) -> Candidate | None:
        """List the candidates of an answer; returns the one that is shown."""
        self.names = [(c.accelerator, c.feasible) for c in answer.candidates] if answer else []
        if not self.picked or self.at not in [n for n, _ in self.names]:
            self.picked = False
            choice = answer.verdict.choice if answer else None
            self.at = choice.accelerator if choice else (self.names[0][0] if self.names else "")
        self.refresh()
        return next((c for c in answer.candidates if c.accelerator == self.at), None) if answer else None

    def step(self, by: int) -> None:
        """The next candidate."""
        ids = [n for n, _ in self.names]
        if ids:
            self.at, self.picked = ids[(ids.index(self.at) + by) % len(ids)], True
            self.refresh()
            self.post_message(self.Chosen(self.at))

    def _spans(self) -> list[tuple[str, bool, str]]:
        return [(n, ok, f" {f.short(n)}{'' if ok else ' ✗'} ") for n, ok in self.names]

    def render_line(self, y: int) -> Strip:
        """The line; nothing where there is no candidate to choose."""
        del y
        if not self.names:
            return self.strip([], self.size.width)
        pieces = [
            Piece("▐" + t.strip() + "▌" if n == self.at else t, "head" if n == self.at else "plain" if ok else "dim")
            for n, ok, t in self._spans()
        ]
        width, hint = self.size.width, "   a: next"
        if 1 + sum(len(p.text) for p in pieces) + len(hint) <= width:
            pieces.append(Piece(hint, "dim"))
        return self.strip([Piece(" "), *pieces], width)

    def on_click(self, event: events.Click) -> None:
        """Choose by mouse."""
        x = 1
        for name, _, text in self._spans():
            x += len(text)
            if event.x < x:
                self.at, self.picked = name, True
                self.refresh()
                self.post_message(self.Chosen(name))
                return
