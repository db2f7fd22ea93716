"""Engine, features, formats, version floors and open problems."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from itertools import permutations
from typing import Any

import pytest

from advisor.catalog import Catalog
from advisor.domain.gates import Gate
from advisor.domain.profile import Profile
from advisor.domain.sizing import Deployment
from advisor.engine.cost.features import limited_features
from advisor.engine.gates import evaluate_gates
from advisor.engine.gates.software import checkpoint_format, engine_names, software_findings
from advisor.engine.gates.software_gates import software_gates
from tests.sized_kit import sized_of

TRAFFIC = {"isl": 1000, "osl": 1000, "peak_concurrency": 64}


def profile(model: str = "llama3.3-70b", **team: Any) -> Profile:
    return Profile.model_validate({"name": "test", "model": {"id": model}, "traffic": TRAFFIC, "team": team})


def deployment(engine: str, precision: str = "fp8", **more: Any) -> Deployment:
    base: dict[str, Any] = {"kv_cache_precision": "fp8", "tp": 8, "gpus_per_replica": 8}
    return Deployment(engine=engine, precision=precision, **(base | more))


def gates(catalog: Catalog, part: str, engine: str, precision: str = "fp8", **kw: Any) -> dict[str, Gate]:
    model = kw.pop("model", "llama3.3-70b")
    disagg = kw.pop("disagg", False)
    d = deployment(engine, precision, disagg=disagg)
    found = software_gates(profile(model, **kw), catalog.accelerators[part], d, catalog)
    return {g.gate: g for g in found}


@pytest.mark.parametrize(
    ("engine", "names"),
    [
        ("vllm", ("vLLM",)),
        ("trt", ("TensorRT-LLM",)),
        ("dynamo-trt", ("TensorRT-LLM", "Dynamo")),
        ("dynamo-sglang", ("SGLang", "Dynamo")),
        ("mori-sglang", ("SGLang", "MoRI")),
        ("mooncake-atom", ("ATOM",)),
        ("llmd-vllm", ("vLLM",)),
        ("elsewhere", ("elsewhere",)),
    ],
)
def test_engine_names(engine: str, names: tuple[str, ...]) -> None:
    assert engine_names(engine) == names


def test_every_engine_of_the_evidence_has_rows_in_the_support_table(catalog: Catalog) -> None:
    listed = {r.engine for r in catalog.software}
    for engine in {m.engine for m in catalog.measurements}:
        assert set(engine_names(engine)) <= listed, engine


def test_a_remark_on_another_part_is_not_told_of_this_one(catalog: Catalog) -> None:
    for part, told in (("b300", False), ("h200", False), ("h20", True)):
        assert ("H20 not named" in gates(catalog, part, "trt")["software"].reason) is told
    assert "measured EP8 dispatch" not in gates(catalog, "mi300x", "vllm")["software"].reason


def test_contract_floors(catalog: Catalog) -> None:
    def floors(part: str, engine: str, precision: str) -> dict[str, str]:
        found = software_findings(profile(), catalog.accelerators[part], engine, precision, catalog)
        return {f"{f.component} {f.minimum}": f.issue for f in found.floors}

    assert floors("mi355x", "sglang", "fp8").items() >= {"ROCm 7.1.1": "I13", "SGLang 0.5.15": "I02"}.items()
    assert "SGLang 0.5.15" not in floors("mi355x", "sglang", "fp4")
    assert "SGLang 0.5.15" not in floors("mi300x", "sglang", "fp8")
    assert "ROCm 7.1.1" not in floors("mi300x", "vllm", "fp8")
    assert floors("mi300x", "vllm", "fp8")["ROCm 6.3"] == ""
    assert floors("mi325x", "vllm", "fp8")["ROCm 6.3.1"] == ""
    assert floors("mi355x", "vllm", "fp8")["vLLM 0.14.0"] == "I15"
    assert set(floors("h100", "vllm", "fp8")) == {"vLLM 0.33.0"}
    lines = software_findings(profile(), catalog.accelerators["mi355x"], "sglang", "fp8", catalog).floor_lines
    assert lines[0].startswith("ROCm >= 7.1.1: ")
    assert lines[0].endswith("(I13)")


def test_mla_floor_only_for_mla_models(catalog: Catalog) -> None:
    part = catalog.accelerators["mi355x"]
    with_mla = software_findings(profile("deepseek-r1"), part, "vllm", "fp8", catalog)
    without = software_findings(profile("llama3.3-70b"), part, "vllm", "fp8", catalog)
    assert "0.18" in {f.minimum for f in with_mla.floors} - {f.minimum for f in without.floors}


def test_a_missing_feature_with_another_engine_is_a_condition(catalog: Catalog) -> None:
    gate = gates(catalog, "mi355x", "atom", lora=True)["software"]
    assert (gate.status, gate.condition) == ("condition", "software")
    assert "lacks LoRA adapters" in gate.title
    assert "SGLang or vLLM" in gate.remedy or "vLLM or SGLang" in gate.remedy


def test_a_feature_that_no_engine_has_fails(catalog: Catalog) -> None:
    found = software_findings(profile(lora=True), catalog.accelerators["mi355x"], "atom", "fp8", catalog)
    alone = found.model_copy(
        update={"features": tuple(f.model_copy(update={"alternatives": ()}) for f in found.features)}
    )
    from advisor.engine.gates.software_gates import engine_gate

    gate = engine_gate(profile(lora=True), catalog.accelerators["mi355x"], alone)
    assert (gate.status, gate.blocks) == ("fail", "all")


def test_partial_experimental_and_unknown_support_is_said(catalog: Catalog) -> None:
    assert "partial" in gates(catalog, "mi355x", "sglang", lora=True)["software"].reason
    experimental = gates(catalog, "mi300x", "vllm", disaggregation=True)["software"]
    assert "experimental" in experimental.reason
    assert "SGLang" in experimental.remedy
    assert any("LoRA" in n for n in gates(catalog, "b200", "trt", lora=True)["software"].notes)
    unknown = gates(catalog, "mi300x", "vllm", multimodal=True)["software"]
    assert "encoder-decoder models are marked unsupported" in unknown.reason


def test_support_that_nobody_states_is_a_condition(catalog: Catalog) -> None:
    """TensorRT-LLM was said to support what the profile needs, LoRA adapters, of which no row speaks."""
    gate = gates(catalog, "b200", "trt", lora=True)["software"]
    assert (gate.status, gate.title) == ("condition", "Whether TensorRT-LLM supports LoRA adapters is not known")
    assert gate.remedy.startswith("Prove LoRA adapters in a probe before you sign; run")
    assert "which supports LoRA adapters better here" in gate.remedy
    assert gates(catalog, "b200", "trt")["software"].status == "pass"
    worse = gates(catalog, "mi355x", "atom", lora=True, multimodal=True)["software"]
    assert worse.title == "ATOM lacks LoRA adapters"
    assert "Prove images, audio or video" in worse.remedy or "prove images, audio or video" in worse.remedy


def test_own_kernels_must_be_ported_on_amd_only(catalog: Catalog) -> None:
    assert "HIP" in gates(catalog, "mi355x", "vllm", custom_kernels=True)["software"].reason
    assert gates(catalog, "b200", "vllm", custom_kernels=True)["software"].status == "pass"


def test_disaggregation_of_the_deployment_counts_without_the_team_asking(catalog: Catalog) -> None:
    gate = gates(catalog, "mi300x", "vllm", disagg=True)["software"]
    assert "disaggregated prefill" in gate.reason


def test_an_engine_that_the_team_does_not_run_is_a_condition(catalog: Catalog) -> None:
    gate = gates(catalog, "b200", "trt", engines=["vllm"])["software"]
    assert gate.status == "condition"
    assert "Your team runs vLLM" in gate.reason
    assert gates(catalog, "b200", "dynamo-trt", engines=["trt"])["software"].status == "pass"


def test_measurements_prove_what_the_table_leaves_open(catalog: Catalog) -> None:
    found = software_findings(profile("deepseek-r1"), catalog.accelerators["b200"], "trt", "fp8", catalog)
    by_feature = {f.feature: f for f in found.features}
    assert by_feature["fp8"].status == "full"
    assert "measurements exist" in by_feature["fp8"].detail
    assert by_feature["mla"].status == "full"
    # FP8 in TensorRT-LLM was measured on H200 and B200, not on H100 and B300, of which it "was not known"
    for part, kin in (("h100", "H200"), ("b300", "B200")):
        there = software_findings(profile("llama3.3-70b"), catalog.accelerators[part], "trt", "fp8", catalog)
        (fp8,) = (f for f in there.features if f.feature == "fp8")
        assert fp8.status == "full"
        assert f"on {kin} SXM" in fp8.detail
    lora = software_findings(profile(lora=True), catalog.accelerators["b200"], "trt", "fp8", catalog)
    assert {f.feature for f in lora.unknown} >= {"lora"}


@pytest.mark.parametrize(
    ("part", "precision", "model", "status", "title"),
    [
        ("mi300x", "fp8", "llama3.3-70b", "pass", "FP8 is FNUZ"),
        ("mi325x", "fp4", "gpt-oss-120b", "condition", "FP4 is emulated"),
        ("mi355x", "fp4", "gpt-oss-120b", "pass", "MXFP4 is native"),
        ("mi350x", "fp4", "glm-5", "condition", "NVFP4 checkpoints are not native"),
        ("mi355x", "fp4", "llama3.3-70b", "condition", "FP4 needs an MXFP4 checkpoint"),
        ("mi355x", "fp8", "llama3.3-70b", "pass", "No trap known at FP8"),
        ("h200", "fp4", "gpt-oss-120b", "condition", "FP4 is weight-only"),
        ("b200", "fp4", "gpt-oss-120b", "pass", "No trap known at FP4"),
        ("b300", "fp8", "llama3.3-70b", "pass", "No trap known at FP8"),
        ("mi355x", "int4", "kimi-k2.5", "condition", "INT4 support is contradictory"),
    ],
)
def test_number_formats(part: str, precision: str, model: str, status: str, title: str, catalog: Catalog) -> None:
    gate = gates(catalog, part, "vllm", precision, model=model)["software_format"]
    assert (gate.status, gate.title) == (status, title)


def test_int8_trap_is_told_on_blackwell_ultra_only(catalog: Catalog) -> None:
    assert "153.5" in gates(catalog, "b300", "vllm")["software_format"].reason
    assert "153.5" not in gates(catalog, "b200", "vllm")["software_format"].reason


def test_checkpoint_format(catalog: Catalog) -> None:
    assert checkpoint_format(catalog.models["gpt-oss-120b"]) == "mxfp4"
    assert checkpoint_format(catalog.models["glm-5"]) == "nvfp4"
    assert checkpoint_format(catalog.models["llama3.3-70b"]) == "other"
    assert checkpoint_format(None) == "other"


def test_issues_are_matched_by_part_engine_precision_and_model(catalog: Catalog) -> None:
    def reaches(part: str, engine: str, precision: str, model: str) -> dict[str, str]:
        found = software_findings(profile(model), catalog.accelerators[part], engine, precision, catalog)
        return {i.id: i.reach for i in found.issues}

    assert reaches("b200", "sglang", "fp4", "llama3.3-70b")["I19"] == "this engine"
    assert "I19" not in reaches("b200", "sglang", "fp8", "llama3.3-70b")
    assert "I19" not in reaches("b200", "vllm", "fp4", "llama3.3-70b")
    assert reaches("mi355x", "sglang", "fp4", "glm-5.2")["I03"] == "this model"
    assert reaches("mi355x", "sglang", "fp4", "llama3.3-70b")["I03"] == "another model"
    assert "I13" not in reaches("mi355x", "vllm", "fp8", "llama3.3-70b")  # fixed: it is a version floor instead
    gate = gates(catalog, "b200", "sglang", "fp4")["software"]
    assert (gate.status, "I19" in gate.reason) == ("condition", True)
    other = gates(catalog, "mi355x", "sglang", "fp4")["software"]
    assert "I03" not in other.reason
    assert any(n.startswith("I03") for n in other.notes)


def test_without_a_deployment_the_engines_of_the_part_are_named(catalog: Catalog) -> None:
    (gate,) = software_gates(profile(), catalog.accelerators["mi355x"], None, catalog)
    assert gate.status == "pass"
    for name in ("vLLM", "SGLang", "ATOM"):
        assert name in gate.reason
    assert "TensorRT-LLM" not in gate.reason


def test_a_model_of_ones_own_is_judged_without_its_catalog_row(catalog: Catalog) -> None:
    own = Profile.model_validate(
        {
            "name": "own",
            "model": {"custom": {"name": "mine", "params_total_b": 70, "layers": 80, "hidden": 8192, "heads": 64}},
            "traffic": TRAFFIC,
        }
    )
    found = software_findings(own, catalog.accelerators["b200"], "vllm", "fp8", catalog)
    assert {f.feature for f in found.features} == {"official_support", "fp8"}


TIERS = {
    "chat": {"model": {"id": "llama3.3-70b", "precisions": ["fp8"]}, "engine": "vllm"},
    "reason": {"model": {"id": "deepseek-r1", "precisions": ["fp8"]}, "engine": "sglang"},
    "agents": {"model": {"id": "glm-5", "precisions": ["fp4"]}, "engine": "atom"},
}


def of_tiers(catalog: Catalog, part: str, names: Sequence[str], **team: Any) -> dict[str, Gate]:
    """Gates of a service of several workloads, each with its model, precision and engine."""
    workloads = [{"name": n, "model": TIERS[n]["model"], "traffic": TRAFFIC} for n in names]
    asked = Profile.model_validate({"name": "test", "workloads": workloads, "team": team})
    plans = [deployment(str(TIERS[n]["engine"]), asked.tiers[i].model.precisions[0]) for i, n in enumerate(names)]
    return {g.gate: g for g in evaluate_gates(asked, catalog.accelerators[part], catalog, date(2026, 11, 21), *plans)}


@pytest.mark.parametrize("names", list(permutations(TIERS)), ids="-".join)
def test_software_is_judged_for_every_workload_in_whatever_order(names: Sequence[str], catalog: Catalog) -> None:
    """Only the workload that stands first was looked at: a missing feature of the next passed in silence."""
    found = of_tiers(catalog, "mi355x", names, lora=True)
    assert found["software"].status == "condition"
    assert set(found["software"].title.split("; ")) == {
        "ATOM lacks LoRA adapters (workload agents)", "SGLang: LoRA adapters only in part (workload reason)",
    }  # fmt: skip
    assert "Workload chat" in found["software"].reason
    assert found["software_format"].status == "condition"
    assert found["software_format"].title == "NVFP4 checkpoints are not native (workload agents)"
    assert "DeepSeek-R1" in found["memory"].reason
    assert "Llama-3.3-70B" in found["memory"].reason


def test_workloads_that_are_alike_are_told_once(catalog: Catalog) -> None:
    asked = {"name": "test", "workloads": [
        {"name": n, "model": TIERS["chat"]["model"], "traffic": TRAFFIC} for n in ("day", "night")
    ]}  # fmt: skip
    two = Profile.model_validate(asked)
    part, d = catalog.accelerators["h200"], deployment("vllm")
    found = {g.gate: g for g in evaluate_gates(two, part, catalog, date(2026, 11, 21), d, d)}
    one = {g.gate: g for g in evaluate_gates(profile(), part, catalog, date(2026, 11, 21), d)}
    assert (found["software"], found["software_format"]) == (one["software"], one["software_format"])


def test_a_title_that_several_workloads_share_is_said_once(catalog: Catalog) -> None:
    """Models differ, and with them the reasons; the same title had stood there once for each."""
    workloads = [
        {"name": n, "model": {"id": m, "precisions": ["fp8"]}, "traffic": TRAFFIC}
        for n, m in (("chat", "llama3.3-70b"), ("reason", "deepseek-r1"))
    ]
    asked = Profile.model_validate({"name": "test", "workloads": workloads, "team": {"engines": ["sglang"]}})
    plans = [deployment("vllm", "fp8"), deployment("vllm", "fp8")]
    gates = evaluate_gates(asked, catalog.accelerators["h200"], catalog, date(2026, 11, 21), *plans)
    titles = {g.gate: g.title for g in gates}
    assert titles["software"] == "The estimate assumes vLLM, which the team does not run (workload chat, reason)"
    assert titles["memory"] == "Weights fit one GPU (workload chat); Weights fit 5 GPUs of one node (workload reason)"


def test_a_limited_feature_is_charged_by_the_model_of_its_own_workload(catalog: Catalog) -> None:
    """The main workload comes first in a candidate, whatever place it has in the profile."""
    workloads = [
        {"name": n, "model": TIERS[n]["model"], "traffic": {"isl": 1000, "osl": 500, "peak_requests_per_s": 1.0}}
        for n in ("chat", "agents")
    ]
    asked = Profile.model_validate({"name": "test", "workloads": workloads})
    sized = sized_of(asked, catalog, "mi355x")
    turned = replace(sized, tiers=sized.tiers[::-1], workloads=sized.workloads[::-1], memo={})
    names = {feature for feature, _, _ in limited_features(asked, sized, catalog)}
    assert "sparse_mla_dsa" in names
    assert {feature for feature, _, _ in limited_features(asked, turned, catalog)} == names
