"""Framing and event streams, held to h11 and to the standard."""

from __future__ import annotations

import gzip
import json
import zlib
from itertools import pairwise

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.probe.connection import LagLog
from advisor.probe.exchange import _Inflate
from advisor.probe.faults import Fault, TransportFault, fault_of_status
from advisor.probe.http1 import ChunkedBody, FramingError, HeadReader, SizedBody, UnsizedBody, request_bytes
from advisor.probe.sse import EventReader, EventTooLong
from advisor.probe.stream import TokenStream

HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    """The data, cut at the given places."""
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    return [data[a:b] for a, b in pairwise(places)]


def read_by_h11(wire: bytes) -> bytes | None:
    """What h11 makes of a chunked response; None where it refuses or lacks the end."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("host", "x")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(HEAD + wire)
    body = b""
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                return body
            elif event is h11.NEED_DATA:
                return None
    except h11.RemoteProtocolError:
        return None


chunks = st.lists(st.binary(min_size=1, max_size=40), max_size=8)
cuts = st.lists(st.integers(0, 400), max_size=30)


@given(chunks, st.booleans(), st.sampled_from([b"", b";name=value", b" "]), cuts)
def test_chunked_bodies_read_as_h11_reads_them(
    parts: list[bytes], trailer: bool, extension: bytes, places: list[int]
) -> None:
    wire = b"".join(b"%X%s\r\n%s\r\n" % (len(part), extension, part) for part in parts)
    wire += b"0\r\n" + (b"x-sum: 1\r\n" if trailer else b"") + b"\r\n"
    body = ChunkedBody()
    read = b"".join(body.feed(piece) for piece in pieces(wire, places))
    assert body.done
    assert read == b"".join(parts)
    expected = read_by_h11(wire)
    assert expected is None or read == expected


@given(st.binary(max_size=120), cuts)
def test_broken_chunking_is_refused_or_unfinished_and_never_more_than_h11_gives(
    noise: bytes, places: list[int]
) -> None:
    body = ChunkedBody()
    read = b""
    try:
        for piece in pieces(noise, places):
            read += body.feed(piece)
    except FramingError:
        return
    if body.done:
        assert read_by_h11(noise) in (read, None)


@pytest.mark.parametrize("wire", [b"-1\r\nx", b"0x3\r\nabc\r\n", b"3\r\nabcd\r\n", b"\r\n", b"g\r\n", b"1" * 2000])
def test_bad_chunk_sizes_are_framing_errors(wire: bytes) -> None:
    with pytest.raises(FramingError):
        ChunkedBody().feed(wire)


def test_bytes_after_the_end_are_dropped_and_spoil_the_connection() -> None:
    chunked, sized = ChunkedBody(), SizedBody(3)
    assert (chunked.feed(b"1\r\nx\r\n0\r\n\r\nHTTP/1.1 200 OK"), chunked.done, chunked.excess) == (b"x", True, True)
    assert (sized.feed(b"abcd"), sized.done, sized.excess) == (b"abc", True, True)
    clean = ChunkedBody()
    clean.feed(b"0\r\n\r\n")
    assert not clean.excess


def test_heads_choose_the_body_and_skip_informational_answers() -> None:
    reader = HeadReader(b"POST")
    assert reader.feed(b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 2") is None
    parsed = reader.feed(b"00 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhel")
    assert parsed is not None
    head, body, rest = parsed
    assert (head.status, head.keep_alive, rest) == (200, False, b"hel")
    assert isinstance(body, SizedBody)
    parsed = HeadReader(b"GET").feed(b"HTTP/1.0 200 OK\r\n\r\n")
    assert parsed is not None
    assert isinstance(parsed[1], UnsizedBody)
    assert not parsed[0].keep_alive


@pytest.mark.parametrize(
    "answer",
    [b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
     b"HTTP/1.1 20 x\r\n\r\n",
     b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 12_000],
)  # fmt: skip
def test_bad_heads_are_framing_errors(answer: bytes) -> None:
    with pytest.raises(FramingError):
        HeadReader(b"POST").feed(answer)


def test_a_header_cannot_smuggle_a_second_request() -> None:
    with pytest.raises(FramingError):
        request_bytes(b"POST", b"/", [(b"host", b"x"), (b"a", b"b\r\nc: d")], b"")


events = st.lists(
    st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=20), max_size=8
)


@given(events, st.sampled_from(["\n", "\r\n", "\r"]), st.booleans(), st.booleans(), cuts)
def test_events_survive_any_split_and_any_line_end(
    texts: list[str], newline: str, mark: bool, spaced: bool, places: list[int]
) -> None:
    wire = ("\ufeff" if mark else "") + "".join(
        f": note{newline}data:{' ' if spaced or text[:1] == ' ' else ''}{text}{newline}{newline}" for text in texts
    )
    reader = EventReader()
    found = [event for piece in pieces(wire.encode(), places) for event in reader.feed(piece)]
    left = reader.finish()
    found += [] if left is None else [left]
    assert [event.decode() for event in found] == texts
    assert reader.comments == len(texts)


@given(st.binary(max_size=300), cuts)
def test_no_bytes_break_the_reader(noise: bytes, places: list[int]) -> None:
    whole = EventReader()
    once = [*whole.feed(noise), whole.finish()]
    reader = EventReader()
    split = [event for piece in pieces(noise, places) for event in reader.feed(piece)]
    assert [*split, reader.finish()] == once


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_an_event_is_there_with_its_blank_line(newline: bytes) -> None:
    """Ended by CR alone, each had waited for the first byte of the next, and every token came a step too late."""
    reader = EventReader()
    assert list(reader.feed(b"data: a" + newline * 2)) == [b"a"]
    assert list(reader.feed(b"data: b" + newline)) == []
    assert list(reader.feed(newline + b"data: c")) == [b"b"]
    split = [event for byte in newline * 2 + b"data: d" + newline * 2 for event in reader.feed(bytes([byte]))]
    assert split == [b"c", b"d"]


def test_events_of_several_lines_types_and_missing_ends() -> None:
    reader = EventReader()
    assert list(reader.feed(b"event: error\ndata: a\ndata:b\nid: 1\nretry: 5\n\nfoo\n\ndata\n\n")) == [b"a\nb", b""]
    assert list(reader.feed(b"data: last")) == []
    assert reader.finish() == b"last"


def test_an_event_without_end_is_refused() -> None:
    reader = EventReader()
    assert list(reader.feed(b"x" * 1_000_000)) == []
    with pytest.raises(EventTooLong):
        list(reader.feed(b"x" * 4_000_000))


@given(st.binary(max_size=200), cuts)
def test_no_stream_breaks_the_token_reader(noise: bytes, places: list[int]) -> None:
    stream = TokenStream(LagLog(), 8)
    try:
        for piece in pieces(b"data: " + noise + b"\n\n", places):
            stream.feed(piece, 1)
    except TransportFault:
        return
    stream.finish()


FIELDS = [
    "choices",
    "delta",
    "content",
    "text",
    "usage",
    "error",
    "finish_reason",
    "tool_calls",
    "function",
    "arguments",
    "prompt_tokens",
    "completion_tokens",
    "model",
    "message",
    "object",
]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(FIELDS), inner, max_size=4
    ),
    max_leaves=12,
)  # fmt: skip


@given(st.lists(json_values, max_size=4))
def test_no_shape_of_json_breaks_the_token_reader(documents: list[object]) -> None:
    stream = TokenStream(LagLog(), 8)
    for document in documents:
        stream.feed(b"data: " + json.dumps(document).encode() + b"\n\n", 5)
    stream.finish()
    assert stream.usage_output is None or stream.usage_output >= 0


def test_compressed_bodies_are_undone_and_bombs_refused() -> None:
    text = b"data: {}\n\n" * 50
    for coding, wire in ((b"gzip", gzip.compress(text)), (b"deflate", zlib.compress(text)), (b"deflate", _raw(text))):
        inflate = _Inflate(coding)
        assert b"".join(inflate.feed(wire[i : i + 7]) for i in range(0, len(wire), 7)) == text
    with pytest.raises(TransportFault) as caught:
        _Inflate(b"gzip").feed(gzip.compress(b"\0" * 50_000_000))
    assert caught.value.fault is Fault.TOO_LARGE
    with pytest.raises(TransportFault):
        _Inflate(b"gzip").feed(b"not gzip at all")


def _raw(text: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(text) + packer.flush()


@pytest.mark.parametrize(
    ("status", "body", "fault"),
    [
        (429, "", Fault.RATE_LIMITED), (500, "", Fault.SERVER_ERROR), (504, "", Fault.UNAVAILABLE),
        (401, "", Fault.UNAUTHORISED),
        (404, "model", Fault.NOT_FOUND), (400, "The model `x` does not exist", Fault.NOT_FOUND),
        (400, "This model's maximum context length is 8192 tokens", Fault.CONTEXT_TOO_LONG),
        (400, "input is too long: the request exceeds the available context size", Fault.CONTEXT_TOO_LONG),
        (422, "unknown field", Fault.BAD_REQUEST), (302, "", Fault.REDIRECT),
    ],
)  # fmt: skip
def test_statuses_become_kinds(status: int, body: str, fault: Fault) -> None:
    assert fault_of_status(status, body) is fault
