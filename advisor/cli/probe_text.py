"""How a probe looks in a terminal and in files: plan, progress, result."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Sequence
from typing import Any

from advisor.cli.evidence_notes import OPTIONS, evidence_use
from advisor.domain.errors import InputError
from advisor.domain.text import counted, in_a_row, percent, plain
from advisor.evidence.runs import Deployment, Run, Step, ending, speculation, unstated
from advisor.probe.plan import Plan
from advisor.probe.resume import Resumption, has_more
from advisor.probe.session import Snapshot

LONGEST_LINE = 118


def plan_text(
    plan: Plan, endpoint: str, resumed: Resumption | None = None, stated: Deployment | None = None
) -> str:
    """The steps, and the most that they can cost; with what a run that is taken up has already.

    Before money is spent it says what `stated` leaves open that an estimate cannot do without, but for the model, which
    the server names.
    """
    lines = [f"Probe of {endpoint}, preset {plan.name}", ""]
    if plan.search is not None:
        lines.append(f"  saturation search up to {plan.search.highest} concurrent")
    else:
        lines += [f"  {'step':<44}{'requests at most':>18}{'tokens at most':>18}"]
        done = resumed.done if resumed is not None else {}
        lines += [
            f"  {s.label:<44}" + (f"{'done':>18}" if i in done else f"{s.worst_requests:>18,}{s.worst_tokens:>18,}")
            for i, s in enumerate(plan.steps)
        ]
    if resumed is not None:
        spent = resumed.spent
        cost = f", USD {spent.usd:.2f}" if plan.prices.known else ""
        lines += ["", f"  takes up run {plain(resumed.run.id)}: {counted(len(resumed.done), 'step')} done,"
                  f" {spent.tokens:,} tokens, {spent.seconds:,.0f} s{cost} spent of the limits below"]  # fmt: skip
    limit = plan.limit
    lines += ["", "  worst case, at which the run stops:"]
    lines.append(f"    tokens   {plan.worst_tokens:>14,}   (limit {limit.max_tokens:,})")
    beyond = plan.first_beyond
    if beyond is not None:
        lines.append(f"    the limit may end it at {beyond.label}; all steps take {plan.all_tokens:,} at most")
    if plan.worst_seconds is not None:
        lines.append(f"    seconds  {plan.worst_seconds:>14,.0f}   (limit {limit.max_seconds:,.0f})")
    usd = plan.worst_usd
    if usd is None:
        lines.append(
            "    USD           unknown   (give --usd-per-gpu-hour and --gpus, or --usd-per-mtok-input/-output)"
        )
    else:
        lines.append(f"    USD      {usd:>14,.2f}   (limit {limit.max_usd:,.2f})")
    missing = [] if stated is None else [OPTIONS[name] for name in unstated(stated) if name != "model"]
    if missing:
        lines += ["", f"  as stated it will be no evidence: say what is measured with {in_a_row(missing)}"]
    return "\n".join(lines)


def confirm(plan: Plan, endpoint: str, resumed: Resumption | None = None, stated: Deployment | None = None) -> None:
    """Show the plan and ask; a refusal or a missing terminal ends it."""
    print(plan_text(plan, endpoint, resumed, stated), file=sys.stderr)
    if not sys.stdin.isatty():
        raise InputError("nothing was sent: there is no terminal to confirm the plan on; add --yes")
    print("\nStart? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise InputError("nothing was sent")


class ProgressLine:
    """One line on a terminal's stderr, rewritten; on anything else one line a step."""

    def __init__(self, *, enabled: bool) -> None:
        self._enabled = enabled
        self._live = enabled and sys.stderr.isatty()
        self._steps_shown = 0

    def show(self, snapshot: Snapshot) -> None:
        """Show where the run stands."""
        if not self._enabled:
            return
        for step in snapshot.steps[self._steps_shown :]:
            self.clear()
            print(plain(_step_line(step)), file=sys.stderr)
        self._steps_shown = len(snapshot.steps)
        if self._live and snapshot.run is None:
            width = _room()
            print("\r" + plain(_live_line(snapshot), width).ljust(width), end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Remove the live line."""
        if self._live:
            print("\r" + " " * _room() + "\r", end="", file=sys.stderr, flush=True)


def _room() -> int:
    """Columns that a line may take without a wrap, which would scroll; asked anew, as windows change."""
    try:
        columns = os.get_terminal_size(sys.stderr.fileno()).columns
    except (OSError, ValueError):
        columns = 0
    return min(LONGEST_LINE, columns - 1) if columns > 1 else LONGEST_LINE


def _live_line(s: Snapshot) -> str:
    parts = [f"{s.phase}" if s.step is None else f"{s.step_index + 1}/{s.step_count} {s.step.label}"]
    parts.append(f"{s.done} done, {s.in_flight} in flight" + (f", {s.failed} failed" if s.failed else ""))
    if s.ttft_p50_s is not None:
        parts.append(f"TTFT {_ms(s.ttft_p50_s)}")
    if s.output_tps is not None:
        parts.append(f"{s.output_tps:.0f} tok/s")
    if s.precision is not None:
        parts.append(f"+-{percent(s.precision, 1)}")
    parts.append(f"{s.spent.tokens:,} tok" + (f", USD {s.spent.usd:.2f}" if s.plan.prices.known else ""))
    parts.append(f"{s.spent.seconds:.0f} s")
    return " | ".join(parts)


def _step_line(step: Step) -> str:
    state = step.state + (", partial" if step.valid and step.partial else "")
    rate = "-" if step.output_tps is None or not _some(step) else f"{step.output_tps:.1f} tok/s"
    what = f"{step.isl:.0f}/{step.osl:.0f} {_load(step)}"
    return f"{what}: TTFT p50 {_ms(step.ttft.p50)}, TPOT p50 {_ms(step.tpot.p50)}, {rate}, {state}"


def _load(step: Step) -> str:
    if step.load == "closed":
        return f"c={step.concurrency:g}" if step.concurrency is not None else "c=?"
    return f"{step.rate_rps:g}/s" if step.rate_rps is not None else "open"


def _ms(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1e3:.1f} ms"


_COLUMNS = (
    "isl/osl", "load", "TTFT p50", "+-95%", "p99", "ITL p50", "p99", "TPOT p50", "E2EL p50", "tok/s", "per GPU",
    "req/s", "goodput", "ok", "state",
)  # fmt: skip


def run_text(run: Run) -> str:
    """The result for people; times in milliseconds; a column that nothing fills is left out."""
    lines = [f"Run {run.id}: {run.endpoint or run.tool}, {ending(run)}", _subject(run), ""]
    rows = [_COLUMNS, *(_cells(step, run.deployment.gpus) for step in run.steps)]
    kept = [i for i in range(len(_COLUMNS)) if any(row[i] != "-" for row in rows[1:])]
    widths = {i: max(len(row[i]) for row in rows) for i in kept}
    if kept:
        lines += [*("  ".join(f"{row[i]:>{widths[i]}}" for i in kept) for row in rows), ""]
    for step in run.steps:
        where = f"  {step.isl:.0f}/{step.osl:.0f} {_load(step)}: "
        lines += [where + flag for flag in step.flags]
        lines += [f"{where}{count} x {kind}" for kind, count in step.errors.items()]
    lines += [f"  {flag}" for flag in run.flags]
    if run.spent_tokens is not None:
        spent = f"Spent: {run.spent_tokens:,} tokens, {run.spent_s or 0:.0f} s"
        lines.append(spent + ("" if run.spent_usd is None else f", USD {run.spent_usd:.2f}"))
    own = [step.lag for step in run.steps if step.lag is not None]
    if own:
        worst = max(lag.arrival_p99_s or lag.loop_delay_p99_s for lag in own)
        stamps = "kernel time stamps" if all(lag.kernel_stamps for lag in own) else "stamped on reading"
        busiest = percent(max(lag.cpu_share for lag in own))
        lines.append(f"Own lag p99 {worst * 1e3:.2f} ms, {stamps}; CPU at most {busiest}")
    if has_more(run):
        lines.append(f"The same command with --resume {run.id} measures what is left")
    lines += use_notes(run)
    return "\n".join(plain(line) for line in lines) + "\n"


def use_notes(run: Run) -> list[str]:
    """What keeps a run, or all its steps, from being evidence."""
    if not any(map(_some, run.steps)):
        return []
    notes = list(evidence_use(run).notes)
    if unstated(run.deployment):
        kept = f"`advisor evidence export {run.id} -o run.json`, then `advisor evidence import run.json`"
        notes.append(f"It can be said of the run as it is kept: {kept} with what was measured")
    if any(step.valid for step in run.steps) and all(step.evidence == "none" for step in run.steps):
        why = next((flag for step in run.steps for flag in step.flags if "no evidence" in flag), "see its steps")
        notes.append(f"No step is evidence ({why})")
    return notes


def why_nothing(run: Run) -> str:
    """Why no step of a run is valid, in words: what the server or the budget did comes before what follows from it."""
    told = [flag.removeprefix("partial: ") for step in run.steps for flag in step.flags]
    failed = [f"{count} x {kind}" for step in run.steps for kind, count in step.errors.items()]
    ended = [flag for flag in run.flags if flag.startswith(("ended early", "budget"))]
    found = dict.fromkeys((*told[:1], *failed[:1], *ended[:1]))
    return "; ".join(found) or next(iter(run.flags), "no step was run")


def _subject(run: Run) -> str:
    where = run.deployment
    parts = [where.model or "model not stated", where.precision, f"{where.engine} {where.engine_version}".strip()]
    parts.append(f"{where.gpus}x {where.accelerator}" if where.gpus and where.accelerator else "hardware not stated")
    parts += [f"{name}{n}" for name, n in (("TP", where.tp), ("EP", where.ep)) if n]
    parts += ["DP attention"] * where.dp_attention + ["disaggregated"] * where.disagg
    parts += [f"{method} drafts"] if (method := speculation(run)) != "none" else []
    return ", ".join(part for part in parts if part)


def _cells(step: Step, gpus: int | None) -> tuple[str, ...]:
    # Of a step in which nothing succeeded the rates are no figures.
    output_tps, requests_per_s = (step.output_tps, step.requests_per_s) if _some(step) else (None, None)
    return (
        f"{step.isl:.0f}/{step.osl:.0f}", _load(step), _n(step.ttft.p50, 1e3), _spread(step), _n(step.ttft.p99, 1e3),
        _n(step.itl.p50, 1e3), _n(step.itl.p99, 1e3), _n(step.tpot.p50, 1e3), _n(step.e2el.p50, 1e3),
        _n(output_tps), _n(None if not gpus or output_tps is None else output_tps / gpus),
        _n(requests_per_s, digits=2), "-" if step.goodput_share is None else percent(step.goodput_share),
        f"{step.succeeded}/{step.requests}", step.state,
    )  # fmt: skip


def _some(step: Step) -> bool:
    """Whether a request succeeded, or nobody says how many did."""
    return step.valid or step.succeeded > 0


def _spread(step: Step) -> str:
    """Half the 95 % interval of the median TTFT, as a share of it."""
    interval, median = step.ttft.p50_ci95, step.ttft.p50
    return "-" if interval is None or not median else percent((interval[1] - interval[0]) / 2 / median, 1)


def _n(value: float | None, factor: float = 1.0, digits: int = 1) -> str:
    return "-" if value is None else f"{value * factor:,.{digits}f}"


def run_json(run: Run) -> str:
    """The whole run, as `evidence import` reads it back."""
    return json.dumps(run.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"


def step_row(run: Run, step: Step) -> dict[str, Any]:
    """One step under the names that the usual serving benchmarks give their results, times in ms."""
    where = run.deployment
    row: dict[str, Any] = {
        "run_id": run.id, "step": step.index, "model_id": where.model, "accelerator": where.accelerator,
        "gpus": where.gpus, "precision": where.precision, "engine": where.engine, "tp": where.tp, "ep": where.ep,
        "dp_attention": where.dp_attention, "spec_method": speculation(run), "disagg": where.disagg, "load": step.load,
        "random_input_len": round(step.isl), "random_output_len": round(step.osl),
        "max_concurrency": step.concurrency, "request_rate": step.rate_rps, "num_prompts": step.requests,
        "completed": step.succeeded, "duration": step.duration_s, "request_throughput": step.requests_per_s,
        "request_goodput": step.goodput_rps, "output_throughput": step.output_tps,
        "total_token_throughput": step.total_tps, "mean_input_tokens": step.mean_input_tokens,
        "mean_output_tokens": step.mean_output_tokens,
    }  # fmt: skip
    for name in ("ttft", "tpot", "itl", "e2el"):
        values = getattr(step, name)
        for key, value in (
            ("mean", values.mean), ("median", values.p50), ("p90", values.p90), ("p95", values.p95), ("p99", values.p99)
        ):  # fmt: skip
            row[f"{key}_{name}_ms"] = None if value is None else value * 1e3
    row |= {
        "tool": run.tool, "family": run.family, "started_at": run.started_at.isoformat(),
        "engine_version": where.engine_version, "shared_prefix": step.shared_prefix,
        "asked_input_tokens": step.asked_input_tokens, "asked_output_tokens": step.asked_output_tokens,
    }  # fmt: skip
    row |= {"valid": step.valid, "evidence": step.evidence, "partial": step.partial, "flags": "; ".join(step.flags)}
    return row


def run_csv(run: Run) -> str:
    """One line a step."""
    return runs_csv([run])


def runs_csv(runs: Sequence[Run]) -> str:
    """One line a step of each run; text that a spreadsheet would take for a formula is quoted."""
    rows = [step_row(run, step) for run in runs for step in run.steps]
    out = io.StringIO()
    names = list(rows[0]) if rows else ["run_id"]
    writer = csv.DictWriter(out, names, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({k: _cell(v) for k, v in row.items()})
    return out.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        value = plain(value)
        return "'" + value if value.lstrip()[:1] in ("=", "+", "-", "@") else value
    return "" if value is None else value
