"""Changes of a profile that gates name as remedies: each worded once, and several joined alike."""

from __future__ import annotations

from collections.abc import Iterable

ANY_PROVIDER = "set place.exclude_us_providers to false"
ANY_SELLER = "set procurement.seller to any"
BUY = "set procurement.mode to buy"
_SET = "set "


def quote_for(accelerator: str, kind: str = "") -> str:
    """A quote as a remedy; the kind where only one would do.

    >>> quote_for("h100", "rent")
    'put a quote for h100 into procurement.quotes (kind rent)'
    """
    return f"put a quote for {accelerator} into procurement.quotes{f' (kind {kind})' if kind else ''}"


def either(changes: Iterable[str]) -> str:
    """Changes each of which would do, as one remedy; empty for none.

    >>> either([ANY_SELLER, BUY, quote_for("h100")])
    'set procurement.seller to any, or procurement.mode to buy, or put a quote for h100 into procurement.quotes'
    """
    told: list[str] = []
    before = ""
    for change in changes:
        told.append(change.removeprefix(_SET) if before.startswith(_SET) else change)
        before = change
    return ", or ".join(told)
