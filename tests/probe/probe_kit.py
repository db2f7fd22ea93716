"""Helpers of the probe's tests: servers as processes of their own on loopback, and short sessions."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from advisor.evidence.runs import Deployment, Run, Step
from advisor.probe.budget import Limit, Prices
from advisor.probe.client import ProbeClient
from advisor.probe.exchange import Limits
from advisor.probe.keys import Secret
from advisor.probe.plan import LengthSpec, Plan, StepPlan
from advisor.probe.session import ProbeSession
from advisor.probe.target import parse_target
from advisor.probe.transport import StampedTransport

HERE = Path(__file__).parent
KEY = "sk-Zr9vT4qLw8XkP2mNs6Yd"
"""Greped for after every fault; appears nowhere else."""


@dataclass
class Served:
    """A running server."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def count(self) -> dict[str, Any]:
        """The fault server's own books."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self.url}/count", timeout=10) as answer:
            document: dict[str, Any] = json.load(answer)
        return document


def start(script: str, folder: Path, *arguments: str) -> Served:
    """Run a server script and wait for its port."""
    folder.mkdir(parents=True, exist_ok=True)
    port_file = folder / "port"
    command = [sys.executable, str(HERE / script), "--port-file", str(port_file), *arguments]
    process = subprocess.Popen(command)
    for _ in range(400):
        if port_file.exists():
            return Served(int(port_file.read_text()), process)
        assert process.poll() is None, "the server ended at once"
        time.sleep(0.025)
    raise AssertionError("the server did not come up")


_numbers = itertools.count()
LIMITS = Limits(head_s=0.6, idle_s=0.4, total_s=20.0, connect_s=2.0)


def step_plan(**changes: Any) -> StepPlan:
    """A short closed-loop step."""
    values: dict[str, Any] = {
        "load": "closed", "isl": LengthSpec(40), "osl": LengthSpec(8), "concurrency": 4, "warmup": 0,
        "min_requests": 24, "max_requests": 24, "max_seconds": 20.0, "half_width": 0.0,
    }  # fmt: skip
    return StepPlan(**(values | changes))


def make_session(
    url: str,
    model: str,
    *,
    steps: tuple[StepPlan, ...] | None = None,
    limit: Limit | None = None,
    prices: Prices | None = None,
    limits: Limits = LIMITS,
    key: str = KEY,
    api: Any = "chat",
    transport: StampedTransport | None = None,
    exact: bool = False,
    **more: Any,
) -> ProbeSession:
    """A session against a local server."""
    plan = Plan(
        "test", steps or (step_plan(),), limit or Limit(None, 200_000, 60.0), prices or Prices(), **more.pop("plan", {})
    )
    model = model if exact or "#" in model else f"{model}#{next(_numbers)}"  # the server counts requests by model name
    client = ProbeClient(
        parse_target(url, api), Secret(key), model=model, transport=transport or StampedTransport(), limits=limits
    )
    deployment = Deployment(accelerator="mi300x", gpus=2, model="a-model", precision="fp8")
    return ProbeSession(client, plan, **{"run_id": "run-1", "deployment": deployment, **more})


async def finish(session: ProbeSession) -> Run:
    """Run a session to its end."""
    run = None
    async for snapshot in session.snapshots():
        run = snapshot.run
    assert run is not None
    return run


def only_step(run: Run) -> Step:
    """The single step of a run."""
    assert len(run.steps) == 1, run
    return run.steps[0]
