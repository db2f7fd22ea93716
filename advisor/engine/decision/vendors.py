"""The gap between the vendors, and how much of it is what the team would pay for the stack."""

from __future__ import annotations

from advisor.domain.record import record
from advisor.engine.decision.simulate import Comparison, Run


@record
class VendorGap:
    """Best AMD against best NVIDIA."""

    gap_usd_per_month: float | None
    """Best AMD minus best NVIDIA, risk-adjusted; negative where AMD leads."""
    skill_usd_per_month: float | None
    text: str


def vendor_gap(comparison: Comparison) -> VendorGap:
    """Gap, with the stack premium inside it, in a sentence."""
    amd, nvidia = _first(comparison, "AMD"), _first(comparison, "NVIDIA")
    skill = None
    if amd is not None and amd.cost.stack_premium is not None:
        skill = amd.cost.stack_premium.usd_per_month
    if amd is None or nvidia is None:
        return VendorGap(None, skill, "")
    gap = amd.risk_adjusted - nvidia.risk_adjusted
    share = abs(gap) / nvidia.risk_adjusted
    side = "above" if gap >= 0 else "below"
    text = f"{amd.name} lies USD {abs(gap):,.0f} a month ({share:.0%}) {side} {nvidia.name}"
    if skill:
        text += f", of which USD {skill:,.0f} is engineering for ROCm"
        if gap >= 0 and gap < skill:
            text += f": without it {amd.name} would lead"
        elif gap < 0:
            text += " already paid for"
    return VendorGap(gap, skill, text + ".")


def _first(comparison: Comparison, vendor: str) -> Run | None:
    return next((run for run in comparison.runs if run.vendor == vendor), None)
