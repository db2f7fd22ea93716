"""`advisor report`: stored answers render without the catalog; wrong files are told apart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from advisor.cli.main import main
from advisor.domain.recommendation import SCHEMA_VERSION, Recommendation


@pytest.fixture
def answer(renewal: Recommendation, tmp_path: Path) -> Path:
    path = tmp_path / "answer.json"
    path.write_text(renewal.model_dump_json(), encoding="utf-8")
    return path


def test_renders_without_the_catalog(answer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("advisor.catalog.store.load_catalog", None)
    out = tmp_path / "answer.md"
    assert main(["report", str(answer), "--output", str(out)]) == 0
    assert out.read_text(encoding="utf-8").startswith("# Renewal of 100 GPUs")


@pytest.mark.parametrize(
    ("ending", "start"),
    [("pdf", b"%PDF-"), ("html", b"<!DOCTYPE html>"), ("csv", b"profile,as_of"), ("txt", b"Renewal"), ("md", b"# Ren")],
)
def test_the_ending_gives_the_form(answer: Path, tmp_path: Path, ending: str, start: bytes) -> None:
    out = tmp_path / f"x.{ending}"
    assert main(["report", str(answer), "-o", str(out)]) == 0
    assert out.read_bytes().startswith(start)


def test_charts_beside_the_markdown_are_linked_relatively(answer: Path, tmp_path: Path) -> None:
    out = tmp_path / "out" / "report.md"
    out.parent.mkdir()
    assert main(["report", str(answer), "-o", str(out), "--charts", str(tmp_path / "out" / "figures")]) == 0
    assert "](<figures/chart-pareto.svg>)" in out.read_text(encoding="utf-8")
    assert (tmp_path / "out/figures/chart-pareto.svg").read_text(encoding="utf-8").startswith("<svg")


def wrong(path: Path, content: str, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    path.write_text(content, encoding="utf-8")
    assert main(["report", str(path), *more]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    return told.err


def test_wrong_files_are_told_apart(
    answer: Path, tmp_path: Path, renewal: Recommendation, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = json.loads(renewal.model_dump_json())
    path = tmp_path / "wrong.json"
    assert "not a recommendation" in wrong(path, "{", capsys)
    assert "not a recommendation" in wrong(path, "[]", capsys)
    assert "not a recommendation" in wrong(path, "[" * 100_000, capsys)
    assert "candidates.0.cost.usd_per_month.p50" in wrong(
        path,
        json.dumps({**tree, "candidates": [_with_wrong_cost(tree["candidates"][0]), *tree["candidates"][1:]]}),
        capsys,
    )
    newer = wrong(path, json.dumps({**tree, "schema_version": "9.1", "invented": 1}), capsys)
    assert "schema 9.1" in newer
    assert f"this program reads {SCHEMA_VERSION}" in newer
    assert main(["report", str(tmp_path / "missing.json")]) == 2
    assert "no such file" in capsys.readouterr().err


def _with_wrong_cost(candidate: dict[str, object]) -> dict[str, object]:
    copy = json.loads(json.dumps(candidate))
    copy["cost"]["usd_per_month"]["p50"] = "much"
    return dict(copy)


def test_charts_need_markdown(answer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(answer), "--format", "html", "--charts", "x"]) == 2
    assert "--format markdown" in capsys.readouterr().err


def test_the_same_stored_answer_gives_the_same_bytes(answer: Path, tmp_path: Path) -> None:
    for name in ("one.pdf", "two.pdf"):
        assert main(["report", str(answer), "-o", str(tmp_path / name)]) == 0
    assert (tmp_path / "one.pdf").read_bytes() == (tmp_path / "two.pdf").read_bytes()
