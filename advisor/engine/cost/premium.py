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
from advisor.engine.cost.fleets import Sizes
from advisor.engine.cost.levels import Level, between
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
class Staff:
    """Extra engineers as a function of the fleet, and one-off weeks, at one end of their bands or in between."""

    per_gpu: float
    floor: float
    features: float
    weeks: float

    def engineers(self, gpus: ArrayLike) -> FloatArray:
        """Extra engineers, ``max(floor, per_gpu x GPUs) + features``."""
        fleet = np.asarray(gpus, dtype=float)
        return np.asarray(np.maximum(self.floor, self.per_gpu * fleet) + self.features)


NOBODY = Staff(0.0, 0.0, 0.0, 0.0)


@record
class PremiumRule:
    """What a stack takes, typically and at the ends of its bands; both move together, each within its own."""

    stack: str
    typical: Staff
    low: Staff
    high: Staff
    features: tuple[str, ...]
    overruled: bool
    inputs: tuple[Quantity, ...]

    @property
    def weeks(self) -> float:
        """One-off engineer-weeks, typically."""
        return self.typical.weeks

    @property
    def nobody(self) -> bool:
        """Whether no engineers and no weeks are needed, whatever the fleet and at either end of a band."""
        return self.low == self.typical == self.high == NOBODY

    @property
    def uncertain(self) -> bool:
        """Whether any of it has a band."""
        return self.low != self.high

    def engineers(self, gpus: ArrayLike, at: Level = 0.0) -> FloatArray:
        """Extra engineers of a fleet, `at` between the low end (-1), typical (0) and the high one (+1)."""
        return self.engineers_of(Sizes(np.asarray(gpus)), at)

    def engineers_of(self, gpus: Sizes, at: Level) -> FloatArray:
        """`engineers` of the fleets of several cases, GPUs by distinct fleet."""
        sure = isinstance(at, float) and at == 0.0
        typical = gpus.each(self.typical.engineers(gpus.rows))
        if sure:
            return typical
        low, high = (gpus.each(staff.engineers(gpus.rows)) for staff in (self.low, self.high))
        return between(typical, low, high, at)

    def weeks_at(self, at: Level = 0.0) -> FloatArray:
        """One-off engineer-weeks, `at` as in `engineers`."""
        return between(self.typical.weeks, self.low.weeks, self.high.weeks, at)


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
    low, typical, high = (
        Staff(per_gpu=per_gpu[i], floor=floor[i], features=feature_band[i], weeks=weeks[i]) for i in range(3)
    )
    return PremiumRule(
        stack="rocm" if amd else "cuda",
        typical=typical,
        low=low,
        high=high,
        features=tuple(texts),
        overruled=overruled,
        inputs=tuple(inputs),
    )


def stack_premium(
    rule: PremiumRule, gpus: float, engineer_usd: float, annuity_months: float, usd_per_month: float
) -> StackPremium:
    """The premium at typical inputs, for the result tree."""
    p = rule.typical
    base = float(np.maximum(p.floor, p.per_gpu * gpus))
    running = float(rule.engineers(gpus)) * engineer_usd / 12
    once = rule.weeks * engineer_usd / 52
    total = running + once / annuity_months
    formula = (
        f"(max({p.floor:g}, {p.per_gpu:g} x {gpus:g} GPUs) + {p.features:g}) FTE x"
        f" {engineer_usd:,.0f} / 12 + {rule.weeks:g} weeks x {engineer_usd:,.0f} / 52 / {annuity_months:.2f} months"
        f" = {total:,.0f} USD/month"
    )
    return StackPremium(
        stack=rule.stack,
        base_engineers=base,
        feature_engineers=p.features,
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
