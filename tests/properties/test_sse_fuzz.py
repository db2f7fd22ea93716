"""Any stream of a server, split anywhere: what is read equals what the unsplit stream gives, or a fault."""

from __future__ import annotations

import json
from itertools import chain, pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from advisor.probe import sse
from advisor.probe.connection import LagLog
from advisor.probe.faults import Fault, TransportFault
from advisor.probe.sse import EventReader, EventTooLong
from advisor.probe.stream import TokenStream

ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])
NASTY = st.sampled_from([
    b"", b"[DONE]", b"[DONE", b"{}", b"[]", b"null", b"NaN", b"1e999", b"9" * 5000, b"[" * 5000, b'{"a":' * 300,
    b"\xef\xbb\xbf", b"\xff\xfe", b"\xe2\x82", b"\x00", b"\x1b[31m", b'{"choices":[{"delta":{"content":"\xe2\x82"}}]}',
    b'{"choices":[{"delta":{"content":"\\ud800"}}]}', b'{"error":{"message":' + b"9" * 4000 + b"}}",
    b'{"usage":{"prompt_tokens":' + b"9" * 400 + b',"completion_tokens":-1}}', b'{"choices":{"0":1}}',
])  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
DELTAS = st.one_of(
    SCALARS,
    st.fixed_dictionaries({}, optional={
        "content": SCALARS, "reasoning_content": SCALARS, "reasoning": SCALARS, "role": SCALARS,
        "tool_calls": st.lists(st.fixed_dictionaries({"function": st.dictionaries(
            st.sampled_from(["name", "arguments"]), SCALARS)}) | SCALARS, max_size=2) | SCALARS,
    }),
)  # fmt: skip
CHOICES = st.lists(
    st.fixed_dictionaries({}, optional={"delta": DELTAS, "text": SCALARS, "finish_reason": SCALARS}) | SCALARS,
    max_size=2,
)
EVENTS = st.fixed_dictionaries({}, optional={
    "choices": CHOICES | SCALARS, "model": SCALARS, "object": SCALARS, "message": SCALARS,
    "usage": st.dictionaries(st.sampled_from(["prompt_tokens", "completion_tokens"]), SCALARS) | SCALARS,
    "error": st.dictionaries(st.sampled_from(["message", "code"]), SCALARS) | SCALARS,
})  # fmt: skip
PAYLOADS = st.one_of(
    EVENTS.map(lambda event: json.dumps(event).encode()),
    EVENTS.map(lambda event: json.dumps(event, ensure_ascii=False).encode("utf-8", "surrogatepass")),
    NASTY, st.binary(max_size=40),
)  # fmt: skip
FIELDS = st.sampled_from([b"data:", b"data: ", b"data", b":", b": ", b"event: ", b"event:error", b"id: ", b"x: ", b""])
LINES = st.tuples(st.just(b"data: ") | FIELDS, PAYLOADS).map(b"".join)


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Lines as servers send them and as they should not, with any line ends, whole or torn off."""
    parts = [draw(st.sampled_from([b"", b"\xef\xbb\xbf", b"\xef\xbb", b"\n"]))]
    for _ in range(draw(st.integers(0, 6))):
        parts += [draw(LINES), draw(ENDS)]
        parts += [draw(ENDS)] if draw(st.integers(0, 3)) else []
    wire = b"".join(parts)
    return wire[: draw(st.integers(0, len(wire)))] if draw(st.integers(0, 3)) == 0 else wire


@st.composite
def split_streams(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    """A stream, and the pieces in which it arrives."""
    wire = draw(streams())
    if draw(st.booleans()):
        places = sorted(draw(st.lists(st.integers(0, len(wire)), max_size=12)))
    else:
        places = list(range(len(wire))) if len(wire) < 3000 else list(range(0, len(wire), 997))  # byte by byte
    bounds = [0, *places, len(wire)]
    return wire, [wire[a:b] for a, b in pairwise(bounds)]


Split = tuple[bytes, list[bytes]]


def whole(wire: bytes) -> Split:
    """A stream that arrives byte by byte."""
    return wire, [wire[n : n + 1] for n in range(len(wire))]


def events_of(pieces: list[bytes]) -> list[Any]:
    """Events with their types, the comments, and whether the limit was passed."""
    reader, found = EventReader(), []
    try:
        for piece in pieces:
            for event in reader.feed(piece):
                found.append((event, reader.event_type))  # one by one: those before a fault count
    except EventTooLong:
        return [*found, "too long"]
    return [*found, (reader.finish(), reader.event_type), reader.comments]


def books_of(pieces: list[bytes], max_tokens: int) -> dict[str, Any]:
    """All that the probe keeps of a stream."""
    stream = TokenStream(LagLog(), max_tokens)
    try:
        for piece in pieces:
            stream.feed(piece, 7)
    except TransportFault as fault:
        return {"fault": fault.fault}
    fault = stream.finish()
    assert fault is None or isinstance(fault, Fault)
    names = ("taken", "complete", "finish_reason", "usage_input", "usage_output", "text_bytes", "reasoning_events",
             "malformed", "comments", "error_message", "model")  # fmt: skip
    return {name: getattr(stream, name) for name in names} | {"fault": fault}


@given(split_streams())
@example(whole(b"data: a\r\n\r\ndata: b\r\r"))
@example(whole(b"\xef\xbb\xbfdata: a\n\n"))
@example(whole(b"\xef\xbbdata: a\n\n"))
@example(whole(b"\r\n\r\n:\r\n\r\ndata: \xe2\x82\xac"))
def test_events_are_those_of_the_unsplit_stream(stream: Split) -> None:
    wire, pieces = stream
    assert events_of(pieces) == events_of([wire])


@given(split_streams(), st.sampled_from([1, 10**9]))
@example(whole(b'data: {"usage":{"completion_tokens":' + b"9" * 400 + b"}}\n\n"), 8)
@example(whole(b'data: {"error":' + b"9" * 4300 + b"}\n\n"), 8)
@example(whole(b'data: {"choices":[{"delta":{"content":"\xe2\x82"}}]}\n\ndata: [DONE]'), 8)
def test_the_books_are_those_of_the_unsplit_stream(stream: Split, max_tokens: int) -> None:
    wire, pieces = stream
    books = books_of([wire], max_tokens)
    assert books_of(pieces, max_tokens) == books
    for name in ("usage_input", "usage_output"):
        assert books.get(name) is None or 0 <= books[name] < 2**53


@given(st.data())
def test_the_limit_of_an_event_is_the_same_however_it_arrives(data: st.DataObject) -> None:
    limit = 64
    length = data.draw(st.integers(0, limit + 8)) if data.draw(st.booleans()) else data.draw(st.integers(56, limit + 8))
    wire = b"data: a\n\n" + data.draw(st.sampled_from([b"", b"data:", b": "])) + b"x" * length
    wire += data.draw(st.sampled_from([b"", b"\n\n", b"\r\n\r\n", b"\n\ndata: b\n\n"]))
    places = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=8)))
    pieces = [wire[a:b] for a, b in pairwise([0, *places, len(wire)])]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sse, "_MAX_EVENT_BYTES", limit)
        assert events_of(pieces) == events_of([wire]) == events_of([bytes([byte]) for byte in wire])


def test_a_huge_line_in_small_pieces_costs_no_more_than_its_length() -> None:
    """A server that drips one endless line: each piece is looked at once, so a million of them are no burden."""
    reader = EventReader()
    for _ in range(200_000):
        assert not list(reader.feed(b"x" * 16))
    with pytest.raises(EventTooLong):
        list(chain.from_iterable(reader.feed(b"x" * 16) for _ in range(200_000)))
