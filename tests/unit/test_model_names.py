"""What a server calls its model, and which model of the catalog that is."""

from __future__ import annotations

from pathlib import Path

import pytest

from advisor.catalog import Catalog, load_catalog
from advisor.domain.errors import ProfileError
from advisor.domain.model_names import model_called, weights_called
from advisor.domain.profile import Model, Profile
from tests.bench_kit import usual_bench

SAME = {
    "deepseek-r1": [
        "deepseek-ai/DeepSeek-R1-0528", "DeepSeek-R1-FP8", "nvidia/DeepSeek-R1-FP4", "nvidia/DeepSeek-R1-0528-FP4-v2",
        "nvidia/DeepSeek-R1-0528-NVFP4", "nvidia/DeepSeek-R1-0528-NVFP4-v2", "amd/DeepSeek-R1-0528-MXFP4-Preview",
        "amd/DeepSeek-R1-0528-MXFP4-MTP-MoEFP4", "amd/DeepSeek-R1-MXFP4-ASQ", "/models/DeepSeek-R1-0528",
        "/models/DeepSeek-R1-0528/", "C:\\models\\DeepSeek-R1", "/data/DeepSeek-R1/fp8", "DeepSeek_R1",
        "/cache/hub/models--deepseek-ai--DeepSeek-R1-0528/snapshots/4236a6af538feda4548eca9ab308586007567f52",
    ],
    "deepseek-v3": ["deepseek-ai/DeepSeek-V3-0324", "deepseek-ai/DeepSeek-V3-Base"],
    "deepseek-v3.1": ["deepseek-ai/DeepSeek-V3.1-Terminus", "nvidia/DeepSeek-V3.1-NVFP4"],
    "deepseek-v3.2": ["deepseek-ai/DeepSeek-V3.2-Exp", "deepseek-ai/DeepSeek-V3.2"],
    "kimi-k2": ["moonshotai/Kimi-K2-Instruct-0905", "moonshotai/Kimi-K2-Thinking"],
    "qwen3-235b-a22b": ["Qwen/Qwen3-235B-A22B-Instruct-2507-FP8", "Qwen/Qwen3-235B-A22B-Thinking-2507"],
    "qwen2.5-72b": ["Qwen/Qwen2.5-72B-Instruct-GPTQ-Int8"],
    "llama3.1-405b": ["amd/Llama-3.1-405B-Instruct-FP8-KV"],
    "llama3.1-70b": ["meta-llama/Meta-Llama-3.1-70B-Instruct", "org/Meta-Llama-3.1-70B-Instruct-AWQ-INT4"],
    "llama3.1-8b": ["RedHatAI/Meta-Llama-3.1-8B-Instruct-quantized.w4a16", "meta-llama/Llama-3.1-8B"],
    "llama3.3-70b": ["RedHatAI/Llama-3.3-70B-Instruct-FP8-dynamic"],
    "llama2-70b": ["meta-llama/Llama-2-70b-chat-hf"],
    "mistral-7b-v0.3": ["mistralai/Mistral-7B-v0.3"],
    "mistral-large-2411": ["mistralai/Mistral-Large-Instruct-2411"],
}  # fmt: skip
OTHERS = [
    "deepseek-ai/DeepSeek-R1-Distill-Llama-70B", "deepseek-ai/DeepSeek-R1-Distill-Qwen-32B",
    "deepseek-ai/DeepSeek-R1-0528-Qwen3-8B", "deepseek-r1:70b", "deepseek-r1:latest", "/models/DeepSeek-R1-Distill/fp8",
    "deepseek-ai/DeepSeek-V2", "DeepSeek-V3-Exp", "DeepSeek-R1-v2", "DeepSeek-R1-9999", "meta-llama/Llama-3-8B",
    "meta-llama/Llama-3.1", "nvidia/Llama-3.1-Nemotron-70B-Instruct-HF", "mistralai/Mistral-Large-Instruct-2407",
    "mistralai/Mistral-7B-Instruct-v0.2", "microsoft/phi-4-mini-instruct", "Qwen/Qwen3-Coder-30B-A3B-Instruct",
    "zai-org/GLM-4.5V", "house-name", "fp8", "0528", "instruct", "/", "",
]  # fmt: skip


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(())


@pytest.mark.parametrize(("model", "name"), [(model, name) for model, names in SAME.items() for name in names])
def test_revisions_tunings_and_quantisations_are_the_same_model(catalog: Catalog, model: str, name: str) -> None:
    found = model_called(name, catalog.models.values())
    assert found is not None
    assert found.id == model


@pytest.mark.parametrize("name", OTHERS)
def test_distilled_models_other_sizes_and_other_versions_are_not(catalog: Catalog, name: str) -> None:
    assert model_called(name, catalog.models.values()) is None


def test_every_model_of_the_catalog_answers_to_its_own_names_alone(catalog: Catalog) -> None:
    models = list(catalog.models.values())
    for spec in models:
        folder = Path(spec.name).name
        for name in (spec.id, spec.name, folder, f"/models/{folder.lower()}-FP8", f"org/{spec.id.upper()}-NVFP4"):
            assert model_called(name, models) is spec, name


def test_the_weights_that_a_name_states() -> None:
    names = {
        "nvidia/DeepSeek-R1-0528-NVFP4-v2": "fp4", "amd/Llama-3.1-405B-Instruct-FP8-KV": "fp8",
        "org/m-AWQ-INT4": "int4", "org/m-quantized.w4a16": "int4", "org/m-GPTQ-Int4": "int4", "org/m-BF16": "bf16",
        "org/m-GPTQ-Int8": None, "org/m": None, "fp8": None,
    }  # fmt: skip
    assert {name: weights_called(name) for name in names} == names


@pytest.mark.parametrize(("model", "name"), [(model, names[0]) for model, names in SAME.items()])
def test_a_profile_may_call_a_model_as_its_server_does(model: str, name: str) -> None:
    assert usual_bench().find_model(Model(id=name)).id == model


@pytest.mark.parametrize("name", ["deepseek-ai/DeepSeek-R1-Distill-Llama-70B", "DeepSeek-V3-Exp"])
def test_what_is_not_wholly_understood_is_no_model_of_a_profile(name: str) -> None:
    with pytest.raises(ProfileError, match=r"model\.id: unknown model"):
        usual_bench().find_model(Model(id=name))


@pytest.mark.parametrize(
    ("name", "several"), [("kimik2.5", "kimi-k2 and kimi-k2.5"), ("llama70b", "llama3.1-70b and llama3.3-70b")]
)
def test_a_name_that_measurements_give_to_several_models_is_refused(name: str, several: str) -> None:
    """The first by the alphabet was taken unsaid: Kimi-K2 for `kimik2.5`."""
    with pytest.raises(ProfileError, match=f"stands for {several}; give the id you mean"):
        usual_bench().find_model(Model(id=name))


def asked(model: str, precisions: tuple[str, ...] = ("fp8", "fp4")) -> Profile:
    return Profile.model_validate(
        {
            "name": "x", "model": {"id": model, "precisions": precisions}, "slo": {"tpot_ms": 50},
            "traffic": {"isl": 1000, "osl": 200, "peak_concurrency": 64}, "candidates": ["b200"],
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "precisions", "weights"),
    [
        ("nvidia/DeepSeek-R1-0528-NVFP4-v2", ("fp8", "fp4"), "names fp4 weights"),
        ("nvidia/DeepSeek-R1-0528-NVFP4-v2", ("fp4",), None),
        ("deepseek-ai/DeepSeek-R1-0528", ("fp8", "fp4"), None),
    ],
)
def test_the_answer_says_which_model_was_taken(name: str, precisions: tuple[str, ...], weights: str | None) -> None:
    bench = usual_bench()
    tree, plain = (bench.advise(asked(model, precisions), draws=200) for model in (name, "deepseek-r1"))
    (note,) = (n for n in tree.notes if n.startswith("model.id:"))
    assert f"{name} is taken for deepseek-r1 of the catalog (deepseek-ai/DeepSeek-R1)." in note
    assert ("weights" in note) is (weights is not None)
    assert weights is None or weights in note
    assert tree.candidates == plain.candidates
    assert not any(n.startswith("model.id:") for n in plain.notes)


def test_a_repository_is_judged_by_the_rules_of_its_model() -> None:
    """What a model asks of the software was looked up by its id alone: a repository was not asked for MLA."""
    trees = [usual_bench().advise(asked(name), draws=200) for name in ("deepseek-ai/DeepSeek-R1", "deepseek-r1")]
    assert trees[0].candidates == trees[1].candidates
    assert not any(n.startswith("model.id:") for n in trees[0].notes)
