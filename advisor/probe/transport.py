"""An httpx transport that stamps bytes as they arrive and hands them on without waking a task.

httpx stays the client that the code speaks: URLs, headers, authentication, request building and errors are
its own. Under it lies a pool of `Connection`s. A request may carry extensions:

- ``sink``: a `BodySink` that takes the body of a 200 answer; the response's own stream is then empty,
- ``limits``: `Limits` of time and size,

and its response carries ``exchange``, whose `finished` future resolves at the end of the body.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
import ssl
from collections import defaultdict
from collections.abc import AsyncIterator
from time import perf_counter, perf_counter_ns
from types import TracebackType
from typing import Any

import httpx

from advisor.probe.connection import Connection, LagLog
from advisor.probe.exchange import BodySink, Exchange, Limits
from advisor.probe.faults import Fault, TransportFault
from advisor.probe.http1 import FramingError, request_bytes
from advisor.tls import tls_context

_NO_AUTHORITY = frozenset({18, 19, 20, 21})
"""OpenSSL's codes for a certificate whose issuer nobody vouches for: self-signed, or signed by one unknown."""
_SWEEP_S = 0.05
_Origin = tuple[str, str, int]
_Address = tuple[socket.AddressFamily, tuple[Any, ...]]


class StampedTransport(httpx.AsyncBaseTransport):
    """Keep-alive pool of stamped connections; one event loop only."""

    def __init__(self, tls: ssl.SSLContext | None = None, proxy: httpx.URL | None = None) -> None:
        self.lag_log = LagLog()
        self.connects_s: list[float] = []
        self._tls = tls
        self._proxy = proxy
        self._idle: dict[_Origin, list[Connection]] = defaultdict(list)
        self._active: dict[Exchange, None] = {}
        self._addresses: dict[tuple[str, int], list[_Address]] = {}
        self._opening: set[asyncio.Task[Connection]] = set()
        self._resolving = asyncio.Lock()
        self._sweeper: asyncio.Task[None] | None = None
        self._shut = ""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send, wait for the response head, return; the body follows into the sink or the stream."""
        sink: BodySink | None = request.extensions.get("sink")
        limits: Limits = request.extensions.get("limits") or Limits()
        if self._shut:
            raise TransportFault(Fault.CUT, self._shut)
        origin = _origin(request.url)
        body = await request.aread()
        method = request.method.encode("ascii")
        try:
            data = request_bytes(method, self._target(request.url), self._headers(request), body)
        except FramingError as error:
            raise TransportFault(Fault.FRAMING, str(error)) from None
        connection = self._idle_connection(origin) or await self._connect(origin, limits)
        if self._shut:
            connection.close()
            raise TransportFault(Fault.CUT, self._shut)
        exchange = Exchange(connection, method, limits, sink, self._ended)
        self._active[exchange] = None
        self._ensure_sweeper()
        try:
            exchange.start(data)
            head = await exchange.head_ready
        except asyncio.CancelledError:
            exchange.abort(TransportFault(Fault.CUT, "cancelled"))
            raise
        return httpx.Response(
            head.status,
            headers=[(name, value) for name, value in head.headers if name != b"content-encoding"],
            stream=_BodyStream(exchange),
            extensions={"exchange": exchange, "http_version": b"HTTP/1.1"},
        )

    async def prewarm(self, url: httpx.URL, count: int, limits: Limits | None = None) -> None:
        """Open idle connections up to `count`, so that no measured request pays for a handshake."""
        origin = _origin(url)
        missing = count - len(self._idle[origin])
        gate = asyncio.Semaphore(32)

        async def one() -> None:
            async with gate:
                connection = await self._connect(origin, limits or Limits())
            self._park(origin, connection)

        async with asyncio.TaskGroup() as group:
            for _ in range(missing):
                group.create_task(one())

    def shut(self, reason: str) -> None:
        """Cut everything and refuse any further request."""
        self._shut = self._shut or reason
        self.abort_all(reason)

    def abort_all(self, reason: str) -> int:
        """Cut every exchange in flight; returns how many there were."""
        active = list(self._active)
        for exchange in active:
            exchange.abort(TransportFault(Fault.CUT, reason))
        opening = list(self._opening)
        for task in opening:
            task.cancel()
        return len(active) + len(opening)

    def events_in_flight(self) -> int:
        """Events that sinks in flight have taken so far."""
        return sum(getattr(exchange.sink, "taken", 0) for exchange in self._active)

    @property
    def in_flight(self) -> int:
        """Requests between send and end."""
        return len(self._active)

    async def aclose(self) -> None:
        """Cut what is in flight and close all connections."""
        self.abort_all("the probe is closing")
        for connections in self._idle.values():
            for connection in list(connections):
                connection.close()
        self._idle.clear()
        if self._sweeper is not None:
            self._sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeper
            self._sweeper = None

    async def __aenter__(self) -> StampedTransport:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self.aclose()

    def _target(self, url: httpx.URL) -> bytes:
        if self._proxy is not None and url.scheme == "http":
            return str(url.copy_with(username=None, password=None, fragment=None)).encode("ascii")
        return url.raw_path

    def _headers(self, request: httpx.Request) -> list[tuple[bytes, bytes]]:
        headers = list(request.headers.raw)
        if self._proxy is not None and request.url.scheme == "http":
            headers += self._proxy_auth()
        return headers

    def _proxy_auth(self) -> list[tuple[bytes, bytes]]:
        if self._proxy is None or not self._proxy.username:
            return []
        pair = f"{self._proxy.username}:{self._proxy.password}".encode()
        return [(b"proxy-authorization", b"Basic " + base64.b64encode(pair))]

    def _idle_connection(self, origin: _Origin) -> Connection | None:
        idle = self._idle[origin]
        while idle:
            connection = idle.pop()
            if not connection.is_closed:
                return connection
        return None

    def _park(self, origin: _Origin, connection: Connection) -> None:
        connection.receiver = None
        connection.parked_ns = perf_counter_ns()
        self._idle[origin].append(connection)

    def _ended(self, exchange: Exchange, reusable: bool) -> None:
        self._active.pop(exchange, None)
        if reusable:
            self._park(exchange.connection.origin, exchange.connection)
        else:
            exchange.connection.close(reset=True)

    async def _connect(self, origin: _Origin, limits: Limits) -> Connection:
        started = perf_counter()
        opening = asyncio.get_running_loop().create_task(self._open(origin))
        self._opening.add(opening)
        opening.add_done_callback(self._opening.discard)
        try:
            async with asyncio.timeout(limits.connect_s):
                connection = await opening
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise TransportFault(Fault.CUT, "cut while connecting") from None
        except TimeoutError:
            message = f"no connection within {limits.connect_s:g} s"
            raise TransportFault(Fault.CONNECT_TIMEOUT, message) from None
        connection.origin = origin
        connection.connect_s = perf_counter() - started
        self.connects_s.append(connection.connect_s)
        connection.start_reading()
        return connection

    async def _open(self, origin: _Origin) -> Connection:
        scheme, host, port = origin
        if self._proxy is not None:
            connection = await self._dial(self._proxy.host, self._proxy.port or 80)
            if scheme == "https":
                await self._tunnel(connection, host, port)
        else:
            connection = await self._dial(host, port)
        if scheme == "https":
            try:
                await connection.start_tls(self._tls_context(), host)
            except ssl.SSLError as error:
                connection.close()
                reason = getattr(error, "verify_message", "") or error.reason or "handshake failed"
                unknown = getattr(error, "verify_code", 0) in _NO_AUTHORITY
                hint = "; --ca-file adds an authority that you trust" if unknown else ""
                raise TransportFault(Fault.TLS, f"TLS with {host}: {reason}{hint}") from None
            except OSError as error:
                connection.close()
                raise TransportFault(Fault.TLS, f"TLS with {host}: {error}") from None
            except BaseException:
                connection.close()
                raise
        return connection

    async def _dial(self, host: str, port: int) -> Connection:
        last: OSError | None = None
        for family, address in await self._resolve(host, port):
            try:
                return await Connection.open(address, family, self.lag_log)
            except OSError as error:
                last = error
        if isinstance(last, ConnectionRefusedError):
            raise TransportFault(Fault.REFUSED, f"{host}:{port} refused the connection") from None
        raise TransportFault(Fault.CONNECT, f"{host}:{port}: {_reason(last)}") from None

    async def _resolve(self, host: str, port: int) -> list[_Address]:
        async with self._resolving:
            found = self._addresses.get((host, port))
            if found is None:
                try:
                    loop = asyncio.get_running_loop()
                    answers = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
                except (socket.gaierror, UnicodeError) as error:
                    raise TransportFault(Fault.DNS, f"{host}: no such host is known ({_reason(error)})") from None
                found = [(family, address) for family, _, _, _, address in answers]
                self._addresses[host, port] = found
        return found

    async def _tunnel(self, connection: Connection, host: str, port: int) -> None:
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        lines = [f"CONNECT {where} HTTP/1.1".encode(), b"host: " + where.encode()]
        lines += [name + b": " + value for name, value in self._proxy_auth()]
        answer = await connection.raw_exchange(b"\r\n".join(lines) + b"\r\n\r\n", b"\r\n\r\n", 16_384)
        status = answer.split(b"\r\n", 1)[0].split()
        if len(status) < 2 or status[1] != b"200":
            connection.close()
            shown = status[1].decode("ascii", "replace") if len(status) > 1 else "nothing"
            raise TransportFault(Fault.CONNECT, f"the proxy answered {shown} to CONNECT")

    def _tls_context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = tls_context(None)
        return self._tls

    def _ensure_sweeper(self) -> None:
        if self._sweeper is None or self._sweeper.done():
            self._sweeper = asyncio.get_running_loop().create_task(self._sweep())

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_S)
            now = perf_counter_ns()
            for exchange in list(self._active):
                exchange.check(now)


class _BodyStream(httpx.AsyncByteStream):
    """The body as httpx reads it: whole, once it has ended (streamed bodies go to the sink)."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def __aiter__(self) -> AsyncIterator[bytes]:
        body = await self._exchange.finished
        if body:
            yield body

    async def aclose(self) -> None:
        self._exchange.abort(TransportFault(Fault.CUT, "the response was closed"))


def _origin(url: httpx.URL) -> _Origin:
    return url.scheme, url.host, url.port or (443 if url.scheme == "https" else 80)


def _reason(error: Exception | None) -> str:
    """What the system says, without its number."""
    return (error.strerror if isinstance(error, OSError) else "") or str(error)
