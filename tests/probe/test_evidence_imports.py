"""Other tools' results become the same numbers in our form, converted by hand here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.cli.evidence_notes import evidence_use
from advisor.cli.probe_text import run_csv
from advisor.domain.errors import EvidenceError
from advisor.evidence.imports import KINDS, read_runs
from advisor.evidence.runs import Deployment, Run, measurements_from_run

SAMPLES = Path(__file__).parent / "samples"
JSON_SAMPLES = sorted(path.name for path in SAMPLES.glob("*.json"))
STATED = Deployment(accelerator="mi355x", gpus=8, model="a-model", precision="fp8", engine="vllm")


def only(name: str) -> Run:
    runs = read_runs(SAMPLES / name)
    assert len(runs) == 1
    return runs[0]


def test_vllm_bench_serve() -> None:
    run = read_runs(SAMPLES / "vllm.json", stated=Deployment(accelerator="mi300x", gpus=8))[0]
    step = run.steps[0]
    assert (run.deployment.model, run.deployment.tp, run.started_at.isoformat()) == (
        "meta-llama/Llama-3.3-70B-Instruct", 8, "2026-11-03T14:15:02+00:00"
    )  # fmt: skip
    assert (step.load, step.concurrency, step.rate_rps) == ("closed", 32, None)
    assert (step.isl, step.osl) == (1000, 500)  # 318000 / 318, 159000 / 318
    assert (step.requests, step.succeeded, step.errors) == (320, 318, {"failed": 2})
    assert (step.ttft.p50, step.ttft.p99, step.tpot.p50) == (0.19825, 0.4315, 0.01925)
    assert step.goodput_share == pytest.approx(0.95)
    assert measurements_from_run(run) == []  # no precision is stated
    where = run.deployment.model_copy(update={"precision": "fp8"})
    point = measurements_from_run(run.model_copy(update={"deployment": where}))[0]
    assert (point.output_tps_per_gpu, point.total_tps_per_gpu) == (1590 / 8, 4770 / 8)
    assert (point.family, point.concurrency, point.tp, point.date and point.date.isoformat()) == (
        "own_probe", 32, 8, "2026-11-03"
    )  # fmt: skip


def test_the_load_of_a_benchmark_is_what_was_in_flight(tmp_path: Path) -> None:
    """A rate is an open loop also under a cap, which had stood for the load; a cap above all prompts holds none."""

    def placed(name: str, **changes: object) -> list[int]:
        row = json.loads((SAMPLES / name).read_text().splitlines()[0]) | changes
        (file := tmp_path / "r.json").write_text(json.dumps(row))
        (run,) = read_runs(file, stated=STATED)
        return [point.concurrency for point in measurements_from_run(run)]

    assert placed("vllm.json") == [32]
    assert placed("vllm.json", request_rate=3.18, max_concurrency=256) == [31]  # 3.18 / s x 9.893 s
    parts = {"mean_e2el_ms": None, "mean_ttft_ms": 212.5, "mean_tpot_ms": 19.4}
    # 3.18 / s x (0.2125 + 499 x 0.0194) s
    assert placed("vllm.json", request_rate=3.18, max_concurrency=None, **parts) == [31]
    assert placed("vllm.json", max_concurrency=512) == []  # of 320 prompts
    assert placed("sglang.jsonl", request_rate=3.2, max_concurrency=64, concurrency=15.7) == [16]
    assert placed("sglang.jsonl", max_concurrency=1000) == []


@pytest.mark.parametrize(("held", "counts_at"), [(16.0, 16), (14.5, 16), (9.6, 10)])
def test_a_closed_loop_that_was_mostly_ramps_counts_at_what_it_held(
    tmp_path: Path, held: float, counts_at: int
) -> None:
    """Twenty prompts at a concurrency of sixteen fill and drain: their rate was taken for that of sixteen."""
    row = json.loads((SAMPLES / "sglang.jsonl").read_text().splitlines()[0]) | {"concurrency": held}
    (file := tmp_path / "r.json").write_text(json.dumps(row))
    (run,) = read_runs(file, stated=STATED)
    (point,) = measurements_from_run(run)
    assert point.concurrency == counts_at
    assert any("9.6 of 16 requests" in flag for flag in run.steps[0].flags) is (counts_at == 10)


def test_ramps_are_told_by_littles_law_where_the_tool_does_not_count(tmp_path: Path) -> None:
    row = json.loads((SAMPLES / "vllm.json").read_text()) | {"request_throughput": 1.59}
    (file := tmp_path / "r.json").write_text(json.dumps(row))
    (run,) = read_runs(file, stated=STATED)
    (point,) = measurements_from_run(run)
    assert point.concurrency == 16  # 1.59 / s x 9.893 s, of 32


def test_the_cap_of_an_open_loop_is_not_its_load() -> None:
    (run,) = read_runs(SAMPLES / "aiperf.json", stated=STATED)
    step = run.steps[0].model_copy(
        update={"load": "poisson", "concurrency": 256, "achieved_concurrency": None, "requests_per_s": 2.0}
    )
    e2el = step.e2el.mean
    assert e2el is not None
    (point,) = measurements_from_run(run.model_copy(update={"steps": (step,)}))
    assert point.concurrency == max(1, round(2.0 * e2el))
    unknown = step.model_copy(update={"requests_per_s": None})
    assert measurements_from_run(run.model_copy(update={"steps": (unknown,)})) == []


def test_sglang_lines_closed_and_open() -> None:
    closed, opened = read_runs(SAMPLES / "sglang.jsonl")
    first, second = closed.steps[0], opened.steps[0]
    assert (first.load, first.concurrency, first.isl, first.osl) == ("closed", 16, 1024, 256)
    assert (closed.deployment.engine, closed.deployment.engine_version, closed.deployment.tp) == ("sglang", "0.5.8", 8)
    assert (first.e2el.p50, first.e2el.p90, first.itl.p95) == (4.9215, 5.202, 0.025)
    # A range ratio of 0.8: what was drawn counts, not the upper end.
    assert (second.load, second.rate_rps, second.isl, second.osl) == ("poisson", 2.0, 921.6, 230.4)
    point = measurements_from_run(opened.model_copy(update={"deployment": STATED}))[0]
    assert point.concurrency == 8  # 8.02 measured in flight


SGLANG = json.loads((SAMPLES / "sglang.jsonl").read_text().splitlines()[0])


@pytest.mark.parametrize(
    ("sample", "changes"),
    [
        ("sglang.jsonl", {"dataset_name": "generated-shared-prefix"}),
        ("vllm.json", {"random_prefix_len": 800}),
        ("aiperf.json", {"input_config": {"input": {"prompt": {"prefix_prompt": {"pool_size": 4, "length": 500}}}}}),
        ("aiperf.json", {"input_config": {"datasets": [{"prompts": {"shared_system_prompt_length": 500}}]}}),
        ("guidellm.json", {"args": {"data": [{"prefix_buckets": [{"prefix_tokens": 500}]}]}}),
    ],
)
def test_prompts_that_share_a_part_by_the_tools_settings_are_no_evidence(
    tmp_path: Path, sample: str, changes: dict[str, object]
) -> None:
    """What a cache spares of the prefill had counted as the speed of the machine."""
    text = (SAMPLES / sample).read_text()
    row = json.loads(text.splitlines()[0]) if sample.endswith("l") else json.loads(text)
    for name, extra in (("plain", {}), ("shared", changes)):
        (file := tmp_path / f"{name}.json").write_text(json.dumps({**row, **extra}))
        (run,) = read_runs(file, stated=STATED)
        assert bool(measurements_from_run(run)) is (name == "plain")
        assert run.steps[0].valid is (name == "plain")
    assert run.steps[0].flags[0].startswith("prompts share a part by the tool's own settings")


@pytest.mark.parametrize(
    ("server", "method", "attention", "ep"),
    [
        ({"speculative_algorithm": "EAGLE", "enable_dp_attention": True, "ep_size": 8}, "mtp", True, 8),
        ({"speculative_algorithm": "NEXTN"}, "mtp", False, 1),
        ({"speculative_algorithm": "EAGLE3", "speculative_draft_model_path": "a/b"}, "eagle3", False, 1),
        ({"speculative_algorithm": None}, "none", False, 1),
    ],
)
def test_sglang_says_how_it_was_served(
    tmp_path: Path, server: dict[str, object], method: str, attention: bool, ep: int
) -> None:
    """A run with drafts had counted as one without, at twice its speed."""
    row = SGLANG | {"server_info": SGLANG["server_info"] | server}
    (file := tmp_path / "r.json").write_text(json.dumps(row))
    (run,) = read_runs(file, stated=Deployment(accelerator="mi355x", gpus=8, model="dsr1", precision="fp8"))
    (point,) = measurements_from_run(run)
    assert (point.spec_method, point.dp_attention, point.ep) == (method, attention, ep)


def test_speculation_that_only_figures_show_is_not_taken_for_none(tmp_path: Path) -> None:
    row = json.loads((SAMPLES / "vllm.json").read_text()) | {"spec_decode_num_drafts": 5000}
    (file := tmp_path / "r.json").write_text(json.dumps(row))
    (run,) = read_runs(file, stated=STATED.model_copy(update={"model": "llama3.3-70b"}))
    assert measurements_from_run(run)[0].spec_method == "speculative"
    assert any("--spec" in note for note in evidence_use(run).notes)
    (named,) = read_runs(file, stated=STATED.model_copy(update={"spec_method": "mtp"}))
    assert measurements_from_run(named)[0].spec_method == "mtp"
    (plain,) = read_runs(SAMPLES / "vllm.json", stated=STATED)
    assert measurements_from_run(plain)[0].spec_method == "none"
    probed = plain.steps[0].model_copy(update={"server": {"spec_accepted": 12.0}})
    assert measurements_from_run(plain.model_copy(update={"steps": (probed,)}))[0].spec_method == "speculative"


def test_guidellm_of_the_real_tool() -> None:
    run = only("guidellm.json")
    step = run.steps[0]
    assert (run.tool_version, run.deployment.model) == ("0.8.1", "known")
    assert (step.load, step.concurrency, step.succeeded) == ("closed", 4, 20)
    # The server's truth is TTFT 60 ms and 8 ms a token; the report's 9.7 ms per output token holds TTFT.
    assert step.ttft.p50 == pytest.approx(0.060, rel=0.05)
    assert step.tpot.p50 == pytest.approx(0.008, rel=0.01)
    assert step.e2el.p50 == pytest.approx(0.060 + 31 * 0.008, rel=0.02)
    assert step.output_tps == pytest.approx(20 * 32 / 1.5846, rel=1e-3)


def test_aiperf_of_the_real_tool() -> None:
    run = only("aiperf.json")
    step = run.steps[0]
    assert (run.tool, run.tool_version, run.deployment.model) == ("aiperf", "0.13.0", "known")
    assert (step.load, step.concurrency, step.isl, step.osl) == ("closed", 4, 64, 32)
    assert step.tpot.p50 == pytest.approx(0.008, rel=0.01)
    assert step.total_tps == pytest.approx(step.requests_per_s * 96 if step.requests_per_s else 0, rel=1e-6)


def test_genai_perf() -> None:
    run = only("genai_perf.json")
    step = run.steps[0]
    assert (run.tool, run.deployment.model, step.load, step.concurrency) == ("genai-perf", "my-model", "closed", 8)
    assert (step.ttft.p95, step.tpot.p50, step.total_tps) == (0.15, 0.019, 400 + 4 * 550)


def test_inferencex_rows_aggregated_and_disaggregated() -> None:
    plain, split = read_runs(SAMPLES / "inferencex.json")
    assert (plain.family, plain.deployment.accelerator, plain.deployment.model) == ("single_run", "b200", "dsr1")
    assert plain.steps[0].output_tps == pytest.approx(200.5 * 8)
    point = measurements_from_run(split)[0]
    assert (point.gpus, point.disagg) == (44, True)
    # Its output rate is per decode GPU; ours is over all 44.
    assert point.output_tps_per_gpu == pytest.approx(38.16071 * 40 / 44)
    assert point.total_tps_per_gpu == pytest.approx(69.752413)
    assert all("SemiAnalysis" in run.flags[0] for run in (plain, split))


def test_mlperf_is_context_and_never_an_operating_point() -> None:
    run = only("mlperf.json")  # the row in samples per second is passed over
    assert (run.deployment.gpus, run.steps[0].output_tps, run.family) == (8, 59668.3, "published_table")
    assert measurements_from_run(run) == []
    assert any("not an official MLPerf metric" in flag for flag in run.flags)


def test_the_csv_that_we_write_is_read_back() -> None:
    run = only("nine_shape.csv")
    assert [(step.isl, step.osl) for step in run.steps] == [(128, 2048), (5000, 500)]
    assert run.steps[0].ttft.p50 == pytest.approx(0.0523)
    assert [step.valid for step in run.steps] == [True, False]
    assert len(measurements_from_run(run.model_copy(update={"deployment": STATED}))) == 1


def test_the_csv_keeps_the_configuration(tmp_path: Path) -> None:
    """Without it a run of TP4 with speculation came back as one of TP8 without."""
    where = STATED.model_copy(update={"tp": 4, "ep": 4, "dp_attention": True, "spec_method": "mtp"})
    (file := tmp_path / "run.csv").write_text(run_csv(only("nine_shape.csv").model_copy(update={"deployment": where})))
    assert read_runs(file)[0].deployment == where


def test_the_same_file_twice_is_one_run_and_what_the_user_states_stands() -> None:
    first, again = only("vllm.json"), only("vllm.json")
    assert first.id == again.id
    stated = read_runs(SAMPLES / "vllm.json", stated=STATED)[0]
    assert stated.deployment == STATED.model_copy(update={"tp": 8})


@pytest.mark.parametrize("name", [p.name for p in SAMPLES.iterdir() if p.suffix != ".md"])
def test_each_kind_is_recognised_and_no_other_takes_it(name: str, tmp_path: Path) -> None:
    auto = read_runs(SAMPLES / name)
    taken = []
    for kind in KINDS[1:]:
        try:
            found = read_runs(SAMPLES / name, kind=kind)
        except EvidenceError:
            continue
        assert [run.id for run in found] == [run.id for run in auto]
        taken.append(kind)
    assert len(taken) == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "is empty"), ("{}", "of no known kind"), ("[1, 2", "neither JSON"), ("nonsense", "neither JSON"),
        ('{"mean_ttft_ms": 1, "total_input_tokens": 1, "total_token_throughput": 1}', "completed is missing"),
        ("[" * 100_000, "nested too deeply"), ('{"schema_version": 99, "steps": [], "tool": "x"}', "newer version"),
        ('{"schema_version": 1, "steps": [{"index": -1}], "tool": "x"}', "Field required"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_one_sentence(content: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text(content)
    with pytest.raises(EvidenceError, match=reason) as caught:
        read_runs(path)
    assert "result.json" in str(caught.value)


def test_missing_binary_and_huge_files(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="No such file"):
        read_runs(tmp_path / "none.json")
    (tmp_path / "b.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(EvidenceError, match="not a text file"):
        read_runs(tmp_path / "b.json")


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_damaged_results_never_crash(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Any field of any sample replaced by anything: a run, or one sentence."""
    name = data.draw(st.sampled_from(JSON_SAMPLES))
    document = json.loads((SAMPLES / name).read_text())
    node = document
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = data.draw(st.sampled_from(keys))
        inner = node[key]
        if isinstance(inner, dict | list) and inner and data.draw(st.booleans()):
            node = inner
            continue
        node[key] = data.draw(st.sampled_from([None, "x", -1, [], {}, True, 1e308, "\x1b[2J", [[]], {"avg": None}, 0]))
        break
    path = tmp_path_factory.mktemp("damaged") / name
    path.write_text(json.dumps(document))
    try:
        runs = read_runs(path, stated=STATED)
    except EvidenceError:
        return
    for run in runs:
        measurements_from_run(run)
        Run.model_validate_json(run.model_dump_json())
