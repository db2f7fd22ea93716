"""A small SVG canvas: fixed decimals, escaped text, no dependency; the same calls give the same bytes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

from advisor.domain.text import plain

FAMILY = "'Source Sans 3', 'Source Sans Pro', 'Helvetica Neue', Arial, sans-serif"
INK, GREY, RULE, PAPER = "#1c2733", "#5b6672", "#d7dce1", "#ffffff"
TEXT_SIZE = 12.0

Anchor = Literal["start", "middle", "end"]
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class SeriesLook:
    """How one series is told from the others."""

    colour: str
    dash: str
    marker: str


LOOKS: tuple[SeriesLook, ...] = (
    SeriesLook("#0b4f7d", "", "circle"),
    SeriesLook("#c4500a", "7 3", "square"),
    SeriesLook("#007a5a", "2 3", "triangle"),
    SeriesLook("#a5457f", "8 3 2 3", "diamond"),
    SeriesLook("#6b7785", "4 4", "cross"),
    SeriesLook("#8a6d00", "1 4", "down"),
)
"""Colours of Okabe and Ito, darkened to 4.5:1 on white; the choice first, the runner-up second."""


class Canvas:
    """Collects shapes and gives the SVG text."""

    def __init__(self, width: float, height: float, title: str, description: str) -> None:
        self.width, self.height = width, height
        self._title, self._description = plain(title), plain(description)
        self._parts: list[str] = []
        self._defs: list[str] = []

    def text(
        self, x: float, y: float, text: str, *, anchor: Anchor = "start", size: float = TEXT_SIZE, colour: str = INK,
        bold: bool = False, turn: float = 0.0,
    ) -> None:  # fmt: skip
        """A label with its baseline at (x, y)."""
        weight = ' font-weight="600"' if bold else ""
        rotate = f' transform="rotate({_n(turn)} {_n(x)} {_n(y)})"' if turn else ""
        at = "" if anchor == "start" else f' text-anchor="{anchor}"'
        self._parts.append(
            f'<text x="{_n(x)}" y="{_n(y)}" font-size="{_n(size)}" fill="{colour}"{at}{weight}{rotate}>'
            f"{escape(plain(text))}</text>"
        )

    def line(self, a: Point, b: Point, *, colour: str = RULE, width: float = 1.0, dash: str = "") -> None:
        """A straight line."""
        self._parts.append(
            f'<line x1="{_n(a[0])}" y1="{_n(a[1])}" x2="{_n(b[0])}" y2="{_n(b[1])}" stroke="{colour}"'
            f' stroke-width="{_n(width)}"{_dash(dash)}/>'
        )

    def path(self, points: Sequence[Point], *, colour: str, width: float = 2.0, dash: str = "") -> None:
        """An open line through points."""
        if len(points) < 2:
            return
        self._parts.append(
            f'<path d="{_d(points)}" fill="none" stroke="{colour}" stroke-width="{_n(width)}"'
            f' stroke-linejoin="round"{_dash(dash)}/>'
        )

    def area(self, points: Sequence[Point], *, colour: str, opacity: float) -> None:
        """A filled outline."""
        if len(points) > 2:
            self._parts.append(f'<path d="{_d(points)}Z" fill="{colour}" fill-opacity="{_n(opacity)}"/>')

    def rect(self, x: float, y: float, width: float, height: float, *, fill: str, stroke: str = "none") -> None:
        """A filled box."""
        self._parts.append(
            f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(max(width, 0))}" height="{_n(height)}" fill="{fill}"'
            f' stroke="{stroke}"/>'
        )

    def hatch(self, x: float, y: float, width: float, height: float, kind: str, colour: str) -> None:
        """Lines over a box, so that its fill is known in grey print: up, down, cross, flat, upright or none."""
        if kind == "none" or width <= 0:
            return
        strokes: list[tuple[Point, Point]] = []
        step = 6.0
        if kind in ("up", "cross"):
            strokes += _diagonals(x, y, width, height, step, rising=True)
        if kind in ("down", "cross"):
            strokes += _diagonals(x, y, width, height, step, rising=False)
        if kind == "flat":
            strokes += [((x, y + k), (x + width, y + k)) for k in _steps(height, 4.0)]
        if kind == "upright":
            strokes += [((x + k, y), (x + k, y + height)) for k in _steps(width, 5.0)]
        d = "".join(f"M{_n(a[0])} {_n(a[1])}L{_n(b[0])} {_n(b[1])}" for a, b in strokes)
        if d:
            self._parts.append(f'<path d="{d}" stroke="{colour}" stroke-width="0.8" fill="none"/>')

    def marker(self, x: float, y: float, kind: str, colour: str, *, size: float = 4.0, hollow: bool = False) -> None:
        """A point of a series; hollow ones mark a measurement or a second state."""
        fill = PAPER if hollow else colour
        style = f'fill="{fill}" stroke="{colour}" stroke-width="1.4"'
        s = size
        if kind == "circle":
            self._parts.append(f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(s)}" {style}/>')
            return
        if kind == "cross":
            d = f"M{_n(x - s)} {_n(y - s)}L{_n(x + s)} {_n(y + s)}M{_n(x - s)} {_n(y + s)}L{_n(x + s)} {_n(y - s)}"
            self._parts.append(f'<path d="{d}" stroke="{colour}" stroke-width="1.8" fill="none"/>')
            return
        corners: dict[str, tuple[Point, ...]] = {
            "square": ((x - s, y - s), (x + s, y - s), (x + s, y + s), (x - s, y + s)),
            "triangle": ((x, y - s * 1.2), (x + s * 1.1, y + s * 0.8), (x - s * 1.1, y + s * 0.8)),
            "down": ((x, y + s * 1.2), (x + s * 1.1, y - s * 0.8), (x - s * 1.1, y - s * 0.8)),
            "diamond": ((x, y - s * 1.3), (x + s * 1.1, y), (x, y + s * 1.3), (x - s * 1.1, y)),
        }
        self._parts.append(f'<path d="{_d(corners[kind])}Z" {style}/>')

    def svg(self) -> str:
        """The finished drawing."""
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_n(self.width)} {_n(self.height)}"'
            f' width="{_n(self.width)}" height="{_n(self.height)}" role="img" font-family="{FAMILY}">'
            f"<title>{escape(self._title)}</title><desc>{escape(self._description)}</desc>"
        )
        return head + "".join(self._parts) + "</svg>"


def text_width(text: str, size: float = TEXT_SIZE) -> float:
    """About how wide a label is, for placing; errs on the wide side."""
    return sum(1.0 if ord(c) > 0x2E7F else 0.56 for c in text) * size


def ticks(low: float, high: float, about: int = 6) -> list[float]:
    """Round numbers that cover a range.

    >>> ticks(0, 97)
    [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]
    """
    if high - low <= 1e-9 * max(abs(low), abs(high), 1.0):
        high = low + max(abs(low), 1.0)
    raw = (high - low) / max(about - 1, 1)
    scale = 10.0 ** math.floor(math.log10(raw))
    step = next(m * scale for m in (1, 2, 2.5, 5, 10) if m * scale >= raw * 0.999)
    first = math.floor(low / step + 1e-9)
    last = math.ceil(high / step - 1e-9)
    return [round(k * step, 12) for k in range(first, last + 1)]


def _steps(length: float, step: float) -> list[float]:
    return [step * k for k in range(1, int(length / step) + 1) if step * k < length]


def _diagonals(x: float, y: float, w: float, h: float, step: float, *, rising: bool) -> list[tuple[Point, Point]]:
    out: list[tuple[Point, Point]] = []
    k = step
    while k < w + h:
        # The line u + v = k within the box, u from the left and v from the bottom (rising) or from the top.
        u0, u1 = max(0.0, k - h), min(w, k)
        a, b = (u0, k - u0), (u1, k - u1)
        if rising:
            out.append(((x + a[0], y + a[1]), (x + b[0], y + b[1])))
        else:
            out.append(((x + a[0], y + h - a[1]), (x + b[0], y + h - b[1])))
        k += step
    return out


def _d(points: Sequence[Point]) -> str:
    return "M" + "L".join(f"{_n(x)} {_n(y)}" for x, y in points)


def _dash(dash: str) -> str:
    return f' stroke-dasharray="{dash}"' if dash else ""


def _n(value: float) -> str:
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
