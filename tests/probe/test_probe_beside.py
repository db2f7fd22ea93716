"""What stands beside a measurement: its prediction, and whether it is evidence, in every form alike."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from advisor.cli.probe_prediction import prediction_text
from advisor.cli.probe_text import ProgressLine, run_csv, run_json, run_text
from advisor.domain.estimate import OperatingEstimate
from advisor.domain.recommendation import ProbeCheck
from advisor.engine.probe_checks import probe_checks
from advisor.evidence.imports import read_runs
from advisor.evidence.runs import Deployment, Distribution, Run, Step, measurements_from_run
from advisor.tui.probe_text import result_content, step_line
from advisor.workbench import Workbench

WHERE = Deployment(
    accelerator="mi355x", gpus=8, model="deepseek-r1", precision="fp4", engine="sglang", tp=8, ep=8, spec_method="mtp"
)


def step(requests: int = 300, **more: Any) -> Step:
    times = Distribution(n=requests, p50=0.02, mean=0.02)
    values: dict[str, Any] = {
        "index": 0, "concurrency": 32, "isl": 900, "osl": 900, "requests": requests, "succeeded": requests,
        "output_tps": 3000.0, "total_tps": 6000.0, "tpot": times, "ttft": times,
    }  # fmt: skip
    return Step(**(values | more))


def run_of(*steps: Step, where: Deployment = WHERE) -> Run:
    numbered = tuple(s.model_copy(update={"index": i}) for i, s in enumerate(steps))
    return Run(
        id="p-1", tool="advisor probe", started_at=datetime(2026, 11, 21, tzinfo=UTC), deployment=where, steps=numbered
    )


def expected(workbench: Workbench, run: Run) -> ProbeCheck:
    """What an answer says was predicted for the point."""
    spec = workbench.catalog.models["deepseek-r1"]
    (check,) = probe_checks(measurements_from_run(run), spec, ["mi355x"], workbench.estimator.estimate)
    return check


def test_screen_command_and_answer_predict_the_same_deployment_at_the_lengths_that_were_sent(
    workbench: Workbench,
) -> None:
    """The screen had taken sent lengths for nominal ones, and left out expert parallelism and drafts."""
    run = run_of(step())
    answer = expected(workbench, run)
    plain = run_of(step(), where=WHERE.model_copy(update={"ep": 1, "spec_method": "none"}))
    assert expected(workbench, plain).predicted_output_tps.value < 0.9 * answer.predicted_output_tps.value
    told = answer.predicted_output_tps
    assert f"{told.value:,.1f} predicted ({told.lo:,.1f} to {told.hi:,.1f}" in prediction_text(run)
    screen = result_content(run, workbench.predicted(run), "").plain
    (line,) = [line for line in screen.splitlines() if "tok/s out per GPU" in line]
    assert f"{told.value:,.0f}   {told.lo:,.0f} – {told.hi:,.0f}" in line


def test_a_run_that_counts_already_does_not_predict_itself(workbench: Workbench) -> None:
    run = run_of(step())
    own = Workbench(as_of=date(2026, 11, 21), evidence=measurements_from_run(run), bare=True)
    (alone,), (counted,) = workbench.predicted(run), own.predicted(run)
    assert isinstance(alone, OperatingEstimate)
    assert isinstance(counted, OperatingEstimate)
    assert counted.output_tps_per_gpu == alone.output_tps_per_gpu
    assert counted.evidence_grade != "A"


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"model": "house-name"}, 'model "house-name" is not in the catalog'), ({"precision": ""}, "state precision"),
     ({"gpus": None}, "state gpus")],
)  # fmt: skip
def test_where_nothing_can_be_predicted_the_reason_stands_there(
    workbench: Workbench, changes: dict[str, Any], why: str
) -> None:
    run = run_of(step(), where=WHERE.model_copy(update=changes))
    assert why in result_content(run, workbench.predicted(run), "").plain


def test_a_step_of_too_few_requests_is_called_no_evidence_everywhere(
    workbench: Workbench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It had been called valid, and yet no estimate took it."""
    lone = {"concurrency": 1, "mean_output_tokens": 900.0}
    run = run_of(step(), step(4), step(2, **lone), step(300, valid=False), step(300, shared_prefix=0.5))
    states = ["full", "none", "rate and TPOT", "none", "none"]
    assert [m.row_id for m in measurements_from_run(run)] == ["p-1:0", "p-1:2"]
    assert [s["evidence"] for s in json.loads(run_json(run))["steps"]] == states
    assert [row["evidence"] for row in csv.DictReader(io.StringIO(run_csv(run)))] == states
    words = ["valid", "no evidence", "no TTFT", "INVALID", "no evidence"]
    rows = [line for line in run_text(run).splitlines() if line.startswith("900/900")]
    assert [row.endswith(f"  {word}") for row, word in zip(rows, words, strict=True)] == [True] * 5
    for told in (step_line(run.steps[1]), result_content(run, workbench.predicted(run), "").plain):
        assert "▲ no evidence" in told
    nothing = run_of(step(4))
    assert "No step of it is evidence" in result_content(nothing, workbench.predicted(nothing), "").plain
    (tmp_path / "run.json").write_text(run_json(run))
    assert read_runs(tmp_path / "run.json") == [run]


def test_progress_calls_a_step_of_too_few_requests_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    from types import SimpleNamespace

    line = ProgressLine(enabled=True)
    line.show(SimpleNamespace(steps=(step(), step(4), step(4, partial=True)), run=None))  # type: ignore[arg-type]
    ends = [told.rpartition("tok/s, ")[2] for told in capsys.readouterr().err.splitlines()]
    assert ends == ["valid", "no evidence", "no evidence, partial"]
