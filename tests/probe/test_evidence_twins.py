"""One run that is brought in twice counts once, whatever files it comes from."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from advisor.cli.main import main
from advisor.cli.probe_text import run_csv, run_json
from advisor.evidence.imports import read_runs
from advisor.evidence.runs import SATURATED, Deployment, Distribution, Run, Step, measurements_from_run
from advisor.evidence.store import open_store

WHERE = Deployment(
    accelerator="mi300x", gpus=8, model="llama3.3-70b", precision="fp8", engine="vllm", engine_version="0.11.0", tp=8
)
SAMPLES = Path(__file__).parent / "samples"


def step(index: int, concurrency: int, **more: Any) -> Step:
    off = 1 + concurrency / 997
    values: dict[str, Any] = {
        "index": index, "concurrency": concurrency, "isl": 900, "osl": 300, "requests": 300, "succeeded": 300,
        "duration_s": 61.7 * off, "output_tps": 38.1234567 * concurrency * off,
        "total_tps": 152.4321 * concurrency * off,
        "mean_input_tokens": 900.0, "mean_output_tokens": 300.0,
        "ttft": Distribution(n=300, mean=0.31234567 * off, p50=0.3, p50_ci95=(0.29, 0.31)),
        "tpot": Distribution(n=300, mean=0.02345678 * off, p50=0.0234, p50_ci95=(0.0233, 0.0235)),
    }  # fmt: skip
    return Step(**(values | more))


def run_of(*steps: Step, name: str = "20261120-101500-a1b2c3", where: Deployment = WHERE, **more: Any) -> Run:
    began = datetime(2026, 11, 20, 10, 15, tzinfo=UTC)
    return Run(id=name, tool="advisor probe", started_at=began, deployment=where, steps=steps, **more)


def write(folder: Path, run: Run, *forms: str) -> list[str]:
    texts = {"json": run_json, "csv": run_csv}
    paths = [folder / f"run.{form}" for form in forms]
    for path, form in zip(paths, forms, strict=True):
        path.write_text(texts[form](run), encoding="utf-8")
    return [str(path) for path in paths]


@pytest.fixture(autouse=True)
def _store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADVISOR_STORE", str(tmp_path / "e.sqlite3"))


def held() -> list[Run]:
    with open_store() as store:
        return store.runs()


@pytest.mark.parametrize("forms", [("json", "csv"), ("csv", "json")])
@pytest.mark.parametrize("together", [True, False])
def test_csv_and_json_of_one_run_count_once_and_it_is_told(
    forms: tuple[str, str], together: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They had counted as two runs that agree."""
    run = run_of(step(0, 8), step(1, 32))
    files = write(tmp_path, run, *forms)
    for arguments in [files] if together else [[file] for file in files]:
        assert main(["evidence", "import", *arguments]) == 0
    assert held() == [run], "the one that tells more stays"
    out = capsys.readouterr().out
    assert "ounted once" in out
    assert main(["evidence", "import", files[0]]) == 0
    assert held() == [run]


def test_a_table_of_a_run_that_the_probe_kept_itself_is_that_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = run_of(step(0, 8), where=WHERE.model_copy(update={"accelerator": "", "precision": ""}))
    with open_store() as store:
        store.put(run)
    stated = ["--accelerator", "mi300x", "--weights", "fp8"]
    assert main(["evidence", "import", *write(tmp_path, run, "csv"), *stated]) == 0
    assert held() == [run.model_copy(update={"deployment": WHERE})], "what is stated now is taken over"
    out = capsys.readouterr().out
    assert "1 usable as evidence" in out
    assert "The store holds this run already, and tells more of it: counted once" in out


def test_figures_tell_a_run_whatever_it_is_called(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A table that another tool or a spreadsheet has written again, without ids and with nine digits."""
    run = run_of(step(0, 8), step(1, 32))
    rows = list(csv.DictReader(io.StringIO(run_csv(run))))
    out = io.StringIO()
    names = [name for name in rows[0] if name not in ("run_id", "tool", "started_at", "evidence")]
    writer = csv.DictWriter(out, names, extrasaction="ignore")
    writer.writeheader()
    for row in rows:
        writer.writerow({k: f"{float(v):.9g}" if re.fullmatch(r"\d+\.\d+", v) else v for k, v in row.items()})
    (file := tmp_path / "again.csv").write_text(out.getvalue(), encoding="utf-8")
    assert main(["evidence", "import", str(file)]) == 0
    (copy,) = held()
    assert copy.id.startswith("nine-shape-")
    assert main(["evidence", "import", *write(tmp_path, run, "json")]) == 0
    assert f"Takes the place of run {copy.id}" in capsys.readouterr().out
    assert held() == [run]
    assert main(["evidence", "import", str(file)]) == 0
    assert held() == [run]


def test_an_earlier_state_of_a_run_does_not_undo_its_later_steps(tmp_path: Path) -> None:
    whole = run_of(step(0, 8), step(1, 32))
    with open_store() as store:
        store.put(whole)
    early = whole.model_copy(update={"steps": whole.steps[:1], "outcome": "interrupted"})
    assert main(["evidence", "import", *write(tmp_path, early, "json", "csv")]) == 0
    assert held() == [whole]


def test_steps_that_two_runs_share_count_in_one_of_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = run_of(step(0, 8), step(1, 32))
    other = run_of(step(0, 32), step(1, 64), name="other")
    with open_store() as store:
        store.put(first)
    assert main(["evidence", "import", *write(tmp_path, other, "json")]) == 0
    assert f"1 of its steps are the same measurement as in run {first.id}" in capsys.readouterr().out
    with open_store() as store:
        assert sorted(m.concurrency for m in store.measurements()) == [8, 32, 64]


def test_two_measurements_of_one_point_are_two(tmp_path: Path) -> None:
    again = run_of(step(0, 8, output_tps=299.0, duration_s=61.9), name="20261120-111500-d4e5f6")
    with open_store() as store:
        store.put(run_of(step(0, 8)))
    assert main(["evidence", "import", *write(tmp_path, again, "json")]) == 0
    assert len(held()) == 2


def test_the_same_file_with_another_statement_is_the_run_corrected(tmp_path: Path) -> None:
    stated = ["--accelerator", "mi300x", "--gpus", "8", "--as-model", "llama3.3-70b", "--weights", "fp8"]
    assert main(["evidence", "import", str(SAMPLES / "vllm.json"), *stated, "--spec", "mtp"]) == 0
    assert main(["evidence", "import", str(SAMPLES / "vllm.json"), *stated]) == 0
    (run,) = held()
    assert run.deployment.spec_method == "none"


def test_a_table_brings_back_what_an_estimate_needs(tmp_path: Path) -> None:
    """It had lost the day, shared prompts, saturation and counters of drafts, and published runs became one's own."""
    long = "tokens come in bunches; " * 12
    run = run_of(
        step(0, 8), step(1, 8, shared_prefix=0.5), step(2, 64, flags=(long.rstrip("; "), SATURATED)),
        step(3, 4, server={"spec_accepted": 90.0}), step(4, 2, requests=3, succeeded=3),
    )  # fmt: skip
    (back,) = read_runs(Path(*write(tmp_path, run, "csv")))
    assert (back.id, back.started_at, back.deployment.engine_version) == (run.id, run.started_at, "0.11.0")
    for made in (run, back):
        points = measurements_from_run(made)
        assert [m.concurrency for m in points] == [8, 64, 4]
        assert [m.ttft_p50_s for m in points] == [0.3, None, 0.3]
        assert {m.spec_method for m in points} == {"speculative"}
        assert {m.date for m in points} == {date(2026, 11, 20)}
    published = run.model_copy(update={"family": "single_run"})
    (back,) = read_runs(Path(*write(tmp_path, published, "csv")))
    assert {m.family for m in measurements_from_run(back)} == {"single_run"}


def test_a_table_that_names_no_known_family_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (file := tmp_path / "x.csv").write_text(run_csv(run_of(step(0, 8))).replace("own_probe", "mine"))
    assert main(["evidence", "import", str(file)]) == 2
    assert 'x.csv: family: "mine" is not one of single_run' in capsys.readouterr().err
