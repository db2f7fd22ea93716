"""Every way to get a profile wrong ends in exit code 2 and one line that says what, where and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from advisor.cli.main import main

BASE = """
name = "x"
[model]
id = "llama3.3-70b"
[traffic]
isl = 1000
osl = 200
peak_concurrency = 64
"""


def swapped(old: str, new: str) -> str:
    assert old in BASE
    return BASE.replace(old, new)


def added(text: str) -> str:
    return BASE + text


CASES: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "empty"),
    "blank": ("  \n\t\n", "empty"),
    "binary": (bytes(range(256)) * 4, "UTF-8"),
    "nul": ("name = 'x'\0", "NUL"),
    "utf-16": (BASE.encode("utf-16"), "UTF-16 text; save it as UTF-8"),
    "latin-1": ("name = 'caf\xe9'".encode("latin-1"), "UTF-8"),
    "no-toml": ("{ this is not toml", "TOML"),
    "duplicate-key": ('name = "a"\nname = "b"\n', "TOML"),
    "duplicate-table": (added("[traffic]\nisl = 3\n"), "TOML"),
    "top-level-list.json": ("[1, 2]", "top level"),
    "bad-json.json": ('{"name": "x",}', "JSON"),
    "duplicate-json-key.json": ('{"name": "x", "name": "y"}', "twice"),
    "nan.json": ('{"name": "x", "model": {"id": "a"}, "traffic": {"isl": NaN, "osl": 1}}', "NaN"),
    "infinite.json": ('{"name": "x", "traffic": {"isl": Infinity}}', "Infinity"),
    "deep.json": ('{"a":' * 5000 + "1" + "}" * 5000, "nested"),
    "deep-lists.json": ("[" * 100_000, "nested"),
    "deep.toml": ("a = " + "[" * 60 + "]" * 60, "nested"),
    "only-name": ('name = "x"', "model and traffic"),
    "empty-name": (swapped('name = "x"', 'name = ""'), "name: must have at least 1 character"),
    "no-traffic": ('name = "x"\n[model]\nid = "llama3.3-70b"\n', "traffic missing"),
    "unknown-key": (swapped("isl = 1000", "isl = 1000\nprefix_cache_rate = 0.1"), "prefix_cache_hit_rate"),
    "unknown-table": (added("[sloo]\nttft_ms = 1\n"), "slo"),
    "string-number": (swapped("isl = 1000", 'isl = "many"'), "traffic.isl: must be a number of tokens, or a table"),
    "negative-length": (swapped("isl = 1000", "isl = -5"), "traffic.isl"),
    "zero-length": (swapped("osl = 200", "osl = 0"), "traffic.osl"),
    "huge-length": (swapped("isl = 1000", "isl = 1e30"), "given a number of 31 digits"),
    "huge-integer": (swapped("isl = 1000", "isl = 1" + "0" * 5000), "thousands of digits"),
    "nan-length": (swapped("isl = 1000", "isl = nan"), "traffic.isl"),
    "infinite-length": (swapped("isl = 1000", "isl = inf"), "traffic.isl"),
    "negative-concurrency": (swapped("= 64", "= -1"), "peak_concurrency"),
    "two-peaks": (added("peak_requests_per_s = 3\n"), "both are given"),
    "no-peak": (swapped("peak_concurrency = 64", ""), "neither is given"),
    "percentiles-crossed": (swapped("isl = 1000", "isl = { p50 = 900, p95 = 100 }"), "below p50"),
    "half-percentiles": (swapped("isl = 1000", "isl = { p50 = 900 }"), "both p50 and p95"),
    "hit-rate-above-one": (added("prefix_cache_hit_rate = 1.5\n"), "prefix_cache_hit_rate"),
    "hours": (added("hours_per_day = 25\n"), "hours_per_day"),
    "unknown-model": (swapped("llama3.3-70b", "llama3.3-71b"), "llama3.3-70b"),
    "two-models": (swapped('id = "llama3.3-70b"', 'id = "a"\nconfig_json = "b"'), "exactly one"),
    "missing-config": (swapped('id = "llama3.3-70b"', 'config_json = "nowhere.json"'), "no such file"),
    "bad-precision": (swapped('id = "llama3.3-70b"', 'id = "llama3.3-70b"\nprecisions = ["fp7"]'), "precisions"),
    "no-precision": (
        swapped('id = "llama3.3-70b"', 'id = "llama3.3-70b"\nprecisions = []'), "must have at least 1 entry (given [])",
    ),
    "custom-active": (
        swapped('id = "llama3.3-70b"', "[model.custom]\nname = 'c'\nparams_total_b = 7\nparams_active_b = 9\n"
                "layers = 2\nhidden = 8\nheads = 2"),
        "exceeds params_total_b",
    ),
    "unknown-country": (added('[place]\ncountry = "Atlantis"\n'), "Atlantis"),
    "near-country": (added('[place]\ncountry = "Germny"\n'), "Germany"),
    "contradictory-slo": (added("[slo]\ntpot_ms = 500\ne2e_ms = 100\n"), "no request could meet both"),
    "percentile": (added("[slo]\nttft_ms = 100\npercentile = 42\n"), "percentile"),
    "availability": (added("[slo]\navailability = 1.0\n"), "availability"),
    "unknown-accelerator": ('candidates = ["mi355"]\n' + BASE, "mi355x"),
    "training": ('task = "training"\n' + BASE, "inference only"),
    "negative-budget": (added("[procurement]\nbudget_usd_per_month = -3\n"), "budget_usd_per_month"),
    "bad-date": (added("[procurement]\nstart_date = 'soon'\n"), "start_date"),
    "pue": (added("[site]\npue = 0.5\n"), "site.pue"),
    "both-shapes": (added('[[workloads]]\nname = "a"\n'), "workloads"),
    "boolean-number": (swapped("isl = 1000", "isl = true"), "traffic.isl"),
    "array-name": (swapped('name = "x"', 'name = ["x"]'), "name"),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(CASES))
def test_one_clear_line_and_exit_code_two(case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content, expected = CASES[case]
    path = tmp_path / (case if "." in case else f"{case}.toml")
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert main(["--profile", str(path)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1, err
    assert err.startswith("advisor: error: ")
    assert "Traceback" not in err
    for word in ("input should", "tuple", "dictionary", "instance of", "valid boolean", "e+"):  # the checker's own
        assert word not in err.lower()
    assert expected.casefold() in err.casefold()
    assert len(err) < 1000


def test_validate_lists_every_fault_one_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "p.toml"
    wrong = '[site]\npue = 0.5\nrack_kw = 1e23\nliquid_cooling = "maybe"\n[slo]\npercentile = 42\n'
    wrong += '[place]\ndata_residency = "DE"\n[team]\nengineers = "x"\nlora = 3\n'
    path.write_text(added(wrong), encoding="utf-8")
    assert main(["--profile", str(path)]) == 2
    assert "and 2 more, which `advisor profile validate` lists" in capsys.readouterr().err
    assert main(["profile", "validate", str(path)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert sorted(line.removeprefix("advisor: error: p.toml: ") for line in lines) == [
        'place.data_residency: must be a list, as [...] (given "DE")',
        "site.liquid_cooling: must be true or false (given \"maybe\")",
        "site.pue: must not be less than 1 (given 0.5)",
        "site.rack_kw: must not be greater than 1,000,000,000,000 (given a number of 24 digits)",
        "slo.percentile: must be 50, 90, 95 or 99 (given 42)",
        "team.engineers: must be a number (given \"x\")",
        "team.lora: must be true or false (given 3)",
    ]


def test_fifty_megabytes_are_refused_unread(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "huge.toml"
    with path.open("wb") as file:
        file.truncate(50_000_000)
    assert main(["--profile", str(path)]) == 2
    assert "50 MB" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "expected"),
    [("nowhere.toml", "no such file"), ("renewal-100-gpu", "renewal-100-gpus"), ("a\0b", "NUL"), (".", "folder")],
)
def test_a_profile_that_is_not_there(name: str, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--profile", name]) == 2
    assert expected in capsys.readouterr().err


def test_a_profile_without_a_name_is_called_as_its_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only model and traffic are required."""
    path = tmp_path / "chat for the shop.toml"
    path.write_text(swapped('name = "x"', ""), encoding="utf-8")
    assert main(["profile", "validate", str(path)]) == 0
    assert "chat for the shop" in capsys.readouterr().out


def test_there_are_at_least_forty() -> None:
    assert len(CASES) >= 40


MISSPELT = {
    "quote": (added('[[procurement.quotes]]\naccelerator = "b2000"\nusd = 3.0\n'), "b200"),
    "factor": (added("[overrides.throughput_factor]\nB200 = 0.9\n"), "b200"),
    "likelihood": (added("[overrides.risk_likelihood]\nteams = 0.4\n"), "team"),
    "effect": (added("[overrides.risk_effect_usd]\nnonsuch = 4\n"), "known: accuracy_regression"),
    "engine": (added('[team]\nengines = ["vlm"]\n'), "vllm"),
    "candidate": ('candidates = ["b20"]\n' + BASE, "b200"),
}


@pytest.mark.parametrize("name", MISSPELT)
def test_a_misspelt_name_is_not_passed_over(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A quote for a part that does not exist would else leave the catalog's price standing in silence."""
    text, expected = MISSPELT[name]
    path = tmp_path / "p.toml"
    path.write_text(text, encoding="utf-8")
    assert main(["--profile", str(path), "--no-user-data", "--draws", "100"]) == 2
    message = capsys.readouterr().err
    assert expected in message
    assert message.count("\n") == 1


def test_a_candidate_named_twice_counts_once_and_an_engine_of_ones_own_is_fine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "p.toml"
    path.write_text('candidates = ["b200", "B200"]\n' + BASE + '[team]\nengines = ["lmdeploy"]\n', encoding="utf-8")
    assert main(["--profile", str(path), "--no-user-data", "--draws", "100", "--format", "json"]) == 0
    assert capsys.readouterr().out.count('"expected_regret_usd_per_month"') == 1


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_a_day_beyond_reason_is_refused(day: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "p.toml"
    path.write_text(BASE, encoding="utf-8")
    assert main(["--profile", str(path), "--as-of", day]) == 2
    assert "2000 to 2100" in capsys.readouterr().err
