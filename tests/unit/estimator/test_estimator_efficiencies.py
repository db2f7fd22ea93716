"""Efficiencies of the terms of physics, learned from times that are known to follow from them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from advisor.engine.estimator.calibration import Truth, truth_of
from advisor.engine.estimator.efficiencies import learn_efficiencies, least_squares
from advisor.engine.estimator.encode import points_of_queries
from advisor.engine.estimator.physics import TERMS, step_physics
from advisor.engine.estimator.targets import Step, decode_step, first_token_s, ttft_baseline
from tests.estimator_kit import bundled_fit, catalog, evidence, query

KNOWN = np.array([0.5, 0.9, 0.6, 0.7, 1.0, 1.1, 1.1, 0.9, 0.8, 0.9, 2.5, 3.0, 0.8, -0.6, -0.3])


def _world() -> Truth:
    rows = [m for m in evidence() if m.family == "median" and m.model in ("dsr1", "llama70b", "gptoss120b")]
    truth = truth_of(rows, catalog().models, catalog().accelerators)
    step = decode_step(truth.points, truth.physics, KNOWN, parts=bundled_fit().parts)
    return replace(truth, tpot_s=np.exp(step.log_s[:, 0]))


def _off(truth: Truth, found: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    step = decode_step(truth.points, truth.physics, found, parts=bundled_fit().parts)
    return np.abs(np.exp(step.log_s[:, 0]) / wanted - 1)


def test_times_that_follow_from_physics_are_met() -> None:
    truth = _world()
    found = learn_efficiencies(truth)["tpot"]
    assert np.median(_off(truth, found, truth.tpot_s)) < 0.02
    assert found[-2:] == pytest.approx(KNOWN[-2:], abs=0.1)  # speculation and disaggregation


def test_a_tenth_of_rows_far_off_moves_little() -> None:
    truth = _world()
    spoilt = truth.tpot_s.copy()
    spoilt[::10] *= 20.0
    found = learn_efficiencies(replace(truth, tpot_s=spoilt))["tpot"]
    assert np.median(_off(truth, found, truth.tpot_s)) < 0.05


def _first_tokens(truth: Truth, step: Step, coefficients: np.ndarray) -> np.ndarray:
    """Seconds to the first token of each row by physics alone."""
    _, first = first_token_s(truth.points, truth.physics, step.prefill, coefficients)
    return np.exp(ttft_baseline(truth.points, truth.physics, step.log_s, first)[:, 0])


def test_times_to_the_first_token_that_follow_from_physics_are_met() -> None:
    rows = [m for m in evidence() if m.family == "single_run"]
    truth = truth_of(rows, catalog().models, catalog().accelerators)
    tpot = learn_efficiencies(truth)["tpot"]
    step = decode_step(truth.points, truth.physics, tpot, parts=bundled_fit().parts)
    known = np.array([tpot[TERMS.index("prefill")], 1.2, 0.4, 0.8, 6.5, -0.2, 0.3, -1.5])
    wanted = _first_tokens(truth, step, known)
    found = learn_efficiencies(replace(truth, ttft_s=wanted))["ttft"]
    assert found[0] == known[0]  # as long for the one that waits for it as for those that it holds up
    off = _first_tokens(truth, step, found) / wanted - 1
    for kind in (False, True):
        assert np.median(np.abs(off[truth.points.disagg == kind])) < 0.05


@pytest.mark.parametrize(
    ("name", "measured", "layers", "heads", "head", "hidden"),
    [("llama3.3-70b", "llama70b", 80, 64, 128, 8192), ("gpt-oss-120b", "gptoss120b", 36, 64, 64, 2880)],
)
def test_prefill_of_one_prompt_worked_by_hand(
    name: str, measured: str, layers: int, heads: int, head: int, hidden: int
) -> None:
    """A prompt of 0.9 x 10,000 tokens on H200 at FP8; half of GPT-OSS's layers look back 128 tokens alone."""
    part, model = catalog().accelerators["h200"], catalog().models[name]
    fp8, bf16 = part.dense_tflops["fp8"] * 1e12, part.dense_tflops["bf16"] * 1e12
    back = 9000 / 2 if measured == "llama70b" else (9000 / 2 + 128) / 2
    attention = 4 * heads * head * layers * back / bf16
    routed = 0.0 if measured == "llama70b" else model.routed_expert_params * 4 / 128
    beside = routed + 2 * model.vocab * model.hidden  # neither embedding nor head takes part
    passes = 12 + (0 if measured == "llama70b" else 4 * 4)
    for tp in (1, 8):
        asked = query("h200", name, isl=10_000, tp=tp, gpus=tp)
        found = step_physics(points_of_queries([asked], [measured], catalog().accelerators)).prompt
        dense, experts, links, moves, least = (float(term[0]) for term in found)
        assert dense == pytest.approx(9000 * (2 * (model.params_active - beside) / fp8 + attention) / tp, rel=1e-9)
        assert experts == pytest.approx(9000 * 2 * routed / fp8 / tp, rel=1e-9)
        assert links == pytest.approx(0 if tp == 1 else 9000 * layers * hidden * 4 / part.scale_up_gbps / 1e9)
        assert moves == pytest.approx(9000 * layers * hidden * 2 * passes / part.bandwidth_gbps / 1e9)
        assert least == pytest.approx(layers * 1e-6)


def test_a_model_that_states_fewer_active_parameters_than_its_experts_have_takes_no_negative_time() -> None:
    odd = replace(catalog().models["gpt-oss-120b"], params_active=1e6)
    asked = replace(query("h200", isl=10_000, tp=1, gpus=1), model=odd)
    found = step_physics(points_of_queries([asked], ["odd"], catalog().accelerators)).prompt
    assert all(term[0] >= 0 for term in found)


def test_rows_without_weight_leave_the_prior() -> None:
    prior = np.array([0.3, -0.2])
    slope = np.ones((2, 4))
    found = least_squares(lambda c: (c @ slope, slope), np.full(4, 5.0), np.zeros(4), prior)
    assert found == pytest.approx(prior)


def test_a_plain_mean_is_met_between_prior_and_rows() -> None:
    # 300 rows' worth of evidence at 0.1 against one of the prior at 0: 0.1·300/301
    slope = np.ones((1, 8))
    found = least_squares(lambda c: (c @ slope, slope), np.full(8, 0.1), np.ones(8), np.zeros(1))
    assert found == pytest.approx([0.1 * 300 / 301], rel=1e-3)
