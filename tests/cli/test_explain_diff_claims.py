"""explain, diff and claims as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from advisor.cli.main import main
from advisor.engine.diff import _change
from tests.quotes_kit import FAST, PROFILE


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One situation three times: as it is, a little dearer, and with prices that turn it."""
    folder = tmp_path_factory.mktemp("answers")
    out = {}
    for name, b200, mi355x in (("first", 4.0, 4.0), ("dearer", 4.4, 4.0), ("turned", 60.0, 1.0)):
        profile = folder / f"{name}.toml"
        text = PROFILE.format(name="chat", commitment="reserved_1y", b200=b200, mi355x=mi355x)
        profile.write_text(text, encoding="utf-8")
        out[name] = folder / f"{name}.json"
        command = ["--profile", str(profile), *FAST, "--format", "json", "--output", str(out[name])]
        assert main(command) == 0
    return out


def test_explain_prints_formula_numbers_rows_and_sources(
    answers: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", str(answers["first"]), "candidates.b200.cost.usd_per_month"]) == 0
    text = capsys.readouterr().out
    assert "x USD 4 = USD" in text
    assert "your quote: USD 4.00" in text
    assert max(len(line) for line in text.splitlines()) <= 100
    assert main(["explain", str(answers["first"]), "verdict.kind", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["path"] == "verdict.kind"
    paths = ["verdict.kind", "candidates.b200.fleet.gpus"]
    assert main(["explain", str(answers["first"]), *paths, "--format", "json"]) == 0
    assert [e["path"].rpartition(".")[2] for e in json.loads(capsys.readouterr().out)] == ["kind", "gpus"]


def test_explain_answers_a_profile_itself(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["explain", "candidates.b200.fleet.gpus", "--profile", "startup-first-cluster", *FAST]
    assert main(command) == 0
    assert "replicas for the peak" in capsys.readouterr().out


def test_explain_wants_a_file_that_is_an_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = tmp_path / "wrong.json"
    wrong.write_text('{"verdict": 1}', encoding="utf-8")
    for name, hint in ((str(wrong), "not a recommendation"), (str(tmp_path / "none.json"), "no such file")):
        assert main(["explain", name, "verdict"]) == 2
        assert hint in capsys.readouterr().err
    assert main(["explain", str(wrong)]) == 2


def test_diff_of_the_same_is_nothing(answers: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", str(answers["first"]), str(answers["first"])]) == 0
    assert capsys.readouterr().out.strip() == "Nothing changed."


def test_diff_tells_cost_and_inputs_and_leaves_the_verdict(
    answers: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["diff", str(answers["first"]), str(answers["dearer"]), "--format", "json"])
    found = json.loads(capsys.readouterr().out)
    assert code == (4 if found["verdict_changed"] else 0)
    paths = {c["path"]: c for c in found["changes"]}
    cost = paths["candidates.b200.cost.usd_per_month.p50"]
    assert cost["relative"] == pytest.approx(0.1, abs=1e-6)
    assert paths["profile.procurement.quotes[0].usd"]["new"] == "4.4"
    assert any("rent usd per gpu hour" in c["text"] and c["kind"] == "input" for c in found["changes"])


def test_diff_exits_with_four_when_the_verdict_changed(
    answers: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diff", str(answers["first"]), str(answers["turned"])]) == 4
    text = capsys.readouterr().out
    assert text.startswith("Not the same question: the profile changed (2 entries differ).\nThe verdict changed.")
    assert "the choice: b200 -> mi355x" in text
    assert max(len(line) for line in text.splitlines()) <= 100


def test_diff_says_first_that_two_profiles_are_two_questions(
    answers: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = json.loads(answers["turned"].read_text(encoding="utf-8"))
    tree["profile"]["name"] = "batch"
    other = tmp_path / "other.json"
    other.write_text(json.dumps(tree), encoding="utf-8")
    assert main(["diff", str(answers["first"]), str(other)]) == 4
    first, _, rest = " ".join(capsys.readouterr().out.split()).partition(" The verdict changed.")
    assert first == 'Two questions: these are answers to different profiles, "chat" and "batch" (3 entries differ).'
    assert rest


@pytest.mark.parametrize("version", ["9.9", "0.1", "\x1b[31m"])
def test_an_answer_of_an_unknown_schema_is_refused(
    version: str, answers: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = json.loads(answers["first"].read_text(encoding="utf-8"))
    other = tmp_path / "other.json"
    other.write_text(json.dumps({**tree, "schema_version": version}), encoding="utf-8")
    assert main(["diff", str(answers["first"]), str(other)]) == 2
    err = capsys.readouterr().err
    assert f"written with schema {version.strip(chr(27))}, this program reads" in err
    assert "\x1b" not in err


def test_diff_refuses_what_is_no_answer(answers: dict[str, Path], tmp_path: Path) -> None:
    assert main(["diff", str(answers["first"]), str(tmp_path)]) == 2
    assert main(["diff", "-", "-"]) == 2


def test_claims_lists_all_and_shows_one_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    common = ["--as-of", "2026-11-21", "--no-user-data"]
    assert main(["claims", *common, "--verdict", "arithmetic error"]) == 0
    text = capsys.readouterr().out
    assert "D10" in text
    assert "E06" in text
    assert "SemiAnalysis" in text
    assert main(["claims", "d10", *common]) == 0
    assert "6.86" in capsys.readouterr().out
    assert main(["explain", "claims", "E06", *common]) == 0
    assert "16.84" in capsys.readouterr().out
    assert main(["claims", "Z9", *common]) == 2
    assert "no claim" in capsys.readouterr().err


def test_claims_that_are_advice_are_held_against_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claims", "C09", "C11", "D13", "--format", "json", "--as-of", "2026-11-21", "--no-user-data"]) == 0
    found = {c["id"]: c for c in json.loads(capsys.readouterr().out)}
    assert all(c["computed"] and c["verdict"] != "unverifiable" for c in found.values())
    assert found["C09"]["verdict"] == "confirmed"


def test_claims_in_markdown_are_literal(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claims", "B01", "--format", "markdown", "--as-of", "2026-11-21", "--no-user-data"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("| id |")
    assert lines[2].count(" | ") == 5


def test_a_text_that_changed_is_told_as_a_sentence() -> None:
    """Where nothing had stood the line said "summary:  -> A startup..", with an end of its own behind the text's."""
    change = _change("profile", "profile.summary", "summary", "", "A startup.")
    assert change.text == "summary: nothing -> A startup."
    number = _change("profile", "profile.slo.tpot_ms", "slo.tpot_ms", 50.0, 40.0)
    assert number.text == "slo.tpot_ms: 50 -> 40 (-20.0 %)."
