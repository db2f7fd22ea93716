"""Features in use that the engine of a candidate supports less than fully, for the surcharge on engineering."""

from __future__ import annotations

from advisor.catalog import Catalog
from advisor.domain.hardware import Accelerator, kindred
from advisor.domain.model import ModelSpec
from advisor.domain.profile import Profile
from advisor.domain.sizing import Deployment
from advisor.engine.cost.premium import SURCHARGE, Feature
from advisor.engine.gates import software_findings
from advisor.engine.gates.software import served_model
from advisor.engine.sized import SizedCandidate

PRICED_APART = frozenset({"custom_kernels", "official_support"})
"""Own kernels have a surcharge of their own; support of the part itself is no feature."""

FORMATS = frozenset({"fp8", "fp4", "int4_awq_gptq"})
SPLIT_SERVING = "disagg_prefill"


def limited_features(profile: Profile, sized: SizedCandidate, catalog: Catalog) -> tuple[Feature, ...]:
    """(feature, status, reason) of each feature in use with partial, experimental or no support, each once.

    To allow separate GPUs for prefill and decode is not to use them: only a deployment that does is charged for it. Nor
    is a number format at which others have run this very model in this engine, on the part or on its kin: how fast it
    is stands in the estimate, and nobody has to make it work.
    """
    key = ("limited features", id(profile), id(catalog))
    known: tuple[Feature, ...] | None = sized.memo.get(key)
    if known is not None:
        return known
    out: dict[str, Feature] = {}
    place = {workload.name: i for i, workload in enumerate(profile.tiers)}
    for d, i in dict.fromkeys((tier.deployment, place[tier.name]) for tier in sized.tiers):
        findings = software_findings(profile, sized.accelerator, d.engine, d.precision, catalog, d, i)
        for found in findings.features:
            if found.status not in SURCHARGE or found.feature in PRICED_APART:
                continue
            if found.feature == SPLIT_SERVING and not d.disagg:
                continue
            if found.feature in FORMATS and _has_run(d, served_model(profile, catalog, i), sized.accelerator, catalog):
                continue
            reason = found.why + (f"; {found.detail}" if found.detail else "")
            out.setdefault(found.feature, (found.feature, found.status, reason))
    sized.memo[key] = tuple(out.values())
    return tuple(out.values())


def _has_run(d: Deployment, model: ModelSpec | None, accelerator: Accelerator, catalog: Catalog) -> bool:
    """Whether others had run the model so by the day on which the catalog is known."""
    return model is not None and any(
        m.engine == d.engine and m.precision == d.precision and m.model in model.measured_as and not m.known_bad
        and m.known_on(catalog.known_by)
        for part in (accelerator.id, *kindred(accelerator, catalog.accelerators.values()))
        for m in catalog.measurements_of.get(part, ())
    )
