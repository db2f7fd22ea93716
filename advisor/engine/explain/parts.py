"""Explanations of fleets, operating points, memory, risks, gates and the parts of a decision."""

from __future__ import annotations

from advisor.domain.decision import Appetite, BreakEven, ProbeOption, TornadoBar, ValueOfInformation
from advisor.domain.gates import Gate
from advisor.domain.provenance import Quantity
from advisor.domain.recommendation import Candidate, Verdict
from advisor.domain.risk import Risk
from advisor.domain.sizing import Fleet, Memory, OperatingPoint
from advisor.domain.text import percent, significant
from advisor.engine.decision.simulate import tail_of, tail_words
from advisor.engine.explain.asked import Asked


def explain_fleet(fleet: Fleet, at: Asked) -> None:
    """How it comes about."""
    for i, term in enumerate(fleet.terms):
        at.draft.add(term.name, term.formula, term.value, f"{at.path}.terms[{i}]")
    if at.leaf == "gpus" and fleet.terms:
        at.draft.again = fleet.terms[-1].value
    found = at.place.nearest(Candidate)
    if found is not None and found[0].operating_point is not None:
        point = found[0].operating_point
        at.draft.notes.append(f"rate of a replica: {point.evidence_text}")
        at.draft.rows += point.evidence_rows


def explain_point(point: OperatingPoint, at: Asked) -> None:
    """How it comes about."""
    leaf = at.leaf.split(".")[0]
    at.draft.add("evidence", point.evidence_text)
    at.draft.add(
        "interval of output tokens/s per GPU", f"{point.output_tps_interval.lo:,.0f} to"
        f" {point.output_tps_interval.hi:,.0f}, 80 %, from left-out residuals of grade {point.evidence_grade}",
    )  # fmt: skip
    if leaf == "interactivity_tps":
        at.draft.add("interactivity", f"1 / {point.tpot_p50_s:g} s = {1 / point.tpot_p50_s:,.2f}", 1 / point.tpot_p50_s)
        at.draft.again = 1 / point.tpot_p50_s
    at.draft.rows += point.evidence_rows
    for other in point.other_families:
        at.draft.notes.append(f"{other.family}: {other.total_tps_per_gpu:,.0f} total tok/s per GPU ({other.as_of})")
        at.draft.rows += other.row_ids


def explain_memory(memory: Memory, at: Asked) -> None:
    """How it comes about."""
    room = memory.usable_gb - memory.weights_gb - memory.reserve_gb
    at.draft.add(
        "room for the KV cache", f"{memory.usable_gb:,.2f} usable - {memory.weights_gb:,.2f} weights -"
        f" {memory.reserve_gb:,.2f} reserve = {room:,.2f} GB per GPU", room, f"{at.path}.kv_gb",
    )  # fmt: skip
    held = next((t.formula for t in memory.terms if t.value == memory.kv_bytes_per_request), None)
    plain = f"{memory.kv_bytes_per_token:,.0f} bytes a token over the replica x {memory.context_tokens:,.0f} tokens"
    at.draft.add(
        "one request", f"{held or plain} bytes = {memory.kv_bytes_per_request / 1e9:,.3f} GB",
        memory.kv_bytes_per_request, f"{at.path}.kv_bytes_per_request",
    )  # fmt: skip


def explain_risk(risk: Risk, at: Asked) -> None:
    """How it comes about."""
    p, e = risk.likelihood_per_year, risk.effect_usd
    at.draft.add("cause", risk.cause)
    likelihoods = ", ".join(percent(share, 1) for share in (p.low, p.typical, p.high))
    at.draft.add("likelihood a year", f"{risk.basis}: {likelihoods}", p.typical)
    at.draft.add("effect", f"{risk.effect_formula}; range {e.low:,.0f} to {e.high:,.0f}", e.typical)
    mean_p, mean_e = (p.low + p.typical + p.high) / 3, (e.low + e.typical + e.high) / 3
    loss = mean_p * mean_e / 12
    at.draft.add("expected loss", f"{mean_p:.4f} x {mean_e:,.0f} / 12 = USD {loss:,.0f} a month", loss)
    if at.leaf == "expected_loss_usd_per_month":
        at.draft.again = loss
    at.draft.source_ids += risk.source_ids
    at.draft.rows += risk.row_ids


def explain_candidate(candidate: Candidate, at: Asked) -> None:
    """How it comes about."""
    leaf = at.leaf
    cost = candidate.cost
    if leaf == "expected_loss_usd_per_month":
        for i, risk in enumerate(candidate.risks):
            at.draft.add(risk.name, risk.effect_formula, risk.expected_loss_usd_per_month, f"{at.path}.risks[{i}]")
        at.draft.again = sum(r.expected_loss_usd_per_month for r in candidate.risks)
    elif leaf == "risk_adjusted_usd_per_month" and cost is not None and at.tree.decision is not None:
        weight = at.tree.decision.appetite.tail_weight
        loss = candidate.expected_loss_usd_per_month or 0.0
        mean = cost.mean_usd_per_month
        value = mean + loss + tail_of(cost, weight)
        at.draft.add(
            "risk-adjusted", f"mean {mean:,.2f} + expected loss {loss:,.2f} + {weight:g} x"
            f" {tail_words(cost, weight, 2)} = {value:,.2f}", value, f"{at.path}.risk_adjusted_usd_per_month",
        )  # fmt: skip
        at.draft.again = value
    elif leaf in ("p_cheapest", "expected_regret_usd_per_month", "rank"):
        what = {
            "p_cheapest": "share of draws in which its cost with expected loss is the lowest; ties are shared",
            "expected_regret_usd_per_month": "mean over draws of its cost above the lowest of that draw",
            "rank": "place by risk-adjusted cost",
        }[leaf]
        draws = at.tree.decision.draws if at.tree.decision is not None else at.tree.draws
        at.draft.add(leaf, f"{what}, {draws:,} draws, seed {at.tree.seed}, common random numbers")


def explain_information(info: ValueOfInformation, at: Asked) -> None:
    """How it comes about."""
    at.draft.add("value of information", info.text)
    at.draft.add(
        "how long the choice binds", f"{info.lock_in_months:g} months: {info.lock_in_why}", info.lock_in_months
    )
    at.draft.add("EVPI", "lowest mean cost - mean of the lowest cost of each draw, times the discounted months")


def explain_probe(probe: ProbeOption, at: Asked) -> None:
    """How it comes about."""
    at.draft.add("price", probe.formula, probe.price_usd, f"{at.path}.price_usd")
    at.draft.add("net", f"{probe.evsi_usd:,.2f} - {probe.price_usd:,.2f}", probe.evsi_usd - probe.price_usd)
    if at.leaf == "net_usd":
        at.draft.again = probe.evsi_usd - probe.price_usd


def explain_break_even(found: BreakEven, at: Asked) -> None:
    """How it comes about."""
    at.draft.add("solved", found.text, found.value, f"{at.path}.value")
    if found.value is not None:
        at.draft.add(
            "substituted back", f"{found.choice}: {found.choice_usd_per_month:,.2f}, {found.rival}:"
            f" {found.rival_usd_per_month:,.2f} USD/month, risk-adjusted", None,
        )  # fmt: skip


def explain_bar(bar: TornadoBar, at: Asked) -> None:
    """How it comes about."""
    at.draft.add(
        bar.name, f"{significant(bar.low_value, 4)} to {significant(bar.high_value, 4)} {bar.unit}: cost of the choice"
        f" {bar.cost_at_low_usd:,.0f} to {bar.cost_at_high_usd:,.0f}, swing of the lead {bar.swing_usd:,.0f} USD/month",
        bar.swing_usd,
    )  # fmt: skip


def explain_appetite(appetite: Appetite, at: Asked) -> None:
    """How it comes about."""
    at.draft.add("risk-adjusted cost of the choice", appetite.formula)


def explain_gate(gate: Gate, at: Asked) -> None:
    """How it comes about."""
    at.draft.add(gate.title, gate.reason)
    if gate.arithmetic:
        at.draft.add("arithmetic", gate.arithmetic)
    at.draft.source_ids += [part.strip() for part in gate.source.split(";")]
    at.draft.notes += [text for text in (gate.citation, gate.remedy) if text]


def explain_quantity(quantity: Quantity, at: Asked) -> None:
    """How it comes about."""
    at.draft.add(quantity.name, f"{quantity.value:g} {quantity.unit}, {quantity.kind}", quantity.value, at.path)
    at.draft.inputs.append(quantity)


def explain_verdict(verdict: Verdict, at: Asked) -> None:
    """How it comes about."""
    at.draft.add("kind", at.tree.decision.kind_reason if at.tree.decision is not None else verdict.reason)
    for reason in verdict.reasons:
        at.draft.add("reason", reason)
