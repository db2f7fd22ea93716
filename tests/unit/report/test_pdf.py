"""The PDF: sound, tagged, the same bytes, its text that of the tree; other scripts and other paper too."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from advisor.domain.errors import InputError
from advisor.domain.recommendation import Recommendation
from advisor.report import render_report

pytest.importorskip("typst", reason="no typst wheel for this platform")


def needs(tool: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(tool) is None, reason=f"{tool} is not installed")


def pdf_of(tree: Recommendation, paper: str = "a4") -> bytes:
    out = render_report(tree, "pdf", paper=paper)
    assert isinstance(out, bytes)
    return out


def ask(tool: str, path: Path, *options: str, after: tuple[str, ...] = ()) -> str:
    done = subprocess.run([tool, *options, str(path), *after], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def words_of(path: Path) -> str:
    return " ".join(ask("pdftotext", path, "-layout", after=("-",)).split())


@pytest.fixture(scope="module")
def file(renewal: Recommendation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pdf") / "renewal.pdf"
    path.write_bytes(pdf_of(renewal))
    return path


def test_same_tree_same_bytes(renewal: Recommendation, file: Path) -> None:
    assert pdf_of(renewal.model_copy(deep=True)) == file.read_bytes()


@needs("qpdf")
def test_structure_is_sound(file: Path) -> None:
    ask("qpdf", file, "--check")


@needs("pdffonts")
def test_fonts_are_embedded(file: Path) -> None:
    lines = ask("pdffonts", file).splitlines()[2:]
    assert any("SourceSans3" in line for line in lines)
    assert all(line.split()[-5] == "yes" for line in lines)


@needs("pdfinfo")
def test_tagged_titled_and_dated(renewal: Recommendation, file: Path) -> None:
    told = dict(line.split(":", 1) for line in ask("pdfinfo", file).splitlines() if ":" in line)
    assert told["Title"].strip() == renewal.profile.name
    assert told["Tagged"].strip() == "yes"
    assert "2026" in told["CreationDate"]
    raw = file.read_bytes()
    assert b"/Lang" in raw
    assert b"/Outlines" in raw
    assert b"pdfuaid" in raw


@needs("pdftotext")
def test_text_is_that_of_the_tree(renewal: Recommendation, file: Path) -> None:
    words = words_of(file)
    page_one = " ".join(ask("pdftotext", file, "-l", "1", after=("-",)).split())
    assert renewal.verdict.headline in page_one
    for c in renewal.candidates:
        assert c.accelerator.upper() in words
        assert c.cost is not None
        assert f"{c.cost.usd_per_month.p50:,.0f}" in words
    best = renewal.candidates[0].cost
    assert best is not None
    assert f"USD {best.usd_per_month.p50:,.0f}" in page_one
    assert f"{best.point_usd_per_month:,.0f}" in words
    assert f"USD {best.npv_usd:,.0f}" in words
    assert "What to do on Monday" in page_one
    assert renewal.catalog_fingerprint in words.replace(" ", "")


@needs("pdftotext")
def test_hostile_text_is_set_as_text(hostile: Recommendation, tmp_path: Path) -> None:
    path = tmp_path / "hostile.pdf"
    path.write_bytes(pdf_of(hostile))
    words = words_of(path)
    for text in ("#panic()", "<script>alert(1)</script>", "\\input{/etc/passwd}", "**bold**", "#set page(fill: red)"):
        assert text in words
    assert "\x1b" not in words
    assert b"/JavaScript" not in path.read_bytes()
    assert b"/URI" not in path.read_bytes()


@pytest.mark.parametrize(("paper", "size"), [("a4", (595.28, 841.89)), ("letter", (612.0, 792.0))])
def test_paper(renewal: Recommendation, paper: str, size: tuple[float, float]) -> None:
    boxes = re.findall(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)\s*\]", pdf_of(renewal, paper))
    assert boxes
    for width, height in boxes:
        assert (float(width), float(height)) == pytest.approx(size, abs=0.05)


@needs("pdftotext")
@pytest.mark.parametrize("name", ["東京電力のクラスタ", "한국전력 추론", "Ελλάς και Россия", "Zażółć gęślą jaźń"])
def test_names_in_other_scripts(
    renewal: Recommendation, variant: Callable[..., Recommendation], tmp_path: Path, name: str
) -> None:
    path = tmp_path / "name.pdf"
    path.write_bytes(pdf_of(variant(renewal, profile={"name": name})))
    assert name in words_of(path)
    assert b"pdfuaid" in path.read_bytes()


def test_a_glyph_that_no_font_has_costs_the_standard_not_the_report(
    renewal: Recommendation, variant: Callable[..., Recommendation], caplog: pytest.LogCaptureFixture
) -> None:
    made = pdf_of(variant(renewal, profile={"name": "Ugaritic 𐎀𐎁𐎂"}))
    assert made.startswith(b"%PDF-")
    if b"pdfuaid" not in made:
        assert "in none of the fonts" in caplog.text


@needs("pdftotext")
def test_a_word_without_a_place_to_break_stays_on_the_page(
    renewal: Recommendation, variant: Callable[..., Recommendation], tmp_path: Path
) -> None:
    path, name = tmp_path / "long.pdf", "one_word_" * 22
    slo = renewal.profile.slo.model_copy(update={"justification": "x" * 900})
    path.write_bytes(pdf_of(variant(renewal, profile={"name": name, "slo": slo})))
    boxes = ask("pdftotext", path, "-bbox", after=("-",))
    assert max(map(float, re.findall(r'xMax="([\d.]+)"', boxes))) < 595.28 - 50
    assert name in "".join(words_of(path).replace("\u200b", "").split())


@pytest.mark.parametrize("many", [1, 3, 20])
def test_one_candidate_or_twenty(renewal: Recommendation, many: int) -> None:
    base = renewal.candidates
    made = tuple(base[i % len(base)].model_copy(update={"accelerator": f"part{i}", "rank": i + 1}) for i in range(many))
    verdict = renewal.verdict.model_copy(update={"runner_up": None})
    tree = renewal.model_copy(update={"candidates": made, "verdict": verdict, "decision": None})
    assert pdf_of(tree).startswith(b"%PDF-")


def test_without_typst_markdown_is_offered(renewal: Recommendation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(InputError, match="--format markdown"):
        render_report(renewal, "pdf")


def test_light_until_a_pdf_is_made() -> None:
    code = (
        "import sys, advisor.report, advisor.report.build, advisor.report.markdown, advisor.report.html\n"
        "print([m for m in ('typst', 'numpy', 'pandas', 'textual', 'httpx') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_unknown_form_or_paper_is_named(renewal: Recommendation) -> None:
    with pytest.raises(InputError, match="'docx'"):
        render_report(renewal, "docx")
    with pytest.raises(InputError, match="'a3'"):
        render_report(renewal, "pdf", paper="a3")
