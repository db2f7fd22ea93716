"""What if: move a lever and see the verdict follow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from advisor.tui import format as f
from advisor.tui import pages
from advisor.tui.actions import bindings
from advisor.tui.desk import Runner, Sight
from advisor.tui.levers import levers_of, value_at
from advisor.tui.screens.pane import Pane
from advisor.tui.screens.verdict import no_answer
from advisor.tui.widgets.lever_list import LeverList
from advisor.tui.widgets.tones import content, fit

if TYPE_CHECKING:
    from advisor.domain.profile import Profile
    from advisor.domain.recommendation import Recommendation


class WhatIfPane(Pane):
    """Levers, the answer that they give, and the tornado."""

    PANE_ID = "whatif"
    TEXT = "#whatif-right"
    HELP = (
        "Left and right move a lever, the mouse drags it. ┼ is today, ◇ where the verdict flips with everything else as"
        " it is; f jumps just past it. The profile itself does not change until k keeps the levers in it. The tornado"
        " shows which input moves the lead over the runner-up most between its P10 and P90."
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("whatif")]

    def __init__(self) -> None:
        super().__init__()
        self._runner: Runner | None = None
        self._base: Recommendation | None = None
        self.moved: Recommendation | None = None
        self._ticket = 0
        self._error = ""

    def compose(self) -> ComposeResult:
        """Levers, answers, tornado."""
        with Horizontal(classes="whatif-body"):
            with VerticalScroll(id="whatif-left", can_focus=False):
                yield LeverList(id="levers")
                yield Static("", id="tornado")
            with VerticalScroll(id="whatif-right", can_focus=False):
                yield Static("", id="whatif-now")
                yield Static("", id="whatif-evens")

    def first_focus(self) -> Widget:
        """The levers."""
        return self.query_one("#levers")

    def draw(self, sight: Sight) -> None:
        """Take over a new answer; levers of another profile start from today."""
        if sight.answer is None or sight.profile is None:
            self.query_one(LeverList).show([], {})
            self.query_one("#whatif-now", Static).update(no_answer(sight))
            for name in ("#tornado", "#whatif-evens"):
                self.query_one(name, Static).update("")
            return
        if sight.fresh and sight.answer is not self._base:
            again = self._base is not None and self._base.profile == sight.answer.profile
            self._base = sight.answer
            values = self.query_one(LeverList).values if again else {}
            if not again:
                self.moved, self._error = None, ""
            levers = levers_of(sight.answer, sight.answer.profile)
            self.query_one(LeverList).show(levers, {k: v for k, v in values.items() if any(x.id == k for x in levers)})
        self._redraw()

    def _redraw(self) -> None:
        base = self._base
        if base is None:
            return
        self.query_one("#whatif-now", Static).update(
            comparison(base, self.moved, self._error, max(12, self.query_one("#whatif-right").size.width - 34))
        )
        if not self.query_one(LeverList).levers:
            self.query_one("#tornado", Static).update(no_levers(base))
            self.query_one("#whatif-evens", Static).update(break_evens(base))
            return
        self.query_one("#tornado", Static).update(
            tornado(self.moved or base, max(40, self.query_one("#whatif-left").size.width - 4))
        )
        self.query_one("#whatif-evens", Static).update(break_evens(self.moved or base, moved=self.moved is not None))

    def on_resize(self) -> None:
        """The bars use the room there is."""
        self._redraw()

    @on(LeverList.Moved)
    def _lever(self) -> None:
        sight = self.sight
        levers = self.query_one(LeverList)
        if sight.answer is None:
            return
        profile = self._profile()
        if self._runner is None:
            app = self.program
            self._runner = Runner(app.desk.facts, app.in_thread, app.call_back)
        self._ticket += 1
        ticket = self._ticket
        if not any(levers.value(x) != x.base for x in levers.levers):
            self.moved, self._error = None, ""
            self._redraw()
            return
        self._runner.ask(
            profile, self.program.desk.folder, self.program.desk.live_draws,
            lambda answer, error: self._landed(ticket, answer, error),
        )  # fmt: skip

    def _profile(self) -> Profile:
        levers = self.query_one(LeverList)
        assert self.sight.profile is not None
        profile = self.sight.profile
        for lever in levers.levers:
            value = levers.value(lever)
            if value != lever.base:
                profile = lever.apply(profile, value)
        return profile

    def _landed(self, ticket: int, answer: Recommendation | None, error: str) -> None:
        if ticket == self._ticket and self.is_mounted:
            self.moved, self._error = answer or self.moved, error
            self._redraw()

    def action_less(self) -> None:
        """Move the lever down."""
        self.query_one(LeverList).step(-1)

    def action_more(self) -> None:
        """Move the lever up."""
        self.query_one(LeverList).step(1)

    def action_to_break_even(self) -> None:
        """Set the lever just past the place where the verdict flips."""
        levers = self.query_one(LeverList)
        lever = levers.current
        if lever is None:
            self.notify("Nothing is feasible today, so that there is no lever.", timeout=4)
            return
        if lever.flip is None:
            self.notify("Within its range this lever alone never flips the verdict.", timeout=4)
            return
        even = lever.flip
        beyond = 0.02 * max(abs(even), lever.step)
        levers.move(lever, even + (beyond if even >= lever.base else -beyond))

    def action_reset(self) -> None:
        """Back to the profile."""
        levers = self.query_one(LeverList)
        levers.show(levers.levers, {})
        self._ticket += 1
        self.moved, self._error = None, ""
        self._redraw()

    def action_keep(self) -> None:
        """Write the levers into the profile."""
        levers = self.query_one(LeverList)
        moved = [(x, levers.value(x)) for x in levers.levers if levers.value(x) != x.base]
        document = self.program.desk.document
        if not moved or document is None:
            self.notify("No lever has been moved.", timeout=3)
            return
        profile, steps = self._profile(), document.steps
        for lever, value in moved:
            stated: Any = lever.stated(value)
            if lever.key == ("procurement", "quotes"):
                document.append(lever.key, stated)
            elif lever.together:
                for key in lever.together:
                    document.set(key, value_at(profile, key))
            else:
                document.set(lever.key, stated)
            document.seal()
        document.as_one(steps)
        levers.show(levers.levers, {})
        self.moved = None
        self.program.desk.check()
        them = "it" if len(moved) == 1 else "them"
        self.notify(f"{f.plural(len(moved), 'lever')} kept in the profile. Ctrl+Z takes {them} back.", timeout=5)


def no_levers(answer: Recommendation) -> Content:
    """What stands where the levers would, if something were feasible."""
    v = answer.verdict
    parts = [content(("Nothing is feasible today, so that there is no lever to move.", "strong"))]
    if v.reason:
        parts.append(content(v.reason))
    if v.smallest_change:
        parts.append(content(("Smallest change that helps: ", "strong"), v.smallest_change))
    parts.append(content(("Press 2 to make it in the form; the levers follow with the first answer that fits.", "dim")))
    return pages.lines(*parts)


def comparison(base: Recommendation, moved: Recommendation | None, error: str, room: int) -> Content:
    """The verdict today and with the levers, and the costs on one scale."""
    parts: list[Content] = []
    now = moved or base
    sign, word, tone = f.VERDICTS[now.verdict.kind]
    flipped = moved is not None and _who(moved) != _who(base)
    if error:
        parts.append(content(("✗ ", "bad"), (error, "bad")))
    if flipped:
        parts.append(content(("⇄ THE VERDICT FLIPS: ", "warn"), (f"{_who(base)} → {_who(now)}", "strong")))
    elif moved is not None:
        parts.append(content(("= The choice stays: ", "good"), (_who(now), "strong")))
    else:
        hint = "   move a lever" if now.verdict.choice else ""
        parts.append(content(("Today: ", "head"), (_who(now), "strong"), (hint, "dim")))
    parts.append(content((f"{sign} {word}  ", tone), now.verdict.headline))
    if now.verdict.choice is None:
        parts.append(content(("Smallest change: ", "strong"), f"{now.verdict.smallest_change}\n"))
    else:
        parts.append(content(f"{f.share(now.verdict.confidence)} sure, was {f.share(base.verdict.confidence)}\n"
                             if moved else f"{f.share(now.verdict.confidence)} sure\n"))  # fmt: skip
    before = {c.accelerator: c for c in base.candidates}
    priced = [c for c in now.candidates if c.cost is not None and c.feasible]
    least = min((c.cost.usd_per_month.p10 for c in priced if c.cost), default=0.0)
    most = max((c.cost.usd_per_month.p90 for c in priced if c.cost), default=1.0)
    choice = now.verdict.choice.accelerator if now.verdict.choice else ""
    for c in priced:
        assert c.cost is not None
        b = c.cost.usd_per_month
        old = before[c.accelerator].cost if c.accelerator in before else None
        change = f.change(b.p50 / old.usd_per_month.p50 - 1) if moved and old and old.usd_per_month.p50 else ""
        mark = "✓" if c.accelerator == choice else " "
        parts.append(
            content(
                (f"{mark} {f.short(c.accelerator):<7}", "good" if mark == "✓" else "strong"),
                f"{f.usd(b.p50):>7} ",
                (f"{change:>6} ", "warn" if change not in ("", "0 %") else "dim"),
                (pages.bar(b.p10, b.p50, b.p90, least, most, min(room, 60)), "s1"),
            )
        )
    for c in now.candidates:
        if not c.feasible:
            why = fit(c.infeasible_reason, room + 20).rstrip()
            parts.append(content((f"✗ {f.short(c.accelerator):<7} {why}", "dim")))
    return pages.lines(*parts)


def _who(answer: Recommendation) -> str:
    c = answer.verdict.choice
    return f"{c.gpus:,} × {f.short(c.accelerator)}, {f.paying(c.mode, c.commitment)}" if c else "nothing fits"


def tornado(answer: Recommendation, width: int) -> Content:
    """Which input moves the lead over the runner-up most."""
    bars = answer.decision.tornado if answer.decision else ()
    if not bars:
        return Content("")
    rival = answer.verdict.runner_up
    title = f"\nTornado: lead over {f.short(rival)} [$/month]" if rival else "\nTornado: cost [$/month]"
    parts = [content((title, "head"))]
    room = max(10, width - 50)
    names = max(10, min(22, width - room - 21))
    ends = [v for b in bars for v in _ends(b)]
    least, most = min(*ends, 0.0), max(*ends, 0.0)
    zero = round((0 - least) / ((most - least) or 1) * (room - 1))
    for b in bars:
        low, high = _ends(b)
        at = sorted(round((v - least) / ((most - least) or 1) * (room - 1)) for v in (low, high))
        cells = ["━" if at[0] <= i <= at[1] else " " for i in range(room)]
        if not rival:
            zero = -1
        if 0 <= zero < room:
            cells[zero] = "┿" if cells[zero] == "━" else "│"
        what = b.name.partition(",")[0].partition(" of tier ")[0]
        name = fit(what.replace("output tokens/s per GPU", "throughput"), names)
        parts.append(content((f"{name} ", "plain"), ("".join(cells), "warn" if b.flips else "s1"),
                             (f" {f.usd(low):>7} … {f.usd(high)}{'  ⇄' if b.flips else ''}", "dim")))  # fmt: skip
    parts.append(content(("inputs from P10 to P90; │ no lead; ⇄ the runner-up wins somewhere in the range", "dim")))
    return pages.lines(*parts)


def _ends(bar: Any) -> tuple[float, float]:
    if bar.lead_at_low_usd is not None and bar.lead_at_high_usd is not None:
        return bar.lead_at_low_usd, bar.lead_at_high_usd
    return bar.cost_at_low_usd, bar.cost_at_high_usd


def break_evens(answer: Recommendation, *, moved: bool = False) -> Content:
    """Where the answer would change, and what knowing more is worth; `moved` where levers are not as today."""
    if answer.decision is None:
        return Content("")
    d = answer.decision
    parts = [content(("\nWhere the answer changes", "head"),
                     (", with the levers as they stand; ◇ on a lever is today's" if moved else "", "dim"))]  # fmt: skip
    parts += [content(("◇ ", "accent"), b.text) for b in d.break_evens]
    if d.information is not None:
        parts += [content(("\nWhat knowing more is worth", "head")), content(d.information.text)]
        if d.information.plan is not None:
            parts.append(content((d.information.plan.rule, "plain")))
    if d.split is not None:
        parts += [content(("\nSplit between vendors", "head")), content(d.split.text)]
    if d.waits:
        parts.append(content(("\nWaiting", "head")))
        parts += [content(("· ", "dim"), w.text) for w in d.waits]
    if d.vendor_gap_text:
        parts += [content(("\nAMD against NVIDIA", "head")), content(d.vendor_gap_text)]
    return pages.lines(*parts)
