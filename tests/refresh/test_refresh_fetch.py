"""One file over the network: every fault has a name, nothing runs for ever, nobody leads elsewhere."""

from __future__ import annotations

import socket
import ssl
import subprocess
import time
from datetime import date
from pathlib import Path

import pytest
from source_server import SourceServer

from advisor.domain.errors import InputError, NetworkError
from advisor.refresh.fetch import Fetcher, Known, TransferError, UnreachableError, unpacked
from advisor.refresh.guard import BlockedError, check_resolved, check_url, redirect_target
from advisor.refresh.settings import Network

PATH = "/sky/catalogs/v8/lambda/vms.csv"


SHORT = {"drip": {"total_s": 0.3}, "dripping head": {"total_s": 0.3}, "silent": {"read_s": 0.4}}
"""Limits that one fault needs, and that a busy machine must not meet in the others."""


class Waits(list[float]):
    """A sleep that only takes notes."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def fetcher(waits: Waits | None = None, **network: object) -> Fetcher:
    return Fetcher(Network.model_validate(network), sleep=waits if waits is not None else Waits(), jitter=lambda: 1.0)


def get(server: SourceServer, path: str = PATH, known: Known = Known(), **network: object) -> bytes | None:  # noqa: B008
    with fetcher(**network) as client:
        return client.get(server.url + path, known, allow_private=True).body


def test_a_file_comes_whole_plain_and_packed(server: SourceServer) -> None:
    assert get(server) == server.files[PATH]
    server.faults[PATH] = "gzip"
    assert get(server) == server.files[PATH]


def test_an_unchanged_file_is_not_sent_again(server: SourceServer) -> None:
    with fetcher() as client:
        first = client.get(server.url + PATH, allow_private=True)
        again = client.get(server.url + PATH, first.known, allow_private=True)
    assert first.known.etag
    assert again.body is None
    assert again.known == first.known
    assert server.conditional[PATH] == 1


@pytest.mark.parametrize(
    ("fault", "reason", "tries"),
    [
        ("500", r"answers 500 \(3 tries\)", 3),
        ("truncated", r"breaks off in the middle of its answer \(3 tries\)", 3),
        ("truncated gzip", r"gzip stream that breaks off \(3 tries\)", 3),
        ("damaged gzip", "damaged gzip stream", 1),
        ("encoding", 'encoding "zstd", which was not asked for', 1),
        ("huge", "offers a file of 953,674 MiB; the limit is 1 MiB", 1),
        ("endless", "sends more than 1 MiB", 1),
        ("bomb", "more than 2 MiB once unpacked", 1),
        ("drip", r"too slow: .+ in 0.3 s", 1),
        ("dripping head", r"too slow: no whole answer in 0.3 s", 1),
        ("odd wait", r"answers 503 \(3 tries\)", 3),
        ("silent", r"silent for 0.4 s \(3 tries\)", 3),
        ("redirect http://169.254.169.254/latest/meta-data", "not a public address", 1),
        ("redirect https://example.org/prices.csv", "redirects to another host, example.org", 1),
        ("redirect file:///etc/passwd", "is not https://", 1),
        ("redirect https://[", r'leads to "https://\[", which is no address', 1),
        (f"redirect {PATH}", "redirects more than 3 times", 4),
    ],
)
def test_every_fault_has_a_name_and_bounds(server: SourceServer, fault: str, reason: str, tries: int) -> None:
    server.faults[PATH] = fault
    start = time.monotonic()
    with pytest.raises(NetworkError, match=reason):
        get(server, max_mib=1, max_decoded_mib=2, **SHORT.get(fault, {}))
    assert time.monotonic() - start < 10
    assert server.asked[PATH] == tries


def test_a_missing_file_is_not_asked_for_twice(server: SourceServer) -> None:
    with pytest.raises(TransferError, match="answers 404; the file is not there"):
        get(server, "/sky/absent.csv")
    assert server.asked["/sky/absent.csv"] == 1


def test_waits_double_and_a_server_may_say_how_long(server: SourceServer) -> None:
    waits = Waits()
    server.faults[PATH] = "500"
    with fetcher(waits, attempts=4, backoff_s=1.0) as client, pytest.raises(TransferError):
        client.get(server.url + PATH, allow_private=True)
    assert waits == [1.0, 2.0, 4.0]
    waits.clear()
    server.asked.clear()
    server.faults[PATH] = "once"
    with fetcher(waits) as client:
        assert client.get(server.url + PATH, allow_private=True).body == server.files[PATH]
    assert waits == [7.0]


def test_a_wait_that_a_server_asks_for_is_bounded(server: SourceServer) -> None:
    waits = Waits()
    server.faults[PATH] = "once"
    with fetcher(waits, max_wait_s=2.0) as client:
        client.get(server.url + PATH, allow_private=True)
    assert waits == [2.0]


def test_a_redirect_within_the_host_is_followed(server: SourceServer) -> None:
    server.files["/moved"] = b""
    server.faults["/moved"] = f"redirect {PATH}"
    assert get(server, "/moved") == server.files[PATH]


def test_another_port_of_the_host_is_another_server(server: SourceServer) -> None:
    with pytest.raises(BlockedError, match="another port"):
        redirect_target(server.url, "http://127.0.0.1:1/x", frozenset(), allow_private=True)
    assert (
        redirect_target("https://a.org/x?page=1", "https://a.org:443/x?page=2", frozenset(), allow_private=False)
        == "https://a.org:443/x?page=2"
    )
    with pytest.raises(BlockedError, match="unencrypted"):
        redirect_target("https://10.0.0.1/x", "http://10.0.0.1/x", frozenset(), allow_private=True)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/x", "ftp://example.org/x", "https:///x", "https://user:secret@example.org/x",
        "https://127.0.0.1/x", "https://10.1.2.3/x", "https://[::1]/x", "https://169.254.169.254/x",
        "https://[fe80::1]/x", "https://[::ffff:127.0.0.1]/x", "https://100.64.0.1/x", "https://0.0.0.0/x",
        "https://example.org:99999/x", "https://224.0.0.1/x",
    ],
)  # fmt: skip
def test_addresses_that_are_never_asked(url: str) -> None:
    with pytest.raises(BlockedError) as caught:
        check_url(url, allow_private=False)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://me:secret@a.org", "https://me:secret@", "https://me:secret@[", "https://me:secret@a:b"]
)
def test_a_password_in_an_address_is_not_repeated(url: str) -> None:
    with pytest.raises(BlockedError) as caught:
        check_url(url, allow_private=False)
    assert "secret" not in str(caught.value)


def test_the_metadata_service_is_no_mirror() -> None:
    with pytest.raises(BlockedError):
        check_url("http://169.254.169.254/x", allow_private=True)


def test_a_name_that_leads_into_a_private_network_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    check_resolved("example.org", 443, allow_private=False)
    found.append((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.168.1.5", 443)))
    with pytest.raises(BlockedError, match=r"example.org lies at 192.168.1.5"):
        check_resolved("example.org", 443, allow_private=False)


def test_a_name_that_changes_its_address_between_look_up_and_answer_is_refused(
    server: SourceServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.getaddrinfo
    asked: list[object] = []

    def first_public(host: object, *args: object, **more: object) -> object:
        asked.append(host)
        if len(asked) == 1:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", 80))]
        return real("127.0.0.1", *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", first_public)
    monkeypatch.setattr("advisor.refresh.fetch.check_url", lambda *_, **__: ("rebound.example", 80))
    port = server.host.rpartition(":")[2]
    with fetcher() as client, pytest.raises(BlockedError, match=r"rebound.example lies at 127.0.0.1"):
        client.get(f"http://rebound.example:{port}{PATH}", allow_private=False)


def test_offline_is_said_plainly_and_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*args: object, **more: object) -> object:
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", offline)
    waits = Waits()
    with fetcher(waits) as client, pytest.raises(UnreachableError, match="is this machine offline"):
        client.get("https://example.org/x")
    assert waits == []


def test_a_server_that_is_gone(server: SourceServer) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with fetcher(attempts=2) as client, pytest.raises(UnreachableError, match=r"no connection to 127.0.0.1 \(2 tries"):
        client.get(f"http://127.0.0.1:{port}/x", allow_private=True)


def test_tls_with_a_server_that_speaks_none(server: SourceServer) -> None:
    with fetcher() as client, pytest.raises(TransferError, match=r"no TLS connection with 127\.0\.0\.1"):
        client.get(f"https://{server.host}{PATH}", allow_private=True)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = [
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert),
    ]  # fmt: skip
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=60)
    except FileNotFoundError:
        pytest.skip("openssl makes the certificate of this test")
    return cert, key


def test_a_certificate_that_nobody_vouches_for_is_refused_unless_the_user_trusts_it(
    certificate: tuple[Path, Path],
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server = SourceServer(tls=context)
    server.start()
    server.files["/x"] = b"content"
    url = f"https://{server.host}/x"
    try:
        with fetcher() as client, pytest.raises(TransferError, match=r"cannot be verified .*; nothing was read"):
            client.get(url, allow_private=True)
        assert server.asked["/x"] == 0
        with fetcher(ca_file=str(certificate[0])) as client:
            assert client.get(url, allow_private=True).body == b"content"
    finally:
        server.stop()


def test_a_ca_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(InputError, match="ca_file"):
        fetcher(ca_file=str(tmp_path / "ca.pem"))


def test_a_proxy_is_asked_and_names_are_left_to_it(server: SourceServer, monkeypatch: pytest.MonkeyPatch) -> None:
    target = "http://prices.example/list.csv"
    server.files[target] = b"through the proxy"
    monkeypatch.setenv("http_proxy", server.url)
    with fetcher() as client:
        assert client.get(target, allow_private=True).body == b"through the proxy"
    assert server.asked[target] == 1


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("HTTPS_PROXY", "socks5://user:secret@127.0.0.1:1080", 'HTTPS_PROXY: a proxy of the kind "socks5"'),
        ("ALL_PROXY", "ftp://127.0.0.1", 'ALL_PROXY: a proxy of the kind "ftp"'),
        ("HTTPS_PROXY", "http://user:secret@127.0.0.1:port", "names no usable proxy"),
    ],
)
def test_a_proxy_that_cannot_be_spoken_to_is_named_without_its_password(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=message) as caught:
        fetcher()
    assert "secret" not in str(caught.value)


def test_a_proxy_that_is_not_there_is_blamed_and_not_the_source(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{closed.getsockname()[1]}")
        with fetcher() as client, pytest.raises(UnreachableError, match="no connection to the proxy"):
            client.get("https://prices.example/list.csv")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("SSL_CERT_FILE", None, "not there"),
        ("SSL_CERT_FILE", "no certificate", "holds no certificate"),
        ("SSLKEYLOGFILE", None, "not there"),
    ],
)
def test_certificates_of_the_environment_that_cannot_be_read_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, content: str | None, reason: str
) -> None:
    file = tmp_path / "absent" / "file"
    if content is not None:
        file.parent.mkdir()
        file.write_text(content)
    monkeypatch.setenv(name, str(file))
    with pytest.raises(InputError, match=rf"^{name}={file}: {reason}.*unset it"):
        fetcher()


def test_a_stream_of_several_gzip_members() -> None:
    import gzip

    packed = gzip.compress(b"one ") + gzip.compress(b"two")
    for step in (1, 7, len(packed)):
        chunks = [packed[i : i + step] for i in range(0, len(packed), step)]
        assert unpacked(chunks, "host", packed=True, limit=100) == b"one two"


def test_last_modified_dates_the_content() -> None:
    from advisor.refresh.fetch import _day

    assert _day("Wed, 18 Nov 2026 23:30:00 GMT") == date(2026, 11, 18)
    assert _day("yesterday") is None
