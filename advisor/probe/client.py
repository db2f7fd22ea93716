"""Speaks to an OpenAI-compatible server: one streamed completion at a time, and small JSON questions."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections import deque
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import perf_counter_ns
from typing import Any

import httpx

from advisor.domain.text import plain
from advisor.probe.exchange import Exchange, Limits
from advisor.probe.faults import Fault, TransportFault, fault_of_status
from advisor.probe.keys import HostBoundKey, Redactor, Secret
from advisor.probe.results import RequestResult
from advisor.probe.stream import TokenStream
from advisor.probe.target import Target
from advisor.probe.transport import StampedTransport

_MAX_REDIRECTS = 3
_HIDDEN_MATCH = 0.05
"""Share by which streamed events may miss the tokens without reasoning, to show that the reasoning was not streamed."""
_ON_TIME_NS = 2_000_000
"""A start within the timer's granularity of the intended moment is on time."""
_LAUNCHES_PER_TURN = 4
_BYTES_PER_TOKEN = 4096
_SPARE_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Dialect:
    """Which optional request fields the server accepts."""

    include_usage: bool = True
    fixed_length: bool = True
    """`ignore_eos` and `min_tokens`."""
    max_field: str = "max_tokens"

    def weaker(self, message: str) -> Dialect | None:
        """The next dialect to try after a refusal that said `message`."""
        text = message.lower()
        if "max_completion_tokens" in text and self.max_field == "max_tokens":
            return replace(self, max_field="max_completion_tokens")
        if "stream_options" in text and self.include_usage:
            return replace(self, include_usage=False)
        if self.fixed_length:
            return replace(self, fixed_length=False)
        if self.include_usage:
            return replace(self, include_usage=False)
        return None


@dataclass(frozen=True, slots=True)
class Answer:
    """A small document, with what its head says of it."""

    status: int
    body: bytes
    kind: str = ""
    """Its content type, without parameters; empty where the server gives none."""


class ProbeClient:
    """One target, one key, one connection pool."""

    def __init__(
        self,
        target: Target,
        key: Secret,
        *,
        model: str,
        transport: StampedTransport,
        limits: Limits | None = None,
        extra_body: dict[str, Any] | None = None,
    ) -> None:
        self.target = target
        self.model = model
        self.dialect = Dialect()
        self.limits = limits or Limits()
        self.transport = transport
        self.redact = Redactor(key)
        self._extra = extra_body or {}
        self._http = httpx.AsyncClient(
            transport=transport,
            auth=HostBoundKey(key, target.base),
            follow_redirects=False,
            trust_env=False,
            headers={"accept-encoding": "identity", "user-agent": "advisor-probe"},
        )
        self.session = secrets.token_hex(4)
        """Begins every request id, so that a server's log can be held against a run."""
        self._requests = 0
        self._turnstile = _Turnstile(_LAUNCHES_PER_TURN)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def wait(self, seconds: float) -> None:
        """Wait before another attempt."""
        await asyncio.sleep(seconds)

    async def prewarm(self, connections: int) -> None:
        """Open connections beforehand; what fails here fails again, visibly, at the first request."""
        with contextlib.suppress(TransportFault, ExceptionGroup):
            await self.transport.prewarm(self.target.base, connections, self.limits)

    async def complete(
        self, prompt: str, *, isl: int, osl: int, intended_ns: int | None = None, limits: Limits | None = None
    ) -> RequestResult:
        """Run one streamed completion to its end; failures are in the result, never raised (but cancellation)."""
        self._requests += 1
        result = RequestResult(f"{self.session}-{self._requests}", isl, osl, intended_ns=intended_ns)
        stream = TokenStream(self.transport.lag_log, osl)
        exchange: Exchange | None = None
        limits = replace(limits or self.limits, body_bytes=osl * _BYTES_PER_TOKEN + _SPARE_BYTES)
        await self._turnstile.turn()
        content = json.dumps(self._body(prompt, osl)).encode()
        try:
            response = await self._send(content, result.id, {"sink": stream, "limits": limits})
            result.status = response.status_code
            exchange = response.extensions["exchange"]
            assert exchange is not None
            result.sent_ns = exchange.sent_ns
            body = await exchange.finished
            if response.status_code != 200:
                self._refused(result, response, body)
            else:
                result.fault = stream.finish()
                result.message = self._clean(stream.error_message)
        except TransportFault as fault:
            result.fault, result.message = fault.fault, self._clean(str(fault))
        except asyncio.CancelledError:
            if exchange is not None:
                exchange.abort(TransportFault(Fault.CUT, "cancelled"))
            raise
        result.end_ns = stream.last_ns or perf_counter_ns()
        _read_stream(result, stream)
        result.model = self._clean(stream.model)
        return result

    async def ask(self, path: str, *, limits: Limits | None = None) -> Answer:
        """GET a small document (at most 4 MiB); raises `TransportFault`."""
        request = self._http.build_request("GET", self.target.at(path))
        connect_s = min(5.0, self.limits.connect_s)
        small = Limits(head_s=5, idle_s=5, total_s=10, body_bytes=4 * 1024 * 1024, connect_s=connect_s)
        request.extensions["limits"] = limits or small
        response = await self._http.send(request)
        kind = response.headers.get("content-type", "").partition(";")[0].strip()
        return Answer(response.status_code, response.content, self._clean(kind))

    def _body(self, prompt: str, osl: int) -> dict[str, Any]:
        body: dict[str, Any] = {"model": self.model, "stream": True, self.dialect.max_field: osl}
        if self.target.api == "chat":
            body["messages"] = [{"role": "user", "content": prompt}]
        else:
            body["prompt"] = prompt
        if self.dialect.include_usage:
            body["stream_options"] = {"include_usage": True}
        if self.dialect.fixed_length:
            body["ignore_eos"] = True
            body["min_tokens"] = osl
        return body | self._extra

    async def _send(self, content: bytes, request_id: str, extensions: dict[str, Any]) -> httpx.Response:
        url = self.target.completions
        headers = {"content-type": "application/json", "x-request-id": request_id}
        for _ in range(_MAX_REDIRECTS + 1):
            request = self._http.build_request("POST", url, content=content, headers=headers, extensions=extensions)
            response = await self._http.send(request, stream=True)
            if response.status_code not in (301, 302, 303, 307, 308):
                return response
            url = _redirected(url, response)
        raise TransportFault(Fault.REDIRECT, f"more than {_MAX_REDIRECTS} redirects")

    def _refused(self, result: RequestResult, response: httpx.Response, body: bytes) -> None:
        text = body.decode("utf-8", "replace")
        result.fault = fault_of_status(response.status_code, text)
        result.message = self._clean(f"HTTP {response.status_code}: {error_text(text)}")
        result.retry_after_s = _retry_after_s(response.headers.get("retry-after"))

    def _clean(self, text: str) -> str:
        return plain(self.redact(text), 300)


class _Turnstile:
    """Lets a few requests a turn of the event loop through, so that a burst of launches does not starve reads."""

    def __init__(self, per_turn: int) -> None:
        self._per_turn = per_turn
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def turn(self) -> None:
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        self._waiting.append(waiter)
        if len(self._waiting) == 1:
            loop.call_soon(self._open)
        await waiter

    def _open(self) -> None:
        for _ in range(min(self._per_turn, len(self._waiting))):
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._open)


def _read_stream(result: RequestResult, stream: TokenStream) -> None:
    intended = result.intended_ns
    late = intended is not None and result.sent_ns - intended > _ON_TIME_NS
    result.start_ns = intended if late and intended is not None else result.sent_ns
    result.stamps_ns = stream.stamps_ns
    result.finish_reason = stream.finish_reason
    result.late = stream.late
    result.reasoning_events = stream.reasoning_events
    events = len(stream.stamps_ns)
    result.input_tokens = stream.usage_input or 0
    result.cached_tokens = stream.usage_cached
    if stream.usage_output is None:
        result.output_tokens = events
        result.token_source = "events" if events else "none"
        return
    result.output_tokens, result.token_source = stream.usage_output, "usage"
    streamed = stream.usage_output - stream.usage_reasoning
    if stream.usage_reasoning and not stream.reasoning_events and abs(events - streamed) <= _HIDDEN_MATCH * streamed:
        result.hidden_tokens = stream.usage_reasoning
    impossible = stream.usage_output < events or stream.usage_output > result.osl
    unlikely = stream.text_bytes > 64 and stream.usage_output * 16 < stream.text_bytes
    if result.fault is None and (impossible or unlikely):
        result.usage_disagrees = True
        result.output_tokens = max(events, result.osl if stream.finish_reason == "length" else events)
        result.token_source = "events"


def _redirected(url: httpx.URL, response: httpx.Response) -> httpx.URL:
    try:
        target = url.join(response.headers.get("location", ""))
    except httpx.InvalidURL:
        raise TransportFault(Fault.REDIRECT, "the server redirects to something that is not a URL") from None
    if (target.scheme, target.host, target.port) != (url.scheme, url.host, url.port):
        where = plain(f"{target.scheme}://{target.host}", 200)
        raise TransportFault(
            Fault.REDIRECT, f"the server redirects to {where}; give that address yourself if you trust it"
        )
    if response.status_code in (301, 302, 303):
        raise TransportFault(Fault.REDIRECT, f"the server redirects to {plain(target.path, 200)}; give that path")
    return target


def error_text(text: str) -> str:
    """The message in an OpenAI-style error, or the beginning of the body."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return " ".join(text.split())[:200]
    error = document.get("error", document) if isinstance(document, dict) else document
    message = error.get("message", error.get("detail", error)) if isinstance(error, dict) else error
    return " ".join(str(message).split())[:300]


def _retry_after_s(value: str | None) -> float | None:
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (moment - datetime.now(UTC)).total_seconds()) if moment.tzinfo else None
