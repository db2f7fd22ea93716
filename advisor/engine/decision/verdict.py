"""The kind of answer and why: the tests in order, each with its numbers, then the sentence itself."""

from __future__ import annotations

import re
from collections.abc import Mapping

from advisor.domain.decision import Decision, SplitOption, ValueOfInformation, WaitOption
from advisor.domain.gates import Gate
from advisor.domain.profile import Profile
from advisor.domain.provenance import Quantity
from advisor.domain.recommendation import Choice, Verdict, VerdictKind
from advisor.domain.record import record
from advisor.domain.text import capital, percent, told_usd
from advisor.domain.units import HOURS_PER_MONTH
from advisor.engine.decision.breakeven import paid, unit_price
from advisor.engine.decision.information import paying_probes
from advisor.engine.decision.simulate import Comparison, Run
from advisor.engine.decision.split import parts_in_a_row
from advisor.engine.decision.wait import surely_saves

GRADE_TEXT = {
    "A": "your own measurement",
    "B": "independent measurements of this accelerator, model and precision",
    "C": "measurements of this accelerator on other models or precisions, or at much shorter lengths",
    "D": "physics alone, no measurement of this accelerator here",
}
GROWS = 1.05
"""GPUs at the end of the horizon over those at its start, from which the fleet is said to grow."""
IDLE = 0.5
"""Share of the GPUs that is needed up to which it is said that the others stand idle."""
MODE_TEXT = {"rent": "rented", "buy": "bought", "mixed": "a held base with the peak on demand"}


@record
class Kind:
    """The kind of verdict with the tests that led to it."""

    kind: VerdictKind
    reason: str
    tests: str


def kind_of(
    comparison: Comparison,
    information: ValueOfInformation,
    split: SplitOption | None,
    waits: tuple[WaitOption, ...],
    defaults: Mapping[str, Quantity],
) -> Kind:
    """Wait, split, probe first or get: the first test that holds."""
    tests: list[str] = []
    worth = [w for w in waits if w.worthwhile]
    priced = [w for w in waits if w.p_saves is not None]
    if worth:
        best = max(worth, key=lambda w: w.saving_usd_per_month or 0.0)
        return Kind("wait", best.text, f"wait: yes, {best.text}")
    tests.append(_no_wait(priced))
    if split is not None:
        if split.worthwhile:
            return Kind("split", split.text, " ".join([*tests, f"Split: yes. {split.text}"]))
        tests.append(f"Split: no. {split.text}")
    ratio, change = defaults["probe_benefit_ratio"].value, defaults["probe_change_probability"].value
    paying = paying_probes(information.probes, defaults)
    if paying:
        p = paying[0]
        reason = (
            f"A probe of {p.hours:g} hours on {p.accelerator.upper()} costs USD {told_usd(p.price_usd)}, is worth"
            f" USD {told_usd(p.evsi_usd)} and changes the choice with a probability of {percent(p.changes_choice)}."
        )
        return Kind("probe_first", reason, " ".join([*tests, f"Probe first: yes. {reason}"]))
    tests.append(_no_probe(information, ratio, change))
    others = "waiting does not pay" if split is None else "neither waiting nor splitting pays"
    later = _later(priced, comparison, defaults)
    if later:
        others = "nothing is to be put off" if split is None else "splitting does not pay"
    reason = f"{_least(comparison)}; {_probe_clause(information, ratio, change)}, and {others}.{later}"
    return Kind("get", reason, " ".join([*tests, f"Get: {reason}"]))


def _least(comparison: Comparison) -> str:
    """What the choice has over the others; the ranking counts risk, which may turn the order of the printed costs."""
    name, own = comparison.best.name, comparison.best.cost.usd_per_month.p50
    if comparison.second is None:
        return f"{name} is the only candidate that qualifies"
    if own > min(run.cost.usd_per_month.p50 for run in comparison.runs):
        return f"{name} costs least with risk counted"
    return f"{name} costs least"


def _later(priced: list[WaitOption], comparison: Comparison, defaults: Mapping[str, Quantity]) -> str:
    """What to move to when it ships, where the choice leaves that open; empty where nothing on the roadmap pays."""
    now = comparison.best.risk_adjusted
    best = max(priced, key=lambda w: w.saving_usd_per_month or 0.0, default=None)
    if best is None or best.saving_usd_per_month is None or best.p_saves is None:
        return ""
    return f" {best.text}" if surely_saves(best.saving_usd_per_month, best.p_saves, now, defaults) else ""


def _no_wait(priced: list[WaitOption]) -> str:
    if not priced:
        return "Wait: no, nothing on the roadmap within the horizon has a price."
    best = max(priced, key=lambda w: w.saving_usd_per_month or 0.0)
    return f"Wait: no. {best.text}"


def _probe_clause(information: ValueOfInformation, ratio: float, change: float) -> str:
    """Why no probe comes first, told no harder than the numbers are: one may be worth its price and not enough."""
    if not information.probes:
        return "there is nothing to probe"
    p = information.probes[0]
    if p.net_usd <= 0:
        return "no probe is worth its price"
    best = f"the best probe is worth USD {told_usd(p.evsi_usd)} for USD {told_usd(p.price_usd)}"
    if p.evsi_usd < ratio * p.price_usd:
        return f"{best}, less than the {ratio:g} times that a probe before signing is asked to return"
    return f"{best} but changes the choice with {percent(p.changes_choice)} only ({percent(change)} is asked)"


def _no_probe(information: ValueOfInformation, ratio: float, change: float) -> str:
    if not information.probes:
        return "Probe first: no, there is nothing to choose between or nothing to rent for it."
    p = information.probes[0]
    return (
        f"Probe first: no. The best probe is worth USD {told_usd(p.evsi_usd)} for USD {told_usd(p.price_usd)} and"
        f" changes the choice with {percent(p.changes_choice)} (asked: {ratio:g} times its price, and"
        f" {percent(change)})."
    )


def too_close(comparison: Comparison) -> bool:
    """Whether each of the best two has its median within the other's interval."""
    second = comparison.second
    if second is None:
        return False
    a, b = comparison.best.cost.usd_per_month, second.cost.usd_per_month
    return a.p10 <= b.p50 <= a.p90 and b.p10 <= a.p50 <= b.p90


def verdict_of(
    profile: Profile, comparison: Comparison, kind: Kind, decision: Decision, defaults: Mapping[str, Quantity]
) -> Verdict:
    """The verdict of a feasible profile."""
    best, second = comparison.best, comparison.second
    confidence = min(1.0, comparison.p_cheapest[best.id])
    word, shown = "low", round(confidence, 2)  # as it stands beside the word
    if shown >= defaults["confidence_high"].value:
        word = "high"
    elif shown >= defaults["confidence_fair"].value:
        word = "fair"
    choice = choice_of(best)
    licence = licence_gate(best)
    hosted = best.cost.hosted_api
    more = (_budget(profile, best), _idle(best), "" if hosted is None else capital(hosted.text))
    reason = " ".join(text for text in ("" if licence is None else licence.remedy, kind.reason, *more) if text)
    headline = _headline(kind, choice, best, decision)
    return Verdict(
        kind=kind.kind,
        headline=headline if licence is None else f"{licence.title}: {headline[0].lower()}{headline[1:]}",
        reason=reason,
        choice=choice,
        runner_up=None if second is None else second.id,
        confidence=confidence,
        confidence_word=word,
        too_close_to_call=word != "high" and too_close(comparison),
        reasons=_reasons(comparison, decision),
        next_steps=_next_steps(profile, kind, best, decision),
    )


def _budget(profile: Profile, best: Run) -> str:
    """How sure the budget is; empty without one."""
    limit, share = profile.procurement.budget_usd_per_month, best.cost.p_within_budget
    if limit is None or share is None:
        return ""
    text = f"It stays within the budget of USD {limit:,.0f} a month in {percent(share)} of draws."
    bills = [] if best.pricing.way.buys else [flow.cash_usd for flow in best.cost.flows]
    beyond = sum(usd > limit for usd in bills)
    if not beyond:
        return text
    return (
        f"{text} That is the cost levelled over the horizon: in {beyond} of {len(bills)} months the bill itself is"
        f" higher, USD {told_usd(max(bills))} at most."
    )


def _idle(best: Run) -> str:
    """That most GPUs of the nodes stand idle, with what those needed would cost; empty where they do not."""
    sized, price = best.pricing.model.sized, best.pricing.way.price
    needed, held = sum(t.fleet.gpus_needed for t in sized.tiers), best.pricing.model.first_gpus(best.pricing.way)
    if needed > IDLE * held:
        return ""
    accelerator = sized.accelerator
    whole = f"Racks of {accelerator.unit_gpus}" if best.pricing.way.buys and accelerator.by_rack else "Nodes"
    text = f"{whole} are counted whole: of {held:,.0f} GPUs {needed:,} {'is' if needed == 1 else 'are'} needed"
    if best.pricing.way.buys:
        return f"{text}, and the others stand idle."
    usd = price.typical * needed * HOURS_PER_MONTH
    return f"{text}. A seller who rents out less than a node would bill about USD {usd:,.0f} a month at this price."


def licence_gate(run: Run) -> Gate | None:
    """The export licence that the choice hangs on; nothing else matters until it is there."""
    gates = run.pricing.model.sized.gates
    return next((g for g in gates if g.gate == "export" and g.condition == "licence"), None)


def bears_on(gate: Gate, run: Run) -> bool:
    """Whether a gate has to do with how a candidate is paid for: a delivery and a site of one's own, or a landlord."""
    way = run.pricing.way
    if gate.gate == "start":
        return way.buys or gate.condition == "licence"  # a licence is waited for by who rents, too
    if gate.gate.startswith("site"):
        return way.buys and (way.mode == "buy" or not gate.room_gpus)  # of a mixture no more is owned than fits
    return gate.gate != "supply" or way.mode != "buy"


def choice_of(run: Run) -> Choice:
    """What to get."""
    sized, way = run.pricing.model.sized, run.pricing.way
    gpus = int(run.pricing.model.first_gpus(way))
    return Choice(
        accelerator=run.id,
        name=sized.accelerator.name,
        vendor=run.vendor,
        gpus=gpus,
        nodes=gpus // sized.accelerator.gpus_per_node,
        mode=way.mode,
        commitment=way.commitment,
        deployment=sized.tiers[0].deployment.label,
        usd_per_month=run.cost.usd_per_month.p50,
    )


def _headline(kind: Kind, choice: Choice, best: Run, decision: Decision) -> str:
    band = best.cost.usd_per_month
    cost, first, over = best.cost, "", ""
    if cost.gpus_end > GROWS * cost.gpus_start:
        first, over = " for the first year", f", levelled over {cost.horizon_months} months of growth"
    what = (
        f"{choice.gpus:,} {best.name}{first} ({best.pricing.way.label}), about USD {money(band.p50)} a month{over}"
        f" (80\u00a0%: {money(band.p10)} to {money(band.p90)})"
    )
    match kind.kind:
        case "probe_first" if decision.information is not None and decision.information.plan is not None:
            plan = decision.information.plan
            first = f"Probe {plan.accelerator.upper()} for {plan.hours:g} hours before signing"
            return f"{first}; as things stand, get {what}."
        case "split" if decision.split is not None:
            names = [tier.tier for tier in decision.split.tiers]
            parts = parts_in_a_row(
                [(p.tiers, f"on {p.gpus} {p.accelerator.upper()}") for p in decision.split.parts], names
            )
            return f"Split: {parts}, about USD {money(decision.split.usd_per_month)} a month."
        case "wait":
            option = max((w for w in decision.waits if w.worthwhile), key=lambda w: w.saving_usd_per_month or 0.0)
            until = option.available_typical.isoformat() if option.available_typical else "it ships"
            meanwhile = ", serving on demand meanwhile" if option.meantime_usd else ""
            return f"Wait for {option.name} until about {until}{meanwhile}; today it would be {what}."
    return f"Get {what}."


def money(usd: float) -> str:
    """A round sum, three significant figures from a thousand.

    >>> money(123456.0), money(1234567.0), money(987.0), money(1.2e9)
    ('123k', '1.23M', '987', '1.2B')
    """
    return told_usd(usd, round_from=999.5)


def _reasons(comparison: Comparison, decision: Decision) -> tuple[str, ...]:
    best, second = comparison.best, comparison.second
    out: list[str] = []
    if second is None:
        out.append(f"{best.name} is the only candidate that passes every gate and keeps the service level.")
    else:
        lead = second.risk_adjusted - best.risk_adjusted
        share = comparison.p_cheapest[best.id]
        out.append(
            f"USD {money(lead)} a month ({percent(lead / second.risk_adjusted)}) below {second.name} with engineering,"
            f" risk and tail counted; cheapest in {percent(share)} of draws.{_against_the_odds(comparison, share)}"
        )
    sized = best.pricing.model.sized
    point = sized.tiers[0].operating_point
    grade = point.evidence_grade
    out.append(
        f"{point.output_tps_per_gpu:,.0f} output tokens/s per GPU{sized.of_tier} within the service level, on evidence"
        f" of grade {grade}: {GRADE_TEXT[grade]}."
    )
    if decision.vendor_gap_text:
        out.append(decision.vendor_gap_text)
    else:
        price = best.pricing.way.price
        out.append(f"Price: {price.text}.")
    return tuple(out[:3])


def _against_the_odds(comparison: Comparison, share: float) -> str:
    """Why the choice is right although another candidate is the cheapest more often; empty where none is."""
    best = comparison.best
    runs = [r for r in comparison.runs if r.id != best.id]
    rival = max(runs, key=lambda r: comparison.p_cheapest[r.id])
    often = comparison.p_cheapest[rival.id]
    if often <= share:
        return ""
    first = f" {rival.name} is the cheapest more often ({percent(often)}) but costs more"
    mine, theirs = best.cost.usd_per_month.p90, rival.cost.usd_per_month.p90
    if theirs > mine:
        return f"{first} where it falls short: {money(theirs)} against {money(mine)} at the 90th percentile."
    mine, theirs = (float(run.objective.mean()) for run in (best, rival))
    if theirs > mine:
        return f"{first} on average: {money(theirs)} against {money(mine)} with its risks."
    mine, theirs = best.risk_adjusted, rival.risk_adjusted
    return f"{first} with the tail's share that your appetite for risk counts: {money(theirs)} against {money(mine)}."


def _next_steps(profile: Profile, kind: Kind, best: Run, decision: Decision) -> tuple[str, ...]:
    out: list[str] = []
    plan = decision.information.plan if decision.information is not None else None
    if kind.kind == "probe_first" and plan is not None:
        out.append(
            f"Rent {plan.gpus} {plan.accelerator.upper()} ({plan.provider}) for {plan.hours:g} hours, at most USD"
            f" {plan.budget_usd:,.0f} with the engineer's time, and run: {plan.command}"
        )
        out.append(plan.rule)
    for gate in best.pricing.model.sized.gates:
        if gate.status == "condition" and gate.remedy and bears_on(gate, best) and len(out) < 4:
            by_tier = gate.remedy.startswith("Workload ")  # then the remedy names the tiers, as the title does
            title = re.sub(r" \(workload [^()]*\)", "", gate.title) if by_tier else gate.title
            out.append(f"{title}: {gate.remedy}.".replace("..", "."))
    negotiation = decision.negotiation
    if negotiation is not None and negotiation.walk_away_usd is not None and negotiation.runner_up is not None:
        limit = unit_price(negotiation.walk_away_usd, best.pricing.way)
        out.append(
            f"Ask for a written quote; above {limit}{paid(best)} take"
            f" {negotiation.runner_up.upper()} instead."
        )
    elif not profile.procurement.quotes:
        out.append("Ask for written quotes and put them into procurement.quotes; they overrule the catalog.")
    if best.candidate.risks:
        top = max(best.candidate.risks, key=lambda r: r.expected_loss_usd_per_month)
        out.append(f"Guard against the largest risk ({top.name.lower()}): {top.mitigation}.")
    return tuple(out[:5])
