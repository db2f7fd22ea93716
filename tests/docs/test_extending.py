"""docs/extending.md, done: each example takes effect through an overlay folder."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import doc_kit
import pytest

from advisor.catalog import Catalog, load_catalog
from advisor.catalog.check import check_catalog
from advisor.domain.profile import Profile
from advisor.domain.recommendation import Candidate, Recommendation
from advisor.engine.gates.countries import resolve_country
from advisor.engine.gates.export import chip_of, evaluate_export
from advisor.profiles.read import read_profile
from advisor.workbench import Workbench

PAGE = "docs/extending.md"
AS_OF = date(2026, 11, 21)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("extending")
    assert len(doc_kit.write_files(PAGE, place)) >= 9
    return place


@pytest.fixture(scope="module")
def profile(folder: Path) -> Profile:
    return read_profile(folder / "mine.toml")


@pytest.fixture(scope="module")
def answer(folder: Path, profile: Profile) -> Recommendation:
    return Workbench([folder / "ours"], as_of=AS_OF, bare=True).advise(profile, draws=500)


@pytest.fixture(scope="module")
def ours(folder: Path) -> Catalog:
    return load_catalog([folder / "ours"])


def candidate(answer: Recommendation, name: str) -> Candidate:
    return next(c for c in answer.candidates if c.accelerator == name)


def test_the_overlay_is_sound(ours: Catalog) -> None:
    assert not check_catalog(ours).faults


def test_a_new_accelerator_is_judged_on_physics_alone(answer: Recommendation) -> None:
    new = candidate(answer, "xl1")
    assert new.feasible, new.infeasible_reason
    assert new.operating_point is not None
    assert new.operating_point.evidence_grade == "D"
    assert new.cost is not None
    assert new.rank is not None


def test_a_new_model_is_served_by_every_candidate(answer: Recommendation, ours: Catalog) -> None:
    spec = ours.models["our-chat-30b"]
    # 60 layers x 2 x 8 heads x 128 elements, one byte each
    new = candidate(answer, "h200")
    assert new.memory is not None
    assert new.memory.kv_bytes_per_token == 60 * 2 * 8 * 128
    assert spec.params_total == 30e9


def test_a_new_price_is_what_the_answer_reckons_with(answer: Recommendation) -> None:
    new = candidate(answer, "xl1")
    assert new.cost is not None
    options = {o.id: o for o in new.cost.options}
    price = options["rent.on_demand.neocloud"].price
    assert price is not None
    assert (price.typical, price.row_ids, price.firmness) == (3.10, ("our-quote-1",), "quote, not a market")
    reserved = candidate(answer, "mi355x").cost
    assert reserved is not None
    found = next(o.price for o in reserved.options if o.id == "rent.reserved_1y.neocloud")
    assert found is not None
    assert found.typical == 2.10


def test_a_new_engine_is_laid_out_and_judged_by_its_rows(answer: Recommendation, ours: Catalog) -> None:
    from advisor.engine.gates import software_findings

    assert any(r.engine == "lmdeploy" for r in ours.software)
    new = candidate(answer, "xl1")
    assert new.deployment is not None
    found = software_findings(answer.profile, ours.accelerators["xl1"], "lmdeploy", "fp8", ours)
    status = {f.feature: f.status for f in found.features}
    assert status == {"official_support": "full", "fp8": "partial"}


def test_a_new_threshold_applies_from_its_day(ours: Catalog) -> None:
    us = resolve_country("US", ours.export, field="place.country")
    chip = chip_of(ours.accelerators["h200"])
    small = type(chip)(**{f: getattr(chip, f) for f in chip.__dataclass_fields__} | {"dense_tops": {"bf16": 260.0},
                                                                                    "die_area_mm2": None})  # fmt: skip

    def item_class(day: date) -> str:
        found = evaluate_export(
            small, ours.export, destination=us, headquarters=us, parent=us, export_from=us, as_of=day
        )
        return found.classification.item_class

    # 260 TFLOP/s x 16 bits = 4160: above the draft's 4000, below the 4800 in force
    assert item_class(date(2026, 11, 30)) == "not controlled"
    assert item_class(date(2026, 12, 1)) == "3A090.a"


def test_a_new_licence_rule_stands_before_the_one_that_fits_everything(ours: Catalog) -> None:
    rules = [r.id for r in ours.export.matrix]
    assert rules[-2:] == ["OUR-L1", "N"]
    us = resolve_country("US", ours.export, field="place.country")
    china = resolve_country("CN", ours.export, field="place.country")
    germany = resolve_country("DE", ours.export, field="place.country")
    chip = chip_of(ours.accelerators["h200"])
    small = type(chip)(**{f: getattr(chip, f) for f in chip.__dataclass_fields__} | {"dense_tops": {"bf16": 10.0},
                                                                                    "die_area_mm2": None})  # fmt: skip

    def rule(day: date, catalog: Catalog) -> str:
        return evaluate_export(
            small, catalog.export, destination=germany, headquarters=china, parent=china, export_from=us, as_of=day
        ).rule.id

    assert rule(AS_OF, ours) == "OUR-L1"
    assert rule(date(2026, 10, 31), ours) == "N"
    assert rule(AS_OF, load_catalog()) == "N"


def test_a_new_risk_stands_in_the_register_of_every_candidate(answer: Recommendation) -> None:
    judged = [c for c in answer.candidates if c.risks]
    assert len(judged) >= 2
    for one in judged:
        risk = next(r for r in one.risks if r.id == "data_centre_move")
        assert risk.likelihood_per_year.typical == pytest.approx(0.2)
        # mean of 10, 20, 30 % times mean of the effects, a month
        assert risk.expected_loss_usd_per_month == pytest.approx(0.2 * 350_000 / 3 / 12)
        assert "user" in risk.source_ids
