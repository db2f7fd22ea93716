"""What was predicted for the points that a probe measured, from the catalog alone."""

from __future__ import annotations

from advisor.domain.errors import AdvisorError
from advisor.domain.estimate import OperatingEstimate
from advisor.domain.probing import count_in_doubt
from advisor.domain.text import percent, plain
from advisor.evidence.runs import Run, Step, unstated


def prediction_text(run: Run) -> str:
    """A line a step: measured against predicted, with the predicted 80 % range; empty where nothing can be compared."""
    from advisor.workbench import Workbench

    gpus, measured = run.deployment.gpus, any(s.valid and s.output_tps is not None for s in run.steps)
    if unstated(run.deployment) or gpus is None or not measured:
        return ""
    try:
        predicted = Workbench(as_of=run.started_at.date()).predicted(run)
    except AdvisorError as error:
        return f"No prediction to compare with: {plain(str(error), 200)}\n"
    pairs = zip(run.steps, predicted, strict=True)
    lines = [_line(step, found, gpus) for step, found in pairs if step.valid and step.output_tps is not None]
    return "\n".join(["", *lines]) + "\n"


def _line(step: Step, found: OperatingEstimate | str, gpus: int) -> str:
    isl, osl = step.lengths
    head = f"  {isl:.0f}/{osl:.0f} at {max(1, round(step.in_flight or 1))}: "
    if isinstance(found, str):
        return head + f"no prediction ({plain(found, 160)})"
    assert step.output_tps is not None
    measured, expected = step.output_tps / gpus, found.output_tps_per_gpu
    doubt = count_in_doubt(measured, expected.mid, expected.lo, expected.hi, gpus)
    span = f"{expected.lo:,.1f} to {expected.hi:,.1f}"
    return (
        f"{head}{measured:,.1f} tok/s per GPU measured, {expected.mid:,.1f} predicted ({span}, grade"
        f" {found.evidence_grade}): {percent(measured / expected.mid)}"
    ) + (f"; {doubt} (--gpus)" if doubt else "")
