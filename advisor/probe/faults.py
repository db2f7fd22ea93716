"""Kinds of failure of one request, and how bad each is for the rest of a run."""

from __future__ import annotations

from enum import StrEnum

import httpx


class Fault(StrEnum):
    """Why a request gave no usable result."""

    RATE_LIMITED = "rate limited (429)"
    SERVER_ERROR = "server error (500)"
    UNAVAILABLE = "unavailable (502, 503, 504)"
    UNAUTHORISED = "key refused (401, 403)"
    NOT_FOUND = "model or path not found (404)"
    CONTEXT_TOO_LONG = "context too long"
    BAD_REQUEST = "request refused (4xx)"
    REFUSED = "connection refused"
    DNS = "name not resolved"
    TLS = "TLS failure"
    CONNECT_TIMEOUT = "connect timeout"
    CONNECT = "connection failed"
    DISCONNECTED = "disconnected"
    STALE = "idle connection was closed"
    HEAD_TIMEOUT = "no answer in time"
    STALLED = "stream stalled"
    TOO_SLOW = "request took too long"
    FRAMING = "not HTTP/1.1"
    NOT_A_STREAM = "answer is not an event stream"
    MALFORMED = "malformed stream"
    ERROR_EVENT = "error inside the stream"
    INCOMPLETE = "stream ended early"
    EMPTY = "no tokens"
    TOO_LARGE = "answer too large"
    OVERRUN = "more tokens than asked for"
    REDIRECT = "redirect refused"
    CUT = "cut by budget or by the user"


FATAL = frozenset({Fault.UNAUTHORISED, Fault.NOT_FOUND, Fault.REDIRECT, Fault.TLS, Fault.DNS})
"""A retry cannot help: the run ends."""

UNREACHED = frozenset({Fault.REFUSED, Fault.CONNECT, Fault.CONNECT_TIMEOUT})
"""No connection was made: a run ends where none of a step's requests got any further."""

HOPELESS_FOR_STEP = frozenset({Fault.CONTEXT_TOO_LONG, Fault.BAD_REQUEST, Fault.OVERRUN})
"""The same request again will fail the same way: the step ends."""


class TransportFault(httpx.TransportError):
    """A failure below HTTP semantics; an httpx error, so that httpx-speaking code understands it."""

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


_LENGTH_WORDS = (
    "context length", "context_length", "context size", "maximum context", "max_model_len",
    "too long", "exceed",
)  # fmt: skip


def fault_of_status(status: int, body: str) -> Fault:
    """Kind of failure that an HTTP error status and its body stand for."""
    text = body.lower()
    refused = status in (400, 413, 422)
    if status == 429:
        return Fault.RATE_LIMITED
    if status in (401, 403):
        return Fault.UNAUTHORISED
    if refused and any(words in text for words in _LENGTH_WORDS):
        return Fault.CONTEXT_TOO_LONG
    if status == 404 or (refused and "model" in text and ("not exist" in text or "not found" in text)):
        return Fault.NOT_FOUND
    if status in (502, 503, 504):
        return Fault.UNAVAILABLE
    if status >= 500:
        return Fault.SERVER_ERROR
    if 300 <= status < 400:
        return Fault.REDIRECT
    return Fault.BAD_REQUEST
