"""A probe overrules the prediction: grade A at the point, and nearby points move with it."""

from __future__ import annotations

import csv
import io
import math
import random
import time
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import NormalDist

import pytest
from probe_kit import Served, finish, make_session

from advisor.cli.evidence_notes import evidence_use
from advisor.cli.main import main
from advisor.cli.probe_prediction import prediction_text
from advisor.engine.estimator import estimate_rows
from advisor.evidence.imports import read_runs
from advisor.evidence.imports.common import unix_moment
from advisor.evidence.runs import Deployment, Distribution, Run, Step, measurements_from_run, run_date
from advisor.evidence.store import open_store
from advisor.probe.statistics import describe
from advisor.workbench import Workbench, own_evidence
from tests.bench_kit import usual_bench

AS_OF = date(2026, 11, 21)
ROWS = [
    {"accelerator": "mi300x", "model": "llama3.3-70b", "precision": "fp8", "isl": "1000", "osl": "1000", "gpus": "8",
     "concurrency": str(concurrency), "engine": "vllm", "tp": "8"}
    for concurrency in (16, 32, 128)
]  # fmt: skip


def tps(row: dict[str, str], suffix: str = "") -> float:
    return float(row[f"output_tps_per_gpu{suffix}"])


def test_a_probe_overrules_the_prediction_and_moves_its_neighbours(tmp_path: Path) -> None:
    """A deployment that reaches 70 % of what was predicted at 32 concurrent, measured and kept."""
    before = estimate_rows(usual_bench().estimator, ROWS)
    share, predicted = 0.7, before[1]
    tpot = float(predicted["tpot_p50_s"]) / share
    step = Step(
        index=0, concurrency=32, isl=1000, osl=1000, requests=300, succeeded=300,
        output_tps=tps(predicted) * 8 * share, total_tps=float(predicted["total_tps_per_gpu"]) * 8 * share,
        tpot=Distribution(n=300, p50=tpot, mean=tpot, p99=tpot * 1.1),
        ttft=Distribution(n=300, p50=0.3, mean=0.3, p99=0.5),
    )  # fmt: skip
    run = Run(
        id="probe-1", tool="advisor probe", started_at=datetime(2026, 11, 20, tzinfo=UTC), steps=(step,),
        deployment=Deployment(accelerator="mi300x", gpus=8, model="llama3.3-70b", precision="fp8", engine="vllm", tp=8),
    )  # fmt: skip
    with open_store(str(tmp_path / "e.sqlite3")) as store:
        store.put(run)
        own = store.measurements()
    assert own == measurements_from_run(run)
    after = estimate_rows(Workbench(as_of=AS_OF, bare=True, evidence=own).estimator, ROWS)
    assert after[1]["evidence_grade"] == "A"
    assert abs(tps(after[1]) / (share * tps(predicted)) - 1) < 0.12
    for old, new in zip(before, after, strict=True):
        assert tps(new) < 0.95 * tps(old)
    width = [(tps(row, "_hi") - tps(row, "_lo")) / tps(row) for row in (predicted, after[1])]
    assert width[1] < width[0]


def test_a_model_counts_by_whatever_name_its_server_gives_it() -> None:
    """Left out in silence was a run of vLLM that serves a repository; its other spellings are those of the catalog."""
    step = Step(
        index=0, concurrency=32, isl=900, osl=900, requests=300, succeeded=300, output_tps=1000.0, total_tps=2000.0,
        tpot=Distribution(n=300, p50=0.03), ttft=Distribution(n=300, p50=0.3),
    )  # fmt: skip
    found = []
    for name, engine in (("llama3.3-70b", "vllm"), ("amd/Llama-3.3-70B-Instruct-FP8-KV", "vLLM")):
        where = Deployment(accelerator="mi300x", gpus=8, model=name, precision="fp8", engine=engine, tp=8)
        run = Run(id="p", tool="t", started_at=datetime(2026, 11, 20, tzinfo=UTC), steps=(step,), deployment=where)
        bench = Workbench(as_of=AS_OF, bare=True, evidence=measurements_from_run(run))
        found += estimate_rows(bench.estimator, ROWS[1:2])
    assert found[0] == found[1]
    assert found[0]["evidence_grade"] == "A"


def test_a_published_run_that_was_brought_in_neither_moves_nor_grades_an_estimate() -> None:
    """The fit does not know it: at half of the estimate it left the rate where it was and called it measured."""
    asked = [{**ROWS[1], "accelerator": "mi350x"}]
    before = estimate_rows(usual_bench().estimator, asked, software="current")
    half = tps(before[0]) * 8 / 2
    step = Step(
        index=0, concurrency=32, isl=1000, osl=1000, output_tps=half, total_tps=2 * half,
        tpot=Distribution(p50=0.05), ttft=Distribution(p50=0.3),
    )  # fmt: skip
    where = Deployment(accelerator="mi350x", gpus=8, model="llama70b", precision="fp8", engine="vllm", tp=8)
    run = Run(
        id="inferencex-1", tool="inferencex", started_at=datetime(2026, 11, 20, tzinfo=UTC), steps=(step,),
        deployment=where, family="single_run",
    )  # fmt: skip
    bench = Workbench(as_of=AS_OF, bare=True, evidence=measurements_from_run(run))
    assert estimate_rows(bench.estimator, asked, software="current") == before
    assert not evidence_use(run).counts


async def test_a_probe_of_the_evening_counts_in_the_answer_of_that_evening(
    fault_server: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """West of Greenwich it is tomorrow by UTC, and the probe of today had been left out until then."""
    monkeypatch.setenv("TZ", f"HERE{(datetime.now(UTC).hour + 1) % 24}")  # it has just become late
    time.tzset()
    try:
        run = await finish(make_session(fault_server.url, "ok"))
        (file := tmp_path / "v.json").write_text((Path(__file__).parent / "samples" / "aiperf.json").read_text())
        (imported,) = read_runs(file)
        assert run_date(run) == date.today()
        assert Run.model_validate_json(run.model_dump_json()).started_at.utcoffset() == run.started_at.utcoffset()
        undated = imported.model_copy(update={"started_at": unix_moment(time.time())})
        assert run_date(undated) == date.today()
    finally:
        monkeypatch.undo()
        time.tzset()


def test_prompts_that_share_a_part_on_purpose_are_no_evidence() -> None:
    where = Deployment(accelerator="mi300x", gpus=8, model="llama3.3-70b", precision="fp8")
    step = Step(index=0, concurrency=4, isl=900, osl=900, output_tps=9.0)
    shared = step.model_copy(update={"index": 1, "shared_prefix": 0.5})
    run = Run(id="p", tool="t", started_at=datetime(2026, 11, 20, tzinfo=UTC), steps=(step, shared), deployment=where)
    assert [point.row_id for point in measurements_from_run(run)] == ["p:0"]


def test_a_handful_of_requests_moves_no_estimate() -> None:
    """Of four requests no interval of the median is known; one had counted as much as a hundred."""
    where = Deployment(accelerator="mi300x", gpus=8, model="llama3.3-70b", precision="fp8")
    steps = tuple(
        Step(index=n, concurrency=1, isl=900, osl=90, output_tps=9.0, requests=n, succeeded=n) for n in (1, 4, 5)
    )
    run = Run(id="p", tool="t", started_at=datetime(2026, 11, 20, tzinfo=UTC), steps=steps, deployment=where)
    assert [point.row_id for point in measurements_from_run(run)] == ["p:5"]


def test_long_answers_alone_tell_the_speed_of_tokens_and_not_the_wait() -> None:
    """Two answers of 1,000 tokens are 1,998 steps; two waits for a first token are two. In a batch it takes more."""
    where = Deployment(accelerator="mi300x", gpus=8, model="llama3.3-70b", precision="fp8")
    times = Distribution(n=2, p50=0.05, mean=0.05)
    alone = Step(
        index=0, concurrency=1, isl=900, osl=1000, output_tps=20.0, requests=2, succeeded=2, ttft=times, tpot=times
    )
    steps = (alone, alone.model_copy(update={"index": 1, "concurrency": 16}))
    run = Run(id="p", tool="t", started_at=datetime(2026, 11, 20, tzinfo=UTC), steps=steps, deployment=where)
    (point,) = measurements_from_run(run)
    assert (point.row_id, point.tpot_p50_s, point.ttft_p50_s, point.ttft_mean_s) == ("p:0", 0.05, None, None)


def test_the_largest_of_a_dozen_is_no_tail() -> None:
    """It overruled the learned tail, and the service level seemed kept at loads where it is not."""
    where = Deployment(accelerator="mi300x", gpus=8, model="llama3.3-70b", precision="fp8", engine="vllm", tp=8)
    found = {}
    for n in (0, 12, 40):
        times = Distribution(n=n, p50=0.05, p99=0.06)
        step = Step(index=0, concurrency=4, isl=900, osl=900, output_tps=9.0, ttft=times, tpot=times)
        run = Run(id="p", tool="t", started_at=datetime(2026, 11, 20, tzinfo=UTC), steps=(step,), deployment=where)
        (point,) = measurements_from_run(run)
        found[n] = (point.ttft_p50_s, point.ttft_p99_s, point.tpot_p99_s)
    assert found == {0: (0.05, 0.06, 0.06), 12: (0.05, None, None), 40: (0.05, 0.06, 0.06)}


def test_evidence_is_as_sure_as_the_requests_behind_it() -> None:
    """Twenty requests and two thousand had counted alike."""
    where = Deployment(accelerator="mi300x", gpus=8, model="llama3.3-70b", precision="fp8", engine="vllm", tp=8)
    errors = []
    for n in (20, 2000):
        # the quantiles of a log-normal, in an order without drift
        quantiles = [0.05 * math.exp(0.3 * NormalDist().inv_cdf((i + 0.5) / n)) for i in range(n)]
        times = describe(random.Random(1).sample(quantiles, n))
        for found in (times, times.model_copy(update={"p50_ci95": None, "mean_ci95": None})):  # as imports state it
            step = Step(index=0, concurrency=4, isl=900, osl=900, output_tps=9.0, ttft=found, tpot=found, e2el=found)
            run = Run(
                id="p", tool="t", started_at=datetime(2026, 11, 20, tzinfo=UTC), steps=(step,), deployment=where
            )
            (point,) = measurements_from_run(run)
            errors.append((point.ttft_error, point.tpot_error, point.rate_error))
    for (ttft, tpot, rate), n in zip(errors, (20, 20, 2000, 2000), strict=True):
        assert ttft == tpot == pytest.approx(1.2533 * 0.3 / n**0.5, rel=0.5)
        assert rate == pytest.approx(0.3 / n**0.5, rel=0.5)
    assert repr(point) == repr(replace(point, ttft_error=9.0, engine_version="9"))  # the fit's fingerprint stands


def test_the_start_of_a_run_is_no_tail() -> None:
    """A tool that starts 64 at once and sends 640 in all has a tenth of its TTFT from that start."""
    where = Deployment(accelerator="mi300x", gpus=8, model="llama3.3-70b", precision="fp8", engine="vllm", tp=8)

    def tail(**more: object) -> float | None:
        times = Distribution(n=640, p50=0.2, p99=3.0)
        values: dict[str, object] = {
            "index": 0, "concurrency": 64, "isl": 900, "osl": 900, "output_tps": 9.0, "ttft": times, "tpot": times,
            "requests": 640, "succeeded": 640,
        }  # fmt: skip
        step = Step.model_validate(values | more)
        run = Run(id="p", tool="t", started_at=datetime(2026, 11, 20, tzinfo=UTC), steps=(step,), deployment=where)
        (point,) = measurements_from_run(run)
        assert point.tpot_p99_s == 3.0
        return point.ttft_p99_s

    assert tail() is None
    assert tail(warmup_requests=64) == 3.0
    assert tail(requests=64_000, succeeded=64_000) == 3.0
    assert tail(concurrency=1) == 3.0
    assert tail(load="poisson", achieved_concurrency=64) == 3.0


def test_evidence_lies_at_the_lengths_that_came() -> None:
    """Answers ended by EOS at 60 of 300 tokens measure 60; drawn lengths lie where they were meant to, not where a
    few draws have their mean."""

    def placed(**step: float) -> tuple[int, int]:
        where = Deployment(accelerator="mi300x", gpus=8, model="llama3.3-70b", precision="fp8", engine="vllm", tp=8)
        made = Step(index=0, concurrency=32, requests=300, succeeded=300, output_tps=10.0, **step)  # type: ignore[arg-type]
        run = Run(id="p", tool="t", started_at=datetime(2026, 11, 20, tzinfo=UTC), steps=(made,), deployment=where)
        (point,) = measurements_from_run(run)
        return point.isl, point.osl

    assert placed(isl=1000, osl=300, mean_input_tokens=1005, mean_output_tokens=60) == (1000, 60)
    drawn = {"asked_input_tokens": 1400, "asked_output_tokens": 200, "mean_input_tokens": 1395}
    assert placed(isl=1000, osl=300, mean_output_tokens=199, **drawn) == (1000, 300)
    assert placed(isl=1000, osl=300, mean_output_tokens=100, **drawn) == (1000, 150)
    assert placed(isl=1000, osl=300) == (1000, 300)


def test_the_prediction_beside_a_probe_is_for_the_lengths_that_were_sent() -> None:
    """Requests of the evidence draw 0.9 of their nominal length: 900 sent are 1000 nominal."""
    (row,) = estimate_rows(Workbench(as_of=AS_OF).estimator, ROWS[1:2], software="current")
    step = Step(index=0, concurrency=32, isl=900, osl=900, requests=9, succeeded=9, output_tps=8.0)
    where = Deployment(accelerator="mi300x", gpus=8, model="llama3.3-70b", precision="fp8", engine="vllm", tp=8)
    run = Run(id="p", tool="t", started_at=datetime(2026, 11, 21, tzinfo=UTC), steps=(step,), deployment=where)
    assert f"900/900 at 32: 1.0 tok/s per GPU measured, {tps(row):,.1f} predicted" in prediction_text(run)
    doubt = "check that 8 GPUs served it: a count stated too high looks like a slow part (--gpus)"
    assert doubt in prediction_text(run)
    sound = run.model_copy(update={"steps": (step.model_copy(update={"output_tps": 8 * tps(row)}),)})
    assert "check that" not in prediction_text(sound)


def test_a_judgement_of_an_earlier_day_knows_nothing_of_a_later_probe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Step(
        index=0, concurrency=32, isl=1000, osl=1000, requests=300, succeeded=300, output_tps=4000.0, total_tps=8000.0,
        tpot=Distribution(n=300, p50=0.06, mean=0.06, p99=0.07), ttft=Distribution(n=300, p50=0.3, mean=0.3, p99=0.5),
    )  # fmt: skip
    run = Run(
        id="probe-1", tool="advisor probe", started_at=datetime(2026, 11, 20, tzinfo=UTC), steps=(step,),
        deployment=Deployment(accelerator="mi300x", gpus=8, model="llama3.3-70b", precision="fp8", engine="vllm", tp=8),
    )  # fmt: skip
    place = str(tmp_path / "e.sqlite3")
    with open_store(place) as store:
        store.put(run)
    monkeypatch.setenv("ADVISOR_STORE", place)
    assert own_evidence(date(2026, 11, 20)) == measurements_from_run(run)
    assert own_evidence(date(2026, 11, 19)) == []


def test_an_estimate_takes_own_runs_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A table that is to be scored leaves them out, and gives the same bytes whoever runs it."""
    times = {"tpot": Distribution(n=300, p50=0.0264), "ttft": Distribution(n=300, p50=0.25)}
    step = Step(
        index=0, concurrency=32, isl=900, osl=900, requests=300, succeeded=300, output_tps=1008.0, total_tps=2016.0,
        **times,
    )  # fmt: skip
    where = Deployment(accelerator="mi355x", gpus=8, model="deepseek-r1", precision="fp8", engine="sglang", tp=8)
    run = Run(id="p", tool="t", started_at=datetime(2026, 11, 20, tzinfo=UTC), steps=(step,), deployment=where)
    unknown = where.model_copy(update={"model": "house-name"})
    table = tmp_path / "points.csv"
    columns = "accelerator,model,precision,isl,osl,concurrency"
    table.write_text(f"{columns}\nmi355x,dsr1,fp8,1000,1000,32\n", encoding="utf-8")
    alone = ["estimate", "--points", str(table), "--as-of", "2026-11-21", "--no-user-data"]
    assert main(alone) == 0
    before = capsys.readouterr()
    monkeypatch.setenv("ADVISOR_STORE", str(tmp_path / "e.sqlite3"))
    with open_store() as store:
        store.put(run)
        store.put(run.model_copy(update={"id": "q", "deployment": unknown}))
    assert main(alone) == 0
    assert capsys.readouterr() == before
    assert "own measurements" not in before.err
    assert main(alone[:-1]) == 0
    out, err = capsys.readouterr()
    (row,) = csv.DictReader(io.StringIO(out))
    assert (row["evidence_grade"], "your own run p (900/900 tokens sent)" in row["basis"]) == ("A", True)
    assert float(row["ttft_p50_s"]) == pytest.approx(0.25, rel=0.02)
    assert float(row["output_tps_per_gpu"]) == pytest.approx(126.0, rel=0.02)
    assert "own measurements that count: 1; --no-user-data leaves them out" in err
    assert "do not count, for the catalog has no such model or part: 1;" in err
