"""`advisor probe` and `advisor evidence` as a user runs them."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from probe_kit import Served

from advisor.cli.main import main
from advisor.cli.probe_text import ProgressLine
from advisor.evidence.store import open_store

pytestmark = pytest.mark.alone

SMALL = ["--isl", "40", "--osl", "8", "--concurrency", "1,4", "--requests", "8", "--model", "ok#cli"]
SUBJECT = ["--accelerator", "mi300x", "--gpus", "8", "--as-model", "llama3.3-70b", "--weights", "fp8", "--tp", "8"]
LOCAL = "http://127.0.0.1:1"
HERE = Path(__file__).parent


def probe(*arguments: str) -> None:
    """Run a probe that measures; on a busy machine each step so short may be called invalid, which is exit code 2."""
    assert main(["probe", *arguments]) in (0, 2)


def test_the_plan_is_shown_and_nothing_is_sent(fresh_server: Served, capsys: pytest.CaptureFixture[str]) -> None:
    prices = ["--usd-per-gpu-hour", "3", "--gpus", "8", "--plan"]
    assert main(["probe", fresh_server.url, *SMALL, *prices]) == 0
    out = capsys.readouterr().out
    assert "40/8 at 4 concurrent" in out
    assert "USD                1.90   (limit 5.00)" in out  # 285 s of 24 USD an hour
    assert main(["probe", fresh_server.url, *SMALL]) == 2  # no terminal to confirm on
    assert "add --yes" in capsys.readouterr().err
    assert fresh_server.count()["seen"] == {}


def test_a_probe_becomes_evidence_that_can_be_taken_elsewhere(
    fault_server: Served, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    probe(fault_server.url, *SMALL, *SUBJECT, "--yes", "--format", "json")
    streams = capsys.readouterr()
    run = json.loads(streams.out)
    assert [step["concurrency"] for step in run["steps"]] == [1, 4]
    assert run["outcome"] == "complete"
    told = [line for line in streams.err.splitlines() if "nothing was measured" not in line]
    assert len(told) == 2  # a line a step, where there is no terminal
    with open_store() as store:
        points = store.measurements()
    # On a busy machine so short a step may be called invalid; then it is no evidence.
    valid = [step["concurrency"] for step in run["steps"] if step["valid"]]
    expected = [("mi300x", "llama3.3-70b", 8, concurrency, 8) for concurrency in valid]
    assert [(p.accelerator, p.model, p.gpus, p.concurrency, p.tp) for p in points] == expected
    assert main(["evidence", "list"]) == 0
    assert run["id"] in capsys.readouterr().out
    assert main(["evidence", "show", run["id"][:20], "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["max_concurrency"] for row in rows] == ["1.0", "4.0"]
    moved = tmp_path / "moved.json"
    assert main(["evidence", "export", "--output", str(moved)]) == 0
    assert main(["evidence", "remove", run["id"], "--yes"]) == 0
    capsys.readouterr()
    assert main(["evidence", "list"]) == 0
    assert "holds no runs yet" in capsys.readouterr().out
    assert main(["evidence", "import", str(moved)]) == 0
    assert f"2 steps, {len(valid) or 'none'} usable as evidence" in capsys.readouterr().out
    with open_store() as store:
        assert store.measurements() == points


def test_the_nine_shape_csv_is_read_back(
    fault_server: Served, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "nine.csv"
    budget = ["--max-tokens", "20000", "--max-seconds", "2"]
    command = [
        fault_server.url,
        "--model",
        "ok#nine",
        "--preset",
        "nine-shape",
        "--concurrency",
        "1",
        "--yes",
        *budget,
    ]
    probe(*command, *SUBJECT, "--format", "csv", "--output", str(out), "--no-store", "--step-seconds", "1")
    assert main(["evidence", "import", str(out)]) == 0
    assert "nine-shape matrix" in capsys.readouterr().out


def test_measured_and_predicted_side_by_side(fault_server: Served, capsys: pytest.CaptureFixture[str]) -> None:
    command = [fault_server.url, "--model", "ok#pred", "--isl", "100", "--osl", "60", "--concurrency", "2"]
    probe(*command, "--requests", "8", *SUBJECT, "--yes", "--no-store", "--quiet")
    out = capsys.readouterr().out
    if "INVALID" not in out:  # a busy machine
        assert "tok/s per GPU measured" in out
        assert "grade" in out


def test_an_import_without_weights_leaves_later_answers_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It had been kept as evidence of no precision, and every answer after it ended in a fault of the program."""
    monkeypatch.setenv("ADVISOR_STORE", str(tmp_path / "e.sqlite3"))
    where = ["--accelerator", "mi300x", "--gpus", "8", "--as-model", "llama3.3-70b"]
    sample = str(Path(__file__).parent / "samples" / "vllm.json")
    assert main(["evidence", "import", sample, *where]) == 0
    out = capsys.readouterr().out
    assert "none usable as evidence" in out
    assert "say what was measured with --weights" in out
    assert main(["--profile", "llama-70b-4k-512-concurrent", "--draws", "100", "--as-of", "2026-11-21"]) == 0


@pytest.mark.parametrize(
    ("stated", "told"),
    [
        (["--accelerator", "mi300x", "--gpus", "1"], "do not fit"),
        (["--accelerator", "mi300x", "--gpus", "8", "--tp", "16"], "TP 16 takes 16 GPUs, but only 8"),
        (["--accelerator", "mi300", "--gpus", "8"], 'accelerator "mi300" is not in the catalog'),
        (["--accelerator", "mi300x", "--gpus", "8", "--as-model", "lama"], 'no model "lama"'),
    ],
)
def test_wrong_statements_about_an_import_are_told(
    stated: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADVISOR_STORE", str(tmp_path / "e.sqlite3"))
    sample = str(Path(__file__).parent / "samples" / "vllm.json")
    main(["evidence", "import", sample, "--as-model", "llama3.1-405b", "--weights", "bf16", *stated])
    streams = capsys.readouterr()
    assert told in streams.out + streams.err
    assert "1 usable" not in streams.out


def test_text_for_people(fault_server: Served, capsys: pytest.CaptureFixture[str]) -> None:
    probe(fault_server.url, *SMALL, "--yes", "--no-store", "--quiet")
    streams = capsys.readouterr()
    assert streams.err == "" or "nothing was measured" in streams.err
    assert "TTFT p50" in streams.out
    assert "Not used as evidence yet" in streams.out
    assert "\x1b" not in streams.out
    assert "version" not in streams.out or "[31m" not in streams.out


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["http://gpu.example.com"], "--allow-plain-http"),
        ([LOCAL, "--yes"], "refused the connection"),
        (["https://a..b", "--yes"], '"https://a..b" names no host that there could be'),
        (["https://[", "--yes"], '"https://[" names no host that there could be'),
        ([f"https://{'a' * 64}.example", "--yes"], "names no host that there could be"),
        (["http://127.0.0.1:99999", "--yes"], "port 99999 is out of range; ports run from 1 to 65535"),
        ([LOCAL, "--concurrency", "0"], "must lie between"),
        ([LOCAL, "--rate", "x"], "not a number"),
        ([LOCAL, "--isl", "9:2"], "95th percentile last"),
        ([LOCAL, "--gpus", "-1"], "above 0"),
        ([LOCAL, "--usd-per-gpu-hour", "2"], "needs --gpus"),
        ([LOCAL, "--max-usd", "2"], "a price"),
        ([LOCAL, "--output", "/nowhere/x.json"], "nothing was sent"),
        ([LOCAL, "--shared-prefix", "2"], "between 0 and 1"),
        ([LOCAL, "--tolerance", "nan"], "above 0"),
        ([LOCAL, "--key-env", "NOT_SET_HERE"], "NOT_SET_HERE"),
        ([LOCAL, "--profile", "nope"], "nope"),
        ([LOCAL, "--yes", "--accelerator", "mi300"], "not in the catalog"),
        ([LOCAL, "--yes", "--tokenizer", "/nowhere"], "no tokenizer.json"),
        ([LOCAL, "--yes", "--ca-file", "/nowhere"], "not there"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_2(
    arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["probe", *arguments]) == 2
    error = capsys.readouterr().err
    assert reason in error
    assert len(error.strip().splitlines()) == 1


def test_a_key_cannot_be_given_as_an_argument(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["probe", "http://127.0.0.1:1", "--key", "sk-secret-123"])
    assert caught.value.code == 2
    assert "sk-secret-123" not in capsys.readouterr().err


def test_imports_are_all_or_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text("{}")
    assert main(["evidence", "import", str(HERE / "samples" / "vllm.json"), str(bad)]) == 2
    assert "bad.json: of no known kind" in capsys.readouterr().err
    with open_store() as store:
        assert store.summaries() == []
    assert main(["evidence", "import", str(HERE / "samples" / "vllm.json")]) == 0
    assert "say what was measured" in capsys.readouterr().out
    assert main(["evidence", "import", "x.json", "--kind", "vlm"]) == 2
    assert 'did you mean "vllm"' in capsys.readouterr().err
    assert main(["evidence", "show", "none"]) == 2
    assert main(["evidence", "remove", "vllm"]) == 2  # no terminal to confirm on
    capsys.readouterr()
    assert main(["evidence", "list", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["tool"] == "vllm bench serve"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_cleanly_and_keeps_what_was_measured(fault_server: Served, tmp_path: Path, number: int) -> None:
    store = tmp_path / "e.sqlite3"
    command = [
        sys.executable,
        "-m",
        "advisor",
        "probe",
        fault_server.url,
        "--yes",
        "--model",
        "ok#int",
        "--isl",
        "40",
        "--osl",
        "60",
    ]
    command += ["--concurrency", "4,8", "--requests", "4000", "--tolerance", "0.001", "--store", str(store), *SUBJECT]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    before = fault_server.count()["output"]
    while fault_server.count()["output"] < before + 500:
        time.sleep(0.05)
        assert process.poll() is None
    process.send_signal(number)
    out, error = process.communicate(timeout=10)
    assert process.returncode == 130, error
    assert "Traceback" not in error
    assert "interrupted" in out
    assert "partial: interrupted by the user" in out
    with open_store(str(store)) as kept:
        (summary,) = kept.summaries()
        run = kept.get(summary.id)
    assert run.outcome == "interrupted"
    assert run.steps[0].partial
    assert run.steps[0].succeeded > 0
    spent = fault_server.count()["output"]
    time.sleep(0.2)
    assert fault_server.count()["output"] == spent


def test_help_needs_no_heavy_import() -> None:
    code = (
        "import sys, advisor.cli.main as m; m.build_parser()\n"
        "print([n for n in ('httpx', 'numpy', 'h11') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("option", ["--tp", "--ep"])
def test_a_configuration_out_of_range_is_refused_before_anything_is_sent(
    option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for more in ([], ["--plan"], ["--yes"]):
        assert main(["probe", "http://127.0.0.1:9", option, "0", *more]) == 2
        assert f"{option} 0: must lie between 1 and 100000" in capsys.readouterr().err


def test_a_run_without_a_valid_step_has_failed(fault_server: Served, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--isl", "40", "--osl", "8", "--concurrency", "1", "--requests", "4", "--max-seconds", "4"]
    assert main(["probe", fault_server.url, "--model", "500#cli", *arguments, "--yes", "--no-store", "--quiet"]) == 2
    streams = capsys.readouterr()
    assert "INVALID" in streams.out  # what was found is still told
    assert "nothing was measured: no step is valid (no request succeeded; " in streams.err


@pytest.fixture
def odd_server(request: pytest.FixtureRequest) -> Iterator[str]:
    """A server whose every answer is the raw bytes given."""

    class Raw(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.rfile.readline()
            self.wfile.write(request.param)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Raw) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def answer(status: str, kind: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
    return head.encode() + body


@pytest.mark.parametrize(
    ("odd_server", "told"),
    [
        (answer("500 Oh", "text/plain; charset=utf-8", b"boom"), "answered HTTP 500 with text/plain, not a list"),
        (answer("503 No", "application/json", b'{"error": {"message": "Loading model"}}'),
         "answered HTTP 503 (Loading model): the server is not ready yet"),
        (answer("200 OK", "text/html", b"<html>hello</html>"), "answered HTTP 200 with text/html, not a list"),
        (b"\x00\xff\x16\x03 garbage\r\n\r\n", "gave no answer (not HTTP/1.1"),
        (answer("200 OK", "application/json", b'{"data": []}'), "the server lists no models"),
    ],
    indirect=["odd_server"],
)  # fmt: skip
def test_an_endpoint_of_another_kind_is_called_that(
    odd_server: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["probe", odd_server, "--yes", "--no-store", "--quiet"]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(("columns", "width"), [(60, 59), (200, 118)])
def test_the_progress_line_fits_its_terminal(columns: int, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "get_terminal_size", lambda fd: os.terminal_size((columns, 24)))
    shown = io.StringIO()
    shown.isatty = lambda: True  # type: ignore[method-assign]
    shown.fileno = lambda: 2  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stderr", shown)
    line = ProgressLine(enabled=True)
    line.clear()
    assert shown.getvalue() == "\r" + " " * width + "\r"
