"""A run that was stopped is taken up: what is done stands, what is left is measured, the limits hold for both."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from probe_kit import Served, finish, make_session, step_plan

from advisor.cli.main import main
from advisor.domain.errors import InputError, NetworkError
from advisor.evidence.runs import Deployment, Run, Step
from advisor.evidence.store import EvidenceStore, open_store
from advisor.probe.budget import Limit, Prices, Spent
from advisor.probe.plan import Plan, Search
from advisor.probe.resume import Resumption, asked_of, find_run, take_up
from advisor.probe.session import ProbeSession
from advisor.probe.target import Target, parse_target

STEPS = tuple(step_plan(concurrency=n, min_requests=12, max_requests=12) for n in (1, 2, 4))
WHERE = Deployment(accelerator="mi300x", gpus=2, model="a-model", precision="fp8")
LIMIT = Limit(None, 200_000, 60.0)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EvidenceStore]:
    with open_store(str(tmp_path / "e.sqlite3")) as opened:
        yield opened


def session(served: Served, store: EvidenceStore, name: str, resumed: Resumption | None = None,
            limit: Limit = LIMIT, on_step: Any = None, **plan: object) -> ProbeSession:  # fmt: skip
    target = parse_target(served.url)
    made = Plan("test", STEPS, limit, Prices(), **plan)  # type: ignore[arg-type]
    return make_session(
        served.url, f"ok#{name}", steps=STEPS, limit=limit, plan=plan, resumed=resumed, asked=asked_of(made, target),
        on_start=store.begin, on_step=on_step or store.add_step, on_end=store.finish,
    )  # fmt: skip


async def stopped(served: Served, store: EvidenceStore, name: str, after: int = 1, **plan: object) -> Run:
    """A run that the user ended once so many steps were done."""

    def kept(run_id: str, step: Step) -> None:
        store.add_step(run_id, step)
        if step.index + 1 == after:
            probe.stop()

    probe = session(served, store, name, on_step=kept, **plan)
    await finish(probe)
    return store.get("run-1")


def again(run: Run, served: Served, steps: tuple[object, ...] = STEPS, **more: object) -> Resumption:
    target, plan = parse_target(served.url), Plan("test", steps, LIMIT, Prices(), **more)  # type: ignore[arg-type]
    return take_up(run, plan, asked_of(plan, target), WHERE, target)


async def test_only_what_is_left_is_measured(fresh_server: Served, store: EvidenceStore) -> None:
    before = await stopped(fresh_server, store, "left")
    assert before.outcome == "interrupted"
    done = {step.index: step for step in before.steps if not step.partial}
    assert done
    sent = fresh_server.count()["seen"]["ok#left"]
    resumed = again(before, fresh_server)
    assert resumed.done == done
    run = await finish(session(fresh_server, store, "left", resumed))
    assert run.outcome == "complete"
    assert [step.concurrency for step in run.steps] == [1, 2, 4]
    assert {index: run.steps[index] for index in done} == done, "a finished step is as it was"
    assert not any(step.partial for step in run.steps)
    assert (run.id, run.started_at) == (before.id, before.started_at)
    left = fresh_server.count()["seen"]["ok#left"] - sent
    assert left == 2 + 12 * (3 - len(done)), "two test requests, and the steps that were left"
    assert run.spent_tokens is not None
    assert before.spent_tokens is not None
    assert run.spent_tokens > before.spent_tokens
    assert any("taken up again" in flag and "it ended as interrupted" in flag for flag in run.flags)
    assert store.get("run-1") == run
    with pytest.raises(InputError, match="is whole: no step is left"):
        again(run, fresh_server)


async def test_the_limits_hold_for_all_that_a_run_spends(fresh_server: Served, store: EvidenceStore) -> None:
    """Each part within the limit, the two had been beyond it."""
    before = await stopped(fresh_server, store, "limit")
    assert before.spent_tokens is not None
    tight = Limit(None, before.spent_tokens + 900, 60.0)
    run = await finish(session(fresh_server, store, "limit", again(before, fresh_server), tight))
    assert run.outcome == "budget"
    assert run.spent_tokens is not None
    assert before.spent_tokens < run.spent_tokens <= before.spent_tokens + 900
    assert run.steps[0] == before.steps[0], "what was done stays"
    nothing = replace(tight, max_tokens=run.spent_tokens + 10)
    with pytest.raises(NetworkError, match="does not even cover a test request"):
        await finish(session(fresh_server, store, "limit", again(run, fresh_server), nothing))
    assert [step.index for step in store.get("run-1").steps] == [step.index for step in run.steps]


async def test_a_killed_run_knows_what_it_had_spent(fresh_server: Served, store: EvidenceStore) -> None:
    seen: list[Run] = []

    def kept(run_id: str, step: Step) -> None:
        store.add_step(run_id, step)
        seen.append(store.get(run_id))  # what a kill would leave

    await finish(session(fresh_server, store, "killed", on_step=kept))
    killed = seen[0]
    assert killed.outcome == "running"
    assert killed.spent_tokens
    assert killed.holder == f"{socket.gethostname()}:{os.getpid()}"
    assert again(killed, fresh_server).spent.tokens == killed.spent_tokens
    assert store.get("run-1").holder == ""


async def test_another_plan_or_statement_is_refused_with_what_differs(
    fresh_server: Served, store: EvidenceStore
) -> None:
    before = await stopped(fresh_server, store, "odd")
    with pytest.raises(InputError, match=r"steps was .* and is .*Repeat its command with --resume"):
        again(before, fresh_server, (*STEPS[:2], step_plan(concurrency=8)))
    target, plan = parse_target(fresh_server.url), Plan("test", STEPS, LIMIT, Prices())
    asked = asked_of(plan, target)
    for where, what in (
        (WHERE.model_copy(update={"gpus": 4}), 'statement of gpus was "2" and is "4"'),
        (WHERE.model_copy(update={"engine": "sglang"}), 'engine was "vllm" and is "sglang"'),
    ):
        with pytest.raises(InputError, match=what):
            take_up(before, plan, asked, where, target)
    with pytest.raises(InputError, match="seed was"):
        take_up(before, plan, asked_of(plan, target, 7), WHERE, target)
    with pytest.raises(InputError, match="endpoint was"):
        take_up(before, plan, asked, WHERE, Target(parse_target("http://127.0.0.1:1").base, "chat"))
    with pytest.raises(InputError, match="a result of vllm bench, not of a probe"):
        take_up(before.model_copy(update={"tool": "vllm bench"}), plan, asked, WHERE, target)
    with pytest.raises(InputError, match="an earlier version made it"):
        take_up(before.model_copy(update={"asked": {}}), plan, asked, WHERE, target)


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"version": "9.8"}, "its version was"), ({"asked_model": "other"}, "its model was"),
        ({"engine": "sglang"}, "its engine was"),
    ],
)
async def test_another_server_is_refused_and_the_run_stays_as_it_was(
    facts: dict[str, str], told: str, fresh_server: Served, store: EvidenceStore
) -> None:
    before = await stopped(fresh_server, store, "server")
    changed = before.model_copy(update={"server_facts": before.server_facts | facts})
    store.put(changed)
    sent = fresh_server.count()["seen"]
    with pytest.raises(NetworkError, match=told):
        await finish(session(fresh_server, store, "server", again(changed, fresh_server)))
    assert store.get("run-1") == changed
    assert fresh_server.count()["seen"] == sent, "not even a test request"


async def test_a_server_that_is_gone_costs_nothing_that_was_measured(
    fresh_server: Served, store: EvidenceStore
) -> None:
    before = await stopped(fresh_server, store, "gone")
    resumed = again(before, fresh_server)
    fresh_server.process.kill()
    fresh_server.process.wait()
    with pytest.raises(NetworkError):
        await finish(session(fresh_server, store, "gone", resumed))
    assert store.get("run-1") == before


async def test_a_run_that_another_process_still_measures_is_left_to_it(
    fresh_server: Served, store: EvidenceStore
) -> None:
    before = await stopped(fresh_server, store, "busy")
    command = [sys.executable, "-c", "print('up', flush=True); input()", "advisor probe"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()  # just started, it has no command line yet
        running = before.model_copy(
            update={"outcome": "running", "holder": f"{socket.gethostname()}:{other.pid}"}
        )
        with pytest.raises(InputError, match=f"process {other.pid} still measures it"):
            again(running, fresh_server)
        other.communicate(b"\n")
    assert again(running, fresh_server).run == running  # it was killed


async def test_a_search_goes_on_where_it_stopped(fresh_server: Served, store: EvidenceStore) -> None:
    before = await stopped(fresh_server, store, "search", 2, search=Search(highest=4))
    resumed = again(before, fresh_server, search=Search(highest=4))
    assert sorted(resumed.done) == list(range(len(resumed.done)))
    run = await finish(session(fresh_server, store, "search", resumed, search=Search(highest=4)))
    assert run.outcome == "complete"
    assert [step.concurrency for step in run.steps][:2] == [1, 2]
    assert any("saturation search: " in flag for flag in run.flags)
    assert [step.index for step in run.steps] == list(range(len(run.steps)))
    assert run.steps[: len(resumed.done)] == before.steps[: len(resumed.done)]


def test_money_that_was_not_counted_is_taken_at_the_prices_of_now(fresh_server: Served) -> None:
    target = parse_target(fresh_server.url)
    plan = Plan("test", STEPS, LIMIT, Prices(usd_per_gpu_hour=3.6, gpus=2, usd_per_mtok_output=2.0))
    asked = asked_of(plan, target)
    run = Run.model_validate(
        {"id": "r", "tool": "advisor probe", "started_at": "2026-11-20T10:00:00Z", "outcome": "running",
         "endpoint": target.shown, "deployment": WHERE, "asked": asked, "spent_tokens": 1_000_000, "spent_s": 500.0}
    )  # fmt: skip
    assert take_up(run, plan, asked, WHERE, target).spent == Spent(1_000_000, 2.0 + 1.0, 500.0, 0, 0.0)


def test_the_newest_probe_of_the_endpoint_is_the_last(store: EvidenceStore, fresh_server: Served) -> None:
    target = parse_target(fresh_server.url)
    base = {"tool": "advisor probe", "endpoint": target.shown, "deployment": WHERE}
    elsewhere = {"endpoint": "http://127.0.0.1:2"}
    for name, day, more in (("old", 1, {}), ("new", 2, {}), ("there", 3, elsewhere), ("import", 4, {"tool": "x"})):
        store.put(Run.model_validate({"id": name, "started_at": f"2026-11-0{day}T10:00:00Z", **base, **more}))
    assert find_run(store, "last", target).id == "new"
    with pytest.raises(InputError, match=r"holds no probe of http://127\.0\.0\.1:1; start without it"):
        find_run(store, "last", parse_target("http://127.0.0.1:1"))


def test_a_stopped_probe_is_taken_up_from_the_command_line(
    fresh_server: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ADVISOR_STORE", str(tmp_path / "e.sqlite3"))
    command = ["probe", fresh_server.url, "--model", "ok#cli", "--isl", "40", "--osl", "8", "--concurrency", "1,2,4"]
    command += ["--requests", "12", "--quiet", "--yes"]
    main([*command, "--max-tokens", "1000"])
    out = capsys.readouterr().out
    with open_store() as kept:
        (first,) = kept.runs()
    assert first.outcome == "budget"
    assert f"The same command with --resume {first.id} measures what is left" in out
    assert main([*command, "--max-tokens", "1000", "--resume", "last", "--plan"]) == 0
    shown = capsys.readouterr().out
    assert f"takes up run {first.id}: " in shown
    assert shown.count(" done\n") == sum(not step.partial for step in first.steps)
    main([*command, "--max-tokens", "60000", "--resume", first.id[:18]])
    out = capsys.readouterr().out
    assert "--resume" not in out
    with open_store() as kept:
        (whole,) = kept.runs()
    assert whole.outcome == "complete"
    assert [step.concurrency for step in whole.steps] == [1, 2, 4]
    assert main([*command, "--resume", "last"]) == 2
    assert "is whole" in capsys.readouterr().err
    assert main([*command, "--resume", "last", "--no-store"]) == 2
    assert "leave --no-store out" in capsys.readouterr().err
