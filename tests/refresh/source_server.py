"""A local server that plays every source of `advisor refresh`, with faults by path."""

from __future__ import annotations

import gzip
import hashlib
import io
import ssl
import threading
import time
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SAMPLES = Path(__file__).parent / "samples"
VERSION = "20261118-77"


def archive(name: str, content: bytes) -> bytes:
    """A zip with one member, the same bytes every time."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(zipfile.ZipInfo(name), content)
    return out.getvalue()


def sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


@dataclass
class SourceServer:
    """Files by path, faults by path, and a book of what was asked."""

    files: dict[str, bytes] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    conditional: Counter[str] = field(default_factory=Counter)
    tls: ssl.SSLContext | None = None

    def start(self) -> None:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server.answer(self)

            def log_message(self, *args: object) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, request: object, client_address: object) -> None:
                pass

        self.http = Quiet(("127.0.0.1", 0), Handler)
        if self.tls is not None:
            self.http.socket = self.tls.wrap_socket(self.http.socket, server_side=True, do_handshake_on_connect=False)
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.http.server_address[1]}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    def fill(self) -> None:
        """All samples, at the paths at which the sources have them."""
        for cloud in ("lambda", "verda", "runpod", "primeintellect"):
            self.files[f"/sky/catalogs/v8/{cloud}/vms.csv"] = sample(f"skypilot/{cloud}.csv")
        self.files["/hunt/nebius/version"] = f"{VERSION}\n".encode()
        self.files[f"/hunt/nebius/{VERSION}/catalog.zip"] = archive("nebius.csv", sample("gpuhunt/nebius.csv"))
        first = sample("azure/h100.json").replace(b"@BASE@", f"{self.url}/azure".encode())
        self.files["/azure/prices?api-version"] = first
        self.files["/azure/prices?page=2"] = sample("azure/h100_page2.json")
        self.files["/vultr/plans-metal?per_page=500"] = sample("vultr/plans-metal.json")
        self.files["/vultr/plans?type=vcg&per_page=500"] = sample("vultr/plans.json")
        self.files["/ix/benchmarks?model=DeepSeek-R1-0528"] = sample("inferencex/dsr1.json")
        self.files["/mlperf/inference_results_v6.1/main/summary.json"] = sample("mlperf/summary.json")

    def config(self, folder: Path, network: str = "", **items: str) -> Path:
        """A refresh.toml that leads every source here."""
        parts = {
            "skypilot": ("sky", '"lambda", "verda"'), "gpuhunt": ("hunt", '"nebius"'), "azure": ("azure", '"h100"'),
            "vultr": ("vultr", '"metal", "gpu"'), "inferencex": ("ix", '"dsr1"'), "mlperf": ("mlperf", '"v6.1"'),
        }  # fmt: skip
        text = f"[network]\nattempts = 2\nbackoff_s = 0.0\n{network}\n"
        for name, (path, chosen) in parts.items():
            text += f'[sources.{name}]\nbase = "{self.url}/{path}"\nallow_private = true\n'
            text += f"items = [{items.get(name, chosen)}]\n"
        file = folder / "refresh.toml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def answer(self, to: BaseHTTPRequestHandler) -> None:
        path = "/azure/prices?api-version" if to.path.startswith("/azure/prices?api-version") else to.path
        self.asked[path] += 1
        fault = self.faults.get(path, "")
        body = self.files.get(path)
        if fault == "500":
            return send(to, 500, b"broken")
        if fault == "once" and self.asked[path] == 1:
            return send(to, 503, b"later", {"Retry-After": "7"})
        if fault.startswith("redirect "):
            return send(to, 302, b"", {"Location": fault.partition(" ")[2]})
        if body is None:
            return send(to, 404, b"not here")
        if fault == "html":
            return send(to, 200, b"<html>please log in</html>", {"Content-Type": "text/html"})
        if fault == "columns":
            head, _, rest = body.partition(b"\n")
            return send(to, 200, head.replace(b"Price,", b"Preis,") + b"\n" + rest)
        if fault == "truncated":
            to.send_response(200)
            to.send_header("Content-Length", str(len(body)))
            to.end_headers()
            to.wfile.write(body[: len(body) // 2])
            to.close_connection = True
            return None
        if fault in ("gzip", "truncated gzip", "damaged gzip"):
            packed = gzip.compress(body)
            packed = {"gzip": packed, "truncated gzip": packed[: len(packed) // 2]}.get(fault, b"\x1f\x8b" + body)
            return send(to, 200, packed, {"Content-Encoding": "gzip"})
        if fault == "bomb":
            return send(to, 200, gzip.compress(bytes(40 * 2**20)), {"Content-Encoding": "gzip"})
        if fault == "encoding":
            return send(to, 200, body, {"Content-Encoding": "zstd"})
        if fault == "huge":
            return self.pour(to, b"x" * 65536, pause_s=0.0, length=10**12)
        if fault == "endless":
            return self.pour(to, b"x" * 65536, pause_s=0.0, length=None)
        if fault == "drip":
            return self.pour(to, b"x", pause_s=0.05, length=10**6)
        if fault == "dripping head":
            return self.drip_head(to)
        if fault == "odd wait":
            return send(to, 503, b"later", {"Retry-After": "\u00b2"})
        if fault == "silent":
            time.sleep(1.5)
            return None
        etag = '"' + hashlib.sha256(body).hexdigest()[:16] + '"'
        if to.headers.get("If-None-Match"):
            self.conditional[path] += 1
        if to.headers.get("If-None-Match") == etag:
            return send(to, 304, b"", {"ETag": etag})
        return send(to, 200, body, {"ETag": etag})

    def pour(self, to: BaseHTTPRequestHandler, piece: bytes, *, pause_s: float, length: int | None) -> None:
        to.send_response(200)
        if length is not None:
            to.send_header("Content-Length", str(length))
        to.send_header("Connection", "close")
        to.end_headers()
        to.close_connection = True
        start = time.monotonic()
        while time.monotonic() - start < 5:
            to.wfile.write(piece)
            time.sleep(pause_s)

    def drip_head(self, to: BaseHTTPRequestHandler) -> None:
        to.close_connection = True
        start = time.monotonic()
        to.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        while time.monotonic() - start < 5:
            to.wfile.write(b"x")
            time.sleep(0.02)


def send(to: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
    to.send_response(status)
    for name, value in (headers or {}).items():
        to.send_header(name, value)
    if status != 304:
        to.send_header("Content-Length", str(len(body)))
    to.end_headers()
    if body and status != 304:
        to.wfile.write(body)
