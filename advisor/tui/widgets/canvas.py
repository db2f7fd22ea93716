"""Dots on a terminal: two by four to a cell, with a tone for each cell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


class Canvas:
    """A grid of braille cells; marks (single characters) lie over dots."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = max(1, width), max(1, height)
        self._bits = [[0] * self.width for _ in range(self.height)]
        self._tones = [[""] * self.width for _ in range(self.height)]
        self._ranks = [[0] * self.width for _ in range(self.height)]
        self._marks: dict[tuple[int, int], tuple[str, str]] = {}

    @property
    def dots(self) -> tuple[int, int]:
        """Dots across and down."""
        return self.width * 2, self.height * 4

    def dot(self, x: int, y: int, tone: str, rank: int = 1) -> None:
        """Set one dot; where several tones meet in a cell the higher rank shows."""
        if 0 <= x < self.width * 2 and 0 <= y < self.height * 4:
            row, col = y // 4, x // 2
            self._bits[row][col] |= _DOTS[y % 4][x % 2]
            if rank >= self._ranks[row][col]:
                self._tones[row][col], self._ranks[row][col] = tone, rank

    def line(self, points: Sequence[tuple[float, float]], tone: str, rank: int = 2) -> None:
        """A polyline through points in dots."""
        for (x0, y0), (x1, y1) in pairwise(points):
            steps = max(1, math.ceil(max(abs(x1 - x0), abs(y1 - y0))))
            for i in range(steps + 1):
                self.dot(round(x0 + (x1 - x0) * i / steps), round(y0 + (y1 - y0) * i / steps), tone, rank)

    def band(self, lows: Sequence[tuple[float, float]], highs: Sequence[tuple[float, float]], tone: str) -> None:
        """A sparse area between two polylines over the same places."""
        for (x0, low0), (x1, low1), (_, high0), (_, high1) in zip(lows, lows[1:], highs, highs[1:], strict=False):
            a, b = sorted((x0, x1))
            for x in range(math.ceil(a), math.floor(b) + 1):
                t = 0.0 if x1 == x0 else (x - x0) / (x1 - x0)
                top, bottom = sorted((low0 + (low1 - low0) * t, high0 + (high1 - high0) * t))
                for y in range(round(top), round(bottom) + 1):
                    if x % 4 == 0 and y % 4 == (x // 4 % 2) * 2:
                        self.dot(x, y, tone, 0)

    def vertical(self, x: int, tone: str) -> None:
        """A dashed vertical line."""
        for y in range(self.height * 4):
            if y % 3 != 2:
                self.dot(x, y, tone, 1)

    def mark(self, x: int, y: int, character: str, tone: str) -> None:
        """A character at the cell of a dot."""
        col, row = x // 2, y // 4
        if 0 <= col < self.width and 0 <= row < self.height:
            self._marks[row, col] = (character, tone)

    def row(self, row: int) -> list[tuple[str, str]]:
        """One line of cells, neighbours of one tone together."""
        out: list[tuple[str, str]] = []
        for col in range(self.width):
            mark = self._marks.get((row, col))
            if mark is None:
                bits = self._bits[row][col]
                mark = (chr(0x2800 + bits) if bits else " ", self._tones[row][col])
            if out and out[-1][1] == mark[1]:
                out[-1] = (out[-1][0] + mark[0], mark[1])
            else:
                out.append(mark)
        return out


def ticks(low: float, high: float, count: int, log: bool = False) -> list[float]:
    """Round places for labels between two ends, at most about `count`.

    >>> ticks(0, 130, 5), ticks(3, 4000, 4, log=True)
    ([0.0, 50.0, 100.0], [10.0, 100.0, 1000.0])
    """
    if high <= low:
        return [low]
    if log and low > 0:
        first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
        decades = [10.0**e for e in range(first, last + 1)]
        if len(decades) >= 2:
            return decades[:: max(1, math.ceil(len(decades) / count))]
        fine = [m * 10.0**e for e in range(first - 1, last + 1) for m in (1, 2, 5)]
        return [t for t in fine if low <= t <= high] or [low]
    rough = (high - low) / max(1, count)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
    first_step = math.ceil(low / step - 1e-9)
    return [round(i * step, 10) for i in range(first_step, math.floor(high / step + 1e-9) + 1)]
