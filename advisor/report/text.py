"""The recommendation as plain text: 100 columns, readable without colour, made for a terminal or a pipe."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from advisor.domain.recommendation import Candidate, Recommendation
from advisor.domain.text import capital, counted, percent, plain
from advisor.report.differences import PROBE_DIFFERS, probe_differs
from advisor.report.figures import count, seconds, usd
from advisor.report.naming import counted_sellers, paid
from advisor.report.numbers import TENTHS, unbroken

WIDTH = 100
BOLD, DIM, RESET = "\x1b[1m", "\x1b[2m", "\x1b[0m"
MARK = {"pass": "ok", "condition": "if", "fail": "no"}
TOP_RISKS, TOP_BREAK_EVENS, TOP_ASSUMPTIONS, TOP_NOTES = 5, 6, 14, 8


def render_text(recommendation: Recommendation, *, explain: bool = False, colour: bool = False) -> str:
    """The whole answer on a few screens; `explain` adds the arithmetic of the choice."""
    page = _Page(colour)
    _verdict(page, recommendation)
    _measured(page, recommendation)
    _comparison(page, recommendation.candidates)
    _how(page, recommendation.candidates)
    _why_not(page, recommendation.candidates)
    _conditions(page, recommendation.candidates)
    _risks(page, recommendation)
    _what_would_change(page, recommendation)
    if explain:
        _arithmetic(page, recommendation)
    _assumptions(page, recommendation)
    _sources(page, recommendation)
    return page.text()


class _Page:
    def __init__(self, colour: bool) -> None:
        self.colour = colour
        self.lines: list[str] = []

    def heading(self, title: str) -> None:
        self.lines += ["", f"{BOLD}{title}{RESET}" if self.colour else title]

    def paragraph(
        self, text: str, *, indent: str = "", hang: str = "", bold: bool = False, dim: bool = False
    ) -> None:
        wrapped = textwrap.wrap(
            unbroken(plain(text)), WIDTH, initial_indent=indent, subsequent_indent=hang or indent,
            break_on_hyphens=False,
        )  # fmt: skip
        lines = [line.replace("\N{NO-BREAK SPACE}", " ") for line in wrapped]
        tone = (BOLD if bold else DIM if dim else "") if self.colour else ""
        self.lines += [f"{tone}{line}{RESET}" if tone else line for line in lines]

    def bullet(self, text: str) -> None:
        self.paragraph(text, indent="  - ", hang="    ")

    def row(self, text: str, *, dim: bool = False) -> None:
        clean = plain(text)[:WIDTH].rstrip()
        self.lines.append(f"{DIM}{clean}{RESET}" if dim and self.colour else clean)

    def text(self) -> str:
        return "\n".join(self.lines).lstrip("\n") + "\n"


def _verdict(page: _Page, r: Recommendation) -> None:
    page.paragraph(f"{r.profile.name}: judged as of {r.as_of.isoformat()}", dim=True)
    page.lines.append("")
    page.paragraph(r.verdict.headline, bold=True)
    if r.verdict.kind != "infeasible":
        close = "; too close to call" if r.verdict.too_close_to_call else ""
        page.paragraph(
            f"Confidence: {r.verdict.confidence_word} (cheapest in {percent(r.verdict.confidence)} of"
            f" {r.draws:,} draws){close}."
        )
    page.paragraph(r.verdict.reason)
    best = next((c for c in r.candidates if c.rank == 1), None)
    for reason in r.verdict.reasons:
        page.bullet(counted_sellers(reason))
    advised = r.verdict.kind in ("get", "probe_first")
    if advised and best is not None and best.cost is not None and best.cost.outlay is not None:
        page.bullet(f"Capital: {best.cost.outlay.text}")
    if r.verdict.kind == "infeasible":
        page.paragraph(f"Smallest change: {r.verdict.smallest_change}.")
    if r.backtest is not None:
        page.paragraph(r.backtest.text)


def _measured(page: _Page, r: Recommendation) -> None:
    """The user's own probes against what was predicted without them."""
    if not r.probes:
        return
    page.heading("Your own measurements")
    for probe in r.probes:
        page.bullet(
            f"{probe.accelerator} {probe.deployment}, {probe.isl:,.0f}/{probe.osl:,.0f} tokens at {probe.concurrency}"
            f" in flight, {probe.measured_on}: {count(probe.measured_output_tps)} output tok/s per GPU measured,"
            f" {count(probe.predicted_output_tps.value)} predicted. {capital(probe.text)}"
        )


_COLUMNS: Sequence[tuple[str, int]] = (
    ("#", 2), ("accelerator", 11), ("GPUs", 6), ("conc", 5), ("TTFT", 8), ("TPOT", 8), ("tok/s/GPU", 9),
    ("USD/month", 9), ("P10-P90", 13), ("USD/Mtok", 8), ("P(best)", 7), ("gr", 2),
)  # fmt: skip


def _comparison(page: _Page, candidates: Sequence[Candidate]) -> None:
    rows = [_row(c) for c in candidates if c.operating_point is not None and c.fleet is not None]
    if not rows:
        return
    names = next(([t.name for t in c.tiers] for c in candidates if c.tiers), [])
    page.heading("Comparison (latency medians; output tok/s per GPU; levelised cost at real utilisation)")
    if names:
        page.paragraph(f"Latency and tok/s of tier {names[0]}; GPUs and cost of all {len(names)} tiers:")
    page.row(_cells([name for name, _ in _COLUMNS]))
    for row in rows:
        page.row(_cells(row))
    page.row("conc: requests in flight per replica; gr: evidence grade, A own probe to D physics only", dim=True)
    if len(names) > 1:
        page.row("GPUs of a further tier: those of its replicas; only the whole fleet is in whole nodes", dim=True)
    for i, name in enumerate(names[1:], start=1):
        page.paragraph(f"In the same fleet, tier {name}:")
        for c in candidates:
            if len(c.tiers) > i:
                page.row(_cells(_tier_row(c, i)))


def _row(c: Candidate) -> list[str]:
    point, fleet, cost = c.operating_point, c.fleet, c.cost
    assert point is not None
    assert fleet is not None
    band = cost.usd_per_month if cost else None
    return [
        str(c.rank) if c.rank else "-",
        c.accelerator,
        f"{fleet.gpus:,}",
        str(point.concurrency),
        seconds(point.ttft_p50_s),
        seconds(point.tpot_p50_s),
        count(point.output_tps_per_gpu),
        usd(band.p50) if band else "-",
        f"{usd(band.p10)}-{usd(band.p90)}" if band and c.feasible else "-",  # the cost of the others is not drawn
        usd(cost.usd_per_mtok_blended.p50) if cost else "-",
        percent(c.p_cheapest) if c.feasible else "out",
        point.evidence_grade,
    ]


def _tier_row(c: Candidate, tier: int) -> list[str]:
    """A further tier in the columns of the comparison; its cost is in that of the fleet."""
    plan = c.tiers[tier]
    point = plan.operating_point
    return [
        "", c.accelerator, f"{plan.fleet.gpus_needed:,}", str(point.concurrency), seconds(point.ttft_p50_s),
        seconds(point.tpot_p50_s), count(point.output_tps_per_gpu), "", "", "", "", point.evidence_grade,
    ]  # fmt: skip


def _cells(cells: Sequence[str]) -> str:
    out = []
    for (name, width), cell in zip(_COLUMNS, cells, strict=True):
        out.append(cell.ljust(width) if name in ("accelerator", "#") else cell.rjust(width))
    return " ".join(out)


def _how(page: _Page, candidates: Sequence[Candidate]) -> None:
    """What one replica of the choice is, and how many there are."""
    choice = next((c for c in candidates if c.feasible and c.rank == 1), None)
    if choice is None:
        return
    page.heading("How the choice is run")
    for tier in choice.tiers or (choice,):
        if tier.deployment is not None and tier.fleet is not None:
            fleet, name = tier.fleet, f"{tier.name}: " if choice.tiers else ""
            page.bullet(
                f"{name}{tier.deployment.label}; {counted(fleet.replicas, 'replica')} of"
                f" {counted(fleet.gpus_per_replica, 'GPU')}, {fleet.replicas_for_redundancy} of them in reserve"
            )
            point = tier.operating_point
            slower, faster = (point.carried_at(k) if point else None for k in TENTHS)
            if slower and faster:
                page.bullet(
                    f"{name}{'if' if name else 'If'} it turns out a tenth slower than estimated, its GPUs carry"
                    f" {percent(slower)} of that load within the service level; a tenth faster, {percent(faster)}"
                )
    if choice.fleet is not None and choice.fleet.shared_nodes:
        page.bullet(f"Nodes are shared. {choice.fleet.shared_nodes}")
    borne = [(t.name, t.share) for t in choice.tiers if t.share is not None]
    if borne:
        parts = (
            f"{name} {percent(x.share)}, USD {usd(x.usd_per_month)} a month ({usd(x.usd_per_mtok_blended)} per Mtok)"
            for name, x in borne
        )
        page.bullet(f"Of the cost each bears what it has of the GPUs in replicas: {'; '.join(parts)}")
    if choice.cost is not None and choice.cost.lease is not None:
        page.bullet(f"Bound by signing: {choice.cost.lease.text}")
    years = choice.cost.fleet_years if choice.cost is not None else ()
    if len({(y.gpus_needed, y.gpus_paid) for y in years}) > 1:
        needed, paid = ", ".join(f"{y.gpus_needed:,}" for y in years), ", ".join(_gpus(y.gpus_paid) for y in years)
        less = "all of them paid for" if paid == needed else f"{paid} paid for on average"
        page.bullet(f"As demand grows, GPUs by year: {needed} needed; {less}")
    d = next((c.deployment for c in candidates if c.deployment is not None and c.deployment.split), None)
    if d is not None:
        page.row(f"  {d.split}: of the GPUs of a replica {d.prefill_gpus} prefill, {d.decode_gpus} decode", dim=True)


def _gpus(value: float) -> str:
    """A number of GPUs, whole where it is."""
    return f"{value:,.0f}" if value == round(value) else count(value)


def _why_not(page: _Page, candidates: Sequence[Candidate]) -> None:
    excluded = [c for c in candidates if not c.feasible]
    ranked = [c for c in candidates if c.feasible and c.rank and c.rank > 1]
    if not excluded and not ranked:
        return
    page.heading("Why not the others" if ranked or len(excluded) < len(candidates) else "Why none of them")
    choice = next((c for c in candidates if c.feasible and c.rank == 1), None)
    for c in ranked:
        assert c.operating_point is not None
        parts = []
        if c.deployment is not None:
            parts.append(c.deployment.label)
        if c.cost is not None:
            first = c.cost.lines[0] if c.cost.lines else None  # what is paid, a promised discount taken
            net = first is not None and first.category in ("rent", "capital")
            at = f" at {usd(first.unit_price_usd)} {c.cost.price.unit}" if first and net and c.cost.price else ""
            parts.append(f"{paid(c.cost.mode, c.cost.commitment)}{at}")
        above = _above(c, choice)
        if above:
            parts.append(above)
        page.paragraph(f"{c.name}: {'; '.join(parts)}.", indent="  ", hang="    ")
    for c in excluded:
        page.paragraph(f"{c.name}: excluded. {_sentence(c.infeasible_reason)}", indent="  ", hang="    ")


def _above(c: Candidate, choice: Candidate | None) -> str:
    """How far the candidate lies above the choice, on the cost that the ranking goes by."""
    mine, theirs = c.risk_adjusted_usd_per_month, choice.risk_adjusted_usd_per_month if choice else None
    if mine is None or theirs is None:
        return ""
    side = "above" if mine >= theirs else "below"
    return f"USD {usd(abs(mine - theirs))} a month {side} the choice with risk and tail counted"


def _conditions(page: _Page, candidates: Iterable[Candidate]) -> None:
    lines: dict[str, list[str]] = {}
    for c in candidates:
        for gate in c.gates:
            if gate.status != "pass":
                mark = MARK[gate.status]
                lines.setdefault(f"[{mark}] {gate.gate.replace('_', ' ')}: {gate.title}", []).append(c.accelerator)
    if not lines:
        return
    page.heading("Gates that do not plainly pass (decision support, not legal advice)")
    for text, names in lines.items():
        page.paragraph(f"{text} ({', '.join(names)})", indent="  ", hang="       ")


def _risks(page: _Page, r: Recommendation) -> None:
    best = next((c for c in r.candidates if c.rank == 1), None)
    if best is None or not best.risks:
        return
    page.heading(f"Top risks of {best.name}")
    for risk in best.risks[:TOP_RISKS]:
        how = f" ({risk.loss_formula})" if risk.loss_formula else ""
        page.paragraph(
            f"{risk.name} [{risk.level}]: expected loss {usd(risk.expected_loss_usd_per_month)} USD/month{how}."
            f" {_sentence(risk.cause)} What to do: {_sentence(risk.mitigation)} Owner: {risk.owner}.",
            indent="  ",
            hang="    ",
        )


def _sentence(text: str) -> str:
    """Text with a capital and a full stop."""
    text = text.strip()
    return capital(text) + ("" if text.endswith((".", "!", "?")) else ".")


def _what_would_change(page: _Page, r: Recommendation) -> None:
    d = r.decision
    if d is None:
        return
    page.heading("What would change the answer (one input moved, paid for anew; deployments and uncertainties kept)")
    shown = [b for b in d.break_evens if b.value is not None][:TOP_BREAK_EVENS]
    for point in shown:
        page.bullet(point.text)
    if d.information is not None and probe_differs(shown, d.information):
        page.paragraph(PROBE_DIFFERS, indent="  ")
    if d.information is not None:
        page.bullet(d.information.text)
        if d.information.plan is not None and r.verdict.kind != "probe_first":  # else it stands among the next steps
            page.bullet(f"Should you probe all the same: {d.information.plan.rule} {d.information.plan.command}")
    for option in [d.split, *d.waits]:
        if option is not None and option.worthwhile:
            page.bullet(option.text)
    if d.vendor_gap_text:
        page.bullet(d.vendor_gap_text)
    page.heading("What to do next")
    for step in r.verdict.next_steps:
        page.bullet(step)


def _arithmetic(page: _Page, r: Recommendation) -> None:
    best = next((c for c in r.candidates if c.rank == 1), None)
    if best is None or best.fleet is None or best.cost is None:
        return
    page.heading(f"The arithmetic of {best.name}")
    for term in best.fleet.terms:
        page.paragraph(f"{term.name}: {term.formula}", indent="  ", hang="    ")
    for tier in best.tiers:
        if tier.share is not None:
            page.paragraph(f"share of {tier.name}: {tier.share.formula}", indent="  ", hang="    ")
    for line in best.cost.lines:
        page.paragraph(f"{line.name}: {line.formula}", indent="  ", hang="    ")
        for q in line.inputs:
            page.paragraph(f"{q.name} = {q.value:g} {q.unit} [{q.source_id}]", indent="      ", hang="        ")
    if best.cost.bill_text:
        page.paragraph(best.cost.bill_text, indent="  ")


def _assumptions(page: _Page, r: Recommendation) -> None:
    if r.notes:
        page.heading("Notes")
        for note in r.notes[:TOP_NOTES]:
            page.bullet(note)
        if len(r.notes) > TOP_NOTES:
            page.row(f"  and {len(r.notes) - TOP_NOTES} more in --format json", dim=True)
    if r.assumptions:
        page.heading("Assumptions taken because the profile is silent")
        for a in r.assumptions[:TOP_ASSUMPTIONS]:
            page.row(f"  {a.path} = {a.value}")
        if len(r.assumptions) > TOP_ASSUMPTIONS:
            page.row(f"  and {len(r.assumptions) - TOP_ASSUMPTIONS} more in --format json", dim=True)


def _sources(page: _Page, r: Recommendation) -> None:
    page.heading(f"Sources ({len(r.sources)}; the full list is in --format json and in the report)")
    for line in r.attributions:
        page.paragraph(line, indent="  ", hang="    ")
    page.paragraph(
        f"advisor {r.advisor_version}, catalog {r.catalog_fingerprint[:12]}, seed {r.seed}, {r.draws:,} draws.",
        indent="  ",
    )
    if r.command:
        page.paragraph(f"Reproduce: {r.command}", indent="  ", hang="    ")
