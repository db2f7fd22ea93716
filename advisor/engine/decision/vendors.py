"""The gap between the vendors, and how much of it is what the team would pay for the stack."""

from __future__ import annotations

from advisor.domain.record import record
from advisor.domain.text import percent, told_usd
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
    text = f"{amd.name} lies USD {told_usd(abs(gap))} a month ({percent(share)}) {side} {nvidia.name}"
    if skill and gap < 0:
        text += f", with USD {told_usd(skill)} of engineering for ROCm paid"
    elif skill and gap < skill:
        text += f"; engineering for ROCm costs USD {told_usd(skill)}: without it {amd.name} would lead"
    elif skill:
        text += f", of which USD {told_usd(skill)} is engineering for ROCm"
    return VendorGap(gap, skill, text + ".")


def _first(comparison: Comparison, vendor: str) -> Run | None:
    return next((run for run in comparison.runs if run.vendor == vendor), None)
