"""Every key and command of the program in one table: footer, palette, help and the documentation read it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from textual.binding import Binding


@dataclass(frozen=True, slots=True)
class PaneInfo:
    """One screen: where it stands in the rail and which module draws it."""

    id: str
    key: str
    title: str
    group: str
    module: str
    pane: str
    job: str


PANES: tuple[PaneInfo, ...] = (
    PaneInfo(
        "profiles", "1", "Profiles", "Question", "profiles", "ProfilesPane", "open, copy, rename, import profiles"
    ),
    PaneInfo("workload", "2", "Workload", "Question", "workload", "WorkloadPane", "the profile as a form"),
    PaneInfo("verdict", "3", "Verdict", "Answer", "verdict", "VerdictPane", "what to get, and why not the others"),
    PaneInfo("curves", "4", "Curves", "Answer", "curves", "CurvesPane", "throughput against interactivity"),
    PaneInfo("whatif", "5", "What if", "Answer", "whatif", "WhatIfPane", "levers, break-evens, tornado"),
    PaneInfo("risks", "6", "Risks", "Answer", "risks", "RisksPane", "what could go wrong, in USD"),
    PaneInfo("gates", "7", "Gates", "Answer", "gates", "GatesPane", "export, site, software: what rules say"),
    PaneInfo("evidence", "8", "Evidence", "Facts", "evidence", "EvidencePane", "all measurements with sources"),
    PaneInfo("catalog", "9", "Catalog", "Facts", "catalog", "CatalogPane", "accelerators, models, prices, rules"),
    PaneInfo("claims", "0", "Claims", "Facts", "claims", "ClaimsPane", "what articles claim, checked"),
    PaneInfo("backtest", "b", "Backtest", "Facts", "backtest", "BacktestPane", "how often this would have been right"),
    PaneInfo("probe", "o", "Probe", "Do", "probe", "ProbePane", "measure a rented endpoint"),
    PaneInfo("compare", "m", "Compare", "Do", "compare", "ComparePane", "profiles or answers side by side"),
    PaneInfo("export", "x", "Export", "Do", "export", "ExportPane", "PDF, markdown, HTML, JSON, CSV"),
)
PANE = {p.id: p for p in PANES}


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that can be done, by key, by palette, or both."""

    run: str
    """What runs: a method `action_<name>` of its scope."""
    keys: str
    area: str
    verb: str
    help: str
    scope: str = "app"
    """`app`, or the id of the screen that it belongs to."""
    show: bool = False
    priority: bool = False
    key_text: str = ""

    @property
    def name(self) -> str:
        """As the palette lists it."""
        return f"{self.area}: {self.verb}"

    @property
    def shown_keys(self) -> str:
        """As help lists them."""
        if self.key_text:
            return self.key_text
        keys = (_SIGNS.get(key, key).replace("ctrl+", "^") for key in self.keys.split(","))
        return " / ".join(key.upper() if _FUNCTION.fullmatch(key) else key for key in keys)


_SIGNS = {"question_mark": "?", "slash": "/"}
_FUNCTION = re.compile(r"f\d+")


def _pane(scope: str, *rows: tuple[str, str, str, str, str, bool]) -> tuple[Action, ...]:
    return tuple(Action(run, keys, area, verb, text, scope, show) for run, keys, area, verb, text, show in rows)


def text_keys(scope: str, area: str) -> tuple[Action, ...]:
    """Keys that scroll the text of a screen while the keyboard stays in its table or form.

    Of two keys for each way one reaches the program in every terminal: some keep Shift+PageDown to themselves. The
    footer drops the last keys of a screen first: these stand first where half of the answer may lie below.
    """
    return (
        Action("text(1)", "ctrl+d,shift+pagedown", area, "Text down", "Read on where the text goes on below", scope,
               show=True, key_text="^d / shift+pagedown"),
        Action("text(-1)", "ctrl+u,shift+pageup", area, "Text up", "Back to where the text begins", scope,
               key_text="^u / shift+pageup"),
    )  # fmt: skip


ACTIONS: tuple[Action, ...] = (
    Action("help", "f1,question_mark", "Help", "Help", "Keys and help for this screen", show=True,
           key_text="F1 / ?"),
    Action("goto", "f2,ctrl+g", "Go", "Go to", "All screens with their keys", show=True, priority=True,
           key_text="F2 / ^g"),
    Action("command_palette", "ctrl+p", "Find", "Find", "Find anything by name", show=True,
           key_text="^p"),
    Action("save", "ctrl+s", "Profile", "Save", "Write the profile as TOML, comments kept", show=True, priority=True),
    Action("undo", "ctrl+z", "Profile", "Undo", "Take back the last edit", priority=True),
    Action("redo", "ctrl+y", "Profile", "Redo", "Do again what was taken back", priority=True),
    Action("go('export')", "ctrl+e", "Export", "Write the answer", "PDF, markdown, HTML, JSON or CSV"),
    Action("full_draws", "ctrl+r", "Verdict", "Compute with all draws now", "Run the Monte Carlo in full"),
    Action("next_pane(1)", "f4,ctrl+pagedown", "Go", "Next screen", "The next screen in the rail", show=True,
           priority=True, key_text="F4 / ^pagedown"),
    Action("next_pane(-1)", "f3,ctrl+pageup", "Go", "Previous screen", "The previous screen", priority=True),
    Action("theme_next", "ctrl+t", "View", "Next colour scheme", "Dark, light, high contrast"),
    Action("quit", "ctrl+q", "Program", "Quit", "Unsaved edits are kept as a draft", show=True, priority=True),
    *_pane(
        "profiles",
        ("open", "enter", "Profile", "Open", "Open the profile under the cursor", True),
        ("new", "n", "Profile", "New", "A commented starter profile", True),
        ("copy", "c", "Profile", "Copy", "Copy it into your own profiles", True),
        ("rename", "r", "Profile", "Rename", "Rename one of your own", False),
        ("delete", "delete,d", "Profile", "Delete", "Delete one of your own", False),
        ("import", "i", "Profile", "Import", "Bring a file into your own profiles", True),
        ("search", "slash", "Profile", "Search", "Find by name or text", True),
    ),
    *text_keys("profiles", "Profile"),
    *_pane(
        "workload",
        ("search", "f6", "Workload", "Find field", "Jump to a field by name", True),
        ("reset", "delete", "Workload", "Reset field", "Take the stated value away", True),
        ("quote", "f7", "Workload", "Add a quote", "A price in hand overrules the catalog", False),
        ("hosted_api", "f8", "Workload", "Add a hosted API", "Compare with a bill per token", False),
        ("drop_section", "ctrl+delete", "Workload", "Remove this quote or tier", "Take the section away", False),
        ("load_config", "f9", "Workload", "Load a config.json", "Size a model from its own configuration", False),
    ),
    *text_keys("workload", "Workload"),
    *text_keys("verdict", "Verdict"),
    *_pane(
        "verdict",
        ("explain", "e", "Verdict", "Explain the number", "Arithmetic and sources of the cell", True),
        ("detail", "d", "Verdict", "All about the candidate", "Fleet, cost, memory, line by line", True),
        ("sort", "s", "Verdict", "Sort by column", "Again reverses, a third time restores", False),
    ),
    *_pane(
        "curves",
        ("metric", "v", "Curves", "Throughput or cost", "tok/s per GPU, or USD per Mtok", True),
        ("next_series", "a", "Curves", "Next accelerator", "Whose points are walked", True),
        ("only", "f", "Curves", "Only this accelerator", "Hide or show the others", True),
        ("next_precision", "p", "Curves", "Next precision", "fp4, fp8, ... beside the chosen one", True),
        ("next_engine", "n", "Curves", "Next engine", "Another engine at this precision", True),
        ("next_model", "t", "Curves", "Next model", "Another tier, or any model of the catalog", True),
        ("logs", "g", "Curves", "Logarithmic axis", "Switch the vertical axis", False),
    ),
    *text_keys("whatif", "What if"),
    *_pane(
        "whatif",
        ("less", "left,minus", "What if", "Less", "Move the lever down", True),
        ("more", "right,plus,equals_sign", "What if", "More", "Move the lever up", True),
        ("to_break_even", "f", "What if", "Flip the verdict", "Set the lever to its break-even", True),
        ("reset", "r", "What if", "Reset levers", "Back to the profile", True),
        ("keep", "k", "What if", "Keep in the profile", "Write the levers into the profile", True),
    ),
    *_pane("risks", ("next_candidate", "a", "Risks", "Next candidate", "Whose register is shown", True)),
    *text_keys("risks", "Risks"),
    *_pane("gates", ("next_candidate", "a", "Gates", "Next candidate", "Whose gates are shown", True)),
    *text_keys("gates", "Gates"),
    *_pane(
        "evidence",
        ("search", "slash", "Evidence", "Filter by text", "Words, or column:value", True),
        ("facet", "f", "Evidence", "Filter by value", "Only rows like the cell under the cursor", True),
        ("clear", "escape", "Evidence", "Clear filters", "All rows again", True),
        ("mine", "w", "Evidence", "Behind this answer", "Only the rows that the answer rests on", True),
    ),
    *text_keys("evidence", "Evidence"),
    *_pane(
        "catalog",
        ("next_kind", "a", "Catalog", "Next kind", "Accelerators, models, prices, ...", True),
        ("search", "slash", "Catalog", "Filter by text", "Words that must all appear", True),
    ),
    *text_keys("catalog", "Catalog"),
    *_pane("claims", ("search", "slash", "Claims", "Filter by text", "Words that must all appear", True)),
    *text_keys("claims", "Claims"),
    *text_keys("backtest", "Backtest"),
    *_pane(
        "backtest",
        ("run", "r", "Backtest", "Run", "Replay the evidence; takes minutes, beside your work", True),
        ("cancel", "c", "Backtest", "Cancel", "End the run; the result from before stays", True),
    ),
    *text_keys("probe", "Probe"),
    *_pane(
        "probe",
        ("start", "f5", "Probe", "Start", "Measure, within the budget", True),
        ("stop", "f8", "Probe", "Stop", "End now; what is known is kept", True),
        ("resume", "f9", "Probe", "Resume", "Measure what a stopped run has left", True),
        ("use", "f7", "Probe", "Use as evidence", "Let the measurement overrule the estimate", True),
    ),
    *_pane(
        "compare",
        ("add", "a", "Compare", "Add", "A profile, or an answer saved as JSON", True),
        ("drop", "delete,d", "Compare", "Remove", "Take the column away", True),
        ("differences", "f", "Compare", "Only differences", "Hide rows that agree", True),
    ),
    *_pane(
        "export",
        ("write", "w,enter", "Export", "Write the file", "Write in the chosen form", False),
        ("next_format", "f", "Export", "Next form", "PDF, markdown, HTML, JSON, CSV", True),
    ),
    *text_keys("export", "Export"),
)  # fmt: skip


def bindings(scope: str) -> list[Binding]:
    """The key bindings of the app or of one screen."""
    own = [
        Binding(a.keys, a.run, a.verb, show=a.show, priority=a.priority, tooltip=a.help, id=f"{scope}.{a.run}")
        for a in ACTIONS
        if a.scope == scope and a.keys
    ]
    if scope == "app":
        own += [Binding(p.key, f"go('{p.id}')", p.title, show=False, id=f"go.{p.id}") for p in PANES]
    return own


def actions_of(scope: str) -> list[Action]:
    """The actions of the app or of one screen."""
    return [a for a in ACTIONS if a.scope == scope]
