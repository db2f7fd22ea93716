"""The help page of a screen: what it is for, its keys, the keys that work everywhere."""

from __future__ import annotations

from textual.content import Content

from advisor.tui.actions import PANE, PANES, Action, actions_of
from advisor.tui.widgets.tones import content

SIGNS = (
    ("✓ ▲ ✗", "passes, passes on a condition, fails"),
    ("├──●──┤", "P10, median and P90 of the Monte Carlo"),
    ("◆", "in the comparison: the cost with its risks, by which candidates are ranked; in curves: measured"),
    ("A B C D", "grade of the evidence: own probe, independent, carried over, physics only"),
    ("· default", "the profile is silent; the program supposes it and lists it under assumptions"),
)


def help_page(pane: str, text: str) -> Content:
    """Help for a screen."""
    parts: list[Content] = [content((text.strip() or PANE[pane].job, "plain"), "\n\n")]
    parts.append(_keys(f"Keys of {PANE[pane].title}", actions_of(pane)))
    parts.append(_keys("Keys everywhere", actions_of("app")))
    parts.append(content(("Screens\n", "head")))
    for p in PANES:
        parts.append(content((f"  {p.key:<12}", "strong"), f"{p.title:<12}", (f"{p.job}\n", "dim")))
    parts.append(
        content(
            ("\nIn tables: ", "strong"),
            "arrows or the mouse move; Enter or a second click opens; s or a click"
            " on a heading sorts; y copies the row.\n",
        )
    )
    parts.append(
        content(
            ("Text that goes on below: ", "strong"),
            "PageDown and PageUp, once a table has no more rows for them; Ctrl+D and Ctrl+U (or Shift+PageDown and"
            " Shift+PageUp) scroll it wherever the keyboard is.\n",
        )
    )
    parts.append(content(("\nSigns\n", "head")))
    for sign, meaning in SIGNS:
        parts.append(content((f"  {sign:<12}", "strong"), f"{meaning}\n"))
    parts.append(
        content(
            ("\nFor a screen reader: ", "strong"), "`advisor --profile FILE` prints the same answer as plain text.\n"
        )
    )
    return Content("").join(parts)


def _keys(title: str, actions: list[Action]) -> Content:
    if not actions:
        return Content("")
    lines = [content((f"{title}\n", "head"))]
    wide = max(17, *(len(a.shown_keys) for a in actions)) + 1
    for a in actions:
        lines.append(content((f"  {a.shown_keys:<{wide}}", "strong"), f"{a.verb:<28}", (f"{a.help}\n", "dim")))
    return Content("").join([*lines, Content("\n")])
