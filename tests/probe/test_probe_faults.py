"""Each way in which a server can misbehave: survived, counted by kind, and no other request's result is lost."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from probe_kit import KEY, LIMITS, Served, finish, make_session, only_step, step_plan

from advisor.catalog.store import load_catalog
from advisor.domain.errors import NetworkError
from advisor.evidence.runs import Step
from advisor.probe.budget import Limit
from advisor.probe.faults import Fault
from advisor.probe.plan import LengthSpec
from advisor.probe.plausibility import Plausibility

pytestmark = pytest.mark.alone

SOME = [
    ("429-after", Fault.RATE_LIMITED),
    ("429", Fault.RATE_LIMITED),
    ("500", Fault.SERVER_ERROR),
    ("503", Fault.UNAVAILABLE),
    ("html-502", Fault.UNAVAILABLE),
    ("echo-key", Fault.SERVER_ERROR),
    ("disconnect", Fault.DISCONNECTED),
    ("disconnect-early", Fault.DISCONNECTED),
    ("close", Fault.DISCONNECTED),
    ("end-early", Fault.INCOMPLETE),
    ("error-event", Fault.ERROR_EVENT),
    ("malformed", Fault.DISCONNECTED),
    ("stall", Fault.STALLED),
    ("slow-headers", Fault.HEAD_TIMEOUT),
    ("html", Fault.NOT_A_STREAM),
    ("huge", Fault.TOO_LARGE),
    ("huge-comments", Fault.TOO_LARGE),
]


@pytest.mark.parametrize(("name", "fault"), SOME)
async def test_a_fault_is_counted_and_costs_no_other_request(fault_server: Served, name: str, fault: Fault) -> None:
    step = only_step(await finish(make_session(fault_server.url, f"some:{name}")))
    hit = step.errors.pop(fault.value, 0)
    stale = step.errors.pop(Fault.STALE.value, 0)
    assert step.errors == {}
    assert hit >= 7  # every third of at least 24 requests
    assert step.requests == step.succeeded + hit + stale
    assert step.succeeded >= 16
    assert step.e2el.n == step.succeeded
    assert step.mean_output_tokens == 8


HARMLESS = [
    "comments",
    "split-utf8",
    "several",
    "empty-deltas",
    "reasoning",
    "tools",
    "gzip",
    "open-end",
    "bad-utf8",
    "deep",
]


@pytest.mark.parametrize("name", HARMLESS)
async def test_an_odd_stream_is_read_in_full(fault_server: Served, name: str) -> None:
    step = only_step(await finish(make_session(fault_server.url, name)))
    assert step.errors == {}
    assert step.succeeded == step.requests == 24
    assert step.mean_output_tokens == 8
    assert step.token_source == "usage"
    assert step.tokens_per_event == (4.0 if name == "several" else 1.0)
    assert any("tokens per event" in flag for flag in step.flags) == (name == "several")


async def test_role_and_empty_deltas_are_not_the_first_token(fault_server: Served) -> None:
    """The role delta comes 2 ms before the first token; counting it would make TTFT next to nothing."""
    step = only_step(await finish(make_session(fault_server.url, "empty-deltas")))
    assert step.ttft.mean is not None
    assert step.ttft.mean >= 0.002


@pytest.mark.parametrize(
    ("name", "words"),
    [("no-usage", "events of the stream"), ("usage-low", "contradicts"), ("usage-high", "contradicts"),
     ("several-lie", "contradicts"), ("usage-odd", "events of the stream")],
)  # fmt: skip
async def test_wrong_usage_is_named_and_not_believed(fault_server: Served, name: str, words: str) -> None:
    step = only_step(await finish(make_session(fault_server.url, name)))
    assert step.succeeded == 24
    assert step.mean_output_tokens == 8
    assert any(words in flag for flag in step.flags), step.flags
    assert step.lengths == (40, 8)
    assert step.mean_input_tokens is None or step.mean_input_tokens > 30


async def test_a_server_with_a_shorter_limit_of_its_own_is_counted_by_what_it_sent(fault_server: Served) -> None:
    """It ends with "length" after 20 of 40 tokens; to take the 40 for granted would double its throughput."""
    step = only_step(await finish(make_session(fault_server.url, "cap", steps=(step_plan(osl=LengthSpec(40)),))))
    assert (step.mean_output_tokens, step.token_source, step.tokens_per_event) == (20, "usage", 1.0)
    assert "mean output length is 20 tokens where 40 were asked for" in step.flags


@pytest.mark.parametrize("name", ["error-choice", "abort"])
async def test_a_request_that_the_server_breaks_off_is_a_failure(fault_server: Served, name: str) -> None:
    """Proxies tell of an error beside an empty choice; engines by their finish_reason alone."""
    step = only_step(await finish(make_session(fault_server.url, f"some:{name}")))
    assert step.errors == {Fault.ERROR_EVENT.value: 8}
    assert step.succeeded == 16


async def test_answers_of_several_models_measure_none_of_them(fault_server: Served) -> None:
    step = only_step(await finish(make_session(fault_server.url, "routed")))
    assert not step.valid
    assert "the answers come from several models: model-0, model-1" in step.flags


async def test_answers_that_name_another_model_than_was_stated_are_told(fault_server: Served) -> None:
    """A proxy whose list shows the wanted name and whose answers come from elsewhere."""
    models = load_catalog([]).models
    small = replace(models["llama3.1-8b"], id="small", name="org/small")
    check = Plausibility({}, {"a-model": replace(models["llama3.1-405b"], id="a-model"), "small": small})
    steps = (step_plan(), step_plan(concurrency=2))
    run = await finish(make_session(fault_server.url, "renamed", steps=steps, plausibility=check))
    told = 'the server calls its model "org/small", which is small; a-model was stated: check --as-model'
    assert run.flags.count(told) == 1


async def test_a_first_token_may_come_long_after_the_head(fault_server: Served) -> None:
    """Engines answer at once and then queue: the wait for a first token is not that between tokens."""
    steps = (step_plan(max_requests=8, min_requests=8),)
    step = only_step(await finish(make_session(fault_server.url, "queued", steps=steps)))
    assert step.errors == {}
    assert (step.ttft.p50 or 0) >= 0.45  # of 0.4 s between tokens and 0.6 s to the first


async def test_long_answers_have_time_by_their_length(fault_server: Served) -> None:
    """200 tokens take more than the 0.3 s of a whole request; reasoning models write for more than ten minutes."""
    steps = (step_plan(osl=LengthSpec(200), max_requests=4, min_requests=4),)
    session = make_session(fault_server.url, "ok", steps=steps, limits=replace(LIMITS, total_s=0.3))
    assert only_step(await finish(session)).errors == {}


@pytest.mark.parametrize("name", ["429-after", "no-min-tokens"])
async def test_a_server_that_is_busy_at_the_second_request_is_waited_for(fault_server: Served, name: str) -> None:
    """A limit of requests a second lets the first test request through and not the next."""
    assert only_step(await finish(make_session(fault_server.url, f"second:{name}"))).succeeded == 24


async def test_a_server_that_asks_to_wait_a_day_is_not_waited_for(fault_server: Served) -> None:
    """It had been asked again every half minute, at the price of the GPUs that stood idle, until a limit ended it."""
    run = await finish(make_session(fault_server.url, "429-day", limit=Limit(None, 200_000, 20.0)))
    step = only_step(run)
    assert step.partial
    assert not step.valid
    assert "partial: rate limited (429): the server asks to wait 86,400 s" in step.flags
    assert run.outcome == "failed"
    assert (run.spent_s or 99) < 10


def test_a_path_that_is_not_served_names_the_other_one() -> None:
    """"Model or path not found" left open which, though the server lists the model."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self, status: int, body: bytes) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            self._answer(200, b'{"data": [{"id": "base"}]}')

        def do_POST(self) -> None:
            self._answer(404, b'{"detail": "Not Found"}')

        def log_message(self, *_: object) -> None:
            """Nothing to say."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_port}"
            for api, other in (("chat", "completions"), ("completions", "chat")):
                session = make_session(url, "base", api=api, exact=True)
                with pytest.raises(NetworkError, match=f'lists the model "base", .*: try --api {other}'):
                    asyncio.run(finish(session))
        finally:
            server.shutdown()
            thread.join()


async def test_wrong_model_is_one_sentence_with_what_there_is(fault_server: Served) -> None:
    with pytest.raises(NetworkError, match=r'no model "always:model#.*it lists ok, other'):
        await finish(make_session(fault_server.url, "always:model"))


async def test_a_model_that_vanishes_ends_the_run_and_keeps_what_was_measured(fault_server: Served) -> None:
    run = await finish(make_session(fault_server.url, "some:model"))
    assert run.outcome == "failed"
    step = only_step(run)
    assert step.errors[Fault.NOT_FOUND.value] >= 1
    assert step.partial
    assert any("model or path not found" in flag for flag in run.flags)


async def test_context_too_long_ends_its_step_only(fault_server: Served) -> None:
    steps = (step_plan(), step_plan(concurrency=2))
    run = await finish(make_session(fault_server.url, "context", steps=steps))
    assert [step.errors for step in run.steps] == [{Fault.CONTEXT_TOO_LONG.value: n} for n in (4, 2)]
    assert run.outcome == "failed"  # not one request succeeded
    assert not any(step.valid for step in run.steps)


async def test_a_step_beyond_the_servers_context_is_not_sent(fresh_server: Served) -> None:
    from advisor.probe.plan import LengthSpec

    run = await finish(make_session(fresh_server.url, "ok", steps=(step_plan(isl=LengthSpec(5000)),)))
    assert only_step(run).flags == ("not run: 5000/8 at 4 concurrent needs 5008 tokens, the server takes 4096",)
    assert fresh_server.count()["input"] < 300


async def test_redirect_to_another_host_is_refused(fault_server: Served) -> None:
    run = await finish(make_session(fault_server.url, "redirect"))
    assert run.outcome == "failed"
    assert any("redirects to http://localhost" in flag for flag in run.flags)


async def test_refused_connection_and_unknown_name_are_one_sentence() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(NetworkError, match=f"127.0.0.1:{port} refused the connection"):
        await finish(make_session(f"http://127.0.0.1:{port}", "ok"))
    with pytest.raises(NetworkError, match="nosuchhost"):
        await finish(make_session("https://nosuchhost.invalid", "ok"))


async def test_a_refused_key_is_named_and_not_shown(fault_server: Served) -> None:
    with pytest.raises(NetworkError, match="key refused") as caught:
        await finish(make_session(fault_server.url, "always:401"))
    assert KEY not in str(caught.value)
    assert "[key]" in str(caught.value)


async def test_an_endless_stream_is_cut_and_ends_the_run(fresh_server: Served) -> None:
    run = await finish(make_session(fresh_server.url, "endless", limit=Limit(None, 2_000, 30.0)))
    assert run.outcome == "failed"
    assert only_step(run).errors[Fault.OVERRUN.value] >= 1
    assert any("does not stop at max_tokens" in flag for flag in run.flags)
    books = fresh_server.count()
    assert books["input"] + books["output"] <= 2_000
    assert books["output"] <= 2 * 8 + 4 * (8 + 16)


async def test_a_dead_server_does_not_spin(fault_server: Served) -> None:
    run = await finish(make_session(fault_server.url, "500", limit=Limit(None, 200_000, 1.5)))
    assert sum(only_step(run).errors.values()) < 60


async def test_a_server_that_is_gone_is_not_tried_anew_at_every_step(fresh_server: Served) -> None:
    """Every further step of the schedule went through all its failures again."""
    def die(_: str, step: Step) -> None:
        fresh_server.process.kill()
        fresh_server.process.wait()

    # long enough that a slow machine between two requests is no bottleneck of the first step
    steps = tuple(step_plan(concurrency=n, osl=LengthSpec(40)) for n in (1, 2, 4, 8))
    run = await finish(make_session(fresh_server.url, "ok", steps=steps, on_step=die))
    assert run.outcome == "failed"
    assert [step.concurrency for step in run.steps] == [1, 2]
    assert run.steps[0].succeeded == 24
    assert run.steps[0].valid
    (ended,) = (flag for flag in run.flags if flag.startswith("ended early"))
    assert re.search(r"no request of .*2 concurrent reached the server \(127.0.0.1:\d+ refused the connection\)", ended)


async def test_a_server_that_answers_anything_is_not_gone(fresh_server: Served) -> None:
    steps = (step_plan(), step_plan(concurrency=2))
    run = await finish(make_session(fresh_server.url, "500", steps=steps))
    assert [step.concurrency for step in run.steps] == [4, 2]


@pytest.mark.parametrize("name", ["no-stream-options", "no-min-tokens"])
async def test_the_request_is_fitted_to_what_the_server_takes(fault_server: Served, name: str) -> None:
    run = await finish(make_session(fault_server.url, f"always:{name}"))
    assert only_step(run).succeeded == 24
    assert any("the server refuses" in flag for flag in run.flags)
