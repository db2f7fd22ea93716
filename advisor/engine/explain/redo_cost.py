"""Cost reckoned again from other fields of the tree."""

from __future__ import annotations

from advisor.domain.cost import (
    Cost,
    CostLine,
    CostOption,
    HostedApiBaseline,
    Lease,
    MonthFlow,
    Outlay,
    PriceBasis,
    StackPremium,
)
from advisor.domain.profile import Workload
from advisor.domain.recommendation import Candidate, Recommendation
from advisor.domain.text import significant
from advisor.domain.units import HOURS_PER_MONTH, WEEKS_PER_YEAR
from advisor.engine.explain.shared import Redone, in_use, workloads
from advisor.engine.tree_path import Place


def price(p: PriceBasis, _: Place, tree: Recommendation) -> Redone:
    """Age of a price."""
    if p.newest is None:
        return {}
    return {"age_days": (f"{tree.as_of} - {p.newest}", float((tree.as_of - p.newest).days))}


def option(o: CostOption, place: Place, _: Recommendation) -> Redone:
    """Levelised and present cost of a way of paying."""
    cost = place.nearest(Cost)
    if cost is None or o.usd_per_month is None or o.npv_usd is None:
        return {}
    annuity = cost[0].annuity_months
    return {
        "npv_usd": (f"{o.usd_per_month:,.2f} x {annuity:.4f} discounted months", o.usd_per_month * annuity),
        "usd_per_month": (f"{o.npv_usd:,.2f} / {annuity:.4f} discounted months", o.npv_usd / annuity),
    }


def premium(p: StackPremium, place: Place, _: Recommendation) -> Redone:
    """Engineering for the software stack."""
    cost = place.nearest(Cost)
    if cost is None:
        return {}
    c: Cost = cost[0]
    return {
        "share_of_cost": (
            f"{p.usd_per_month:,.2f} / {c.point_usd_per_month:,.2f}", p.usd_per_month / c.point_usd_per_month
        ),
        "usd_per_month": (
            f"({p.base_engineers:g} + {p.feature_engineers:g}) engineers x {p.engineer_usd_per_year:,.0f} / 12 +"
            f" {p.migration_weeks:g} weeks x {p.engineer_usd_per_year:,.0f} / 52 / {c.annuity_months:.4f}",
            (p.base_engineers + p.feature_engineers) * p.engineer_usd_per_year / 12
            + p.migration_weeks * p.engineer_usd_per_year / WEEKS_PER_YEAR / c.annuity_months,
        ),
    }  # fmt: skip


def hosted(h: HostedApiBaseline, place: Place, tree: Recommendation) -> Redone:
    """Bill of a hosted API and the volume that pays."""
    cost, api = place.nearest(Cost), tree.profile.procurement.hosted_api
    if cost is None or api is None:
        return {}
    c: Cost = cost[0]
    bill = c.mtok_input_per_month * api.usd_per_mtok_input + c.mtok_output_per_month * api.usd_per_mtok_output
    return {
        "usd_per_month": (
            f"{c.mtok_input_per_month:,.2f} x {api.usd_per_mtok_input:g} + {c.mtok_output_per_month:,.2f} x"
            f" {api.usd_per_mtok_output:g}", bill,
        ),
        "usd_per_mtok_blended": (
            f"{h.usd_per_month:,.2f} / {c.mtok_per_month:,.2f}", h.usd_per_month / c.mtok_per_month
        ),
        "breakeven_mtok_per_month": (
            f"{c.point_usd_per_month:,.2f} / {significant(h.usd_per_mtok_blended, 4)}",
            c.point_usd_per_month / h.usd_per_mtok_blended,
        ),
    }  # fmt: skip


def outlay(o: Outlay, place: Place, _: Recommendation) -> Redone:
    """Capital of a purchase."""
    each, found = significant(o.usd_per_gpu, 8), place.nearest(Cost)
    out: Redone = {
        "up_front_usd": (f"{o.gpus:g} GPUs x USD {each}", o.gpus * o.usd_per_gpu),
        "usd_per_gpu": (f"USD {o.up_front_usd:,.2f} / {o.gpus:g} GPUs", o.up_front_usd / o.gpus),
        "later_usd": (f"{o.later_gpus:g} GPUs x USD {each}", o.later_gpus * o.usd_per_gpu),
        "gpus": (f"USD {o.up_front_usd:,.2f} / USD {each}", o.up_front_usd / o.usd_per_gpu),
        "later_gpus": (f"USD {o.later_usd:,.2f} / USD {each}", o.later_usd / o.usd_per_gpu),
    }
    if found is not None and found[0].mode == "buy":  # a mixed way rents the GPUs above its base
        start, end = found[0].gpus_start, found[0].gpus_end
        out["gpus"] = ("gpus_start of the cost", start)
        out["later_gpus"] = (f"gpus_end - gpus_start of the cost = {end:g} - {start:g}", end - start)
    return out


def lease(x: Lease, _: Place, __: Recommendation) -> Redone:
    """Rent of a first term."""
    each, hours = significant(x.usd_per_gpu_hour, 8), x.months * HOURS_PER_MONTH
    return {
        "usd": (f"{x.gpus:g} GPUs x {hours:,.0f} h x USD {each}", x.gpus * hours * x.usd_per_gpu_hour),
        "gpus": (f"USD {x.usd:,.2f} / ({hours:,.0f} h x USD {each})", x.usd / (hours * x.usd_per_gpu_hour)),
        "months": (
            f"USD {x.usd:,.2f} / ({x.gpus:g} GPUs x {HOURS_PER_MONTH:,.0f} h x USD {each})",
            x.usd / (x.gpus * HOURS_PER_MONTH * x.usd_per_gpu_hour),
        ),
        "usd_per_gpu_hour": (f"USD {x.usd:,.2f} / ({x.gpus:g} GPUs x {hours:,.0f} h)", x.usd / (x.gpus * hours)),
    }


def flow(f: MonthFlow, place: Place, tree: Recommendation) -> Redone:
    """Tokens of a month."""
    cost = place.nearest(Cost)
    growth = {w.traffic.growth_per_year for w in tree.profile.tiers}
    if cost is None or len(growth) != 1 or f.month >= cost[0].horizon_months:
        return {}
    first, g = cost[0].flows[0].mtok, growth.pop()
    return {"mtok": (f"{first:,.4f} x (1 + {g:g})^({f.month}/12)", first * (1 + g) ** (f.month / 12))}


def cost(c: Cost, place: Place, tree: Recommendation) -> Redone:
    """Totals of a cost."""
    d = (1 + c.discount_rate) ** (-1 / 12)
    months = c.flows[: c.horizon_months]
    held = sum(f.gpus * d**f.month for f in months)
    served = sum(f.mtok * d**f.month for f in months)
    rates = peaks(place, tree)
    out: Redone = {
        "gpus_start": ("flows[0].gpus", c.flows[0].gpus),
        "gpus_end": (f"flows[{c.horizon_months - 1}].gpus", months[-1].gpus),
        "horizon_months": ("procurement.horizon_months", float(tree.profile.procurement.horizon_months)),
        "mtok_per_month": (
            f"sum of flows[m].mtok x {d:.6f}^m = {served:,.2f}, over {c.annuity_months:.4f} discounted months",
            served / c.annuity_months,
        ),
    }
    if held > 0:
        out["usd_per_gpu_hour"] = (
            f"{c.point_usd_per_month:,.2f} x {c.annuity_months:.4f} / {held:,.2f} discounted GPU-months /"
            f" {HOURS_PER_MONTH:g} h", c.point_usd_per_month * c.annuity_months / held / HOURS_PER_MONTH,
        )  # fmt: skip
    if rates and len({w.traffic.growth_per_year for w, _ in rates}) == 1:
        tokens_in = sum(rps * in_use(w) * w.traffic.isl.mean_tokens for w, rps in rates)
        tokens_out = sum(rps * in_use(w) * w.traffic.osl.mean_tokens for w, rps in rates)
        for name, part in (("mtok_input_per_month", tokens_in), ("mtok_output_per_month", tokens_out)):
            share = part / (tokens_in + tokens_out)
            out[name] = (f"{c.mtok_per_month:,.4f} x {share:.6f}, their share of the tokens", c.mtok_per_month * share)
    return out


def peaks(place: Place, tree: Recommendation) -> list[tuple[Workload, float]]:
    """Each workload with its peak requests/s."""
    found = place.nearest(Candidate)
    if found is None or found[0].fleet is None:
        return []
    c: Candidate = found[0]
    fleets = [t.fleet for t in c.tiers] or [found[0].fleet]
    return [(w, f.peak_requests_per_s) for w, f in zip(workloads(place, tree), fleets, strict=True)]


def line(x: CostLine, place: Place, _: Recommendation) -> Redone:
    """Quantity of one term from the GPUs of each month."""
    out: Redone = {"usd_per_month": (f"{significant(x.quantity, 6)} {x.unit} x USD {significant(x.unit_price_usd, 6)}",
                                     x.quantity * x.unit_price_usd)}  # fmt: skip
    found = place.nearest(Cost)
    if found is None or found[0].mode == "mixed":
        return out
    c: Cost = found[0]
    d = (1 + c.discount_rate) ** (-1 / 12)
    gpus = [f.gpus for f in c.flows[: c.horizon_months]]
    held = sum(g * d**m for m, g in enumerate(gpus)) / c.annuity_months
    text = f"{held:,.4f} GPUs held, discounted months weighed (flows[m].gpus)"
    given = {q.name: q.value for q in x.inputs}
    kw, pue = given.get("it_kw_per_gpu"), given.get("pue")
    if x.unit == "GPU-h" and x.category == "rent" and sum(other.unit == x.unit for other in c.lines) == 1:
        out["quantity"] = (f"{text} x {HOURS_PER_MONTH:g} h", held * HOURS_PER_MONTH)
    elif x.unit == "GPU" and x.category == "capital":
        added = [g - before for g, before in zip(gpus, [0.0, *gpus], strict=False)]
        bought = sum(a * d**m for m, a in enumerate(added)) / c.annuity_months
        out["quantity"] = (f"GPUs added (flows[m].gpus), discounted / {c.annuity_months:.4f} months", bought)
    elif x.unit == "kWh" and kw is not None and pue is not None:
        out["quantity"] = (
            f"{text} x {kw:g} kW x PUE {pue:g} x {HOURS_PER_MONTH:g} h", held * kw * pue * HOURS_PER_MONTH
        )
    elif x.unit == "kW" and kw is not None:
        out["quantity"] = (f"{text} x {kw:g} kW", held * kw)
    return out
