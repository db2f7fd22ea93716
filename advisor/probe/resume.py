"""Taking up a run where it stopped: what it was asked, whether this is the same, and what is left to measure."""

from __future__ import annotations

import contextlib
import os
import socket
from dataclasses import dataclass
from pathlib import Path

from advisor.domain.errors import InputError, NetworkError
from advisor.domain.text import plain
from advisor.evidence.runs import Deployment, Run, Step
from advisor.evidence.store.base import EvidenceStore
from advisor.probe.budget import Prices, Spent
from advisor.probe.facts import ServerFacts
from advisor.probe.plan import Plan, StepPlan
from advisor.probe.target import Target

TOOL = "advisor probe"
LAST = "last"
"""What to say for the newest run at an endpoint."""
_MUST_AGREE = ("accelerator", "gpus", "precision", "tp", "ep", "dp_attention", "spec_method", "disagg")
_WHERE_STATED = ("model", "engine")
"""Parts of a statement that the server fills in where the user says nothing."""


@dataclass(frozen=True, slots=True)
class Resumption:
    """A run that is taken up."""

    run: Run
    done: dict[int, Step]
    """Steps that need not be measured again, by index."""
    spent: Spent
    """What it has spent so far."""


def asked_of(plan: Plan, target: Target, seed: int = 0, shared: float = 0.0) -> dict[str, str]:
    """What a run is asked, in words that two runs of one plan share; limits and prices are not part of it."""
    search = plan.search
    found = {
        "preset": plan.name, "endpoint kind": target.api, "seed": str(seed),
        "shared prefix": f"{shared:g}" if shared else "",
        "steps": "; ".join(_step_text(step) for step in plan.steps),
        "search": f"up to {search.highest}, gain {search.gain:g}" if search is not None else "",
        "service level": "" if plan.slo is None else plan.slo.model_dump_json(exclude_none=True),
    }  # fmt: skip
    return {name: text for name, text in found.items() if text}


def _step_text(step: StepPlan) -> str:
    lengths = f"{step.isl.median:g}~{step.isl.sigma:g}/{step.osl.median:g}~{step.osl.sigma:g}"
    load = f"{step.concurrency}" if step.load == "closed" else f"{step.rate_rps:g}/s {step.load} <{step.concurrency}"
    return (
        f"{lengths} at {load}: {step.warmup}+{step.min_requests}..{step.max_requests} in {step.max_seconds:g} s to"
        f" {step.half_width:g}"
    )


def holder() -> str:
    """This process, as a run says which one measures it."""
    return f"{socket.gethostname()}:{os.getpid()}"


def find_run(store: EvidenceStore, name: str, target: Target) -> Run:
    """The run of an id or a unique beginning of it, or the newest probe of the endpoint.

    Raises
    ------
    AdvisorError
        There is none.
    """
    if name != LAST:
        return store.get(name)
    for summary in store.summaries():
        if summary.tool == TOOL and (run := store.get(summary.id)).endpoint == target.shown:
            return run
    raise InputError(f"--resume {LAST}: {plain(store.place)} holds no probe of {target.shown}; start without it")


def take_up(run: Run, plan: Plan, asked: dict[str, str], stated: Deployment, target: Target) -> Resumption:
    """Whether a run can be taken up by what is asked now, and what it has already.

    Parameters
    ----------
    asked
        See `asked_of`; of the run's own every part must be the same.

    Raises
    ------
    InputError
        With what differs, or what is wrong with the run.
    """
    where = f"run {plain(run.id)} cannot be taken up"
    if run.tool != TOOL:
        raise InputError(f"{where}: it is a result of {plain(run.tool)}, not of a probe")
    if not run.asked:
        raise InputError(f"{where}: it does not say what it was asked (an earlier version made it); start a new run")
    if run.outcome == "running" and _still_runs(run.holder):
        raise InputError(f"{where}: process {run.holder.rpartition(':')[2]} still measures it; stop that one first")
    now = {**asked, "endpoint": target.shown, **_statement(stated)}
    then = {**run.asked, "endpoint": run.endpoint, **_statement(run.deployment)}
    for name in _WHERE_STATED:
        if getattr(stated, name):
            now[name], then[name] = getattr(stated, name), getattr(run.deployment, name)
    odd = [name for name in dict.fromkeys((*then, *now)) if then.get(name, "") != now.get(name, "")]
    if odd:
        told = "; ".join(f"{name} was {_shown(then.get(name))} and is {_shown(now.get(name))}" for name in odd[:4])
        raise InputError(f"{where}: {told}. Repeat its command with --resume, or start a new run")
    done = {step.index: step for step in run.steps if _is_done(step)}
    if plan.search is not None:  # each step hangs on all before it
        done = {i: done[i] for i in range(len(done)) if all(k in done for k in range(i + 1))}
    if len(done) >= len(run.steps if plan.search is not None and run.outcome == "complete" else plan.steps):
        raise InputError(f"run {plain(run.id)} is whole: no step is left to measure; start a new run without --resume")
    return Resumption(run, done, spent_before(run, plan.prices))


def spent_before(run: Run, prices: Prices) -> Spent:
    """What a run has spent; money that it did not count is taken at the prices of now, tokens at the dearer one."""
    tokens, seconds = run.spent_tokens or 0, run.spent_s or 0.0
    usd = run.spent_usd
    if usd is None:
        usd = tokens * max(prices.usd_per_mtok_input, prices.usd_per_mtok_output) / 1e6 + prices.time_usd(seconds)
    return Spent(tokens, usd, seconds, 0, 0.0)


def check_server(run: Run, facts: ServerFacts, model: str) -> None:
    """That the server is the one of a run: its model, engine and version.

    Raises
    ------
    NetworkError
        With what differs.
    """
    then = run.server_facts
    now = facts.as_text() | {"asked_model": model}
    for key, name in (("asked_model", "model"), ("engine", "engine"), ("version", "version")):
        was, found = then.get(key, ""), now.get(key, "")
        if was and was != found:
            raise NetworkError(
                f"the server is not that of run {plain(run.id)}: its {name} was {_shown(was)} and is {_shown(found)};"
                " what it measures now is another run: start one without --resume"
            )


def has_more(run: Run) -> bool:
    """Whether anything is left that taking it up could measure."""
    broken = any(step.partial and step.requests for step in run.steps)  # one that was not run would not be again
    return bool(run.asked) and run.outcome != "running" and (run.outcome != "complete" or broken)


def _is_done(step: Step) -> bool:
    return not step.partial


def _statement(where: Deployment) -> dict[str, str]:
    return {f"statement of {name}": str(getattr(where, name) or "") for name in _MUST_AGREE}


def _shown(value: str | None) -> str:
    return f'"{plain(value, 120)}"' if value else "not given"


def _still_runs(name: str) -> bool:
    """Whether the process that measures a run is alive, as far as this machine can tell."""
    host, _, number = name.rpartition(":")
    if host != socket.gethostname() or not number.isdigit() or int(number) == os.getpid():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    command = Path(f"/proc/{number}/cmdline")
    with contextlib.suppress(OSError):
        return b"advisor" in command.read_bytes()
    return not Path("/proc/self").exists()
