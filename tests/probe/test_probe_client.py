"""Small rules of the client: waiting, dialects, tokenizers, what a request is charged."""

from __future__ import annotations

import json
import sys
import types
from array import array
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from probe_kit import Served, finish, make_session, only_step, step_plan

from advisor.domain.errors import InputError
from advisor.probe.client import Answer, Dialect, _retry_after_s, error_text
from advisor.probe.facts import gather_facts
from advisor.probe.faults import Fault
from advisor.probe.plan import LengthSpec
from advisor.probe.prompts import PromptMaker, load_tokenizer
from advisor.probe.results import RequestResult
from advisor.probe.settle import certain_tokens

pytestmark = pytest.mark.alone


def test_retry_after_as_seconds_and_as_a_date() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    assert _retry_after_s("2.5") == 2.5
    assert 15 < (_retry_after_s(soon) or 0) <= 20
    for odd in ("", None, "later", "-3", "nan-ish", "Wed, 99 Foo"):
        assert _retry_after_s(odd) in (None, 0.0)


async def test_retry_after_is_waited_for(fault_server: Served) -> None:
    step = only_step(await finish(make_session(fault_server.url, "some:429-after", steps=(step_plan(concurrency=1),))))
    assert step.errors[Fault.RATE_LIMITED.value] >= 7
    assert step.succeeded >= 16
    assert step.duration_s is not None
    assert step.duration_s > 0.1 * 5  # each refusal says 0.1 s, and the one slot waits


def test_fields_are_given_up_one_by_one_and_by_what_the_refusal_names() -> None:
    full = Dialect()
    assert full.weaker("Unsupported parameter: 'max_tokens', use 'max_completion_tokens'") == Dialect(
        max_field="max_completion_tokens"
    )
    assert full.weaker("unknown field stream_options") == Dialect(include_usage=False)
    bare = full.weaker("bad request")
    assert bare == Dialect(fixed_length=False)
    assert bare is not None
    barest = bare.weaker("bad request")
    assert barest == Dialect(fixed_length=False, include_usage=False)
    assert barest is not None
    assert barest.weaker("bad request") is None


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('{"error": {"message": "no\\nroom"}}', "no room"),
        ('{"detail": [{"msg": "x"}]}', "[{'msg': 'x'}]"),
        ("<html> a  b </html>", "<html> a b </html>"),
        ('{"error": "plain"}', "plain"), ("[" * 9999, "[" * 200), ("", ""),
    ],
)  # fmt: skip
def test_the_reason_in_an_error_body(body: str, reason: str) -> None:
    assert error_text(body) == reason


@pytest.mark.parametrize(
    ("owners", "engine"),
    [(("sglang",), "sglang"), (("vllm", "vllm"), "vllm"), (("openai",), ""), (("vllm", "someone"), ""), ((None,), "")],
)
async def test_an_engine_without_counters_is_known_by_its_models(owners: tuple[str | None, ...], engine: str) -> None:
    """SGLang keeps no counters by default; without its engine a run would count for its neighbours only."""
    rows = [{"id": f"m{n}", "owned_by": owner} for n, owner in enumerate(owners)]

    async def ask(path: str) -> Answer:
        return Answer(200, json.dumps({"data": rows}).encode()) if path == "/v1/models" else Answer(404, b"")

    facts = await gather_facts(types.SimpleNamespace(ask=ask, redact=str))  # type: ignore[arg-type]
    assert facts.engine == engine


def outcome(**more: object) -> RequestResult:
    values: dict[str, object] = {
        "id": "x", "isl": 100, "osl": 20, "sent_ns": 1, "input_tokens": 110, "output_tokens": 20,
        "token_source": "usage",
        "stamps_ns": array("q", range(20)),
    }  # fmt: skip
    return RequestResult(**(values | more))  # type: ignore[arg-type]


def test_what_a_request_is_charged() -> None:
    prompts = PromptMaker(1)
    prompts.calibrate((16, 26), (80, 90))
    assert certain_tokens(outcome(), prompts, 100) == (110, 20)
    assert certain_tokens(outcome(input_tokens=1), prompts, 100) == (None, 20)  # too few to be true
    assert certain_tokens(outcome(usage_disagrees=True), prompts, 100) == (None, None)
    assert certain_tokens(outcome(token_source="events"), prompts, 100) == (None, None)
    capped = outcome(finish_reason="length", output_tokens=10, stamps_ns=array("q", range(10)))
    assert certain_tokens(capped, prompts, 100) == (110, 10)
    doubtful = outcome(finish_reason="length", output_tokens=10, stamps_ns=array("q", range(5)))
    assert certain_tokens(doubtful, prompts, 100) == (110, None)
    for fault in (Fault.REFUSED, Fault.DNS, Fault.TLS, Fault.RATE_LIMITED, Fault.CONTEXT_TOO_LONG):
        assert certain_tokens(outcome(fault=fault), prompts, 100) == (0, 0)
    for fault in (Fault.STALLED, Fault.SERVER_ERROR, Fault.OVERRUN, Fault.DISCONNECTED, Fault.CUT):
        assert certain_tokens(outcome(fault=fault), prompts, 100) == (None, None)
    assert certain_tokens(outcome(fault=Fault.CUT, sent_ns=0), prompts, 100) == (0, 0)


@pytest.fixture
def tokenizer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A stand-in for the package `tokenizers`: two tokens a word."""

    class Stub:
        @classmethod
        def from_file(cls, path: str) -> Stub:
            if "broken" in Path(path).read_text():
                raise Exception("not a tokenizer")
            return cls()

        def encode(self, text: str) -> types.SimpleNamespace:
            return types.SimpleNamespace(ids=[0, 0] * len(text.split()))

    module = types.ModuleType("tokenizers")
    module.Tokenizer = Stub  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tokenizers", module)
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps({}))
    return path


def test_a_tokenizer_is_read_from_disk_only(tokenizer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_tokenizer(tokenizer)("a b c") == 6
    assert load_tokenizer(tokenizer.parent)("a") == 2
    with pytest.raises(InputError, match=r"no tokenizer\.json"):
        load_tokenizer(tokenizer.parent / "elsewhere")
    tokenizer.write_text("broken")
    with pytest.raises(InputError, match="not readable"):
        load_tokenizer(tokenizer)
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(InputError, match="pip install tokenizers"):
        load_tokenizer(tokenizer)


async def test_the_servers_counts_are_held_to_the_tokenizer(fault_server: Served, tokenizer: Path) -> None:
    """The server counts one token a word, the tokenizer two: the run says so, and lengths follow the tokenizer."""
    prompts = PromptMaker(0, count=load_tokenizer(tokenizer))
    plan = step_plan(isl=LengthSpec(40), max_requests=8, min_requests=8)
    run = await finish(make_session(fault_server.url, "ok", steps=(plan,), prompts=prompts))
    assert any("64 tokens where the tokenizer on disk counts 128" in flag for flag in run.flags)
    assert prompts.per_word == 2.0
