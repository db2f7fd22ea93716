"""The two lines that stay in sight: the verdict, and what each candidate costs beside it."""

from __future__ import annotations

from rich.cells import cell_len
from textual import events
from textual.message import Message
from textual.strip import Strip

from advisor.tui import format as f
from advisor.tui.desk import Sight
from advisor.tui.widgets.tones import Piece, Toned, fit

SPINNER = "◐◓◑◒"
RANKED = " With risk:"
"""What the strip shows is what candidates are ranked by; medians would stand in another order than their own."""
LAST = " — above: of the last valid inputs"


class VerdictBar(Toned):
    """Verdict line and, by rank, what each candidate costs with its risks; a click opens the verdict."""

    DEFAULT_CSS = """
    VerdictBar { height: 2; background: $surface; }
    """

    class Pressed(Message):
        """The bar was clicked."""

    def __init__(self, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.sight = Sight()

    def show(self, sight: Sight) -> None:
        """Show another sight."""
        self.sight = sight
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """Open the verdict."""
        event.stop()
        self.post_message(self.Pressed())

    def render_line(self, y: int) -> Strip:
        """One of the two lines."""
        width = self.size.width
        right = self._state() if y == 0 else []
        room = width - sum(len(p.text) for p in right) - 1
        left = self._verdict(room) if y == 0 else self._costs(width)
        used = sum(len(p.text) for p in left)
        if y == 0:
            left.append(Piece(" " * max(1, room - used)))
            left += right
        return self.strip(left, width)

    def _state(self) -> list[Piece]:
        s = self.sight
        if s.phase == "empty":
            return []
        if s.phase == "loading":
            return [Piece("◌ loading the catalog ", "dim")]
        if s.phase == "stuck" or s.unread is not None:
            count = len(s.problems) + (s.unread is not None) or 1
            return [Piece(f"✗ {f.plural(count, 'problem')} ", "bad")]
        if not s.fresh:
            return [Piece("◌ working ", "warn")]
        assert s.answer is not None
        return [Piece(f"● {s.answer.draws:,} draws ", "good")]

    def _verdict(self, room: int) -> list[Piece]:
        s = self.sight
        if s.answer is None:
            texts = {
                "empty": "No profile is open. Choose one, or press n for a new one.",
                "loading": "The first answer follows as soon as the catalog is read.",
                "working": "Working out the first answer.",
                "stuck": s.message or "The profile cannot be answered as it stands.",
                "ready": "",
            }
            return [Piece(_cut(" " + texts[s.phase], room), "bad" if s.phase == "stuck" else "dim")]
        v = s.answer.verdict
        sign, word, tone = f.VERDICTS[v.kind]
        live = "" if s.current else "dim"
        out = [Piece(f" {sign} {word} ", live or tone)]
        if v.choice is None:
            out.append(Piece(_cut(f" {v.headline}", room - len(out[0].text)), live or "plain"))
            return out
        c = v.choice
        cand = next((x for x in s.answer.candidates if x.accelerator == c.accelerator), None)
        parts = [
            (f" {c.gpus:,} × {f.short(c.accelerator)}", "strong"),
            (f"  {f.paying(c.mode, c.commitment)}", "plain"),
            (f"  {f.usd(c.usd_per_month)}/mo", "strong"),
        ]
        if cand is not None and cand.cost is not None:
            band = cand.cost.usd_per_month
            parts.append((f" ({f.usd(band.p10)}–{f.usd(band.p90)})", "plain"))
        tail = " · too close to call" if v.too_close_to_call else ""
        parts.append((f"  {f.share(v.confidence)} sure{tail}", "plain"))
        change = _change(s.change)
        if change:
            parts.append((f"  {change}", "accent"))
        used = len(out[0].text)
        for text, t in parts:
            if used + len(text) > room:
                break
            out.append(Piece(text, live or t))
            used += len(text)
        return out

    def _costs(self, width: int) -> list[Piece]:
        s = self.sight
        if s.answer is None:
            if s.phase == "stuck" and len(s.problems) > 1:  # the line above has the first
                more = f"  and {len(s.problems) - 2} more" if len(s.problems) > 2 else ""
                return [Piece(_cut(f" {s.problems[1].told}", width - len(more)), "dim"), Piece(more, "dim")]
            return []
        if s.in_the_way:
            return [Piece(_cut(f" ✗ {s.in_the_way}", width - len(LAST)), "bad"), Piece(LAST, "dim")]
        priced = [c for c in s.answer.candidates if c.feasible and c.risk_adjusted_usd_per_month is not None]
        out: list[Piece] = [Piece(RANKED, "dim")] if priced else []
        used = sum(len(p.text) for p in out)
        best = priced[0].risk_adjusted_usd_per_month if priced else None
        out_of = len(s.answer.candidates) - len(priced)
        tail = f"  ✗ {out_of} cannot" if out_of else ""
        for i, c in enumerate(priced):
            cost = c.risk_adjusted_usd_per_month
            assert cost is not None
            left = len(priced) - i
            more = f"  +{left - 1}" if left > 1 else ""
            rest = f.usd(cost) if i == 0 or not best else f.change(cost / best - 1)
            text = f" {f.short(c.accelerator)} {rest} "
            if used + len(text) + len(more) + len(tail) > width:
                out.append(Piece(f"  +{left}", "dim"))  # there are more than have room
                used += len(f"  +{left}")
                break
            tone = "strong" if i == 0 else "plain"
            out += [Piece(f" {f.short(c.accelerator)}", tone if s.fresh else "dim"), Piece(f" {rest} ", "dim")]
            used += len(text)
        if tail and used + len(tail) <= width:
            out.append(Piece(tail, "dim"))
        return out


def _cut(text: str, room: int) -> str:
    """Text in at most so many cells, with an ellipsis where it is cut."""
    return text if cell_len(text) <= room else fit(text, max(0, room))


def _change(change: float | None) -> str:
    if change is None:
        return ""
    if abs(change) < 0.0005:
        return "= no change"
    return f"{'▲' if change > 0 else '▼'} {change * 100:+.1f} %"
