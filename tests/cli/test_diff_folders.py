"""`advisor diff` on two folders, as two monthly runs of a batch leave them."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from advisor.cli.main import main
from tests.quotes_kit import FAST, PROFILE


@pytest.fixture(scope="module")
def months(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Three answers of last month and of this one: dearer, turned, and as it was."""
    root = tmp_path_factory.mktemp("months")
    for month, b200 in (("last", {"dear": 4.0, "turns": 4.0, "same": 4.0}), ("this", {"dear": 4.4, "turns": 60.0})):
        folder = root / month
        folder.mkdir()
        for name, usd in b200.items():
            profile = folder / f"{name}.toml"
            text = PROFILE.format(name=name, b200=usd, mi355x=6.0, commitment="reserved_1y")
            profile.write_text(text, encoding="utf-8")
        assert main(["batch", str(folder), "--output", str(folder), "--jobs", "1", *FAST]) == 0
    shutil.copy(root / "last" / "same.json", root / "this" / "same.json")
    return root / "last", root / "this"


@pytest.fixture
def copies(months: tuple[Path, Path], tmp_path: Path) -> tuple[Path, Path]:
    """The same months, to be changed."""
    for month in months:
        shutil.copytree(month, tmp_path / month.name)
    return tmp_path / "last", tmp_path / "this"


Reads = Callable[..., tuple[int, Any]]


@pytest.fixture
def compared(capsys: pytest.CaptureFixture[str]) -> Reads:
    """Exit code and result in JSON."""

    def run(old: Path, new: Path) -> tuple[int, Any]:
        code = main(["diff", str(old), str(new), "--format", "json"])
        return code, json.loads(capsys.readouterr().out)

    return run


def test_each_answer_is_held_against_the_one_of_its_name(months: tuple[Path, Path], compared: Reads) -> None:
    code, found = compared(*months)
    assert code == 4
    assert found["headline"] == "3 answers: 1 verdict changed, 2 stand."
    assert [(a["name"], a["status"]) for a in found["answers"]] == [
        ("turns.json", "changed"), ("dear.json", "stands"), ("same.json", "stands"),
    ]  # fmt: skip
    turned, dear, same = found["answers"]
    assert (turned["old_choice"], turned["new_choice"]) == ("b200", "mi355x")
    assert dear["relative"] == pytest.approx(dear["new_usd_per_month"] / dear["old_usd_per_month"] - 1)
    assert dear["relative"] == pytest.approx(0.1, abs=0.01)
    assert (same["relative"], same["difference"]["changes"]) == (0.0, [])


def test_one_pair_is_told_as_two_answers_are(months: tuple[Path, Path], compared: Reads) -> None:
    _, found = compared(*months)
    code, single = compared(months[0] / "dear.json", months[1] / "dear.json")
    assert code == 0
    assert next(a for a in found["answers"] if a["name"] == "dear.json")["difference"] == single


def test_a_price_that_many_answers_share_is_told_once(copies: tuple[Path, Path], compared: Reads) -> None:
    last, this = copies
    for folder in copies:
        shutil.copy(folder / "dear.json", folder / "too.json")
    _, found = compared(last, this)
    told = re.compile(r"B200: rent usd per gpu hour \(reserved 1y(, \w+)?\): 4 -> 4\.4 ")
    rent = [s for s in found["shared"] if told.match(s["text"])]
    assert [(s["answers"], round(s["relative"], 6)) for s in rent] == [(2, 0.1)]
    assert all(s["answers"] >= 2 for s in found["shared"])
    assert found["shared"] == sorted(found["shared"], key=lambda s: -s["answers"])


def test_what_comes_goes_or_is_no_answer_is_named(copies: tuple[Path, Path], compared: Reads) -> None:
    last, this = copies
    (last / "dear.json").rename(last / "gone.json")
    assert compared(last, this)[0] == 4
    (this / "broken.json").write_text("{}", encoding="utf-8")
    code, found = compared(last, this)
    status = {a["name"]: a["status"] for a in found["answers"]}
    assert code == 2
    assert status == {
        "broken.json": "wrong", "turns.json": "changed", "gone.json": "gone", "dear.json": "new", "same.json": "stands",
    }  # fmt: skip
    assert "broken.json: not a recommendation" in found["answers"][0]["message"]


def test_the_text_says_what_changed_first_and_fits(
    copies: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    last, this = copies
    (this / "\x1b[31mevil.json").write_text("{}", encoding="utf-8")
    assert main(["diff", str(last), str(this)]) == 2
    text = capsys.readouterr().out
    lines = text.splitlines()
    assert lines[0] == "4 answers: 1 verdict changed, 2 stand, 1 wrong."
    assert text.index("turns: The verdict changed") < text.index("The verdict stands") < text.index("  same\n")
    assert any(line.startswith("  dear  ") and "+10.0 %" in line for line in lines)
    assert "\x1b" not in text
    assert max(map(len, lines)) <= 100
    assert main(["diff", str(last), str(this), "--all"]) == 2
    assert "== turns" in capsys.readouterr().out


def test_a_closed_way_of_paying_is_told_with_what_it_cost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, b200 in (("cheap", 4.0), ("dear", 9.0)):
        text = PROFILE.format(name="either", b200=b200, mi355x=60.0, commitment="any").replace('"rent"', '"either"')
        (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
        out = str(tmp_path / f"{name}.json")
        assert main(["--profile", str(tmp_path / f"{name}.toml"), *FAST, "--output", out]) == 0
    main(["diff", str(tmp_path / "cheap.json"), str(tmp_path / "dear.json"), "--format", "json"])
    found = json.loads(capsys.readouterr().out)
    option = next(c for c in found["changes"] if c["path"] == "candidates.b200.cost.option")
    ways = [c for c in found["changes"] if c["path"].startswith("candidates.b200.cost.options[")]
    assert option["old"] != option["new"]
    assert any(c["relative"] > 0.3 for c in ways)  # the quote that was the cheapest, more than twice as dear


def test_a_folder_and_an_answer_are_no_pair(
    months: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diff", str(months[0]), str(months[1] / "dear.json")]) == 2
    assert "is a folder and" in capsys.readouterr().err
    assert main(["diff", str(months[0]), str(tmp_path)]) == 2
    assert "no answer (*.json) in this folder" in capsys.readouterr().err
