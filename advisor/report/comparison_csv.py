"""The comparison as CSV, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
from io import StringIO

from advisor.domain.recommendation import Candidate, Recommendation
from advisor.domain.text import plain

COLUMNS = (
    "profile", "as_of", "verdict", "rank", "accelerator", "name", "vendor", "feasible", "reason", "gpus", "nodes",
    "deployment", "concurrency", "ttft_p50_s", "tpot_p50_s", "output_tps_per_gpu", "evidence_grade", "mode",
    "commitment",
    "usd_per_month_p10", "usd_per_month_p50", "usd_per_month_p90", "usd_per_mtok_blended_p50",
    "risk_adjusted_usd_per_month", "p_cheapest",
)  # fmt: skip
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "|", "%")


def write_csv(tree: Recommendation) -> str:
    """One row a candidate, best first; LF line ends, dot decimals, full precision."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for candidate in tree.candidates:
        writer.writerow([safe_cell(v) for v in _row(tree, candidate)])
    return out.getvalue()


def safe_cell(value: object) -> str:
    """Text that no spreadsheet takes for a formula; numbers stay numbers."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    text = plain(str(value))
    return f"'{text}" if text.lstrip().startswith(FORMULA_STARTS) else text


def _row(tree: Recommendation, c: Candidate) -> list[object]:
    p, cost, fleet = c.operating_point, c.cost, c.fleet
    monthly = cost.usd_per_month if cost else None
    return [
        tree.profile.name, tree.as_of.isoformat(), tree.verdict.kind, c.rank, c.accelerator, c.name, c.vendor,
        c.feasible, c.infeasible_reason, fleet.gpus if fleet else None, fleet.nodes if fleet else None,
        c.deployment.label if c.deployment else None, p.concurrency if p else None, p.ttft_p50_s if p else None,
        p.tpot_p50_s if p else None, p.output_tps_per_gpu if p else None, p.evidence_grade if p else None,
        cost.mode if cost else None, cost.commitment if cost else None, monthly.p10 if monthly else None,
        monthly.p50 if monthly else None, monthly.p90 if monthly else None,
        cost.usd_per_mtok_blended.p50 if cost else None, c.risk_adjusted_usd_per_month, c.p_cheapest,
    ]  # fmt: skip
