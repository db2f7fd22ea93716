"""What is wrong with a value of a profile, in plain words: the checker's own are those of its types."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import log10
from typing import Any

LARGE = 1e15
"""From here a number is told by its digits."""

_PLAIN = {
    "string_type": "must be text in quotes",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "is too large a number",
    "int_from_float": "must be a whole number",
    "tuple_type": "must be a list, as [...]",
    "list_type": "must be a list, as [...]",
    "dict_type": "must be a table of keys and values",
    "model_type": "must be a table of keys and values",
    "model_attributes_type": "must be a table of keys and values",
}
_DATED = frozenset({
    "date_type", "date_parsing", "date_from_datetime_parsing", "date_from_datetime_inexact", "datetime_type",
})  # fmt: skip
_LIMITS = {
    # The interactive program turns shares behind these words, and behind "given", into percent.
    "greater_than": ("gt", "must be greater than"),
    "greater_than_equal": ("ge", "must not be less than"),
    "less_than": ("lt", "must be less than"),
    "less_than_equal": ("le", "must not be greater than"),
}
_SIZES = {
    "string_too_short": ("min_length", "at least", "character"),
    "string_too_long": ("max_length", "at most", "character"),
    "too_short": ("min_length", "at least", "entry"),
    "too_long": ("max_length", "at most", "entry"),
}  # fmt: skip


def told(error: Mapping[str, Any]) -> str:
    """What one validation error says, with the value given, and without the field.

    >>> told({"type": "less_than_equal", "ctx": {"le": 1e12}, "input": 10**23, "msg": "..."})
    'must not be greater than 1,000,000,000,000 (given a number of 24 digits)'
    """
    kind, context = str(error["type"]), error.get("ctx") or {}
    if context.get("class_name") == "Lengths":
        text = "must be a number of tokens, or a table with mean, or with p50 and p95"
    elif kind in _PLAIN:
        text = _PLAIN[kind]
    elif kind in _DATED:
        text = "must be a date, as 2026-11-21"
    elif kind in _LIMITS:
        key, word = _LIMITS[kind]
        text = f"{word} {number(context[key])}"
    elif kind in _SIZES:
        key, word, noun = _SIZES[kind]
        text = f"must have {word} {_counted(context[key], noun)}"
    elif kind == "literal_error":
        text = f"must be {context['expected']}".replace("'", '"')
    else:
        message = str(error["msg"])
        text = message[0].lower() + message[1:]
    return f"{text} (given {given(error.get('input'))})"


def number(value: float) -> str:
    """A number as people write it, with thousands separators and without an exponent.

    >>> number(1e12), number(1e-6), number(0.5), number(1e23), number(True)
    ('1,000,000,000,000', '0.000001', '0.5', 'a number of 24 digits', 'true')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if value != value or value in (float("inf"), float("-inf")):
        return str(value)
    if abs(value) >= LARGE:
        digits = int(log10(abs(value))) + 1
        return f"a number of {digits:,} digits"
    if value == int(value):
        return f"{int(value):,}"
    small = f"{value:.12f}".rstrip("0")
    return small if abs(value) >= 1e-6 else repr(value)


def given(value: Any, limit: int = 60) -> str:
    """A value of a profile as it was written, shortened."""
    if isinstance(value, int | float):
        return number(value).replace(",", "")
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except (ValueError, RecursionError):
        text = type(value).__name__
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _counted(n: int, noun: str) -> str:
    if n == 1:
        return f"1 {noun}"
    return f"{n:,} {'entries' if noun == 'entry' else f'{noun}s'}"
