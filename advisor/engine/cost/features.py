"""Features in use that the engine of a candidate supports less than fully, for the surcharge on engineering."""

from __future__ import annotations

from advisor.catalog import Catalog
from advisor.domain.profile import Profile
from advisor.engine.cost.premium import SURCHARGE, Feature
from advisor.engine.gates import software_findings
from advisor.engine.sized import SizedCandidate


def limited_features(profile: Profile, sized: SizedCandidate, catalog: Catalog) -> tuple[Feature, ...]:
    """(feature, status, reason) of each feature in use with partial, experimental or no support, each once."""
    out: dict[str, Feature] = {}
    for tier in sized.tiers:
        deployment = tier.deployment
        findings = software_findings(
            profile, sized.accelerator, deployment.engine, deployment.precision, catalog
        )
        for finding in findings.features:
            if finding.status in SURCHARGE:
                out.setdefault(finding.feature, (finding.feature, finding.status, finding.reason))
    return tuple(out.values())
