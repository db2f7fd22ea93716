"""What was asked: workload, service level, place, money, and the defaults that silence implied."""

from __future__ import annotations

from advisor.domain.profile import Lengths, Profile, Workload
from advisor.report.blocks import Block, Column, Heading, Inline, Items, Para, Table, inline, strong
from advisor.report.context import Context
from advisor.report.numbers import count, percent, usd, words

ITEM_COLUMNS = (Column("Item", width=0.3), Column("Stated", width=0.7))


def workload(ctx: Context) -> list[Block]:
    """The profile in a table, and what a reader should know before leaning on the numbers."""
    profile = ctx.tree.profile
    blocks: list[Block] = [Heading(1, inline("Workload and assumptions"), "workload")]
    if profile.summary:
        blocks.append(Para(inline(profile.summary)))
    if profile.workloads:
        blocks.append(_tiers(profile))
    rows = [*([] if profile.workloads else _one_tier(profile.tiers[0])), *_circumstances(profile)]
    blocks.append(Table("What the profile states", ITEM_COLUMNS, tuple(rows)))
    if ctx.tree.notes:
        blocks.append(Heading(2, inline("What to know before leaning on the numbers"), "notes"))
        blocks.append(Items(tuple(inline(n) for n in ctx.tree.notes)))
    if ctx.tree.assumptions:
        blocks.append(Para(inline(
            f"{len(ctx.tree.assumptions)} values that the profile leaves open were taken from defaults; the section"
            " on defaults lists each with its meaning."), note=True))  # fmt: skip
    return blocks


def _row(name: str, value: str | Inline) -> tuple[Inline, Inline]:
    return inline(strong(name)), inline(value)


def _lengths(lengths: Lengths) -> str:
    if lengths.mean is not None:
        tail = f", p95 {count(lengths.p95)}" if lengths.p95 is not None else ""
        return f"mean {count(lengths.mean)}{tail} tokens"
    assert lengths.p50 is not None
    assert lengths.p95 is not None
    return f"median {count(lengths.p50)}, p95 {count(lengths.p95)} tokens"


def _peak(tier: Workload) -> str:
    t = tier.traffic
    if t.peak_concurrency is not None:
        return f"{count(t.peak_concurrency)} requests in flight"
    assert t.peak_requests_per_s is not None
    return f"{count(t.peak_requests_per_s)} requests/s"


def _level(tier: Workload) -> str:
    s = tier.slo
    limits = [
        f"{name} ≤ {count(value)} ms"
        for name, value in (("TTFT", s.ttft_ms), ("TPOT", s.tpot_ms), ("end to end", s.e2e_ms))
        if value is not None
    ]
    return f"{', '.join(limits) or 'no latency limit'} at p{s.percentile}; up {s.availability * 100:g} % of the time"


def model_name(tier: Workload) -> str:
    """The model as the profile names it."""
    m = tier.model
    return m.id or (m.custom.name if m.custom else None) or m.config_json or ""


def _one_tier(tier: Workload) -> list[tuple[Inline, Inline]]:
    t, m = tier.traffic, tier.model
    rows = [
        _row("Model", f"{model_name(tier)}; weights {', '.join(m.precisions)} accepted; KV cache"
                      f" {m.kv_cache_precision}; speculative decoding {'allowed' if m.speculative else 'not allowed'}"),
        _row("Tokens per request", f"input {_lengths(t.isl)}; output {_lengths(t.osl)}"),
        _row("Peak demand", _peak(tier)),
        _row("Shape of traffic", f"average {percent(t.average_to_peak)} of peak, {count(t.hours_per_day)} h a day,"
                                 f" {count(t.days_per_week)} days a week, growth {percent(t.growth_per_year)} a year"),
        _row("Prefix cache hits", percent(t.prefix_cache_hit_rate)),
        _row("Service level", _level(tier)),
    ]  # fmt: skip
    if tier.slo.justification or tier.slo.link:
        rows.append(_row("Why this level", " ".join(x for x in (tier.slo.justification, tier.slo.link) if x)))
    return rows


def _tiers(profile: Profile) -> Table:
    columns = (Column("Tier"), Column("Model"), Column("Input"), Column("Output"), Column("Peak"),
               Column("Service level"))  # fmt: skip
    rows = tuple(
        (
            inline(strong(w.name)), inline(model_name(w)), inline(_lengths(w.traffic.isl)),
            inline(_lengths(w.traffic.osl)), inline(_peak(w)), inline(_level(w)),
        )
        for w in profile.workloads
    )  # fmt: skip
    return Table("Workloads", columns, rows, dense=True)


def _circumstances(profile: Profile) -> list[tuple[Inline, Inline]]:
    team, money, site = profile.team, profile.procurement, profile.site
    features = [
        name
        for name, on in (
            ("custom kernels", team.custom_kernels), ("LoRA", team.lora), ("multimodal", team.multimodal),
            ("disaggregation", team.disaggregation),
        )
        if on
    ]  # fmt: skip
    rows = [
        _row("Team", f"{count(team.engineers)} engineers; ROCm experience {team.rocm_experience}, CUDA experience"
                     f" {team.cuda_experience}; engines {', '.join(team.engines) or 'open'};"
                     f" {', '.join(features) or 'no special features'}"),
        _row("Place", _place(profile)),
        _row("Paying", f"{'rent or buy' if money.mode == 'either' else money.mode}; horizon {money.horizon_months}"
                       f" months; commitment {words(money.commitment)}; sellers {words(money.seller)}"
                       + (f"; start {money.start_date}" if money.start_date else "")
                       + (f"; discount {percent(money.volume_discount)}" if money.volume_discount else "")),
    ]  # fmt: skip
    if money.budget_usd_per_month is not None:
        rows.append(_row("Budget", f"at most {usd(money.budget_usd_per_month)} a month"))
    for q in money.quotes:
        unit = "per GPU-hour" if q.kind == "rent" else "per GPU"
        dated = f", {q.as_of}" if q.as_of else ""
        rows.append(_row("Quote in hand", f"{q.accelerator}: {usd(q.usd)} {unit}, {words(q.commitment)}"
                                          f"{', ' + q.provider if q.provider else ''}{dated}"))  # fmt: skip
    if money.hosted_api is not None:
        h = money.hosted_api
        rows.append(_row("Hosted API", f"{h.provider}: {usd(h.usd_per_mtok_input)} input, {usd(h.usd_per_mtok_output)}"
                                       " output per million tokens"))  # fmt: skip
    limits = [
        text
        for text, given in (
            (f"{count(site.power_kw or 0)} kW IT power", site.power_kw is not None),
            (f"{count(site.rack_kw or 0)} kW a rack", site.rack_kw is not None),
            ("direct liquid cooling" if site.liquid_cooling else "no liquid cooling", site.liquid_cooling is not None),
            (f"PUE {site.pue}", site.pue is not None),
            (f"USD {site.power_usd_per_kwh} per kWh", site.power_usd_per_kwh is not None),
        )
        if given
    ]
    if limits:
        rows.append(_row("Site", "; ".join(limits)))
    rows.append(_row("Risk appetite", profile.risk_appetite))
    rows += _overrides(profile)
    return rows


def _place(profile: Profile) -> str:
    p = profile.place
    parts = [f"deployed in {p.country}"]
    if p.headquarters_country and p.headquarters_country != p.country:
        parts.append(f"headquarters in {p.headquarters_country}")
    if p.ultimate_parent_country:
        parts.append(f"ultimate parent in {p.ultimate_parent_country}")
    if p.end_user_countries:
        parts.append(f"users in {', '.join(p.end_user_countries)}")
    if p.data_residency:
        parts.append(f"data stays in {', '.join(p.data_residency)}")
    if p.exclude_us_providers:
        parts.append("no providers with headquarters in the US")
    if p.regulated:
        parts.append(f"regulated: {p.regulated}")
    return "; ".join(parts)


def _overrides(profile: Profile) -> list[tuple[Inline, Inline]]:
    o = profile.overrides
    parts = [f"throughput of {k} × {v:g}" for k, v in o.throughput_factor.items()]
    parts += [f"likelihood of {k}: {percent(v)} a year" for k, v in o.risk_likelihood.items()]
    parts += [f"effect of {k}: {usd(v)}" for k, v in o.risk_effect_usd.items()]
    return [_row("Own numbers", "; ".join(parts))] if parts else []
