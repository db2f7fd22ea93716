"""Claims about throughput, from MLPerf and from independent serving measurements."""

from __future__ import annotations

from statistics import median

from advisor.domain.claim_check import ClaimVerdict
from advisor.domain.text import percent
from advisor.engine.claims.base import CHECKS, Context, Outcome, agree_rule, judge, missing, near, numbers, worst
from advisor.engine.claims.measured import (
    SHAPES,
    Ratio,
    frontier_ratios,
    listing,
    middle,
    mlperf_ratio,
    point_ratios,
    rows_of,
    spread,
)

MLPERF = 0.03
SERVING = 0.15
DERIVED = "per accelerator, derived by us and no official MLPerf metric"
FAR = 0.20
"""Ratios of two evidence families further apart than this are said to differ."""

RATIO_RULE = agree_rule(SERVING) + ", where ours is the median of the ratios"


def _sources(context: Context, rows: tuple[str, ...]) -> tuple[str, ...]:
    wanted = set(rows)
    found = [r.provenance.source_id for r in context.catalog.mlperf if r.id in wanted]
    found += [m.source_id for m in context.catalog.measurements if m.row_id in wanted]
    return tuple(dict.fromkeys(found))


def _mlperf(context: Context, pairs: list[tuple[float, Ratio | None]], note: str = "") -> Outcome:
    """Claimed ratios against derived ones."""
    known = [(claimed, ratio) for claimed, ratio in pairs if ratio is not None]
    if not known:
        return missing("no such MLPerf rows")
    rows = rows_of([r for _, r in known])
    return Outcome(
        worst([judge(claimed, ratio.value, MLPERF) for claimed, ratio in known]),
        " / ".join(f"{ratio.value:.2f}" for _, ratio in known),
        "; ".join(f"claimed {claimed:.2f}, {ratio.text}" for claimed, ratio in known),
        note or f"best closed submissions on one node; {DERIVED}",
        agree_rule(MLPERF),
        known[0][1].value,
        row_ids=rows,
        source_ids=_sources(context, rows),
    )


@CHECKS.for_claims("C03")
def _mlperf_b200(context: Context) -> Outcome:
    return _three(context, "b200")


@CHECKS.for_claims("D05")
def _mlperf_b300(context: Context) -> Outcome:
    return _three(context, "b300")


def _three(context: Context, other: str) -> Outcome:
    """All three scenarios under one accuracy target: the one that comes nearest, as the claim does not name it."""
    claimed = [v / 100 for v in numbers(context.claim.claimed)[:3]]
    scenarios = ("Offline", "Server", "Interactive")
    tried: dict[str, list[Ratio]] = {}
    for model in ("llama2-70b-99.9", "llama2-70b-99"):
        found = [mlperf_ratio(context.catalog, "mi355x", other, model, s, "v6.0") for s in scenarios]
        if all(found):
            tried[model] = [r for r in found if r is not None]
    if not tried:
        return missing("no such MLPerf rows")
    model = min(tried, key=lambda m: max(abs(r.value - c) for r, c in zip(tried[m], claimed, strict=True)))
    return _mlperf(context, list(zip(claimed, tried[model], strict=True)), f"{model}: best closed nodes; {DERIVED}")


@CHECKS.for_claims("C04")
def _gpt_oss(context: Context) -> Outcome:
    low, high = sorted(v / 100 for v in numbers(context.claim.claimed.replace("-", " to "))[:2])
    known = [
        r
        for r in (
            mlperf_ratio(context.catalog, "mi355x", "b200", "gpt-oss-120b", s, "v6.0") for s in ("Offline", "Server")
        )
        if r is not None
    ]
    if not known:
        return missing("no such MLPerf rows")
    inside = all(low * (1 - MLPERF) <= r.value <= high * (1 + MLPERF) for r in known)
    rows = rows_of(known)
    return Outcome(
        "confirmed" if inside else "contradicted", " / ".join(f"{r.value:.2f}" for r in known),
        f"claimed {low:.2f} to {high:.2f}; " + "; ".join(r.text for r in known),
        "holds against some B200 submissions only: the best one is faster" if not inside else "best closed submissions",
        "confirmed where both scenarios lie in the claimed range, best node against best node", known[0].value,
        row_ids=rows, source_ids=_sources(context, rows),
    )  # fmt: skip


@CHECKS.for_claims("D02")
def _generations(context: Context) -> Outcome:
    claimed = numbers(context.claim.claimed)[0]
    ratio = mlperf_ratio(context.catalog, "mi355x", "mi325x", "llama2-70b", "Server", "v6.0")
    return _mlperf(context, [(claimed, ratio)])


@CHECKS.for_claims("C07")
def _no_submission(context: Context) -> Outcome:
    parts = [a.id for a in context.catalog.accelerators.values() if a.vendor == "AMD"]
    mine = [r for r in context.catalog.mlperf if r.round == "v6.0" and "deepseek-r1" in r.model]
    amd = [r for r in mine if r.accelerator in parts]
    return Outcome(
        "confirmed" if mine and not amd else "contradicted", f"{len(amd)} of {len(mine)} results",
        f"DeepSeek-R1 results in v6.0: {len(mine)}, on AMD parts {len(amd)}", "MLPerf table",
        "confirmed where the round has results of the model and none on an AMD part", float(len(amd)),
        row_ids=tuple(r.id for r in amd[:4]), source_ids=_sources(context, tuple(r.id for r in mine[:1])),
    )  # fmt: skip


@CHECKS.for_claims("D03")
def _million(context: Context) -> Outcome:
    claimed = int(numbers(context.claim.claimed)[0])
    rows = [
        r for r in context.catalog.mlperf
        if r.accelerator == "mi355x" and r.round == "v6.0" and r.result > 1e6 and r.unit == "tokens/s"
    ]  # fmt: skip
    by_model = {
        m: sorted({r.accelerators for r in rows if r.model.startswith(m)}) for m in ("llama2-70b", "gpt-oss-120b")
    }
    holds = all(claimed in sizes for sizes in by_model.values())
    text = "; ".join(f"{m}: over a million on {', '.join(map(str, s)) or 'no'} GPUs" for m, s in by_model.items())
    return Outcome(
        "confirmed" if holds else "contradicted", text, f"claimed {claimed} GPUs for both; {text}",
        "multi-node results of MLPerf v6.0", "confirmed where both models pass a million tokens/s on that many GPUs",
        None, row_ids=tuple(r.id for r in rows[:6]), source_ids=_sources(context, tuple(r.id for r in rows[:1])),
    )  # fmt: skip


@CHECKS.for_claims("C05")
def _vendor_405b(context: Context) -> Outcome:
    claimed = numbers(context.claim.claimed)[0] / 100
    found = [mlperf_ratio(context.catalog, "mi355x", "b200", "llama3.1-405b", s, "v6.0") for s in ("Offline", "Server")]
    known = [r for r in found if r is not None]
    if not known:
        pairs = frontier_ratios(context.catalog, "mi355x", "b200", ("llama405b", "llama3.1-405b"))
        if not pairs:
            return missing(
                "no independent measurement of the 405B model on both parts, and no MLPerf result of it on the MI355X"
            )
        return _serving(context, claimed, pairs)
    return _mlperf(context, [(claimed, r) for r in known])


@CHECKS.for_claims("D14")
def _families(context: Context) -> Outcome:
    """The same pair of parts, in MLPerf offline and at a bounded latency."""
    contest = mlperf_ratio(context.catalog, "mi355x", "b200", "llama2-70b", "Offline", "v6.0")
    serving = frontier_ratios(context.catalog, "mi355x", "b200", ("llama70b",), (50,))
    if contest is None or not serving:
        return missing("one of the two families is missing")
    ours = middle(serving) / contest.value
    rows = (*contest.rows, *rows_of(serving))
    return Outcome(
        "confirmed" if abs(ours - 1) > FAR else "contradicted", f"{contest.value:.2f} against {middle(serving):.2f}",
        f"{contest.text}; serving at 50 tok/s per user: {listing(serving)}",
        "in the contest the MI355X is level with the B200, at a bounded latency it is far behind; part of the gap is"
        " the age of the software measured", f"confirmed where the two ratios differ by more than {percent(FAR)}", ours,
        row_ids=rows, source_ids=_sources(context, rows),
    )  # fmt: skip


# serving


def _serving(context: Context, claimed: float, ratios: list[Ratio], note: str = "") -> Outcome:
    if not ratios:
        return missing("no measurement of both parts in the same regime")
    ours = middle(ratios)
    low, high = spread(ratios)
    rows = rows_of(ratios)
    beyond = "; the claim understates it" if claimed < ours * (1 - SERVING) else ""
    return Outcome(
        judge(claimed, ours, SERVING), f"{ours:.2f} (from {low:.2f} to {high:.2f})", listing(ratios),
        (note or "independent serving measurements, each part in its best measured configuration") + beyond,
        RATIO_RULE, ours,
        row_ids=rows[:12], source_ids=_sources(context, rows),
    )  # fmt: skip


@CHECKS.for_claims("D06")
def _dsr1_scale(context: Context) -> Outcome:
    claimed = numbers(context.claim.claimed)[0]
    ratios = frontier_ratios(context.catalog, "mi355x", "b200", ("dsr1",), (20, 30, 50, 75))
    return _serving(context, claimed, ratios)


@CHECKS.for_claims("D07")
def _dsr1_fp4(context: Context) -> Outcome:
    claimed = 1 + numbers(context.claim.claimed)[0] / 100
    ratios = point_ratios(context.catalog, "mi355x", "b200", "dsr1", (64, 128), precision="fp4")
    return _serving(context, claimed, ratios, "same shape and requests in flight, aggregated deployments")


@CHECKS.for_claims("B08")
def _nvl72(context: Context) -> Outcome:
    claimed = numbers(context.claim.claimed)[0]
    ratios = frontier_ratios(
        context.catalog, "gb200", "h100", ("dsr1", "gptoss120b"), (30, 50), precisions=("fp4",),
        second_precisions=("fp4", "fp8"),
    )  # fmt: skip
    return _serving(context, claimed, ratios, "FP4 on the rack against the best of FP8 and MXFP4 on the H100")


@CHECKS.for_claims("B10")
def _vllm_gap(context: Context) -> Outcome:
    claimed = 1 - numbers(context.claim.claimed)[0] / 100
    ratios = [
        r for tp in (2, 4, 8)
        for r in point_ratios(
            context.catalog, "mi300x", "h100", "llama70b", (64,), precision="fp8", engine="vllm", tp=tp
        )
    ]  # fmt: skip
    return _serving(context, claimed, ratios, "same engine, tensor parallelism and requests in flight")


@CHECKS.for_claims("B21")
def _two_rates(context: Context) -> Outcome:
    first, second = numbers(context.claim.claimed)[:2]
    ratios = point_ratios(context.catalog, "mi300x", "h200", "llama70b", (64,), precision="fp8", engine="vllm", tp=1)
    note = f"the claim gives {first:g} / {second:g} = {first / second:.2f}; shape and precision of it are not stated"
    return _serving(context, first / second, ratios, note)


@CHECKS.for_claims("B17")
def _new_generation(context: Context) -> Outcome:
    claimed = numbers(context.claim.claimed)[0]
    ratios = frontier_ratios(
        context.catalog, "mi355x", "mi325x", ("llama70b", "dsr1"), (20, 30, 50), precisions=("fp8",)
    )
    return _serving(context, claimed, ratios, "FP8 on both; the MI355X stands in for the MI350X, which is not measured")


@CHECKS.for_claims("B05")
def _per_dollar(context: Context) -> Outcome:
    claimed = numbers(context.claim.claimed)[0]
    ratios = frontier_ratios(context.catalog, "h100", "mi300x", ("llama70b",), (20, 30, 50), precisions=("fp8",))
    prices = [
        context.catalog.rent_market(p, "neocloud", "on_demand", context.as_of).typical for p in ("h100", "mi300x")
    ]
    if not ratios or not prices[0] or not prices[1]:
        return missing("a measurement or a price is missing")
    ours = middle(ratios) * prices[1] / prices[0]
    rows = rows_of(ratios)
    return Outcome(
        judge(claimed, ours, SERVING), f"{ours:.2f}",
        f"throughput {middle(ratios):.2f} x price {prices[1]:.2f} / {prices[0]:.2f} = {ours:.2f}"
        f" ({listing(ratios, 2)})",
        "Llama 70B FP8 at the same interactivity, today's rents; the claim's 512 requests in flight are not measured",
        RATIO_RULE, ours, row_ids=rows[:12], source_ids=_sources(context, rows),
    )  # fmt: skip


@CHECKS.for_claims("A01", "D09")
def _tokens_per_dollar(context: Context) -> Outcome:
    """Throughput ratio over price ratio, on each basis of price that both parts have."""
    claimed = 1 + numbers(context.claim.claimed)[0] / 100
    ratios = frontier_ratios(context.catalog, "mi355x", "b200", ("llama70b", "gptoss120b", "dsr1"), (30, 50))
    contest = mlperf_ratio(context.catalog, "mi355x", "b200", "llama2-70b", "Server", "v6.0")
    prices = _price_ratios(context)
    if not ratios or contest is None or not prices:
        return missing("a measurement or a price is missing")
    by_basis = {name: middle(ratios) / ratio for name, ratio in prices.items()}
    best_case = {name: contest.value / ratio for name, ratio in prices.items()}
    ours = median(by_basis.values())
    top = max(best_case.values())
    verdict: ClaimVerdict = "confirmed" if near(claimed, ours, SERVING) or ours > claimed else "contradicted"
    rows = (*rows_of(ratios)[:8], *contest.rows)
    needed = claimed * min(prices.values())
    return Outcome(
        verdict,
        f"{percent(ours - 1, sign=True)} on serving measurements, up to {percent(top - 1, sign=True)} on MLPerf",
        f"throughput {middle(ratios):.2f} (serving) or {contest.value:.2f} (MLPerf), over price "
        + ", ".join(f"{name} {ratio:.2f}" for name, ratio in prices.items())
        + "; serving: "
        + ", ".join(f"{name} {value:.2f}" for name, value in by_basis.items()),
        f"+{percent(claimed - 1)} tokens per dollar would cut cost by {percent(1 - 1 / claimed, 1)}; it takes"
        f" {needed:.2f} times the B200's throughput at the lowest price ratio; the 405B model itself is not measured on"
        " both parts",
        "confirmed where the median over price bases reaches the claim within 15 %", (ours - 1) * 100,
        row_ids=rows, source_ids=_sources(context, rows),
    )  # fmt: skip


def _price_ratios(context: Context) -> dict[str, float]:
    """Price of an MI355X over that of a B200, by basis."""
    out: dict[str, float] = {}
    for name, seller in (("neocloud on demand", "neocloud"), ("hyperscaler list", "hyperscaler")):
        pair = [
            context.catalog.rent_market(p, seller, "on_demand", context.as_of).typical  # type: ignore[arg-type]
            for p in ("mi355x", "b200")
        ]
        if pair[0] and pair[1]:
            out[name] = pair[0] / pair[1]
    for name, key in (
        ("long contract", 'InferenceX "retail tier" price'),
        ("owned by an operator", "InferenceX TCO, owner = hyperscaler (4-yr life)"),
    ):
        rows = [context.catalog.tco.get((key, p)) for p in ("MI355X", "B200")]
        values = [r.typical for r in rows if r is not None and r.typical]
        if len(values) == 2:
            out[name] = values[0] / values[1]
    return out


@CHECKS.for_claims("B25")
def _by_tier(context: Context) -> Outcome:
    """Whether AMD does relatively better where decoding, which memory bounds, outweighs prefill."""
    decode = frontier_ratios(context.catalog, "mi355x", "b200", ("dsr1",), (30, 50), shapes=(SHAPES[2],))
    prefill = frontier_ratios(context.catalog, "mi355x", "b200", ("dsr1",), (30, 50), shapes=(SHAPES[1],))
    if not decode or not prefill:
        return missing("the two regimes are not both measured")
    a, b = middle(decode), middle(prefill)
    rows = (*rows_of(decode), *rows_of(prefill))
    return Outcome(
        "confirmed" if a > b * 1.05 else "contradicted",
        f"{a:.2f} where decoding dominates, {b:.2f} where prefill does",
        f"decode-heavy: {listing(decode, 2)}; prefill-heavy: {listing(prefill, 2)}",
        "DeepSeek-R1, MI355X over B200; the tier that suits AMD follows the software (disaggregation), not the memory",
        "confirmed where the ratio is at least 5 % better in the memory-bound regime", a,
        row_ids=rows, source_ids=_sources(context, rows),
    )  # fmt: skip
