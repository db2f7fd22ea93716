"""Editing a profile's text: comments stay, every edit can be taken back, values are read as people type them."""

from __future__ import annotations

from pathlib import Path

import pytest

from advisor.domain.errors import ProfileError
from advisor.profiles.locate import list_profiles
from advisor.profiles.read import parse_document
from advisor.tui.document import ProfileDocument
from advisor.tui.drafts import Drafts
from advisor.tui.fields import FieldSpec, humanise, sections_of
from advisor.tui.values import from_text, to_text

TEXT = """\
# why we ask
name = "Chat"  # shown everywhere

[model]
id = "llama3.3-70b"   # the 70B

[traffic]
isl = 2000   # prompt and context
osl = 500
peak_concurrency = 100
"""


def document(text: str = TEXT) -> ProfileDocument:
    return ProfileDocument(text, name="chat", path=None)


def test_an_edit_changes_its_line_and_nothing_else() -> None:
    d = document()
    d.set(("traffic", "osl"), 700)
    assert d.text == TEXT.replace("osl = 500", "osl = 700")
    assert d.dirty


def test_a_new_field_joins_its_table_and_comments_stay() -> None:
    d = document()
    d.set(("slo", "ttft_ms"), 800)
    d.set(("traffic", "growth_per_year"), 0.3)
    assert "# why we ask" in d.text
    assert "# prompt and context" in d.text
    assert d.validate()[0].slo.ttft_ms == 800  # type: ignore[union-attr]
    assert "\n\n[slo]\n" in d.text


def test_percentiles_join_a_plain_length() -> None:
    d = document()
    d.set(("traffic", "isl", "p50"), 1500)
    d.set(("traffic", "isl", "p95"), 6000)
    profile, problems = d.validate()
    assert problems == ()
    assert profile is not None
    assert (profile.traffic.isl.mean, profile.traffic.isl.p50, profile.traffic.isl.p95) == (2000, 1500, 6000)  # type: ignore[union-attr]
    assert d.get(("traffic", "isl", "mean")) == 2000


def test_of_two_peaks_the_new_one_stays() -> None:
    d = document()
    assert d.set(("traffic", "peak_requests_per_s"), 12.5) == (("traffic", "peak_concurrency"),)
    assert d.get(("traffic", "peak_concurrency")) is None
    assert d.validate()[1] == ()


def test_keystrokes_in_one_field_are_one_step_and_undo_restores_the_very_text() -> None:
    d = document()
    for value in (7, 70, 700):
        d.set(("traffic", "osl"), value)
    d.seal()
    d.set(("traffic", "osl"), 900)
    assert d.undo()
    assert d.get(("traffic", "osl")) == 700
    assert d.undo()
    assert d.text == TEXT
    assert not d.undo()
    assert d.redo()
    assert d.redo()
    assert d.get(("traffic", "osl")) == 900


def test_unset_brings_the_default_back_and_drops_an_empty_table() -> None:
    d = document(TEXT + "\n[slo]\nttft_ms = 900\n")
    d.unset(("slo", "ttft_ms"))
    assert d.get(("slo",)) is None


def test_quotes_are_added_and_removed() -> None:
    d = document()
    assert d.append(("procurement", "quotes"), {"accelerator": "mi355x", "usd": 2.1}) == 0
    assert d.append(("procurement", "quotes"), {"accelerator": "b200", "usd": 3.9}) == 1
    assert [s.title for s in sections_of(d) if s.title.startswith("Quote")] == ["Quote 1", "Quote 2"]
    d.unset(("procurement", "quotes", 0))
    assert d.validate()[0].procurement.quotes[0].accelerator == "b200"  # type: ignore[union-attr]


def test_a_quote_joins_a_list_that_is_written_in_a_line() -> None:
    d = document(TEXT + "\n[procurement]\nquotes = []\n")
    d.append(("procurement", "quotes"), {"accelerator": "mi355x", "usd": 2.1})
    d.append(("procurement", "quotes"), {"accelerator": "b200", "usd": 3.9})
    assert [q["accelerator"] for q in d.get(("procurement", "quotes"))] == ["mi355x", "b200"]
    d.unset(("procurement", "quotes", 0))
    d.unset(("procurement", "quotes", 0))
    assert d.get(("procurement",)) is None


def test_a_problem_stands_at_its_field() -> None:
    d = document()
    d.set(("slo", "percentile"), 42)
    _, problems = d.validate()
    assert [p.key for p in problems] == [("slo", "percentile")]


@pytest.mark.parametrize("entry", list_profiles(), ids=lambda e: e.name)
def test_every_bundled_profile_survives_an_edit_and_its_undo(entry: object) -> None:
    d = ProfileDocument.open(entry.path)  # type: ignore[attr-defined]
    before = d.text
    d.set(("team", "engineers"), 17)
    d.append(("procurement", "quotes"), {"accelerator": "b200", "usd": 3.0})
    profile, problems = d.validate()
    assert problems == ()
    assert profile is not None
    assert profile.team.engineers == 17
    comments = [line for line in before.splitlines() if line.startswith("#")]
    assert all(c in d.text for c in comments)
    while d.undo():
        pass
    assert d.text == before


def test_json_profiles_stay_json(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text('{"name": "x", "model": {"id": "m"}, "traffic": {"isl": 1, "osl": 1, "peak_concurrency": 1}}')
    d = ProfileDocument.open(path)
    d.set(("slo", "ttft_ms"), 500)
    d.save()
    assert parse_document(path.read_text(), "p", is_json=True)["slo"] == {"ttft_ms": 500}


def spec(kind: str, **more: object) -> FieldSpec:
    return FieldSpec(("x",), "X", "", kind, "", None, False, True, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("typed", "value"),
    [("2000", 2000), ("2k", 2000), ("1.5M", 1_500_000), ("3,200", 3200), ("1e3", 1000.0), ("$2.50", 2.5), ("", None)],
)
def test_numbers_as_people_type_them(typed: str, value: object) -> None:
    assert from_text(spec("number"), typed) == value


def test_shares_are_typed_in_percent() -> None:
    share = spec("number", as_share=True)
    assert from_text(share, "55") == 0.55
    assert from_text(share, "55 %") == 0.55
    assert to_text(share, 0.07) == "7"


def test_a_number_by_name_may_be_in_percent() -> None:
    assert from_text(spec("mapping"), "mi355x = 90 %, h200=1.1") == {"mi355x": 0.9, "h200": 1.1}


@pytest.mark.parametrize(
    ("field", "typed", "says"),
    [
        (spec("number"), "abc", "is no number"),
        (spec("number"), "1e400", "is no number"),
        (spec("whole"), "nan", "is no number"),
        (spec("number", as_share=True), "inf", "is no number"),
        (spec("number"), "5 %", "not a share"),
        (spec("whole"), "2.5", "whole number"),
        (spec("toggle"), "maybe", "yes or no"),
        (spec("date"), "19.12.2026", "2026-12-19"),
        (spec("choice", choices=("rent", "buy")), "steal", "choose rent, buy"),
        (spec("names", choices=("fp8", "fp4")), "fp8, fp2", '"fp2" is not one of'),
        (spec("mapping"), "mi355x 0.9", "name = number"),
        (spec("mapping"), "mi355x = inf", "name = number"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(field: FieldSpec, typed: str, says: str) -> None:
    with pytest.raises(ValueError, match=says.replace("(", r"\(")):
        from_text(field, typed)


def test_limits_are_written_in_full() -> None:
    specs = {spec.path: spec for section in sections_of(document()) for spec in section.fields}
    assert specs["traffic.peak_concurrency"].limits == "> 0, ≤ 10,000,000"
    assert not [spec.path for spec in specs.values() if "e+" in spec.limits]


def test_labels() -> None:
    assert humanise("ttft_ms") == "TTFT"
    assert humanise("rocm_experience") == "ROCm experience"


def test_drafts_survive_and_are_forgotten_once_saved(tmp_path: Path) -> None:
    drafts, path = Drafts(tmp_path / "d"), tmp_path / "p.toml"
    path.write_text(TEXT)
    d = ProfileDocument.open(path)
    d.set(("traffic", "osl"), 700)
    assert drafts.keep(d)
    again = ProfileDocument.open(path)
    assert drafts.restore(again)
    assert again.get(("traffic", "osl")) == 700
    assert again.undo()
    assert again.text == TEXT
    again.redo()
    again.save()
    assert not drafts.keep(again)
    assert not drafts.restore(ProfileDocument.open(path))


def test_a_file_that_is_no_profile_is_refused_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text("name = ")
    with pytest.raises(ProfileError, match="not valid TOML"):
        ProfileDocument.open(path)
