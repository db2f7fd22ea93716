"""Names in a profile that must be known to the catalog: a misspelt one would be passed over in silence."""

from __future__ import annotations

from collections.abc import Iterable

from advisor.catalog import Catalog
from advisor.domain.errors import ProfileError, did_you_mean
from advisor.domain.profile import Profile
from advisor.engine.gates.software import engine_names

ENGINES = ("vllm", "sglang", "trt", "tensorrt-llm", "atom", "dynamo", "tgi", "llama.cpp")


def check_names(profile: Profile, catalog: Catalog) -> None:
    """Refuse quotes and overrides for what does not exist, and engines that are nearly another's name.

    Raises
    ------
    ProfileError
        With the field, the name and the nearest known one.
    """
    parts = {*catalog.accelerators, *catalog.incomplete_accelerators}
    risks = {template.id for template in catalog.risk_register}
    own = profile.overrides
    for i, quote in enumerate(profile.procurement.quotes):
        _known(f"procurement.quotes[{i}].accelerator", quote.accelerator, parts)
    for name in own.throughput_factor:
        _known("overrides.throughput_factor", name, parts)
    for field, names in (("risk_likelihood", own.risk_likelihood), ("risk_effect_usd", own.risk_effect_usd)):
        for name in names:
            _known(f"overrides.{field}", name, risks)
    for engine in profile.team.engines:
        hint = did_you_mean(engine, ENGINES) if engine_names(engine) == (engine,) else ""
        if hint:  # an engine that the catalog has never met may still be yours
            raise ProfileError(f'team.engines: unknown engine "{engine}"{hint}')


def _known(field: str, name: str, known: Iterable[str]) -> None:
    names = sorted(known)
    if name not in names:
        hint = did_you_mean(name, names) or f"; known: {', '.join(names)}"
        raise ProfileError(f'{field}: unknown name "{name}"{hint}')
