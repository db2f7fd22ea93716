"""Explanations of cost: lines, prices, options, views, tokens."""

from __future__ import annotations

from dataclasses import replace

from advisor.domain.cost import Cost, CostLine, CostOption, FleetYear, MonthFlow, PriceBasis, StackPremium
from advisor.domain.text import significant
from advisor.engine.explain.asked import Asked


def explain_cost(cost: Cost, at: Asked) -> None:
    """How it comes about."""
    leaf = at.leaf
    head = leaf.split(".")[0]
    if head.startswith("usd_per_mtok"):
        _mtok(cost, at, head)
    elif head in ("npv_usd", "cash_view_usd", "book_view_usd", "annuity_months"):
        _views(cost, at, head)
    elif head in ("gpus_start", "gpus_end", "fleet_years"):
        _years(cost, at.path, at)
    elif head in ("mtok_per_month", "mtok_input_per_month", "mtok_output_per_month"):
        both = cost.mtok_input_per_month, cost.mtok_output_per_month
        mtok_in, mtok_out, mtok = (significant(value, 6) for value in (*both, sum(both)))
        formula = f"{mtok_in} input + {mtok_out} output = {mtok} Mtok"
        at.draft.add("tokens a month", formula, None, f"{at.path}.mtok_per_month")
        if head == "mtok_per_month":
            at.draft.again = cost.mtok_input_per_month + cost.mtok_output_per_month
        at.draft.notes.append(
            "peak requests/s x average over peak x share of the month with traffic x tokens a request"
        )
    else:
        _lines(cost, at)
        if head in ("usd_per_month", "mean_usd_per_month"):
            at.draft.notes.append(
                "p10, p50, p90 and mean come from the Monte Carlo over throughput, price, demand, engineering, discount"
                " and residual value; at typical inputs it is the sum above"
            )
        if head == "point_usd_per_month":
            at.draft.again = sum(line.usd_per_month for line in cost.lines)
    at.draft.inputs += cost.inputs
    if cost.price is not None:
        at.draft.source_ids += cost.price.source_ids
        at.draft.rows += cost.price.row_ids


def _lines(cost: Cost, at: Asked) -> None:
    for i, line in enumerate(cost.lines):
        at.draft.add(line.name, line.formula, line.usd_per_month, f"{at.path}.lines[{i}]")
        at.draft.inputs += line.inputs
    total = sum(line.usd_per_month for line in cost.lines)
    parts = " + ".join(f"{line.usd_per_month:,.0f}" for line in cost.lines)
    at.draft.add(
        "sum, at typical inputs", f"{parts} = USD {total:,.0f} a month", total, f"{at.path}.point_usd_per_month"
    )


def _years(cost: Cost, path: str, at: Asked, only: int | None = None) -> None:
    """From the fleet of today to what is paid for in each year, or in one [0 is the first]."""
    for i, year in enumerate(cost.fleet_years):
        if only is None or i == only:
            explain_year(year, replace(at, path=f"{path}.fleet_years[{i}]"))


def explain_year(year: FleetYear, at: Asked) -> None:
    """How it comes about."""
    at.draft.add(f"GPUs needed in year {year.year}", year.formula, float(year.gpus_needed), f"{at.path}.gpus_needed")
    at.draft.add(f"paid for in month {year.month}", year.paid_text, year.gpus_paid, f"{at.path}.gpus_paid")


def _mtok(cost: Cost, at: Asked, head: str) -> None:
    usd, tokens_in, tokens_out = cost.point_usd_per_month, cost.mtok_input_per_month, cost.mtok_output_per_month
    mtok_in, mtok_out = significant(tokens_in, 6), significant(tokens_out, 6)
    if head == "usd_per_mtok_blended":
        value = usd / (tokens_in + tokens_out)
        formula = f"{usd:,.0f} / ({mtok_in} + {mtok_out}) Mtok = USD {significant(value, 4)}"
    else:
        weight = cost.output_weight
        value = usd / (tokens_in + weight * tokens_out)
        formula = f"{usd:,.0f} / ({mtok_in} + {weight:g} x {mtok_out}) Mtok = USD {significant(value, 4)}"
        if head == "usd_per_mtok_output":
            formula += f"; x {weight:g} = USD {significant(value * weight, 4)}"
            value *= weight
        at.draft.notes.append(f"one bill is split so that an output token costs {weight:g} input tokens")
    at.draft.add("at typical inputs", formula, value, f"{at.path}.{head}")
    at.draft.add("cost per month", "sum of the lines", usd, f"{at.path}.point_usd_per_month")
    at.draft.notes.append("p10, p50 and p90 divide the cost of each draw by its tokens")


def _views(cost: Cost, at: Asked, head: str) -> None:
    d = (1 + cost.discount_rate) ** (-1 / 12)
    annuity = sum(d**m for m in range(cost.horizon_months))
    at.draft.add(
        "discounted months", f"sum of (1 + {cost.discount_rate:g})^(-m/12) over {cost.horizon_months} months ="
        f" {annuity:.4f}", annuity, f"{at.path}.annuity_months",
    )  # fmt: skip
    if head == "annuity_months":
        at.draft.again = annuity
    elif head == "npv_usd":
        value = sum(f.cash_usd * d**f.month for f in cost.flows)
        at.draft.add(
            "cash flow, discounted", f"sum of flows[m].cash_usd x {d:.6f}^m = {value:,.0f}", value, f"{at.path}.flows"
        )
        at.draft.add(
            "levelised", f"{cost.point_usd_per_month:,.2f} x {annuity:.4f}", cost.point_usd_per_month * annuity
        )
        at.draft.again = value
    else:
        column = "cash_usd" if head == "cash_view_usd" else "book_usd"
        value = sum(getattr(f, column) for f in cost.flows)
        at.draft.add("sum over the months", f"sum of flows[m].{column} = {value:,.0f}", value, f"{at.path}.flows")
        at.draft.again = value


def explain_line(line: CostLine, at: Asked) -> None:
    """How it comes about."""
    at.draft.add(line.name, line.formula, line.usd_per_month, at.path)
    if at.leaf == "usd_per_month":
        at.draft.again = line.quantity * line.unit_price_usd
    at.draft.inputs += line.inputs
    found = at.place.nearest(Cost)
    if at.leaf == "quantity" and found is not None and line.category != "stack premium":
        _years(*found, at)


def explain_price(price: PriceBasis, at: Asked) -> None:
    """How it comes about."""
    at.draft.add("price", price.text, price.typical, f"{at.path}.typical")
    width = f"{price.low:,.2f} to {price.high:,.2f} {price.unit}"
    at.draft.add("interval", f"{width}, widened by {price.widened_by:.2f}" if price.widened_by > 1 else width, None)
    at.draft.source_ids += price.source_ids
    at.draft.rows += price.row_ids


def explain_option(option: CostOption, at: Asked) -> None:
    """How it comes about."""
    at.draft.add(option.label, option.why_not or option.caution or "allowed and priced", option.usd_per_month, at.path)
    if option.price is not None:
        explain_price(option.price, at.below("price"))


def explain_premium(premium: StackPremium, at: Asked) -> None:
    """How it comes about."""
    at.draft.add(f"engineering for {premium.stack}", premium.formula, premium.usd_per_month, f"{at.path}.usd_per_month")
    for feature in premium.features:
        at.draft.add("surcharge", feature)
    at.draft.inputs += premium.inputs


def explain_flow(flow: MonthFlow, at: Asked) -> None:
    """How it comes about."""
    at.draft.add(
        f"month {flow.month}", "price of the GPUs paid for, their running cost, engineering, and purchases or sale"
    )
    found = at.place.nearest(Cost)
    if found is None:
        return
    cost, path = found
    at.draft.inputs += cost.inputs
    if at.leaf == "gpus" and flow.month < cost.horizon_months:
        _years(cost, path, at, flow.month // 12)
