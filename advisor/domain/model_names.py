"""Which model of the catalog a server, a folder or a measurement calls by its own name.

A name is believed only where all of it is understood: what is left once the known marks of number format, revision and
tuning are off must be a catalog name whole. Of a distilled model, another size or another version something more is
left, and it is no model of the catalog: the user says then which one it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from advisor.domain.hardware import Precision
from advisor.domain.model import ModelSpec

_FORMATS: dict[str, Precision | None] = {
    "nvfp4": "fp4", "mxfp4": "fp4", "fp4": "fp4", "fp8": "fp8", "bf16": "bf16", "int4": "int4", "w4a16": "int4",
    "awq": "int4", "gptq": None, "quantized": None, "int8": None, "w8a8": None, "fp16": None, "4bit": None,
    "8bit": None, "bnb": None, "kv": None,
}  # fmt: skip
"""Number formats, with the precision of the weights that they mean where they mean one."""
_DETAILS = frozenset({"dynamic", "block", "kv", "asq", "mtp", "moefp4", "preview", "v2"})
"""How it was quantised, as vendors tell behind the format; a name of its own elsewhere."""
_TUNINGS = frozenset({"base", "instruct", "chat", "thinking", "it", "hf"})
"""The same network, trained for another use."""
_REVISIONS = {"terminus": "deepseek-v3.1", "exp": "deepseek-v3.2"}
"""Revisions with a name in place of a date, and of what; by their publisher's cards they kept its structure."""
_MONTH, _DAY = "(?:0[1-9]|1[0-2])", "(?:0[1-9]|[12][0-9]|3[01])"
_DATE = re.compile(f"(?:20)?2[3-9]{_MONTH}(?:{_DAY})?|{_MONTH}{_DAY}")
"""Year, month and day, or two of them, which publishers add to a name for a later training of the same network."""
_IN_CACHE = re.compile(r"models--.+--([^/]+)(?:/|$)")
"""Folder of a repository in the cache of Hugging Face's hub."""
_HASH = re.compile("[0-9a-f]{32,}")


def model_called(name: str, models: Iterable[ModelSpec]) -> ModelSpec | None:
    """The model of a catalog id, a name in measurements, or the repository or folder that a server names.

    >>> spec = ModelSpec("llama", "meta/Llama-3-8B", "", 8e9, 8e9, 32, 4096, 32, 8, 128, 128256, "gqa", 32)
    >>> names = ("/data/Llama-3-8B-FP8", "org/Llama-3-8B-0724-AWQ", "Llama-3-70B", "Llama-3-8B-Distill")
    >>> [found and found.id for found in (model_called(n, [spec]) for n in names)]
    ['llama', 'llama', None, None]
    """
    return next(iter(models_called(name, models)), None)


def models_called(name: str, models: Iterable[ModelSpec]) -> tuple[ModelSpec, ...]:
    """Every model that a name may mean; measurements call several of one structure alike.

    >>> r1, v3 = (ModelSpec(n, f"deepseek-ai/{n}", "", 1, 1, 1, 1, 1, 1, 1, 1, "mla", 1, measured_as=("dsr1",))
    ...           for n in ("deepseek-r1", "deepseek-v3"))
    >>> [[spec.id for spec in models_called(n, [r1, v3])] for n in ("dsr1", "DeepSeek-V3-0324")]
    [['deepseek-r1', 'deepseek-v3'], ['deepseek-v3']]
    """
    known = list(models)
    for spec in known:
        if is_own_name(name, spec):
            return (spec,)
    measured = tuple(spec for spec in known if name in spec.measured_as)
    if measured:
        return measured
    core = _without_tuning(_without_format(_parts(name))[0])
    asked = {"-".join(core), "-".join(_without_revision(core))} - {""}
    return tuple(s for s in known if asked & {_core(s.id), _core(s.name)})


def is_own_name(name: str, spec: ModelSpec) -> bool:
    """Whether a name is the id or the repository of a model in the catalog, in any case."""
    return name.strip().casefold() in (spec.id.casefold(), spec.name.casefold())


def weights_called(name: str) -> Precision | None:
    """The precision of the weights that a name states; None where it states none.

    >>> weights_called("nvidia/DeepSeek-R1-0528-NVFP4-v2"), weights_called("DeepSeek-R1")
    ('fp4', None)
    """
    return next((found for mark in _without_format(_parts(name))[1] if (found := _FORMATS.get(mark))), None)


def _parts(name: str) -> list[str]:
    """The words of the last folder of a path or repository that is a name; a name of a format alone is not."""
    path = name.strip().casefold().replace("\\", "/")
    cached = _IN_CACHE.search(path)
    folders = [cached[1]] if cached else [part for part in path.split("/") if part and not _HASH.fullmatch(part)]
    for folder in reversed(folders):
        words = re.sub(r"quantized\.(?=w\d)", "quantized-", folder).replace("_", "-").split("-")
        if _without_format(words)[0]:
            return words
    return []


def _core(name: str) -> str:
    """A catalog name without what does not tell networks apart; a date in it does."""
    return "-".join(_without_tuning(_parts(name)))


def _without_format(words: list[str]) -> tuple[list[str], list[str]]:
    """Words before the number format at the end, and those of the format."""
    end = len(words)
    for i in range(len(words) - 1, -1, -1):
        if words[i] in _FORMATS:
            end = i
        elif words[i] not in _DETAILS:
            break
    return words[:end], words[end:]


def _without_tuning(words: list[str]) -> list[str]:
    words = words[1:] if words[:1] == ["meta"] else words  # Meta-Llama-3.1-8B, as it was first called
    return [word for word in words if word not in _TUNINGS]


def _without_revision(words: list[str]) -> list[str]:
    if not words:
        return words
    named = _REVISIONS.get(words[-1]) == "-".join(words[:-1])
    return words[:-1] if named or _DATE.fullmatch(words[-1]) else words
