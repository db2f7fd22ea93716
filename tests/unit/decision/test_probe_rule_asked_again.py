"""The rule that comes with a probe, held against the answer that its result gives."""

from __future__ import annotations

import pytest

from advisor.domain.evidence import Measurement
from advisor.domain.recommendation import Recommendation
from advisor.profiles.read import read_profile
from advisor.workbench import Workbench
from tests.bench_kit import bundled_answer, usual_bench
from tests.conftest import AS_OF, PROFILE_FILES

WITHIN = 0.12
"""How far beside the rule a result decides as it says: it moves the estimate, and is not all of it."""


def probed(tree: Recommendation, model: str, rate: float) -> Measurement:
    """The planned probe with a result of so many output tokens/s per GPU; TTFT and TPOT by Little's law."""
    assert tree.decision is not None
    assert tree.decision.information is not None
    plan = tree.decision.information.plan
    assert plan is not None
    candidate = next(c for c in tree.candidates if c.accelerator == plan.accelerator)
    d, point = candidate.deployment, candidate.operating_point
    assert d is not None
    assert point is not None
    life_s = plan.concurrency * plan.osl / (rate * d.gpus_per_replica)
    ttft_s = point.ttft_p50_s * plan.expected_output_tps_per_gpu / rate
    return Measurement(
        row_id="own-1", family="own_probe", accelerator=plan.accelerator, model=model, precision=d.precision,
        engine=d.engine, spec_method=d.spec_method, disagg=d.disagg, tp=d.tp, ep=d.ep, dp_attention=d.dp_attention,
        gpus=d.gpus_per_replica, isl=plan.isl, osl=plan.osl, concurrency=plan.concurrency,
        total_tps_per_gpu=rate * (plan.isl + plan.osl) / plan.osl, output_tps_per_gpu=rate,
        tpot_p50_s=(life_s - ttft_s) / plan.osl, ttft_p50_s=ttft_s, tpot_p99_s=None, ttft_p99_s=None,
        e2el_p50_s=life_s, date=AS_OF, source_id="own",
    )  # fmt: skip


@pytest.mark.parametrize("side", [-1, 1])
@pytest.mark.parametrize(
    "name", ["eu-sovereign-640", "licence-required-destination", "llama-70b-4k-512-concurrent", "renewal-100-gpus"]
)
def test_a_result_beside_the_rate_of_the_rule_decides_as_it_says(name: str, side: int) -> None:
    """In proportion to throughput a sovereign cloud was told to take B200 from 591 tokens/s, and it took some 680."""
    tree, profile = bundled_answer(name), read_profile(PROFILE_FILES[name])
    assert tree.decision is not None
    assert tree.decision.information is not None
    plan = tree.decision.information.plan
    assert plan is not None
    assert plan.decides_at_output_tps_per_gpu is not None
    result = probed(tree, profile.model.id or "", plan.decides_at_output_tps_per_gpu * (1 + side * WITHIN))
    bench = Workbench(as_of=AS_OF, bare=True, evidence=[result])
    bench.__dict__["catalog"] = usual_bench().catalog  # read once for all tests
    again = bench.advise(profile, draws=2000)
    assert again.verdict.choice is not None
    assert (again.verdict.choice.accelerator == plan.accelerator) is (side > 0), plan.rule
