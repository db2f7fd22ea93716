"""Any profile: a valid one is answered within the laws, one that is wrong in any way gives one line and exit code 2."""

from __future__ import annotations

import json
import math
from copy import deepcopy
from datetime import date
from functools import cache
from typing import Any

import pytest
from answer_laws import check_answer
from hypothesis import example, given
from hypothesis import strategies as st

from advisor.domain.errors import AdvisorError, ExitCode
from advisor.domain.recommendation import Recommendation
from advisor.domain.text import plain
from advisor.profiles.read import parse_profile
from advisor.workbench import Workbench
from tests.bench_kit import usual_bench

AS_OF = date(2026, 11, 21)
MODELS = ("llama3.3-70b", "deepseek-r1", "gpt-oss-120b", "qwen3-32b", "kimi-k2.5", "mixtral-8x7b", "llama3.1-405b")
PARTS = ("h100", "h200", "h20", "b200", "b300", "gb200", "gb300", "mi300x", "mi325x", "mi350x", "mi355x")
COUNTRIES = ("US", "DE", "CN", "AE", "India", "RU", "Singapore", "JP", "SA", "GB", "IR", "Brazil", "MO")
WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


@cache
def bench() -> Workbench:
    return usual_bench()


def spread(low: float, high: float) -> st.SearchStrategy[float]:
    """Numbers over many powers of ten, the ends included."""
    exponents = st.floats(math.log(low), math.log(high), allow_nan=False)
    return exponents.map(lambda x: min(high, max(low, float(f"{math.exp(x):.4g}"))))


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A section of which any key may be absent."""
    return st.fixed_dictionaries({}, optional=fields)


@st.composite
def models(draw: st.DrawFn) -> dict[str, Any]:
    out: dict[str, Any] = {}
    if draw(st.integers(0, 4)):
        out["id"] = draw(st.sampled_from(MODELS))
    else:
        total, layers = draw(spread(0.1, 3000)), draw(st.integers(1, 200))
        windowed = draw(st.integers(0, layers))
        custom = {
            "name": draw(WORDS), "params_total_b": total, "layers": layers, "hidden": draw(st.integers(64, 32_768)),
            "heads": draw(st.integers(1, 256)), "kv_heads": draw(st.integers(1, 128)),
            "head_dim": draw(st.sampled_from((64, 128, 192, 256))), "max_context": draw(st.integers(1000, 2_000_000)),
        }  # fmt: skip
        if draw(st.booleans()):
            custom |= {"experts": 128, "experts_per_token": draw(st.integers(1, 128)), "moe_intermediate": 1024}
            custom["params_active_b"] = total * draw(st.floats(0.01, 1))
        if draw(st.booleans()):
            custom |= {"kv_lora_rank": 512, "qk_rope_head_dim": 64}
        if windowed and draw(st.booleans()):
            custom |= {"window": draw(st.integers(1, 100_000)), "windowed_layers": windowed}
        out["custom"] = custom
    if draw(st.booleans()):
        out["precisions"] = draw(st.lists(st.sampled_from(("bf16", "fp8", "fp4", "int4")), min_size=1, unique=True))
    if draw(st.booleans()):
        out["kv_cache_precision"] = draw(st.sampled_from(("bf16", "fp8")))
    return out


@st.composite
def traffics(draw: st.DrawFn) -> dict[str, Any]:
    def lengths(high: float) -> Any:
        median = draw(spread(1, high))
        return median if draw(st.booleans()) else {"p50": median, "p95": median * draw(st.floats(1, 10))}

    out: dict[str, Any] = {"isl": lengths(200_000), "osl": lengths(20_000)}
    if draw(st.booleans()):
        out["peak_concurrency"] = draw(spread(0.01, 100_000))
    else:
        out["peak_requests_per_s"] = draw(spread(0.001, 5_000))
    return out | draw(
        some(
            average_to_peak=st.floats(0.001, 1), hours_per_day=st.floats(0.1, 24), days_per_week=st.floats(0.1, 7),
            growth_per_year=st.floats(-0.9, 5), prefix_cache_hit_rate=st.floats(0, 0.99),
            burst_headroom=st.floats(0, 5),
        )
    )  # fmt: skip


SLOS = some(
    ttft_ms=spread(20, 100_000), tpot_ms=spread(2, 1000), e2e_ms=spread(200_000, 10_000_000),
    percentile=st.sampled_from((50, 90, 95, 99)), availability=st.floats(0.5, 0.999999),
)  # fmt: skip
QUOTES = st.fixed_dictionaries(
    {"accelerator": st.sampled_from(PARTS), "usd": spread(0.01, 100)},
    optional={"kind": st.sampled_from(("rent", "buy")), "commitment": st.sampled_from(("any", "on_demand", "spot")),
              "provider": WORDS, "as_of": st.just("2026-10-01")},
)  # fmt: skip
SECTIONS = {
    "team": some(
        rocm_experience=st.sampled_from(("none", "some", "expert")), cuda_experience=st.sampled_from(("none", "some")),
        engineer_usd_per_year=spread(1, 1e7), custom_kernels=st.booleans(), lora=st.booleans(),
        disaggregation=st.booleans(), multimodal=st.booleans(),
        engines=st.lists(st.sampled_from(("vllm", "x")), max_size=2),
        rocm_extra_engineers=spread(0.001, 1000), rocm_migration_weeks=spread(0.01, 1000),
    ),
    "place": some(
        country=st.sampled_from(COUNTRIES), headquarters_country=st.sampled_from(COUNTRIES),
        data_residency=st.lists(st.sampled_from(COUNTRIES), max_size=3), exclude_us_providers=st.booleans(),
        end_user_countries=st.lists(st.sampled_from(COUNTRIES), max_size=3), export_from=st.sampled_from(COUNTRIES),
    ),
    "procurement": some(
        mode=st.sampled_from(("rent", "buy", "either")), horizon_months=st.integers(1, 120),
        commitment=st.sampled_from(("any", "spot", "on_demand", "reserved_1y", "reserved_3y")),
        seller=st.sampled_from(("any", "neocloud", "hyperscaler")), volume_discount=st.floats(0, 0.99),
        quotes=st.lists(QUOTES, max_size=3), cost_of_capital=st.floats(0, 1), budget_usd_per_month=spread(1, 1e9),
        depreciation_years=st.floats(0.1, 15), start_date=st.sampled_from(("2026-11-22", "2027-06-01", "2020-01-01")),
        hosted_api=st.just({"provider": "api", "usd_per_mtok_input": 0.1, "usd_per_mtok_output": 0.4}),
    ),
    "site": some(
        power_kw=spread(0.1, 1e6), rack_kw=spread(1, 500), liquid_cooling=st.booleans(), pue=st.floats(1, 4),
        power_usd_per_kwh=spread(0.001, 10),
    ),
    "overrides": some(throughput_factor=st.dictionaries(st.sampled_from(PARTS), spread(0.01, 100), max_size=2)),
}  # fmt: skip


@st.composite
def profiles(draw: st.DrawFn) -> dict[str, Any]:
    """A profile that is valid by its form."""
    out: dict[str, Any] = {"name": draw(WORDS)}
    if draw(st.integers(0, 3)):
        out |= {"model": draw(models()), "traffic": draw(traffics()), "slo": draw(SLOS)}
    else:
        out["workloads"] = [
            {"name": f"tier {i}", "model": draw(models()), "traffic": draw(traffics()), "slo": draw(SLOS)}
            for i in range(draw(st.integers(1, 3)))
        ]
    for name, section in SECTIONS.items():
        if draw(st.booleans()):
            out[name] = draw(section)
    if draw(st.booleans()):
        out["candidates"] = draw(st.lists(st.sampled_from(PARTS), min_size=1, max_size=4, unique=True))
    if draw(st.booleans()):
        out["risk_appetite"] = draw(st.sampled_from(("averse", "neutral", "seeking")))
    return out


def outcome(text: str) -> tuple[ExitCode, Recommendation | None, str]:
    """What a run of the program would end in: exit code, answer, and the one line of an error."""
    try:
        profile = parse_profile(text, "fuzz.json", is_json=True)
        tree = bench().advise(profile, draws=120, seed=1)
    except AdvisorError as error:
        return error.exit_code, None, str(error)
    return (ExitCode.INFEASIBLE if tree.verdict.kind == "infeasible" else ExitCode.OK), tree, ""


PLAIN = {"isl": 1000, "osl": 200, "peak_concurrency": 8}
DISAGGREGATED = {"name": "x", "model": {"id": "deepseek-r1"}, "traffic": PLAIN, "team": {"disaggregation": True}}
"""Met configurations whose tensor parallelism no source states."""


@given(profiles())
@example(DISAGGREGATED)
def test_a_valid_profile_is_answered_within_the_laws(data: dict[str, Any]) -> None:
    is_answered_within_the_laws(json.dumps(data))


@cache  # some examples are drawn twice
def is_answered_within_the_laws(text: str) -> None:
    code, tree, message = outcome(text)
    assert code in (ExitCode.OK, ExitCode.INFEASIBLE), message
    assert tree is not None
    check_answer(tree)


def paths(node: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document."""
    inside = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [at, *(p for key, value in inside for p in paths(value, (*at, key)))]


WRONG = st.one_of(
    st.sampled_from(
        [None, True, -1, 0, 1e308, -1e308, float("nan"), float("inf"), "", "nonsense", "\x1b[31m", "=1+1", [], {}, [[]],
         {"a": {"b": 1}}, 10**30, "2026-13-45", "US", "\u202e", 0.5, [None]]
    ),
    WORDS, st.integers(), st.floats(),
)  # fmt: skip


@given(profiles(), st.data())
def test_a_wrong_profile_is_one_line_and_exit_code_two(data: dict[str, Any], more: st.DataObject) -> None:
    data = deepcopy(data)  # parts of it belong to the strategy
    for _ in range(more.draw(st.integers(1, 3))):
        place = more.draw(st.sampled_from(paths(data)))
        if not place:
            data[more.draw(WORDS)] = more.draw(WRONG)
            continue
        node: Any = data
        for key in place[:-1]:
            node = node[key]
        match more.draw(st.sampled_from(("replace", "remove", "add"))):
            case "remove" if isinstance(node, dict):
                del node[place[-1]]
            case "add" if isinstance(node[place[-1]], dict):
                node[place[-1]][more.draw(WORDS)] = more.draw(WRONG)
            case _:
                node[place[-1]] = more.draw(WRONG)
    is_refused_or_answered(json.dumps(data))


@cache
def is_refused_or_answered(text: str) -> None:
    code, tree, message = outcome(text)
    if tree is not None:
        assert code in (ExitCode.OK, ExitCode.INFEASIBLE)
        check_answer(tree)
        return
    assert code == ExitCode.WRONG_INPUT, message
    shown = plain(message)  # as it goes to stderr
    assert shown
    assert "\n" not in shown
    assert len(shown) < 2000


@given(st.one_of(st.text(max_size=200), st.binary(max_size=200).map(lambda b: b.decode("latin-1"))), st.booleans())
@example("[" * 5000, True)
@example("a = " + "[" * 5000, False)
@example('{"a":1,"a":2}', True)
@example("a" * 100 + ".b" * 500 + " = 1", False)
def test_text_of_any_kind_is_no_crash(content: str, is_json: bool) -> None:
    with pytest.raises(AdvisorError) as caught:
        parse_profile(content, "fuzz", is_json=is_json)
    assert caught.value.exit_code == ExitCode.WRONG_INPUT


def test_parameters_too_few_to_reckon_with_are_wrong_input() -> None:
    custom = {"name": "x", "params_total_b": 1.0, "params_active_b": 1e-308, "layers": 1, "hidden": 64, "heads": 1}
    code, _, message = outcome(json.dumps({"name": "x", "model": {"custom": custom}, "traffic": PLAIN}))
    assert code == ExitCode.WRONG_INPUT
    assert "params_active_b" in message
