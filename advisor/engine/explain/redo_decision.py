"""Verdict, risk and the parts of a decision reckoned again from other fields of the tree."""

from __future__ import annotations

import math

from advisor.domain.decision import Decision, Negotiation, ProbePlan, SplitOption, TornadoBar, WaitOption
from advisor.domain.recommendation import Candidate, Choice, Recommendation, Verdict
from advisor.domain.risk import Risk
from advisor.engine.explain.shared import Redone, candidate_of
from advisor.engine.tree_path import Place


def choice(c: Choice, _: Place, tree: Recommendation) -> Redone:
    """What to get."""
    found = candidate_of(tree, c.accelerator)
    if found is None or found.fleet is None or found.cost is None:
        return {}
    out = {"usd_per_month": (f"cost.usd_per_month.p50 of {c.accelerator}", found.cost.usd_per_month.p50)}
    if found.fleet.gpus == c.gpus:
        out["gpus"] = (f"fleet.gpus of {c.accelerator}", float(found.fleet.gpus))
    out["nodes"] = (f"{c.gpus} GPUs / {found.fleet.gpus_per_node} a node", float(c.gpus // found.fleet.gpus_per_node))
    return out


def verdict(v: Verdict, _: Place, tree: Recommendation) -> Redone:
    """Confidence."""
    found = candidate_of(tree, v.choice.accelerator if v.choice is not None else None)
    if found is None:
        return {}
    return {"confidence": (f"p_cheapest of {found.accelerator}", min(1.0, found.p_cheapest))}


def candidate(c: Candidate, _: Place, tree: Recommendation) -> Redone:
    """Rank."""
    mine = c.risk_adjusted_usd_per_month
    if mine is None:
        return {}
    better = sum((o.risk_adjusted_usd_per_month or math.inf) < mine for o in tree.candidates)
    return {"rank": (f"1 + {better} candidates with a lower risk-adjusted cost", 1.0 + better)}


def risk(r: Risk, _: Place, __: Recommendation) -> Redone:
    """Tail of a risk."""
    p, e = r.likelihood_per_year.high, r.effect_usd.high
    return {"tail_usd_per_month": (f"{p:.4f} x {e:,.0f} / 12, likelihood and effect both high", p * e / 12)}


def bar(b: TornadoBar, _: Place, __: Recommendation) -> Redone:
    """Swing of an input."""
    if b.lead_at_low_usd is None or b.lead_at_high_usd is None:
        return {"swing_usd": ("cost at high - cost at low", b.cost_at_high_usd - b.cost_at_low_usd)}
    return {
        "swing_usd": (
            f"lead {b.lead_at_high_usd:,.2f} at high - {b.lead_at_low_usd:,.2f} at low",
            b.lead_at_high_usd - b.lead_at_low_usd,
        )
    }


def plan(p: ProbePlan, _: Place, tree: Recommendation) -> Redone:
    """The probe that is planned."""
    info = tree.decision.information if tree.decision is not None else None
    found = candidate_of(tree, p.accelerator)
    out: Redone = {}
    for probe in info.probes if info is not None else ():
        if (probe.accelerator, probe.hours) == (p.accelerator, p.hours):
            out["budget_usd"] = (f"price of the probe of {p.hours:g} h on {p.accelerator}", probe.price_usd)
    if found is not None and found.operating_point is not None:
        point = found.operating_point
        if not any(tier.traffic.prefix_cache_hit_rate for tier in tree.profile.tiers):
            out["expected_output_tps_per_gpu"] = ("operating_point.output_tps_per_gpu there", point.output_tps_per_gpu)
        out["concurrency"] = ("operating_point.concurrency there", float(point.concurrency))
    return out


def split(s: SplitOption, _: Place, __: Recommendation) -> Redone:
    """Terms of a split."""
    total = (
        s.hardware_usd_per_month + s.lost_discount_usd_per_month + s.second_stack_usd_per_month
        - s.leverage_usd_per_month
    )  # fmt: skip
    out: Redone = {}
    for i, p in enumerate(s.parts):
        mine = [t for t in s.tiers if t.tier in p.tiers]
        out[f"parts[{i}].usd_per_month"] = ("sum over its tiers", sum(t.usd_per_month for t in mine))
        if len(mine) > 1:
            needed = " + ".join(f"{t.gpus:,}" for t in mine)
            out[f"parts[{i}].gpus_needed"] = (f"{needed} GPUs in replicas", float(sum(t.gpus for t in mine)))
        for name, share in zip(p.tiers, p.shares, strict=True):
            at = next(n for n, t in enumerate(s.tiers) if t.tier == name)
            text = f"{share:.6f} x USD {p.usd_per_month:,.2f} of the nodes on {p.accelerator}"
            out[f"tiers[{at}].usd_per_month"] = (text, share * p.usd_per_month)
    return out | {
        "hardware_usd_per_month": ("sum over the tiers", sum(t.usd_per_month for t in s.tiers)),
        "usd_per_month": ("hardware + discount lost + second stack - leverage", total),
        "gain_usd_per_month": (
            f"{s.single_usd_per_month:,.2f} - {s.usd_per_month:,.2f}", s.single_usd_per_month - s.usd_per_month
        ),
    }  # fmt: skip


def wait(w: WaitOption, _: Place, tree: Recommendation) -> Redone:
    """Terms of waiting."""
    out: Redone = {}
    if w.speedup_low is not None and w.speedup_high is not None:
        middle = math.sqrt(w.speedup_low * w.speedup_high)
        out["speedup_typical"] = (f"sqrt({w.speedup_low:.4g} x {w.speedup_high:.4g})", middle)
    best = candidate_of(tree, tree.decision.choice if tree.decision is not None else None)
    if best is not None and best.risk_adjusted_usd_per_month is not None and w.usd_per_month is not None:
        now = best.risk_adjusted_usd_per_month
        out["saving_usd_per_month"] = (
            f"{now:,.2f} now, risk-adjusted - {w.usd_per_month:,.2f} waiting", now - w.usd_per_month
        )  # fmt: skip
    return out


def negotiation(n: Negotiation, _: Place, tree: Recommendation) -> Redone:
    """Prices to negotiate with."""
    out: Redone = {}
    best = candidate_of(tree, n.seller_of)
    if best is not None and best.cost is not None and best.cost.price is not None:
        price, off = best.cost.price, tree.profile.procurement.volume_discount
        off = 0.0 if price.firmness == "user quote" else off
        promised = f" x (1 - {off:g}), the discount promised" if off else ""
        out["today_usd"] = (f"cost.price.typical of {n.seller_of}{promised}", price.typical * (1 - off))
        if n.discount_high is not None:
            seen = price.typical * (1 - n.discount_high)
            out["target_usd"] = (f"{price.typical:,.2f} x (1 - {n.discount_high:g})", seen)
    for name, subject in (("walk_away_usd", n.seller_of), ("runner_up_wins_below_usd", n.runner_up)):
        for b in tree.decision.break_evens if tree.decision is not None else ():
            if b.variable == "price" and b.subject == subject and b.rival == n.runner_up and b.value is not None:
                out[name] = (f"decision.break_evens: price of {subject} against {b.rival}", b.value)
    return out


def decision(_: Decision, __: Place, tree: Recommendation) -> Redone:
    """Gaps between the vendors."""
    ranked = sorted((c for c in tree.candidates if c.rank is not None), key=lambda c: c.rank or 0)
    first = {v: next((c for c in ranked if c.vendor == v), None) for v in ("AMD", "NVIDIA")}
    amd, nvidia = first["AMD"], first["NVIDIA"]
    out: Redone = {
        "draws": ("draws of the answer", float(tree.draws)),
        "seed": ("seed of the answer", float(tree.seed)),
    }
    if amd is not None and amd.cost is not None and amd.cost.stack_premium is not None:
        out["skill_gap_usd_per_month"] = (
            f"cost.stack_premium of {amd.accelerator}", amd.cost.stack_premium.usd_per_month
        )  # fmt: skip
    if amd is not None and nvidia is not None:
        a, b = amd.risk_adjusted_usd_per_month or 0.0, nvidia.risk_adjusted_usd_per_month or 0.0
        out["vendor_gap_usd_per_month"] = (
            f"{a:,.2f} of {amd.accelerator} - {b:,.2f} of {nvidia.accelerator}, risk-adjusted", a - b
        )
    return out
