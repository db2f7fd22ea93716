"""A probe in a thread of its own, told to the screen as snapshots."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from advisor.domain.profile import Profile
    from advisor.evidence.runs import Deployment, Run, Step
    from advisor.probe.keys import Secret
    from advisor.probe.plan import Plan
    from advisor.probe.session import ProbeSession, Snapshot
    from advisor.probe.target import Target
    from advisor.workbench import Workbench


@dataclass(frozen=True, slots=True)
class Setup:
    """What the form asks for; empty text is silence."""

    url: str = ""
    model: str = ""
    preset: str = "quick"
    accelerator: str = ""
    gpus: int | None = None
    weights: str = ""
    engine: str = ""
    tp: int | None = None
    usd_per_gpu_hour: float | None = None
    max_usd: float | None = None
    max_tokens: int | None = None
    max_seconds: float | None = None
    concurrency: str = ""
    as_model: str = ""
    plain_http: bool = False


def plan_of(setup: Setup, profile: Profile | None) -> tuple[Target, Plan]:
    """The endpoint and the steps, before anything is sent.

    Raises
    ------
    InputError
        With the field that is wrong.
    """
    from advisor.domain.errors import InputError
    from advisor.probe.budget import Prices
    from advisor.probe.plan import Wishes, make_plan
    from advisor.probe.target import parse_target

    if not setup.url:
        raise InputError("give the address of the server, e.g. http://127.0.0.1:8000")
    target = parse_target(setup.url, allow_plain_http=setup.plain_http)
    if setup.usd_per_gpu_hour and not setup.gpus:
        raise InputError("a price per GPU-hour needs the number of GPUs")
    try:
        counts = tuple(int(n) for n in setup.concurrency.replace(" ", "").split(",") if n)
    except ValueError:
        raise InputError(f'at once: "{setup.concurrency}" is no list of whole numbers, e.g. 1,8,64') from None
    if any(not 1 <= n <= 100_000 for n in counts):
        raise InputError("at once: numbers run from 1 to 100,000")
    prices = Prices(setup.usd_per_gpu_hour or 0.0, setup.gpus or 1)
    wishes = Wishes(
        preset=setup.preset, concurrencies=counts, max_usd=setup.max_usd, max_tokens=setup.max_tokens,
        max_seconds=setup.max_seconds,
    )  # fmt: skip
    return target, make_plan(wishes, prices, profile)


def deployment_of(setup: Setup) -> Deployment:
    """What is measured, as the user states it."""
    from advisor.evidence.runs import Deployment

    return Deployment(
        accelerator=setup.accelerator, gpus=setup.gpus, model=setup.as_model, precision=setup.weights,
        engine=setup.engine, tp=setup.tp,
    )  # fmt: skip


class ProbeJob:
    """One run. `told(snapshot)` and `ended(run, error)` are called through `back`, on the program's own thread."""

    def __init__(
        self, target: Target, key: Secret, setup: Setup, plan: Plan, back: Callable[..., Any],
        told: Callable[[Snapshot], None], ended: Callable[[Run | None, str], None],
    ) -> None:  # fmt: skip
        self._target, self._key, self._setup, self._plan = target, key, setup, plan
        self._back, self._told, self._ended = back, told, ended
        self._session: ProbeSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped = False

    def start(self) -> None:
        """Begin."""
        threading.Thread(target=self._run, daemon=True, name="advisor-probe").start()

    def stop(self) -> None:
        """End cleanly; what is measured is kept."""
        self._stopped = True
        loop, session = self._loop, self._session
        if loop is not None and session is not None and not loop.is_closed():
            loop.call_soon_threadsafe(session.stop)

    def _run(self) -> None:
        from advisor.domain.errors import AdvisorError
        from advisor.evidence.store import open_store

        run, error = None, ""
        try:
            # The selector loop takes plain readers on every platform; Windows' default does not.
            with open_store() as store, asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
                run = runner.run(self._measure(store))
        except AdvisorError as problem:
            error = str(problem)
        except Exception as problem:  # a fault of the probe must not end the program
            error = f"this is a fault of the program, not of your input: {type(problem).__name__}"
        self._back(self._ended, run, error)

    async def _measure(self, store: Any) -> Run | None:
        import secrets
        from datetime import UTC, datetime

        from advisor import __version__
        from advisor.probe.client import ProbeClient
        from advisor.probe.exchange import Limits
        from advisor.probe.network import proxy_for, tls_context
        from advisor.probe.plausibility import plausibility_check
        from advisor.probe.session import ProbeSession
        from advisor.probe.transport import StampedTransport

        transport = StampedTransport(tls_context(None), proxy_for(self._target.base, None))
        client = ProbeClient(self._target, self._key, model=self._setup.model, transport=transport, limits=Limits())
        session = ProbeSession(
            client, self._plan, run_id=f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}",
            deployment=deployment_of(self._setup), on_start=store.begin, on_step=store.add_step,
            on_end=store.finish, tool_version=__version__, plausibility=plausibility_check(self._setup.accelerator),
        )  # fmt: skip
        self._loop, self._session = asyncio.get_running_loop(), session
        if self._stopped:
            session.stop()
        run = None
        async for snapshot in session.snapshots():
            self._back(self._told, snapshot)
            run = snapshot.run
        return run


def predictions(bench: Workbench, setup: Setup, steps: list[Step], served: str) -> list[dict[str, str]]:
    """What the estimator says of each step, without this run; a row with `error` where it cannot say."""
    from advisor.engine.estimator import estimate_rows

    rows = [
        {
            "accelerator": setup.accelerator, "model": setup.as_model or served, "precision": setup.weights or "fp8",
            "isl": str(round(s.isl)), "osl": str(round(s.osl)), "gpus": str(setup.gpus or ""),
            "concurrency": str(max(1, round(s.concurrency or s.achieved_concurrency or 1))),
            "engine": setup.engine, "tp": str(setup.tp or ""),
        }
        for s in steps
    ]  # fmt: skip
    clean = [{k: v for k, v in row.items() if v} for row in rows]
    return [{k: str(v) for k, v in row.items()} for row in estimate_rows(bench.estimator, clean)]
