"""Promises of SECURITY.md that no other test holds, and that every test which it names is there."""

from __future__ import annotations

import ast
import csv
import io
import re
import zipfile
from pathlib import Path

import pytest
from doc_kit import ROOT

from advisor.batch import COLUMNS, Row, summary_csv, targets
from advisor.catalog import load_catalog
from advisor.catalog.read import MAX_FILE_BYTES
from advisor.cli.main import main
from advisor.cli.probe_text import run_csv
from advisor.domain.errors import CatalogError, InputError, ProfileError
from advisor.domain.record import record
from advisor.domain.text import is_device
from advisor.evidence.runs import Deployment, Run, Step
from advisor.profiles.hf_config import model_from_config
from advisor.profiles.locate import find_profile
from advisor.profiles.read import parse_profile, read_profile
from advisor.refresh import decode
from advisor.refresh.decode import SourceError, member
from advisor.refresh.settings import read_settings
from advisor.report.output import write_result

PAGE = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
FORMULAS = ["=1+1", "+1", "-1+2", "@SUM(A1)", "\t=1+1", "\r=1+1", " =1+1"]


def test_every_test_that_the_page_names_is_there() -> None:
    named = set(re.findall(r"`(tests/[\w/.]+)`", PAGE))
    assert len(named) >= 10
    assert not [name for name in named if not (ROOT / name).is_file()]


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_of_our_tables_begins_like_a_formula(text: str) -> None:
    found = summary_csv([Row(file=text, name=text, message=text)])
    rows = list(csv.DictReader(io.StringIO(found)))
    assert list(rows[0]) == list(COLUMNS)
    step = Step(index=0, isl=1, osl=1, requests=1, succeeded=1, output_tps=1.0, flags=(text,))
    run = Run(id="r1", tool="t", started_at="2026-11-21T00:00:00Z", deployment=Deployment(model=text), steps=(step,))  # type: ignore[arg-type]
    for cells in (rows, list(csv.DictReader(io.StringIO(run_csv(run))))):
        for cell in cells[0].values():
            assert not re.match(r"[\s\t\r]*[=+@]|[\s\t\r]*-\D", cell), cell


@pytest.mark.parametrize("text", FORMULAS)
def test_the_comparison_as_csv_is_as_careful(text: str) -> None:
    comparison = pytest.importorskip("advisor.report.comparison_csv")
    assert comparison.safe_cell(text).startswith("'")
    assert comparison.safe_cell("MI355X") == "MI355X"


@pytest.mark.parametrize("name", ["..", "../secret", "/etc/passwd", "a/../../etc/passwd", "x\0y", "~root", "%2e%2e"])
def test_a_name_of_a_profile_leaves_no_folder(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "config" / "profiles"
    own.mkdir(parents=True)
    (tmp_path / "config" / "secret.toml").write_text("name = 'x'")
    monkeypatch.setenv("ADVISOR_CONFIG_DIR", str(tmp_path / "config"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(ProfileError):
        read_profile(find_profile(name))


@pytest.mark.parametrize(
    "name", ["../../x.toml", "/etc/cron.d/x.toml", "..toml", "summary.toml", "a\\..\\b.toml", "con.toml", "NUL.a.toml"]
)
def test_files_of_a_batch_stay_in_their_folder(name: str, tmp_path: Path) -> None:
    for place in targets([name, name], tmp_path / "out"):
        assert Path(place).parent == tmp_path / "out"
        assert Path(place).name.lower() not in ("summary.csv", "summary.json")
        assert not is_device(Path(place).name)


@pytest.mark.parametrize("name", ["../../x", "/etc/passwd", "..", ".ssh", "a\0b", "con\n", "NUL", "com1"])
def test_the_interactive_program_names_files_harmlessly(name: str) -> None:
    from advisor.tui.document import slug

    assert re.fullmatch(r"[\w-]+", slug(name))
    assert not is_device(slug(name))


def test_output_on_a_link_replaces_the_link(tmp_path: Path) -> None:
    target = tmp_path / "precious.txt"
    target.write_text("precious")
    link = tmp_path / "out.txt"
    link.symlink_to(target)
    write_result("new", str(link))
    assert target.read_text() == "precious"
    assert link.read_text() == "new"
    assert not link.is_symlink()


def test_output_keeps_the_permissions_of_the_file_that_it_replaces(tmp_path: Path) -> None:
    kept = tmp_path / "answer.json"
    kept.write_text("old")
    kept.chmod(0o600)
    write_result("new", str(kept))
    assert kept.read_text() == "new"
    assert kept.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "content",
    [
        b'{"num_hidden_layers": ' + b"9" * 6000 + b"}", b'{"num_hidden_layers": NaN}', b"[" * 100_000, b"\xff\xfe",
        b"[]", b"", b'{"num_hidden_layers": 1e400}', b" " * 5_000_000, b'{"text_config": {"num_hidden_layers": -1}}',
    ],
)  # fmt: skip
def test_a_hostile_model_configuration_is_wrong_input(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(content)
    with pytest.raises(ProfileError):
        model_from_config(path)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no such device here")
def test_an_endless_file_is_not_read_to_its_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ProfileError, match="larger than"):
        model_from_config(Path("/dev/zero"))
    link = tmp_path / "endless.toml"
    link.symlink_to("/dev/zero")
    assert main(["profile", "show", str(link)]) == 2


DEEP = ["a = " + "[" * 5000, "a = " + "[" * 5000 + "]" * 5000, "a = " + "{b=" * 5000, "a = " + "9" * 6000, "a\0 = 1"]


@pytest.mark.parametrize("text", DEEP)
def test_toml_without_measure_is_wrong_input(text: str, tmp_path: Path) -> None:
    (tmp_path / "accelerators").mkdir()
    (tmp_path / "accelerators" / "mi355x.toml").write_text(text, encoding="utf-8")
    with pytest.raises(CatalogError, match=r"accelerators/mi355x\.toml: is not TOML"):
        _ = load_catalog([tmp_path]).accelerators
    (tmp_path / "refresh.toml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="is not TOML"):
        read_settings(None, tmp_path, ())
    with pytest.raises(ProfileError):
        parse_profile(text, "mine.toml")


def bomb(size: int, stated: int | None = None) -> bytes:
    """A zip whose one member is that large once unpacked, and says so, or says something else."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("prices.csv", bytes(size))
    packed = out.getvalue()
    return packed if stated is None else packed.replace(size.to_bytes(4, "little"), stated.to_bytes(4, "little"))


@pytest.mark.parametrize("stated", [None, 10])
def test_a_zip_bomb_is_not_unpacked(stated: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "MAX_MEMBER_BYTES", 2**20)
    packed = bomb(2**20 + 1, stated)
    assert len(packed) < 2**12
    with pytest.raises(SourceError):
        member(packed, "prices.csv")
    with pytest.raises(SourceError, match=r"holds no \.\./prices\.csv"):
        member(bomb(1), "../prices.csv")


def test_a_huge_catalog_file_is_refused_unread(tmp_path: Path) -> None:
    folder = tmp_path / "prices"
    folder.mkdir()
    with (folder / "rent.csv").open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    assert main(["catalog", "check", "--catalog", str(tmp_path)]) == 2


@pytest.mark.parametrize("body", ["[" * 200_000, '{"a":' * 100_000, "\0", "{}", '{"seed": ' + "9" * 6000 + "}"])
def test_a_hostile_answer_is_wrong_input(body: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "answer.json"
    path.write_text(body, encoding="utf-8")
    assert main(["explain", str(path), "verdict"]) == 2
    assert main(["diff", str(path), str(path)]) == 2
    assert "\0" not in capsys.readouterr().err


def test_names_from_a_catalog_of_ones_own_reach_no_terminal_as_commands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "prices").mkdir()
    (tmp_path / "prices" / "rent.csv").write_text(
        "id,provider,seller_class,accelerator,commitment,usd_per_gpu_hour,as_of,source,kind\n"
        "q\x1b]0;x\x07,\x1b[31mred\u202e,neocloud,mi355x,on_demand,2,2026-11-10,user,quote\n",
        encoding="utf-8",
    )
    assert main(["--profile", "llama-70b-4k-512-concurrent", "--catalog", str(tmp_path), "--draws", "200",
                 "--as-of", "2026-11-21", "--explain"]) in (0, 2, 3)  # fmt: skip
    main(["catalog", "list", "rent", "--catalog", str(tmp_path), "--match", "red"])
    out = capsys.readouterr()
    for text in (out.out, out.err):
        assert "\x1b" not in text
        assert "\x07" not in text
        assert "\u202e" not in text


def test_a_run_has_no_room_for_prompts_or_answers() -> None:
    fields = set(Run.model_fields) | set(Step.model_fields)
    assert not {f for f in fields if re.search(r"prompt|content|answer|text|body|completion", f)}


OWN_PIPE = ("probe_process.py", "probing.py", "backtesting.py", "backtest_process.py")
"""The interactive program and the processes that it starts for a probe and a backtest; nothing on disk is read so."""


CONSTRUCTORS = ROOT / "advisor" / "domain" / "record.py"
"""Compiles constructors from the field names of the program's own classes, as `dataclasses` does."""


def test_nothing_read_is_evaluated_or_handed_to_a_shell() -> None:
    forbidden = {"eval", "exec", "compile", "__import__"}
    for path in (ROOT / "advisor").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {a.name.split(".")[0] for a in node.names} | {(getattr(node, "module", "") or "").split(".")[0]}
                found = names & {"pickle", "marshal", "shelve", "subprocess", "yaml"}
                assert not found or (path.name in OWN_PIPE and found <= {"pickle", "subprocess"}), path
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                own = path == CONSTRUCTORS and node.func.id == "exec"
                assert own or node.func.id not in forbidden, path
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os":
                assert node.attr not in ("system", "popen"), path


def test_what_compiles_constructors_reads_nothing_and_takes_only_names() -> None:
    tree = ast.parse(CONSTRUCTORS.read_text(encoding="utf-8"))
    imports = [n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)]
    modules = {name for n in imports for name in ([getattr(n, "module", None)] if isinstance(n, ast.ImportFrom)
                                                  else [a.name for a in n.names])}  # fmt: skip
    assert modules == {"__future__", "dataclasses", "collections.abc", "operator", "typing"}
    calls = {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
    assert not calls & {"open", "input", "eval", "compile", "__import__"}
    with pytest.raises(TypeError, match="identifiers"):
        record(type("Odd", (), {"__annotations__": {"x=print(1) or 1": int}}))


def test_imports_by_name_are_of_names_written_down() -> None:
    """Nothing in a file or a variable decides which module is loaded."""
    for path in (ROOT / "advisor").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = node.func if isinstance(node, ast.Call) else None
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            if name == "import_module":
                assert isinstance(node, ast.Call)
                first = node.args[0]
                if isinstance(first, ast.JoinedStr):
                    first = first.values[0]
                    assert str(getattr(first, "value", "")).startswith("advisor."), path
                assert isinstance(first, ast.Constant) or path.name == "main.py", path
