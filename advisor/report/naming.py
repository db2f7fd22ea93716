"""What a candidate is called where space is short."""

from __future__ import annotations

import re

from advisor.domain.recommendation import Candidate
from advisor.report.numbers import words


def short_name(candidate: Candidate) -> str:
    """The accelerator's id as people write it, e.g. MI355X."""
    return candidate.accelerator.upper().replace("_", " ")


_FEW = re.compile(r"\b(\d+ sellers?): a quote, not a market")


def counted_sellers(text: str) -> str:
    """A price's text, with its count of sellers told from that of the supply gate, which takes every listing.

    >>> counted_sellers("1 seller: a quote, not a market, so the interval")
    '1 seller with such a price: a quote, not a market, so the interval'
    """
    return _FEW.sub(r"\1 with such a price: a quote, not a market", text)


def paid(mode: str, commitment: str) -> str:
    """A way of paying where space is short.

    >>> paid("buy", "purchase"), paid("mixed", "purchase"), paid("mixed", "reserved_1y"), paid("rent", "on_demand")
    ('bought', 'base bought', 'base reserved 1 year', 'rent, on demand')
    """
    how = "bought" if commitment == "purchase" else words(commitment)
    return how if mode == "buy" else f"base {how}" if mode == "mixed" else f"{mode}, {how}"
