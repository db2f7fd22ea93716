"""Claims that can be redone from their own figures."""

from __future__ import annotations

import math

from advisor.domain.text import percent
from advisor.domain.units import usd_per_mtok
from advisor.engine.claims.base import CHECKS, Context, Outcome, near, numbers
from advisor.engine.claims.measured import mlperf_best

MONTHS = 12
OWN_FIGURES = "arithmetic error where the claim does not follow from its own figures"


def cost_cut(tokens_per_dollar_gain: float) -> float:
    """Change of cost when tokens per dollar grow: ``1/(1+g) - 1``.

    >>> round(cost_cut(0.40), 3)
    -0.286
    """
    return 1.0 / (1.0 + tokens_per_dollar_gain) - 1.0


def yearly_saving(usd_per_month: float, tokens_per_dollar_gain: float) -> float:
    """Saving a year on a monthly bill [USD].

    >>> round(yearly_saving(2.0e6, 0.40) / 1e6, 2)
    6.86
    """
    return -cost_cut(tokens_per_dollar_gain) * usd_per_month * MONTHS


@CHECKS.for_claims("D10")
def _savings(context: Context) -> Outcome:
    claimed = numbers(context.claim.claimed)[-1]
    stated = numbers(context.claim.conditions)[0] / 100
    before = numbers(context.claim.metric + context.claim.claimed)[0]
    ours = yearly_saving(before * 1e6, stated) / 1e6
    after = before / (1 + stated)
    return Outcome(
        "confirmed" if near(claimed, ours, 0.02) else "arithmetic error",
        f"{ours:.2f} MUSD a year",
        f"{before:g}M / {1 + stated:g} = {after:.2f}M a month; ({before:g} - {after:.3f}) x 12 = {ours:.2f}M a year",
        f"+{percent(stated)} tokens per dollar is {percent(cost_cut(stated), 1)} cost, not {percent(-stated)}",
        OWN_FIGURES,
        ours,
    )


@CHECKS.for_claims("E06")
def _cost_per_mtok(context: Context) -> Outcome:
    claimed = numbers(context.claim.claimed)[0]
    price = _claim_number(context, "E05")
    rate = float(round(_claim_number(context, "E01")))  # the report itself rounds the rate
    ours = usd_per_mtok(price, rate)
    return Outcome(
        "confirmed" if near(claimed, ours, 0.05) else "arithmetic error",
        f"{ours:.2f} USD per million output tokens",
        f"{price:.2f} USD/h / ({rate:g} tok/s x 3600 s) x 1e6 = {ours:.2f} USD",
        f"the published figure is too small by a factor of {ours / claimed:,.0f}",
        OWN_FIGURES,
        ours,
    )


def _claim_number(context: Context, claim_id: str) -> float:
    claim = next(c for c in context.catalog.claims if c.id == claim_id)
    return numbers(claim.claimed)[0]


@CHECKS.for_claims("D01")
def _node_not_gpu(context: Context) -> Outcome:
    claimed = numbers(context.claim.claimed)[0]
    row = mlperf_best(context.catalog, "mi355x", "llama2-70b", "Server", "v6.0")
    if row is None:
        return Outcome("unverifiable", "none", "no such MLPerf row", "MLPerf v6.0 lacks the row", "needs the row")
    whole = near(claimed, row.result, 0.001)
    single = near(claimed, row.per_accelerator, 0.02)
    return Outcome(
        "confirmed" if single else "contradicted",
        f"{row.per_accelerator:,.0f} tok/s per GPU",
        f"{row.result:,.0f} tok/s / {row.accelerators} GPUs = {row.per_accelerator:,.0f}",
        f"entry {row.entry} ({row.submitter}) is a node of {row.accelerators} GPUs"
        + ("; the figure is the node's, given as one GPU's" if whole else ""),
        "contradicted where the figure equals that of the node while the text says one GPU",
        row.per_accelerator,
        row_ids=(row.id,),
        source_ids=(row.provenance.source_id,),
    )


@CHECKS.for_claims("A04")
def _return(context: Context) -> Outcome:
    """What a fifteenfold return takes: every token sold at the price that follows, and no cost of running."""
    invested, returned = (v * 1e6 for v in _invested(context))
    rack = next((p for p in context.catalog.purchase_prices if p.accelerator == "gb200" and p.basis == "rack"), None)
    rows = [
        r
        for r in context.catalog.measurements
        if r.accelerator == "gb200" and r.model == "dsr1" and r.output_tps_per_gpu and r.tpot_p50_s
        and 1 / r.tpot_p50_s >= 50
    ]  # fmt: skip
    best = max(rows, key=lambda r: (r.output_tps_per_gpu or 0.0, r.row_id), default=None)
    run = context.catalog.tco.get(("InferenceX TCO, owner = hyperscaler (4-yr life)", "GB200 NVL72"))
    if rack is None or rack.band is None or best is None or run is None or not run.typical:
        return Outcome("unverifiable", "none", "a rack price or a measurement is missing", "", "needs both")
    gpus = 72 * invested / rack.band[1]
    hours = 4 * 8760.0
    mtok = (best.output_tps_per_gpu or 0.0) * gpus * hours * 3600 / 1e6
    price = returned / mtok
    owned = run.typical * gpus * hours
    return Outcome(
        "unverifiable",
        f"USD {price:.2f} per million output tokens, every token sold for four years",
        f"{invested / 1e6:g}M / {rack.band[1] / 1e6:.2f}M a rack x 72 = {gpus:.0f} GPUs; x"
        f" {best.output_tps_per_gpu:,.0f} output tok/s x 4 years = {mtok:,.0f} Mtok; {returned / 1e6:g}M / that ="
        f" USD {price:.2f}; owning and running them costs USD {owned / 1e6:.1f}M, a return of {returned / owned:.1f}",
        f"true where {best.isl}/{best.osl} traffic at {1 / (best.tpot_p50_s or 1):.0f} tok/s per user fills the rack"
        f" day and night and sells at that price; over all cost it is {returned / owned:.1f} times, not"
        f" {returned / invested:g}",
        "no price at which the tokens sell is a fact of the catalog, so the condition is stated instead",
        price,
        row_ids=(best.row_id, rack.id),
        source_ids=(best.source_id, rack.provenance.source_id, run.provenance.source_id),
    )


def _invested(context: Context) -> tuple[float, float]:
    values = [v for v in numbers(context.claim.conditions.replace("USD ", "")) if v >= 2]
    values = [v for v in values if not math.isclose(v, 1.0)]
    return values[0], values[1]
