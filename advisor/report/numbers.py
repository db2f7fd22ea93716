"""Numbers as they stand in a report: exact enough to be found again in the tree."""

from __future__ import annotations

import re

from advisor.domain import text

MINUS = "−"
NONE = "–"
TENTHS = (0.9, 1.1)
"""Factors on throughput at which it is told what a fleet carries."""


def usd(value: float) -> str:
    """Money with its unit.

    >>> usd(312_345.4), usd(3.9), usd(-12_000.0)
    ('USD 312,345', 'USD 3.90', 'USD −12,000')
    """
    return f"USD {money(value)}"


def money(value: float) -> str:
    """Money without its unit: whole dollars from 100, else cents.

    >>> money(312_345.4), money(0.1834), money(0)
    ('312,345', '0.183', '0')
    """
    size = abs(value)
    if size == 0:
        text = "0"
    elif size >= 99.995:
        text = f"{size:,.0f}"
    elif size >= 0.9995:
        text = f"{size:.2f}"
    else:
        text = f"{size:.3f}"
    return f"{MINUS}{text}" if value < 0 else text


def band(low: float, high: float) -> str:
    """A range of money.

    >>> band(280_100, 351_900)
    '280,100 to 351,900'
    """
    return f"{money(low)} to {money(high)}"


def percent(value: float, digits: int = 0) -> str:
    """A share, with a typographic minus.

    >>> percent(0.0004), percent(-0.123), percent(0.0529, 1)
    ('<1 %', '−12 %', '5.3 %')
    """
    return text.percent(value, digits).replace("-", MINUS)


def unbroken(sentence: str) -> str:
    """A sentence whose percentages stay on one line.

    >>> unbroken("it rose by 16 % in 2 months")
    'it rose by 16\xa0% in 2 months'
    """
    return re.sub(r"(?<=\d) %", "\N{NO-BREAK SPACE}%", sentence)


def count(value: float) -> str:
    """A number of things or a rate: separators from a thousand, three digits below a hundred.

    >>> count(12_345.6), count(34.52), count(3.0), count(0.25)
    ('12,346', '34.5', '3', '0.25')
    """
    size = abs(value)
    if size >= 99.95:
        text = f"{size:,.0f}"
    elif size >= 9.995:
        text = f"{size:.1f}".removesuffix(".0")
    else:
        text = f"{size:.2f}".rstrip("0").rstrip(".")
        if size and text == "0":
            text = f"{size:.2g}"
    return f"{MINUS}{text}" if value < 0 else text


def seconds(value: float) -> str:
    """A latency.

    >>> seconds(0.0382), seconds(1.238)
    ('38.2 ms', '1.24 s')
    """
    return f"{count(value * 1e3)} ms" if value < 0.9995 else f"{count(value)} s"


def short_usd(value: float) -> str:
    """Money on an axis.

    >>> short_usd(1_250_000), short_usd(-40_000), short_usd(0), short_usd(950)
    ('1.25M', '−40k', '0', '950')
    """
    sign, size = (MINUS if value < 0 else ""), abs(value)
    return f"{sign}{text.told_usd(size, round_from=999.5) if size >= 999.5 else f'{size:.3g}'}"


def words(identifier: str) -> str:
    """An identifier as words.

    >>> words("reserved_1y"), words("on_demand")
    ('reserved 1 year', 'on demand')
    """
    known = {
        "reserved_1y": "reserved 1 year",
        "reserved_3y": "reserved 3 years",
        "ttft": "TTFT",
        "tpot": "TPOT",
        "e2e": "end to end",
        "slo": "service level",
    }
    return known.get(identifier, identifier.replace("_", " "))
