"""From an answer to a file: the forms there are, and what each looks like."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from advisor.domain.recommendation import Recommendation

FORMATS = ("pdf", "markdown", "html", "json", "csv", "text")
SUFFIX = {"pdf": ".pdf", "markdown": ".md", "html": ".html", "json": ".json", "csv": ".csv", "text": ".txt"}
PREVIEW_CHARS = 24_000


def render(answer: Recommendation, form: str) -> str | bytes:
    """The answer in one form."""
    if form == "json":
        return answer.model_dump_json(indent=2) + "\n"
    if form == "csv":
        return as_csv(answer)
    if form == "text":
        from advisor.report.text import render_text

        return render_text(answer, explain=False, colour=False)
    from advisor.report import render_report

    return render_report(answer, form, explain=False, paper="a4")


def preview_text(answer: Recommendation, form: str) -> str:
    """What the preview shows: the file itself, or for a PDF and a page its text."""
    from advisor.domain.errors import AdvisorError

    try:
        body = render(answer, "markdown" if form in ("pdf", "html") else form)
    except (AdvisorError, ImportError) as error:
        return f"No preview: {error}"
    assert isinstance(body, str)
    lead = "The text of the report; the file has its typesetting and charts.\n\n" if form in ("pdf", "html") else ""
    tail = "\n…" if len(body) > PREVIEW_CHARS else ""
    return lead + body[:PREVIEW_CHARS] + tail


def produce(answer: Recommendation, form: str, path: Path) -> str:
    """Write the file whole or not at all; returns what went wrong, in a sentence."""
    from advisor.domain.errors import AdvisorError
    from advisor.report.output import write_result

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_result(render(answer, form), str(path))
    except AdvisorError as error:
        return str(error).removeprefix("--output ")
    except OSError as error:
        return f"{path}: cannot be written ({error.strerror})"
    except Exception as error:  # a fault in a report must not end the program
        return f"this is a fault of the program, not of your input: {type(error).__name__}: {error}"
    return ""


def as_csv(answer: Recommendation) -> str:
    """The comparison, one line a candidate; text that a spreadsheet could read as a formula is quoted."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([
        "accelerator", "name", "vendor", "feasible", "rank", "gpus", "nodes", "option", "usd_per_month_p10",
        "usd_per_month_p50", "usd_per_month_p90", "usd_per_mtok_blended_p50", "p_cheapest",
        "expected_loss_usd_per_month", "output_tps_per_gpu", "ttft_at_percentile_s", "tpot_at_percentile_s",
        "evidence_grade", "deployment", "infeasible_reason",
    ])  # fmt: skip
    for c in answer.candidates:
        cost, point = c.cost, c.operating_point
        band = cost.usd_per_month if cost else None
        writer.writerow([
            c.accelerator, _safe(c.name), c.vendor, "yes" if c.feasible else "no", c.rank, c.fleet and c.fleet.gpus,
            c.fleet and c.fleet.nodes, cost and cost.option, band and band.p10, band and band.p50, band and band.p90,
            cost and cost.usd_per_mtok_blended.p50, c.p_cheapest, c.expected_loss_usd_per_month,
            point and point.output_tps_per_gpu, point and point.ttft_at_percentile_s,
            point and point.tpot_at_percentile_s, point and point.evidence_grade,
            c.deployment and c.deployment.label, _safe(c.infeasible_reason),
        ])  # fmt: skip
    return out.getvalue()


def _safe(text: str) -> str:
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
