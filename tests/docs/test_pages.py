"""The documentation held to the program: commands run, names exist, constants agree, rooms are the rooms."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import doc_kit
import pytest
from doc_kit import ROOT, Block, blocks, commands

from advisor.cli.completion_tree import tree_of
from advisor.cli.main import build_parser

PAGES = [str(p.relative_to(ROOT)) for p in sorted((ROOT / "docs").glob("*.md"))]
EVERY_PAGE = ["README.md", "SECURITY.md", "catalog/README.md", *PAGES]
ARCHITECTURE = "docs/architecture.md"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def tables(page: str) -> list[list[str]]:
    """Rows of the tables of a page, head and rule left out."""
    rows = [line.strip().strip("|").split(" | ") for line in text_of(page).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows if not set("".join(row)) <= set("-| ")]


@pytest.mark.parametrize("page", [p for p in PAGES if commands(p)])
def test_the_commands_of_a_page_run_as_written(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    doc_kit.write_files(page, tmp_path)
    for command in commands(page):
        code, stated = doc_kit.run(command)
        out = capsys.readouterr()
        assert code == stated, f"{command}\n{out.err}"


def test_the_script_of_the_readme_runs_as_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    profile = next(b for b in blocks("README.md") if b.info == "toml")
    (tmp_path / "mine.toml").write_text(profile.body, encoding="utf-8")
    lines = [line.strip() for line in text_of("README.md").splitlines()]
    first = next(re.search(r"advisor (--profile \S+)$", line) for line in lines if "&& .venv/bin/advisor" in line)
    assert first is not None
    script = next(line for line in lines if line.startswith("advisor --profile mine.toml --format json"))
    for command in (f"advisor {first[1]} --draws 500", f"{script} --draws 500", "advisor rules --country AE"):
        assert doc_kit.run(command) == (0, 0), capsys.readouterr().err
    python = next(re.search(r'python3 -c "(.+)"$', line) for line in lines if line.startswith("python3 -c"))
    assert python is not None
    shown = subprocess.run([sys.executable, "-c", python[1]], capture_output=True, text=True, check=True)
    assert shown.stdout.strip()


def test_the_answer_that_the_readme_shows_is_today_s(capsys: pytest.CaptureFixture[str]) -> None:
    """As of the day that it states: the first thing that a new user compares."""
    shown = next(b.body for b in blocks("README.md") if b.body.startswith("$ advisor --profile"))
    command, _, answer = shown.removeprefix("$ ").partition("\n")
    day = re.search(r"judged as of (\S+)", answer)
    assert day is not None
    assert doc_kit.run(f"{command} --as-of {day[1]} --no-user-data") == (0, 0)
    assert capsys.readouterr().out.startswith(answer.rstrip())


def lines_of(page: str) -> list[str]:
    """Command lines that a page shows, marked or not."""
    shown = "\n".join(b.body for b in blocks(page) if b.info.split()[:1] in (["sh"], ["yaml"]))
    shown += "\n".join(m[1] for m in re.finditer(r"^    (advisor .*)$", text_of(page), re.MULTILINE))
    joined = shown.replace("\\\n", " ")
    return [m[0] for m in re.finditer(r"\badvisor (?!-y)[^|\n#;&]*", joined)]


@pytest.mark.parametrize("page", EVERY_PAGE)
def test_every_command_and_option_that_a_page_shows_exists(page: str) -> None:
    nodes = {node.path: node for node in tree_of(build_parser(), ()).walk()}
    for line in lines_of(page):
        at = "advisor"
        for word in re.split(r"\s{2,}", line)[0].split()[1:]:
            if f"{at} {word}" in nodes:
                at = f"{at} {word}"
            elif word.startswith("--"):
                known = {name for option in nodes[at].options for name in option.names}
                assert word.split("=")[0] in known, f"{page}: {line}"


@pytest.mark.parametrize("page", EVERY_PAGE)
def test_files_and_modules_that_a_page_names_exist(page: str) -> None:
    for name in re.findall(r"`((?:advisor|catalog|docs|tests|profiles|benchmarks)/[\w./-]+)`", text_of(page)):
        assert (ROOT / name).exists(), f"{page}: {name}"


@pytest.mark.parametrize("page", EVERY_PAGE)
def test_links_lead_somewhere(page: str) -> None:
    for link in re.findall(r"\]\(([^)#:]+)\)", text_of(page)):
        assert ((ROOT / page).parent / link).exists(), f"{page}: {link}"


def test_constants_of_the_method_are_those_of_the_code() -> None:
    rows = [row for row in tables("docs/method.md") if re.fullmatch(r"`[A-Z_]+`", row[0])]
    assert len(rows) >= 10
    for name, value, module, _ in rows:
        found = importlib.import_module(module.strip("`").removesuffix(".py").replace("/", "."))
        assert getattr(found, name.strip("`")) == float(value), name


def test_defaults_that_the_method_names_are_in_the_catalog() -> None:
    from advisor.catalog import load_catalog
    from advisor.catalog.sizing import read_sizing
    from advisor.domain.profile import Profile

    catalog = load_catalog()
    known = {*catalog.decision_defaults, *read_sizing(catalog)}
    stems = {name.rpartition("_")[0] for name in known}
    fields = set(re.findall(r"\w+", str(Profile.model_json_schema())))
    code = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "advisor" / "engine").rglob("*.py"))
    for page in ("docs/method.md", "docs/data.md"):
        for name in re.findall(r"`([a-z]+(?:_[a-z]+)+)`", text_of(page)):
            assert name in known | stems | fields or f"def {name}" in code or name in code, f"{page}: {name}"


def test_every_room_of_the_engine_is_in_the_method() -> None:
    page = text_of("docs/method.md") + text_of("docs/backtest.md")
    for path in (ROOT / "advisor" / "engine").iterdir():
        if path.is_dir() and (path / "__init__.py").exists():
            assert f"advisor/engine/{path.name}" in page or path.name in ("backtest", "explain"), path.name


def test_the_rooms_are_the_packages_that_exist() -> None:
    named = {m[1] for row in tables(ARCHITECTURE) if (m := re.match(r"`advisor/(\w+)`", row[0]))}
    there = {p.parent.name for p in (ROOT / "advisor").glob("*/__init__.py")}
    assert named == there


def test_the_layers_are_those_of_the_contract() -> None:
    block = next(b for b in blocks(ARCHITECTURE) if b.info == "layers")
    contract = next(c for c in PYPROJECT["tool"]["importlinter"]["contracts"] if c["type"] == "layers")
    assert block.body.split("\n")[:-1] == contract["layers"]


def test_each_core_dependency_has_its_reason() -> None:
    named = {n.strip() for row in tables(ARCHITECTURE) for n in row[0].split(",") if "`" not in row[0]}
    core = {re.split(r"[><=\[]", d)[0] for d in PYPROJECT["project"]["dependencies"]}
    assert core <= named
    source = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "advisor").rglob("*.py"))
    assert not [d for d in core if not re.search(rf"^\s*(import|from) {d}\b", source, re.MULTILINE)]


def test_exit_codes_are_those_of_the_program() -> None:
    from advisor.domain.errors import ExitCode

    listed = {int(row[0]) for row in tables("docs/headless.md") if row[0].isdigit()}
    assert listed == {int(code) for code in ExitCode}


def test_variables_are_read_somewhere() -> None:
    source = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "advisor").rglob("*.py"))
    listed = {n for row in tables("docs/headless.md") for n in re.findall(r"`(ADVISOR_\w+)`", row[0])}
    assert len(listed) >= 5
    assert listed == set(re.findall(r"\bADVISOR_[A-Z_]+\b", source))


def test_import_formats_are_all_named() -> None:
    from advisor.evidence.imports import KINDS

    page = text_of("docs/probe.md").lower().replace("-", "")
    for kind in KINDS:
        assert kind in ("auto", "advisor") or kind.replace("-", "") in page.replace(" ", ""), kind


def test_a_block_knows_what_it_is() -> None:
    assert Block("toml file=a/b.toml", "").file == "a/b.toml"
    assert Block("sh run", "").runs
    assert not Block("sh", "").runs
