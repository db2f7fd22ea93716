"""Axes: from values to places on the canvas, with ticks and titles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from advisor.report.charts.canvas import GREY, INK, RULE, Canvas, ticks


@dataclass(frozen=True, slots=True)
class Frame:
    """A plotting area with linear axes."""

    left: float
    top: float
    right: float
    bottom: float
    x_ticks: tuple[float, ...]
    y_ticks: tuple[float, ...]

    @classmethod
    def over(
        cls, box: tuple[float, float, float, float], x: tuple[float, float], y: tuple[float, float] = (0.0, 1.0)
    ) -> Frame:
        """Axes on round numbers that hold both ranges; `box` is left, top, right, bottom."""
        return cls(*box, tuple(ticks(*x, about=7)), tuple(ticks(*y)))

    def x(self, value: float) -> float:
        """Horizontal place of a value."""
        low, high = self.x_ticks[0], self.x_ticks[-1]
        return self.left + (value - low) / (high - low) * (self.right - self.left)

    def y(self, value: float) -> float:
        """Vertical place of a value."""
        low, high = self.y_ticks[0], self.y_ticks[-1]
        return self.bottom - (value - low) / (high - low) * (self.bottom - self.top)

    def draw_x(self, canvas: Canvas, title: str, label: Callable[[float], str]) -> None:
        """Upright grid with labels below."""
        for value in self.x_ticks:
            at = self.x(value)
            canvas.line((at, self.top), (at, self.bottom), colour=RULE, width=0.8)
            canvas.text(at, self.bottom + 15, label(value), anchor="middle", size=11, colour=GREY)
        canvas.text((self.left + self.right) / 2, self.bottom + 33, title, anchor="middle", colour=INK)

    def draw_y(self, canvas: Canvas, title: str, label: Callable[[float], str]) -> None:
        """Level grid with labels on the left; the title stands above the axis, where it reads without turning."""
        for value in self.y_ticks:
            at = self.y(value)
            canvas.line((self.left, at), (self.right, at), colour=RULE, width=0.8)
            canvas.text(self.left - 7, at + 4, label(value), anchor="end", size=11, colour=GREY)
        canvas.text(self.left - 48, self.top - 14, title, colour=INK)
