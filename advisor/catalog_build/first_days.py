"""When a benchmark's configurations were first run, where only the order in which they were entered is known.

The database numbers configurations as they first occur, and states a day for none. Dated runs of some of them are
published: the first of a configuration is no earlier than its entry, and often later, as few runs are published. What
rises with the number and lies near the early end of those days is therefore about the day of entry. The first number
and the last lie at the ends of the database's own period.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Row = Mapping[str, object]

CONFIGURATION = (
    "accelerator", "model", "precision", "engine", "spec_method", "disagg", "tp", "ep", "dp_attention", "gpus",
    "prefill_tp", "prefill_ep", "prefill_workers", "decode_workers", "prefill_gpus", "decode_gpus",
)  # fmt: skip
EARLY = 0.3
"""Quantile of the published first days among neighbours in number: most lie later than the entry."""
_PERIOD = re.compile(r"median over all runs (\d{4}-\d{2}-\d{2})\.\.(\d{4}-\d{2}-\d{2})")


def period_of(note: str) -> tuple[date, date] | None:
    """First and last day of the runs over which a median is taken.

    >>> period_of("median over all runs 2025-09-29..2026-07-18 of this config")
    (datetime.date(2025, 9, 29), datetime.date(2026, 7, 18))
    """
    found = _PERIOD.search(note)
    return (date.fromisoformat(found[1]), date.fromisoformat(found[2])) if found else None


def first_days(medians: Sequence[Row], runs: Sequence[Row], period: tuple[date, date]) -> dict[str, date]:
    """Day on which each configuration was first run, about, by its number.

    Parameters
    ----------
    medians
        Rows with `config_id` and CONFIGURATION.
    runs
        Rows with `date` and CONFIGURATION.
    """
    numbers = sorted({int(str(row["config_id"])) for row in medians})
    by_key: dict[tuple[object, ...], int] = {}
    for row in medians:
        key, number = _configuration(row), int(str(row["config_id"]))
        by_key[key] = min(number, by_key.get(key, number))
    first: dict[int, int] = {}
    for row in runs:
        number, day = by_key.get(_configuration(row), -1), row["date"]
        if number >= 0 and isinstance(day, date):
            first[number] = min(day.toordinal(), first.get(number, day.toordinal()))
    start, end = (day.toordinal() for day in period)
    anchors = {numbers[0]: start, numbers[-1]: end} | first
    x = np.array(sorted(anchors), dtype=np.float64)
    y = rising(np.array([anchors[n] for n in sorted(anchors)], dtype=np.float64), EARLY)
    days = np.interp(np.array(numbers, dtype=np.float64), x, y)
    return {str(n): date.fromordinal(int(day)) for n, day in zip(numbers, days.tolist(), strict=True)}


def _configuration(row: Row) -> tuple[object, ...]:
    return tuple(row.get(name) for name in CONFIGURATION)


def rising(values: Floats, quantile: float) -> Floats:
    """What rises and lies at a quantile of the values, by the max-min formula of isotonic regression.

    ``max over a <= i of min over b >= i of the quantile of values a to b`` (Robertson, Wright and Dykstra, Order
    Restricted Statistical Inference, 1988, section 1.4).

    >>> rising(np.array([1.0, 9.0, 2.0, 3.0]), 0.0).tolist()
    [1.0, 2.0, 2.0, 3.0]
    """
    n = len(values)
    highest = np.full(n, -np.inf)
    for a in range(n):
        over = [np.quantile(values[a : b + 1], quantile, method="lower") for b in range(a, n)]
        least = np.minimum.accumulate(over[::-1])[::-1]
        highest[a:] = np.maximum(highest[a:], least)
    return highest
