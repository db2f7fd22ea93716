"""Features in use that the engine of a candidate supports less than fully, for the surcharge on engineering."""

from __future__ import annotations

from advisor.catalog import Catalog
from advisor.domain.findings import SoftwareFindings
from advisor.domain.profile import Profile
from advisor.engine.cost.premium import SURCHARGE, Feature
from advisor.engine.gates import software_findings
from advisor.engine.sized import SizedCandidate

PRICED_APART = frozenset({"custom_kernels", "official_support"})
"""Own kernels have a surcharge of their own; support of the part itself is no feature."""


def findings_of(profile: Profile, sized: SizedCandidate, catalog: Catalog) -> tuple[SoftwareFindings, ...]:
    """What the support table says of each tier's deployment, each engine and precision once."""
    key = ("findings", id(profile), id(catalog))
    known: tuple[SoftwareFindings, ...] | None = sized.memo.get(key)
    if known is not None:
        return known
    out: dict[tuple[str, str], SoftwareFindings] = {}
    for tier in sized.tiers:
        d = tier.deployment
        if (d.engine, d.precision) not in out:
            out[d.engine, d.precision] = software_findings(
                profile, sized.accelerator, d.engine, d.precision, catalog, d
            )
    sized.memo[key] = tuple(out.values())
    return tuple(out.values())


def limited_features(profile: Profile, sized: SizedCandidate, catalog: Catalog) -> tuple[Feature, ...]:
    """(feature, status, reason) of each feature in use with partial, experimental or no support, each once."""
    out: dict[str, Feature] = {}
    for findings in findings_of(profile, sized, catalog):
        for found in findings.features:
            if found.status in SURCHARGE and found.feature not in PRICED_APART:
                reason = found.why + (f"; {found.detail}" if found.detail else "")
                out.setdefault(found.feature, (found.feature, found.status, reason))
    return tuple(out.values())
