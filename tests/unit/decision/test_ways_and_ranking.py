"""The way of paying that is shown is the one by which its candidate ranks best, by the ranking's own figure."""

from __future__ import annotations

import importlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from advisor.catalog.resources import profiles_root
from advisor.engine.cost.bill import Bill
from advisor.engine.cost.model import Way
from advisor.engine.cost.pricing import band_of
from advisor.engine.cost.prospect import tail_weight
from advisor.engine.cost.uncertain import levels_of
from advisor.engine.decision.draws import demand_draws, normals_of, own_draws, shared_draws
from advisor.engine.decision.simulate import Run
from advisor.engine.risk import expected_loss
from advisor.profiles.read import read_profile
from tests.bench_kit import usual_bench
from tests.conftest import AS_OF, PROFILE_FILES

BENCH = usual_bench()
SEED, DRAWS = 7, 10_000
DECIDE = importlib.import_module("advisor.engine.decision.decide")


def figure(run: Run, way: Way) -> float:
    """Mean over draws, expected loss and tail of one way of paying [USD/month]."""
    model, typical, defaults = run.pricing.model, run.pricing.typical, BENCH.catalog.decision_defaults
    shared = shared_draws(SEED, DRAWS)
    drawn = normals_of(shared, own_draws(SEED, run.id, DRAWS), demand_draws(shared, defaults), defaults)
    usd = np.broadcast_to(model.usd_per_month(way, levels_of(model, way, drawn, typical, defaults)), (DRAWS,))
    bill, band = Bill.of(model, way, model.terms(way, typical)), band_of(usd)
    loss = expected_loss(model.profile, model.sized, bill, BENCH.catalog, AS_OF)
    weight = tail_weight(model.profile, defaults)
    return float(usd.mean() + loss + weight * (band.p90 - band.p50 if weight > 0 else usd.mean() - band.p10))


@pytest.mark.parametrize(
    ("name", "appetite"),
    [
        ("renewal-100-gpus", "neutral"),  # the B300 once shown was 2.9 % dearer than another way of paying for it
        ("llama-405b-chat", "averse"),  # H200: 2.7 %
        ("startup-first-cluster", "seeking"),  # B300: 3.4 %
        ("llama-70b-4k-512-concurrent", "neutral"),  # MI300X: 2.7 %, with another base
    ],
)
def test_no_other_way_of_paying_ranks_better(name: str, appetite: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Run] = []
    simulate = DECIDE.simulate

    def kept(*args: Any) -> list[Run]:
        runs: list[Run] = simulate(*args)
        seen.extend(runs)
        return runs

    monkeypatch.setattr(DECIDE, "simulate", kept)
    asked = read_profile(PROFILE_FILES[name]).model_copy(update={"risk_appetite": appetite})
    BENCH.advise(asked, folder=profiles_root(), seed=SEED, draws=DRAWS)
    assert seen
    for run in seen:
        shown = figure(run, run.pricing.way)
        assert shown == pytest.approx(run.risk_adjusted)
        for way in run.pricing.open.ways:
            others = [way]
            if way.mode == "mixed":  # any base
                others += [replace(way, base_share=share) for share in (0.25, 0.5, 0.75)]
            for other in others:
                assert shown <= figure(run, other) * 1.006, (run.id, other.id, other.base_share)
