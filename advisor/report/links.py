"""Which addresses may become links."""

from __future__ import annotations

from urllib.parse import quote, urlsplit


def safe_url(address: str) -> str:
    """The address, made fit for an attribute, if it is plain http or https; else nothing.

    >>> safe_url("https://example.org/a b"), safe_url("javascript:alert(1)")
    ('https://example.org/a%20b', '')
    """
    try:
        parts = urlsplit(address.strip())
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not parts.netloc:
        return ""
    return quote(address.strip(), safe=":/?#[]@!$&'()*+,;=%~-._")
