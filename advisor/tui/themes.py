"""Own colour schemes: dark, light and two of high contrast."""

from __future__ import annotations

from textual.theme import Theme

DARK = Theme(
    name="advisor-dark",
    primary="#5aa9e6",
    secondary="#3d6f96",
    accent="#c79bf2",
    warning="#f2b84b",
    error="#f0776b",
    success="#6fcf97",
    foreground="#d8dee6",
    background="#10151c",
    surface="#161d26",
    panel="#1e2732",
    dark=True,
    variables={
        "footer-key-foreground": "#5aa9e6",
        "input-selection-background": "#5aa9e6 35%",
        "scrollbar": "#3a4a5c",
        "scrollbar-background": "#161d26",
        "scrollbar-corner-color": "#161d26",
        "scrollbar-hover": "#5aa9e6",
        "scrollbar-active": "#5aa9e6",
        "scrollbar-background-hover": "#161d26",
        "scrollbar-background-active": "#161d26",
    },
)
LIGHT = Theme(
    name="advisor-light",
    primary="#0b5cad",
    secondary="#3f76a8",
    accent="#7a3fb0",
    warning="#9a5b00",
    error="#b3261e",
    success="#12693c",
    foreground="#1b232c",
    background="#fbfcfd",
    surface="#f1f4f7",
    panel="#e4e9ef",
    dark=False,
    variables={
        "footer-key-foreground": "#0b5cad",
        "scrollbar": "#b3c0cc",
        "scrollbar-background": "#f1f4f7",
        "scrollbar-corner-color": "#f1f4f7",
        "scrollbar-hover": "#0b5cad",
        "scrollbar-active": "#0b5cad",
        "scrollbar-background-hover": "#f1f4f7",
        "scrollbar-background-active": "#f1f4f7",
    },
)
CONTRAST_DARK = Theme(
    name="advisor-contrast-dark",
    primary="#7fd4ff",
    secondary="#ffffff",
    accent="#ff9cff",
    warning="#ffe14d",
    error="#ff9a8f",
    success="#7dff9b",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#1c1c1c",
    dark=True,
    text_alpha=1.0,
    variables={"text-muted": "#dddddd", "footer-key-foreground": "#ffe14d", "border": "#ffffff"},
)
CONTRAST_LIGHT = Theme(
    name="advisor-contrast-light",
    primary="#00308f",
    secondary="#000000",
    accent="#5b0080",
    warning="#6b3e00",
    error="#8c0000",
    success="#004d1f",
    foreground="#000000",
    background="#ffffff",
    surface="#ffffff",
    panel="#ececec",
    dark=False,
    text_alpha=1.0,
    variables={"text-muted": "#222222", "footer-key-foreground": "#00308f", "border": "#000000"},
)
THEMES = (DARK, LIGHT, CONTRAST_DARK, CONTRAST_LIGHT)
DEFAULT = DARK.name
