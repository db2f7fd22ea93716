"""The server behind `advisor serve`: textual-serve, for one's own browser alone.

A page of any other site can ask a browser to open a WebSocket to this machine, and browsers let it: what answers here
reads and writes profiles as the user, so a request must come from our own page (Origin), and name a host by which this
machine is known (Host; a name of a stranger's that was turned to 127.0.0.1 is refused).
"""

from __future__ import annotations

import errno
import logging
import os
import re
import shlex
import socket
import sys
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web
from textual_serve.server import Server

from advisor.domain.errors import InputError

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_RULES = (
    "default-src 'self' data: blob: 'unsafe-inline'; connect-src 'self' ws://{host} wss://{host};"
    " frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
"""What the page may load: nothing from elsewhere, and no other page may hold it in a frame."""


_ELSEWHERE = re.compile(r"<link\b[^>]*https?://fonts\.[^>]*>")
"""The page asks for a font of another host; the machine's own monospace does."""
_FOCUS = """<script>
new MutationObserver((_, seen) => {
  const terminal = document.querySelector(".xterm-helper-textarea");
  if (terminal) { seen.disconnect(); setTimeout(() => terminal.focus(), 300); }
}).observe(document.body, {childList: true, subtree: true});
</script>"""
"""Gives the terminal the keyboard; it had taken a click."""


class LocalServer(Server):
    """Serves the interactive program; refuses requests that another site made the browser send."""

    def __init__(self, host: str, port: int) -> None:
        where = f"[{host}]" if ":" in host else host
        super().__init__(
            shlex.join([sys.executable, "-m", "advisor.tui"]), host=host, port=port, title="advisor",
            public_url=f"http://{where}:{port}",
        )  # fmt: skip

    def initialize_logging(self) -> None:
        """Warnings and errors as single lines, without the locals of our frames."""
        handler = logging.StreamHandler()
        handler.setFormatter(_OneLine("advisor: %(message)s"))
        logging.basicConfig(level="WARNING", handlers=[handler])
        logging.getLogger("asyncio").setLevel("ERROR")  # it warns of a session that ends with the server

    async def on_startup(self, app: web.Application) -> None:  # noqa: ARG002
        """Say where it is, on stderr."""
        print(f"advisor: serving on {self.public_url}; Ctrl-C stops it", file=sys.stderr, flush=True)

    async def handle_index(self, request: web.Request) -> Any:
        """The page, with addresses as the browser knows us: also behind a forwarded port."""
        self._check(request)
        self.public_url = f"{request.scheme}://{request.host}"
        response: Any = await super().handle_index(request)
        page = _ELSEWHERE.sub("", response.text).replace("<head>", "<head><title>advisor</title>", 1)
        response.text = page.replace("</body>", f"{_FOCUS}</body>", 1)
        response.headers["Content-Security-Policy"] = _RULES.format(host=request.host)
        return response

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """The session."""
        self._check(request, origin=True)
        return await super().handle_websocket(request)

    async def handle_download(self, request: web.Request) -> web.StreamResponse:
        """A file of a session."""
        self._check(request)
        return await super().handle_download(request)

    def _check(self, request: web.Request, *, origin: bool = False) -> None:
        if self.host in LOOPBACK and _name(f"//{request.host}") not in LOOPBACK:
            raise web.HTTPForbidden(text="This server is asked by the name of this machine only.")
        if origin and urlsplit(request.headers.get("Origin", "")).netloc != request.host:
            raise web.HTTPForbidden(text="This session belongs to its own page.")


def check_free(host: str, port: int) -> None:
    """Refuse an address that cannot be listened on, before anything is said to be served there.

    A name may stand for several addresses (localhost: those of IPv4 and IPv6); one that this machine has is enough.

    Raises
    ------
    InputError
        When the port is taken or not allowed, or the host is not this machine's.
    """
    bound, absent = 0, None
    try:
        for family, kind, proto, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            with socket.socket(family, kind, proto) as trial:
                if os.name == "posix":
                    trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    trial.bind(address)
                    bound += 1
                except OSError as error:
                    if error.errno != errno.EADDRNOTAVAIL:
                        raise
                    absent = error
    except socket.gaierror:
        raise InputError(f"--host {host}: there is no host of that name") from None
    except (OSError, UnicodeError) as error:
        raise refusal(host, port, error) from None
    if not bound and absent is not None:
        raise refusal(host, port, absent)


def refusal(host: str, port: int, error: OSError | UnicodeError) -> InputError:
    """Why an address cannot be listened on."""
    reason = getattr(error, "strerror", None) or "it is no address"
    return InputError(f"--host {host} --port {port}: cannot be listened on ({reason}); choose another")


class _OneLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        if not os.environ.get("ADVISOR_DEBUG"):
            record.exc_info, record.exc_text, record.stack_info = None, None, None
        return super().format(record)


def _name(netloc: str) -> str:
    try:
        return urlsplit(netloc).hostname or ""
    except ValueError:
        return ""
