"""The Probe screen from set-up to evidence, against a server on loopback."""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import replace
from typing import Any

import pytest
from probe_kit import Served
from screen_kit import at_probe, text, until
from textual.widgets import Button, Static

from advisor.catalog import load_catalog
from advisor.cli.measured_options import add_measured_options, measured_deployment
from advisor.domain.errors import InputError
from advisor.evidence.runs import Step
from advisor.evidence.store import open_store
from advisor.probe.plausibility import implausible
from advisor.tui.app import AdvisorApp
from advisor.tui.probing import Setup, deployment_of, plan_of
from advisor.tui.widgets.dialogs import Confirm

SETUP = Setup(
    model="ok", concurrency="1", max_tokens=40_000, max_seconds=60.0, accelerator="mi300x", gpus=8, weights="fp8",
    as_model="llama3.3-70b", engine="vllm", tp=8,
)  # fmt: skip


async def begin(app: AdvisorApp, pilot: Any, url: str, setup: Setup = SETUP) -> Any:
    pane = await at_probe(app, pilot)
    assert "Not ready" in text(app)
    pane.setup = replace(setup, url=url)
    pane._fill()
    pane._redraw()
    await pilot.pause()
    assert "At worst, and then it stops" in text(app)
    await pilot.press("f5")
    assert isinstance(app.screen, Confirm)
    await pilot.press("y")
    return pane


async def test_from_set_up_to_evidence(app: AdvisorApp, fault_server: Served) -> None:
    async with app.run_test(size=(130, 40)) as pilot:
        pane = await begin(app, pilot, fault_server.url)
        await until(pilot, lambda: "Spent against the limits" in text(app))
        await until(pilot, lambda: pane.run_ is not None)
        await pilot.pause()
        shown = text(app)
        assert pane.run_.outcome == "complete"
        assert "measured" in shown
        assert "estimate" in shown
        assert "outside" in shown or "inside" in shown
        # A busy machine may call its own measurement invalid; what is used as evidence is judged here, not that.
        steps = tuple(x.model_copy(update={"valid": True, "flags": ()}) for x in pane.run_.steps)
        pane.run_ = pane.run_.model_copy(update={"steps": steps})
        before, whole = app.desk.facts, pane.run_
        for unusable in ({"model": "house-name"}, {"precision": ""}):
            where = whole.deployment.model_copy(update=unusable)
            pane.run_ = whole.model_copy(update={"deployment": where})
            await pilot.press("f7")
            await pilot.pause()
            assert app.desk.facts is before, "nothing is said to count that no estimate can use"
        pane.run_ = whole
        await pilot.press("f7")
        await until(pilot, lambda: app.desk.facts is not before and app.desk.facts.ready.is_set())
        assert [m.accelerator for m in app.desk.facts.bench.evidence] == ["mi300x"]  # type: ignore[union-attr]
        assert app.desk.facts.bench.evidence[0].family == "own_probe"  # type: ignore[union-attr]


async def test_stopping_keeps_what_is_measured(app: AdvisorApp, fault_server: Served) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        pane = await begin(app, pilot, fault_server.url, replace(SETUP, concurrency="1,2,4,8"))
        await until(pilot, lambda: pane.snapshot is not None and pane.snapshot.done > 2)
        await pilot.press("f8")
        await until(pilot, lambda: pane.job is None)
        assert pane.run_.outcome == "interrupted"
        first = pane.run_
        with open_store() as store:
            assert store.runs() == [first]
            assert first.steps
        await pilot.pause()
        assert "F9 measures what is left" in text(app)
        pane.setup = replace(pane.setup, gpus=16)
        await pilot.press("f9")
        await pilot.pause()
        assert "statement of gpus was" in text(app), "another statement is refused"
        pane.setup = replace(pane.setup, gpus=8, max_tokens=400_000)  # a limit may be raised
        await pilot.press("f9")
        assert isinstance(app.screen, Confirm)
        await pilot.press("y")
        await until(pilot, lambda: pane.job is None and pane.run_ is not None)
        assert pane.run_.outcome == "complete"
        assert pane.run_.id == first.id
        assert [step.concurrency for step in pane.run_.steps] == [1, 2, 4, 8]
        await pilot.pause()
        assert "F9" not in text(app)
        assert app.query_one("#probe-resume", Button).disabled
    with open_store() as store:
        assert store.runs() == [pane.run_]


async def test_a_server_that_is_not_there_is_told_on_the_screen(app: AdvisorApp) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        pane = await begin(app, pilot, "http://127.0.0.1:9")
        await until(pilot, lambda: pane.job is None)
        await pilot.pause()
        assert "127.0.0.1:9" in text(app)
        assert "✗" in text(app)


async def test_the_form_refuses_before_anything_is_sent(app: AdvisorApp) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, app.desk.facts.ready.is_set)
        await app.go("probe")
        pane: Any = app.pane
        pane.setup = replace(SETUP, url="http://gpu.example.com:8000")
        await pilot.press("f5")
        await asyncio.sleep(0)
        await pilot.pause()
        assert "without encryption" in text(app)
        assert pane.job is None


@pytest.mark.parametrize(("field", "label"), [("gpus", "GPUs"), ("tp", "TP"), ("ep", "EP")])
def test_a_configuration_out_of_range_is_named_before_a_start(field: str, label: str) -> None:
    for value in (0, 100_001):
        with pytest.raises(InputError, match=f"{label}: numbers run from 1 to 100,000"):
            plan_of(replace(SETUP, url="http://127.0.0.1:9", **{field: value}), None)


def test_a_layout_wider_than_the_gpus_is_refused_before_a_start() -> None:
    with pytest.raises(InputError, match="EP 16 takes 16 GPUs, but only 8 are stated as serving"):
        plan_of(replace(SETUP, url="http://127.0.0.1:9", ep=16), None)


@pytest.mark.parametrize(("name", "told"), [("tp", "TP 16"), ("ep", "EP 16")])
def test_a_layout_wider_than_the_gpus_is_told_in_the_same_words_everywhere(name: str, told: str) -> None:
    """The form, the options and the judgement of imports each had words, and a rule, of their own."""
    setup = replace(SETUP, url="http://127.0.0.1:9", **{name: 16})
    with pytest.raises(InputError) as of_form:
        plan_of(setup, None)
    parser = argparse.ArgumentParser()
    add_measured_options(parser.add_argument_group())
    with pytest.raises(InputError) as of_options:
        measured_deployment(parser.parse_args(["--gpus", str(setup.gpus), f"--{name}", "16"]))
    catalog = load_catalog(())
    where = deployment_of(setup)
    part, model = catalog.accelerators[where.accelerator], catalog.models["llama3.1-8b"]
    (flag,) = implausible(Step(index=0, isl=1, osl=1), where, part, model)
    words = f"{told} takes 16 GPUs, but only {setup.gpus} are stated as serving"
    assert str(of_form.value) == words
    assert str(of_options.value) == f"--{name}, --gpus: {words}"
    assert flag == f"implausible: {words}: check --gpus and --{name}"


async def test_what_keeps_a_run_from_being_evidence_is_said_before_it_starts(app: AdvisorApp) -> None:
    async with app.run_test(size=(130, 40)) as pilot:
        pane = await at_probe(app, pilot)
        for changes, told in (
            ({"gpus": None, "weights": ""}, "It will be no evidence: state GPUs and weights."), ({}, "by itself."),
        ):  # fmt: skip
            pane.setup = replace(SETUP, url="http://127.0.0.1:9", **changes)
            await pilot.press("f5")
            await until(pilot, lambda: isinstance(app.screen, Confirm))
            assert str(app.screen.query(Static)[-1].render()).endswith(told)
            await pilot.press("escape")
            await until(pilot, lambda: not isinstance(app.screen, Confirm))
