"""Longer texts about one thing of the answer: a candidate, a gate, a risk. They quote the tree, nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from advisor.report.numbers import words
from advisor.tui import format as f
from advisor.tui.widgets.tones import content, fit

if TYPE_CHECKING:
    from advisor.domain.gates import Gate
    from advisor.domain.recommendation import Candidate, ProbeCheck, Recommendation
    from advisor.domain.risk import Risk
    from advisor.domain.sizing import Deployment, Fleet

SIGN = {"pass": ("✓", "good"), "condition": ("▲", "warn"), "fail": ("✗", "bad")}
LEVEL = {"low": ("▁ low", "good"), "medium": ("▄ medium", "warn"), "high": ("█ high", "bad")}


def lines(*parts: Content) -> Content:
    """Parts under each other."""
    return Content("\n").join(parts)


def headline(answer: Recommendation) -> Content:
    """The verdict with its reasons and what to do next."""
    v = answer.verdict
    sign, word, tone = f.VERDICTS[v.kind]
    parts = [content((f"{sign} {word}  ", tone), (v.headline, "strong")), content((v.reason, "plain"))]
    if v.kind == "infeasible":
        if not v.reason_binds:
            parts.append(content(("What binds: ", "strong"), v.binding_words))
        parts.append(content(("Smallest change: ", "strong"), v.smallest_change))
    else:
        sure = f"{f.share(v.confidence)} sure ({v.confidence_word} confidence)"
        close = "; too close to call: the best two lie within each other's interval" if v.too_close_to_call else ""
        parts.append(content((sure, "strong"), (f"{close}.", "plain")))
    return lines(*parts)


def reasons(answer: Recommendation) -> Content:
    """Three reasons, next steps, how far to trust it."""
    v = answer.verdict
    parts: list[Content] = []
    if v.reasons:
        parts.append(content(("Why\n", "head")))
        parts += [content((f"{i}. ", "strong"), f"{text}\n") for i, text in enumerate(v.reasons, 1)]
    if v.next_steps:
        parts.append(content(("\nWhat to do on Monday\n", "head")))
        parts += [content(("▸ ", "strong"), f"{text}\n") for text in v.next_steps]
    if answer.probes:
        parts.append(content(("\nYour own measurements\n", "head")))
        parts += [content(("· ", "dim"), f"{_probed(p)}\n") for p in answer.probes]
    if answer.backtest is not None:
        parts.append(content(("\nHow often this has been right\n", "head"), f"{answer.backtest.text}\n"))
    if answer.notes:
        parts.append(content(("\nNotes\n", "head")))
        parts += [content(("· ", "dim"), (f"{text}\n", "plain")) for text in answer.notes]
    if answer.attributions:
        parts.append(content(("\n" + "\n".join(answer.attributions), "dim")))
    return Content("").join(parts)


def _probed(probe: ProbeCheck) -> str:
    return (
        f"{f.short(probe.accelerator)} {probe.deployment} at {probe.concurrency} in flight, {probe.measured_on}:"
        f" {probe.text}"
    )


def _run(deployment: Deployment, fleet: Fleet) -> str:
    return f"{deployment.label}, {f.plural(fleet.replicas, 'replica')} of {fleet.gpus_per_replica}"


def why_not(candidate: Candidate, answer: Recommendation) -> Content:
    """A candidate against the choice, in a few lines."""
    choice = answer.verdict.choice
    head = content((candidate.name, "head"), (f"  {candidate.vendor}", "dim"))
    parts = [head]
    if not candidate.feasible:
        parts.append(content(("✗ Cannot serve this profile. ", "bad"), candidate.infeasible_reason))
    elif choice is not None and candidate.accelerator == choice.accelerator:
        parts.append(content(("✓ The choice. ", "good"), f"{f.plural(choice.gpus, 'GPU')}, {choice.deployment}, "
                             f"{f.paying(choice.mode, choice.commitment)}."))  # fmt: skip
    lead = None
    if answer.decision is not None:
        lead = next((x for x in answer.decision.leads if x.rival == candidate.accelerator), None)
    if lead is not None:
        parts.append(content(
            ("Why not: ", "strong"),
            f"costs {f.usd(lead.lead_p50_usd)} a month more than the choice (80 %: {f.usd(lead.lead_p10_usd)} to"
            f" {f.usd(lead.lead_p90_usd)}), risk counted; the choice is cheaper in"
            f" {f.share(lead.p_choice_cheaper)} of draws."))  # fmt: skip
    point, fleet, cost = candidate.operating_point, candidate.fleet, candidate.cost
    if candidate.deployment is not None and fleet is not None:
        runs = [f"{t.name}: {_run(t.deployment, t.fleet)}" for t in candidate.tiers]
        run = "; ".join(runs) or _run(candidate.deployment, fleet)
        parts.append(
            content((f"{run}, {f.plural(fleet.gpus, 'GPU')} in {f.plural(fleet.nodes, 'node')}", "plain"))
        )
    if point is not None:
        parts.append(
            content(
                f"{point.output_tps_per_gpu:,.0f} tok/s per GPU out ({point.output_tps_interval.lo:,.0f} to"
                f" {point.output_tps_interval.hi:,.0f}), TTFT p{point.slo_percentile}"
                f" {f.seconds(point.ttft_at_percentile_s)}, TPOT p{point.slo_percentile}"
                f" {f.seconds(point.tpot_at_percentile_s)}, limited by {words(point.limited_by)}"
            )
        )
        parts.append(content((f"Evidence {point.evidence_grade}: ", "strong"), (point.evidence_text, "plain")))
    if cost is not None and cost.price is not None:
        parts.append(content((f"Price ({cost.price.firmness}): ", "strong"), cost.price.text))
    if cost is not None and cost.outlay is not None:
        parts.append(content(("Capital: ", "strong"), cost.outlay.text))
    if cost is not None and cost.lease is not None:
        parts.append(content(("Bound by signing: ", "strong"), cost.lease.text))
    for gate in candidate.gates:
        if gate.status != "pass":
            sign, tone = SIGN[gate.status]
            parts.append(content((f"{sign} {gate.title}. ", tone), gate.remedy))
    return lines(*parts)


def candidate_page(candidate: Candidate, answer: Recommendation) -> Content:
    """Everything about a candidate: fleet, memory, cost line by line, ways of paying, versions to ask for."""
    parts = [why_not(candidate, answer), Content("")]
    if candidate.fleet is not None:
        parts.append(content(("Fleet", "head")))
        several = bool(candidate.tiers)  # what a step counts is then to be told of whom
        parts += [content(f"  {t.name}: {t.formula}" if several else f"  {t.formula}") for t in candidate.fleet.terms]
    if candidate.memory is not None:
        m = candidate.memory
        parts += [
            Content(""),
            content(("Memory per GPU", "head")),
            content(
                f"  {m.usable_gb:,.0f} GB usable = {m.weights_gb:,.1f} weights + {m.reserve_gb:,.1f} reserve +"
                f" {m.kv_gb:,.1f} for the KV cache: {m.max_concurrency:,} requests of {m.context_tokens:,.0f} tokens;"
                f" binds: {m.binds}"
            ),
        ]
    cost = candidate.cost
    if cost is not None:
        parts += [Content(""), content((f"Cost per month over {cost.horizon_months} months", "head"))]
        parts.append(
            content(
                f"  GPUs paid for on average: {f.gpus(cost.gpus_start)} in the first month,"
                f" {f.gpus(cost.gpus_end)} in the last; {f.usd(cost.usd_per_gpu_hour)} per GPU-hour"
            )
        )
        for line in cost.lines:
            parts.append(content((f"  {f.usd(line.usd_per_month):>8}  ", "strong"), f"{line.name}"))
            parts.append(content((f"            {line.formula}", "dim")))
        parts.append(
            content(
                (f"  {f.usd(cost.point_usd_per_month):>8}  ", "strong"),
                "at typical inputs; median of the"
                f" draws {f.usd(cost.usd_per_month.p50)} ({f.usd(cost.usd_per_month.p10)} to"
                f" {f.usd(cost.usd_per_month.p90)})",
            )
        )
        if cost.bill_text:
            parts.append(content((f"            {cost.bill_text}", "dim")))
        for tier in candidate.tiers:
            if tier.share is not None:
                x = tier.share
                told = f"of the median {tier.name}, {f.share(x.share)}: {f.usd(x.usd_per_mtok_blended)} per Mtok"
                parts.append(content((f"  {f.usd(x.usd_per_month):>8}  ", "strong"), told))
                parts.append(content((f"            {x.formula}", "dim")))
        parts += [Content(""), content(("Ways of paying", "head"))]
        for o in cost.options:
            mark = "●" if o.id == cost.option else "✓" if o.allowed else "✗"
            price = f.usd(o.usd_per_month) if o.usd_per_month is not None else "–"
            why = o.why_not or o.caution
            parts.append(content((f"  {mark} {price:>8}  ", "good" if mark == "●" else "plain"), o.label,
                                 (f"  {why}" if why else "", "dim")))  # fmt: skip
        if cost.stack_premium is not None:
            parts += [Content(""), content(("Software stack: ", "head"), cost.stack_premium.formula)]
        if cost.hosted_api is not None:
            parts += [Content(""), content(("Hosted API: ", "head"), cost.hosted_api.text)]
        parts += [content(("· " + note, "dim")) for note in cost.notes]
    if candidate.software_floor:
        parts += [Content(""), content(("Minimum versions for the contract", "head"))]
        parts += [content(f"  {text}") for text in candidate.software_floor]
    return lines(*parts)


def gate_page(gate: Gate) -> Content:
    """One finding with its rule, arithmetic, remedy and source."""
    sign, tone = SIGN[gate.status]
    parts = [content((f"{sign} {gate.title}", tone)), content(gate.reason)]
    for name, text in (
        ("What to do", gate.remedy), ("Arithmetic", gate.arithmetic), ("Rule", gate.citation), ("Source", gate.source),
        ("In the text", gate.literal_text_position), ("In practice", gate.enforced_position),
        ("Confidence", gate.confidence), ("As of", gate.as_of.isoformat() if gate.as_of else ""),
    ):  # fmt: skip
        if text:
            parts.append(content((f"{name}: ", "strong"), text))
    if gate.delay_weeks is not None:
        d = gate.delay_weeks
        parts.append(
            content(("Delay: ", "strong"), f"{d.low:g} to {d.high:g} weeks, typically {d.typical:g}; {d.basis}")
        )
    if gate.tariff_rate is not None:
        parts.append(content(("Duty: ", "strong"), f.share(gate.tariff_rate)))
    parts += [content(("· " + note, "dim")) for note in gate.notes]
    if gate.disclaimer:
        parts.append(content((gate.disclaimer, "dim")))
    return lines(*parts)


def risk_page(risk: Risk) -> Content:
    """One entry of the register."""
    word, tone = LEVEL[risk.level]
    p, e = risk.likelihood_per_year, risk.effect_usd
    own = " (overruled by the profile)" if risk.overridden else ""
    weeks = f" over {risk.effect_weeks:g} weeks" if risk.effect_weeks else ""
    rows = (
        ("Cause", risk.cause),
        ("Likelihood a year", f"{f.share(p.typical)} ({f.share(p.low)} to {f.share(p.high)}){own}; {risk.basis}"),
        ("Effect", f"{f.usd_full(e.typical)} ({f.usd_full(e.low)} to {f.usd_full(e.high)}){weeks};"
                   f" {risk.effect_formula}"),
        ("Expected loss", f"{f.usd_full(risk.expected_loss_usd_per_month)} a month: {f.share(p.mean, 1)} a year ×"
                          f" {f.usd_full(e.mean)} / 12, each the mean of its three values; in the tail"
                          f" {f.usd_full(risk.tail_usd_per_month)} a month"),
        ("What to do", risk.mitigation),
        ("Owner", risk.owner),
        ("Sources", f.joined(risk.source_ids)),
    )  # fmt: skip
    head = content((risk.name, "head"), (f"   {word}", tone), (f"   {risk.category}", "dim"))
    return lines(head, *(content((f"{name}: ", "strong"), text) for name, text in rows))


def bar(
    low: float, mid: float, high: float, least: float, most: float, width: int, mark: float | None = None
) -> str:
    """P10, median and P90 on a common scale, in characters, and what candidates are ranked by as a diamond.

    >>> bar(2, 4, 6, 0, 8, 17), bar(2, 4, 6, 0, 8, 17, mark=7)
    ('    ├───●───┤    ', '    ├───●───┤ ◆  ')
    """
    if width < 3 or most <= least:
        return ""
    at = [round((x - least) / (most - least) * (width - 1)) for x in (low, mid, high)]
    cells = [" "] * width
    for i in range(at[0], at[2] + 1):
        cells[i] = "─"
    cells[at[0]], cells[at[2]] = "├", "┤"
    if mark is not None:
        cells[round((mark - least) / (most - least) * (width - 1))] = "◆"
    cells[at[1]] = "●"
    return fit("".join(cells), width)
