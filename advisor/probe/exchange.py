"""One request and its response on a connection; hands body bytes to a sink as they arrive."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Protocol

from advisor.probe.connection import Connection
from advisor.probe.faults import Fault, TransportFault
from advisor.probe.http1 import Body, FramingError, HeadReader, ResponseHead

NS = 1_000_000_000
_ERROR_BODY_BYTES = 64 * 1024
_AFTER_COMPLETE_NS = NS // 4
_IDLE_NS = NS // 2
"""A connection that was idle this long may have been closed by the server without ill will."""


class BodySink(Protocol):
    """Takes a successful response's body while it streams; may raise `TransportFault` to stop it."""

    complete: bool
    """The sink has all it needs; what remains is the server closing the message."""

    @property
    def taken(self) -> int:
        """Token events so far."""

    def begin(self, head: ResponseHead, stamp_ns: int) -> None:
        """The response head arrived."""

    def feed(self, data: bytes, stamp_ns: int) -> None:
        """Decoded body bytes arrived at `stamp_ns`."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Time and size limits of one exchange."""

    head_s: float = 120.0
    """To the response head, and from there to the first token: engines send the head, then the request may queue."""
    idle_s: float = 30.0
    """Between two reads once tokens come."""
    total_s: float = 600.0
    body_bytes: int = 64 * 1024 * 1024
    connect_s: float = 10.0


class Exchange:
    """State of one request; the connection's receiver while it lasts."""

    __slots__ = (
        "_body",
        "_buffer",
        "_bytes",
        "_head_reader",
        "_inflate",
        "_last_ns",
        "_limits",
        "_on_end",
        "_was_idle",
        "connection",
        "finished",
        "head",
        "head_ready",
        "sent_ns",
        "sink",
    )

    def __init__(
        self,
        connection: Connection,
        method: bytes,
        limits: Limits,
        sink: BodySink | None,
        on_end: Callable[[Exchange, bool], None],
    ) -> None:
        loop = asyncio.get_running_loop()
        self.connection = connection
        self._was_idle = connection.used > 0 and perf_counter_ns() - connection.parked_ns > _IDLE_NS
        self.sink = sink
        self.head: ResponseHead | None = None
        self.head_ready: asyncio.Future[ResponseHead] = loop.create_future()
        self.finished: asyncio.Future[bytes] = loop.create_future()
        """Resolves to the buffered body (empty where a sink took it), or to a `TransportFault`."""
        self.sent_ns = 0
        self._limits = limits
        self._head_reader: HeadReader | None = HeadReader(method)
        self._body: Body | None = None
        self._buffer: list[bytes] = []
        self._bytes = 0
        self._inflate: Callable[[bytes], bytes] | None = None
        self._last_ns = 0
        self._on_end = on_end

    def start(self, data: bytes) -> None:
        """Send the request and begin to listen."""
        connection = self.connection
        connection.receiver = self
        connection.used += 1
        self.sent_ns = self._last_ns = perf_counter_ns()
        self.sent_ns = connection.send(data)

    def received(self, data: bytes, stamp_ns: int) -> None:
        """Bytes from the connection."""
        self._last_ns = stamp_ns
        try:
            if self._body is None:
                assert self._head_reader is not None
                parsed = self._head_reader.feed(data)
                if parsed is None:
                    return
                self._begin(parsed[0], parsed[1], stamp_ns)
                data = parsed[2]
            body = self._body
            assert body is not None
            if data:
                self._take(body.feed(data), stamp_ns)
            if body.done:
                self._end(None, reusable=not body.excess)
        except FramingError as error:
            self._end(TransportFault(Fault.FRAMING, str(error)))
        except TransportFault as fault:
            self._end(fault)

    def _begin(self, head: ResponseHead, body: Body, stamp_ns: int) -> None:
        self.head, self._body, self._head_reader = head, body, None
        if head.status != 200:
            self.sink = None
        coding = (head.first(b"content-encoding") or b"identity").strip().lower()
        if coding in (b"gzip", b"x-gzip", b"deflate"):
            self._inflate = _Inflate(coding).feed
        elif coding != b"identity":
            raise TransportFault(Fault.FRAMING, "the server used a content coding that was not offered")
        if self.sink is not None:
            self.sink.begin(head, stamp_ns)
        if not self.head_ready.done():
            self.head_ready.set_result(head)

    def _take(self, payload: bytes, stamp_ns: int) -> None:
        if not payload:
            return
        if self._inflate is not None:
            payload = self._inflate(payload)
        self._bytes += len(payload)
        if self._bytes > self._limits.body_bytes:
            raise TransportFault(Fault.TOO_LARGE, f"the answer passed {self._limits.body_bytes} bytes")
        if self.sink is not None:
            self.sink.feed(payload, stamp_ns)
            return
        self._buffer.append(payload)
        assert self.head is not None
        if self.head.status != 200 and self._bytes > _ERROR_BODY_BYTES:
            # An error page is read for its reason only; the rest is not waited for.
            self._end(None, reusable=False)

    def closed(self, error: Exception | None) -> None:
        """The connection ended."""
        proper = self._body is not None and error is None and self._body.eof()
        if proper or (self.sink is not None and self.sink.complete):
            self._end(None, reusable=False)
        elif self._body is None and self._was_idle and not self._last_read():
            self._end(TransportFault(Fault.STALE, "the server closed an idle connection"))
        else:
            reason = type(error).__name__ if error else "connection closed"
            where = "before the response head" if self._body is None else "in mid-stream"
            self._end(TransportFault(Fault.DISCONNECTED, f"{reason} {where}"))

    def _last_read(self) -> bool:
        return self._last_ns > self.sent_ns

    def check(self, now_ns: int) -> None:
        """Apply the time limits; called a few times a second."""
        if self.finished.done():
            return
        limits = self._limits
        idle_ns = now_ns - self._last_ns
        if self.sink is not None and self.sink.complete:
            if idle_ns > _AFTER_COMPLETE_NS:
                self._end(None, reusable=False)
        elif self.head is None:
            if now_ns - self.sent_ns > limits.head_s * NS:
                self._end(TransportFault(Fault.HEAD_TIMEOUT, f"no response head within {limits.head_s:g} s"))
        elif idle_ns > (idle_s := limits.head_s if self._awaits_first else limits.idle_s) * NS:
            self._end(TransportFault(Fault.STALLED, f"nothing arrived for {idle_s:g} s"))
        elif now_ns - self.sent_ns > limits.total_s * NS:
            self._end(TransportFault(Fault.TOO_SLOW, f"not finished within {limits.total_s:g} s"))

    @property
    def _awaits_first(self) -> bool:
        return self.sink is not None and not self.sink.taken

    def abort(self, fault: TransportFault) -> None:
        """End now, for a reason of ours."""
        self._end(fault)

    def _end(self, fault: TransportFault | None, *, reusable: bool = True) -> None:
        if self.finished.done():
            return
        self.connection.receiver = None
        if fault is None:
            self.finished.set_result(b"".join(self._buffer))
        else:
            if not self.head_ready.done():
                self.head_ready.set_exception(fault)
                # Both futures carry it; reading one must not leave the other "never retrieved".
                self.head_ready.exception()
            self.finished.set_exception(fault)
            self.finished.exception()
        self._buffer = []
        keep = fault is None and reusable and self.head is not None and self.head.keep_alive
        self._on_end(self, keep and not self.connection.is_closed)


class _Inflate:
    """Gzip or deflate undone piece by piece, without swelling past a bound."""

    _MAX_PIECE = 8 * 1024 * 1024

    def __init__(self, coding: bytes) -> None:
        self._raw_tried = coding == b"gzip" or coding == b"x-gzip"
        self._inflate = zlib.decompressobj(47)

    def feed(self, data: bytes) -> bytes:
        try:
            plain = self._inflate.decompress(data, self._MAX_PIECE)
        except zlib.error:
            if self._raw_tried:
                raise TransportFault(Fault.FRAMING, "broken gzip in the answer") from None
            self._inflate = zlib.decompressobj(-15)
            plain = self._inflate.decompress(data, self._MAX_PIECE)
        self._raw_tried = True
        if self._inflate.unconsumed_tail:
            raise TransportFault(Fault.TOO_LARGE, "the compressed answer unpacks to far more than it is")
        return plain
