"""The program in a browser: for the user's own page alone, and a sentence where it cannot listen."""

from __future__ import annotations

import errno
import logging
import os
import re
import socket
import sys

import pytest

pytest.importorskip("textual_serve")

from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from advisor.cli.browser import LocalServer, check_free
from advisor.cli.main import main
from advisor.domain.errors import InputError


async def page(host: str, asked: str) -> web.StreamResponse:
    server = LocalServer(host, 8000)
    app = await server._make_app()
    request = make_mocked_request("GET", "/", headers={"Host": asked}, app=app)
    return await server.handle_index(request)


@pytest.mark.parametrize("asked", ["127.0.0.1:8000", "localhost:8000", "[::1]:8000", "localhost:9001"])
async def test_the_page_leads_back_to_where_it_was_asked(asked: str) -> None:
    response = await page("127.0.0.1", asked)
    assert isinstance(response, web.Response)
    assert f'data-session-websocket-url="ws://{asked}/ws"' in (response.text or "")


async def test_the_page_may_load_nothing_from_elsewhere() -> None:
    rules = (await page("127.0.0.1", "127.0.0.1:8000")).headers["Content-Security-Policy"]
    assert rules.startswith("default-src 'self' ")
    assert "frame-ancestors 'none'" in rules
    assert "http" not in rules


async def test_the_page_asks_no_other_host_and_has_the_keyboard_in_the_terminal() -> None:
    response = await page("127.0.0.1", "127.0.0.1:8000")
    assert isinstance(response, web.Response)
    text = response.text or ""
    assert set(re.findall(r"(?:src|href)=\"(https?://[^/\"]+)", text)) == {"http://127.0.0.1:8000"}
    assert "<title>advisor</title>" in text
    assert "terminal.focus()" in text


@pytest.mark.parametrize("asked", ["evil.example:8000", "127.0.0.1.evil.example:8000", "10.0.0.1:8000", "[", ""])
async def test_a_stranger_s_name_for_this_machine_is_refused(asked: str) -> None:
    with pytest.raises(web.HTTPForbidden):
        await page("127.0.0.1", asked)


async def test_whoever_opens_it_to_others_is_asked_by_any_name() -> None:
    response = await page("0.0.0.0", "gpu-box.example:8000")
    assert isinstance(response, web.Response)
    assert "ws://gpu-box.example:8000/ws" in (response.text or "")


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
@pytest.mark.parametrize("origin", ["https://evil.example", "null", "", "http://127.0.0.1:9999"])
async def test_a_session_is_not_opened_for_another_site(host: str, origin: str) -> None:
    headers = {"Host": "127.0.0.1:8000", "Origin": origin}
    request = make_mocked_request("GET", "/ws", headers=headers if origin else {"Host": "127.0.0.1:8000"})
    with pytest.raises(web.HTTPForbidden):
        await LocalServer(host, 8000).handle_websocket(request)


@pytest.mark.parametrize(
    ("number", "arguments", "message"),
    [
        (errno.EADDRINUSE, [], "--host 127.0.0.1 --port 8000: cannot be listened on (Address already in use)"),
        (errno.EACCES, ["--port", "80"], "--host 127.0.0.1 --port 80: cannot be listened on (Permission denied)"),
        (errno.EADDRNOTAVAIL, ["--host", "8.8.8.8"], "--host 8.8.8.8 --port 8000: cannot be listened on"),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="the words are the system's")
def test_an_address_that_is_not_free_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int, arguments: list[str], message: str
) -> None:
    def taken(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    host = arguments[1] if "--host" in arguments else "127.0.0.1"
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    monkeypatch.setattr(socket.socket, "bind", taken)
    assert main(["serve", *arguments]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert "serving on" not in err


def test_of_two_addresses_of_a_name_one_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    def bind(_: socket.socket, address: tuple[str, int]) -> None:
        if address[0] == "::1":
            raise OSError(errno.EADDRNOTAVAIL, "no IPv6 here")

    found = [
        (family, socket.SOCK_STREAM, 6, "", (address, 0))
        for family, address in ((socket.AF_INET6, "::1"), (socket.AF_INET, "127.0.0.1"))
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    monkeypatch.setattr(socket.socket, "bind", bind)
    check_free("localhost", 8000)
    found.pop()
    with pytest.raises(InputError, match="cannot be listened on"):
        check_free("localhost", 8000)


def test_a_host_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert main(["serve", "--host", "nosuch"]) == 2
    assert "--host nosuch: there is no host of that name" in capsys.readouterr().err


def test_a_fault_is_logged_as_a_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(logging.root, "handlers", [])
    monkeypatch.delenv("ADVISOR_DEBUG", raising=False)
    LocalServer("127.0.0.1", 8000).initialize_logging()
    try:
        raise ValueError("half a message")
    except ValueError as error:
        logging.getLogger("textual-serve").exception(error)
    assert capsys.readouterr().err == "advisor: half a message\n"
