"""A probe from first contact to last step, told as immutable snapshots that any surface can render."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from time import monotonic
from typing import Literal

from advisor.domain.errors import AdvisorError, NetworkError
from advisor.domain.text import counted
from advisor.evidence.runs import Deployment, Outcome, Run, Step
from advisor.probe.budget import Budget, Limit, Spent
from advisor.probe.client import ProbeClient
from advisor.probe.facts import MetricsWatch, ServerFacts, choose_model, gather_facts
from advisor.probe.faults import FATAL, Fault
from advisor.probe.lag import LagMonitor
from advisor.probe.metrics import summarise
from advisor.probe.plan import Plan, StepPlan
from advisor.probe.plausibility import Plausibility
from advisor.probe.preflight import preflight
from advisor.probe.prompts import PromptMaker
from advisor.probe.results import RequestResult
from advisor.probe.resume import Resumption, check_server, holder
from advisor.probe.runner import StepRunner
from advisor.probe.search import KneeSearch

Phase = Literal["contact", "preflight", "measuring", "done"]
_SNAPSHOT_S = 0.25
_RECENT = 256


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of a probe at one moment."""

    phase: Phase
    plan: Plan
    step: StepPlan | None
    step_index: int
    step_count: int
    """Steps planned; grows during a search."""
    issued: int
    done: int
    failed: int
    in_flight: int
    ttft_p50_s: float | None
    tpot_p50_s: float | None
    output_tps: float | None
    """Token events per second over the last moments."""
    precision: float | None
    """Half-width of the medians so far, as a share; None while unknown."""
    errors: tuple[tuple[str, int], ...]
    spent: Spent
    limit: Limit
    steps: tuple[Step, ...]
    messages: tuple[str, ...]
    run: Run | None = None
    """The whole run, in the last snapshot only."""


class ProbeSession:
    """Runs a plan. `snapshots()` is to be iterated once; `stop()` may be called at any time.

    Parameters
    ----------
    asked
        What makes the plan what it is, kept with the run, see `resume.asked_of`.
    resumed
        A run to take up: its finished steps stand, and the limits hold for all that it spends.
    """

    def __init__(
        self,
        client: ProbeClient,
        plan: Plan,
        *,
        run_id: str,
        deployment: Deployment,
        seed: int = 0,
        prompts: PromptMaker | None = None,
        on_start: Callable[[Run], None] | None = None,
        on_step: Callable[[str, Step], None] | None = None,
        on_end: Callable[[Run], None] | None = None,
        tool_version: str = "",
        plausibility: Plausibility | None = None,
        asked: dict[str, str] | None = None,
        resumed: Resumption | None = None,
    ) -> None:
        self._resumed = resumed
        self._client = client
        self._plan = plan
        self._prompts = prompts or PromptMaker(seed)
        self._seed = seed
        self._on_start, self._on_step, self._on_end = on_start, on_step, on_end
        self._plausibility = plausibility
        self._budget = Budget(plan.limit, plan.prices, monotonic, resumed.spent if resumed else None)
        self._lag = LagMonitor(client.transport.lag_log)
        self._facts = ServerFacts()
        self._messages: list[str] = []
        self._steps: list[Step] = []
        self._planned = list(plan.steps)
        self._runner: StepRunner | None = None
        self._recent: deque[RequestResult] = deque(maxlen=_RECENT)
        self._errors: Counter[str] = Counter()
        self._stopped = ""
        self._unkept = ""
        self._phase: Phase = "contact"
        self._last_count = (0.0, 0)
        self._events_done = 0
        self._run = Run(
            id=run_id, tool="advisor probe", tool_version=tool_version, started_at=datetime.now(UTC).astimezone(),
            endpoint=client.target.shown, deployment=deployment, outcome="running", plan=plan.name,
            asked=asked or {}, holder=holder(),
        )  # fmt: skip
        if resumed is not None:
            on, steps = f"{self._run.started_at:%Y-%m-%d %H:%M}", counted(len(resumed.done), "step")
            self._messages.append(f"taken up again on {on} after {steps}: {_why_stopped(resumed.run)}")
            self._run = self._run.model_copy(update={"id": resumed.run.id, "started_at": resumed.run.started_at})

    def stop(self, reason: str = "interrupted by the user") -> None:
        """End cleanly: nothing new is sent, what is in flight is cut, what is known is kept."""
        if not self._stopped:
            self._stopped = reason
        if self._runner is not None:
            self._runner.stop(reason)
        self._client.transport.shut(reason)

    async def snapshots(self) -> AsyncIterator[Snapshot]:
        """Run; yield about four snapshots a second and one at the end, which holds the `Run`.

        Raises `NetworkError` where the endpoint cannot be probed at all.
        """
        work = asyncio.get_running_loop().create_task(self._work())
        try:
            while not work.done():
                yield self._snapshot()
                await asyncio.wait([work], timeout=_SNAPSHOT_S)
            work.result()
            yield self._snapshot()
        finally:
            if not work.done():
                self.stop("the watcher went away")
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)
            self._lag.stop()
            await self._client.aclose()

    async def _work(self) -> None:
        self._budget.start()
        timer = asyncio.get_running_loop().create_task(self._deadline())
        outcome: Outcome = "failed"
        try:
            if self._resumed is None:  # else it stays as it is until the server has shown to be the same
                self._kept(self._on_start, self._run)
            await self._contact()
            outcome = await self._measure()
        except NetworkError as error:
            if self._stopped:
                outcome = "budget" if self._budget.exhausted else "interrupted"
            else:
                self._finish("failed", str(error))
                raise
        except BaseException as error:
            self._finish("interrupted" if self._stopped else "failed", f"ended by {type(error).__name__}")
            raise
        finally:
            timer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await timer
        self._finish(outcome, "")

    async def _contact(self) -> None:
        self._facts = await gather_facts(self._client)
        self._client.model = choose_model(self._client.model or None, self._facts)
        if self._resumed is not None:
            check_server(self._resumed.run, self._facts, self._client.model)
        self._phase = "preflight"
        learnt = await preflight(self._client, self._prompts, self._budget, self._facts)
        self._messages += learnt.notes
        where = self._run.deployment
        if self._plausibility is not None and (doubt := self._plausibility.doubt(where, self._client.model)):
            self._messages.append(doubt)
        self._run = self._run.model_copy(
            update={
                "deployment": where.model_copy(
                    update={
                        "model": where.model or self._client.model,
                        "engine": where.engine or self._facts.engine,
                        "engine_version": where.engine_version or self._facts.version,
                    }
                ),
                "server_facts": self._facts.as_text() | {"asked_model": self._client.model},
            }
        )
        self._kept(self._on_start, self._run)

    async def _measure(self) -> Outcome:
        self._phase = "measuring"
        search = KneeSearch(self._plan.search, self._planned[-1]) if self._plan.search is not None else None
        if search is not None:
            self._planned = [search.first()]
        while len(self._steps) < len(self._planned):
            if self._stopped:
                return "budget" if self._budget.exhausted else "interrupted"
            done = self._resumed.done.get(len(self._steps)) if self._resumed is not None else None
            if done is not None:
                step = done
                self._steps.append(step)
            else:
                step, fatal = await self._step(self._planned[len(self._steps)])
                if fatal is not None:
                    self._messages.append(f"ended early: {fatal}")
                    return "failed"
                if self._budget.exhausted:
                    return "budget"
            if search is not None:
                following = search.after(step)
                if following is not None:
                    self._planned.append(following)
                else:
                    self._messages += search.verdict()
        if self._stopped:
            return "interrupted"
        return "complete" if any(step.succeeded for step in self._steps) else "failed"

    async def _step(self, plan: StepPlan) -> tuple[Step, str | None]:
        index = len(self._steps)
        too_long = self._facts.max_model_len
        if too_long is not None and plan.isl.longest + plan.osl.longest > too_long:
            reason = f"{plan.label} needs {plan.isl.longest + plan.osl.longest} tokens, the server takes {too_long}"
            step = self._skipped(plan, index, reason)
            self._keep(step)
            return step, None
        watch = MetricsWatch(self._client, self._facts.has_metrics)
        runner = StepRunner(
            self._client, self._prompts, self._budget, plan, index, self._seed * 1000 + index, self._result_came
        )
        self._runner = runner
        if self._stopped:
            runner.stop(self._stopped)
        self._lag.start()
        watch.start()
        sample = await runner.run()
        server = await watch.stop()
        lag = self._lag.report((*sample.warmup, *sample.measured), runner.reissue_s)
        step = summarise(
            sample, lag, self._plan.slo, server, self._prompts.shared_share, self._prompts.overhead
        )  # fmt: skip
        if self._plausibility is not None:
            self._hold_to_statement({r.model for r in sample.measured if r.ok and r.model})
            step = self._plausibility.judged(self._run.deployment, step)
        overrun = step.errors.get(Fault.OVERRUN.value)
        step = self._better(step, plan.label)
        self._keep(step)
        fatal = runner.fatal
        if fatal is not None and fatal.fault in FATAL:
            return step, f"{fatal.fault}: {fatal.message}"
        gone = runner.unreached
        if gone is not None and not self._stopped:
            return step, f"no request of {plan.label} reached the server ({gone.message}); no further step was tried"
        if overrun:
            return step, "the server does not stop at max_tokens, so that its cost cannot be bounded"
        return step, None

    def _better(self, step: Step, label: str) -> Step:
        """The step, or the part of it that an earlier go of the run measured, where that tells more."""
        before = self._resumed.run.steps if self._resumed is not None else ()
        earlier = next((s for s in before if s.index == step.index and s.evidence != "none"), None)
        worse = step.evidence == "none" or (step.partial and earlier is not None and step.succeeded < earlier.succeeded)
        if earlier is None or not worse:
            return step
        why = next(iter(step.flags), "it has too few requests")
        self._messages.append(f"{label}: what was measured first stands, for measured again it tells less ({why})")
        return earlier

    def _hold_to_statement(self, answered: set[str]) -> None:
        """Say once where the answers themselves name another model than was stated."""
        assert self._plausibility is not None
        doubts = (self._plausibility.doubt(self._run.deployment, name) for name in sorted(answered))
        self._messages += [doubt for doubt in doubts if doubt and doubt not in self._messages]

    def _skipped(self, plan: StepPlan, index: int, reason: str) -> Step:
        return Step(
            index=index, load=plan.load, concurrency=plan.concurrency, rate_rps=plan.rate_rps, isl=plan.isl.mean,
            osl=plan.osl.mean, valid=False, partial=True, flags=(f"not run: {reason}",),
        )  # fmt: skip

    def _keep(self, step: Step) -> None:
        self._steps.append(step)
        self._run = self._run.model_copy(update=self._spent())
        self._kept(self._on_start, self._run)  # what it cost so far, should it be killed and taken up
        self._kept(self._on_step, self._run.id, step)

    def _kept(self, keep: Callable[..., None] | None, *what: object) -> None:
        """Hand something to the store; a store that fails costs the keeping, not the measurement."""
        if keep is None or self._unkept:
            return
        try:
            keep(*what)
        except AdvisorError as error:
            self._unkept = f"not kept as evidence: {error}"
            self._messages.append(self._unkept)

    def _result_came(self, result: RequestResult) -> None:
        self._events_done += len(result.stamps_ns)
        if result.ok:
            self._recent.append(result)
        elif result.fault is not None and result.fault is not Fault.CUT:
            self._errors[result.fault.value] += 1

    async def _deadline(self) -> None:
        """Cut everything at the limit on time; nothing outlives it."""
        while True:
            left = self._budget.seconds_left
            if left is not None and left <= 0:
                self._budget.out_of_time()
                self.stop(f"budget: {self._budget.exhausted}")
                return
            await asyncio.sleep(0.2 if left is None else min(0.2, max(0.005, left)))

    def _spent(self) -> dict[str, object]:
        spent = self._budget.spent()
        return {
            "spent_tokens": spent.tokens, "spent_usd": spent.usd if self._plan.prices.known else None,
            "spent_s": round(spent.seconds, 3),
        }  # fmt: skip

    def _all_steps(self) -> tuple[Step, ...]:
        """What is measured, and what an earlier part of the run has at places that are not yet reached again."""
        found = {step.index: step for step in self._resumed.run.steps} if self._resumed is not None else {}
        return tuple(step for _, step in sorted({**found, **{step.index: step for step in self._steps}}.items()))

    def _finish(self, outcome: Outcome, flag: str) -> None:
        self._budget.stop()
        flags = (*self._run.flags, *self._messages, *((flag,) if flag else ()))
        if self._stopped:
            flags = (*flags, self._stopped)
        elif self._budget.exhausted:
            flags = (*flags, f"budget: {self._budget.exhausted}")
        self._run = self._run.model_copy(
            update={
                "finished_at": datetime.now(UTC), "outcome": outcome, "steps": self._all_steps(), "flags": flags,
                "holder": "", **self._spent(),
            }
        )  # fmt: skip
        reached = self._phase in ("preflight", "measuring")
        self._phase = "done"
        if self._resumed is None or reached:
            self._keep_whole()

    def _keep_whole(self) -> None:
        """Keep the end of the run with all its steps, also those that a store had no room for before."""
        if self._on_end is None:
            return
        flags = tuple(flag for flag in self._run.flags if flag != self._unkept)
        self._unkept = ""
        self._run = self._run.model_copy(update={"flags": flags})
        self._kept(self._on_end, self._run)
        if self._unkept:
            self._run = self._run.model_copy(update={"flags": (*flags, self._unkept)})

    def _snapshot(self) -> Snapshot:
        done = self._phase == "done"
        runner = self._runner
        progress = None if runner is None else replace(runner.progress)
        ttfts = sorted(r.ttft_s for r in self._recent)
        tpots = sorted(t for r in self._recent if (t := r.tpot_s) is not None)
        now, events = monotonic(), self._events_done + self._client.transport.events_in_flight()
        then, before = self._last_count
        self._last_count = (now, events)
        return Snapshot(
            phase=self._phase, plan=self._plan,
            step=self._planned[len(self._steps)] if len(self._steps) < len(self._planned) and not done else None,
            step_index=min(len(self._steps), len(self._planned) - 1) if self._planned else 0,
            step_count=len(self._planned), issued=progress.issued if progress else 0,
            done=progress.done if progress else 0, failed=progress.failed if progress else 0,
            in_flight=self._client.transport.in_flight,
            ttft_p50_s=ttfts[len(ttfts) // 2] if ttfts else None, tpot_p50_s=tpots[len(tpots) // 2] if tpots else None,
            output_tps=max(0.0, (events - before) / (now - then)) if then and now > then else None,
            precision=None if runner is None or runner.precision is None or not math.isfinite(runner.precision)
            else runner.precision,
            errors=tuple(sorted(self._errors.items())), spent=self._budget.spent(), limit=self._plan.limit,
            steps=tuple(self._steps), messages=tuple(self._messages), run=self._run if done else None,
        )  # fmt: skip


def _why_stopped(run: Run) -> str:
    """How a run ended before it was taken up."""
    return "it never ended" if run.outcome == "running" else f"it ended as {run.outcome}"
