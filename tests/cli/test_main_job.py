"""The main job as a user runs it: streams, exit codes, width, colour, hostile names."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
import tomllib
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest

from advisor.cli.main import build_parser, main
from advisor.profiles.locate import find_profile
from advisor.report.text import WIDTH

FAST = ["--as-of", "2026-11-21", "--draws", "500"]
MINIMAL = """
name = {name}
[model]
id = "llama3.3-70b"
[traffic]
isl = 1000
osl = 200
peak_concurrency = 64
"""
SMALL = 'candidates = ["b200", "h200"]' + MINIMAL.format(name='"Small"')
"""For what is the same whatever was asked."""


@pytest.fixture
def small(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A profile of two candidates, as a file."""
    path = tmp_path_factory.mktemp("small") / "small.toml"
    path.write_text(SMALL, encoding="utf-8")
    return str(path)


def run(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "advisor", *arguments], capture_output=True, text=True, timeout=120,
        env={**os.environ, **env}, stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["renewal-100-gpus", "operator-2000-gpus", "licence-required-destination"])
def test_text_fits_the_width_and_a_pipe_gets_no_colour(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--profile", name, "--explain", *FAST]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert max(len(line) for line in out.splitlines()) <= WIDTH
    assert "\x1b" not in out
    for heading in ("Comparison", "Why not the others", "What would change the answer", "Assumptions", "Sources"):
        assert heading in out


def test_json_goes_to_stdout_alone() -> None:
    result = run("--profile", "llama-70b-4k-512-concurrent", "--format", "json", *FAST)
    assert result.returncode == 0
    assert result.stderr == ""
    assert json.loads(result.stdout)["verdict"]["kind"] in ("get", "probe_first", "split", "wait")


def test_nothing_feasible_is_exit_code_three(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "tight.toml"
    path.write_text(MINIMAL.format(name='"tight"') + "[slo]\ntpot_ms = 0.1\n")
    assert main(["--profile", str(path), *FAST]) == 3
    out = capsys.readouterr().out
    assert "Smallest change: relax slo.tpot_ms from 0.1 to" in out


def test_hostile_names_stay_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "hostile.toml"
    name = json.dumps("\x1b]0;owned\x07 \x1b[31mred \u202egnp.exe [bold]x[/] 日本語")
    path.write_text(MINIMAL.format(name=name))
    assert main(["--profile", str(path), *FAST]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert "日本語" in out
    assert "[bold]x[/]" in out


def test_the_documented_ways_to_be_wrong() -> None:
    no_terminal = run()
    assert no_terminal.returncode == 2
    assert "--profile" in no_terminal.stderr
    typo = run("--profil", "x")
    assert typo.returncode == 2
    assert 'did you mean "--profile"' in typo.stderr
    for given, told in (
        (("--nope",), "unknown option --nope; `advisor --help`"),  # the two dashes had made it like --paper
        (("--profle", "x"), 'unknown option --profle; did you mean "--profile"?'),
        (("--profile", "x", "-f", "json"), "unknown option -f; `advisor --help`"),
        (("jsn",), 'unknown command "jsn"; `advisor --help`'),  # it was taken for a form of the answer
        (("--profile", ""), "give a profile: a file, or a name"),
        (("--seed", "x"), '--seed: "x" is not a whole number'),
        (("--draws", "1e3"), '--draws: "1e3" is not a whole number'),
        (("--format", "xml"), '--format: "xml" is none of text, json, markdown, html, pdf'),
        (("schema", "nope"), '"nope" is none of recommendation, profile'),
        (("--profile",), "--profile: give a value"),
    ):
        wrong = run(*given)
        assert wrong.returncode == 2
        assert wrong.stderr.startswith(f"advisor: error: {told}")
    assert run("--profile", "renewal-100-gpus", "--as-of", "yesterday").returncode == 2
    assert run("--profile", "renewal-100-gpus", "--catalog", "/nowhere").returncode == 2
    assert run("frobnicate").returncode == 2


def test_output_appears_whole_or_not_at_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "answer.json"
    assert main(["--profile", "llama-70b-4k-512-concurrent", "--format", "json", "-o", str(target), *FAST]) == 0
    assert json.loads(target.read_text())["schema_version"]
    assert [p.name for p in tmp_path.iterdir()] == ["answer.json"]
    assert main(["--profile", "renewal-100-gpus", "-o", str(tmp_path / "no" / "where.txt"), *FAST]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_own_catalog_files_lie_over_the_bundled_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "sizing").mkdir()
    header = "name,value,low,high,unit,source,as_of,kind,note\n"
    (tmp_path / "sizing" / "parameters.csv").write_text(
        header + "repair_hours,2000,,,h,sizing-assumption,2026-11-21,user,slow repairs\n"
    )
    plain, slow = tmp_path / "plain.json", tmp_path / "slow.json"
    base = ["--profile", "renewal-100-gpus", "--format", "json", *FAST]
    assert main([*base, "-o", str(plain)]) == 0
    assert main([*base, "-o", str(slow), "--catalog", str(tmp_path)]) == 0
    fleets = [json.loads(p.read_text())["candidates"] for p in (plain, slow)]
    spares = [sum(c["fleet"]["replicas_for_redundancy"] for c in f if c["fleet"]) for f in fleets]
    assert spares[1] > spares[0]
    (tmp_path / "sizing" / "parameters.csv").write_text(header + "repair_hours,many,,,h,x,2026-11-21,user,\n")
    assert main([*base, "--catalog", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert "parameters.csv, row 2, column value" in err


@pytest.mark.parametrize(
    ("name", "start"), [("a.pdf", b"%PDF"), ("a.md", b"# "), ("a.html", b"<!"), ("a.json", b"{"), ("answer", b"Small")]
)
def test_the_ending_of_the_output_gives_the_form(small: str, tmp_path: Path, name: str, start: bytes) -> None:
    target = tmp_path / name
    assert main(["--profile", small, "-o", str(target), *FAST]) == 0
    assert target.read_bytes().lower().startswith(start.lower())


def test_a_form_asked_for_outweighs_the_ending(small: str, tmp_path: Path) -> None:
    target = tmp_path / "a.pdf"
    assert main(["--profile", small, "--format", "json", "-o", str(target), *FAST]) == 0
    assert json.loads(target.read_text(encoding="utf-8"))["draws"]


def test_an_ending_that_is_not_written_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "a.csv"
    assert main(["--profile", "llama-70b-4k-512-concurrent", "-o", str(target), *FAST]) == 2
    assert "`advisor report ANSWER.json` writes CSV" in capsys.readouterr().err
    assert not target.exists()


@pytest.mark.parametrize("command", [["profile", "validate"], ["--profile"]])
def test_an_unknown_model_is_told_with_its_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    wrong = tmp_path / "second.toml"
    wrong.write_text('[model]\nid = "lama3.3-70b"\n[traffic]\nisl = 9\nosl = 9\npeak_concurrency = 9\n', "utf-8")
    assert main([*command, str(wrong)]) == 2
    err = capsys.readouterr().err
    assert 'second.toml: model.id: unknown model "lama3.3-70b"' in err
    assert err.count("second.toml") == 1


def test_a_misspelt_engine_or_risk_is_not_valid(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = '[model]\nid = "llama3.3-70b"\n[traffic]\nisl = 9\nosl = 9\npeak_concurrency = 9\n'
    for name, more, told in (
        ("engine", '[team]\nengines = ["sglan"]\n', 'team.engines: unknown engine "sglan"; did you mean "sglang"?'),
        ("risk", "[overrides.risk_likelihood]\nsuply = 0.1\n", 'overrides.risk_likelihood: unknown name "suply"'),
        ("own", '[team]\nengines = ["houseengine"]\n', ""),
    ):
        path = tmp_path / f"{name}.toml"
        path.write_text(base + more, encoding="utf-8")
        assert main(["profile", "validate", str(path)]) == (2 if told else 0)
        err = capsys.readouterr().err
        assert f"{name}.toml: {told}" in err if told else err == ""


def test_nothing_within_the_budget_is_told_by_cost_and_by_what_makes_it(tmp_path: Path) -> None:
    profile, answer = tmp_path / "small.toml", tmp_path / "answer.json"
    profile.write_text(
        'candidates = ["mi355x", "b300", "h200"]\n[model]\nid = "llama3.3-70b"\nprecisions = ["fp8"]\n[traffic]\n'
        'isl = 1000\nosl = 300\npeak_concurrency = 16\n[procurement]\nmode = "rent"\nbudget_usd_per_month = 3000\n',
        "utf-8",
    )  # fmt: skip
    text = tmp_path / "answer.txt"
    assert main(["--profile", str(profile), *FAST, "--no-user-data", "-o", str(answer)]) == 3
    assert main(["report", str(answer), "-o", str(text)]) == 0
    tree = json.loads(answer.read_text(encoding="utf-8"))
    costs = [c["cost"]["point_usd_per_month"] for c in tree["candidates"]]
    assert costs == sorted(costs)
    assert tree["candidates"][0]["accelerator"] == "h200"
    fleet = tree["candidates"][0]["fleet"]
    assert fleet["gpus_needed"] < fleet["gpus"] == 8
    needed = f"{fleet['gpus_needed']} GPU{'s' * (fleet['gpus_needed'] != 1)} needed, rented in nodes of 8"
    assert needed in tree["verdict"]["headline"]
    rows = [line.split() for line in text.read_text(encoding="utf-8").splitlines() if line.startswith("-  ")]
    assert [row[1] for row in rows] == [c["accelerator"] for c in tree["candidates"]]
    assert all(row[10] == "-" for row in rows)


POINTS = "accelerator,model,precision,engine,isl,osl,concurrency,note"
POINT = "b200,llama3.3-70b,fp8,vllm,1000,1000,16"


def test_a_table_of_points_with_a_column_twice_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "points.csv"
    table.write_text(f"{POINTS},note\n{POINT},mine,yours\n", encoding="utf-8")
    assert main(["estimate", "--points", str(table), "--no-user-data"]) == 2
    assert 'more than one column is named "note"' in capsys.readouterr().err


@pytest.mark.parametrize(("mark", "name"), [(";", "semicolons"), ("\t", "tabs")])
def test_a_table_with_another_separator_is_told(
    mark: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "points.csv"
    table.write_text(f"{POINTS}\n{POINT},mine\n".replace(",", mark), encoding="utf-8")
    assert main(["estimate", "--points", str(table), "--no-user-data"]) == 2
    assert f"its columns are separated by {name}; separate them by commas" in capsys.readouterr().err


def test_a_table_of_which_no_point_can_be_estimated_has_failed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "points.csv"
    wrong = POINT.replace("llama3.3-70b", "no-such-model")
    table.write_text(f"{POINTS}\n{wrong},a\n{wrong},b\n", encoding="utf-8")
    assert main(["estimate", "--points", str(table), "--no-user-data"]) == 2
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 3  # each row still says why
    assert 'none of 2 points could be estimated; the first: model "no-such-model"' in err


def test_a_row_with_more_cells_than_columns_gets_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "points.csv"
    table.write_text(f"{POINTS},,\n{POINT},fine,,\n{POINT},one,two\n{POINT},fine\n", encoding="utf-8")
    assert main(["estimate", "--points", str(table), "--no-user-data"]) == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert [r["error"] for r in rows] == ["", "9 cells for 8 columns; quote cells that hold a comma", ""]
    assert [bool(r["tpot_p50_s"]) for r in rows] == [True, False, True]
    assert rows[0]["tpot_p50_s"] == rows[2]["tpot_p50_s"]


def test_profile_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "mine.toml"
    assert main(["profile", "new", str(target)]) == 0
    assert main(["profile", "new", str(target)]) == 2
    assert "--force" in capsys.readouterr().err
    assert main(["profile", "validate", str(target), "renewal-100-gpus"]) == 0
    assert main(["profile", "list"]) == 0
    assert "renewal-100-gpus" in capsys.readouterr().out
    assert main(["profile", "schema"]) == 0
    assert "peak_concurrency" in json.loads(capsys.readouterr().out)["$defs"]["Traffic"]["properties"]
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "Recommendation"


def test_a_point_is_answered_on_the_newest_software_where_that_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    point = [
        "estimate", "--model", "deepseek-r1", "--accelerator", "mi355x", "--precision", "fp4", "--engine", "sglang",
        "--spec-method", "none", "--disagg", "false", "--isl", "4000", "--osl", "1000", "--concurrency", "64",
    ]  # fmt: skip
    rates = {}
    for software in ("median", "newest"):
        assert main([*point, "--software", software]) == 0
        text = capsys.readouterr().out
        assert ("on the software of 2026-06" in text) is (software == "newest")
        rates[software] = int(re.findall(r"input \+ output tok/s per GPU +([\d,]+)", text)[0].replace(",", ""))
    assert rates["newest"] > 1.1 * rates["median"]


@pytest.mark.skipif(os.name == "nt", reason="descriptors are closed by a POSIX shell")
def test_closed_streams_are_told_and_never_lose_a_result(tmp_path: Path) -> None:
    """Python leaves a closed stream as None; an answer must not vanish with exit code 0, nor go into another file."""
    words = f"{sys.executable} -m advisor --profile startup-first-cluster --draws 100 --as-of 2026-11-21"

    def shell(line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=120, check=False)

    closed = shell(f"{words} >&-")
    assert closed.returncode == 2
    assert closed.stderr.splitlines() == [
        "advisor: error: the result cannot be written: standard output is closed; open it, or give --output FILE"
    ]
    assert shell(f"{sys.executable} -m advisor --version >&-").returncode == 2
    kept = shell(f"{words} --output {tmp_path / 'answer.txt'} >&- 2>&- <&-")
    assert kept.returncode == 0
    assert (tmp_path / "answer.txt").read_text(encoding="utf-8").startswith("Startup, first cluster")
    assert "standard input" in shell(f"{sys.executable} -m advisor --profile - <&-").stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize(
    "command",
    [["profile", "list"], ["--profile", "startup-first-cluster", *FAST], ["--help"], ["estimate", "-h"], ["--version"]],
)
def test_a_full_place_is_no_fault_of_the_program(command: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "advisor", *command], stdout=full, stderr=subprocess.PIPE, text=True, timeout=120,
            stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("advisor: error: the result cannot be written (No space left on device)")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["batch", "-", "--output", "FOLDER"], "a batch reads no profile from standard input"),
        (["--profile", "FOLDER"], "FOLDER: is a folder; give one of its profiles, or answer them all with"),
        (["--profile", "./FOLDER"], "`advisor batch ./FOLDER --output DIR`"),
        (["--profile", "startup-first-cluster", "--output", "a.xyz"], '".xyz" is no ending of a known form'),
        (
            ["explain", "startup-first-cluster", "verdict.kind"],
            "is a profile, no answer; `advisor explain verdict.kind --profile startup-first-cluster` answers it first",
        ),
    ],
)
def test_what_is_meant_is_told(
    arguments: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "FOLDER").mkdir()
    assert main(arguments) == 2
    assert told in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["FOLDER"]


def _answer(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert main(arguments) == 0
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


@pytest.mark.parametrize("form", ["toml", "json"])
def test_a_profile_is_read_from_standard_input(
    form: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = find_profile("startup-first-cluster")
    text = path.read_text(encoding="utf-8")
    if form == "json":
        text = json.dumps(tomllib.loads(text))
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(text.encode())))
    piped, filed = (_answer(["--profile", name, *FAST, "--format", "json"], capsys) for name in ("-", str(path)))
    assert piped.pop("command").replace("--profile -", f"--profile {path}") == filed.pop("command")
    assert piped == filed


def test_nothing_on_standard_input_is_no_profile(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(b" ")))
    assert main(["--profile", "-"]) == 2
    assert capsys.readouterr().err.startswith("advisor: error: standard input: is empty")


def test_an_unknown_ending_is_fine_where_the_form_is_given(small: str, tmp_path: Path) -> None:
    target = tmp_path / "a.xyz"
    assert main(["--profile", small, *FAST, "--format", "text", "-o", str(target)]) == 0
    assert target.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "command", [["evidence", "export"], ["probe", "http://127.0.0.1:9"], ["rules", "--country", "DE"], ["estimate"]]
)
def test_every_output_has_its_short_form(command: list[str]) -> None:
    assert build_parser().parse_args([*command, "-o", "x"]).output == "x"


def test_what_binds_counts_candidates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "never.toml"
    path.write_text(MINIMAL.format(name='"never"') + "[slo]\nttft_ms = 0.5\n", encoding="utf-8")
    assert main(["--profile", str(path), *FAST]) == 3
    assert "What binds: the service level (8 of 8 candidates)." in capsys.readouterr().out
