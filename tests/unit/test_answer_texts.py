"""What an answer says in words agrees with its own numbers and reads as a sentence, for every bundled profile."""

from __future__ import annotations

import json
import re
import shlex
from datetime import date

import pytest

from advisor.cli.main import main
from advisor.domain.profile import Profile
from advisor.domain.recommendation import ProbeCheck, Recommendation
from advisor.domain.sizing import Spread
from advisor.engine.gates.memory import PIPELINE
from advisor.engine.notes import collect_notes
from advisor.report import render_report
from advisor.report.build import build_report
from advisor.report.markdown import write_markdown
from advisor.report.text import render_text
from advisor.tui.pages import candidate_page, why_not
from advisor.workbench import Workbench
from tests.bench_kit import bundled_answer, usual_bench
from tests.conftest import AS_OF, PROFILE_FILES

PROFILES = sorted(PROFILE_FILES)


@pytest.fixture(scope="module")
def answers() -> dict[str, Recommendation]:
    return {name: bundled_answer(name) for name in PROFILES}


@pytest.mark.parametrize("name", PROFILES)
def test_words_on_probing_agree_with_its_numbers(answers: dict[str, Recommendation], name: str) -> None:
    tree = answers[name]
    assert tree.decision is not None
    info = tree.decision.information
    assert info is not None
    if not info.probes or tree.verdict.kind != "get":
        return
    worth_it = info.probes[0].net_usd > 0
    assert ("no probe is worth its price" in tree.verdict.reason) is not worth_it
    if worth_it:
        assert "the best probe is worth USD" in tree.verdict.reason
    assert "worth USD 0 " not in info.text


@pytest.mark.parametrize("name", PROFILES)
def test_what_a_fleet_carries_a_tenth_off_is_told_as_the_tree_holds_it(
    answers: dict[str, Recommendation], name: str
) -> None:
    tree = answers[name]
    text = " ".join(render_text(tree, colour=False).split())
    report = " ".join(write_markdown(build_report(tree)).split())
    for part in tree.candidates[0].tiers or tree.candidates[:1]:
        assert part.operating_point is not None
        slower, faster = (part.operating_point.carried_at(k) for k in (0.9, 1.1))
        assert slower is not None
        assert faster is not None
        assert slower <= 1 <= faster
        told = f"its GPUs carry {slower:.0%} of that load within the service level; a tenth faster, {faster:.0%}"
        assert told.replace("%", " %") in text.replace("\u00a0", " ")
        assert f"{slower:.0%} and {faster:.0%}".replace("%", " %") in report.replace("\u00a0", " ")
    assert tree.candidates[0].operating_point is not None
    assert tree.candidates[0].operating_point.carried_at(0.123) is None


def test_an_engine_in_which_nobody_measured_the_model_is_told_as_such() -> None:
    """A team on SGLang was offered Kimi K2 in it for less hardware than vLLM takes, where others had measured it."""
    asked = {
        "name": "x", "model": {"id": "kimi-k2", "precisions": ["fp8", "fp4"]},
        "traffic": {"isl": 3000, "osl": 500, "peak_requests_per_s": 5}, "slo": {"ttft_ms": 3000, "tpot_ms": 60},
    }  # fmt: skip
    untried = "nobody has measured moonshotai/Kimi-K2-Instruct in SGLang, as others have in ATOM and vLLM"
    tree = usual_bench().advise(Profile.model_validate({**asked, "team": {"engines": ["sglang"]}}), draws=500)
    there = [c.name for c in tree.candidates if c.feasible and c.deployment and c.deployment.engine == "sglang"]
    assert there
    (note,) = [n for n in tree.notes if "nobody has measured" in n]
    assert untried in note
    assert all(name in note for name in there)
    plain = usual_bench().advise(Profile.model_validate(asked), draws=500)
    assert not any("nobody has measured" in n for n in plain.notes)


@pytest.mark.parametrize("name", PROFILES)
def test_a_hosted_api_in_the_profile_is_told_with_the_verdict(answers: dict[str, Recommendation], name: str) -> None:
    tree = answers[name]
    best = tree.candidates[0]
    if tree.profile.procurement.hosted_api is not None and best.cost is not None:
        assert best.cost.hosted_api is not None
        assert best.cost.hosted_api.text[1:] in tree.verdict.reason


@pytest.mark.parametrize("name", PROFILES)
def test_a_fleet_that_grows_is_said_to_grow(answers: dict[str, Recommendation], name: str) -> None:
    tree = answers[name]
    cost = tree.candidates[0].cost
    assert cost is not None
    assert ("first year" in tree.verdict.headline) is (cost.gpus_end > 1.05 * cost.gpus_start)


@pytest.mark.parametrize("name", PROFILES)
def test_a_part_is_never_more_than_the_whole(answers: dict[str, Recommendation], name: str) -> None:
    d = answers[name].decision
    assert d is not None
    if "of which" in d.vendor_gap_text:
        assert d.skill_gap_usd_per_month is not None
        assert d.vendor_gap_usd_per_month is not None
        assert d.skill_gap_usd_per_month <= d.vendor_gap_usd_per_month


@pytest.mark.parametrize("name", PROFILES)
def test_sentences_count_and_round_as_people_do(answers: dict[str, Recommendation], name: str) -> None:
    tree = answers[name]
    told = json.dumps(tree.model_dump(mode="json", exclude={"profile"})) + render_text(tree)
    assert not re.search(r"\b1 (sellers|nodes|parts|weeks) ", told)
    assert not re.search(r"USD [\d,]{4,}\.\d\d per GPU\b(?!-)", told), "cents on a price per GPU"
    assert "VLLM" not in told
    assert "not limited, or taken" not in told
    for sentence in (tree.verdict.headline, *tree.verdict.reasons, *tree.verdict.next_steps):
        assert not re.search(r"USD \d,?\d{3},\d{3}\b", sentence), sentence


def test_the_same_tier_stands_first_for_every_candidate(answers: dict[str, Recommendation]) -> None:
    """Else a table of the main tiers would compare one model on one part with another model on the next."""
    tree = answers["operator-2000-gpus"]
    orders = {tuple(t.name for t in c.tiers) for c in tree.candidates if c.tiers}
    assert len(orders) == 1
    text = render_text(tree)
    assert "Latency and tok/s of tier reasoning; GPUs and cost of all 2 tiers:" in text
    assert "In the same fleet, tier agents:" in text


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("mistral-large-2411", "the Mistral Research License (commercial use needs a separate licence); whether"),
        ("minimax-m2.5", "its licence is not verified (M2: MIT); read it"), ("gpt-oss-20b", ""),
    ],
)  # fmt: skip
def test_a_licence_that_may_forbid_the_use_is_told(model: str, told: str) -> None:
    """The catalog knew that commercial use needs another licence, and no answer said so."""
    profile = Profile.model_validate(
        {"model": {"id": model}, "traffic": {"isl": 800, "osl": 200, "peak_concurrency": 20}, "candidates": ["b200"]}
    )
    notes = [note for note in usual_bench().advise(profile, draws=200).notes if "licence" in note]
    assert len(notes) == bool(told)
    assert all(told in note for note in notes)


def test_a_step_names_its_tier_once() -> None:
    """"vLLM has grave open problems here (workload agents): Workload agents: Put an accuracy ..." """
    chat = {"model": {"id": "llama3.3-70b"}, "traffic": {"isl": 800, "osl": 300, "peak_concurrency": 300}}
    agents = {
        "model": {"id": "gpt-oss-120b", "precisions": ["fp4"]}, "slo": {"ttft_ms": 2000, "tpot_ms": 25},
        "traffic": {"isl": 8000, "osl": 500, "peak_requests_per_s": 3, "prefix_cache_hit_rate": 0.7},
    }  # fmt: skip
    tiers = {"workloads": [{"name": "chat", **chat}, {"name": "agents", **agents}], "candidates": ["b200"]}
    steps = usual_bench().advise(Profile.model_validate(tiers), draws=200).verdict.next_steps
    (step,) = [s for s in steps if "grave open problems" in s]
    assert step.lower().count("workload agents") == 1


def test_gpus_of_tiers_are_those_of_their_replicas(answers: dict[str, Recommendation]) -> None:
    """In nodes of its own each, two tiers of a fleet of 16 GPUs took 16 before the third had any."""
    tree = answers["operator-2000-gpus"]
    rows = render_text(tree).split("In the same fleet, tier agents:")[1].splitlines()
    for c in tree.candidates:
        (row,) = [line for line in rows if line.split()[:1] == [c.accelerator]]
        assert row.split()[1] == f"{c.tiers[1].fleet.gpus_needed:,}"
        assert c.fleet is not None
        assert sum(t.fleet.gpus_needed for t in c.tiers) == c.fleet.gpus_needed <= c.fleet.gpus
        told = why_not(c, tree).plain
        for t in c.tiers:
            assert f"{t.name}: {t.deployment.label}, {t.fleet.replicas:,} replica" in told
        assert f"{c.fleet.replicas} replicas of {c.fleet.gpus_per_replica}," not in told


def test_what_each_tier_bears_stands_where_its_fleet_does(answers: dict[str, Recommendation]) -> None:
    """Cost was that of the fleet alone: what an endpoint of several comes to was nowhere."""
    tree = answers["operator-2000-gpus"]
    best = tree.candidates[0]
    assert best.fleet is not None
    assert best.cost is not None
    text = " ".join(render_text(tree, explain=True).split())
    report, page = write_markdown(build_report(tree)), candidate_page(best, tree).plain
    assert f"Nodes are shared. {best.fleet.shared_nodes}" in text
    assert best.fleet.shared_nodes in report
    assert best.fleet.shared_nodes in page
    for t in best.tiers:
        assert t.share is not None
        assert t.share.formula in text
        assert t.share.formula in report
        assert t.share.formula in page
        assert f"GPUs of {t.name}: {t.fleet.replicas} replicas" in page
    for name, other in answers.items():
        if len(other.profile.tiers) == 1:
            assert "Nodes are shared" not in render_text(other), name


def test_silence_is_shown_with_the_value_that_took_its_place(answers: dict[str, Recommendation]) -> None:
    taken = {a.path: a for a in answers["regulated-rag-llama-70b"].assumptions}
    wage = taken["team.engineer_usd_per_year"]
    assert wage.value.startswith("211,243 USD")
    assert wage.source_id != "default"
    assert taken["candidates"].value == "all eight"
    # "at once" was taken, and today's date, when stated, leaves no time for the delivery of what is bought
    assert taken["procurement.start_date"].value == "as soon as it can be"
    assert taken["procurement.cost_of_capital"].value.startswith("0.11")


def test_own_probes_are_told_beside_their_prediction(answers: dict[str, Recommendation]) -> None:
    tree = answers["renewal-100-gpus"]
    assert "Your own measurements" not in render_text(tree)
    probe = ProbeCheck(
        accelerator="b300", measured_on=AS_OF, deployment="fp4 TP1 trt", concurrency=141, isl=2000, osl=500,
        predicted_output_tps=Spread(lo=3000.0, value=3678.0, hi=4500.0), measured_output_tps=3059.0,
        within_interval=True, text="0.83 times the prediction, within the predicted interval",
    )  # fmt: skip
    text = " ".join(render_text(tree.model_copy(update={"probes": (probe,)})).split())
    assert "2,000/500 tokens at 141 in flight" in text
    assert "3,059 output tok/s per GPU measured, 3,678 predicted. 0.83 times the prediction" in text


@pytest.mark.parametrize("name", PROFILES)
def test_the_text_says_how_the_choice_is_run(answers: dict[str, Recommendation], name: str) -> None:
    tree = answers[name]
    text = render_text(tree)
    choice = next((c for c in tree.candidates if c.feasible and c.rank == 1), None)
    assert ("How the choice is run" in text) is (choice is not None)
    if choice is None:
        return
    for tier in choice.tiers or (choice,):
        assert tier.deployment is not None
        assert tier.fleet is not None
        assert f"{tier.deployment.label}; {tier.fleet.replicas:,} replica" in " ".join(text.split())


@pytest.mark.parametrize("name", PROFILES)
def test_a_service_level_that_only_the_median_keeps_is_told(answers: dict[str, Recommendation], name: str) -> None:
    tree = answers[name]
    limits = {w.name: (w.slo.ttft_ms, w.slo.tpot_ms) for w in tree.profile.tiers}
    for c in tree.candidates:
        points = {t.name: t.operating_point for t in c.tiers} or {tree.profile.tiers[0].name: c.operating_point}
        for tier, p in points.items():
            if p is None:
                continue
            found = zip(
                ("TTFT", "TPOT"), limits[tier], (p.ttft_at_percentile_s, p.tpot_at_percentile_s),
                (p.ttft_interval_s, p.tpot_interval_s), strict=True,
            )  # fmt: skip
            for metric, limit_ms, at_s, interval in found:
                beyond = limit_ms is not None and at_s * interval.hi / interval.value > 1.5 * limit_ms / 1e3
                told = [n for n in tree.notes if n.startswith(f"{c.name}: {metric} p") and "rely on it" in n]
                told = [n for n in told if not c.tiers or f"of tier {tier} " in n]
                assert len(told) == (beyond and c.rank is not None and c.rank <= 3), (c.accelerator, tier, metric)


@pytest.mark.parametrize("name", PROFILES)
def test_the_advised_probe_runs_as_printed(
    answers: dict[str, Recommendation], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Copied into a shell, it plans the very deployment, and one step fits into its own budget."""
    tree = answers[name]
    info = tree.decision.information if tree.decision is not None else None
    if info is None or info.plan is None:
        return
    words = shlex.split(info.plan.command.replace("URL", "http://127.0.0.1:8000"))
    assert main([*words[1:], "--plan"]) == 0
    text = capsys.readouterr().out
    steps, limits = re.findall(r"([\d,]+)$", text, re.MULTILINE), dict(re.findall(r"(\w+) +([\d,.]+) +\(limit", text))
    assert {"tokens", "USD", "seconds"} <= set(limits)
    most, allowed = (int(n.replace(",", "")) for n in (steps[0], re.findall(r"tokens .*limit ([\d,]+)", text)[0]))
    assert most <= allowed
    tier = next(c for c in tree.candidates if c.accelerator == info.plan.accelerator)
    assert tier.deployment is not None
    assert ("--spec" in words) is (tier.deployment.spec_method != "none")
    assert words[words.index("--gpus") + 1] == str(tier.deployment.gpus_per_replica)


@pytest.mark.parametrize(("place", "told"), [({"country": "CN"}, True), ({"country": "US"}, False), ({}, False)])
def test_a_rent_of_elsewhere_is_told_where_the_place_is_stated(place: dict[str, str], told: bool) -> None:
    """Rents of American lists made the price of capacity in China, without a word."""
    asked = Profile.model_validate(
        {
            "model": {"id": "llama3.3-70b"}, "traffic": {"isl": 1500, "osl": 400, "peak_concurrency": 100},
            "slo": {"ttft_ms": 3000, "tpot_ms": 60}, "candidates": ["h100"], "place": place,
            "procurement": {"mode": "rent", "commitment": "on_demand"},
        }
    )  # fmt: skip
    tree = usual_bench().advise(asked, draws=200)
    notes = [n for n in tree.notes if "behind its rent none names" in n]
    assert bool(notes) is told
    if told:
        price = tree.candidates[0].cost
        assert price is not None
        assert price.price is not None
        assert f"of the {len(price.price.row_ids)} listed prices" in notes[0]
        assert "China" in notes[0]


def test_evidence_of_a_later_day_is_named_and_has_no_negative_age() -> None:
    """An answer for March 2026 had measurements that were "newest -141 days old"."""
    asked = Profile.model_validate(
        {
            "model": {"id": "llama3.3-70b"}, "traffic": {"isl": 1500, "osl": 400, "peak_concurrency": 100},
            "slo": {"ttft_ms": 3000, "tpot_ms": 60}, "candidates": ["h100"],
        }
    )  # fmt: skip
    day = date(2026, 3, 1)
    tree = Workbench(as_of=day, bare=True).advise(asked, draws=200)
    point = tree.candidates[0].operating_point
    assert point is not None
    assert point.evidence_newest > day.isoformat()
    assert not re.search(r"-\d+ days old", tree.model_dump_json())
    assert any("after the day of this answer" in n and point.evidence_newest in n for n in tree.notes)


def test_no_place_tells_a_median_as_the_newest_measurement(answers: dict[str, Recommendation]) -> None:
    """Medians bear the last day of their benchmark: risks, page one and notes called that the newest measurement."""
    tree = answers["renewal-100-gpus"]
    choice = tree.candidates[0]
    point = choice.operating_point
    assert point is not None
    assert point.evidence_newest == "2026-07-20"
    assert "2025-09-29" <= point.evidence_since < point.evidence_newest
    days = f"medians of runs from {point.evidence_since[:7]} to 2026-07-20"
    assert days in point.evidence_text
    (basis,) = (r.basis for r in choice.risks if r.id == "evidence_quality")
    assert f", {days}, at least 124 days old" in basis
    page, _, _ = str(render_report(tree, "markdown")).partition("\n---\n")
    assert days in page
    later = collect_notes([choice], tree.profile.tiers, date(2027, 2, 1))
    (stale,) = (n for n in later if "newer software may be faster" in n)
    assert f"at least 196 days old ({days})" in stale
    everywhere = tree.model_dump_json() + page + stale
    assert "newest 2026-07-20" not in everywhere
    assert "newest 124 days" not in everywhere


def test_a_measurement_of_one_day_is_the_newest(answers: dict[str, Recommendation]) -> None:
    tree = answers["renewal-100-gpus"]
    choice = tree.candidates[0]
    assert choice.operating_point is not None
    dated = choice.operating_point.model_copy(update={"evidence_newest": "2026-05-01", "evidence_since": ""})
    notes = collect_notes([choice.model_copy(update={"operating_point": dated})], tree.profile.tiers, AS_OF)
    assert any("at least 204 days old (newest 2026-05-01)" in n for n in notes)


def test_who_rents_under_a_licence_is_told_that_the_start_is_too_near() -> None:
    asked = Profile.model_validate(
        {
            "model": {"id": "llama3.3-70b"}, "traffic": {"isl": 1500, "osl": 400, "peak_concurrency": 100},
            "slo": {"ttft_ms": 3000, "tpot_ms": 60}, "candidates": ["b200"], "place": {"country": "SA"},
            "procurement": {"mode": "rent", "start_date": "2026-12-15"},
        }
    )  # fmt: skip
    tree = usual_bench().advise(asked, draws=200)
    assert any("set procurement.start_date to 2027-05-20" in step for step in tree.verdict.next_steps)


def test_a_bill_that_growth_takes_beyond_the_budget_is_told() -> None:
    """USD 60,000 a month were kept by a cost levelled over three years, the last months of which cost twice that."""
    asked = Profile.model_validate(
        {
            "name": "x", "model": {"id": "llama3.3-70b"},
            "traffic": {"isl": 1200, "osl": 300, "peak_concurrency": 400, "growth_per_year": 2.0},
            "slo": {"ttft_ms": 2000, "tpot_ms": 60}, "procurement": {"budget_usd_per_month": 60_000, "mode": "rent"},
        }
    )  # fmt: skip
    tree = usual_bench().advise(asked, draws=500)
    assert tree.verdict.choice is not None
    cost = next(c.cost for c in tree.candidates if c.accelerator == tree.verdict.choice.accelerator)
    assert cost is not None
    beyond = [f.cash_usd for f in cost.flows if f.cash_usd > 60_000]
    assert 0 < len(beyond) < 36
    assert f"in {len(beyond)} of 36 months the bill itself is higher" in tree.verdict.reason
    steady = asked.model_copy(update={"traffic": asked.traffic.model_copy(update={"growth_per_year": 0.0})})  # type: ignore[union-attr]
    assert "bill itself" not in usual_bench().advise(steady, draws=500).verdict.reason


@pytest.mark.parametrize(("peak", "said"), [(8, "its one replica stands in"), (300, "replicas stand in one node")])
def test_a_node_of_no_spare_is_told_to_be_one(peak: int, said: str) -> None:
    """One GPU without a spare was to be up 99.9 % of the time, and nothing was said of the host that it stands in."""
    asked = Profile.model_validate(
        {
            "name": "x", "model": {"id": "llama3.1-8b"}, "candidates": ["h100"],
            "traffic": {"isl": 1000, "osl": 200, "peak_concurrency": peak}, "slo": {"ttft_ms": 500, "tpot_ms": 30},
        }
    )  # fmt: skip
    notes = usual_bench().advise(asked, draws=200).notes
    assert any(said in note for note in notes)


def test_a_peak_in_flight_that_is_served_faster_than_asked_is_explained() -> None:
    """24 prompts of 120,000 tokens: a GPU for each, and tokens of a third of what such a fleet would serve."""
    asked = Profile.model_validate(
        {
            "name": "x", "model": {"id": "llama3.3-70b"}, "candidates": ["b200"],
            "traffic": {"isl": 120_000, "osl": 1000, "peak_concurrency": 24},
            "slo": {"ttft_ms": 60_000, "tpot_ms": 60},
        }
    )  # fmt: skip
    bench = usual_bench()
    tree = bench.advise(asked, draws=200)
    (candidate,) = tree.candidates
    assert candidate.operating_point is not None
    (note,) = (n for n in tree.notes if "whatever they take" in n)
    told = [float(n) for n in re.findall(r"([\d.]+) (?:requests in flight|s each|requests/s|, the rate)", note)]
    in_flight, seconds, own = told
    assert own == pytest.approx(in_flight / seconds, rel=0.01)
    assert "counted at 0.2," in note  # 24 over the 60 + 1000 x 0.06 s of the service level
    by_rate = asked.model_copy(
        update={"traffic": asked.traffic.model_copy(update={"peak_concurrency": None, "peak_requests_per_s": 0.2})}  # type: ignore[union-attr]
    )
    fewer = bench.advise(by_rate, draws=200)
    assert not any("whatever they take" in n for n in fewer.notes)
    assert fewer.candidates[0].fleet is not None
    assert candidate.fleet is not None
    assert fewer.candidates[0].fleet.gpus_needed < candidate.fleet.gpus_needed


def test_a_pipeline_is_said_to_be_the_best_case() -> None:
    """DeepSeek-R1 leaves no room on one node of H100: two are a pipeline, which nobody measured."""
    asked = Profile.model_validate(
        {
            "name": "x", "model": {"id": "deepseek-r1", "precisions": ["fp8"]},
            "traffic": {"isl": 4000, "osl": 800, "peak_concurrency": 512}, "slo": {"ttft_ms": 3000, "tpot_ms": 60},
            "candidates": ["h100", "h200"],
        }
    )  # fmt: skip
    tree = usual_bench().advise(asked, draws=200)
    split, whole = sorted(tree.candidates, key=lambda c: c.accelerator)
    assert split.deployment is not None
    assert split.deployment.pp == 2
    assert split.operating_point is not None
    assert split.operating_point.evidence_grade == "C"
    assert split.fleet is not None
    assert whole.fleet is not None
    assert whole.fleet.gpus < split.fleet.gpus < 3 * whole.fleet.gpus  # 208 against 40 with the cache of a full node
    told = PIPELINE.format(nodes=2)
    assert "best case" in told
    assert [note for note in tree.notes if "best case" in note] == [f"{split.name}: {told}."]
    gate = next(g for g in split.gates if g.gate == "memory")
    assert gate.reason.endswith(f"{told}.")  # in the same words


def test_one_price_is_told_of_what_is_paid_for(answers: dict[str, Recommendation]) -> None:
    """B300 was "bought at 60.3k USD/GPU" where its cost and break-even rest on 54.3k, the promised discount taken."""
    tree = answers["operator-2000-gpus"]
    assert tree.profile.procurement.volume_discount > 0
    text = " ".join(render_text(tree).split())
    told = re.findall(r"base (?:bought|reserved . years?) at ([\d.]+)(k?) USD/GPU", text)
    others = [c for c in tree.candidates if c.rank is not None and c.rank > 1]
    assert len(told) == len(others)
    for (figure, thousands), c in zip(told, others, strict=True):
        assert c.cost is not None
        paid = float(figure) * (1000 if thousands else 1)
        assert paid == pytest.approx(c.cost.lines[0].unit_price_usd, rel=5e-3)


def test_gpus_of_later_years_stand_in_the_text(answers: dict[str, Recommendation]) -> None:
    tree = answers["operator-2000-gpus"]
    first = next(c for c in tree.candidates if c.rank == 1)
    assert first.cost is not None
    needed = ", ".join(f"{y.gpus_needed:,}" for y in first.cost.fleet_years)
    assert f"As demand grows, GPUs by year: {needed} needed" in " ".join(render_text(tree).split())
