"""Setting up a probe, and running it beside the screen."""

from __future__ import annotations

import contextlib
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from advisor.domain.profile import Profile
    from advisor.evidence.runs import Deployment
    from advisor.probe.keys import Secret
    from advisor.probe.plan import Plan
    from advisor.probe.session import Snapshot
    from advisor.probe.target import Target


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
    ep: int | None = None
    dp_attention: bool = False
    spec: str = ""
    disagg: bool = False
    usd_per_gpu_hour: float | None = None
    max_usd: float | None = None
    max_tokens: int | None = None
    max_seconds: float | None = None
    concurrency: str = ""
    isl: int | None = None
    osl: int | None = None
    step_seconds: float | None = None
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
    from advisor.probe.plan import LengthSpec, Wishes, make_plan
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
    stated = (("GPUs", setup.gpus), ("TP", setup.tp), ("EP", setup.ep), *(("at once", n) for n in counts))
    for label, number in stated:
        if number is not None and not 1 <= number <= 100_000:
            raise InputError(f"{label}: numbers run from 1 to 100,000")
    for told in deployment_of(setup).too_wide.values():
        raise InputError(told)
    for label, number in (("input length", setup.isl), ("output length", setup.osl)):
        if number is not None and not 1 <= number <= 10_000_000:
            raise InputError(f"{label}: lengths run from 1 to 10,000,000 tokens")
    prices = Prices(setup.usd_per_gpu_hour or 0.0, setup.gpus or 1)
    wishes = Wishes(
        preset=setup.preset, concurrencies=counts, max_usd=setup.max_usd, max_tokens=setup.max_tokens,
        max_seconds=setup.max_seconds, step_seconds=setup.step_seconds,
        isl=LengthSpec(setup.isl) if setup.isl else None, osl=LengthSpec(setup.osl) if setup.osl else None,
    )  # fmt: skip
    return target, make_plan(wishes, prices, profile)


def deployment_of(setup: Setup) -> Deployment:
    """What is measured, as the user states it."""
    from advisor.evidence.runs import Deployment

    return Deployment(
        accelerator=setup.accelerator, gpus=setup.gpus, model=setup.as_model, precision=setup.weights,
        engine=setup.engine, tp=setup.tp, ep=setup.ep, dp_attention=setup.dp_attention,
        spec_method=setup.spec or "none", disagg=setup.disagg,
    )  # fmt: skip


class ProbeJob:
    """One run in a process of its own. `told` and `ended` are called through `back`, on the program's own thread.

    Parameters
    ----------
    key
        Key that was typed; None leaves the environment variable to the process. It goes over the pipe alone: arguments
        and environment of a process can be read by others.
    resume
        Run to take up; empty starts a new one.
    """

    def __init__(
        self, setup: Setup, plan: Plan, back: Callable[..., Any], told: Callable[[Snapshot], None],
        ended: Callable[[str], None], *, key: Secret | None = None, resume: str = "",
    ) -> None:  # fmt: skip
        self._setup, self._plan, self._key, self._resume = setup, plan, key, resume
        self._back, self._told, self._ended = back, told, ended
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._stopped = False

    def start(self) -> None:
        """Begin."""
        threading.Thread(target=self._run, daemon=True, name="advisor-probe").start()

    def stop(self) -> None:
        """End cleanly; what is measured is kept."""
        with self._lock:
            self._stopped = True
            self._say_stop()

    def _say_stop(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError, ValueError):
                self._process.stdin.write(b"s")
                self._process.stdin.flush()

    def _run(self) -> None:
        from advisor.tui.probe_process import Job

        error = "the probe ended without a word"
        try:
            command = [sys.executable, "-m", "advisor.tui.probe_process"]
            with subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            ) as process:
                assert process.stdin is not None
                assert process.stdout is not None
                process.stdin.write(pickle.dumps(Job(self._setup, self._plan, self._resume)))
                send_key(process.stdin, self._key)
                process.stdin.flush()
                with self._lock:
                    self._process = process
                    if self._stopped:
                        self._say_stop()
                kind = ""
                while kind != "ended":
                    kind, told = pickle.load(process.stdout)
                    if kind == "snapshot":
                        self._back(self._told, told)
                    else:
                        error = told
        except (OSError, EOFError, pickle.UnpicklingError) as problem:
            error = f"{error} ({type(problem).__name__})"
        self._back(self._ended, error)


def send_key(pipe: IO[bytes], key: Secret | None) -> None:
    """The key behind the job: its length, then its bytes; a secret refuses to be pickled."""
    data = key.reveal().encode() if key is not None else b""
    pipe.write(len(data).to_bytes(4, "big"))
    pipe.write(data)


def receive_key(pipe: IO[bytes]) -> Secret:
    """What `send_key` sent; empty where none was typed."""
    from advisor.probe.keys import Secret

    return Secret(pipe.read(int.from_bytes(pipe.read(4), "big")).decode())
