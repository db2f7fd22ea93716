"""What the Probe screen says: the plan, the progress, the result beside the estimate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from textual.content import Content

from advisor.domain.probing import count_in_doubt
from advisor.domain.text import in_a_row
from advisor.tui import format as f
from advisor.tui.widgets.spark import gauge, spark
from advisor.tui.widgets.tones import content

if TYPE_CHECKING:
    from advisor.domain.decision import ValueOfInformation
    from advisor.domain.estimate import Interval, OperatingEstimate
    from advisor.evidence.runs import Run, Step
    from advisor.probe.plan import Plan
    from advisor.probe.session import Snapshot

KEPT = 240


@dataclass(slots=True)
class History:
    """The last moments of a run, for the sparklines."""

    ttft_s: list[float] = field(default_factory=list)
    tpot_s: list[float] = field(default_factory=list)
    tps: list[float] = field(default_factory=list)

    def add(self, s: Snapshot) -> None:
        """Remember a snapshot."""
        for kept, value in ((self.ttft_s, s.ttft_p50_s), (self.tpot_s, s.tpot_p50_s), (self.tps, s.output_tps)):
            if value is not None:
                kept.append(value)
                del kept[:-KEPT]


def plan_content(plan: Plan | None, problem: str, why: ValueOfInformation | None) -> Content:
    """What would be sent and what it can cost, before anything is."""
    parts: list[Content] = []
    if plan is None:
        parts.append(content(("Not ready: ", "warn"), f"{problem}\n"))
    else:
        parts.append(content((f"Plan: {plan.name}\n", "head")))
        for s in plan.steps[:14]:
            parts.append(
                content(f"  {s.label:<38}", (f"{s.worst_requests:>6,} requests {s.worst_tokens:>11,} tokens\n", "dim"))
            )
        if len(plan.steps) > 14:
            parts.append(content((f"  and {len(plan.steps) - 14} more steps\n", "dim")))
        usd = f"USD {plan.worst_usd:,.2f}" if plan.worst_usd is not None else "unknown: give the rent and the GPUs"
        parts.append(content(("\nAt worst, and then it stops\n", "head")))
        parts.append(content(f"  tokens   {plan.worst_tokens:>14,}\n"))
        if plan.worst_seconds is not None:
            parts.append(content(f"  seconds  {plan.worst_seconds:>14,.0f}\n"))
        parts.append(content(f"  cost     {usd:>14}\n", ("\nF5 starts it.\n", "strong")))
    if why is not None:
        parts.append(content(("\nWhat a probe is worth here\n", "head"), f"{why.text}\n"))
        if why.plan is not None:
            parts.append(content((f"{why.plan.rule}\n", "plain")))
    return Content("").join(parts)


def progress_content(s: Snapshot, history: History, width: int) -> Content:
    """Where the run stands."""
    step = s.step.label if s.step is not None else s.phase
    parts = [
        content((f"◌ Step {min(s.step_index + 1, s.step_count)} of {s.step_count}: ", "warn"), (f"{step}\n", "strong"))
    ]
    wanted = s.step.worst_requests if s.step is not None else 0
    bar = max(10, min(40, width - 34))
    if wanted:
        parts.append(content(("requests ", "dim"), gauge(s.done / wanted, bar), f" {s.done} of at most {wanted}\n"))
    parts.append(content(("in flight ", "dim"), f"{s.in_flight}   ", ("failed ", "dim"),
                         (f"{s.failed}", "bad" if s.failed else "plain"), "\n"))  # fmt: skip
    for name, values, text in (
        ("TTFT ", history.ttft_s, f.seconds(s.ttft_p50_s)), ("ITL  ", history.tpot_s, f.seconds(s.tpot_p50_s)),
        ("tok/s", history.tps, f"{s.output_tps:,.0f}" if s.output_tps is not None else f.MISSING),
    ):  # fmt: skip
        parts.append(content((f"{name}  ", "dim"), (f"{spark(values, bar):<{bar}}", "s1"), (f"  {text}\n", "strong")))
    if s.precision is not None:
        parts.append(content(("medians known to ", "dim"), f"± {f.share(s.precision, 1)}\n"))
    parts.append(content(("\nSpent against the limits\n", "head")))
    limit, spent = s.limit, s.spent
    rows = [("tokens", float(spent.tokens), limit.max_tokens, f"{spent.tokens:,}"),
            ("time", spent.seconds, limit.max_seconds, f"{spent.seconds:,.0f} s")]  # fmt: skip
    if s.plan.prices.known:
        rows.append(("USD", spent.usd, limit.max_usd, f"{spent.usd:,.2f}"))
    for name, used, most, text in rows:
        share = used / most if most else 0.0
        tone = "bad" if share > 0.95 else "warn" if share > 0.8 else "good"
        limit_text = f" of {most:,.0f}" if most else ", no limit"
        parts.append(content((f"{name:<7}", "dim"), (gauge(share, bar), tone), f" {text}{limit_text}\n"))
    parts += [content(("✗ ", "bad"), f"{kind}: {count}\n") for kind, count in s.errors]
    parts += [content(("· ", "dim"), f"{text}\n") for text in s.messages]
    if s.steps:
        parts.append(content(("\nKept so far\n", "head")))
        parts += [content(step_line(x)) for x in s.steps]
    parts.append(content(("\nF8 stops it; nothing that is measured is lost.", "dim")))
    return Content("").join(parts)


def step_line(step: Step) -> str:
    """One finished step."""
    at = f"{step.concurrency:g} at once" if step.concurrency is not None else "open loop"
    rate = f"{step.output_tps:,.0f} tok/s" if step.output_tps is not None else "no rate"
    state = (_doubt(step) and f"  {_doubt(step)}") + ("  partial" if step.valid and step.partial else "")
    return f"  {at:<12} TTFT {f.seconds(step.ttft.p50):<9} TPOT {f.seconds(step.tpot.p50):<9} {rate}{state}\n"


def result_content(run: Run, said: Sequence[OperatingEstimate | str], error: str) -> Content:
    """The result beside the estimate; `said` as `Workbench.predicted` has it."""
    from advisor.evidence.runs import ending

    told = ending(run)
    mark, tone = ("✓", "good") if told == "complete" else ("▲", "warn")
    parts = [content((f"{mark} {told}  ", tone), (f"run {run.id}\n", "strong"))]
    if error:
        parts.append(content((f"✗ {error}\n", "bad")))
    gpus = run.deployment.gpus or 1
    per = "per GPU" if run.deployment.gpus else "in all"
    for i, step in enumerate(run.steps):
        at = f"{step.concurrency:g} at once" if step.concurrency is not None else f"{step.rate_rps:g} requests/s"
        parts.append(content((f"\n{step.isl:g}/{step.osl:g}, {at}", "head"),
                             (f"  {_doubt(step)}", "warn" if step.valid else "bad"), "\n"))  # fmt: skip
        guess = said[i] if i < len(said) else "none yet"
        made = None if isinstance(guess, str) else guess
        parts.append(content((f"  {'':<16}{'measured':>12}{'estimate':>12}   80 % interval\n", "dim")))
        rate = step.output_tps / gpus if step.output_tps is not None else None
        for name, value, interval, unit in (
            (f"tok/s out {per}", rate, made.output_tps_per_gpu if made else None, ""),
            ("TTFT median", step.ttft.p50, made.ttft_p50_s if made else None, "s"),
            ("TPOT median", step.tpot.p50, made.tpot_p50_s if made else None, "s"),
        ):
            parts.append(_beside(name, value, interval, unit))
        if isinstance(guess, str):
            parts.append(content((f"  no estimate: {guess}\n", "dim")))
        flags = list(step.flags)
        if made and rate is not None and run.deployment.gpus:
            rates = made.output_tps_per_gpu
            doubt = count_in_doubt(rate, rates.mid, rates.lo, rates.hi, run.deployment.gpus)
            flags += [doubt] if doubt else []
        parts += [content(("  ⚑ ", "warn"), f"{flag}\n") for flag in flags]
    parts += [content(("· ", "dim"), f"{flag}\n") for flag in run.flags]
    spent = f"{run.spent_tokens:,} tokens" if run.spent_tokens is not None else ""
    usd = f", USD {run.spent_usd:,.2f}" if run.spent_usd is not None else ""
    parts.append(content((f"\nSpent: {spent}{usd}\n", "dim"), (_what_next(run), "strong")))
    return Content("").join(parts)


def still_to_state(fields: Sequence[str]) -> str:
    """Fields of a deployment as the form calls them, in a sentence."""
    labels = {"gpus": "GPUs", "model": "catalog model", "precision": "weights"}
    return in_a_row([labels.get(name, name) for name in fields])


def _what_next(run: Run) -> str:
    from advisor.evidence.runs import measurements_from_run, unstated
    from advisor.probe.resume import has_more

    left = " F9 measures what is left;" if has_more(run) else ""
    missing = still_to_state(unstated(run.deployment))
    used = (
        "F7 uses it as evidence;" if measurements_from_run(run)
        else f"It is no evidence, for it does not state {missing};" if missing
        else "No step of it is evidence;"
    )  # fmt: skip
    return f"{used}{left} F5 measures again."


def _doubt(step: Step) -> str:
    """What keeps a step from telling all that it seems to; empty where nothing does."""
    return {"valid": "", "INVALID": "✗ not valid"}.get(step.state, f"▲ {step.state}")


def _beside(name: str, value: float | None, guess: Interval | None, unit: str) -> Content:
    def show(number: float | None) -> str:
        return f.MISSING if number is None else f.seconds(number) if unit == "s" else f"{number:,.0f}"

    if guess is None or not all(map(math.isfinite, (guess.lo, guess.mid, guess.hi))):
        return content(f"  {name:<16}", (f"{show(value):>12}\n", "strong"))
    inside = value is not None and guess.lo <= value <= guess.hi
    verdict = ("  ✓ inside", "good") if inside else ("  ✗ outside", "bad") if value is not None else ("", "dim")
    return content(
        f"  {name:<16}",
        (f"{show(value):>12}", "strong"),
        f"{show(guess.mid):>12}",
        (f"   {show(guess.lo)} – {show(guess.hi)}", "dim"),
        verdict,
        "\n",
    )
