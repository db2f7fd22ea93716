"""Completion scripts: everything that the parser knows, and bash driven as a shell would."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from advisor.cli.completion_scripts import bash_script, fish_script, zsh_script
from advisor.cli.completion_tree import Node, tree_of
from advisor.cli.main import build_parser, main

PROFILES = ("alpha-1", "beta", "not a word; rm -rf")
DRIVE = """
source "$1"
shift
COMP_WORDS=("$@")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_advisor
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def tree() -> Node:
    return tree_of(build_parser(), PROFILES)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_command_prints_the_script_of_each_shell(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "renewal-100-gpus" in out
    found = shutil.which(shell)
    if found is not None:
        check = [found, "--no-execute"] if shell == "fish" else [found, "-n"]
        assert subprocess.run(check, input=out, text=True, capture_output=True).returncode == 0


def test_another_shell_is_wrong_input(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["completion", "csh"])
    assert left.value.code == 2
    assert "csh" in capsys.readouterr().err


def test_the_tree_holds_every_command_and_its_values(tree: Node) -> None:
    nodes = {node.path: node for node in tree.walk()}
    assert {"advisor profile validate", "advisor catalog check", "advisor evidence import"} <= set(nodes)
    options = {name: o for o in nodes["advisor"].options for name in o.names}
    assert options["--format"].value is not None
    assert options["--format"].value.words == ("text", "json", "markdown", "html", "pdf")
    assert options["--explain"].value is None
    assert options["--profile"].value is not None
    assert options["--profile"].value.files
    assert options["--profile"].value.words == ("alpha-1", "beta")
    assert options["--seed"].value is not None
    assert not options["--seed"].value.files


def test_every_word_of_the_tree_stands_in_every_script(tree: Node) -> None:
    for script, dashes in ((bash_script(tree), True), (zsh_script(tree), True), (fish_script(tree), False)):
        for node in tree.walk():
            assert node.path in script
            for option in node.options:
                for name in option.names:
                    assert (name if dashes else name.lstrip("-")) in script
        assert "rm -rf" not in script


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["pro"], {"profile", "probe"}),
        (["profile", "va"], {"validate"}),
        (["--format", ""], {"text", "json", "markdown", "html", "pdf"}),
        (["--format", "=", "ht"], {"html"}),
        (["rules", "--format", ""], {"text", "json"}),
        (["profile", "show", "be"], {"beta"}),
        # the value of an option is no command, also where it looks like one
        (["--profile", "rules", "--pap"], {"--paper"}),
        (["recommend", "--paper", "l"], {"letter"}),
        (["--seed", ""], set()),
    ],
)
def test_bash_completes(words: list[str], expected: set[str], tree: Node, tmp_path: Path) -> None:
    script = tmp_path / "advisor.bash"
    script.write_text(bash_script(tree))
    run = subprocess.run(
        ["bash", "-c", DRIVE, "bash", str(script), "advisor", *words], capture_output=True, text=True, cwd=tmp_path
    )
    assert run.stderr == ""
    assert set(run.stdout.split()) == expected


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_bash_completes_files_where_a_file_is_asked_for(tree: Node, tmp_path: Path) -> None:
    script = tmp_path / "advisor.bash"
    script.write_text(bash_script(tree))
    (tmp_path / "my answer.json").write_text("{}")
    words = ["bash", "-c", DRIVE, "bash", str(script), "advisor", "diff", "my"]
    run = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path)
    assert run.stdout.strip() == "my answer.json"
