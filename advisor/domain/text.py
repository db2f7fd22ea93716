"""Text from users and servers, made harmless for a terminal."""

from __future__ import annotations

import unicodedata

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
