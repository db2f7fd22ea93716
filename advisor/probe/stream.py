"""Reads one streamed completion: when each token event arrived, and what the server says it cost."""

from __future__ import annotations

from array import array
from itertools import pairwise
from typing import Any

from pydantic_core import from_json

from advisor.probe.connection import LagLog
from advisor.probe.exchange import BodySink
from advisor.probe.faults import Fault, TransportFault
from advisor.probe.http1 import ResponseHead
from advisor.probe.sse import EventReader, EventTooLong

_OVERRUN_SLACK = 4
_MAX_TOKENS = 2**53
"""A count beyond what a float holds exactly is no count."""
_BROKEN_OFF = frozenset({"abort", "error"})
"""Reasons to finish that stand for a failure: of vLLM and SGLang, and of proxies."""
_BLIND_NS = 3_500_000
"""The monitor's tick and the timer's rounding: a loop that looks at its sockets no more seldom is not blind."""


class TokenStream(BodySink):
    """Sink for `/v1/chat/completions` and `/v1/completions` streams.

    `stamps_ns` holds one arrival per event that carried text (content, reasoning, or a tool call); role-only and
    empty deltas are not tokens. Text itself is never kept, only its length.
    """

    __slots__ = (
        "_events",
        "_lag_log",
        "_merged",
        "comments",
        "complete",
        "error_message",
        "finish_reason",
        "head_ns",
        "last_ns",
        "late",
        "malformed",
        "max_tokens",
        "model",
        "reasoning_events",
        "stamps_ns",
        "text_bytes",
        "usage_cached",
        "usage_input",
        "usage_output",
        "usage_reasoning",
    )

    def __init__(self, lag_log: LagLog, max_tokens: int) -> None:
        self._events = EventReader()
        self._lag_log = lag_log
        self.max_tokens = max_tokens
        self.stamps_ns = array("q")
        self._merged: list[tuple[int, int, int]] = []
        self.complete = False
        self.finish_reason: str | None = None
        self.usage_input: int | None = None
        self.usage_output: int | None = None
        self.usage_cached: int | None = None
        """Prompt tokens that the server says it found in its prefix cache."""
        self.usage_reasoning = 0
        self.head_ns = 0
        self.last_ns = 0
        self.text_bytes = 0
        self.reasoning_events = 0
        self.malformed = 0
        self.late = array("q")
        """Pairs (first, last) of events that came in one late read: all but the last have lost their moment."""
        self.comments = 0
        self.error_message = ""
        self.model = ""

    @property
    def taken(self) -> int:
        """Token events so far."""
        return len(self.stamps_ns)

    def begin(self, head: ResponseHead, stamp_ns: int) -> None:
        """Refuse what is not an event stream (an HTML page with status 200, a plain JSON answer)."""
        self.head_ns = stamp_ns
        kind = (head.first(b"content-type") or b"").split(b";", 1)[0].strip().lower()
        if kind and kind not in (b"text/event-stream", b"text/plain", b"application/octet-stream"):
            shown = kind[:40].decode("ascii", "replace")
            raise TransportFault(Fault.NOT_A_STREAM, f"the answer is {shown}, not text/event-stream")

    def feed(self, data: bytes, stamp_ns: int) -> None:
        """Read the events that these bytes complete."""
        self.last_ns = stamp_ns
        before = len(self.stamps_ns)
        try:
            for payload in self._events.feed(data):
                self._event(payload, stamp_ns)
        except EventTooLong as error:
            raise TransportFault(Fault.TOO_LARGE, str(error)) from None
        if len(self.stamps_ns) - before > 1:
            blind_ns = self._blind_ns(stamp_ns)
            if blind_ns > _BLIND_NS:
                self._merged.append((before, len(self.stamps_ns) - 1, blind_ns))
        if len(self.stamps_ns) > self.max_tokens + _OVERRUN_SLACK:
            raise TransportFault(Fault.OVERRUN, f"the server went on after max_tokens={self.max_tokens}")

    def finish(self) -> Fault | None:
        """Close the books at the end of the body; a fault where the stream was not whole."""
        left = self._events.finish()
        if left is not None:
            self._event(left, self.last_ns)
        self.comments = self._events.comments
        self.late = self._lost_moments() if self._merged else self.late
        if self.error_message:
            return Fault.ERROR_EVENT
        if self.finish_reason in _BROKEN_OFF:
            self.error_message = f"the server broke off with finish_reason {self.finish_reason}"
            return Fault.ERROR_EVENT
        if not self.complete and self.finish_reason is None:
            if self.malformed:
                return Fault.MALFORMED
            return Fault.INCOMPLETE if self.stamps_ns else Fault.EMPTY
        if not self.stamps_ns:
            return Fault.MALFORMED if self.malformed else Fault.EMPTY
        return None

    def _blind_ns(self, stamp_ns: int) -> int:
        """How long before the last arrival of a read the first may have come: the kernel keeps one stamp for all."""
        log = self._lag_log
        return stamp_ns - log.polled_ns if log.polled_ns else log.last_ns

    def _lost_moments(self) -> array[int]:
        """Pairs (first, last) of events in one read that our blindness may have merged.

        Events that a server sends evenly merge only where it lasted about as long as the time between them; in a
        shorter one they were together when they came.
        """
        stamps = self.stamps_ns
        gaps = sorted(b - a for a, b in pairwise(stamps) if b > a)
        usual_ns = gaps[len(gaps) // 2] if gaps else 0
        late = array("q")
        for first, last, blind_ns in self._merged:
            if blind_ns >= usual_ns // 2:
                late.extend((first, last))
        return late

    def _event(self, payload: bytes, stamp_ns: int) -> None:
        if payload[:6] == b"[DONE]":
            self.complete = True
            return
        try:
            event = from_json(payload)
        except ValueError:
            event = self._second_reading(payload)
        if not isinstance(event, dict):
            self.malformed += 1
            return
        choices = event.get("choices")
        if choices and isinstance(choices, list) and isinstance(choices[0], dict):
            self._choice(choices[0], stamp_ns)
        usage = event.get("usage")
        if usage is not None:
            self._usage(usage)
        if event.get("error") is not None or (usage is None and not choices):
            self._odd_event(event)
        if not self.model and isinstance(event.get("model"), str):
            self.model = event["model"][:200]

    def _choice(self, choice: dict[str, Any], stamp_ns: int) -> None:
        delta = choice.get("delta")
        if delta is None:
            text = choice.get("text")
        elif isinstance(delta, dict):
            text = delta.get("content")
            if not text:
                text = delta.get("reasoning_content") or delta.get("reasoning")
                if text:
                    self.reasoning_events += 1
                else:
                    text = _tool_text(delta.get("tool_calls"))
        else:
            text = None
        if text and isinstance(text, str):
            self.stamps_ns.append(stamp_ns)
            self.text_bytes += len(text)
        reason = choice.get("finish_reason")
        if isinstance(reason, str):
            self.finish_reason = reason[:40]

    def _usage(self, usage: object) -> None:
        if not isinstance(usage, dict):
            return
        for key, name in (("prompt_tokens", "usage_input"), ("completion_tokens", "usage_output")):
            count = usage.get(key)
            if _is_count(count):
                setattr(self, name, count)
        for part, key, name in (
            ("prompt_tokens_details", "cached_tokens", "usage_cached"),
            ("completion_tokens_details", "reasoning_tokens", "usage_reasoning"),
        ):
            details = usage.get(part)
            count = details.get(key) if isinstance(details, dict) else None
            if _is_count(count):
                setattr(self, name, count)

    def _odd_event(self, event: dict[str, Any]) -> None:
        error = event.get("error", event.get("message") if event.get("object") == "error" else None)
        if error is None and self._events.event_type == b"error":
            error = event
        if error is not None:
            message = error.get("message") if isinstance(error, dict) else error
            self.error_message = str(message)[:300] or "the server reported an error"

    def _second_reading(self, payload: bytes) -> object:
        """Broken UTF-8 is read with replacement characters; anything else is malformed."""
        try:
            return from_json(payload.decode("utf-8", "replace"))
        except ValueError:
            return None


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MAX_TOKENS


def _tool_text(calls: object) -> str | None:
    """Text of a tool-call delta, which is generated like any other."""
    if not isinstance(calls, list) or not calls or not isinstance(calls[0], dict):
        return None
    function = calls[0].get("function")
    if not isinstance(function, dict):
        return None
    text = function.get("arguments") or function.get("name")
    return text if isinstance(text, str) else None
