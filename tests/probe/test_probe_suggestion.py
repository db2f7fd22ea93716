"""The form of the Probe screen holds the plan that the answer prints, and leaves alone what somebody has changed."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

import pytest
from screen_kit import text, until

from advisor.cli.probe_command import _plan
from advisor.domain.recommendation import Recommendation
from advisor.profiles.locate import find_profile
from advisor.profiles.read import read_profile
from advisor.tui.app import AdvisorApp
from advisor.tui.probe_suggestion import OWN, read_command, suggested
from advisor.tui.probing import Setup, plan_of
from tests.tui.frozen import PROFILE, frozen_answer

COMMAND = (
    "advisor probe URL --preset full --accelerator b200 --gpus 2 --as-model llama3.3-70b --weights fp4 --engine trt"
    " --tp 2 --ep 2 --dp-attention --spec mtp --disagg --isl 2000 --osl 500 --concurrency 182 --step-seconds 420"
    " --max-tokens 3700000 --max-seconds 14400 --usd-per-gpu-hour 6.60 --max-usd 53"
)
URL = "http://127.0.0.1:9"


def wanting(command: str) -> Recommendation:
    """The kept answer with another plan."""
    kept = frozen_answer()
    assert kept.decision is not None
    assert kept.decision.information is not None
    assert kept.decision.information.plan is not None
    plan = kept.decision.information.plan.model_copy(update={"command": command})
    information = kept.decision.information.model_copy(update={"plan": plan})
    return kept.model_copy(update={"decision": kept.decision.model_copy(update={"information": information})})


def cli_plan(command: str) -> Any:
    """What the command line makes of a command."""
    from advisor.cli.main import build_parser

    args: argparse.Namespace = build_parser().parse_args(command.replace("URL", URL).split()[1:])
    return _plan(args)


def test_every_option_of_the_command_reaches_the_form_and_makes_the_same_plan() -> None:
    setup = replace(Setup(url=URL), **suggested(wanting(COMMAND)))
    unset = {n for n in Setup.__slots__ if n not in OWN and getattr(setup, n) == getattr(Setup(), n)}
    assert unset == set()
    _, plan = plan_of(setup, read_profile(find_profile(PROFILE)))
    said = cli_plan(COMMAND)
    assert (plan.steps, plan.limit, plan.prices) == (said.steps, said.limit, said.prices)


def test_an_answer_without_a_plan_wants_a_blank_form() -> None:
    kept = frozen_answer()
    assert kept.decision is not None
    none = kept.model_copy(update={"decision": kept.decision.model_copy(update={"information": None})})
    assert replace(Setup(), **suggested(none)) == Setup()
    with pytest.raises(KeyError):
        read_command("advisor probe URL --from-tomorrow 3")


async def test_the_screen_starts_from_the_plan_and_keeps_what_is_changed(app: AdvisorApp) -> None:
    async with app.run_test(size=(130, 50)) as pilot:
        await until(pilot, app.desk.facts.ready.is_set)
        await app.go("probe")
        pane: Any = app.pane
        first, second = wanting(COMMAND), wanting(COMMAND.replace("fp4", "fp8").replace("--max-usd 53", "--max-usd 99"))
        sight = replace(app.desk.sight, name="a", answer=first, fresh=True, phase="ready", profile=first.profile)
        pane.setup = replace(pane.setup, url=URL)
        pane.offer(sight)
        assert (pane.setup.preset, pane.setup.max_tokens, pane.setup.max_seconds) == ("full", 3_700_000, 14_400)
        assert (pane.setup.usd_per_gpu_hour, pane.setup.max_usd, pane.setup.step_seconds) == (6.60, 53, 420)
        assert pane.setup.url == URL
        _, plan = plan_of(pane.setup, first.profile)
        assert plan.limit.max_tokens is not None
        assert plan.worst_tokens < plan.limit.max_tokens  # the step that decides can come to its end
        assert "USD 52.80" in text(app)
        pane.offer(replace(sight, answer=second, version=2))
        assert (pane.setup.weights, pane.setup.max_usd) == ("fp8", 99)
        pane.setup = replace(pane.setup, max_usd=10.0)
        pane.offer(replace(sight, answer=first, version=3))
        assert (pane.setup.weights, pane.setup.max_usd) == ("fp8", 10.0)
        pane.offer(replace(sight, name="b", answer=first, version=4))
        assert (pane.setup.weights, pane.setup.max_usd) == ("fp4", 53)
