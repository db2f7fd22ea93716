"""A measurement of one's own overrules the prediction, is graded A and stands beside what had been predicted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from advisor.domain.evidence import Measurement
from advisor.profiles.read import read_profile
from advisor.workbench import Workbench
from tests.conftest import AS_OF

PROFILE = "llama-70b-4k-512-concurrent"


def own(bench: Workbench, root: Path, factor: float) -> Measurement:
    """A probe of MI355X at the operating point of the profile that reaches `factor` of the estimate there."""
    r = bench.advise(read_profile(root / "profiles" / f"{PROFILE}.toml"), draws=200)
    c = next(c for c in r.candidates if c.accelerator == "mi355x")
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
def test_the_probe_moves_the_answer_and_is_shown_beside_the_prediction(factor: float, root: Path) -> None:
    profile = read_profile(root / "profiles" / f"{PROFILE}.toml")
    before = Workbench(as_of=AS_OF, bare=True)
    row = own(before, root, factor)
    r = Workbench(as_of=AS_OF, bare=True, evidence=[row]).advise(profile, draws=200)
    c = next(c for c in r.candidates if c.accelerator == "mi355x")
    assert c.operating_point is not None
    assert c.operating_point.evidence_grade == "A"
    (check,) = r.probes
    assert check.measured_output_tps == pytest.approx(check.predicted_output_tps.value * factor, rel=0.02)
    assert "times the prediction" in check.text
    assert "run:r1" in {s.id for s in r.sources}
    assert all(s.kind != "unknown" for s in r.sources)


def test_a_probe_far_below_the_prediction_makes_the_part_dearer_whatever_it_is_then_run_at(root: Path) -> None:
    """Another precision may then be the better one; the probe stays beside the answer."""
    profile = read_profile(root / "profiles" / f"{PROFILE}.toml")
    before = Workbench(as_of=AS_OF, bare=True)
    after = Workbench(as_of=AS_OF, bare=True, evidence=[own(before, root, 0.7)]).advise(profile, draws=200)
    was, now = (
        next(c.operating_point for c in r.candidates if c.accelerator == "mi355x")
        for r in (before.advise(profile, draws=200), after)
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


def test_probes_of_other_models_are_not_shown(root: Path) -> None:
    profile = read_profile(root / "profiles" / f"{PROFILE}.toml")
    before = Workbench(as_of=AS_OF, bare=True)
    other = replace(own(before, root, 1.0), model="dsr1")
    assert Workbench(as_of=AS_OF, bare=True, evidence=[other]).advise(profile, draws=200).probes == ()
