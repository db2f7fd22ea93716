"""The probe in a process of its own, so that drawing the screen does not delay what it measures.

It reads one job and the key from stdin, writes snapshots to stdout, and stops when anything else, or the end, comes on
stdin. Where no key was typed, it looks for one in the environment that it inherits.
"""

from __future__ import annotations

import asyncio
import pickle
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from advisor.tui.probing import Setup, deployment_of, receive_key

if TYPE_CHECKING:
    from advisor.probe.keys import Secret
    from advisor.probe.plan import Plan
    from advisor.probe.session import ProbeSession


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be done."""

    setup: Setup
    plan: Plan
    resume: str = ""
    """Run to take up; empty starts a new one."""


def main() -> int:
    """Do the job."""
    from advisor.domain.errors import AdvisorError
    from advisor.evidence.store import open_store
    from advisor.probe.keys import Redactor, Secret, find_key

    out = sys.stdout.buffer
    error, key = "", Secret("")
    try:
        job: Job = pickle.load(sys.stdin.buffer)
        key = receive_key(sys.stdin.buffer) or find_key(env_name=None, prompt=False, keyring_service=None)
        # The selector loop takes plain readers on every platform; Windows' default does not.
        with open_store() as store, asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            runner.run(_measure(job, key, store, out))
    except AdvisorError as problem:
        error = str(problem)
    except Exception as problem:  # a fault of the probe is told on the screen
        error = f"this is a fault of the program, not of your input: {type(problem).__name__}: {problem}"
    pickle.dump(("ended", Redactor(key)(error)), out)
    out.flush()
    return 0


async def _measure(job: Job, key: Secret, store: Any, out: Any) -> None:
    import secrets
    from datetime import UTC, datetime

    from advisor import __version__
    from advisor.probe.client import ProbeClient
    from advisor.probe.exchange import Limits
    from advisor.probe.network import proxy_for
    from advisor.probe.plausibility import plausibility_check
    from advisor.probe.resume import asked_of, take_up
    from advisor.probe.session import ProbeSession
    from advisor.probe.target import parse_target
    from advisor.probe.transport import StampedTransport
    from advisor.tls import tls_context

    target = parse_target(job.setup.url, allow_plain_http=job.setup.plain_http)
    stated, asked = deployment_of(job.setup), asked_of(job.plan, target)
    resumed = take_up(store.get(job.resume), job.plan, asked, stated, target) if job.resume else None
    transport = StampedTransport(tls_context(None), proxy_for(target.base, None))
    client = ProbeClient(target, key, model=job.setup.model, transport=transport, limits=Limits())
    session = ProbeSession(
        client, job.plan, run_id=f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}",
        deployment=stated, asked=asked, resumed=resumed,
        on_start=store.begin, on_step=store.add_step, on_end=store.finish,
        tool_version=__version__, plausibility=plausibility_check(job.setup.accelerator),
    )  # fmt: skip
    threading.Thread(target=_watch, args=(session, asyncio.get_running_loop()), daemon=True).start()
    async for snapshot in session.snapshots():
        pickle.dump(("snapshot", snapshot), out)
        out.flush()


def _watch(session: ProbeSession, loop: asyncio.AbstractEventLoop) -> None:
    """Stop on a word, and when the screen that asked is gone."""
    sys.stdin.buffer.read(1)
    if not loop.is_closed():
        loop.call_soon_threadsafe(session.stop)


if __name__ == "__main__":
    raise SystemExit(main())
