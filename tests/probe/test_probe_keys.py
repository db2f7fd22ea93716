"""The key reaches its own server and nothing else: no file, log, exception, report or process list."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path

import httpx
import pytest
from probe_kit import KEY, Served, finish, make_session

from advisor.domain.errors import AdvisorError, InputError
from advisor.probe.keys import HostBoundKey, Redactor, Secret, find_key
from advisor.probe.target import parse_target

PROBE = """\
import argparse, sys
from advisor.cli.diagnostics import guarded
from advisor.cli.probe_command import add_probe_parser
parser = argparse.ArgumentParser(prog="advisor")
add_probe_parser(parser.add_subparsers())
arguments = parser.parse_args()
sys.exit(guarded(lambda: arguments.func(arguments)))
"""
SHORT = [
    "--yes",
    "--isl",
    "40",
    "--osl",
    "8",
    "--concurrency",
    "4",
    "--requests",
    "12",
    "--timeout",
    "1",
    "--idle-timeout",
    "0.5",
]


def run_probe(
    url: str, model: str, folder: Path, *more: str, key: str = KEY
) -> tuple[subprocess.CompletedProcess[str], str]:
    """`advisor probe` as a process; what it printed, and what `ps` could see of it meanwhile."""
    command = [sys.executable, "-c", PROBE, "probe", url, "--model", model, *SHORT,
               "--output", str(folder / "out.json"), "--format", "json",
               "--store", str(folder / "store.sqlite3"), *more]  # fmt: skip
    environment = os.environ | {"ADVISOR_API_KEY": key, "TMPDIR": str(folder)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    seen: list[str] = []

    def watch() -> None:
        while process.poll() is None:
            try:
                seen.append(Path(f"/proc/{process.pid}/cmdline").read_text())
            except OSError:
                return
            time.sleep(0.05)

    watcher = threading.Thread(target=watch)
    watcher.start()
    out, error = process.communicate(timeout=60)
    watcher.join()
    return subprocess.CompletedProcess(command, process.returncode, out, error), "".join(seen)


@pytest.mark.parametrize(
    "model", ["ok#key", "some:echo-key#key", "always:401#key", "some:redirect#key", "some:html-502#key"]
)
def test_no_trace_of_the_key_after_a_run(fault_server: Served, tmp_path: Path, model: str) -> None:
    before = fault_server.count()["authorised"]
    done, processes = run_probe(fault_server.url, model, tmp_path)
    assert fault_server.count()["authorised"] > before  # it was used
    assert done.returncode in (0, 2), done.stderr
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert written
    for place in (done.stdout, done.stderr, written.decode("latin-1"), processes):
        assert KEY not in place
        assert KEY[:10] not in place
    assert "\x1b" not in done.stderr + done.stdout


@pytest.mark.parametrize("model", ["some:echo-key", "always:401", "some:redirect", "disconnect", "some:model"])
async def test_no_exception_or_result_holds_the_key(fault_server: Served, model: str) -> None:
    try:
        run = await finish(make_session(fault_server.url, model))
    except AdvisorError:
        assert KEY not in traceback.format_exc()
    else:
        assert KEY not in run.model_dump_json()


async def test_the_key_does_not_follow_a_redirect(fresh_server: Served) -> None:
    await finish(make_session(fresh_server.url, "some:redirect"))
    assert fresh_server.count()["elsewhere"] == 0


def test_the_key_goes_to_its_own_origin_only() -> None:
    auth = HostBoundKey(Secret(KEY), httpx.URL("https://a.example:8443"))
    for url, sent in (
        ("https://a.example:8443/v1/models", True), ("https://a.example/v1", False), ("http://a.example:8443/", False),
        ("https://a.example.evil:8443/", False), ("https://b.example:8443/", False),
    ):  # fmt: skip
        request = next(auth.auth_flow(httpx.Request("GET", url)))
        assert ("authorization" in request.headers) == sent, url


def test_a_secret_does_not_show_itself() -> None:
    secret = Secret(KEY)
    shown = f"{secret} {secret!r} {secret!s} {[secret]} {vars} " + str({"key": secret})
    assert KEY not in shown
    assert KEY.encode() not in pickle.dumps(secret)
    with pytest.raises(TypeError):
        json.dumps(secret)


def test_redaction_covers_encoded_forms_and_leaves_short_text() -> None:
    redact = Redactor(Secret("ab/cd+ef12"))
    assert redact("x ab/cd+ef12 y ab%2Fcd%2Bef12") == "x [key] y [key]"
    assert Redactor(Secret(""))("text") == "text"


def test_where_the_key_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_key(env_name=None, prompt=False, keyring_service=None, environ={}).reveal() == ""
    assert (
        find_key(env_name=None, prompt=False, keyring_service=None, environ={"ADVISOR_API_KEY": " k1 "}).reveal()
        == "k1"
    )
    assert find_key(env_name="MINE", prompt=False, keyring_service=None, environ={"MINE": "k2"}).reveal() == "k2"
    with pytest.raises(InputError, match="MINE: that variable is not set"):
        find_key(env_name="MINE", prompt=False, keyring_service=None, environ={})
    monkeypatch.setattr("getpass.getpass", lambda _: "k3")
    assert find_key(env_name=None, prompt=True, keyring_service=None, environ={}).reveal() == "k3"
    with pytest.raises(InputError) as caught:
        find_key(env_name="MINE", prompt=False, keyring_service=None, environ={"MINE": "bad\nkey"})
    assert "bad" not in str(caught.value)


def test_the_keyring_is_asked_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    import types

    fake = types.ModuleType("keyring")
    fake.get_password = lambda service, user: "k4" if (service, user) == ("gpu", "advisor") else None  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", fake)
    assert find_key(env_name=None, prompt=False, keyring_service="gpu").reveal() == "k4"
    with pytest.raises(InputError, match="holds no key"):
        find_key(env_name=None, prompt=False, keyring_service="other")
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(InputError, match="pip install keyring"):
        find_key(env_name=None, prompt=False, keyring_service="gpu")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://gpu.example.com", "--allow-plain-http"), ("http://10.0.0.1:8000", "--allow-plain-http"),
        ("gpu.example.com", "no scheme"), ("ftp://x", "not supported"), ("https://", "no host"),
        ("https://user:sk-secret@host", "user name or password"), ("https://h/v1?key=sk-secret", "query"),
        ("user:sk-secret@host", "no scheme"), ("http://localhost.evil.example", "--allow-plain-http"),
    ],
)  # fmt: skip
def test_addresses_that_are_refused(url: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason) as caught:
        parse_target(url)
    assert "sk-secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/v1/chat/completions"),
        ("http://[::1]:8000/v1", "http://[::1]:8000/v1/chat/completions"),
        ("https://h.example/proxy/v1/", "https://h.example/proxy/v1/chat/completions"),
        ("https://h.example/v1/chat/completions", "https://h.example/v1/chat/completions"),
        ("http://localhost", "http://localhost/v1/chat/completions"),
    ],
)
def test_addresses_that_are_understood(url: str, endpoint: str) -> None:
    assert str(parse_target(url).completions) == endpoint
    assert parse_target("http://10.0.0.1", allow_plain_http=True).base.host == "10.0.0.1"
