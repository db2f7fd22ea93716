"""Why a candidate may not be taken, or only on a condition; each finding names its rule and its source."""

from __future__ import annotations

from datetime import date

from advisor.catalog import Catalog
from advisor.domain.gates import Gate
from advisor.domain.hardware import Accelerator
from advisor.domain.profile import Profile
from advisor.domain.sizing import Deployment
from advisor.engine.gates.place import legal_gates
from advisor.engine.gates.residency import residency_gate
from advisor.engine.gates.site import cooling_gate, power_gate, rack_gate
from advisor.engine.gates.software import software_findings
from advisor.engine.gates.supply import start_gate, supply_gate
from advisor.engine.gates.tiers import tier_gates

__all__ = ["evaluate_fleet_gates", "evaluate_gates", "software_findings"]


def evaluate_gates(
    profile: Profile, accelerator: Accelerator, catalog: Catalog, as_of: date, *deployments: Deployment | None
) -> tuple[Gate, ...]:
    """Every gate that does not need the size of the fleet.

    Parameters
    ----------
    deployments
        One for each workload, in the order of the profile; None where it could not be laid out.

    Raises
    ------
    InputError
        For a country of the profile that is not known, with suggestions.
    """
    legal = legal_gates(profile.place, accelerator, catalog.export, as_of)
    licence = next((g.delay_weeks for g in legal if g.gate == "export" and g.condition == "licence"), None)
    return (
        *legal,
        *tier_gates(profile, accelerator, deployments, catalog, as_of),
        cooling_gate(profile, accelerator, catalog),
        supply_gate(profile, accelerator, catalog, as_of),
        start_gate(profile, accelerator, catalog, as_of, licence),
        residency_gate(profile, accelerator, catalog),
    )


def evaluate_fleet_gates(
    profile: Profile, accelerator: Accelerator, gpus: int, catalog: Catalog, as_of: date, later: int = 0
) -> tuple[Gate, ...]:
    """Gates on the sized fleet: power and rack density of a site of one's own.

    Parameters
    ----------
    gpus, later
        GPUs of the first year, and those that a purchase comes to by the end of the horizon.
    """
    del as_of  # the site's limits do not change with the date
    return power_gate(profile, accelerator, gpus, catalog, later), rack_gate(profile, accelerator, gpus, catalog, later)
