"""Public claims, each with our recomputation and the verdict that follows from it."""

from __future__ import annotations

from datetime import date

from advisor.catalog import Catalog
from advisor.domain.claim_check import ClaimCheck
from advisor.domain.claims import Claim
from advisor.domain.errors import AdvisorError
from advisor.engine.claims import arithmetic, hardware, market, opinion, speed, tco_case  # noqa: F401 - register
from advisor.engine.claims.base import CHECKS, Context, Outcome, Recommend, missing

__all__ = ["check_claim", "check_claims"]


def check_claims(catalog: Catalog, as_of: date, recommend: Recommend | None = None) -> tuple[ClaimCheck, ...]:
    """Every claim of the catalog with a verdict.

    Parameters
    ----------
    recommend
        Runs a bundled profile; claims that are advice need it and stay unverifiable without.
    """
    return tuple(check_claim(claim, catalog, as_of, recommend) for claim in catalog.claims)


def check_claim(claim: Claim, catalog: Catalog, as_of: date, recommend: Recommend | None = None) -> ClaimCheck:
    """One claim; one that no check knows is unverifiable and says so."""
    check = CHECKS.checks.get(claim.id)
    if check is None:
        return _shown(claim, missing("no check is known for it"))
    try:
        return _shown(claim, check(Context(claim, catalog, as_of, recommend)))
    except AdvisorError as error:
        return _shown(claim, missing(f"the program could not compute it: {error}"))


def _shown(claim: Claim, outcome: Outcome) -> ClaimCheck:
    return ClaimCheck(
        id=claim.id,
        subject=claim.subject,
        metric=claim.metric,
        claimed=claim.claimed,
        unit=claim.unit,
        conditions=claim.conditions,
        published=claim.provenance.as_of,
        source_id=claim.provenance.source_id,
        verdict=outcome.verdict,
        ours=outcome.ours,
        ours_value=outcome.value,
        formula=outcome.formula,
        evidence=outcome.evidence,
        rule=outcome.rule,
        computed=outcome.computed,
        row_ids=outcome.row_ids,
        source_ids=outcome.source_ids,
    )
