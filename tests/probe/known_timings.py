"""A completions server whose true timings are known: it writes down when each request reached its kernel
and when it handed each token to the kernel.

Run as its own process: `python known_timings.py --port-file F --log-file G`. One thread over epoll, a heap of
due times, prebuilt bytes: as little of its own lag as Python allows, and what is left is in the log, for
the log holds the moments of the writes, not the plan. SIGTERM writes the log (JSON lines) and ends.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import heapq
import json
import random
import select
import signal
import socket
import struct
from pathlib import Path
from time import perf_counter_ns, time_ns

_SO_TIMESTAMPNS = 35
_PIECE = " token"


class _Client:
    __slots__ = ("buffer", "sock")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.buffer = b""


class _Reply:
    __slots__ = ("arrived_ns", "client", "due_ns", "ident", "index", "prompt_tokens", "sends_ns", "tokens")


class KnownTimings:
    """The server; `ttft_ms` and `itl_ms` are its plan, with `jitter` as a relative spread."""

    def __init__(self, ttft_ms: float, itl_ms: float, jitter: float, seed: int) -> None:
        self._ttft_ns, self._itl_ns, self._jitter = ttft_ms * 1e6, itl_ms * 1e6, jitter
        self._random = random.Random(seed)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]
        self._poll = select.epoll()
        self._poll.register(self._listener, select.EPOLLIN)
        self._clients: dict[int, _Client] = {}
        self._due: list[tuple[int, int, _Reply]] = []
        self._count = 0
        self.log: list[_Reply] = []
        self._stop = False
        self._event = _chunk(
            {
                "id": "chatcmpl-0123456789abcdef",
                "object": "chat.completion.chunk",
                "created": 1_700_000_000,
                "model": "known",
                "choices": [{"index": 0, "delta": {"content": _PIECE}, "logprobs": None, "finish_reason": None}],
            }
        )

    def stop(self, *_: object) -> None:
        self._stop = True

    def run(self) -> None:
        while not self._stop:
            now = perf_counter_ns()
            while self._due and self._due[0][0] <= now:
                _, _, reply = heapq.heappop(self._due)
                self._send_next(reply)
                now = perf_counter_ns()
            wait_s = min(0.2, max(0.0, (self._due[0][0] - now) / 1e9)) if self._due else 0.2
            with contextlib.suppress(InterruptedError):
                for fd, _ in self._poll.poll(wait_s):
                    if fd == self._listener.fileno():
                        self._accept()
                    else:
                        self._read(self._clients[fd])

    def _accept(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                sock, _ = self._listener.accept()
                sock.setblocking(False)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
                self._clients[sock.fileno()] = _Client(sock)
                self._poll.register(sock, select.EPOLLIN)

    def _read(self, client: _Client) -> None:
        try:
            data, ancillary, _, _ = client.sock.recvmsg(262_144, 64)
        except BlockingIOError:
            return
        except OSError:
            data, ancillary = b"", []
        now = perf_counter_ns()
        if not data:
            self._poll.unregister(client.sock)
            del self._clients[client.sock.fileno()]
            client.sock.close()
            return
        if ancillary:
            seconds, nanoseconds = struct.unpack_from("@ll", ancillary[0][2])
            now -= time_ns() - seconds * 1_000_000_000 - nanoseconds
        client.buffer += data
        head, found, body = client.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        length = int(lengths[0].split(b":")[1]) if lengths else 0
        if len(body) < length:
            return
        client.buffer = body[length:]
        self._answer(client, head, body[:length], now)

    def _answer(self, client: _Client, head: bytes, body: bytes, arrived_ns: int) -> None:
        if not head.startswith(b"POST"):
            text = b'{"object":"list","data":[{"id":"known","max_model_len":131072}]}'
            known = b"/v1/models" in head[:80] or b"/health" in head[:80]
            if not known:
                client.sock.send(b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}")
                return
            client.sock.send(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(text), text)
            )
            return
        asked = json.loads(body)
        reply = _Reply()
        reply.client, reply.arrived_ns, reply.index = client, arrived_ns, 0
        reply.tokens = asked.get("max_tokens") or asked.get("max_completion_tokens") or 16
        prompt = asked.get("prompt") or " ".join(str(message["content"]) for message in asked.get("messages", ()))
        reply.prompt_tokens = len(prompt.split())
        lines = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
        reply.ident = {k.lower(): v for k, v in lines.items()}.get(b"x-request-id", b"").decode()
        reply.sends_ns = []
        spread = 1 + self._jitter * self._random.uniform(-1, 1)
        reply.due_ns = arrived_ns + int(self._ttft_ns * spread)
        self.log.append(reply)
        client.sock.send(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        self._plan(reply)

    def _plan(self, reply: _Reply) -> None:
        self._count += 1
        heapq.heappush(self._due, (reply.due_ns, self._count, reply))

    def _send_next(self, reply: _Reply) -> None:
        sock = reply.client.sock
        if sock.fileno() < 0:
            return
        try:
            if reply.index < reply.tokens:
                reply.sends_ns.append(perf_counter_ns())
                sock.send(self._event)
                reply.index += 1
                if reply.index < reply.tokens:
                    spread = 1 + self._jitter * self._random.uniform(-1, 1)
                    reply.due_ns += int(self._itl_ns * spread)
                    self._plan(reply)
                    return
            last = {
                "id": "x",
                "object": "chat.completion.chunk",
                "model": "known",
                "choices": [{"index": 0, "delta": {}, "finish_reason": "length"}],
            }
            usage = {
                "id": "x",
                "choices": [],
                "usage": {
                    "prompt_tokens": reply.prompt_tokens,
                    "completion_tokens": reply.tokens,
                    "total_tokens": reply.prompt_tokens + reply.tokens,
                },
            }
            sock.send(_chunk(last) + _chunk(usage) + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")
        except OSError:
            return

    def write_log(self, path: Path) -> None:
        with path.open("w") as out:
            for reply in self.log:
                row = {
                    "id": reply.ident,
                    "arrived_ns": reply.arrived_ns,
                    "sends_ns": reply.sends_ns,
                    "tokens": reply.tokens,
                }
                out.write(json.dumps(row) + "\n")


def _chunk(event: dict[str, object]) -> bytes:
    data = b"data: " + json.dumps(event).encode() + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(data), data)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port-file", type=Path, required=True)
    parser.add_argument("--log-file", type=Path, required=True)
    parser.add_argument("--ttft-ms", type=float, default=100.0)
    parser.add_argument("--itl-ms", type=float, default=25.0)
    parser.add_argument("--jitter", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    server = KnownTimings(arguments.ttft_ms, arguments.itl_ms, arguments.jitter, arguments.seed)
    signal.signal(signal.SIGTERM, server.stop)
    signal.signal(signal.SIGINT, server.stop)
    gc.disable()
    staged = arguments.port_file.with_suffix(".new")
    staged.write_text(str(server.port))
    staged.replace(arguments.port_file)
    server.run()
    server.write_log(arguments.log_file)


if __name__ == "__main__":
    main()
