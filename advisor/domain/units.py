"""Conversions, named; GB is 1e9 bytes throughout."""

from __future__ import annotations

HOURS_PER_YEAR = 8760.0
HOURS_PER_MONTH = HOURS_PER_YEAR / 12
DAYS_PER_MONTH = 365.25 / 12
WEEKS_PER_YEAR = 52
SECONDS_PER_HOUR = 3600.0
SECONDS_PER_MONTH = HOURS_PER_MONTH * SECONDS_PER_HOUR
GB = 1e9
MTOK = 1e6


def usd_per_mtok(usd_per_hour: float, tokens_per_s: float) -> float:
    """Cost of a million tokens [USD] at a rate [tokens/s] and an hourly price [USD/h].

    >>> round(usd_per_mtok(2.00, 33.0), 2)
    16.84
    """
    return usd_per_hour / (tokens_per_s * SECONDS_PER_HOUR) * MTOK
