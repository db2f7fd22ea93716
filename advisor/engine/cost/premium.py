"""What it costs a team to run a stack that it knows less well, or that supports less of what it uses.

The base is the published anchor (2 engineers per 800 accelerators) scaled by experience, with a floor for small
fleets; one-off migration weeks and a surcharge per partly supported feature are added. Headcount and weeks of a profile
overrule all of it; a catalog file of one's own overrules each number.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from advisor.catalog import Catalog
from advisor.domain.cost import StackPremium
from advisor.domain.profile import Profile
from advisor.domain.provenance import Quantity
from advisor.domain.record import record
from advisor.engine.sized import FloatArray, SizedCandidate

Feature = tuple[str, str, str]
"""(feature, status, reason)."""

SURCHARGE = {
    "partial": "feature_partial_engineers",
    "experimental": "feature_experimental_engineers",
    "unsupported": "feature_missing_engineers",
    "none": "feature_missing_engineers",
}


@record
class PremiumRule:
    """Extra engineers as a function of the fleet, and one-off weeks."""

    stack: str
    per_gpu: float
    floor: float
    feature_engineers: float
    weeks: float
    low: float
    """Low end of the whole premium over its typical value."""
    high: float
    features: tuple[str, ...]
    overruled: bool
    inputs: tuple[Quantity, ...]

    @property
    def nobody(self) -> bool:
        """Whether no engineers and no weeks are needed, whatever the fleet."""
        return not (self.per_gpu or self.floor or self.feature_engineers or self.weeks)

    def engineers(self, gpus: ArrayLike, scale: ArrayLike = 1.0) -> FloatArray:
        """Extra engineers, ``(max(floor, per_gpu x GPUs) + features) x scale``."""
        fleet = np.asarray(gpus, dtype=float)
        base = np.maximum(self.floor, self.per_gpu * fleet)
        return np.asarray((base + self.feature_engineers) * np.asarray(scale, dtype=float))


def premium_rule(
    profile: Profile, sized: SizedCandidate, catalog: Catalog, features: Sequence[Feature]
) -> PremiumRule:
    """The rule of one candidate; `features` are those in use that its engine supports less than fully."""
    team, defaults = profile.team, catalog.decision_defaults
    amd = sized.accelerator.vendor == "AMD"
    inputs: list[Quantity] = []

    def take(name: str) -> Quantity:
        quantity = defaults[name]
        inputs.append(quantity)
        return quantity

    per_gpu = floor = weeks = (0.0, 0.0, 0.0)
    if amd:
        anchor, factor = take("stack_engineers_per_gpu").band, take(f"stack_experience_{team.rocm_experience}").band
        per_gpu = _times(anchor, factor)
        floor = take(f"rocm_floor_{team.rocm_experience}").band
        weeks = take(f"rocm_migration_weeks_{team.rocm_experience}").band
    elif team.cuda_experience == "none":
        floor = take("cuda_floor_none").band
    overruled = False
    if amd and team.rocm_extra_engineers is not None:
        floor, per_gpu, overruled = _fixed(team.rocm_extra_engineers), _fixed(0.0), True
        inputs.append(_own("rocm_extra_engineers", team.rocm_extra_engineers, "FTE"))
    extra: list[tuple[float, float, float]] = []
    texts: list[str] = []
    for feature, status, reason in features:
        band = take(SURCHARGE[status]).band
        extra.append(band)
        texts.append(f"{feature}: {status}, {band[1]:g} FTE ({reason})")
    if amd and team.custom_kernels:
        band, port = take("custom_kernel_engineers").band, take("custom_kernel_weeks").band
        extra.append(band)
        weeks = _plus(weeks, port)
        texts.append(f"custom kernels: {band[1]:g} FTE and {port[1]:g} engineer-weeks to port them")
    if amd and team.rocm_migration_weeks is not None:
        weeks, overruled = _fixed(team.rocm_migration_weeks), True
        inputs.append(_own("rocm_migration_weeks", team.rocm_migration_weeks, "engineer-weeks"))
    if amd and team.rocm_extra_engineers is not None:
        extra, texts = [], [f"{text}; counted in your own figure" for text in texts]
    feature_band = (sum(e[0] for e in extra), sum(e[1] for e in extra), sum(e[2] for e in extra))
    gpus = sized.tiers[0].fleet.gpus if len(sized.tiers) == 1 else sum(t.fleet.gpus_needed for t in sized.tiers)
    totals = [max(floor[i], per_gpu[i] * gpus) + feature_band[i] + weeks[i] / 52 for i in range(3)]
    certain = team.rocm_extra_engineers is not None and team.rocm_migration_weeks is not None and amd
    return PremiumRule(
        stack="rocm" if amd else "cuda",
        per_gpu=per_gpu[1],
        floor=floor[1],
        feature_engineers=feature_band[1],
        weeks=weeks[1],
        low=1.0 if certain or totals[1] <= 0 else totals[0] / totals[1],
        high=1.0 if certain or totals[1] <= 0 else totals[2] / totals[1],
        features=tuple(texts),
        overruled=overruled,
        inputs=tuple(inputs),
    )


def stack_premium(
    rule: PremiumRule, gpus: float, engineer_usd: float, annuity_months: float, usd_per_month: float
) -> StackPremium:
    """The premium at typical inputs, for the result tree."""
    base = float(np.maximum(rule.floor, rule.per_gpu * gpus))
    running = float(rule.engineers(gpus)) * engineer_usd / 12
    once = rule.weeks * engineer_usd / 52
    total = running + once / annuity_months
    formula = (
        f"(max({rule.floor:g}, {rule.per_gpu:g} x {gpus:g} GPUs) + {rule.feature_engineers:g}) FTE x"
        f" {engineer_usd:,.0f} / 12 + {rule.weeks:g} weeks x {engineer_usd:,.0f} / 52 / {annuity_months:.2f} months"
        f" = {total:,.0f} USD/month"
    )
    return StackPremium(
        stack=rule.stack,
        base_engineers=base,
        feature_engineers=rule.feature_engineers,
        migration_weeks=rule.weeks,
        engineer_usd_per_year=engineer_usd,
        usd_per_month=total,
        share_of_cost=total / usd_per_month if usd_per_month else 0.0,
        formula=formula,
        features=rule.features,
        overruled=rule.overruled,
        inputs=rule.inputs,
    )


def _times(a: tuple[float, float, float], b: tuple[float, float, float]) -> tuple[float, float, float]:
    return (a[0] * b[0], a[1] * b[1], a[2] * b[2])


def _plus(a: tuple[float, float, float], b: tuple[float, float, float]) -> tuple[float, float, float]:
    return (a[0] + b[0], a[1] + b[1], a[2] + b[2])


def _fixed(value: float) -> tuple[float, float, float]:
    return (value, value, value)


def _own(name: str, value: float, unit: str) -> Quantity:
    return Quantity(name=name, value=value, unit=unit, source_id="profile", kind="user")
