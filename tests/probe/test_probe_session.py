"""Whole sessions: load shapes, stopping, snapshots, TLS, proxies, redirects on the same host."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from probe_kit import KEY, Served, finish, make_session, only_step, start, step_plan

from advisor.domain.errors import EvidenceError, InputError, NetworkError
from advisor.domain.profile import Slo
from advisor.evidence.runs import Run, Step
from advisor.evidence.store import open_store
from advisor.probe.client import ProbeClient
from advisor.probe.exchange import Limits
from advisor.probe.faults import Fault
from advisor.probe.keys import Secret
from advisor.probe.network import proxy_for
from advisor.probe.plan import LengthSpec, Search
from advisor.probe.target import parse_target
from advisor.probe.transport import StampedTransport
from advisor.tls import tls_context

pytestmark = pytest.mark.alone


async def test_a_step_ends_once_it_is_known_well_enough(fault_server: Served) -> None:
    plan = step_plan(min_requests=16, max_requests=400, half_width=0.5)
    step = only_step(await finish(make_session(fault_server.url, "ok", steps=(plan,))))
    assert 16 <= step.requests < 400
    assert not step.partial
    # known well enough, or withheld because this machine was too busy to read in time, and then told so
    assert step.ttft.p50_ci95 is not None or any("too late" in flag for flag in step.flags)


async def test_warm_up_is_left_out(fault_server: Served) -> None:
    plan = step_plan(warmup=6, min_requests=12, max_requests=12)
    step = only_step(await finish(make_session(fault_server.url, "ok", steps=(plan,))))
    assert (step.warmup_requests, step.requests, step.e2el.n) == (6, 12, 12)
    assert step.ttft.n <= 12  # a first token that this busy machine read late is withheld


@pytest.mark.parametrize("load", ["poisson", "constant"])
async def test_open_loops_arrive_at_their_rate(fault_server: Served, load: str) -> None:
    # four seconds at a rate that a busy machine carries too: one that stands still at the end moves it by little
    plan = step_plan(load=load, rate_rps=25.0, concurrency=64, min_requests=100, max_requests=100)
    step = only_step(await finish(make_session(fault_server.url, "ok", steps=(plan,))))
    assert step.succeeded == 100
    assert step.requests_per_s == pytest.approx(25, rel=0.35 if load == "poisson" else 0.1)
    assert step.concurrency == pytest.approx(
        (step.requests_per_s or 0) * (step.e2el.mean or 0), rel=0.4
    )  # Little's law


async def test_an_open_loop_that_outruns_the_server_is_called_saturated(fault_server: Served) -> None:
    plan = step_plan(load="constant", rate_rps=2000.0, concurrency=8, max_requests=400, osl=LengthSpec(60))
    step = only_step(await finish(make_session(fault_server.url, "ok", steps=(plan,))))
    assert step.partial
    assert any(flag.startswith("saturated") for flag in step.flags)


async def test_open_loop_latency_counts_from_the_intended_start(fault_server: Served) -> None:
    """The tool blocks for 60 ms: the arrivals that it missed waited, and their latency says so."""
    import time

    plan = step_plan(load="constant", rate_rps=100.0, concurrency=64, min_requests=40, max_requests=40)
    session = make_session(fault_server.url, "ok", steps=(plan,))
    asyncio.get_running_loop().call_later(0.25, time.sleep, 0.06)
    step = only_step(await finish(session))
    assert step.e2el.p99 is not None
    assert step.e2el.p99 > 0.05


async def test_the_search_finds_a_knee_and_says_so(fault_server: Served) -> None:
    session = make_session(
        fault_server.url,
        "ok",
        steps=(step_plan(max_requests=8, osl=LengthSpec(40)),),
        plan={"search": Search(highest=4), "slo": Slo(ttft_ms=500)},
    )
    run = await finish(session)
    assert [step.concurrency for step in run.steps][:2] == [1, 2]
    assert any(flag.startswith("saturation search") for flag in run.flags)
    assert run.steps[0].goodput_share is not None


async def test_stopping_keeps_what_is_known_and_marks_it(fault_server: Served, tmp_path: Path) -> None:
    with open_store(str(tmp_path / "e.sqlite3")) as store:
        session = make_session(
            fault_server.url,
            "ok",
            steps=(step_plan(), step_plan(min_requests=5000, max_requests=5000, osl=LengthSpec(40))),
            on_start=store.begin,
            on_step=store.add_step,
            on_end=store.finish,
        )
        run: Run | None = None
        async for snapshot in session.snapshots():
            if len(snapshot.steps) == 1 and snapshot.done > 4:
                session.stop()
            run = snapshot.run
        assert run is not None
        assert run.outcome == "interrupted"
        assert [step.partial for step in run.steps] == [False, True]
        assert run.steps[1].succeeded > 0
        assert Fault.CUT.value not in run.steps[1].errors
        assert "interrupted by the user" in run.flags
        assert store.get("run-1") == run


async def test_snapshots_are_immutable_and_tell_the_whole_story(fault_server: Served) -> None:
    plan = step_plan(min_requests=60, max_requests=60, osl=LengthSpec(30))
    seen = [snapshot async for snapshot in make_session(fault_server.url, "ok", steps=(plan,)).snapshots()]
    assert seen[0].phase == "contact"
    assert seen[-1].phase == "done"
    assert seen[-1].run is not None
    assert all(snapshot.run is None for snapshot in seen[:-1])
    middle = [snapshot for snapshot in seen if snapshot.phase == "measuring" and snapshot.done]
    assert middle
    assert all(snapshot.in_flight <= 4 for snapshot in middle)
    # the last one may be taken when the last request has just ended
    assert all(snapshot.spent.reserved_tokens > 0 for snapshot in middle if snapshot.in_flight)
    assert any(snapshot.in_flight for snapshot in middle)
    assert seen[-1].spent.reserved_tokens == 0
    with pytest.raises(AttributeError):
        middle[0].done = 0  # type: ignore[misc]


async def test_leaving_the_snapshots_early_stops_the_load(fresh_server: Served) -> None:
    session = make_session(fresh_server.url, "ok", steps=(step_plan(max_requests=5000, min_requests=5000),))
    snapshots = session.snapshots()
    async for snapshot in snapshots:
        if snapshot.done > 3:
            break
    await snapshots.aclose()  # type: ignore[attr-defined]
    await asyncio.sleep(0.1)
    before = fresh_server.count()["seen"]
    await asyncio.sleep(0.2)
    assert fresh_server.count()["seen"] == before


async def test_server_facts_and_counters_are_kept(fault_server: Served) -> None:
    plan = step_plan(min_requests=32, max_requests=32, osl=LengthSpec(40))
    run = await finish(make_session(fault_server.url, "ok", steps=(plan,)))
    assert run.server_facts["models"] == "ok, other"
    assert run.server_facts["version"] == "9.9.[31m9"  # the escape is gone
    assert run.server_facts["engine"] == "vllm"
    assert run.deployment.engine == "vllm"
    server = only_step(run).server
    assert server["kv_use_max"] == 0.5
    assert server["waiting_mean"] == 2.0
    assert server["preemptions"] == 0.0


async def test_completions_as_well_as_chat(fault_server: Served) -> None:
    step = only_step(await finish(make_session(fault_server.url, "ok", api="completions")))
    assert step.succeeded == 24


async def test_a_defect_in_the_store_ends_the_run_and_is_raised(fault_server: Served) -> None:
    def broken(_: str, step: Step) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        await finish(make_session(fault_server.url, "ok", on_step=broken))


async def test_a_store_that_fails_costs_the_keeping_and_not_the_measurement(fault_server: Served) -> None:
    def full(_: str, step: Step) -> None:
        raise EvidenceError("disk full")

    run = await finish(make_session(fault_server.url, "ok", on_step=full))
    assert only_step(run).succeeded == 24
    assert "not kept as evidence: disk full" in run.flags


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost, signed by itself."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl program to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(folder / "key.pem"), "-out",
         str(folder / "cert.pem"), "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder


@pytest.fixture
def tls_server(certificates: Path, tmp_path: Path) -> Iterator[Served]:
    served = start(
        "fault_server.py", tmp_path / "tls", "--tls", str(certificates / "cert.pem"), str(certificates / "key.pem")
    )
    yield served
    served.process.kill()
    served.process.wait()


async def test_tls_is_verified_and_measured(tls_server: Served, certificates: Path) -> None:
    url = f"https://localhost:{tls_server.port}"
    with pytest.raises(NetworkError, match=r"TLS with localhost: .*self.signed.*; --ca-file adds"):
        await finish(make_session(url, "ok"))
    trusting = StampedTransport(tls_context(str(certificates / "cert.pem")))
    run = await finish(make_session(url, "some:disconnect", transport=trusting))
    step = only_step(run)
    assert step.succeeded >= 16
    assert set(step.errors) == {Fault.DISCONNECTED.value}
    trusting = StampedTransport(tls_context(str(certificates / "cert.pem")))
    with pytest.raises(NetworkError, match=r"TLS with 127\.0\.0\.1"):  # the name in the certificate is another
        await finish(make_session(f"https://127.0.0.1:{tls_server.port}", "ok", transport=trusting))


async def test_a_server_that_does_not_speak_tls(fault_server: Served) -> None:
    with pytest.raises(NetworkError, match=r"no connection within 1 s|TLS with localhost"):
        await finish(make_session(f"https://localhost:{fault_server.port}", "ok", limits=Limits(connect_s=1.0)))


def test_certificates_cannot_be_switched_off(tmp_path: Path) -> None:
    context = tls_context(None)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    with pytest.raises(InputError, match="not there"):
        tls_context(str(tmp_path / "none.pem"))
    (tmp_path / "bad.pem").write_text("nonsense")
    with pytest.raises(InputError, match=r"--ca-file .*bad\.pem"):
        tls_context(str(tmp_path / "bad.pem"))


class Proxy:
    """An http proxy for CONNECT and for absolute requests, to one server."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._serving: set[asyncio.Task[None]] = set()
        self.heads: list[bytes] = []

    async def __aenter__(self) -> httpx.URL:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return httpx.URL(f"http://me:pw@127.0.0.1:{self._server.sockets[0].getsockname()[1]}")

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await asyncio.wait(self._serving, timeout=5)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        back, out = await asyncio.open_connection("127.0.0.1", self._port)
        if head.startswith(b"CONNECT"):
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            method, target, rest = head.split(b" ", 2)
            out.write(b" ".join((method, httpx.URL(target.decode()).raw_path, rest)))
        await asyncio.gather(_pump(reader, out), _pump(back, writer))


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
    sink.close()
    with contextlib.suppress(OSError):
        await sink.wait_closed()


async def test_through_a_proxy_and_a_tunnel(tls_server: Served, fault_server: Served, certificates: Path) -> None:
    for served, url, first in (
        (tls_server, f"https://localhost:{tls_server.port}", b"CONNECT localhost:%d " % tls_server.port),
        (fault_server, fault_server.url, b"GET http://127.0.0.1:%d/v1/models " % fault_server.port),
    ):
        proxy = Proxy(served.port)
        async with proxy as address:
            transport = StampedTransport(tls_context(str(certificates / "cert.pem")), address)
            plan = step_plan(max_requests=8, min_requests=8)
            run = await finish(make_session(url, "ok", steps=(plan,), transport=transport))
        assert only_step(run).succeeded == 8
        seen = proxy.heads[0]
        assert seen.startswith(first)
        assert b"proxy-authorization: basic bwu6chc=" in seen.lower()
        assert (KEY.encode() in seen) == (served is fault_server)  # inside the tunnel it is not seen


def test_which_proxy_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "http_proxy",
        "https_proxy",
        "no_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "ALL_PROXY",
        "all_proxy",
    ):
        monkeypatch.delenv(name, raising=False)
    target = httpx.URL("https://gpu.example:8000")
    assert proxy_for(target, None) is None
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    assert str(proxy_for(target, None)) == "http://proxy.example:3128"
    assert str(proxy_for(target, "other:1")) == "http://other:1"
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    assert proxy_for(httpx.URL("http://127.0.0.1:8000"), None) is None
    monkeypatch.setenv("no_proxy", "gpu.example")
    assert proxy_for(target, None) is None
    with pytest.raises(InputError, match="over http only"):
        proxy_for(target, "socks5://x:1")


async def test_the_transport_is_an_httpx_transport(fault_server: Served) -> None:
    """Any httpx code can use it: bodies, errors and keep-alive are httpx's own."""
    async with httpx.AsyncClient(transport=StampedTransport(), base_url=fault_server.url) as client:
        first = await client.get("/version")
        assert first.json()["version"].startswith("9.9")
        answer = await client.post("/v1/completions", json={"model": "always:429", "prompt": "x", "max_tokens": 1})
        assert (answer.status_code, answer.json()["error"]["message"]) == (429, "slow down")
        with pytest.raises(httpx.TransportError):
            await client.get("http://127.0.0.1:1/")


async def test_nothing_is_sent_after_a_stop(fault_server: Served) -> None:
    transport = StampedTransport()
    client = ProbeClient(parse_target(fault_server.url), Secret(""), model="ok", transport=transport)
    transport.shut("over")
    result = await client.complete("x", isl=1, osl=1)
    assert (result.fault, result.message, result.sent_ns) == (Fault.CUT, "over", 0)
    await client.aclose()
