"""The endpoint to probe: what a user may type, and what is refused."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Literal

import httpx

from advisor.domain.errors import InputError
from advisor.domain.text import plain

Api = Literal["chat", "completions"]
_PATHS: dict[Api, str] = {"chat": "/v1/chat/completions", "completions": "/v1/completions"}


@dataclass(frozen=True, slots=True)
class Target:
    """An OpenAI-compatible server, its base without `/v1`."""

    base: httpx.URL
    api: Api

    @property
    def completions(self) -> httpx.URL:
        """Where requests go."""
        return self.at(_PATHS[self.api])

    @property
    def shown(self) -> str:
        """Scheme, host and port; what reports may show."""
        port = f":{self.base.port}" if self.base.port else ""
        host = f"[{self.base.host}]" if ":" in self.base.host else self.base.host
        return f"{self.base.scheme}://{host}{port}"

    def at(self, path: str) -> httpx.URL:
        """A path under the base."""
        return self.base.copy_with(raw_path=(self.base.path.rstrip("/") + path).encode("ascii"))


def parse_target(url: str, api: Api = "chat", *, allow_plain_http: bool = False) -> Target:
    """Read the URL; plain http beyond this machine needs `allow_plain_http`.

    >>> parse_target("http://127.0.0.1:8000/v1/").completions
    URL('http://127.0.0.1:8000/v1/chat/completions')
    """
    text = url.strip()
    if "://" not in text:
        raise InputError(f'"{_shown(url)}" has no scheme; write https://... (or http:// for a server on this machine)')
    try:
        parsed = httpx.URL(text)
    except (httpx.InvalidURL, UnicodeError) as error:
        raise InputError(f'"{_shown(url)}" is not a URL: {error}') from None
    if parsed.scheme not in ("http", "https"):
        raise InputError(f'"{parsed.scheme}" is not supported; the URL must begin with https:// or http://')
    if not parsed.host:
        raise InputError(f'"{_shown(url)}" names no host')
    if ":" not in parsed.host and not _may_be_name(parsed.raw_host):
        raise InputError(f'"{_shown(url)}" names no host that there could be; write e.g. https://gpu-1.example:8000')
    if parsed.port is not None and not 0 < parsed.port < 65536:
        raise InputError(f'"{_shown(url)}": port {parsed.port} is out of range; ports run from 1 to 65535')
    if parsed.userinfo:
        raise InputError("the URL holds a user name or password; give the key by --key-env or --key-prompt instead")
    if parsed.query or parsed.fragment:
        raise InputError("the URL holds a query or fragment; give only the server's address, e.g. https://host:8000")
    if parsed.scheme == "http" and not allow_plain_http and not is_loopback(parsed.host):
        raise InputError(
            f"{parsed.host} would be spoken to without encryption, key and prompts included; use https://, or"
            " --allow-plain-http on a network that you trust"
        )
    path = parsed.path.rstrip("/")
    for suffix in ("/chat/completions", "/completions", "/v1"):
        path = path.removesuffix(suffix)
    try:
        base = parsed.copy_with(raw_path=(path or "/").encode("ascii"))
    except UnicodeError:
        raise InputError(f'"{_shown(url)}": the path holds characters that must be percent-encoded') from None
    return Target(base, api)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its very name or address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _may_be_name(host: bytes) -> bool:
    """Whether a name can be looked up at all; a URL may hold more, percent-encoded, than a name may."""
    return b"%" not in host and all(0 < len(label) < 64 for label in host.removesuffix(b".").split(b"."))


def _shown(url: str) -> str:
    """The URL as typed, less what may be a password in it."""
    scheme, mark, rest = url.rpartition("://")
    return plain(f"{scheme}{mark}{rest.rpartition('@')[2]}", 120)
