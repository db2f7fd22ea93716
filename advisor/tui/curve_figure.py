"""What the Curves screen shows of the tree: one curve in front, those to compare it with, and the words under it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.content import Content

from advisor.tui import format as f
from advisor.tui.widgets.plot import Figure, Series
from advisor.tui.widgets.tones import content

if TYPE_CHECKING:
    from advisor.domain.profile import Workload
    from advisor.domain.recommendation import Candidate, Recommendation
    from advisor.domain.sizing import CurvePoint, Deployment, DeploymentCurve

LOOKS = (("s2", "▲"), ("s3", "■"), ("s4", "▼"), ("dim", "×"))
MEASURED = ("head", "◆")
"""In the hue of the curve in front, whose part they are of, and of no rival's."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One curve of a candidate."""

    candidate: Candidate
    tier: str
    model_id: str
    deployment: Deployment | None
    points: tuple[CurvePoint, ...]
    concurrency: int | None
    """The load that was chosen, or that yields most within the service level."""
    own: bool
    """Whether the answer chose it."""

    @property
    def estimates(self) -> list[CurvePoint]:
        """Its estimated points."""
        return [p for p in self.points if p.kind == "estimate"]

    @property
    def measured(self) -> list[CurvePoint]:
        """Measured points beside it."""
        return [p for p in self.points if p.kind == "measured"]

    @property
    def at(self) -> int:
        """Index of the chosen load among the estimates."""
        wanted, points = self.concurrency, self.estimates
        if wanted is None or not points:
            return 0
        return min(range(len(points)), key=lambda i: abs(points[i].concurrency - wanted))


def workload_of(answer: Recommendation, tier: str) -> Workload:
    """The workload of a name; the first where there is none."""
    return next((w for w in answer.profile.tiers if w.name == tier), answer.profile.tiers[0])


def own_curve(answer: Recommendation, candidate: Candidate, tier: str) -> Shown:
    """The curve of the deployment that the answer chose for a workload."""
    plan = next((t for t in candidate.tiers if t.name == tier), None)
    model = workload_of(answer, tier).model.id or "model"
    if plan is not None:
        point = plan.operating_point
        return Shown(candidate, tier, plan.model_id, plan.deployment, plan.curve, point.concurrency, True)
    point_or_none = candidate.operating_point
    load = point_or_none.concurrency if point_or_none is not None else None
    return Shown(candidate, tier, model, candidate.deployment, candidate.curve, load, True)


def other_curve(candidate: Candidate, curve: DeploymentCurve) -> Shown:
    """The curve of another deployment."""
    return Shown(candidate, curve.tier, curve.model_id, curve.deployment, curve.points, curve.best_concurrency, False)


def figure(
    answer: Recommendation, shown: Shown, *, own: Shown | None, cost: bool, alone: bool, log: bool
) -> Figure:
    """The plot: other candidates, the answer's own deployment where another is shown, the curve in front."""
    series: list[Series] = []
    rivals = [] if alone else [c for c in answer.candidates if c is not shown.candidate and c.curve][:4]
    for rival, (tone, mark) in zip(rivals, LOOKS, strict=False):
        of = own_curve(answer, rival, shown.tier)
        series.append(_line(f.short(rival.accelerator), of, tone, mark, cost, False))
    if own is not None and own is not shown and own.deployment is not None:
        series.append(_line(f"chosen: {own.deployment.label}", own, "strong", "○", cost, False))
    name = f.short(shown.candidate.accelerator)
    label = f" {shown.deployment.label}" if shown.deployment else ""
    series.append(_line(f"{name}{label}", shown, "s1", "", cost, True))
    pairs = _pairs(shown.measured, cost)
    if pairs:
        shape = shown.measured[0].label.rpartition(", ")[2]
        xs, ys = tuple(x for x, _ in pairs), tuple(y for _, y in pairs)
        tone, mark = MEASURED
        series.append(Series("measured", f"measured, {name} ({shape})", xs, ys, tone, mark, False))
    slo = workload_of(answer, shown.tier).slo
    return Figure(
        series=tuple(s for s in series if s.xs), x_title="tok/s per user (1/TPOT) →",
        y_title="↑ USD per million output tokens, GPUs fully loaded" if cost else "↑ output tok/s per GPU",
        limit_x=1000.0 / slo.tpot_ms if slo.tpot_ms else None,
        limit_name=f"TPOT {slo.tpot_ms:g} ms" if slo.tpot_ms else "", chosen=_chosen(shown, cost), log_y=log,
        empty=_why_empty(shown, cost),
    )  # fmt: skip


def _chosen(shown: Shown, cost: bool) -> tuple[float, float] | None:
    if shown.concurrency is None or not shown.estimates:
        return None
    pairs = _pairs([shown.estimates[shown.at]], cost)
    return pairs[0] if pairs else None


def _why_empty(shown: Shown, cost: bool) -> str:
    name = shown.candidate.name
    if cost and shown.points:
        return f"{name}: no cost per token, because it has no price here.\nPress v for throughput."
    return f"{name}: no curve.\n{shown.candidate.infeasible_reason}"


def _pairs(points: Sequence[CurvePoint], cost: bool) -> list[tuple[float, float]]:
    ys = [p.usd_per_mtok_output if cost else p.output_tps_per_gpu for p in points]
    return [(p.interactivity_tps, y) for p, y in zip(points, ys, strict=True) if y is not None]


def _line(name: str, shown: Shown, tone: str, mark: str, cost: bool, front: bool) -> Series:
    points = shown.estimates
    pairs = _pairs(points, cost)
    lows = tuple(p.output_tps_lo for p in points) if front and not cost else ()
    highs = tuple(p.output_tps_hi for p in points) if front and not cost else ()
    xs, ys = tuple(x for x, _ in pairs), tuple(y for _, y in pairs)
    return Series(f"{shown.candidate.accelerator} {name}", name, xs, ys, tone, mark, True, lows, highs, walk=front)


def point_text(shown: Shown, index: int) -> Content:
    """One point of the curve in words."""
    candidate, estimates = shown.candidate, shown.estimates
    if not estimates:
        return content((f"{candidate.name}: no curve. {candidate.infeasible_reason}", "dim"))
    p = estimates[min(index, len(estimates) - 1)]
    rate = p.usd_per_mtok_output
    money = f", {f.usd(rate)} per Mtok out at full load" if rate is not None else ""
    return content(
        (f"{f.short(candidate.accelerator)} ", "strong"), f"{p.concurrency:,} at once per replica: ",
        (f"{p.output_tps_per_gpu:,.0f} output tok/s per GPU", "strong"),
        f" ({p.output_tps_lo:,.0f} to {p.output_tps_hi:,.0f}), {p.interactivity_tps:.3g} tok/s per user, TTFT"
        f" {f.seconds(p.ttft_p50_s)}, TPOT {f.seconds(p.tpot_p50_s)}{money}. ",
        ("✓ meets the service level" if p.meets_slo else "✗ misses the service level",
         "good" if p.meets_slo else "bad"),
    )  # fmt: skip
