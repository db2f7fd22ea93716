"""Numbers and names as a narrow column can hold them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import date

from advisor.domain.text import percent

MISSING = "–"


def compact(value: float | None, digits: int = 3) -> str:
    """Three significant digits with k, M or B.

    >>> compact(312_400), compact(0.4213), compact(1_240_000), compact(None)
    ('312k', '0.421', '1.24M', '–')
    """
    if value is None:
        return MISSING
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    size, suffix = abs(value), ""
    for limit, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e4, "k")):
        if size >= limit * 0.9995:
            value, suffix = value / (1e3 if unit == "k" else limit), unit
            break
    if not suffix and size >= 1000:
        return f"{value:,.0f}"
    places = max(0, digits - 1 - math.floor(math.log10(abs(value)) + 1e-12))
    return f"{value:.{min(places, 6)}f}{suffix}"


def usd(value: float | None, digits: int = 3) -> str:
    """Money in short form.

    >>> usd(312_400), usd(-5.5)
    ('$312k', '-$5.50')
    """
    if value is None:
        return MISSING
    sign = "-" if value < 0 else ""
    return f"{sign}${compact(abs(value), digits)}"


def usd_full(value: float | None) -> str:
    """Money in full: whole dollars from 100 on, cents below.

    >>> usd_full(312400.4), usd_full(0.4213)
    ('USD 312,400', 'USD 0.421')
    """
    if value is None:
        return "not found"
    if abs(value) >= 100:
        return f"USD {value:,.0f}"
    return f"USD {value:,.2f}" if abs(value) >= 1 else f"USD {value:,.3f}"


def gpus(value: float) -> str:
    """GPUs paid for on average over a month, to the tenth where they are not whole.

    >>> gpus(47960.0), gpus(5.84)
    ('47,960', '5.8')
    """
    return f"{value:,.1f}".removesuffix(".0")


def share(value: float | None, digits: int = 0) -> str:
    """A share in percent; small and nearly whole ones are not rounded away, as in the reports.

    >>> share(0.873), share(0.0042, 1), share(0.0), share(1.0), share(-0.001)
    ('87 %', '0.4 %', '0 %', '100 %', '0 %')
    >>> share(0.0004), share(0.9999), share(0.0004, 1), share(0.9999, 1)
    ('<1 %', '>99 %', '<0.1 %', '>99.9 %')
    """
    return MISSING if value is None else percent(value, digits)


def change(ratio: float, digits: int = 0) -> str:
    """A change in percent with its sign; a small one with a digit more, and none without a sign.

    >>> change(0.183), change(-0.0031), change(-0.0000001), change(0.0)
    ('+18 %', '-0.3 %', '0 %', '0 %')
    """
    for places in (digits, digits + 1):
        text = f"{ratio * 100:+.{places}f}"
        if float(text):
            return f"{text} %"
    return "0 %"


def seconds(value: float | None) -> str:
    """A duration in the unit that fits.

    >>> seconds(0.0382), seconds(1.64), seconds(200.0)
    ('38.2 ms', '1.64 s', '3.3 min')
    """
    if value is None:
        return MISSING
    if value < 1:
        return f"{compact(value * 1e3)} ms"
    return f"{compact(value)} s" if value < 120 else f"{value / 60:.1f} min"


def short(accelerator: str) -> str:
    """An accelerator's id as people write it.

    >>> short("mi355x")
    'MI355X'
    """
    return accelerator.upper()


def plural(count: int, noun: str) -> str:
    """A count with its noun.

    >>> plural(1, "row"), plural(8314, "row"), plural(2, "entry")
    ('1 row', '8,314 rows', '2 entries')
    """
    if count != 1:
        noun = f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2] not in "aeiou" else f"{noun}s"
    return f"{count:,} {noun}"


def age(day: date | None, today: date) -> str:
    """How old something is, in words."""
    if day is None:
        return "undated"
    days = (today - day).days
    if days < 0:
        return f"in {-days} d"
    return f"{days} d" if days < 60 else f"{days / 30.44:.0f} mo"


def joined(items: Iterable[str], empty: str = MISSING) -> str:
    """A list in a cell."""
    return ", ".join(items) or empty


COMMITMENTS = {
    "spot": "spot",
    "on_demand": "on demand",
    "reserved_1y": "reserved 1 y",
    "reserved_3y": "reserved 3 y",
    "purchase": "purchase",
    "any": "any",
}


def paying(mode: str, commitment: str) -> str:
    """Mode and commitment in words.

    >>> paying("rent", "reserved_1y"), paying("buy", "purchase")
    ('rent, reserved 1 y', 'buy')
    """
    return mode if commitment in ("purchase", "") else f"{mode}, {COMMITMENTS.get(commitment, commitment)}"


VERDICTS = {
    "get": ("✓", "GET", "good"),
    "probe_first": ("◎", "PROBE FIRST", "warn"),
    "split": ("⇄", "SPLIT", "accent"),
    "wait": ("◷", "WAIT", "warn"),
    "infeasible": ("✗", "NOTHING FITS", "bad"),
}
"""Sign, word and tone of each kind of verdict; the word alone carries the meaning."""
