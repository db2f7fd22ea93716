"""Where a refresh may connect to: https, public addresses, and no host that a server names.

The files asked for are named by this program or by the user's settings. A server can only lead elsewhere by a
redirect or by its name's address, so both are checked: a redirect stays on its host, and an address inside a private
network, this machine or a cloud's metadata service is refused unless the user's settings name such a mirror.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import Any
from urllib.parse import urljoin, urlsplit

from advisor.domain.errors import NetworkError
from advisor.domain.text import plain


class BlockedError(NetworkError):
    """An address that a refresh does not connect to."""


def check_url(url: str, *, allow_private: bool) -> tuple[str, int]:
    """(host, port) of an address that may be asked, before any name is looked up."""
    shown = plain(re.sub(r"//.*@", "//", url), 200)  # a password is not repeated
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise BlockedError(f'"{shown}" is no address ({plain(str(error), 80)})') from None
    if parts.username is not None or parts.password is not None:
        raise BlockedError("the address holds a user name or password; give one without")
    try:
        port = parts.port
    except ValueError:
        raise BlockedError(f'"{shown}" has no valid port') from None
    if parts.scheme != "https" and not (parts.scheme == "http" and allow_private):
        raise BlockedError(f'"{shown}" is not https://; prices and measurements are read over TLS only')
    if not parts.hostname:
        raise BlockedError(f'"{shown}" names no host')
    literal = _address(parts.hostname)
    if literal is not None:
        check_address(literal, parts.hostname, allow_private=allow_private)
    return parts.hostname, port or (443 if parts.scheme == "https" else 80)


def check_resolved(host: str, port: int, *, allow_private: bool) -> None:
    """Refuse a name when any of its addresses is not public.

    Raises
    ------
    OSError
        Where the name cannot be looked up.
    """
    if allow_private:
        return
    for *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        check_address(ipaddress.ip_address(str(address[0]).partition("%")[0]), host, allow_private=False)


def check_peer(stream: Any, host: str, *, allow_private: bool) -> None:
    """Refuse an answer that comes from another sort of address than the name had when it was looked up."""
    peer = stream.get_extra_info("server_addr") if stream is not None else None
    address = _address(str(peer[0]).partition("%")[0]) if peer else None
    if address is not None:
        check_address(address, host, allow_private=allow_private)


def check_address(address: ipaddress.IPv4Address | ipaddress.IPv6Address, host: str, *, allow_private: bool) -> None:
    """Refuse addresses that are not public."""
    inner = getattr(address, "ipv4_mapped", None) or address
    if allow_private and (inner.is_private or inner.is_loopback) and not inner.is_link_local:
        return
    if not inner.is_global or inner.is_multicast:
        raise BlockedError(
            f"{host} lies at {inner}, which is not a public address; for a mirror of your own set allow_private = true"
            " beside its base in refresh.toml"
        )


def redirect_target(url: str, location: str, hosts: frozenset[str], *, allow_private: bool) -> str:
    """The address that a redirect leads to, where it may be followed."""
    try:
        target = urljoin(url, location)
    except ValueError:
        raise BlockedError(f'{urlsplit(url).hostname} leads to "{plain(location, 80)}", which is no address') from None
    before, after = urlsplit(url), urlsplit(target)
    host, _ = check_url(target, allow_private=allow_private)
    if before.scheme == "https" and after.scheme != "https":
        raise BlockedError(f"{before.hostname} redirects to an unencrypted address; not followed")
    if host != before.hostname and host not in hosts:
        raise BlockedError(f"{before.hostname} redirects to another host, {host}; not followed")
    if host == before.hostname and host not in hosts and _port(after) != _port(before):
        raise BlockedError(f"{before.hostname} redirects to another port of its host; not followed")
    return target


def _port(parts: Any) -> int:
    return int(parts.port or (443 if parts.scheme == "https" else 80))


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
