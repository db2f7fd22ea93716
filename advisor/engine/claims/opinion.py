"""Claims that are advice, anecdote or context: held against the program's own arithmetic where that can decide."""

from __future__ import annotations

from collections import Counter

from advisor.engine.claims.base import CHECKS, Context, Outcome, missing

STARTUP, RENEWAL, OPERATOR = "startup-first-cluster", "renewal-100-gpus", "operator-2000-gpus"


@CHECKS.for_claims("A02", "A03", "B26", "B27")
def _context_only(_: Context) -> Outcome:
    return missing("a count or an anecdote of one party, of which no public record exists", "context only")


@CHECKS.for_claims("C06")
def _training(_: Context) -> Outcome:
    return missing("fine-tuning is outside the scope of an inference advisor", "no training measurement is held")


@CHECKS.for_claims("B20")
def _kernels(context: Context) -> Outcome:
    issues = [i for i in context.catalog.known_issues if "attention" in f"{i.component} {i.summary}".casefold()]
    return missing(
        "no kernel-level measurement of both stacks is public",
        f"{len(issues)} known issues of the catalog speak of attention kernels; whole-engine ratios are in B10 and B21",
    )


@CHECKS.for_claims("A05")
def _software_gap(context: Context) -> Outcome:
    """Features supported in full, by vendor, on the newest generation of each."""
    counts: dict[str, Counter[str]] = {"AMD": Counter(), "NVIDIA": Counter()}
    for row in context.catalog.software:
        part = "mi355x" if row.vendor == "AMD" else "b200"
        if part in row.accelerators and row.engine in ("vLLM", "SGLang"):
            counts[row.vendor][row.status] += 1
    shares = {v: c["full"] / sum(c.values()) for v, c in counts.items() if c}
    text = "; ".join(f"{v}: {counts[v]['full']} of {sum(counts[v].values())} in full" for v in shares)
    return Outcome(
        "unverifiable", text or "none", text, "a gap in months is not observable; the share of features in full is",
        "unverifiable: support tables carry no dates of parity", shares.get("AMD", 0.0) * 100,
        source_ids=tuple(dict.fromkeys(r.provenance.source_id for r in context.catalog.software[:1])),
    )  # fmt: skip


@CHECKS.for_claims("B11")
def _tgi(context: Context) -> Outcome:
    rows = [r for r in context.catalog.software if "tgi" in r.engine.casefold()]
    if not rows:
        return missing("the support table has no row for it")
    amd = [r for r in rows if r.vendor == "AMD"]
    maintained = [r for r in rows if "mainten" in r.detail.casefold() or "archiv" in r.detail.casefold()]
    full = [r for r in amd if r.status == "full"]
    states = Counter(r.status for r in amd)
    verdict = "outdated" if maintained else "contradicted" if full else "confirmed"
    return Outcome(
        verdict,  # type: ignore[arg-type]
        ", ".join(f"{n} {s}" for s, n in sorted(states.items())) or "no AMD row",
        f"{len(rows)} rows, {len(amd)} for AMD: " + "; ".join(r.detail for r in rows[:2]),
        "the engine is in maintenance mode, so the question has lost its weight" if maintained else "support table",
        "outdated where the table says that the engine is in maintenance, contradicted where AMD is supported in full",
        source_ids=tuple(dict.fromkeys(r.provenance.source_id for r in rows)),
    )


@CHECKS.for_claims("B24")
def _wait_for_mi350(context: Context) -> Outcome:
    part = next((p for p in context.catalog.roadmap if p.id == "mi350_avail"), None)
    if part is None:
        return missing("the roadmap does not hold the part")
    out = part.status == "available"
    return Outcome(
        "outdated" if out else "unverifiable", part.status,
        f"{part.part}: {part.status} ({part.availability})",
        "the part to wait for can be had, so the question no longer arises",
        "outdated where the awaited part is available", row_ids=(f"roadmap:{part.id}",),
        source_ids=(part.provenance.source_id,),
    )  # fmt: skip


@CHECKS.for_claims("C11")
def _do_not_wait(context: Context) -> Outcome:
    if context.recommend is None:
        return missing("it takes a run of the bundled profiles")
    result = context.recommend(RENEWAL)
    waits = result.decision.waits if result.decision is not None else ()
    worth = [w for w in waits if w.worthwhile]
    priced = [w for w in waits if w.saving_usd_per_month is not None]
    return Outcome(
        "contradicted" if worth else "confirmed",
        f"{len(worth)} of {len(waits)} options worth waiting for",
        "; ".join(w.text for w in priced) or "nothing on the roadmap has a price",
        f"profile {RENEWAL}: the options on the roadmap within its horizon",
        "confirmed where no option is worth waiting for at today's dates and prices",
        float(len(worth)),
        row_ids=tuple(f"roadmap:{w.part}" for w in waits),
    )


@CHECKS.for_claims("C09")
def _choose_b200(context: Context) -> Outcome:
    return _vendor_of(context, STARTUP, "NVIDIA", "a small team new to ROCm")


@CHECKS.for_claims("C10")
def _choose_mi355x(context: Context) -> Outcome:
    return _vendor_of(context, "deepseek-r1-reasoning", "AMD", "a large MoE model at 64 to 128 in flight")


def _vendor_of(context: Context, profile: str, vendor: str, who: str) -> Outcome:
    if context.recommend is None:
        return missing("it takes a run of the bundled profiles")
    result = context.recommend(profile)
    choice = result.verdict.choice
    if choice is None:
        return missing(f"profile {profile} has no feasible candidate")
    gap = result.decision.vendor_gap_text if result.decision is not None else ""
    return Outcome(
        "confirmed" if choice.vendor == vendor else "contradicted",
        f"{choice.accelerator.upper()}",
        f"profile {profile} ({who}): {result.verdict.headline}",
        gap,
        f"confirmed where the program's own choice for that profile is of {vendor}",
        row_ids=(f"profiles/{profile}.toml",),
    )


@CHECKS.for_claims("D13")
def _who_moves(context: Context) -> Outcome:
    if context.recommend is None:
        return missing("it takes a run of the bundled profiles")
    first, renewal = context.recommend(STARTUP), context.recommend(RENEWAL)
    probes = renewal.decision.information.probes if renewal.decision and renewal.decision.information else ()
    mi355x = [p for p in probes if p.accelerator == "mi355x"]
    worth = any(p.net_usd > 0 for p in mi355x)
    beginner = first.verdict.choice is not None and first.verdict.choice.vendor == "NVIDIA"
    best = max(mi355x, key=lambda p: p.net_usd, default=None)
    value = f"USD {best.evsi_usd:,.0f} for USD {best.price_usd:,.0f}" if best is not None else "cannot be priced"
    return Outcome(
        "confirmed" if beginner and worth else "contradicted",
        f"first cluster: {first.verdict.choice.accelerator.upper() if first.verdict.choice else 'none'}; probing the"
        f" MI355X at renewal is worth {value}",
        f"{STARTUP}: {first.verdict.headline} {RENEWAL}: {renewal.verdict.headline}",
        "the rule of thumb holds for a fleet at renewal only where the value of the probe exceeds its price",
        "confirmed where the first cluster goes to NVIDIA and a probe of the MI355X at renewal is worth its price",
        None if best is None else best.net_usd,
        row_ids=(f"profiles/{STARTUP}.toml", f"profiles/{RENEWAL}.toml"),
    )
