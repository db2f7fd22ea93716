"""HTTP/1.1 framing: heads through h11, bodies through a decoder of our own.

h11 checks what we send and what a server answers (header injection, bad lengths). It costs tens of
microseconds a call, which a streamed token cannot afford, so that bodies are unframed here; the tests
hold this decoder to h11's own reading of the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import h11

MAX_HEAD_BYTES = 64 * 1024
"""A response head longer than this is refused."""
_MAX_SIZE_LINE = 1024


class FramingError(Exception):
    """The server's bytes are not HTTP/1.1."""


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """Status line and headers of one response."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    keep_alive: bool

    def first(self, name: bytes) -> bytes | None:
        """Value of the first header of that lower-case name."""
        return next((value for key, value in self.headers if key == name), None)


class Body(Protocol):
    """Takes bytes off the wire, gives the payload in them."""

    done: bool
    excess: bool
    """Bytes came after the end: the message stands, the connection is not to be used again."""

    def feed(self, data: bytes) -> bytes:
        """Payload bytes found in `data`; sets `done` at the end of the message."""

    def eof(self) -> bool:
        """Whether a closed connection is a proper end here."""


class EmptyBody:
    """No body at all (204, 304, length zero)."""

    def __init__(self) -> None:
        self.done = True
        self.excess = False

    def feed(self, data: bytes) -> bytes:
        self.excess = self.excess or bool(data)
        return b""

    def eof(self) -> bool:
        return True


class SizedBody:
    """Body of a stated length."""

    def __init__(self, length: int) -> None:
        self._left = length
        self.done = False
        self.excess = False

    def feed(self, data: bytes) -> bytes:
        if len(data) > self._left:
            data, self.excess = data[: self._left], True
        self._left -= len(data)
        self.done = self._left == 0
        return data

    def eof(self) -> bool:
        return self.done


class UnsizedBody:
    """Body that ends with the connection."""

    def __init__(self) -> None:
        self.done = False
        self.excess = False

    def feed(self, data: bytes) -> bytes:
        return data

    def eof(self) -> bool:
        self.done = True
        return True


class ChunkedBody:
    """Chunked transfer coding (RFC 9112 section 7.1); trailers are read and dropped."""

    __slots__ = ("_left", "_tail", "_trailers", "done", "excess")

    def __init__(self) -> None:
        self._tail = b""
        self._left = 0
        """Bytes of the current chunk still to come, its CRLF included; 0 between chunks."""
        self._trailers = False
        self.done = False
        self.excess = False

    def feed(self, data: bytes) -> bytes:
        if self._tail:
            data = self._tail + data
            self._tail = b""
        position, size = 0, len(data)
        parts: list[bytes] = []
        while position < size:
            if self.done:
                self.excess = True
                break
            if self._trailers:
                position = self._skip_trailer(data, position)
                continue
            if self._left == 0:
                end = data.find(b"\r\n", position)
                if end < 0:
                    self._hold(data, position)
                    break
                self._left = self._chunk_size(data[position:end]) + 2
                position = end + 2
                if self._left == 2:
                    self._left, self._trailers = 0, True
                continue
            payload = min(self._left - 2, size - position)
            if payload > 0:
                parts.append(data[position : position + payload])
                position += payload
                self._left -= payload
            if self._left <= 2:
                wanted = b"\r\n"[2 - self._left :]
                got = data[position : position + self._left]
                if not wanted.startswith(got):
                    raise FramingError("a chunk is not followed by CRLF")
                position += len(got)
                self._left -= len(got)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def eof(self) -> bool:
        return self.done

    def _chunk_size(self, line: bytes) -> int:
        digits = line.split(b";", 1)[0].strip(b" \t")
        if not digits or len(digits) > 16 or not all(c in b"0123456789abcdefABCDEF" for c in digits):
            raise FramingError("a chunk size is not a hexadecimal number")
        return int(digits, 16)

    def _skip_trailer(self, data: bytes, position: int) -> int:
        end = data.find(b"\r\n", position)
        if end < 0:
            self._hold(data, position)
            return len(data)
        if end == position:
            self.done = True
        return end + 2

    def _hold(self, data: bytes, position: int) -> None:
        self._tail = data[position:]
        if len(self._tail) > _MAX_SIZE_LINE:
            raise FramingError("a chunk header is longer than 1 KiB")


def request_bytes(method: bytes, target: bytes, headers: list[tuple[bytes, bytes]], body: bytes) -> bytes:
    """Serialise one request; h11 refuses control characters and contradictory lengths."""
    wire = h11.Connection(h11.CLIENT)
    try:
        head = wire.send(h11.Request(method=method, target=target, headers=headers))
        payload = wire.send(h11.Data(body)) if body else b""
        end = wire.send(h11.EndOfMessage())
    except h11.LocalProtocolError as error:
        raise FramingError(f"the request cannot be written: {error}") from None
    return b"".join(part for part in (head, payload, end) if part)


class HeadReader:
    """Collects bytes until the response head is whole, past any 1xx."""

    def __init__(self, method: bytes) -> None:
        self._method = method
        self._buffer = b""

    def feed(self, data: bytes) -> tuple[ResponseHead, Body, bytes] | None:
        """The head, a decoder for its body and the bytes after it, once complete."""
        self._buffer += data
        while True:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0 or end > MAX_HEAD_BYTES:
                if len(self._buffer) > MAX_HEAD_BYTES:
                    raise FramingError("the response head is longer than 64 KiB")
                if not b"HTTP/".startswith(self._buffer[:5]):
                    raise FramingError("the answer is not HTTP")
                return None
            raw, rest = self._buffer[: end + 4], self._buffer[end + 4 :]
            head = _parse_head(raw, self._method)
            if head.status >= 200 or head.status == 101:
                return head, _body_for(head, self._method), rest
            self._buffer = rest


def _parse_head(raw: bytes, method: bytes) -> ResponseHead:
    wire = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES * 2)
    wire.send(h11.Request(method=method, target=b"/", headers=[(b"host", b"-")]))
    wire.send(h11.EndOfMessage())
    wire.receive_data(raw)
    try:
        event = wire.next_event()
    except h11.RemoteProtocolError as error:
        raise FramingError(f"bad response head: {error}") from None
    if not isinstance(event, h11.Response | h11.InformationalResponse):
        raise FramingError("bad response head")
    headers = tuple((bytes(name), bytes(value)) for name, value in event.headers)
    connection = b",".join(value.lower() for name, value in headers if name == b"connection")
    keep_alive = event.http_version >= b"1.1" and b"close" not in connection
    return ResponseHead(event.status_code, headers, keep_alive)


def _body_for(head: ResponseHead, method: bytes) -> Body:
    if head.status in (204, 304) or method == b"HEAD":
        return EmptyBody()
    coding = head.first(b"transfer-encoding")
    if coding is not None:
        if coding.strip().lower() != b"chunked":
            raise FramingError("an unknown transfer coding")
        return ChunkedBody()
    length = head.first(b"content-length")
    if length is not None:
        return SizedBody(int(length)) if int(length) else EmptyBody()
    return UnsizedBody()
