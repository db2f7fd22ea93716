"""Many profiles in one run: one bad file stops nothing, the summary keeps the order, any pool may do the work."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import pickle
import shlex
import signal
import subprocess
import sys
import time
import types
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path

import pytest

from advisor import batch
from advisor.batch import Job, Row, answer_one, exit_code, run_dask, summary_csv, targets
from advisor.cli.main import main
from advisor.evidence.runs import Deployment, Run, Step
from advisor.evidence.store import open_store

AS_OF = date(2026, 11, 21)
FAST = ["--as-of", AS_OF.isoformat(), "--draws", "200", "--no-user-data"]
PROFILE = """
name = "{name}"
candidates = ["b200", "h200"]
[model]
id = "llama3.3-70b"
[traffic]
isl = 1000
osl = 300
peak_requests_per_s = {rate}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three good profiles and two that are wrong."""
    out = tmp_path_factory.mktemp("profiles")
    for i, rate in enumerate((2, 20, 60)):
        (out / f"p{i}.toml").write_text(PROFILE.format(name=f"p{i}", rate=rate), encoding="utf-8")
    (out / "broken.toml").write_text("name = ", encoding="utf-8")
    (out / "unknown.toml").write_text(PROFILE.format(name="u", rate=1).replace("llama3.3", "llama9"), encoding="utf-8")
    return out


@pytest.mark.parametrize("given", ["p0.toml", "renewal-100-gpus"])
def test_an_answer_of_a_batch_is_that_of_a_single_run(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.chdir(folder)
    assert main(["batch", given, "--output", str(tmp_path), "--jobs", "1", *FAST]) == 0
    answer = tmp_path / f"{Path(given).stem}.json"
    words = shlex.split(json.loads(answer.read_text(encoding="utf-8"))["command"])
    assert words[0] == "advisor"
    assert main([*words[1:], "--output", str(tmp_path / "again.json")]) == 0
    assert (tmp_path / "again.json").read_bytes() == answer.read_bytes()


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_folder_with_two_bad_files(
    folder: Path, tmp_path: Path, jobs: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["batch", str(folder), "--output", str(tmp_path), "--jobs", jobs, *FAST]) == 2
    captured = capsys.readouterr()
    told = captured.err.splitlines()  # no terminal, no bar
    assert len(told) == 2
    assert told[0].startswith(f"advisor: error: {folder / 'broken.toml'}: not valid TOML")
    assert told[1].startswith(f"advisor: error: {folder / 'unknown.toml'}: model.id")
    assert "5 profiles" in captured.out
    rows = {Path(r["file"]).stem: r for r in rows_of(tmp_path / "summary.csv")}
    assert list(rows) == sorted(rows)
    assert [rows[n]["status"] for n in ("broken", "p0", "p1", "p2", "unknown")] == ["error", "ok", "ok", "ok", "error"]
    assert "TOML" in rows["broken"]["message"]
    assert "llama9" in rows["unknown"]["message"]
    tree = json.loads((tmp_path / "p1.json").read_text(encoding="utf-8"))
    assert tree["verdict"]["choice"]["accelerator"] == rows["p1"]["accelerator"]
    cost = next(c for c in tree["candidates"] if c["rank"] == 1)["cost"]["usd_per_month"]["p50"]
    assert float(rows["p1"]["usd_per_month_p50"]) == pytest.approx(cost, rel=1e-5)
    assert not (tmp_path / "broken.json").exists()


def test_folders_within_a_folder_are_named_where_they_are_not_read(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Thirty profiles in folders by team were a batch of none, or of those that lay beside the folders."""
    text = (folder / "p0.toml").read_text(encoding="utf-8")
    for name in ("a.toml", "team/b.toml", "answers/c.json"):
        path = tmp_path / "all" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    top, team = (str(tmp_path / "all"), str(tmp_path / "all" / "team"))
    assert main(["batch", top, "--output", str(tmp_path / "one"), "--jobs", "1", *FAST]) == 0
    captured = capsys.readouterr()
    assert "1 profile:" in captured.out
    assert captured.err == f"advisor: {top}: folders within it are not read ({team}); name them too\n"
    assert main(["batch", top, team, "--output", str(tmp_path / "two"), "--jobs", "1", *FAST]) == 0
    captured = capsys.readouterr()
    assert "2 profiles:" in captured.out
    assert captured.err == ""


def test_where_nothing_fits_nobody_is_sure_in_the_summary(folder: Path, tmp_path: Path) -> None:
    """The line had a confidence of 1, which a column of averages took for one more sure answer."""
    (tmp_path / "never.toml").write_text(PROFILE.format(name="n", rate=2) + "[slo]\nttft_ms = 1\n", encoding="utf-8")
    given = [str(folder / "p0.toml"), str(tmp_path / "never.toml")]
    assert main(["batch", *given, "--output", str(tmp_path / "out"), "--jobs", "1", *FAST]) == 3
    with (tmp_path / "out" / "summary.csv").open(encoding="utf-8", newline="") as file:
        good, never = csv.DictReader(file)
    assert 0 < float(good["confidence"]) <= 1
    assert (never["status"], never["confidence"]) == ("infeasible", "")


def test_answers_of_an_earlier_run_are_named(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A profile that broke since kept its old answer in the folder, and `advisor diff` said that it stands."""
    mine, out = tmp_path / "mine.toml", tmp_path / "out"
    mine.write_text((folder / "p0.toml").read_text(encoding="utf-8"), encoding="utf-8")
    asked = ["batch", str(mine), str(folder / "p1.toml"), "--output", str(out), "--jobs", "1", *FAST]
    assert main(asked) == 0
    assert capsys.readouterr().err == ""
    mine.write_text("name = ", encoding="utf-8")
    assert main(asked) == 2
    said = capsys.readouterr().err
    assert "holds an answer that is not of this run (mine.json)" in said
    assert "p1.json" not in said


def test_processes_give_the_same_bytes_as_one(folder: Path, tmp_path: Path) -> None:
    for jobs in ("1", "2"):
        main(["batch", str(folder / "p0.toml"), str(folder / "p2.toml"), "--output", str(tmp_path / jobs), "--jobs",
              jobs, *FAST])  # fmt: skip
    for name in ("p0.json", "p2.json"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def test_names_of_bundled_profiles_and_missing_files(tmp_path: Path) -> None:
    code = main(["batch", "startup-first-cluster", "nowhere.toml", "--output", str(tmp_path), "--summary-only", *FAST])
    assert code == 2
    rows = rows_of(tmp_path / "summary.csv")
    assert [r["status"] for r in rows] == ["ok", "error"]
    assert [p.name for p in tmp_path.iterdir()] == ["summary.csv"]


@pytest.mark.parametrize("wrong", [["--jobs", "0"], ["--draws", "5"], ["--seed", "-1"], ["--as-of", "soon"]])
def test_wrong_options(folder: Path, tmp_path: Path, wrong: list[str]) -> None:
    assert main(["batch", str(folder), "--output", str(tmp_path), *wrong]) == 2


def test_an_empty_folder_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    assert main(["batch", str(tmp_path / "empty"), "--output", str(tmp_path / "out")]) == 2
    assert "no profile" in capsys.readouterr().err


def test_an_empty_folder_among_others_is_a_line_of_its_own(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    given = [str(tmp_path / "empty"), str(folder / "p0.toml")]
    assert main(["batch", *given, "--output", str(tmp_path / "out"), "--jobs", "1", *FAST]) == 2
    rows = rows_of(tmp_path / "out" / "summary.csv")
    assert [(r["file"], r["status"]) for r in rows] == [(given[0], "error"), (given[1], "ok")]
    assert "no profile (*.toml, *.json) in this folder" in rows[0]["message"]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ctrl_c_writes_the_summary_of_what_is_done(tmp_path: Path, jobs: str) -> None:
    for i in range(40):
        text = PROFILE.format(name=f"p{i}", rate=20 + i)
        (tmp_path / f"p{i:02}.toml").write_text(text, encoding="utf-8")
    out = tmp_path / "out"
    command = [sys.executable, "-m", "advisor", "batch", str(tmp_path), "--output", str(out), "--jobs", jobs]
    process = subprocess.Popen(
        [*command, "--draws", "30000", "--no-user-data"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    while len(list(out.glob("p*.json"))) < 6:
        time.sleep(0.05)
        assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the workers too
    told, error = process.communicate(timeout=60)
    assert process.returncode == 130, error
    done = rows_of(out / "summary.csv")
    assert 1 <= len(done) < 40
    assert f"{len(done)} profile" in told
    assert error == f"advisor: interrupted; {40 - len(done)} of 40 profiles were not answered\n"


def test_files_of_the_same_name_do_not_overwrite_each_other() -> None:
    found = targets(["a/x.toml", "b/x.toml", "c/summary.toml", "d/X.toml"], Path("out"))
    assert len({p.casefold() for p in found}) == 4
    assert "out/summary.json" not in found


def test_the_summary_is_no_spreadsheet_formula() -> None:
    text = summary_csv([Row(file="x.toml", name="=HYPERLINK(1)", message="a\nb")])
    row = next(csv.DictReader(text.splitlines()))
    assert row["name"] == "'=HYPERLINK(1)"
    assert row["message"] == "a b"
    assert row["usd_per_month_p50"] == ""


def test_exit_codes() -> None:
    ok, bad = Row(file="a", status="ok"), Row(file="b", message="wrong")
    infeasible, fault = Row(file="c", status="infeasible"), Row(file="d", message="fault of ours: X")
    assert [int(exit_code(r)) for r in ([ok], [ok, infeasible], [ok, infeasible, bad], [bad, fault])] == [0, 3, 2, 1]


def test_the_unit_of_work_is_picklable_and_never_raises(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = Job(str(folder / "p0.toml"), "", (), AS_OF, 1, 200, True)
    assert pickle.loads(pickle.dumps(answer_one)) is answer_one
    assert answer_one(pickle.loads(pickle.dumps(job))) == answer_one(job)

    def boom(*_: object) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(batch, "_workbench", boom)
    assert answer_one(job).message == "fault of ours: RuntimeError: no"


def test_without_dask_the_extra_is_named(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(*_: object) -> Iterator[Row]:
        raise ImportError
        yield

    monkeypatch.setattr(batch, "run_dask", missing)
    command = ["batch", str(folder / "p0.toml"), "--output", str(tmp_path), "--scheduler", "tcp://127.0.0.1:1", *FAST]
    assert main(command) == 2
    assert "[dask]" in capsys.readouterr().err


class _Cluster(types.ModuleType):
    """What this program asks of Dask, with one worker that stands in a folder of its own and may be lost."""

    def __init__(self, folder: Path, lost: str = "") -> None:
        super().__init__("distributed")
        self.folder, self.lost = folder, lost

    def Client(self, _: str) -> _Cluster:
        return self

    def __enter__(self) -> _Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def map(self, function: Callable[[Job], Row], jobs: list[Job], *, pure: bool) -> list[types.SimpleNamespace]:
        assert not pure

        def result(job: Job) -> Row:
            if self.lost and self.lost in job.path:
                raise RuntimeError("KilledWorker")
            with contextlib.chdir(self.folder):
                return function(job)

        return [types.SimpleNamespace(key=n, result=partial(result, job)) for n, job in enumerate(jobs)]

    def as_completed(self, futures: list[types.SimpleNamespace]) -> list[types.SimpleNamespace]:
        return futures[::-1]


def test_workers_elsewhere_use_the_files_that_were_named_and_one_lost_is_one_line(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told a relative path, a worker that stands in another folder found no profile, or another one of that name."""
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    for name in ("p0.toml", "p1.toml"):
        (tmp_path / "here" / name).write_bytes((folder / name).read_bytes())
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setitem(sys.modules, "distributed", _Cluster(tmp_path / "there", lost="p1"))
    jobs = [Job(f"p{n}.toml", f"p{n}.json", (), AS_OF, 1, 200, True) for n in (0, 1)]
    good, lost = sorted(run_dask(jobs, "tcp://x"), key=lambda row: row.file)
    assert (good.file, good.status, good.output) == ("p0.toml", "ok", "p0.json")
    assert (tmp_path / "here" / "p0.json").is_file()
    assert (lost.file, lost.status, lost.message) == (
        "p1.toml", "error", "the worker was lost: RuntimeError: KilledWorker"
    )  # fmt: skip


def test_a_worker_that_outlives_a_run_reads_the_facts_anew_for_the_next(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cluster stands for days: what was measured since its first batch belongs into the second of the day."""
    monkeypatch.setenv("ADVISOR_STORE", str(tmp_path / "e.sqlite3"))
    first = batch._workbench((), AS_OF, False, "monday")
    assert first.evidence == ()
    step = Step(index=0, concurrency=4, isl=900, osl=900, output_tps=9.0)
    where = Deployment(accelerator="mi300x", gpus=8, model="llama3.3-70b", precision="fp8")
    with open_store() as store:
        store.put(Run(id="p", tool="t", started_at=datetime(2026, 11, 20, tzinfo=UTC), steps=(step,), deployment=where))
    assert batch._workbench((), AS_OF, False, "monday") is first
    assert len(batch._workbench((), AS_OF, False, "monday noon").evidence) == 1


def test_each_run_of_the_command_has_a_name_of_its_own(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = []

    def told(jobs: list[Job], _: str) -> list[Row]:
        names.append({job.batch for job in jobs})
        return [Row(file=job.path, status="ok") for job in jobs]

    monkeypatch.setattr(batch, "run_dask", told)
    for _ in range(2):
        main(["batch", str(folder), "--output", str(tmp_path / "out"), "--scheduler", "tcp://x", *FAST])
    assert [len(n) for n in names] == [1, 1]
    assert names[0] != names[1]
