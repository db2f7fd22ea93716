"""Curves beside the chosen one, and what a token costs at each of their points."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from advisor.cli.tree_file import read_tree
from advisor.domain.recommendation import SCHEMA_VERSION, Recommendation
from advisor.domain.sizing import DeploymentCurve
from advisor.domain.units import usd_per_mtok
from advisor.engine.other_curves import other_curves
from advisor.profiles.locate import find_profile
from advisor.profiles.read import read_profile
from advisor.workbench import Workbench
from tests.bench_kit import usual_bench

PROFILE = "llama-70b-4k-512-concurrent"


@pytest.fixture(scope="module")
def bench() -> Workbench:
    return usual_bench()


@pytest.fixture(scope="module")
def answer(bench: Workbench) -> Recommendation:
    return bench.advise(read_profile(find_profile(PROFILE)), draws=500)


@pytest.fixture(scope="module")
def curves(bench: Workbench, answer: Recommendation) -> tuple[DeploymentCurve, ...]:
    inputs = bench.inputs(answer.profile)
    return other_curves(
        answer.profile, inputs, bench.catalog.accelerators["mi355x"], "main", usd_per_gpu_hour=2.0
    )


def test_every_point_of_a_priced_candidate_has_its_cost_per_token(answer: Recommendation) -> None:
    for c in answer.candidates:
        for p in c.curve:
            if c.cost is None:
                assert p.usd_per_mtok_output is None
            else:
                assert p.usd_per_mtok_output == pytest.approx(
                    usd_per_mtok(c.cost.usd_per_gpu_hour, p.output_tps_per_gpu)
                )


def test_one_curve_for_each_precision_and_engine_best_first(curves: tuple[DeploymentCurve, ...]) -> None:
    ways = [(c.deployment.precision, c.deployment.engine) for c in curves]
    assert len(set(ways)) == len(ways) >= 3
    assert {"fp4", "fp8"} <= {p for p, _ in ways}
    for c in curves:
        loads = [p.concurrency for p in c.points if p.kind == "estimate"]
        assert loads == sorted(set(loads))
        held = [p.concurrency for p in c.points if p.kind == "estimate" and p.meets_slo]
        assert c.best_concurrency is None or c.best_concurrency in held
        for p in c.points:
            assert p.usd_per_mtok_output == pytest.approx(usd_per_mtok(2.0, p.output_tps_per_gpu))


def test_measured_points_are_of_that_engine(curves: tuple[DeploymentCurve, ...]) -> None:
    for c in curves:
        assert all(f" {c.deployment.engine}" in p.label for p in c.points if p.kind == "measured")


def test_the_chosen_deployment_is_as_good_as_any_that_the_profile_accepts(
    answer: Recommendation, curves: tuple[DeploymentCurve, ...]
) -> None:
    own = next(c for c in answer.candidates if c.accelerator == "mi355x")
    assert own.deployment is not None
    same = next(c for c in curves if (c.deployment.precision, c.deployment.engine)
                == (own.deployment.precision, own.deployment.engine))  # fmt: skip
    by_load = {p.concurrency: p for p in own.curve if p.kind == "estimate"}
    shared = [p for p in same.points if p.kind == "estimate" and p.concurrency in by_load]
    assert shared
    if same.deployment == own.deployment:
        # sums are rounded otherwise in other company
        assert all(p.output_tps_per_gpu == pytest.approx(by_load[p.concurrency].output_tps_per_gpu) for p in shared)


def test_another_model_at_the_same_load(bench: Workbench, answer: Recommendation) -> None:
    found = other_curves(
        answer.profile, bench.inputs(answer.profile), bench.catalog.accelerators["b200"], "main",
        model=bench.catalog.models["gpt-oss-120b"],
    )  # fmt: skip
    assert {c.model_id for c in found} == {"gpt-oss-120b"}
    assert all(p.usd_per_mtok_output is None for c in found for p in c.points)


def test_an_answer_of_the_schema_before_is_read_without_the_costs_it_lacks(
    answer: Recommendation, tmp_path: Path
) -> None:
    tree = answer.model_dump(mode="json")
    tree["schema_version"] = "1.0"
    for c in tree["candidates"]:
        for p in c["curve"]:
            del p["usd_per_mtok_output"]
    path = tmp_path / "old.json"
    path.write_text(json.dumps(tree))
    old = read_tree(str(path))
    assert old.schema_version != SCHEMA_VERSION
    assert all(p.usd_per_mtok_output is None for c in old.candidates for p in c.curve)
    del tree["verdict"]["headline"]
    path.write_text(json.dumps(tree))
    with pytest.raises(Exception, match=rf"written with schema 1\.0, this program reads {SCHEMA_VERSION}"):
        read_tree(str(path))
