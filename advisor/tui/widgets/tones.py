"""A few meanings of colour, shared by every widget that draws its own lines.

A tone never stands alone: the text beside it says the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.app import App
from textual.color import Color
from textual.content import Content
from textual.strip import Strip
from textual.widget import Widget

TONES = ("plain", "dim", "strong", "good", "warn", "bad", "accent", "head", "link", "s1", "s2", "s3", "s4")

CONTENT_STYLES = {
    "": "",
    "plain": "",
    "dim": "$foreground 60%",
    "strong": "bold",
    "good": "bold $text-success",
    "warn": "bold $text-warning",
    "bad": "bold $text-error",
    "accent": "$accent",
    "head": "bold $text-primary",
    "link": "$text-primary underline",
    "s1": "$primary",
    "s2": "$accent",
    "s3": "$warning",
    "s4": "$success",
}


class Piece(NamedTuple):
    """Text with a tone."""

    text: str
    tone: str = "plain"


def clean(text: str) -> str:
    """Text without control characters, escapes and direction marks; line ends stay."""
    if text.isprintable():
        return text
    from advisor.domain.text import plain

    return "\n".join(plain(line) for line in text.split("\n"))


def content(*pieces: str | Piece | tuple[str, str]) -> Content:
    """Literal text with tones, for static widgets; nothing in it is read as markup."""
    return Content.assemble(*(_part(p) for p in pieces))


def _part(piece: str | tuple[str, str]) -> str | tuple[str, str]:
    if isinstance(piece, str):
        return clean(piece)
    style = CONTENT_STYLES[piece[1]]
    return (clean(piece[0]), style) if style else clean(piece[0])


def fit(text: str, width: int, right: bool = False) -> str:
    """Text in exactly `width` cells, with an ellipsis where it is cut."""
    if width <= 0:
        return ""
    text = clean(text).replace("\n", " ")
    length = cell_len(text)
    if length > width:
        return set_cell_size(text, width - 1) + "…" if width > 1 else "…"
    pad = " " * (width - length)
    return pad + text if right else text + pad


_VARIABLES = {
    "plain": "foreground", "strong": "foreground", "good": "text-success", "warn": "text-warning", "bad": "text-error",
    "accent": "accent", "head": "text-primary", "link": "text-primary", "s1": "primary",
    "s2": "accent", "s3": "warning", "s4": "success",
}  # fmt: skip
_EXTRA = {"strong": Style(bold=True), "head": Style(bold=True), "link": Style(underline=True)}


def tone_styles(app: App[object]) -> dict[str, Style]:
    """The styles of the tones in the present theme; made once per theme."""
    cache: dict[tuple[str, ...], dict[str, Style]] = app.__dict__.setdefault("_tone_styles", {})
    variables = app.theme_variables
    key = tuple(
        variables[name] for name in ("foreground", "background", "primary", "accent")
    )  # a theme's name runs ahead
    styles = cache.get(key)
    if styles is None:
        front, back = _color(variables["foreground"]), _color(variables["background"])
        muted = _color(variables.get("text-muted", "auto"))
        if muted is None and front is not None and back is not None:
            muted = front.blend(back, 0.42)
        styles = {"dim": Style(dim=True) if muted is None else Style.from_color(muted.rich_color)}
        for tone, variable in _VARIABLES.items():
            color = _color(variables.get(variable, "auto")) or front
            plain = Style.null() if color is None else Style.from_color(color.rich_color)
            styles[tone] = plain + _EXTRA.get(tone, Style.null())
        cache[key] = styles
    return styles


def _color(value: str) -> Color | None:
    """A fixed colour; None where the terminal decides."""
    if value.startswith(("auto", "ansi")):
        return None
    return Color.parse(value)


class Toned(Widget):
    """Mixin of widgets that draw strips in tones."""

    def tone(self, name: str) -> Style:
        """The style of a tone, without a background."""
        return tone_styles(self.app)[name or "plain"]

    def strip(self, pieces: Iterable[Piece | tuple[str, str] | str], width: int, base: Style | None = None) -> Strip:
        """One line in exactly `width` cells; `base` gives the background."""
        back = self.rich_style if base is None else base
        tones = tone_styles(self.app)
        segments = [
            Segment(clean(p), back + tones["plain"])
            if isinstance(p, str)
            else Segment(clean(p[0]), back + tones[p[1] or "plain"])
            for p in pieces
        ]
        return Strip(segments).adjust_cell_length(width, back)

    def strips(self, lines: Sequence[Sequence[Piece | tuple[str, str] | str]], width: int) -> list[Strip]:
        """Several lines."""
        return [self.strip(line, width) for line in lines]
