"""A measurement of one's own overrules the prediction, is graded A and stands beside what had been predicted."""

from __future__ import annotations

import shlex
from dataclasses import replace
from functools import cache

import pytest

from advisor.cli.main import build_parser
from advisor.cli.measured_options import measured_deployment
from advisor.domain.evidence import Measurement
from advisor.domain.profile import Profile
from advisor.domain.recommendation import Recommendation
from advisor.engine.diff import diff
from advisor.engine.probe_checks import probe_checks
from advisor.profiles.locate import find_profile
from advisor.profiles.read import read_profile
from advisor.workbench import Workbench
from tests.bench_kit import usual_bench
from tests.conftest import AS_OF

PROFILE = "llama-70b-4k-512-concurrent"


@cache
def predicted() -> Recommendation:
    """The answer to the profile without a measurement of one's own."""
    return usual_bench().advise(read_profile(find_profile(PROFILE)), draws=200)


def own(factor: float) -> Measurement:
    """A probe of MI355X at the operating point of the profile that reaches `factor` of the estimate there."""
    c = next(c for c in predicted().candidates if c.accelerator == "mi355x")
    assert c.operating_point is not None
    assert c.deployment is not None
    p, d = c.operating_point, c.deployment
    return Measurement(
        row_id="r1:0", family="own_probe", accelerator="mi355x", model="llama3.3-70b", precision=d.precision,
        engine=d.engine, spec_method=d.spec_method, disagg=d.disagg, tp=d.tp, ep=d.ep, dp_attention=d.dp_attention,
        gpus=d.gpus_per_replica, isl=3072, osl=1024, concurrency=p.concurrency,
        total_tps_per_gpu=p.total_tps_per_gpu * factor, output_tps_per_gpu=p.output_tps_per_gpu * factor,
        tpot_p50_s=p.tpot_p50_s / factor, ttft_p50_s=p.ttft_p50_s / factor, tpot_p99_s=None, ttft_p99_s=None,
        e2el_p50_s=None, date=AS_OF, source_id="run:r1",
    )  # fmt: skip


@pytest.mark.parametrize("factor", [0.9, 1.3])
def test_the_probe_moves_the_answer_and_is_shown_beside_the_prediction(factor: float) -> None:
    profile = read_profile(find_profile(PROFILE))
    row = own(factor)
    r = Workbench(as_of=AS_OF, bare=True, evidence=[row]).advise(profile, draws=200)
    c = next(c for c in r.candidates if c.accelerator == "mi355x")
    assert c.operating_point is not None
    assert c.operating_point.evidence_grade == "A"
    (check,) = r.probes
    assert check.measured_output_tps == pytest.approx(check.predicted_output_tps.value * factor, rel=0.02)
    assert "times the prediction" in check.text
    assert "run:r1" in {s.id for s in r.sources}
    assert all(s.kind != "unknown" for s in r.sources)
    without = predicted()
    for first, second, word in ((without, r, "counts now"), (r, without, "counts no more")):
        told = [c.text for c in diff(first, second).changes if "own measurement" in c.text]
        assert len(told) == 1, "the difference says why the rate moved"
        assert told[0].startswith(f"MI355X: own measurement {word}, ")
    assert diff(r, r).changes == ()


def test_a_probe_far_below_the_prediction_makes_the_part_dearer_whatever_it_is_then_run_at() -> None:
    """Another precision may then be the better one; the probe stays beside the answer."""
    profile = read_profile(find_profile(PROFILE))
    after = Workbench(as_of=AS_OF, bare=True, evidence=[own(0.7)]).advise(profile, draws=200)
    was, now = (
        next(c.operating_point for c in r.candidates if c.accelerator == "mi355x")
        for r in (predicted(), after)
    )
    assert was is not None
    assert now is not None
    assert now.output_tps_per_gpu < was.output_tps_per_gpu
    (check,) = after.probes
    assert check.measured_output_tps == pytest.approx(check.predicted_output_tps.value * 0.7, rel=0.02)
    assert "times the prediction" in check.text
    assert check.source_id == "run:r1"
    assert "run:r1" in {s.id for s in after.sources}
    assert all(s.kind != "unknown" for s in after.sources)


@pytest.mark.parametrize("times", [1, 2])
def test_a_count_of_gpus_stated_too_high_is_asked_about(times: int) -> None:
    """The rate per GPU is then half the true one, which the answer followed without a word."""
    before = usual_bench()
    true = replace(own(1.0), gpus=8, tp=8)
    stated = replace(
        true, gpus=8 * times, total_tps_per_gpu=(true.total_tps_per_gpu or 0) / times,
        output_tps_per_gpu=(true.output_tps_per_gpu or 0) / times,
    )  # fmt: skip
    model = before.catalog.models["llama3.3-70b"]
    (sane,) = probe_checks([true], model, ["mi355x"], before.estimator.estimate)
    level = sane.predicted_output_tps.value / sane.measured_output_tps
    fitted = replace(
        stated, output_tps_per_gpu=(stated.output_tps_per_gpu or 0) * level,
        total_tps_per_gpu=(stated.total_tps_per_gpu or 0) * level,
    )  # fmt: skip
    (check,) = probe_checks([fitted], model, ["mi355x"], before.estimator.estimate)
    assert (f"Check that {8 * times} GPUs served it" in check.text) is (times == 2)


def test_a_count_of_gpus_stated_too_low_is_asked_about() -> None:
    """Two GPUs stated as one double the rate, far below what the roofline refuses, and the answer followed."""
    before = usual_bench()
    model = before.catalog.models["llama3.3-70b"]
    true = own(1.0)
    for factor, asked in ((1.0, False), (2.0, True)):
        row = replace(true, output_tps_per_gpu=(true.output_tps_per_gpu or 0) * factor)
        (check,) = probe_checks([row], model, ["mi355x"], before.estimator.estimate)
        assert ("Check that no more than" in check.text) is asked


def test_runs_of_one_point_that_contradict_each_other_are_told() -> None:
    """A node that was mended and measured again: the estimate lies between the two until the old run is removed."""
    before = usual_bench()
    first = own(0.7)
    second = replace(first, row_id="r2:0", source_id="run:r2", output_tps_per_gpu=(first.output_tps_per_gpu or 0) / 0.7)
    model = before.catalog.models["llama3.3-70b"]
    newer, older = probe_checks([first, second], model, ["mi355x"], before.estimator.estimate)
    assert "It is 1.43 times what run r1 measured at the same point" in newer.text
    assert "It is 0.70 times what run r2 measured at the same point" in older.text
    close = replace(second, output_tps_per_gpu=(first.output_tps_per_gpu or 0) * 1.05)
    apart = replace(second, concurrency=first.concurrency * 2)
    for other in (close, apart):
        checks = probe_checks([first, other], model, ["mi355x"], before.estimator.estimate)
        assert not any("at the same point" in check.text for check in checks)


def test_probes_of_other_models_are_not_shown() -> None:
    profile = read_profile(find_profile(PROFILE))
    other = replace(own(1.0), model="dsr1")
    assert Workbench(as_of=AS_OF, bare=True, evidence=[other]).advise(profile, draws=200).probes == ()


def test_a_probe_run_as_advised_counts_for_a_disaggregated_deployment() -> None:
    """The printed command states speculation, data-parallel attention and the split: else it would measure another."""
    profile = Profile.model_validate(
        {
            "name": "x", "model": {"id": "deepseek-r1", "precisions": ["fp8", "fp4"]},
            "traffic": {"isl": 7400, "osl": 920, "peak_concurrency": 6000},
            "slo": {"tpot_ms": 40, "ttft_ms": 5000, "percentile": 90},
            "team": {"disaggregation": True}, "candidates": ["b200", "gb200", "gb300"],
        }
    )  # fmt: skip
    before = usual_bench().advise(profile, draws=500)
    assert before.decision is not None
    assert before.decision.information is not None
    plan = before.decision.information.plan
    assert plan is not None
    words = shlex.split(plan.command.replace("URL", "http://127.0.0.1:8000"))
    stated = measured_deployment(build_parser().parse_args(words[1:]))
    c = next(c for c in before.candidates if c.accelerator == plan.accelerator)
    d, p = c.deployment, c.operating_point
    assert d is not None
    assert p is not None
    assert d.disagg
    assert (stated.disagg, stated.dp_attention, stated.spec_method, stated.ep) == (
        True, d.dp_attention, d.spec_method, d.ep if d.ep > 1 else None,
    )  # fmt: skip
    row = Measurement(
        row_id="r1:0", family="own_probe", accelerator=stated.accelerator, model=stated.model,
        precision=stated.precision, engine=stated.engine, spec_method=stated.spec_method, disagg=stated.disagg,
        tp=stated.tp or 0, ep=stated.ep or 1, dp_attention=stated.dp_attention, gpus=stated.gpus, isl=7400, osl=920,
        concurrency=p.concurrency, total_tps_per_gpu=p.total_tps_per_gpu, output_tps_per_gpu=p.output_tps_per_gpu,
        tpot_p50_s=p.tpot_p50_s, ttft_p50_s=p.ttft_p50_s, tpot_p99_s=None, ttft_p99_s=None, e2el_p50_s=None,
        date=AS_OF, source_id="run:r1",
    )  # fmt: skip
    after = Workbench(as_of=AS_OF, bare=True, evidence=[row]).advise(profile, draws=200)
    now = next(c.operating_point for c in after.candidates if c.accelerator == plan.accelerator)
    assert now is not None
    assert now.evidence_grade == "A"
