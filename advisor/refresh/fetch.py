"""Gets one file: bounded in size and time, retried with backoff, conditional, and never led elsewhere."""

from __future__ import annotations

import contextlib
import random
import socket
import ssl
import threading
import time
import urllib.request
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any

import httpx

from advisor import __version__
from advisor.domain.errors import InputError, NetworkError
from advisor.domain.text import plain
from advisor.refresh.guard import check_peer, check_resolved, check_url, redirect_target
from advisor.refresh.settings import Network
from advisor.tls import tls_context

RETRIED_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})


class UnreachableError(NetworkError):
    """No connection: name, route or server is missing. Its host need not be asked again."""


class TransferError(NetworkError):
    """The server answered, but not with a whole and usable file."""


class SlowError(TransferError):
    """The server took all the time that it was given; at each of many files that would hold a refresh for an hour."""


class _Retry(Exception):
    def __init__(self, error: NetworkError, wait_s: float | None = None) -> None:
        self.error, self.wait_s = error, wait_s
        super().__init__(str(error))


@dataclass(frozen=True, slots=True)
class Known:
    """What the last good answer said of itself; sent back so that an unchanged file is not sent again."""

    etag: str = ""
    last_modified: str = ""


@dataclass(frozen=True, slots=True)
class Fetched:
    """One answer; `body` is None where the file has not changed."""

    url: str
    body: bytes | None
    known: Known
    content_date: date | None
    """Day of Last-Modified, where the server states it."""


_UNKNOWN = Known()


class Deadline:
    """Shuts the connections of a client once its time is over; a context manager.

    A timeout of the client begins anew with every byte, so that a server that drips its head is bounded by this alone.

    Parameters
    ----------
    left_s
        Time until then [s].
    sockets
        Connections of the client, those of earlier requests too, since they may be used again.
    """

    def __init__(self, left_s: float, sockets: list[socket.socket]) -> None:
        self.over = False
        self._sockets = sockets
        self._timer = threading.Timer(max(left_s, 0.0), self._shut)
        self._timer.daemon = True

    def __enter__(self) -> Deadline:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def note(self, event: str, info: Mapping[str, Any]) -> None:
        """Trace of the client: keeps hold of each connection that it opens."""
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            self._sockets.append(info["return_value"].get_extra_info("socket"))

    def _shut(self) -> None:
        self.over = True
        for opened in list(self._sockets):
            with contextlib.suppress(OSError, ValueError):
                opened.shutdown(socket.SHUT_RDWR)


class Fetcher:
    """A client for a whole refresh; use it as a context manager.

    Parameters
    ----------
    sleep, clock, jitter
        Waiting, monotonic time [s] and a number from 0 to 1, given from outside so that tests need not wait.
    """

    def __init__(
        self, network: Network, *, sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic, jitter: Callable[[], float] = random.random,
    ) -> None:  # fmt: skip
        self.network, self.sleep, self.clock, self.jitter = network, sleep, clock, jitter
        self.client = _client(network)
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> Fetcher:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.client.close()

    def get(
        self, url: str, known: Known = _UNKNOWN, *, hosts: frozenset[str] = frozenset(), allow_private: bool = False,
    ) -> Fetched:  # fmt: skip
        """One file.

        Parameters
        ----------
        hosts
            Other hosts to which a redirect may lead.
        allow_private
            Whether the user has named this address as a mirror of their own.

        Raises
        ------
        NetworkError
            When no whole file came within the limits, with the last reason.
        """
        for attempt in range(1, self.network.attempts + 1):
            try:
                return self._once(url, known, hosts, allow_private)
            except _Retry as failed:
                if attempt == self.network.attempts:
                    tries = f" ({attempt} tries)" if attempt > 1 else ""
                    raise type(failed.error)(f"{failed.error}{tries}") from None
                full = min(self.network.backoff_s * 2 ** (attempt - 1), self.network.max_wait_s)
                wait = failed.wait_s if failed.wait_s is not None else full * (0.5 + 0.5 * self.jitter())
                self.sleep(min(wait, self.network.max_wait_s))
        raise AssertionError("unreachable")

    def _once(self, url: str, known: Known, hosts: frozenset[str], allow_private: bool) -> Fetched:
        start = self.clock()
        headers = {"If-None-Match": known.etag} if known.etag else {}
        if known.last_modified:
            headers["If-Modified-Since"] = known.last_modified
        for _ in range(self.network.redirects + 1):
            deadline = Deadline(self.network.total_s - (self.clock() - start), self._sockets)
            host, port = check_url(url, allow_private=allow_private)
            proxied = _proxied(url, host)
            try:
                if not proxied:
                    check_resolved(host, port, allow_private=allow_private)
                with (
                    deadline,
                    self.client.stream("GET", url, headers=headers, extensions={"trace": deadline.note}) as response,
                ):
                    if not proxied:
                        check_peer(response.extensions.get("network_stream"), host, allow_private=allow_private)
                    if response.is_redirect and response.headers.get("location"):
                        url = redirect_target(url, response.headers["location"], hosts, allow_private=allow_private)
                        continue
                    return self._read(url, host, response, start, known)
            except (OSError, UnicodeError, httpx.HTTPError, httpx.InvalidURL) as error:
                if deadline.over:
                    slow = f"{host} is too slow: no whole answer in {self.network.total_s:g} s"
                    raise SlowError(slow) from None
                raise _named(error, host, self.network, proxied=proxied) from None
        raise TransferError(f"{host} redirects more than {self.network.redirects} times")

    def _read(self, url: str, host: str, response: httpx.Response, start: float, known: Known) -> Fetched:
        status = response.status_code
        if status == 304 and (known.etag or known.last_modified):
            return Fetched(url, None, known, _day(known.last_modified))
        if status in RETRIED_STATUS:
            raise _Retry(TransferError(f"{host} answers {status}"), _retry_after(response))
        if status != 200:
            gone = "; the file is not there" if status in (404, 410) else ""
            raise TransferError(f"{host} answers {status}{gone}")
        length = response.headers.get("content-length", "")
        if length.isdigit() and int(length) > self.network.max_mib * 2**20:
            raise TransferError(
                f"{host} offers a file of {int(length) / 2**20:,.0f} MiB; the limit is {self.network.max_mib} MiB"
            )
        encoding = response.headers.get("content-encoding", "identity").strip().casefold()
        if encoding not in ("", "identity", "gzip", "x-gzip"):
            raise TransferError(f'{host} sends the encoding "{plain(encoding, 30)}", which was not asked for')
        body = unpacked(
            self._bounded(response, host, start), host, packed=encoding.endswith("gzip"),
            limit=self.network.max_decoded_mib * 2**20,
        )  # fmt: skip
        modified = plain(response.headers.get("last-modified", ""), 60)
        seen = Known(plain(response.headers.get("etag", ""), 200), modified)
        return Fetched(url, body, seen, _day(modified))

    def _bounded(self, response: httpx.Response, host: str, start: float) -> Iterable[bytes]:
        size = 0
        for chunk in response.iter_raw():
            size += len(chunk)
            if size > self.network.max_mib * 2**20:
                raise TransferError(f"{host} sends more than {self.network.max_mib} MiB")
            if self.clock() - start > self.network.total_s:
                raise SlowError(f"{host} is too slow: {size:,} bytes in {self.network.total_s:g} s")
            yield chunk


def unpacked(chunks: Iterable[bytes], host: str, *, packed: bool, limit: int) -> bytes:
    """The content of a transfer; a gzip stream is unpacked by hand, because its end and its size are checked.

    Raises
    ------
    _Retry
        When the stream ends early: it may come whole the next time.
    TransferError
        When it holds something else, or more than `limit` bytes.
    """
    out = bytearray()
    stream = zlib.decompressobj(wbits=31) if packed else None
    for chunk in chunks:
        while chunk:
            if stream is None:
                out += chunk
                chunk = b""
            else:
                if stream.eof:
                    stream = zlib.decompressobj(wbits=31)
                try:
                    out += stream.decompress(chunk, limit + 1 - len(out))
                except zlib.error:
                    raise TransferError(f"{host} sends a damaged gzip stream") from None
                chunk = stream.unused_data or stream.unconsumed_tail
            if len(out) > limit:
                raise TransferError(f"{host} sends more than {limit // 2**20} MiB once unpacked")
    if stream is not None and not stream.eof:
        raise _Retry(TransferError(f"{host} sends a gzip stream that breaks off"))
    return bytes(out)


def _named(error: Exception, host: str, network: Network, *, proxied: bool) -> Exception:
    """What went wrong, in words; whether it may pass by itself decides whether it is tried again."""
    peer = "the proxy of the environment" if proxied else host  # through a proxy it alone is looked up and dialled
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return TransferError(
                f"the certificate of {host} cannot be verified ({cause.verify_message}); nothing was read"
            )
        if isinstance(cause, ssl.SSLError):
            return TransferError(f"no TLS connection with {host} ({cause.reason or 'handshake failed'})")
        if isinstance(cause, socket.gaierror):
            name = "the name of the proxy in HTTPS_PROXY" if proxied else f"the name {host}"
            return UnreachableError(f"{name} cannot be looked up; is this machine offline?")
        if isinstance(cause, UnicodeError):
            return TransferError(f"the address of {plain(host, 60)}, or one that it leads to, is not usable")
        cause = cause.__cause__ or cause.__context__
    match error:
        case httpx.ConnectTimeout():
            return UnreachableError(f"no connection to {peer} within {network.connect_s:g} s")
        case httpx.TimeoutException():
            return _Retry(SlowError(f"{host} is silent for {network.read_s:g} s"))
        case httpx.ProxyError():
            return UnreachableError(f"the proxy refuses to reach {host}")
        case httpx.ConnectError():
            return _Retry(UnreachableError(f"no connection to {peer}"))
        case httpx.RemoteProtocolError():
            return _Retry(TransferError(f"{host} breaks off in the middle of its answer"))
        case httpx.InvalidURL() | httpx.UnsupportedProtocol():
            return TransferError(f"the address of {host} is not usable")
        case OSError():
            return UnreachableError(f"no connection to {peer} ({error.strerror or type(error).__name__})")
        case _:
            return _Retry(TransferError(f"the exchange with {host} failed ({type(error).__name__})"))


def _client(network: Network) -> httpx.Client:
    try:
        return httpx.Client(
            verify=tls_context(network.ca_file, "network.ca_file"),
            timeout=httpx.Timeout(network.read_s, connect=network.connect_s),
            headers={
                "User-Agent": f"accelerator-advisor/{__version__}",
                "Accept": "text/csv, application/json, application/zip, */*;q=0.5",
                "Accept-Encoding": "gzip",
            },
            follow_redirects=False,
        )
    except (ValueError, ImportError, httpx.InvalidURL):
        raise InputError(_unusable_proxy()) from None


def _unusable_proxy() -> str:
    """Which variable names a proxy that cannot be spoken to; its value may hold a password and is not shown."""
    for scheme in ("https", "http", "all"):
        proxy = urllib.request.getproxies().get(scheme, "")
        name = f"{scheme.upper()}_PROXY"
        kind = proxy.partition("://")[0].casefold()
        if "://" in proxy and kind not in ("http", "https"):
            return (
                f'{name}: a proxy of the kind "{plain(kind, 20)}" is not supported; give http://host:port, or unset it'
            )
    return "HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names no usable proxy; give http://host:port, or unset it"


def _proxied(url: str, host: str) -> bool:
    scheme = url.partition(":")[0]
    proxies = urllib.request.getproxies()
    return bool(proxies.get(scheme) or proxies.get("all")) and not urllib.request.proxy_bypass(host)


def _retry_after(response: httpx.Response) -> float | None:
    text = response.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() else None


def _day(header: str) -> date | None:
    try:
        stamp: datetime = parsedate_to_datetime(header)
    except (TypeError, ValueError):
        return None
    return (stamp if stamp.tzinfo is None else stamp.astimezone(UTC)).date()
