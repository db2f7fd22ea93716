"""The help page of a screen: what it is for, its keys, the keys that work everywhere."""

from __future__ import annotations

import textwrap

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
LEAST_BESIDE = 30
"""Cells that a text needs to stand in a column of its own."""


def help_page(pane: str, text: str, width: int = 96) -> Content:
    """Help for a screen, laid out on lines of so many cells."""
    parts: list[Content] = [content((text.strip() or PANE[pane].job, "plain"), "\n\n")]
    parts.append(_keys(f"Keys of {PANE[pane].title}", actions_of(pane), width))
    parts.append(_keys("Keys everywhere", actions_of("app"), width))
    parts.append(content(("Screens\n", "head")))
    parts += [_line(p.key, 13, p.title, 12, p.job, width) for p in PANES]
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
    parts += [_line(sign, 13, "", 0, meaning, width) for sign, meaning in SIGNS]
    parts.append(
        content(
            ("\nFor a screen reader: ", "strong"), "`advisor --profile FILE` prints the same answer as plain text.\n"
        )
    )
    return Content("").join(parts)


def _keys(title: str, actions: list[Action], width: int) -> Content:
    if not actions:
        return Content("")
    wide = max(17, *(len(a.shown_keys) for a in actions)) + 1
    lines = [_line(a.shown_keys, wide, a.verb, 28, a.help, width) for a in actions]
    return Content("").join([content((f"{title}\n", "head")), *lines, Content("\n")])


def _line(key: str, wide: int, verb: str, room: int, text: str, width: int) -> Content:
    """A key, what it is called and what it does; where the three have no columns, the text hangs under the name."""
    beside = width - 2 - wide - room >= LEAST_BESIDE
    at = 2 + wide + (room if beside else 0)
    told = text if beside else ": ".join(t for t in (verb, text) if t)
    shown = f"\n{' ' * at}".join(textwrap.wrap(told, max(1, width - at)))
    name = f"{verb:<{room}}" if beside else ""
    return content((f"  {key:<{wide}}", "strong"), name, (f"{shown}\n", "dim" if beside else "plain"))
