"""Text from users and servers, made harmless for a terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

MONEY_UNITS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))
"""Scales at which a sum is told shortly, the largest first."""
ROUND_FROM_USD = 99_500.0
"""From here a sum in a sentence is told to three significant figures; the tree holds it exactly."""

_BIDI = {0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)}

_DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{name}{n}" for name in ("com", "lpt") for n in range(1, 10))})


def is_device(name: str) -> bool:
    """Whether Windows takes a file of that name for a device, whatever its ending.

    >>> is_device("con"), is_device("NUL.old"), is_device("console")
    (True, True, False)
    """
    return name.casefold().partition(".")[0].rstrip() in _DEVICES


def plain(text: str, limit: int | None = None) -> str:
    """Text without control characters, escapes and direction marks, on one line.

    Cells of the visible characters stay as they are, so that non-Latin names survive.

    >>> plain("a\\x1b[31mred\\x1b[0m\\nb")
    'a[31mred[0m b'
    """
    out = []
    for char in text:
        code = ord(char)
        if char in "\n\r\t\v\f\x85\u2028\u2029":
            out.append(" ")
        elif code in _BIDI or unicodedata.category(char) in ("Cc", "Cs", "Co", "Cn"):
            continue
        else:
            out.append(char)
    clean = "".join(out)
    return clean if limit is None or len(clean) <= limit else clean[: limit - 1] + "…"


def counted(n: float, noun: str) -> str:
    """A number of things.

    >>> counted(1, "seller"), counted(2_000, "node")
    ('1 seller', '2,000 nodes')
    """
    return f"{n:,.0f} {noun}{'' if n == 1 else 's'}"


def evidence_days(newest: str, since: str) -> str:
    """When the newest measurement was made; of medians over runs only the first and the last of their days are known.

    Parameters
    ----------
    newest, since
        ISO dates; `since` is empty where the newest measurement is of one day.

    >>> evidence_days("2026-07-18", ""), evidence_days("2026-07-20", "2025-09-29")
    ('newest 2026-07-18', 'medians of runs from 2025-09 to 2026-07-20')
    """
    return f"medians of runs from {since[:7]} to {newest}" if since else f"newest {newest}"


def in_a_row(names: Sequence[str]) -> str:
    """Names in a sentence; empty where there are none.

    >>> in_a_row([]), in_a_row(["--gpus"]), in_a_row(["a", "b", "c"])
    ('', '--gpus', 'a, b and c')
    """
    *first, last = names or [""]
    return f"{', '.join(first)} and {last}" if first else last


def percent(share: float, digits: int = 0, *, sign: bool = False) -> str:
    """A share in percent; one that is small or nearly whole is not rounded away.

    >>> percent(0.123), percent(0.0004), percent(0.9999), percent(1.0), percent(-0.2), percent(0.05, 1, sign=True)
    ('12 %', '<1 %', '>99 %', '100 %', '-20 %', '+5.0 %')
    >>> percent(0.005), percent(0.995), percent(0.0001, 1), percent(0.9999, 1)
    ('<1 %', '>99 %', '<0.1 %', '>99.9 %')
    >>> percent(-0.003, sign=True), percent(0.003, sign=True), percent(-0.004)
    ('0 %', '0 %', '0 %')
    """
    rounded = round(100 * share, digits) or 0.0  # no sign before a nought
    if not sign and share > 0 and not rounded:
        return f"<{10**-digits:.{digits}f} %"
    if not sign and share < 1 and rounded >= 100:
        return f">{100 - 10**-digits:.{digits}f} %"
    return f"{rounded:{'+' if sign and rounded else ''}.{digits}f} %"


def significant(value: float, digits: int) -> str:
    """A number to so many significant digits, or in full to the unit where it is larger: never with an exponent then.

    >>> significant(0.25774, 4), significant(55312.5, 4), significant(9999.7, 4), significant(1234567.0, 6)
    ('0.2577', '55,312', '10,000', '1,234,567')
    """
    return f"{value:,.0f}" if abs(value) >= 10**digits - 0.5 else f"{value:,.{digits}g}"


def apart(value: float, other: float) -> str:
    """A number beside another one: to the unit, or in as many places as tell the two apart.

    >>> apart(33.1, 25.0), apart(15.2, 15.0), apart(15.0, 15.2), apart(15.0, 15.0)
    ('33', '15.2', '15.0', '15')
    """
    if value == other:
        return f"{value:,.0f}"
    return next((t for n in range(6) if (t := f"{value:,.{n}f}") != f"{other:,.{n}f}"), f"{value:,.0f}")


def factors(quantity: float, unit_price: float) -> tuple[str, str]:
    """A quantity and a price in as few digits as still multiply to their product, to the dollar (under 100: the cent).

    >>> factors(0.19301, 60_312.5), factors(64 * 730, 3.305), factors(16, 55_312.5)
    (('0.19301', '60,312'), ('46,720', '3.305'), ('16', '55,312.5'))
    """
    product = quantity * unit_price
    places = 0 if abs(product) >= 99.995 else 2
    for digits in range(4, 13):
        told = significant(quantity, digits), significant(unit_price, digits)
        one, other = (float(text.replace(",", "")) for text in told)
        if f"{one * other:.{places}f}" == f"{product:.{places}f}":
            break
    return told


def told_usd(usd: float, *, round_from: float = ROUND_FROM_USD) -> str:
    """A sum as a sentence tells it: to the dollar, large ones to three significant figures.

    >>> told_usd(1742.4), told_usd(3_174_595), told_usd(-507_545), told_usd(1_040_000_000)
    ('1,742', '3.17M', '-508k', '1.04B')
    >>> told_usd(987.0, round_from=1e3), told_usd(1742.4, round_from=1e3), told_usd(6.89e15)
    ('987', '1.74k', '6,890T')
    """
    for scale, unit in MONEY_UNITS:
        if abs(usd) >= max(0.9995 * scale, round_from):
            value = usd / scale
            return f"{value:,.0f}{unit}" if abs(value) >= 999.5 else f"{value:.3g}{unit}"
    return f"{usd:,.0f}"


def capital(text: str) -> str:
    """Text that begins a sentence; names such as vLLM keep their own spelling.

    >>> capital("the fleet"), capital("vLLM FP4"), capital("")
    ('The fleet', 'vLLM FP4', '')
    """
    first = text.split(" ", 1)[0]
    return text if first[1:] != first[1:].lower() else text[:1].upper() + text[1:]
