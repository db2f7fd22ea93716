"""An OpenAI-compatible server that misbehaves on demand, and keeps its own count of tokens.

The model name says how: `ok`, a fault's name (every request after the first two), `some:<fault>` (every third
request after the first two), or `second:<fault>` (the second request). `GET /count` gives the tokens that it took in
and put out. Run as its own process: `python fault_server.py --port-file F [--tls CERT KEY]`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gzip
import json
import os
import ssl
from collections import Counter
from pathlib import Path
from typing import Any

ITL_S = 0.002
OVERHEAD = 5


class FaultServer:
    """State of the server: requests seen by model, tokens counted, headers seen."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.tokens = {"input": 0, "output": 0}
        self.authorised = 0
        self.elsewhere = 0
        self.in_flight = 0
        self.most_in_flight = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lines = head.decode("latin-1").split("\r\n")
                headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines[1:]) if k}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                method, path, _ = lines[0].split(" ", 2)
                if not await self._route(method, path, headers, body, writer):
                    break
        writer.close()

    async def _route(
        self, method: str, path: str, headers: dict[str, str], body: bytes, out: asyncio.StreamWriter
    ) -> bool:
        if "authorization" in headers:
            self.authorised += 1
        if path == "/count":
            return await _json(
                out,
                200,
                {
                    **self.tokens,
                    "seen": dict(self.seen),
                    "authorised": self.authorised,
                    "elsewhere": self.elsewhere,
                    "most_in_flight": self.most_in_flight,
                },
            )
        if path.startswith("/elsewhere"):
            self.elsewhere += 1
            return await _json(out, 200, {"auth": headers.get("authorization", "")})
        if path == "/v1/models":
            return await _json(
                out, 200, {"object": "list", "data": [{"id": "ok", "max_model_len": 4096}, {"id": "other"}]}
            )
        if path == "/version":
            return await _json(out, 200, {"version": "9.9.\x1b[31m9"})
        if path == "/metrics":
            text = (
                b'# HELP x y\nvllm:num_requests_running{model="ok"} %d.0\nvllm:num_requests_waiting{model="ok"} 2.0\n'
            )
            text = (
                text % self.in_flight + b'vllm:kv_cache_usage_perc{m="x"} 0.5\nvllm:num_preemptions_total{m="x"} 3.0\n'
            )
            return await _plain(out, 200, b"text/plain", text)
        if method != "POST":
            return await _json(out, 404, {"error": {"message": "no such path"}})
        asked = json.loads(body)
        model = asked["model"]
        self.seen[model] += 1
        number = asked["number"] = self.seen[model]
        fault = model = model.partition("#")[0]
        if model.startswith("some:"):
            fault = model[5:] if number > 2 and number % 3 == 0 else "ok"
        elif model.startswith("second:"):
            fault = model[7:] if number == 2 else "ok"
        elif number <= 2 and not model.startswith("always:"):
            fault = "ok"
        fault = fault.removeprefix("always:")
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            return await self._answer(fault, asked, headers, out)
        finally:
            self.in_flight -= 1

    async def _answer(
        self, fault: str, asked: dict[str, Any], headers: dict[str, str], out: asyncio.StreamWriter
    ) -> bool:
        prompt = asked.get("prompt") or "".join(m["content"] for m in asked.get("messages", []))
        wanted = asked.get("max_tokens") or asked["max_completion_tokens"]
        inputs = len(prompt.split()) + OVERHEAD
        refusals: dict[str, tuple[int, dict[str, Any], tuple[str, ...]]] = {
            "429-after": (429, {"error": {"message": "slow down"}}, ("retry-after: 0.1",)),
            "429": (429, {"error": {"message": "slow down"}}, ()),
            "429-day": (429, {"error": {"message": "quota"}}, ("retry-after: 86400",)),
            "500": (500, {"error": {"message": "boom"}}, ()),
            "503": (503, {"error": {"message": "loading"}}, ()),
            "401": (401, {"error": {"message": "bad key " + headers.get("authorization", "")}}, ()),
            "echo-key": (500, {"error": {"message": "headers were " + json.dumps(headers)}}, ()),
            "model": (404, {"object": "error", "message": f"The model `{asked['model']}` does not exist."}, ()),
            "context": (400, {"error": {"message": "This model's maximum context length is 16 tokens."}}, ()),
        }
        if fault == "two-at-a-time" and self.in_flight > 2:
            fault = "429"
        if fault in refusals:
            status, document, extra = refusals[fault]
            return await _json(out, status, document, extra)
        if fault == "no-stream-options" and "stream_options" in asked:
            return await _json(out, 400, {"error": {"message": "Unrecognized request argument: stream_options"}})
        if fault == "no-min-tokens" and "min_tokens" in asked:
            return await _json(out, 422, {"detail": "extra fields not permitted: min_tokens, ignore_eos"})
        if fault == "html":
            return await _plain(out, 200, b"text/html", b"<html><body>Welcome to the proxy</body></html>")
        if fault == "html-502":
            return await _plain(out, 502, b"text/html", b"<html><script>alert(1)</script>\x1b[2J502 Bad Gateway</html>")
        if fault == "redirect":
            return await _json(out, 307, {}, ("location: http://localhost:1/v1/chat/completions",))
        if fault == "redirect-here":
            return await _json(out, 307, {}, ("location: /v1/chat/completions?again",))
        if fault == "slow-headers":
            for byte in b"HTTP/1.1 200 OK\r\nx-slow: " + b"z" * 400:
                out.write(bytes([byte]))
                await out.drain()
                await asyncio.sleep(0.02)
            return False
        if fault == "disconnect-early":
            return False
        self.tokens["input"] += inputs
        return await self._stream(fault, asked, inputs, wanted, out)

    async def _stream(
        self, fault: str, asked: dict[str, Any], inputs: int, wanted: int, out: asyncio.StreamWriter
    ) -> bool:
        compress = gzip.GzipFile(fileobj=(sink := _Sink()), mode="wb") if fault == "gzip" else None
        coding = b"content-encoding: gzip\r\n" if compress else b""
        out.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n" + coding + b"transfer-encoding: chunked\r\n\r\n"
        )

        async def send(data: bytes) -> None:
            if compress is not None:
                compress.write(data)
                compress.flush()
                data = sink.take()
            out.write(b"%x\r\n%s\r\n" % (len(data), data))
            await out.drain()

        async def event(document: Any) -> None:
            await send(b"data: " + json.dumps(document).encode() + b"\n\n")

        if fault == "empty-deltas":
            await event({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]})
        await asyncio.sleep(0.45 if fault == "queued" else ITL_S)
        if fault == "huge":
            line = b"x" * 65536
            while True:
                await send(line)
        if fault == "huge-comments":
            while True:
                await send(b": keep-alive\n\n" * 4096)
        if fault == "zeros-gzip":
            compress = gzip.GzipFile(fileobj=sink, mode="wb")
        sent = 0
        limit = {"endless": 10**9, "cap": min(wanted, 20), "eos": min(wanted, 20)}.get(fault, wanted)
        per_event = 4 if fault in ("several", "several-lie") else 1
        while sent < limit:
            size = min(per_event, limit - sent)
            self.tokens["output"] += size
            sent += size
            text = " tok" * size
            delta: dict[str, Any] = {"content": text}
            if fault == "reasoning":
                delta = (
                    {"reasoning_content": text} if sent <= wanted // 2 else {"content": text, "reasoning_content": None}
                )
            if fault == "tools":
                delta = {"tool_calls": [{"index": 0, "function": {"arguments": text}}]}
            document = {
                "id": "c",
                "model": {"routed": f"model-{asked['number'] % 2}", "renamed": "org/small"}.get(fault, asked["model"]),
                "choices": [{"index": 0, "delta": delta, "finish_reason": None}],
            }
            if fault == "split-utf8":
                document["choices"][0]["delta"]["content"] = "é漢🙂"
                data = b"data: " + json.dumps(document, ensure_ascii=False).encode() + b"\r\n\r\n"
                for byte in data:
                    out.write(b"1\r\n" + bytes([byte]) + b"\r\n")
                    await out.drain()
                await asyncio.sleep(0)
            elif fault == "malformed" and sent == 3:
                await send(b'data: {"choices": [{"delta": {"content": \n\ndata: [1,2\n\ndata: nonsense\n\n')
                return False
            elif fault == "bad-utf8":
                await send(b'data: {"choices":[{"delta":{"content":"\xff\xfe"}}]}\n\n')
            elif fault == "deep":
                await send(b"data: " + b"[" * 10_000 + b"\n\n")
                await event(document)
            else:
                await event(document)
            if fault == "empty-deltas":
                await event({"choices": [{"index": 0, "delta": {}}]})
                await event({"choices": []})
            if fault == "comments":
                await send(b": ping\n\n:\n\n")
            if fault == "disconnect" and sent == 3:
                out.transport.abort()
                return False
            if fault == "close" and sent == 3:
                return False
            if fault == "end-early" and sent == 3:
                await send(b"")
                return True
            if fault == "error-event" and sent == 3:
                await event({"error": {"message": "engine died", "code": 500}})
                break
            if fault == "error-choice" and sent == 3:
                choice = {"index": 0, "delta": {"content": ""}, "finish_reason": "error"}
                await event({"error": {"message": "engine died", "code": 502}, "choices": [choice]})
                break
            if fault == "abort" and sent == 3:
                break
            if fault == "stall" and sent == 3:
                await asyncio.sleep(60)
            await asyncio.sleep(ITL_S)
        reason = {"eos": "stop", "abort": "abort"}.get(fault, "length")
        if fault != "error-choice":
            await event({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
        usage = {"prompt_tokens": inputs, "completion_tokens": sent, "total_tokens": inputs + sent}
        if fault == "usage-low" or fault == "several-lie":
            usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        if fault == "usage-high":
            usage = {"prompt_tokens": 10**9, "completion_tokens": 10**9, "total_tokens": 2 * 10**9}
        if fault == "usage-odd":
            usage = {"prompt_tokens": "many", "completion_tokens": -3, "total_tokens": None}
        if fault != "no-usage" and "stream_options" in asked:
            await event({"choices": [], "usage": usage})
        await send(b"data: [DONE]\n\n")
        if fault == "open-end":
            await asyncio.sleep(60)
        if compress is not None:
            compress.close()
            data = sink.take()
            out.write(b"%x\r\n%s\r\n" % (len(data), data))
        out.write(b"0\r\n\r\n")
        await out.drain()
        return True


class _Sink:
    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> int:
        self.data += bytes(data)
        return len(data)

    def flush(self) -> None:
        pass

    def take(self) -> bytes:
        data, self.data = self.data, b""
        return data


async def _json(out: asyncio.StreamWriter, status: int, document: Any, extra: tuple[str, ...] = ()) -> bool:
    return await _plain(out, status, b"application/json", json.dumps(document).encode(), extra)


async def _plain(out: asyncio.StreamWriter, status: int, kind: bytes, data: bytes, extra: tuple[str, ...] = ()) -> bool:
    more = "".join(line + "\r\n" for line in extra).encode()
    out.write(
        b"HTTP/1.1 %d X\r\ncontent-type: %s\r\ncontent-length: %d\r\n%s\r\n%s" % (status, kind, len(data), more, data)
    )
    await out.drain()
    return True


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port-file", type=Path, required=True)
    parser.add_argument("--tls", nargs=2)
    arguments = parser.parse_args()
    context = None
    if arguments.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*arguments.tls)
    server = await asyncio.start_server(FaultServer().serve, "127.0.0.1", 0, ssl=context, backlog=512)
    staged = arguments.port_file.with_suffix(".new")
    staged.write_text(str(server.sockets[0].getsockname()[1]))
    staged.replace(arguments.port_file)
    parent = os.getppid()
    async with server:
        while os.getppid() == parent:
            await asyncio.sleep(0.5)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
