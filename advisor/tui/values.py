"""Between a value of the profile and the text that a person types for it."""

from __future__ import annotations

import math
import re
from datetime import date
from typing import Any

from advisor.tui.fields import FieldSpec
from advisor.tui.widgets.tones import clean

_FACTORS = {"k": 1e3, "m": 1e6, "b": 1e9}
_YES, _NO = ("yes", "y", "true", "on", "1"), ("no", "n", "false", "off", "0")


def to_text(spec: FieldSpec, value: Any) -> str:
    """How the form shows a value.

    >>> from advisor.tui.fields import FieldSpec
    >>> s = FieldSpec(("x",), "X", "%", "number", "", None, False, True, as_share=True)
    >>> to_text(s, 0.55)
    '55'
    """
    if value is None:
        return ""
    if spec.kind == "toggle":
        return "yes" if value else "no"
    if spec.kind == "names":
        return ", ".join(str(v) for v in value)
    if spec.kind == "mapping":
        return ", ".join(f"{k} = {v:g}" for k, v in value.items())
    if isinstance(value, int | float) and not isinstance(value, bool):
        if spec.as_share:
            return f"{value * 100:.10g}"
        if isinstance(value, int):
            return f"{value:,}"
        return f"{value:,.12g}" if value >= 10_000 else f"{value:.10g}"
    return clean(str(value)).replace("\n", " ")


def from_text(spec: FieldSpec, text: str) -> Any:
    """The value that a text stands for; None for an empty one.

    Raises
    ------
    ValueError
        With what would be right, in a sentence.
    """
    text = text.strip()
    if not text:
        return None
    if spec.kind in ("number", "whole"):
        return _number(spec, text)
    if spec.kind == "toggle":
        if text.lower() in _YES:
            return True
        if text.lower() in _NO:
            return False
        raise ValueError("write yes or no")
    if spec.kind == "choice":
        return _choice(spec, text)
    if spec.kind == "date":
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise ValueError("write a date as 2026-12-19") from None
    if spec.kind == "names":
        names = tuple(dict.fromkeys(n.strip() for n in text.split(",") if n.strip()))
        wrong = [n for n in names if spec.choices and n not in spec.choices]
        if wrong:
            raise ValueError(f'"{wrong[0]}" is not one of {", ".join(spec.choices)}')
        return names or None
    if spec.kind == "mapping":
        return _mapping(text)
    return text


def _choice(spec: FieldSpec, text: str) -> Any:
    for word in spec.choices:
        if word.lower() == text.lower():
            return int(word) if word.isdigit() else word
    close = [w for w in spec.choices if w.startswith(text.lower())]
    if len(close) == 1:
        return int(close[0]) if close[0].isdigit() else close[0]
    raise ValueError(f"choose {', '.join(spec.choices)}")


def _number(spec: FieldSpec, text: str) -> float | int:
    percent = text.endswith("%")
    body = text.removesuffix("%").replace("_", "").replace("\u202f", "").replace(" ", "").lstrip("$")
    if re.fullmatch(r"[-+]?\d{1,3}(,\d{3})+(\.\d+)?", body):
        body = body.replace(",", "")
    factor = 1.0
    if body and body[-1].lower() in _FACTORS:
        factor, body = _FACTORS[body[-1].lower()], body[:-1]
    try:
        value = float(body) * factor
    except ValueError:
        value = math.nan
    if not math.isfinite(value):  # also what lies beyond any float, as 1e400
        raise ValueError(f'"{text}" is no number; write e.g. {"55 or 55 %" if spec.as_share else "2000 or 2k"}')
    if spec.as_share:
        return round(value / 100, 12)
    if percent:
        raise ValueError("this field is not a share; write the number without %")
    if value == int(value) and "e" not in body.lower() and "." not in body and abs(value) < 1e15:
        return int(value)
    if spec.kind == "whole":
        raise ValueError("write a whole number")
    return value


def _mapping(text: str) -> dict[str, float]:
    out: dict[str, float] = {}
    for part in text.split(","):
        if not part.strip():
            continue
        name, sign, number = part.partition("=")
        number = number.strip()
        try:
            value = float(number.removesuffix("%")) / (100 if number.endswith("%") else 1)
        except ValueError:
            value = math.nan
        out[name.strip()] = value
        if not sign or not name.strip() or not math.isfinite(value):
            raise ValueError("write name = number, e.g. mi355x = 0.9")
    return out
