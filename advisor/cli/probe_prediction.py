"""What was predicted for the points that a probe measured, from the catalog alone."""

from __future__ import annotations

from advisor.domain.errors import AdvisorError
from advisor.domain.model import model_called
from advisor.domain.probing import count_in_doubt
from advisor.domain.text import percent, plain
from advisor.evidence.runs import Run, Step, speculation


def prediction_text(run: Run) -> str:
    """A line a step: measured against predicted, with the predicted 80 % range; empty where nothing can be compared.

    A probe states the lengths that it sent; the estimator asks for nominal ones.
    """
    from advisor.engine.estimator import estimate_rows
    from advisor.engine.operating_point import MEAN_OVER_NOMINAL
    from advisor.workbench import Workbench

    where = run.deployment
    steps = [step for step in run.steps if step.valid and step.output_tps is not None and step.isl and step.osl]
    if not (where.accelerator and where.gpus and where.model and steps):
        return ""
    common = {
        "accelerator": where.accelerator,
        "model": where.model,
        "precision": where.precision or "fp8",
        "engine": where.engine,
        "gpus": str(where.gpus),
        "tp": str(where.tp or where.gpus),
        "ep": str(where.ep or 1),
        "dp_attention": str(where.dp_attention),
        "spec_method": speculation(run),
        "disagg": str(where.disagg),
    }
    rows = [
        {
            **{k: v for k, v in common.items() if v},
            "isl": f"{s.lengths[0] / MEAN_OVER_NOMINAL:.0f}",
            "osl": f"{s.lengths[1] / MEAN_OVER_NOMINAL:.0f}",
            "concurrency": _concurrency(s),
        }
        for s in steps
    ]
    try:
        bench = Workbench(as_of=run.started_at.date())
        spec = model_called(where.model, bench.catalog.models.values())
        rows = [{**row, "model": spec.id} for row in rows] if spec else rows
        predicted = estimate_rows(bench.estimator, rows, software="current")
    except AdvisorError as error:
        return f"No prediction to compare with: {plain(str(error), 200)}\n"
    lines = [""]
    for step, row in zip(steps, predicted, strict=True):
        lines.append(_line(step, row, where.gpus))
    return "\n".join(lines) + "\n"


def _concurrency(step: Step) -> str:
    return str(max(1, round(step.concurrency or step.achieved_concurrency or 1)))


def _line(step: Step, row: dict[str, str], gpus: int) -> str:
    isl, osl = step.lengths
    head = f"  {isl:.0f}/{osl:.0f} at {_concurrency(step)}: "
    if row["error"] or not row["output_tps_per_gpu"]:
        return head + f"no prediction ({plain(row['error'] or 'no figure', 160)})"
    assert step.output_tps is not None
    measured, expected = step.output_tps / gpus, float(row["output_tps_per_gpu"])
    low, high = (float(row[f"output_tps_per_gpu_{end}"]) for end in ("lo", "hi"))
    doubt = count_in_doubt(measured, expected, low, high, gpus)
    span = f"{low:,.1f} to {high:,.1f}"
    return (
        f"{head}{measured:,.1f} tok/s per GPU measured, {expected:,.1f} predicted ({span}, grade"
        f" {row['evidence_grade']}): {percent(measured / expected)}"
    ) + (f"; {doubt} (--gpus)" if doubt else "")
