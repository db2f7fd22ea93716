"""The ROCm premium: the published anchor, experience, floors, features, overrules."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from advisor.catalog import Catalog, load_catalog
from advisor.catalog.resources import catalog_root
from advisor.domain.errors import CatalogError
from advisor.engine.cost.features import limited_features
from advisor.engine.cost.premium import premium_rule
from advisor.engine.paying import price_candidate
from tests.conftest import AS_OF
from tests.properties.test_decision_laws import run
from tests.sized_kit import profile_of, sized_of


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


def test_the_anchor_is_two_engineers_per_800(catalog: Catalog) -> None:
    profile = profile_of(team={"rocm_experience": "some"})
    rule = premium_rule(profile, sized_of(profile, catalog, "mi325x"), catalog, ())
    assert float(rule.engineers(800)) == pytest.approx(2.0)
    # 2 x USD 280,000 x 3 years = USD 1.68M
    assert float(rule.engineers(800)) * 280_000 * 3 == pytest.approx(1_680_000)


def test_a_small_first_cluster_pays_the_floor(catalog: Catalog) -> None:
    novice = profile_of(team={"rocm_experience": "none"})
    rule = premium_rule(novice, sized_of(novice, catalog, "mi355x"), catalog, ())
    assert float(rule.engineers(8)) == 1.5  # 8 x 0.0025 x 2 = 0.04 would be less
    assert float(rule.engineers(800)) == pytest.approx(4.0)
    assert rule.weeks == 12


def test_nvidia_carries_none_where_the_team_knows_cuda(catalog: Catalog) -> None:
    profile = profile_of(team={"rocm_experience": "none"})
    cost = price_candidate(profile, sized_of(profile, catalog, "h200"), catalog, AS_OF)
    assert cost.stack_premium is None
    stranger = profile_of(team={"cuda_experience": "none"})
    cost = price_candidate(stranger, sized_of(stranger, catalog, "h200"), catalog, AS_OF)
    assert cost.stack_premium is not None
    assert cost.stack_premium.stack == "cuda"


def test_features_add_their_surcharge(catalog: Catalog) -> None:
    profile = profile_of(team={"rocm_experience": "some", "custom_kernels": True})
    rule = premium_rule(profile, sized_of(profile, catalog, "mi355x"), catalog, (("lora", "partial", "by hand"),))
    assert rule.typical.features == pytest.approx(0.25 + 0.5)
    assert rule.weeks == pytest.approx(6 + 12)
    assert len(rule.features) == 2


def test_split_serving_is_charged_where_it_is_used_and_not_where_it_is_only_allowed(catalog: Catalog) -> None:
    profile = profile_of(team={"disaggregation": True})
    together = sized_of(profile, catalog, "mi355x")
    tier = together.tiers[0]
    split = tier.deployment.model_copy(update={"disagg": True, "gpus_per_replica": 16, "decode_gpus": 8})
    apart = replace(together, tiers=(tier.model_copy(update={"deployment": split}),), memo={})
    both = replace(together, tiers=(tier, *apart.tiers), memo={})
    names = [{f[0] for f in limited_features(profile, s, catalog)} for s in (together, apart, both)]
    assert names[1] == names[2] == names[0] | {"disagg_prefill"} != names[0]


@pytest.mark.parametrize(("part", "engine"), [("h100", "vllm"), ("mi300x", "vllm"), ("mi325x", "vllm")])
def test_a_format_at_which_others_ran_the_model_there_is_not_charged(catalog: Catalog, part: str, engine: str) -> None:
    """GPT-OSS 120B in vLLM on H100 was measured at FP4 and yet charged a quarter of an engineer, as
    a row calls FP4 there partial; in TensorRT-LLM on H200, of which no row speaks, measurements passed for support."""
    charged = {}
    for name in ("gpt-oss-120b", "gpt-oss-20b"):  # of the smaller one nobody published a run
        asked = profile_of(model={"id": name, "precisions": ["fp4"]})
        sized = sized_of(asked, catalog, part, engine=engine)
        tier = sized.tiers[0].model_copy(
            update={"deployment": sized.tiers[0].deployment.model_copy(update={"precision": "fp4"})}
        )
        sized = replace(sized, tiers=(tier,), memo={})
        charged[name] = {feature for feature, _, _ in limited_features(asked, sized, catalog)}
    assert charged == {"gpt-oss-120b": set(), "gpt-oss-20b": {"fp4"}}


@pytest.mark.parametrize("late", [True, False])
def test_a_run_of_a_later_day_spares_no_engineer(tmp_path: Path, late: bool) -> None:
    """The gate beside it left such runs out at `--as-of`; the surcharge took them for known."""
    day = date(2026, 11, 20)
    (tmp_path / "evidence").mkdir()
    lines = (catalog_root() / "evidence" / "serving.csv").read_text(encoding="utf-8").splitlines()
    columns, row = lines[0].split(","), next(line for line in lines if ",mi300x,kimik2.5,int4,vllm," in line)
    cells = dict(zip(columns, row.split(","), strict=True))
    cells |= {"row_id": "own", "precision": "fp4", "family": "single_run", "date": day.isoformat()}
    (tmp_path / "evidence" / "serving.csv").write_text(
        f"{lines[0]}\n{','.join(cells.values())}\n", encoding="utf-8"
    )
    catalog = load_catalog([tmp_path], known_by=day - timedelta(days=late))
    asked = profile_of(model={"id": "kimi-k2.5", "precisions": ["fp4"]})
    sized = sized_of(asked, catalog, "mi300x", engine="vllm")
    (tier,) = sized.tiers
    four_bit = tier.deployment.model_copy(update={"precision": "fp4"})
    sized = replace(sized, tiers=(tier.model_copy(update={"deployment": four_bit}),), memo={})
    charged = {feature for feature, _, _ in limited_features(asked, sized, catalog)}
    assert ("fp4" in charged) is late


def test_the_user_overrules_headcount_and_weeks(catalog: Catalog) -> None:
    profile = profile_of(
        team={"rocm_experience": "none", "rocm_extra_engineers": 3, "rocm_migration_weeks": 0,
              "engineer_usd_per_year": 120_000},
    )  # fmt: skip
    cost = price_candidate(profile, sized_of(profile, catalog, "mi355x"), catalog, AS_OF)
    premium = cost.stack_premium
    assert premium is not None
    assert premium.overruled
    assert premium.usd_per_month == pytest.approx(3 * 120_000 / 12)
    lines = [line for line in cost.lines if line.category == "stack premium"]
    assert sum(line.usd_per_month for line in lines) == pytest.approx(premium.usd_per_month)


@pytest.mark.parametrize(
    ("skill", "engineers", "weeks"),
    [
        ("none", (0.5, 1.5, 2.5), (6, 12, 26)),
        ("some", (0.25, 0.5, 1), (3, 6, 12)),
        ("expert", (0, 0.005, 0.25), (1, 2, 4)),
    ],
)
def test_headcount_and_weeks_keep_to_their_own_bands(
    catalog: Catalog, skill: str, engineers: tuple[float, ...], weeks: tuple[float, ...]
) -> None:
    """One factor for both, weighed as if for a year, took a team of experts to 0.04 engineers where 0.25 is stated."""
    profile = profile_of(team={"rocm_experience": skill}, candidates=["mi325x"])
    rule = premium_rule(profile, sized_of(profile, catalog, "mi325x"), catalog, ())
    assert [float(rule.engineers(8, at)) for at in (-1.0, 0.0, 1.0)] == pytest.approx(engineers)
    assert [float(rule.weeks_at(at)) for at in (-1.0, 0.0, 1.0)] == pytest.approx(weeks)
    own = profile_of(team={"rocm_experience": skill, "rocm_extra_engineers": 0.2})
    rule = premium_rule(own, sized_of(own, catalog, "mi325x"), catalog, ())
    assert {float(rule.engineers(8, at)) for at in (-1.0, 0.0, 1.0)} == {0.2}
    assert float(rule.weeks_at(1.0)) == weeks[2]


def test_the_tornado_moves_the_headcount_from_end_to_end_of_its_band() -> None:
    profile = profile_of(team={"rocm_experience": "none"})
    bars = run(profile, {"mi325x": 1.0, "h200": 0.9}, 1.2).decision.tornado
    (bar,) = [b for b in bars if b.driver == "stack.mi325x"]
    assert (bar.low_value, bar.typical_value, bar.high_value) == pytest.approx((0.5, 1.5, 2.5))


def test_the_users_headcount_stands_for_features_too(catalog: Catalog) -> None:
    profile = profile_of(team={"rocm_extra_engineers": 1.0, "custom_kernels": True})
    rule = premium_rule(profile, sized_of(profile, catalog, "mi355x"), catalog, (("lora", "partial", "by hand"),))
    assert float(rule.engineers(10_000)) == 1.0
    assert all("your own figure" in text for text in rule.features)


def test_a_file_of_ones_own_overrules_a_default(tmp_path: Path) -> None:
    (tmp_path / "decision").mkdir()
    header = "name,value,low,high,unit,source,as_of,kind,note\n"
    line = "rocm_floor_none,0.25,0.1,0.5,FTE,decision-assumption,2026-11-21,user,our own experience\n"
    (tmp_path / "decision" / "defaults.csv").write_text(header + line, encoding="utf-8")
    own = load_catalog([tmp_path])
    profile = profile_of(team={"rocm_experience": "none"})
    rule = premium_rule(profile, sized_of(profile, own, "mi355x"), own, ())
    assert float(rule.engineers(8)) == 0.25
    bad = line.replace("0.25", "plenty")
    (tmp_path / "decision" / "defaults.csv").write_text(header + bad, encoding="utf-8")
    with pytest.raises(CatalogError, match=r"defaults\.csv, row 2, column value"):
        _ = load_catalog([tmp_path]).decision_defaults


def test_premium_in_the_tree_is_that_of_the_lines(catalog: Catalog) -> None:
    for commitment in ("on_demand", "reserved_1y"):
        profile = profile_of(
            team={"rocm_experience": "none"},
            traffic={"growth_per_year": 0.6},
            procurement={"mode": "rent", "commitment": commitment},
        )
        cost = price_candidate(profile, sized_of(profile, catalog, "mi300x"), catalog, AS_OF)
        assert cost.stack_premium is not None
        lines = [line.usd_per_month for line in cost.lines if line.category == "stack premium"]
        assert sum(lines) == pytest.approx(cost.stack_premium.usd_per_month)
