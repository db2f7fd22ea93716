"""What a user with a rented node for an afternoon is told: before money is spent, when things fail, and at the end."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from probe_kit import KEY, Served, finish, make_session, step_plan

from advisor.cli.main import main
from advisor.cli.probe_text import run_text, use_notes, why_nothing
from advisor.evidence.runs import Deployment, Distribution, Run, Step, ending
from advisor.evidence.store import open_store
from advisor.probe.budget import Spent
from advisor.probe.resume import Resumption

SMALL = ["--isl", "40", "--osl", "8", "--concurrency", "2", "--requests", "8", "--no-store", "--quiet", "--yes"]
WHERE = Deployment(accelerator="mi300x", gpus=8, model="llama3.3-70b", precision="fp8", engine="vllm", tp=8)


def step(**more: Any) -> Step:
    times = Distribution(n=40, p50=0.02, mean=0.02)
    values: dict[str, Any] = {
        "index": 0, "concurrency": 8, "isl": 900, "osl": 300, "requests": 40, "succeeded": 40, "output_tps": 390.0,
        "total_tps": 1500.0, "tpot": times, "ttft": times,
    }  # fmt: skip
    return Step(**(values | more))


def run_of(*steps: Step, **more: Any) -> Run:
    values: dict[str, Any] = {"tool": "advisor probe", "deployment": WHERE, "steps": steps}
    return Run(id="p-1", started_at=datetime(2026, 11, 20, tzinfo=UTC), **(values | more))


def test_what_keeps_a_run_from_being_evidence_is_said_before_anything_is_sent(
    fresh_server: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["probe", fresh_server.url, "--model", "ok", "--plan"]
    assert main([*command, "--gpus", "8"]) == 0
    told = "as stated it will be no evidence: say what is measured with --accelerator and --weights"
    assert told in capsys.readouterr().out
    assert main([*command, "--gpus", "8", "--accelerator", "mi300x", "--weights", "fp8"]) == 0
    assert "no evidence" not in capsys.readouterr().out
    assert main(command[:-1]) == 2  # no terminal to confirm on
    assert "--accelerator, --gpus and --weights" in capsys.readouterr().err
    assert fresh_server.count()["seen"] == {}


@pytest.mark.parametrize(
    ("model", "more", "why"),
    [
        ("401", [], "key refused (401, 403)"), ("model", [], "model or path not found (404)"),
        ("500", ["--max-seconds", "2"], "x server error (500)"),
        ("429", ["--max-seconds", "2"], "x rate limited (429)"),
        ("ok", ["--max-tokens", "1000", "--isl", "900"], "--max-tokens 1000"),
    ],
)  # fmt: skip
def test_the_error_of_a_run_without_a_figure_names_its_cause(
    model: str, more: list[str], why: str, fault_server: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    """It had said only that no request succeeded, which the user knew."""
    assert main(["probe", fault_server.url, "--model", f"{model}#told", *SMALL, *more]) == 2
    streams = capsys.readouterr()
    assert streams.err.startswith("advisor: error: nothing was measured: no step is valid (no request succeeded; ")
    assert why in streams.err
    assert KEY not in streams.err
    (row,) = [line for line in streams.out.splitlines() if line.endswith("INVALID")]
    assert " 0.0 " not in row, "what was not measured is no figure of zero"


def test_a_run_of_nothing_at_all_says_why() -> None:
    assert why_nothing(run_of(flags=("interrupted by the user",))) == "interrupted by the user"
    assert why_nothing(run_of()) == "no step was run"


def test_a_run_without_a_statement_says_how_it_is_added(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADVISOR_STORE", str(tmp_path / "e.sqlite3"))
    monkeypatch.chdir(tmp_path)
    bare = run_of(step(), deployment=WHERE.model_copy(update={"gpus": None, "precision": ""}))
    with open_store() as store:
        store.put(bare)
    told = run_text(bare)
    assert "say what was measured with --gpus and --weights" in told
    assert "`advisor evidence export p-1 -o run.json`, then `advisor evidence import run.json`" in told
    assert main(["evidence", "export", "p-1", "-o", "run.json"]) == 0
    assert main(["evidence", "import", "run.json", "--gpus", "8", "--weights", "fp8"]) == 0
    assert "1 usable as evidence" in capsys.readouterr().out
    with open_store() as store:
        assert store.get("p-1") == run_of(step())


def test_a_run_of_too_few_requests_says_that_no_step_is_evidence() -> None:
    few = step(requests=3, succeeded=3, flags=("fewer than 5 requests: no evidence",))
    assert use_notes(run_of(few)) == ["No step is evidence (fewer than 5 requests: no evidence)"]
    assert use_notes(run_of(few, step(index=1))) == []


def test_json_and_csv_leave_the_notes_to_the_error_stream(
    fault_server: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["probe", fault_server.url, "--model", "ok#notes", *SMALL[:-2], "--yes", "--format", "json"])
    streams = capsys.readouterr()
    json.loads(streams.out)
    assert "advisor: Not used as evidence yet" in streams.err


def test_a_complete_run_with_steps_that_the_server_broke_off_says_so() -> None:
    whole, broken = step(), step(index=1, partial=True, valid=False)
    assert ending(run_of(whole)) == "complete"
    assert ending(run_of(whole, broken)) == "complete, but 1 of 2 steps ended early"
    assert ending(run_of(whole, broken, outcome="interrupted")) == "interrupted"
    assert "complete, but 1 of 2 steps ended early" in run_text(run_of(whole, broken))


@pytest.mark.parametrize(("requests", "stands"), [(30, True), (3, False)])
async def test_what_was_measured_stands_where_measured_again_it_tells_less(
    requests: int, stands: bool, fault_server: Served
) -> None:
    """A valid part of a step, taken up on a machine that is now too busy or a server that now fails, had been lost."""
    part = step(partial=True, requests=requests, succeeded=requests)
    earlier = run_of(part, outcome="interrupted")
    again = Resumption(earlier, {}, Spent(0, 0.0, 0.0, 0, 0.0))
    fails = step_plan(max_requests=8, min_requests=8, max_seconds=1.0)
    run = await finish(make_session(fault_server.url, "500", steps=(fails,), resumed=again))
    assert (run.steps == (part,)) == stands
    assert any("what was measured first stands" in flag for flag in run.flags) == stands


def test_a_name_that_is_not_known_to_the_network_is_called_that(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe", "https://no-such-host.invalid", *SMALL]) == 2
    error = capsys.readouterr().err
    assert "no-such-host.invalid: no such host is known" in error
    assert "Errno" not in error


def test_an_estimate_takes_the_name_by_which_the_server_calls_its_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was probed under that name can be asked for under it."""
    names = ["deepseek-ai/DeepSeek-R1-0528", "deepseek-r1", "deepseek-ai/DeepSeek-R1-Distill-Llama-70B"]
    table = tmp_path / "points.csv"
    lines = [f"mi300x,{name},fp8,1000,1000,32\n" for name in names]
    table.write_text("accelerator,model,precision,isl,osl,concurrency\n" + "".join(lines), encoding="utf-8")
    assert main(["estimate", "--points", str(table), "--as-of", "2026-11-21", "--no-user-data"]) == 0
    served, known, distilled = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert served["output_tps_per_gpu"] == known["output_tps_per_gpu"] != ""
    assert "is not in the catalog" in distilled["error"]


def test_a_step_in_which_nothing_succeeded_is_left_to_measure() -> None:
    """The time for it was over while the server was down: taken up again, the run left it out for good."""
    from advisor.probe.metrics import Sample, summarise

    sample = Sample(step_plan(), 0, (), (), (), 0, "time", complete=True)
    assert summarise(sample, None, None).partial


def test_a_run_that_measured_nothing_asks_for_no_statement() -> None:
    nothing = run_of(deployment=Deployment(accelerator="mi300x", gpus=8, precision="fp8"), outcome="interrupted")
    told = run_text(nothing)
    assert "evidence" not in told
    assert "\n\n\n" not in told


def test_the_text_of_a_run_tells_the_whole_configuration() -> None:
    where = WHERE.model_copy(update={"ep": 4, "dp_attention": True, "disagg": True, "spec_method": "mtp"})
    told = run_text(run_of(step(), deployment=where))
    assert "8x mi300x, TP8, EP4, DP attention, disaggregated, mtp drafts" in told
    assert "8x mi300x, TP8\n" in run_text(run_of(step()))
