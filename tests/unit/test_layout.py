"""Which deployment an accelerator gets: the fleet with all it needs decides, and more to choose from takes nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from advisor.catalog import load_catalog
from advisor.domain.profile import Profile
from advisor.domain.recommendation import Candidate
from advisor.engine.deployments import index_configs
from advisor.engine.fleet import Sizing
from advisor.engine.layout import Need
from advisor.report.build import build_report
from advisor.report.markdown import write_markdown
from advisor.report.text import render_text
from advisor.workbench import Workbench
from tests.conftest import AS_OF
from tests.estimator_kit import evidence

SIZING = Sizing(
    {"growth_lookahead_months": 12.0, "interruptions_per_gpu_hour": 1.97e-5, "repair_hours": 24.0}, 24
)  # fmt: skip


@pytest.fixture(scope="module")
def bench() -> Workbench:
    return Workbench(as_of=AS_OF, bare=True)


def profile(model: str, isl: int, peak: int, *, disaggregation: bool) -> Profile:
    return Profile.model_validate(
        {
            "name": "x", "model": {"id": model, "precisions": ["fp8", "fp4"]},
            "traffic": {"isl": isl, "osl": 1000, "peak_concurrency": peak},
            "slo": {"tpot_ms": 40, "ttft_ms": 5000, "percentile": 95},
            "team": {"disaggregation": disaggregation},
            "candidates": ["h100", "h200", "b200", "b300", "mi355x"],
        }
    )  # fmt: skip


def fleets(bench: Workbench, asked: Profile) -> dict[str, tuple[int, Candidate]]:
    found = bench.advise(asked, draws=200).candidates
    return {c.accelerator: (c.fleet.gpus_needed, c) for c in found if c.fleet is not None}


@pytest.mark.parametrize(
    ("model", "isl", "peak"),
    [("deepseek-r1", 1000, 128), ("deepseek-r1", 8000, 4000), ("minimax-m2.5", 8000, 1000), ("kimi-k2.5", 1000, 600)],
)
def test_to_allow_disaggregation_never_takes_more_gpus(bench: Workbench, model: str, isl: int, peak: int) -> None:
    """H100 with DeepSeek-R1 once got 96 GPUs instead of 64, of large replicas with one in reserve."""
    together = fleets(bench, profile(model, isl, peak, disaggregation=False))
    either = fleets(bench, profile(model, isl, peak, disaggregation=True))
    assert together
    for accelerator, (gpus, _) in together.items():
        assert either[accelerator][0] <= gpus, accelerator


def test_a_disaggregated_deployment_says_its_split_and_keeps_its_cache_where_it_decodes(bench: Workbench) -> None:
    answer = bench.advise(profile("deepseek-r1", 8000, 4000, disaggregation=True), draws=200)
    split = [c for c in answer.candidates if c.deployment is not None and c.deployment.disagg and c.fleet is not None]
    assert split
    first = next(c.deployment for c in answer.candidates if c.deployment is not None and c.deployment.split)
    prefill = first.gpus_per_replica - (first.decode_gpus or 0)
    legend = f"{first.split}: of the GPUs of a replica {prefill} prefill, {first.decode_gpus} decode"
    assert legend in render_text(answer)
    assert f"{first.split}: GPUs of a replica that prefill, and that decode" in write_markdown(build_report(answer))
    for c in split:
        d, m = c.deployment, c.memory
        assert d is not None
        assert m is not None
        assert d.decode_gpus
        prefill = d.gpus_per_replica - d.decode_gpus
        assert f"disagg {prefill}P+{d.decode_gpus}D" in d.label
        assert f"{prefill} GPUs prefill, {d.decode_gpus} decode" in next(
            g.reason for g in c.gates if g.gate == "capacity"
        )
        measured = {
            (m.gpus, m.decode_gpus) for m in evidence() if m.disagg and m.accelerator == c.accelerator and m.tp == d.tp
        }
        assert (d.gpus_per_replica, d.decode_gpus) in measured
        assert m.max_concurrency == int(m.kv_gb * 1e9 * d.decode_gpus / m.kv_bytes_per_request + 1e-9)


def test_spares_and_the_last_replica_count_by_hand() -> None:
    """A peak of 120, bursts of a quarter: 150 in flight.

    Replicas of 8 GPUs that carry 40 each: ceil(150 / 40) = 4 and one spare, 40 GPUs. Replicas of 32 GPUs that carry
    200 each, a fifth more per GPU: one and one spare, 64 GPUs.
    """
    work = Profile.model_validate(
        {
            "name": "x", "model": {"id": "a"},
            "traffic": {"isl": 1, "osl": 1, "peak_concurrency": 120, "burst_headroom": 0.25},
            "slo": {"availability": 0.999},
        }
    ).tiers[0]  # fmt: skip
    need = Need.of(work, SIZING)
    assert [need.gpus_of(gpus, 0.0, carried) for gpus, carried in ((8, 40), (32, 200))] == [40, 64]


def test_a_configuration_that_only_spoilt_runs_show_is_none() -> None:
    parts = load_catalog(()).accelerators
    run = next(m for m in evidence() if m.family == "single_run" and not m.flags and not m.disagg)
    bad = replace(run, engine="spoilt", flags=("known_issue:sglang-27194",))
    perhaps = replace(run, engine="median", family="median", flags=("possible_known_issue:sglang-27194",))
    found = index_configs([run, bad, perhaps], parts).by_pair[run.accelerator, run.model]
    assert {c.engine for c in found} == {run.engine, "median"}
    assert sum(m.known_bad for m in evidence()) == 22
