"""Each adapter on a sample in its source's own layout: what is taken, what is refused, what is left aside."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest
from source_server import archive, sample

from advisor.catalog import load_catalog
from advisor.refresh.decode import SourceError
from advisor.refresh.offers import Facts, Offer, facts_of, grouped
from advisor.refresh.sources import azure, gpuhunt, inferencex, mlperf, skypilot, vultr
from advisor.refresh.sources.gpuhunt import version_day

TODAY = date(2026, 11, 21)


@pytest.fixture(scope="module")
def facts() -> Facts:
    return facts_of(load_catalog(), TODAY)


def found(offers: list[Offer]) -> set[tuple[str, str, str, str, float, int, str]]:
    return {(o.provider, o.accelerator, o.variant, o.commitment, o.usd_per_gpu_hour, o.gpus, o.country) for o in offers}


def test_skypilot_prices_are_per_instance_and_become_prices_per_gpu(facts: Facts) -> None:
    parsed = skypilot.parse(sample("skypilot/lambda.csv"), facts, cloud="lambda")
    assert found(parsed.offers) == {
        ("lambda", "b200", "", "on_demand", 6.99, 1, "US"),
        ("lambda", "b200", "", "on_demand", 6.69, 8, "US"),
        ("lambda", "b200", "", "on_demand", 6.69, 8, ""),
    }
    assert parsed.ignored == 2
    assert not parsed.refused
    assert all("date_inferred" in o.flags for o in parsed.offers)


def test_skypilot_spot_stands_apart_and_a_site_code_names_its_country(facts: Facts) -> None:
    parsed = skypilot.parse(sample("skypilot/verda.csv"), facts, cloud="verda")
    assert found(parsed.offers) == {
        ("verda", "b300", "", "on_demand", 6.99, 1, "FI"),
        ("verda", "b300", "", "spot", 2.447, 1, "FI"),
        ("verda", "b300", "", "spot", 2.4465, 2, "FI"),
        ("verda", "b200", "", "on_demand", 4.89, 1, "FI"),
        ("verda", "b200", "", "spot", 1.712, 1, "FI"),
    }


def test_skypilot_forms_are_told_apart_and_a_repeated_price_is_no_spot_price(facts: Facts) -> None:
    parsed = skypilot.parse(sample("skypilot/runpod.csv"), facts, cloud="runpod")
    assert found(parsed.offers) == {
        ("runpod", "h100", "sxm", "on_demand", 2.99, 1, "US"),
        ("runpod", "h100", "nvl", "on_demand", 2.59, 1, "US"),
        ("runpod", "h100", "pcie", "on_demand", 2.39, 1, "CA"),
        ("runpod", "mi300x", "", "on_demand", 1.99, 8, "RO"),
    }


def test_a_broker_is_the_channel_of_a_seller_that_is_known_and_else_the_seller(facts: Facts) -> None:
    parsed = skypilot.parse(sample("skypilot/primeintellect.csv"), facts, cloud="primeintellect")
    assert {(o.provider, o.channel, o.commitment, o.usd_per_gpu_hour) for o in parsed.offers} == {
        ("verda", "primeintellect", "on_demand", 2.0),
        ("verda", "primeintellect", "spot", 0.94),
        ("primeintellect", "", "on_demand", 2.99),
    }
    assert all("reseller" in o.flags for o in parsed.offers)


def test_added_and_moved_columns_do_not_matter(facts: Facts) -> None:
    lines = sample("skypilot/lambda.csv").decode().splitlines()
    wider = "\n".join(f"{'Extra' if n == 0 else 'x'},{line}" for n, line in enumerate(lines)).encode()
    plain = skypilot.parse("\n".join(lines).encode(), facts, cloud="lambda")
    assert skypilot.parse(wider, facts, cloud="lambda").offers == plain.offers


def test_a_missing_column_is_named_with_what_is_there(facts: Facts) -> None:
    body = sample("skypilot/lambda.csv").replace(b",Price,", b",Prise,")
    with pytest.raises(SourceError, match='no column "Price"; did you mean "Prise"'):
        skypilot.parse(body, facts, cloud="lambda")
    with pytest.raises(SourceError, match="its columns are <html>"):
        skypilot.parse(b"<html>\n", facts, cloud="lambda")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b",53.52,us-east", b",-53.52,us-east", "outside USD 0.01 to 1,000"),
        (b",53.52,us-east", b",nan,us-east", "no price"),
        (b",53.52,us-east", b",1e9,us-east", "outside USD"),
        (b"B200,8.0,208.0,2900.0,53.52,us-east", b"B200,0,208.0,2900.0,53.52,us-east", "no number of GPUs"),
        (b"B200,8.0,208.0,2900.0,53.52,us-east", b"B200,2.5,208.0,2900.0,53.52,us-east", "no number of GPUs"),
    ],
)
def test_a_row_that_cannot_be_a_price_is_refused_with_its_reason(
    facts: Facts, old: bytes, new: bytes, reason: str
) -> None:
    body = sample("skypilot/lambda.csv")
    assert old in body
    parsed = skypilot.parse(body.replace(old, new), facts, cloud="lambda")
    assert [(reason in text, n) for text, n in parsed.refused.items()] == [(True, 1)]
    assert len(parsed.offers) == 3


def test_text_of_a_source_reaches_no_terminal_and_no_spreadsheet_as_a_command(facts: Facts) -> None:
    body = sample("skypilot/lambda.csv").replace(b"gpu_1x_b200_sxm6", b"=HYPERLINK(\x1b[31m1)")
    names = {o.instance_type for o in skypilot.parse(body, facts, cloud="lambda").offers}
    assert "HYPERLINK([31m1)" in names


def test_gpuhunt_prices_come_from_a_zip_that_a_version_names(facts: Facts) -> None:
    assert gpuhunt.follow(b"20261118-77\n", provider="nebius") == "nebius/20261118-77/catalog.zip"
    assert version_day("https://x/nebius/20261118-77/catalog.zip") == date(2026, 11, 18)
    parsed = gpuhunt.parse(archive("nebius.csv", sample("gpuhunt/nebius.csv")), facts, provider="nebius")
    assert found(parsed.offers) == {
        ("nebius", "b200", "", "on_demand", 5.5, 8, "US"),
        ("nebius", "h200", "sxm", "on_demand", 3.5, 8, ""),
        ("nebius", "h200", "sxm", "spot", 2.0, 8, ""),
    }
    assert dict(parsed.refused) == {"spot is neither true nor false": 1}


@pytest.mark.parametrize("version", [b"", b"../../../etc/passwd", b"latest", b"20261118-77/../x"])
def test_a_version_that_is_none_leads_nowhere(version: bytes) -> None:
    with pytest.raises(SourceError, match="no version like"):
        gpuhunt.follow(version, provider="nebius")


def test_an_archive_that_is_damaged_or_lacks_its_file_is_refused(facts: Facts) -> None:
    whole = archive("nebius.csv", sample("gpuhunt/nebius.csv"))
    with pytest.raises(SourceError, match=r"holds no aws\.csv"):
        gpuhunt.parse(whole, facts, provider="aws")
    for damaged in (b"PK", whole[:60], whole[: len(whole) // 2] + b"\0" * (len(whole) // 2)):
        with pytest.raises(SourceError, match="archive"):
            gpuhunt.parse(damaged, facts, provider="nebius")


def test_azure_prices_reservations_over_their_term_and_leaves_windows_aside(facts: Facts) -> None:
    first, second = (azure.parse(sample(f"azure/{name}.json"), facts) for name in ("h100", "h100_page2"))
    assert found(first.offers) == {
        ("azure", "h100", "", "on_demand", 12.29, 8, "US"),
        ("azure", "h100", "", "spot", 6.145, 8, "SE"),
    }
    assert first.ignored == 1
    # 560,640 USD for a year of 8 GPUs is 8 USD per GPU-hour
    assert found(second.offers) == {
        ("azure", "h100", "", "reserved_1y", 8.0, 8, "US"),
        ("azure", "h100", "nvl", "on_demand", 6.98, 1, "US"),
    }
    assert [("Standard_XX1_H100_v9" in reason, n) for reason, n in second.refused.items()] == [(True, 1)]


def test_azure_refuses_another_currency(facts: Facts) -> None:
    body = sample("azure/h100.json").replace(b'"currencyCode": "USD"', b'"currencyCode": "EUR"')
    parsed = azure.parse(body, facts)
    assert not parsed.offers
    assert parsed.refused["not in USD"] == 2


def test_azure_prices_of_another_unit_and_of_a_later_day_are_left_out(facts: Facts) -> None:
    body = sample("azure/h100.json")
    monthly = azure.parse(body.replace(b"1 Hour", b"1/Month"), facts)
    assert dict(monthly.refused) == {"the unit is 1/Month, not 1 Hour": 2}
    tomorrow = (facts.today + timedelta(days=1)).isoformat().encode()
    later = azure.parse(body.replace(b"2026-01-01T", tomorrow + b"T"), facts)
    assert (later.offers, later.ignored) == ([], 3)


def test_a_list_that_begins_to_state_another_currency_is_refused(facts: Facts) -> None:
    """Added columns do not matter, unless they say that the price is no longer in USD."""
    lines = sample("skypilot/lambda.csv").decode().splitlines()

    def stated(currency: str) -> skypilot.Parsed:
        rows = (f"{'Currency' if n == 0 else currency},{line}\n" for n, line in enumerate(lines))
        return skypilot.parse("".join(rows).encode(), facts, cloud="lambda")

    plain = skypilot.parse(sample("skypilot/lambda.csv"), facts, cloud="lambda")
    assert stated("USD").offers == stated("").offers == plain.offers
    assert stated("EUR").offers == []
    assert stated("EUR").refused["not in USD"] > 0
    body = sample("vultr/plans-metal.json").replace(b'"hourly_cost"', b'"currency": "eur", "hourly_cost"')
    assert vultr.parse(body, facts, key="plans_metal").offers == []


def test_vultr_machines_shares_of_a_gpu_and_what_cannot_be_ordered(facts: Facts) -> None:
    metal = vultr.parse(sample("vultr/plans-metal.json"), facts, key="plans_metal")
    assert {(o.accelerator, o.commitment, o.usd_per_gpu_hour, "not_orderable" in o.flags) for o in metal.offers} == {
        ("mi300x", "on_demand", 2.19, False), ("mi300x", "spot", 1.84, False),
        ("mi325x", "on_demand", 4.6, True), ("mi325x", "spot", 2.0, False),
    }  # fmt: skip
    cloud = vultr.parse(sample("vultr/plans.json"), facts, key="plans")
    assert found(cloud.offers) == {("vultr", "b200", "", "on_demand", 3.0, 8, "")}
    assert cloud.ignored == 2


def test_inferencex_counts_gpus_of_the_tensor_parallel_group_not_tp_times_ep(facts: Facts) -> None:
    parsed = inferencex.parse(sample("inferencex/dsr1.json"), facts)
    rows = {(r["accelerator"], r["concurrency"]): r for r in parsed.measurements}
    assert rows["mi355x", 64]["gpus"] == rows["mi355x", 128]["gpus"] == 8
    assert rows["mi355x", 128]["ep"] == 8
    assert rows["mi355x", 64]["flags"] == []
    # 256 x 0.9 x 2048 / 30 / 9999 is 1.6 GPUs, not 8
    assert rows["mi355x", 256]["flags"] == ["implied_gpus_off"]
    assert dict(parsed.refused) == {"no throughput or no TPOT": 1}
    assert parsed.ignored == 3


def test_inferencex_rates_of_a_role_become_rates_over_all_gpus(facts: Facts) -> None:
    row = next(r for r in inferencex.parse(sample("inferencex/dsr1.json"), facts).measurements if r["disagg"])
    assert (row["gpus"], row["prefill_gpus"], row["decode_gpus"]) == (16, 8, 8)
    # 3,000 output tokens/s per decode GPU over half of the GPUs
    assert (row["total_tps_per_gpu"], row["output_tps_per_gpu"]) == (3000.0, 1500.0)


def test_inferencex_workers_tell_a_total_that_is_not_stated(facts: Facts) -> None:
    """Two decode workers of TP 8 beside 8 prefill GPUs: 24, of which 16 decode."""
    stated = next(r for r in json.loads(sample("inferencex/dsr1.json")) if r["disagg"] and r["isl"])
    sides = {"prefill_num_workers": 1, "prefill_tp": 8, "prefill_ep": 1, "decode_tp": 8, "decode_ep": 1}
    open_row = stated | sides | {"num_prefill_gpu": 8, "num_decode_gpu": None}

    def parsed(**changes: object) -> inferencex.Parsed:
        return inferencex.parse(json.dumps([open_row | changes]).encode(), facts)

    (row,) = parsed(decode_num_workers=2).measurements
    assert (row["gpus"], row["decode_gpus"]) == (24, 16)
    assert "gpus_from_workers" in row["flags"]
    assert row["output_tps_per_gpu"] == pytest.approx(3000.0 * 16 / 24)
    for nonsense in (None, 0, -1, 10**9, "two"):
        assert dict(parsed(decode_num_workers=nonsense).refused) == {"no number of GPUs": 1}


def test_inferencex_rows_that_cannot_be_are_refused(facts: Facts) -> None:
    """Milliseconds where seconds were, and a run of next year, which would date the software."""
    row = next(r for r in json.loads(sample("inferencex/dsr1.json")) if r["isl"] and not r["disagg"])
    assert len(inferencex.parse(json.dumps([row]).encode(), facts).measurements) == 1
    ms = {k: v * 1000 if k.split("_")[-1] in ("ttft", "tpot", "itl", "e2el") else v for k, v in row["metrics"].items()}
    for changed, reason in (
        ({"metrics": ms}, "rates and latencies that contradict one another; their units may have changed"),
        ({"date": (facts.today + timedelta(days=2)).isoformat()}, "a date in the future"),
    ):
        parsed = inferencex.parse(json.dumps([row | changed]).encode(), facts)
        assert (parsed.measurements, dict(parsed.refused)) == ([], {reason: 1})


def test_inferencex_says_when_the_answer_is_another(facts: Facts) -> None:
    with pytest.raises(SourceError, match="Unknown model"):
        inferencex.parse(b'{"error": "Unknown model"}', facts)
    with pytest.raises(SourceError, match="rows lack hardware"):
        inferencex.parse(b'[{"gpu": "b200"}]', facts)
    with pytest.raises(SourceError, match="not JSON"):
        inferencex.parse(b'[{"hardware": NaN}]', facts)
    with pytest.raises(SourceError, match="nested too deeply"):
        inferencex.parse(b"[" * 100_000, facts)


def test_mlperf_numbered_entries(facts: Facts) -> None:
    parsed = mlperf.parse(sample("mlperf/summary.json"), facts)
    assert [(r["entry"], r["scenario"], r["per_accelerator"], r["precision"]) for r in parsed.mlperf] == [
        ("v6.1-summary[10]", "Server", 12500.0, "fp4"),
        ("v6.1-summary[11]", "Offline", 13000.0, "fp4"),
    ]
    assert parsed.mlperf[0]["model_id"] == "llama2-70b"
    assert parsed.ignored == 3
    assert sum(parsed.refused.values()) == 2


def test_mlperf_listed_entries_and_machines_of_several_nodes(facts: Facts) -> None:
    parsed = mlperf.parse(sample("mlperf/summary_results.json"), facts)
    assert [(r["entry"], r["accelerator"], r["per_accelerator"], r["flags"]) for r in parsed.mlperf] == [
        ("v6.0-0001", "h200", 5000.0, []),
        ("v6.0-0001", "h200", 3750.0, ["other_form"]),
    ]
    assert list(parsed.refused) == ["the accelerators of several nodes are not counted plainly"]


def test_an_mlperf_result_that_the_catalog_holds_gets_its_id(facts: Facts) -> None:
    held = next(r for r in load_catalog().mlperf if r.round == "v6.1" and r.accelerator == "mi355x")
    document = json.loads(sample("mlperf/summary.json"))
    entry = document["10"] | {
        "Model": held.model, "Scenario": held.scenario, "Result": held.result, "Division": held.division,
        "accelerator_model_name": held.accelerator_name, "total_accelerators": held.accelerators,
    }  # fmt: skip
    key = held.entry.partition("[")[2].rstrip("]")
    again = mlperf.parse(json.dumps({key: entry}).encode(), facts).mlperf
    assert [r["id"] for r in again] == [held.id]


def test_offers_that_differ_by_place_only_are_one_row(facts: Facts) -> None:
    parsed = skypilot.parse(sample("skypilot/lambda.csv"), facts, cloud="lambda")
    assert sorted((o.gpus, countries, regions) for o, countries, regions in grouped(parsed.offers)) == [
        (1, ("US",), 2), (8, (), 1), (8, ("US",), 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("region", "country"),
    [
        ("us-east-1", "US"), ("eastus2", "US"), ("westus", "US"), ("northcentralus", "US"), ("US", "US"),
        ("swedencentral", "SE"), ("francesouth", "FR"), ("FIN-03", "FI"), ("CA", "CA"), ("australiaeast", "AU"),
        ("southafricanorth", "ZA"), ("eu-north1", ""), ("westeurope", ""), ("europe-central-1", ""), ("", ""),
        ("IN", "IN"), ("in", ""), ("centralindia", "IN"), ("koreacentral", ""), ("EU-RO-1", ""),
    ],
)  # fmt: skip
def test_a_region_names_its_country_only_where_it_says_so(facts: Facts, region: str, country: str) -> None:
    assert facts.country(region) == country


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("H100", ("h100", "")), ("H100-MEGA", ("h100", "")), ("H100NVL", ("h100", "nvl")),
        ("H100-NVLINK", ("h100", "")), ("NVIDIA_B200", ("b200", "")), ("AMD_MI300X", ("mi300x", "")),
        ("GB200", ("gb200", "")), ("GH200", None), ("B2000", None), ("A100-80GB", None),
        ("H200SXM5", ("h200", "sxm")), ("MI300XA", None), ("L40S", None), ("", None),
        ("AMD Instinct MI355X", ("mi355x", "")), ("RTXPRO6000", None), ("H200-SXM", ("h200", "sxm")),
        ("H100-MIG-3g.40gb", None), ("H200 4g.71gb", None), ("B200_MIG", None),
    ],
)  # fmt: skip
def test_spellings_of_parts(facts: Facts, name: str, part: tuple[str, str] | None) -> None:
    assert facts.part(name) == part


def test_a_source_may_have_more_than_this_program_lists() -> None:
    from advisor.refresh.sources import SOURCES

    assert SOURCES["inferencex"].item("dsr1") == SOURCES["inferencex"].items[0]
    paths = {
        name: item.path
        for source, name in (("inferencex", "MiniMax-M3"), ("mlperf", "v7.0"), ("skypilot", "do"), ("gpuhunt", "vultr"))
        if (item := SOURCES[source].item(name))
    }
    assert paths == {
        "MiniMax-M3": "benchmarks?model=MiniMax-M3", "v7.0": "inference_results_v7.0/main/summary.json",
        "do": "catalogs/v8/do/vms.csv", "vultr": "vultr/version",
    }  # fmt: skip
    for name in ("", "../x", "a/b", "a b", "x" * 61, ".hidden", "a?b"):
        assert SOURCES["skypilot"].item(name) is None
    assert SOURCES["vultr"].item("other") is None
