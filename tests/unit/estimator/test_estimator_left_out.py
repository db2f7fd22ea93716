"""The closed form of leaving out, against really leaving out."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from advisor.domain.estimate import OperatingQuery
from advisor.domain.evidence import Measurement
from advisor.domain.roles import DERIVED
from advisor.engine.backtest.decisions import decision_cases, decision_score, draw_errors, rate_at, usd_per_mtok
from advisor.engine.backtest.grading import steps_when_left_out
from advisor.engine.backtest.leave_out import groups_for, leave_out, operating_point, rate_error
from advisor.engine.backtest.widths import (
    CLASSES,
    SCATTER,
    Left,
    conformal,
    covered,
    fit_ends,
    fit_intervals,
    scatter_of,
)
from advisor.engine.estimator.calibration import calibrate, truth_of
from advisor.engine.estimator.core import Core
from advisor.engine.estimator.estimator import Estimator
from tests.estimator_kit import bundled_fit, catalog, evidence


def _few() -> list[Measurement]:
    wanted = ("llama70b", "gptoss120b")
    parts = ("h200", "mi300x")
    return [m for m in evidence() if m.model in wanted and m.accelerator in parts and m.family == "median"]


def test_closed_form_equals_a_refit_without_the_group() -> None:
    rows = _few()
    models, parts = catalog().models, catalog().accelerators
    # The whole evidence sets the reference parts; here the few rows do, for both ways alike.
    fit = calibrate(rows, models, parts, bundled_fit(), fingerprint="")
    truth = truth_of(rows, models, parts)
    left = leave_out(truth, fit, ("pair",))["pair"]
    group = groups_for("pair", truth.rows)[0]
    kept = [m for i, m in enumerate(truth.rows) if i not in set(group)]
    again = replace(calibrate(kept, models, parts, bundled_fit(), fingerprint=""), parts=fit.parts)
    if again.parts == calibrate(kept, models, parts, bundled_fit(), fingerprint="").parts:
        core = Core(again, kept, truth_of(kept, models, parts).points)
        got = core.medians(truth.points.take(group)).tpot_s
        want = truth.tpot_s[group] * np.exp(left.as_run.error["tpot"][group])
        # Curves are made to rise after kriging, so single points may differ a little.
        assert np.median(np.abs(got / want - 1)) < 5e-3


def _runs() -> list[Measurement]:
    """Runs of one model on two parts over months, with the medians over them."""
    own = (m for m in evidence() if m.family != "vendor_ci" and not m.disagg)
    return [m for m in own if m.model == "dsr1" and m.accelerator in ("mi300x", "mi325x")]


def test_a_run_left_out_is_predicted_as_the_product_predicts_its_day(monkeypatch: pytest.MonkeyPatch) -> None:
    # a law, put on afterwards
    monkeypatch.setattr("advisor.engine.estimator.curves.rising", lambda values, weights=None: values)
    rows = _runs()
    models, parts = catalog().models, catalog().accelerators
    fit = calibrate(rows, models, parts, bundled_fit(), fingerprint="")
    truth = truth_of(rows, models, parts)
    found = leave_out(truth, fit, ("shape",))["shape"]
    groups = groups_for("shape", truth.rows)
    group = next(g for g in groups if any(truth.rows[i].family == "single_run" for i in g))
    kept = [m for i, m in enumerate(truth.rows) if i not in set(group.tolist())]
    again = calibrate(kept, models, parts, bundled_fit(), fingerprint="")
    assert again.parts == fit.parts
    estimator = Estimator(again, kept, models, parts, date(2026, 11, 1))
    for errors, day in ((found.as_run, True), (found.undated, False)):
        queries = [_query(truth.rows[i], estimator, dated=day) for i in group]
        got = estimator.estimate(queries, software="typical")
        for metric, target, measured in (("tpot_p50_s", "tpot", truth.tpot_s), ("ttft_p50_s", "ttft", truth.ttft_s)):
            want = measured[group] * np.exp(errors.error[target][group])
            have = np.array([getattr(e, metric).mid for e in got])
            some = np.isfinite(want)
            assert some.any()
            assert have[some] == pytest.approx(want[some], rel=0.02), (metric, day)  # loads between steps of curves


def test_a_total_that_nobody_states_is_assumed_as_the_product_assumes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("advisor.engine.estimator.curves.rising", lambda values, weights=None: values)
    rows = [m for m in evidence() if m.disagg and m.model == "minimaxm2.5" and m.accelerator in ("b200", "b300")]
    models, parts = catalog().models, catalog().accelerators
    fit = calibrate(rows, models, parts, bundled_fit(), fingerprint="")
    truth = truth_of(rows, models, parts)
    errors = leave_out(truth, fit, ("shape",))["shape"].as_run
    group = groups_for("shape", truth.rows)[0]
    assert all(DERIVED in truth.rows[i].flags for i in group)
    kept = [m for i, m in enumerate(truth.rows) if i not in set(group.tolist())]
    again = calibrate(kept, models, parts, bundled_fit(), fingerprint="")
    assert again.parts == fit.parts
    estimator = Estimator(again, kept, models, parts, date(2026, 11, 1))
    queries = [replace(_query(truth.rows[i], estimator, dated=False), gpus=None) for i in group]
    got = estimator.estimate(queries, software="typical")
    assumed = np.array([e.gpus for e in got])
    measured = np.array([truth.rows[i].gpus for i in group])
    assert (assumed != measured).any()
    assert all(f"gpus {e.gpus}" in e.basis_text for e in got)
    told = np.round(measured * np.exp(errors.error["gpus"][group]))
    assert assumed == pytest.approx(told, abs=1.0)
    same = assumed == told  # loads between steps of curves may round a total the other way
    assert same.mean() > 0.7
    tpot = truth.tpot_s[group] * np.exp(errors.error["tpot"][group])
    rate = truth.total_tps[group] * np.exp(rate_error(errors.error)[group])
    for want, metric in ((tpot, "tpot_p50_s"), (rate, "total_tps_per_gpu")):
        off = np.abs(np.array([getattr(e, metric).mid for e in got])[same] / want[same] - 1)
        # A refit without the group doubts single rows anew, leaving out does not.
        assert np.median(off) < 0.01
        assert off.max() < 0.06
    # What is not known of the total widens what is said of the rate.
    stated = [replace(q, gpus=e.gpus) for q, e in zip(queries, got, strict=True)]
    for one, other in zip(got, estimator.estimate(stated, software="typical"), strict=True):
        assert one.total_tps_per_gpu.mid == pytest.approx(other.total_tps_per_gpu.mid)
        assert one.total_tps_per_gpu.hi > other.total_tps_per_gpu.hi


def _query(m: Measurement, estimator: Estimator, *, dated: bool) -> OperatingQuery:
    model = estimator.models[m.model]
    return OperatingQuery(
        m.accelerator, replace(model, id=m.model), m.precision, m.isl, m.osl, m.concurrency, m.engine, m.spec_method,
        m.disagg, m.tp, m.ep, m.dp_attention, m.gpus, m.date if dated and m.family == "single_run" else None,
    )  # fmt: skip


def test_all_runs_of_an_operating_point_leave_together() -> None:
    rows = _runs()
    points = groups_for("point", rows)
    assert sum(len(g) for g in points) == len(rows)
    for group in points:
        assert len({operating_point(rows[i]) for i in group}) == 1
    alone = groups_for("run", rows)
    assert all(len(g) == 1 for g in alone)
    assert {int(g[0]) for g in alone} == {int(i) for g in points if len(g) > 1 for i in g}


def test_groups_leave_together_and_vendor_ci_never_leaves() -> None:
    rows = [m for m in evidence() if m.model in ("llama70b", "minimaxm3") and m.accelerator == "mi355x"]
    for scheme in ("run", "point", "shape", "model_shape", "pair", "accelerator"):
        groups = groups_for(scheme, rows)
        members = [i for g in groups for i in g]
        assert len(members) == len(set(members))
        assert all(rows[i].family != "vendor_ci" for i in members)
    # minimaxm3 is measured at one shape here, so that leaving it out would leave nothing of it
    shaped = {rows[i].model for g in groups_for("shape", rows) for i in g}
    assert shaped == {"llama70b"}


def test_classes_follow_what_stays() -> None:
    rows = [m for m in _few() if m.model == "llama70b" and m.accelerator == "h200" and m.engine == "trt"]
    rows = [m for m in rows if m.tp == 8 and (m.isl, m.osl) == (1024, 1024) and m.spec_method == "none"]
    rows = sorted({m.concurrency: m for m in rows}.values(), key=lambda m: m.concurrency)
    classes = steps_when_left_out(rows, np.arange(len(rows)))
    assert classes[0] == classes[-1] == "B extrapolated"
    assert set(classes[1:-1]) == {"B interpolated"}
    assert set(steps_when_left_out(rows, np.zeros(len(rows), dtype=np.intp))) == {"D physics"}


def test_conformal_ends_hold_four_fifths() -> None:
    rng = np.random.default_rng(5)
    spread = rng.uniform(0.01, 0.3, 4000)
    errors = rng.standard_t(3, 4000) * spread
    ends = conformal(errors[:2000], spread[:2000])
    assert covered(errors[2000:], spread[2000:], ends).mean() == pytest.approx(0.8, abs=0.03)


def test_a_class_without_errors_borrows_from_the_more_doubtful() -> None:
    rng = np.random.default_rng(6)
    widths = fit_ends([Left("C modelled", "Hopper", float(e), 1.0) for e in rng.normal(size=200)])
    assert set(widths) == set(CLASSES)
    assert widths["B modelled"] == widths["C modelled"]
    assert widths["D physics"][1] > widths["C modelled"][1]  # nothing more doubtful is known: a wide guess
    assert widths["B modelled disaggregated"] == widths["B modelled"]
    assert widths["B modelled dated"] == widths["B modelled"]
    assert widths["B modelled disaggregated dated"] == widths["B modelled"]


def test_questions_for_a_day_have_widths_of_their_own() -> None:
    rng = np.random.default_rng(7)
    pool = [Left("B modelled", "Hopper", float(e), 1.0) for e in rng.normal(size=200)]
    pool += [Left("B modelled dated", "Hopper", float(e), 1.0) for e in 0.1 * rng.normal(size=200)]
    widths = fit_ends(pool)
    assert widths["B modelled dated"][1] < 0.3 * widths["B modelled"][1]
    assert widths["B measured disaggregated dated"] == widths["B modelled"]  # serving of a kind never seen on a day


def _scattered(rng: np.random.Generator, sizes: dict[str, tuple[int, float]]) -> list[Left]:
    return [Left("B modelled", k, float(e) * by, 1.0) for k, (n, by) in sizes.items() for e in rng.normal(size=n)]


def test_kinds_that_scatter_more_have_wider_intervals_and_each_holds_four_fifths() -> None:
    rng = np.random.default_rng(8)
    sizes = {"CDNA4": (4000, 0.15), "Hopper": (4000, 0.1), "Hopper speculative": (4000, 0.12)}
    widths, scatter = fit_intervals({"tpot_p50_s": _scattered(rng, sizes)})
    low, high = widths["tpot_p50_s"]["B modelled"]
    found = scatter["tpot_p50_s"]
    assert found["CDNA4"] / found["Hopper"] == pytest.approx(1.5, rel=0.08)
    for kind, (_, by) in sizes.items():
        fresh = rng.normal(size=4000) * by
        ends = low * found[kind], high * found[kind]
        assert covered(fresh, np.ones(4000), ends).mean() == pytest.approx(0.8, abs=0.02)
    assert covered(rng.normal(size=4000) * 0.15, np.ones(4000), (low, high)).mean() < 0.76  # without its kind


def test_few_errors_say_little_of_their_kind() -> None:
    rng = np.random.default_rng(9)
    errors = _scattered(rng, {"Hopper": (4000, 0.1), "CDNA4": (100, 0.16), "CDNA3": (20, 1.0), "GB": (4000, 9.0)})
    found = scatter_of(errors, {"B modelled": (-0.128, 0.128)})
    assert found["Hopper"] == pytest.approx(1.0, abs=0.05)
    assert 1.05 < found["CDNA4"] < 1.25  # 1.6, of which a hundred errors carry a quarter
    assert "CDNA3" not in found
    assert found["GB"] == SCATTER[1]


def test_rate_at_a_level_is_interpolated_in_logs() -> None:
    tpot, rate = np.array([0.01, 0.02, 0.04]), np.array([100.0, 150.0, 200.0])
    assert rate_at(tpot, rate, 0.005) is None
    assert rate_at(tpot, rate, 0.02) == pytest.approx(150.0)
    assert rate_at(tpot, rate, 0.0282843) == pytest.approx(173.2, rel=1e-3)
    assert rate_at(tpot, rate, 1.0) == pytest.approx(200.0)


def test_usd_per_mtok_by_hand() -> None:
    # 3.6 USD/h at 1000 tokens/s is 3.6 million tokens an hour
    assert usd_per_mtok(3.6, 1000.0) == pytest.approx(1.0)


def test_regret_of_a_wrong_choice_by_hand() -> None:
    base = next(m for m in evidence() if m.family == "median" and not m.disagg)
    make = lambda name, rate: replace(base, accelerator=name, total_tps_per_gpu=rate, tpot_p50_s=0.01)  # noqa: E731
    rows = [make("x", 1000.0), make("y", 800.0)]
    error = np.array([np.log(0.5), 0.0])  # x is predicted at half its rate
    cases = decision_cases(
        rows, [True, True], np.zeros(2), error, {"x": 3.6, "y": 3.6}, disagg=False, close=0.05
    )  # fmt: skip
    score = decision_score("", cases)
    assert score is not None
    assert {c.chosen for c in cases} == {"y"}
    assert score.worst_regret == pytest.approx(0.25)
    assert score.right_share == 0.0


def test_only_calls_that_are_sure_by_their_own_account_come_back_where_draws_are_given() -> None:
    base = next(m for m in evidence() if m.family == "median" and not m.disagg)
    make = lambda name, rate: replace(base, accelerator=name, total_tps_per_gpu=rate, tpot_p50_s=0.01)  # noqa: E731
    rows = [make("x", 1000.0), make("y", 800.0)]
    both = np.arange(2)

    def called(covariance: list[list[float]]) -> int:
        still = [(both, np.zeros((2, 2)))]
        drawn = draw_errors(2, still, [(both, np.array(covariance))])
        zero = np.zeros(2)
        return len(
            decision_cases(rows, [True, True], zero, zero, {"x": 3.6, "y": 3.6}, disagg=False, close=0.0, drawn=drawn)
        )

    assert called([[1e-4, 0.0], [0.0, 1e-4]]) > 0
    assert called([[0.25, 0.0], [0.0, 0.25]]) == 0
    assert called([[0.25, 0.25], [0.25, 0.25]]) > 0  # an error that both share leaves the comparison sure
