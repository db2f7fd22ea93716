"""`advisor catalog`: what each action prints and how it ends."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import pytest

from advisor.cli.catalog_command import add_catalog_parser
from advisor.cli.diagnostics import guarded


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADVISOR_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("ADVISOR_CACHE_DIR", str(tmp_path / "cache"))


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    add_catalog_parser(parser.add_subparsers())
    args = parser.parse_args(["catalog", *words])
    return guarded(lambda: int(args.func(args)))


def test_list_names_every_kind(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list") == 0
    out = capsys.readouterr().out
    assert "measurements    6932  independent serving measurements" in out
    assert "tco/parameters.csv" in out


def test_list_of_a_kind_can_be_narrowed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list", "rent", "--match", "provider=oci") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 9
    assert all("seller_class=hyperscaler" in line for line in lines)


def test_show_gives_the_reference_and_the_attribution(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("show", "mi355x") == 0
    out = capsys.readouterr().out
    assert "bandwidth_gbps            8000" in out
    assert "scale_up_switched         no" in out
    assert "amd-instinct-mi355x-gpu-brochure" in out
    assert "issues/5891 (rocminfo: 301973504 KB)" in out
    assert run("show", "tco/PUE/Google", "--format", "json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["typical"], shown["unit"], shown["kind"]) == (1.12, "ratio", "documentation")


def test_an_unknown_name_gets_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("show", "mi355") == 2
    assert 'did you mean "mi355x"' in capsys.readouterr().err
    assert run("list", "rents") == 2
    assert 'did you mean "rent"' in capsys.readouterr().err


def test_status_counts_ages_from_the_given_day(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("status", "--as-of", "2026-11-21") == 0
    out = capsys.readouterr().out
    assert "newest 2026-11-09     12 days old" in out
    assert "not usable  accelerator mi308x" in out
    assert run("status", "--as-of", "tomorrow") == 2


def test_sources_print_the_line_that_must_appear(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("sources", "mlperf-inference-v6.0") == 0
    assert "trademarks of MLCommons" in capsys.readouterr().out
    assert run("sources", "no-such-source") == 2


def test_check_passes_and_fails_with_the_user_s_own_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check") == 0
    assert capsys.readouterr().out.endswith("no faults\n")
    own = tmp_path / "config" / "catalog" / "tco"
    own.mkdir(parents=True)
    (own / "parameters.csv").write_text(
        "parameter,scope,typical,unit,superseded,source,kind\nPUE,ours,-1,ratio,false,user,user\n", encoding="utf-8"
    )
    assert run("check") == 2
    out = capsys.readouterr().out
    assert "parameters.csv, row 2, column typical: must be at least 0 (value '-1')" in out
    assert run("check", "--no-user-data") == 0


def test_text_from_files_cannot_steer_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = tmp_path / "own" / "tco"
    own.mkdir(parents=True)
    (own / "parameters.csv").write_text(
        "parameter,scope,typical,unit,superseded,source,kind,note\nPUE,ours,1.1,ratio,false,user,user,\x1b[31mred\n",
        encoding="utf-8",
    )
    assert run("show", "tco/PUE/ours", "--catalog", str(tmp_path / "own")) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "[31mred" in out


def test_loading_takes_neither_pandas_nor_numpy() -> None:
    code = (
        "import sys; from advisor.catalog import load_catalog; c = load_catalog(); c.measurements; c.rent_prices; "
        "c.tco; c.accelerators; c.models; print(sorted({'pandas', 'numpy', 'httpx', 'textual'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("gpu_memory_utilisation", ("0.9", "vLLM documentation")),
        ("wait_saving_share", ("0.05", "Assumption of this program")),
        ("software_regression", ("likelihood_high", "0.1")),
    ],
)
def test_every_constant_that_the_method_page_sends_a_reader_to_is_shown(
    name: str, told: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Sizing, decision and risks had no kind of their own, so that "nothing in the catalog" was called so."""
    assert run("show", name) == 0
    shown = capsys.readouterr().out
    assert all(part in shown for part in told)
