"""The proxy to go through, from the user's arguments and environment."""

from __future__ import annotations

import urllib.request

import httpx

from advisor.domain.errors import InputError
from advisor.probe.target import is_loopback


def proxy_for(target: httpx.URL, given: str | None) -> httpx.URL | None:
    """The http proxy to go through: the given one, else the environment's unless NO_PROXY names the host.

    This machine is never asked through the environment's proxy, which would see key and prompts in the clear.
    """
    text = given
    if text is None:
        if is_loopback(target.host) or urllib.request.proxy_bypass(target.host):
            return None
        text = urllib.request.getproxies().get(target.scheme)
    if not text:
        return None
    try:
        proxy = httpx.URL(text if "://" in text else f"http://{text}")
    except httpx.InvalidURL as error:
        raise InputError(f"the proxy's address is not a URL: {error}") from None
    if proxy.scheme != "http" or not proxy.host:
        raise InputError(f'proxies are spoken to over http only, not "{proxy.scheme}"; give --proxy http://host:port')
    return proxy
