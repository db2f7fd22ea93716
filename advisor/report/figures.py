"""Numbers as a reader likes them in a terminal; the tree holds the exact ones."""

from __future__ import annotations

from advisor.domain.text import MONEY_UNITS


def usd(value: float) -> str:
    """Money at three significant digits: 812, 9.4k, 1.24M, 1.04B.

    >>> usd(1_040_000_000), usd(1_243_000), usd(9_432), usd(812), usd(-5200)
    ('1.04B', '1.24M', '9.43k', '812', '-5.20k')
    """
    sign, size = ("-" if value < 0 else ""), abs(value)
    for scale, unit in MONEY_UNITS:
        if size >= 0.9995 * scale:
            return f"{sign}{_three(size / scale)}{unit}"
    return f"{sign}{size:.0f}" if size >= 100 else f"{sign}{_three(size)}"


def _three(value: float) -> str:
    if value >= 99.95:
        return f"{value:.0f}"
    if value >= 9.995:
        return f"{value:.1f}"
    return f"{value:.2f}"


def seconds(value: float) -> str:
    """A latency: 38.2 ms, 1.24 s.

    >>> seconds(0.0382), seconds(1.238)
    ('38.2 ms', '1.24 s')
    """
    return f"{_three(value * 1e3)} ms" if value < 0.9995 else f"{_three(value)} s"


def count(value: float) -> str:
    """A rate or a number of things, with thousands separators."""
    return f"{value:,.0f}" if abs(value) >= 100 else _three(value)
