"""How the drop's spellings map to the catalog's ids."""

from __future__ import annotations

import re

INFERENCEX = "Data from InferenceX by SemiAnalysis"
INFERENCEX_FORK = "Data from InferenceX by SemiAnalysis; read through an unofficial copy"
MLPERF = (
    "MLPerf results retrieved from MLCommons, round and entry cited; per-accelerator figures are derived by us "
    "and are not an official MLPerf metric; the MLPerf name and logo are trademarks of MLCommons"
)

ACCELERATOR_IDS: tuple[str, ...] = (
    "h100", "h200", "h20", "b200", "b300", "gb200", "gb300",
    "mi300x", "mi325x", "mi350x", "mi355x", "mi308x",
)  # fmt: skip

PART_IDS = {
    "h100_sxm": "h100", "h200_sxm": "h200", "h20_sxm": "h20", "b200_sxm": "b200", "b300_sxm": "b300",
    "gb200_nvl72": "gb200", "gb300_nvl72": "gb300",
}  # fmt: skip
"""Specification rows whose id is not the measurements' spelling."""


def accelerator(name: str) -> tuple[str, str] | None:
    """(id, variant) of a spelling, or None for a part that the catalog does not hold.

    >>> accelerator("H100 PCIe"), accelerator("MI355X"), accelerator("GB200 NVL72"), accelerator("GH200")
    (('h100', 'pcie'), ('mi355x', ''), ('gb200', ''), None)
    """
    words = name.casefold().split()
    if not words or words[0] not in ACCELERATOR_IDS:
        return None
    rest = [word for word in words[1:] if word in ("sxm", "pcie", "nvl")]
    return words[0], rest[0] if rest else ""


def accelerators_in(text: str) -> list[str]:
    """Ids of all accelerators that a text names, in catalog order.

    >>> accelerators_in("DGX H100/H200")
    ['h100', 'h200']
    """
    words = set(re.findall(r"[a-z0-9]+", text.casefold()))
    return [name for name in ACCELERATOR_IDS if name in words]


MEASURED_AS: dict[str, tuple[str, ...]] = {
    "llama3.1-70b": ("llama70b",),
    "llama3.3-70b": ("llama70b",),
    "gpt-oss-120b": ("gptoss120b",),
    "deepseek-r1": ("dsr1",),
    "deepseek-v3": ("dsr1",),
    "deepseek-v3.1": ("dsr1",),
    "deepseek-v3.2": ("dsv3.2",),
    "deepseek-v4-pro": ("dsv4",),
    "kimi-k2.5": ("kimik2.5",),
    "kimi-k2": ("kimik2-thinking", "kimik2.5"),
    "glm-5": ("glm5", "glm5.1"),
    "glm-5.2": ("glm5.2",),
    "minimax-m2.5": ("minimaxm2.5",),
    "minimax-m2.7": ("minimaxm2.7", "minimaxm2.5"),
    "minimax-m2": ("minimaxm2.5",),
    "minimax-m3": ("minimaxm3",),
    "qwen3.5-397b-a17b": ("qwen3.5",),
}
"""Catalog model -> names in the serving measurements. Siblings with the same dimensions share measurements:
serving cost depends on the architecture, not on the weights (DeepSeek V3, V3.1 and R1; MiniMax M2 to M2.7;
the text trunk of Kimi K2 and K2.5; GLM 5 and 5.1)."""

PUBLISHED_MODELS = {
    "deepseek-r1-0528": "deepseek-r1", "deepseek-v3-671b": "deepseek-v3",
    "qwen3-235b": "qwen3-235b-a22b", "qwen3-30b": "qwen3-30b-a3b", "qwen3.5": "qwen3.5-397b-a17b",
    "qwen3.5-397b": "qwen3.5-397b-a17b", "llama3_1-405b": "llama3.1-405b",
    "llama2-70b-99": "llama2-70b", "llama2-70b-99.9": "llama2-70b",
    "gptoss120b": "gpt-oss-120b", "dsr1": "deepseek-r1", "dsv4": "deepseek-v4-pro", "kimik2.5": "kimi-k2.5",
    "minimaxm2.5": "minimax-m2.5", "glm5.1": "glm-5", "minimaxm3": "minimax-m3",
}  # fmt: skip
"""Names in published tables and MLPerf -> catalog model, where they differ."""


def catalog_model(name: str, known: set[str]) -> str:
    """Catalog id of a published model name; empty where the catalog does not hold the model."""
    key = name.casefold()
    mapped = PUBLISHED_MODELS.get(key, key)
    return mapped if mapped in known else ""
