"""`advisor rules`: table, one part in full, JSON, and errors."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from advisor.cli.diagnostics import guarded
from advisor.cli.rules_command import add_rules_parser


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADVISOR_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("ADVISOR_CACHE_DIR", str(tmp_path / "cache"))


def run(capsysbinary: pytest.CaptureFixture[bytes], *arguments: str) -> tuple[int, str, str]:
    parser = argparse.ArgumentParser()
    add_rules_parser(parser.add_subparsers())
    args = parser.parse_args(["rules", *arguments])
    code = guarded(lambda: int(args.func(args)))
    out, err = capsysbinary.readouterr()
    return code, out.decode(), err.decode()


def test_table_of_one_place(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    code, out, err = run(capsysbinary, "--country", "CN", "--as-of", "2026-11-21")
    assert (code, err) == (0, "")
    rows = {line.split()[0]: line.split() for line in out.splitlines() if line.split()}
    assert rows["mi355x"][1:5] == ["60,397.8", "59.39", "3A090.a", "licence"]
    assert rows["mi355x"][-1] == "L7"
    assert rows["h200"][-2:] == ["25%", "L6"]
    assert rows["h20"][-1] == "L12-dest"
    assert rows["mi308x"][3] == "unspecified"
    assert "Decision support, not legal advice." in out
    assert max(map(len, out.splitlines())) <= 100


def test_literal_text_stands_beside_the_enforced_position(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    _, out, _ = run(capsysbinary, "--country", "Germany", "--as-of", "2026-11-21")
    row = next(line for line in out.splitlines() if line.startswith("b200"))
    assert row.split()[4:6] == ["none", "licence"]
    assert "Text of the regulation:" in out


def test_owner_and_date_change_the_answer(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    def row(*arguments: str) -> str:
        _, out, _ = run(capsysbinary, "--country", "DE", *arguments)
        return next(line for line in out.splitlines() if line.startswith("b200")).split()[-1]

    assert row("--as-of", "2026-11-21") == "L2"
    assert row("--as-of", "2026-11-21", "--hq", "CN") == "L9"
    assert row("--as-of", "2026-11-21", "--parent", "Hong Kong") == "L9"
    assert row("--as-of", "2024-01-01") == "L2-2023"
    assert row("--as-of", "2023-01-01", "--hq", "CN") == "N"


def test_one_part_in_full(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    code, out, _ = run(
        capsysbinary, "--country", "SG", "--accelerator", "MI355X", "--users", "IR,FR", "--as-of", "2026-11-21"
    )
    assert code == 0
    for words in ("export: pass", "Arithmetic: TPP = max(", "end_users: condition (review)", "Remote users in Iran"):
        assert words in out


def test_json_has_every_gate_of_every_part(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    _, out, _ = run(capsysbinary, "--country", "SA", "--format", "json", "--as-of", "2026-11-21")
    tree = json.loads(out)
    assert tree["destination"]["destination_class"] == "D1_D4"
    assert tree["disclaimer"] == "Decision support, not legal advice."
    parts = {p["accelerator"]: p for p in tree["parts"]}
    assert len(parts) == 12
    assert parts["mi355x"]["tpp"] == 60397.8
    assert parts["mi355x"]["requirement"] == "licence"
    assert parts["mi355x"]["review_policy"] == "approval"
    assert [g["gate"] for g in parts["h20"]["gates"]] == ["export", "tariff", "end_users", "parties", "local_rules"]
    assert parts["mi355x"]["gates"][0]["delay_weeks"]["typical"] > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--country", "Germny"), '"Germny" is not a destination of the export regulations; did you mean "Germany"?'),
        (("--country", "DE", "--hq", "Atlantis"), '--hq: "Atlantis"'),
        (("--country", "DE", "--as-of", "yesterday"), '--as-of: "yesterday" is not a date'),
        (("--country", "DE", "--accelerator", "mi355"), 'did you mean "mi355x"'),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(
    arguments: tuple[str, ...], message: str, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    code, out, err = run(capsysbinary, *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_output_goes_to_a_file(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    target = tmp_path / "rules.txt"
    code, out, _ = run(capsysbinary, "--country", "US", "--as-of", "2026-11-21", "--output", str(target))
    assert (code, out) == (0, "")
    assert "No licence within the United States" in target.read_text()
