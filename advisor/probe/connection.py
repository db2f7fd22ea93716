"""One socket to the server, with the moment of arrival stamped on every read.

Where the kernel can say when bytes arrived (SO_TIMESTAMPNS, Linux), its stamp is taken, so that a busy event
loop does not make the server look slow; elsewhere the stamp is the moment of the read. Both ways the delay
between arrival and read is kept: it is this tool's own lag.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import sys
from array import array
from collections.abc import Callable
from time import perf_counter_ns, time_ns
from typing import Any, Protocol

_SO_TIMESTAMPNS = 35 if sys.platform == "linux" else None
_TIMESPEC = struct.Struct("@ll")
_READ_BYTES = 64 * 1024
_MAX_BELIEVABLE_LAG_NS = 60_000_000_000


class Receiver(Protocol):
    """What a connection hands its bytes to."""

    def received(self, data: bytes, stamp_ns: int) -> None:
        """Take decrypted bytes that arrived at `stamp_ns`."""

    def closed(self, error: Exception | None) -> None:
        """Take the end of the connection."""


class LagLog:
    """Delays between arrival and read, in nanoseconds; the tool's own share of every latency."""

    __slots__ = ("kernel_stamps", "lags_ns", "last_ns", "polled_ns", "reads")

    def __init__(self) -> None:
        self.lags_ns = array("q")
        self.last_ns = 0
        """Lag of the read being handed on."""
        self.polled_ns = 0
        """A moment since which every socket has been looked at; 0 while nobody keeps it."""
        self.reads = 0
        self.kernel_stamps = False

    def clear(self) -> None:
        """Start a new step."""
        self.lags_ns = array("q")
        self.reads = 0


class Connection:
    """A connected, optionally encrypted socket that pushes what it reads to one receiver."""

    __slots__ = (
        "_incoming",
        "_loop",
        "_out",
        "_outgoing",
        "_paused_write",
        "_sock",
        "_tls",
        "connect_s",
        "is_closed",
        "lag_log",
        "origin",
        "parked_ns",
        "receiver",
        "used",
    )

    def __init__(self, sock: socket.socket, loop: asyncio.AbstractEventLoop, lag_log: LagLog) -> None:
        self._sock = sock
        self._loop = loop
        self._tls: ssl.SSLObject | None = None
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._out = b""
        self._paused_write = False
        self.lag_log = lag_log
        self.receiver: Receiver | None = None
        self.is_closed = False
        self.used = 0
        self.parked_ns = 0
        """When it last became idle."""
        self.connect_s = 0.0
        self.origin: tuple[str, str, int] = ("", "", 0)

    @classmethod
    async def open(cls, address: tuple[Any, ...], family: int, lag_log: LagLog) -> Connection:
        """Connect to one resolved address."""
        loop = asyncio.get_running_loop()
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # A server that runs on after it was told to stop shall not do so into a deep buffer of ours.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _READ_BYTES)
            if _SO_TIMESTAMPNS is not None:
                with contextlib.suppress(OSError):
                    sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            await loop.sock_connect(sock, address)
        except BaseException:
            sock.close()
            raise
        return cls(sock, loop, lag_log)

    async def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        """Shake hands, verifying the certificate for `host`."""
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                await self._flush_handshake()
                data = await self._loop.sock_recv(self._sock, _READ_BYTES)
                if not data:
                    raise ConnectionResetError("the server closed during the TLS handshake") from None
                self._incoming.write(data)
        await self._flush_handshake()

    async def _flush_handshake(self) -> None:
        pending = self._outgoing.read()
        if pending:
            await self._loop.sock_sendall(self._sock, pending)

    async def raw_exchange(self, data: bytes, until: bytes, limit: int) -> bytes:
        """Send and read up to a marker before any stamped traffic (proxy CONNECT)."""
        await self._loop.sock_sendall(self._sock, data)
        answer = b""
        while until not in answer:
            more = await self._loop.sock_recv(self._sock, 4096)
            if not more or len(answer) > limit:
                break
            answer += more
        return answer

    def start_reading(self) -> None:
        """Begin to push reads to the receiver."""
        self._loop.add_reader(self._sock.fileno(), self._readable())

    def send(self, data: bytes) -> int:
        """Write a request; returns the moment [ns] just before its first byte was given to the kernel."""
        if self._tls is not None:
            self._tls.write(data)
            data = self._outgoing.read()
        self._out += data
        started = perf_counter_ns()
        self._flush()
        return started

    def _flush(self) -> None:
        try:
            sent = self._sock.send(self._out)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError as error:
            self.close(error)
            return
        self._out = self._out[sent:]
        if self._out and not self._paused_write:
            self._paused_write = True
            self._loop.add_writer(self._sock.fileno(), self._flush)
        elif not self._out and self._paused_write:
            self._paused_write = False
            self._loop.remove_writer(self._sock.fileno())

    def _readable(self) -> Callable[[], None]:
        """The read callback; a closure, since attribute look-ups count at ten thousand reads a second."""
        recvmsg = getattr(self._sock, "recvmsg", None) or self._receive
        log = self.lag_log
        unpack = _TIMESPEC.unpack_from
        ancillary_bytes = socket.CMSG_SPACE(_TIMESPEC.size) if hasattr(socket, "CMSG_SPACE") else 0

        def read() -> None:
            try:
                data, ancillary, _, _ = recvmsg(_READ_BYTES, ancillary_bytes)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self.close(error)
                return
            stamp = perf_counter_ns()
            log.reads += 1
            log.last_ns = 0
            if ancillary:
                seconds, nanoseconds = unpack(ancillary[0][2])
                lag = time_ns() - seconds * 1_000_000_000 - nanoseconds
                # A clock that was set meanwhile gives nonsense: then the moment of the read stands.
                if 0 <= lag < _MAX_BELIEVABLE_LAG_NS:
                    stamp -= lag
                    log.kernel_stamps = True
                    log.last_ns = lag
                    log.lags_ns.append(lag)
            if self._tls is not None:
                data = self._decrypt(data, stamp)
                if not data:
                    return
            if not data:
                self.close()
            elif self.receiver is not None:
                self.receiver.received(data, stamp)
            else:
                # Bytes that nobody asked for: the connection is out of step.
                self.close()

        return read

    def _receive(self, size: int, _: int) -> tuple[bytes, list[tuple[int, int, bytes]], int, None]:
        """`recvmsg` for platforms without it (Windows)."""
        return self._sock.recv(size), [], 0, None

    def _decrypt(self, data: bytes, stamp_ns: int) -> bytes:
        assert self._tls is not None
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
        parts: list[bytes] = []
        ended = not data
        while True:
            try:
                part = self._tls.read(_READ_BYTES)
            except ssl.SSLWantReadError:
                break
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                ended = True
                break
            except ssl.SSLError as error:
                self.close(error)
                return b""
            if not part:
                ended = True
                break
            parts.append(part)
        plain = b"".join(parts)
        if ended:
            if plain and self.receiver is not None:
                self.receiver.received(plain, stamp_ns)
            self.close()
            return b""
        return plain

    def close(self, error: Exception | None = None, *, reset: bool = False) -> None:
        """Close once; `reset` tells the server at once that nobody reads any more."""
        if self.is_closed:
            return
        self.is_closed = True
        fd = self._sock.fileno()
        if fd >= 0:
            self._loop.remove_reader(fd)
            self._loop.remove_writer(fd)
        if reset:
            with contextlib.suppress(OSError):
                self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()
        receiver, self.receiver = self.receiver, None
        if receiver is not None:
            receiver.closed(error)
