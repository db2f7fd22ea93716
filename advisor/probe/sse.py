"""Server-sent events, read tolerantly (WHATWG HTML, section 9.2.6).

Takes bytes split anywhere, also inside a UTF-8 sequence or a CRLF; any of the three line ends; a byte order
mark; comments; events of several data lines; a stream without the last blank line.
"""

from __future__ import annotations

from collections.abc import Iterator

_MAX_EVENT_BYTES = 4 * 1024 * 1024
_MARK = b"\xef\xbb\xbf"
_NEWLINE = 10


class EventTooLong(Exception):
    """One event passed the size limit without ending."""


class EventReader:
    """Turns a byte stream into the data of its events, as bytes."""

    __slots__ = ("_carriage", "_started", "_tail", "comments", "event_type")

    def __init__(self) -> None:
        self._tail = bytearray()
        self._carriage = False
        self._started = False
        self.comments = 0
        """Comment lines seen (keep-alives)."""
        self.event_type = b""
        """Type of the event last given, empty where it had none."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Data of each event that these bytes complete."""
        if b"\r" in data or self._carriage:
            data = self._plain_newlines(data)
        if not data or (not self._started and not (data := self._without_mark(data))):
            return
        tail = self._tail
        if tail:
            if b"\n\n" not in data and not (tail[-1] == data[0] == _NEWLINE):
                tail += data  # looked at once, so that a line dripped byte by byte costs no more than its length
                _check_length(len(tail) - tail.endswith(b"\n"))
                return
            data = bytes(tail) + data
        blocks = data.split(b"\n\n")
        self._tail = bytearray(blocks.pop())
        for block in blocks:
            _check_length(len(block))
            if block[:5] == b"data:" and b"\n" not in block:
                self.event_type = b""
                yield block[6:] if block[5:6] == b" " else block[5:]
            else:
                found = self._read_block(block)
                if found is not None:
                    yield found
        _check_length(len(self._tail) - self._tail.endswith(b"\n"))

    def finish(self) -> bytes | None:
        """Data of an event that the stream left without its blank line."""
        block, self._tail = bytes(self._tail), bytearray()
        return self._read_block(block.strip(b"\n")) if block else None

    def _without_mark(self, data: bytes) -> bytes:
        """The stream's first bytes less a byte order mark; nothing while they may still become one."""
        data = bytes(self._tail) + data
        self._tail = bytearray()
        if len(data) < len(_MARK) and _MARK.startswith(data):
            self._tail = bytearray(data)
            return b""
        self._started = True
        return data.removeprefix(_MARK)

    def _plain_newlines(self, data: bytes) -> bytes:
        if self._carriage and data:
            data = data.removeprefix(b"\n")  # the other half of a line end that is done; a CR alone is one, too
            self._carriage = False
        if data:
            self._carriage = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _read_block(self, block: bytes) -> bytes | None:
        lines: list[bytes] = []
        self.event_type = b""
        for line in block.split(b"\n"):
            if line[:1] == b":":
                self.comments += 1
                continue
            name, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            if name == b"data":
                lines.append(value)
            elif name == b"event":
                self.event_type = value
        return b"\n".join(lines) if lines else None


def _check_length(length: int) -> None:
    if length > _MAX_EVENT_BYTES:
        raise EventTooLong(f"an event is longer than {_MAX_EVENT_BYTES} bytes")
