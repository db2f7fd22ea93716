"""`advisor refresh` from end to end against a local server that plays all sources, with faults."""

from __future__ import annotations

import csv
import json
import multiprocessing
import os
import threading
from datetime import date
from pathlib import Path

import pytest
from source_server import SAMPLES, VERSION, SourceServer, archive, sample

from advisor.catalog import load_catalog
from advisor.catalog.check import check_catalog
from advisor.catalog.resources import cache_dir, user_overlay_dirs
from advisor.cli.main import main
from advisor.refresh.sources import SOURCES

SKY = "/sky/catalogs/v8/lambda/vms.csv"


def refresh(server: SourceServer, *arguments: str, network: str = "", **items: str) -> int:
    server.config(Path(os.environ["ADVISOR_CONFIG_DIR"]), network, **items)
    return main(["refresh", "--no-calibrate", *arguments])


def overlay() -> dict[str, bytes]:
    root = (cache_dir() / "refreshed").resolve()
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def rows(name: str) -> list[dict[str, str]]:
    with (cache_dir() / "refreshed" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_all_sources_become_an_overlay_that_the_catalog_accepts(
    server: SourceServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refresh(server) == 0
    said = capsys.readouterr().out
    assert "skypilot/lambda          updated: 0 -> 3 rows" in said
    assert "gpuhunt/nebius           updated: 0 -> 3 rows of 2026-11-18" in said
    assert "8 updated; written to" in said
    catalog = load_catalog(user_overlay_dirs())
    bundled = load_catalog()
    assert [f for f in check_catalog(catalog).faults if "refresh" in f] == []
    assert len(catalog.rent_prices) == len(bundled.rent_prices) + 20
    assert len(catalog.measurements) == len(bundled.measurements) + 4
    assert catalog.sources["refresh-inferencex-dsr1"].attribution == "Data from InferenceX by SemiAnalysis"
    price = next(
        p
        for p in sorted(catalog.rent_prices, key=lambda p: -p.usd_per_gpu_hour)
        if p.provenance.source_id == "refresh-skypilot-lambda"
    )
    assert (price.provider, price.accelerator, price.usd_per_gpu_hour) == ("lambda", "b200", 6.99)
    assert price.countries == ("US",)
    assert catalog.sources[price.provenance.source_id].reference.startswith("SkyPilot catalog: http://127.0.0.1")


def test_a_refreshed_price_supersedes_what_the_list_said_before(server: SourceServer) -> None:
    assert refresh(server, "prices", "--source", "skypilot") == 0
    today = date.today()
    market = load_catalog(user_overlay_dirs()).rent_market("b200", "neocloud", "on_demand", today)
    assert dict(market.sellers)["lambda"] == 6.69
    assert "refresh-skypilot-lambda" in market.source_ids


def test_nothing_is_written_on_a_dry_run(server: SourceServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert refresh(server, "--dry-run") == 0
    assert "8 updated; nothing was written (dry run)" in capsys.readouterr().out
    assert not (cache_dir() / "refreshed").exists()


def test_the_second_time_unchanged_files_are_not_sent(server: SourceServer, capsys: pytest.CaptureFixture[str]) -> None:
    refresh(server)
    before = overlay()
    capsys.readouterr()
    assert refresh(server) == 0
    said = capsys.readouterr().out
    assert "skypilot/lambda          unchanged: 3 rows" in said
    assert "1 updated, 7 unchanged" in said  # Azure answers in pages, which are always asked for
    assert server.asked[f"/hunt/nebius/{VERSION}/catalog.zip"] == 1
    assert overlay() == before


def test_a_price_that_moved_is_reported_and_the_history_grows(
    server: SourceServer, capsys: pytest.CaptureFixture[str]
) -> None:
    refresh(server, "prices")
    history = rows("prices/history.csv")
    later = archive("nebius.csv", sample("gpuhunt/nebius.csv").replace(b",44.0,", b",40.0,"))
    server.files["/hunt/nebius/version"] = b"20261120-79"
    server.files["/hunt/nebius/20261120-79/catalog.zip"] = later
    capsys.readouterr()
    assert refresh(server, "prices", "--source", "gpuhunt") == 0
    said = capsys.readouterr().out
    assert "nebius b200 on_demand gpu-b200-sxm 8gpu-160vcpu-1792gb: USD 5.50 -> 5.00 (-9 %)" in said
    assert "0 new, 0 gone, 0 up, 1 down; 3 points added" in said
    series = [r for r in rows("prices/history.csv") if r["series"] == "nebius on-demand (gpuhunt)"]
    points = sorted((r["date"], r["usd_per_gpu_hour"]) for r in series if r["accelerator"] == "b200")
    assert points == [("2026-11-18", "5.5"), ("2026-11-20", "5")]
    assert len(rows("prices/history.csv")) == len(history) + 3
    now = [r for r in rows("prices/rent.csv") if r["provider"] == "nebius" and r["accelerator"] == "b200"]
    assert [r["usd_per_gpu_hour"] for r in now] == ["5"]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("500", "answers 500"),
        ("truncated gzip", "gzip stream that breaks off"),
        ("columns", 'no column "Price"'),
        ("html", 'no column "InstanceType"'),
        ("huge", "the limit is 1 MiB"),
        ("drip", "is too slow"),
        ("bomb", "MiB once unpacked"),
        ("redirect https://example.org/x", "redirects to another host"),
    ],
)
def test_a_fault_leaves_the_old_data_and_says_so(
    server: SourceServer, capsys: pytest.CaptureFixture[str], fault: str, reason: str
) -> None:
    refresh(server, "prices", "--source", "skypilot")
    before = overlay()
    capsys.readouterr()
    for cloud in ("lambda", "verda"):
        server.faults[f"/sky/catalogs/v8/{cloud}/vms.csv"] = fault
    limits = "max_mib = 1\nmax_decoded_mib = 2\n" + ("total_s = 0.2\n" if fault == "drip" else "")
    assert refresh(server, "prices", "--source", "skypilot", network=limits) == 2
    out, err = capsys.readouterr()
    assert "skypilot                 FAILED" in out
    assert "2 files, their 8 rows stay" in out
    assert reason in out
    assert "no source could be read" in err
    assert "the data at hand stay in use" in err
    assert "Traceback" not in err
    assert overlay() == before


def test_one_file_of_several_fails_and_the_rest_is_taken(
    server: SourceServer, capsys: pytest.CaptureFixture[str]
) -> None:
    refresh(server, "prices", "--source", "skypilot")
    server.faults[SKY] = "500"
    server.files["/sky/catalogs/v8/verda/vms.csv"] = sample("skypilot/verda.csv").replace(b",4.89,", b",4.99,")
    capsys.readouterr()
    assert refresh(server, "prices", "--source", "skypilot") == 2
    out, err = capsys.readouterr()
    assert "skypilot/lambda          FAILED" in out
    assert "verda b200 on_demand 1B200.30V: USD 4.89 -> 4.99 (+2 %)" in out
    assert "1 of 2 files could not be refreshed; their old data stay in use" in err
    prices = {
        r["instance_type"]: r["usd_per_gpu_hour"] for r in rows("prices/rent.csv") if r["commitment"] == "on_demand"
    }
    assert prices["1B200.30V"] == "4.99"
    assert prices["gpu_1x_b200_sxm6"] == "6.99"


def test_a_server_that_lets_wait_is_not_waited_for_at_every_file(
    server: SourceServer, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [f"/sky/catalogs/v8/{cloud}/vms.csv" for cloud in ("lambda", "verda", "runpod", "primeintellect")]
    server.faults |= dict.fromkeys((paths[0], paths[2], paths[3]), "silent")
    clouds = '"lambda", "verda", "runpod", "primeintellect"'
    arguments = {"network": "read_s = 0.3", "skypilot": clouds}
    assert refresh(server, "prices", "--source", "skypilot", **arguments) == 2
    assert [server.asked[path] for path in paths] == [2, 1, 2, 2]  # a good file between: the count begins anew
    server.faults[paths[1]] = "silent"
    capsys.readouterr()
    assert refresh(server, "prices", "--source", "skypilot", **arguments) == 2
    assert [server.asked[path] for path in paths] == [4, 3, 2, 2]
    assert "silent for 0.3 s (2 tries); 4 files" in capsys.readouterr().out


def test_a_layout_that_changed_in_most_rows_is_refused_as_a_whole(
    server: SourceServer, capsys: pytest.CaptureFixture[str]
) -> None:
    refresh(server, "prices", "--source", "skypilot")
    before = overlay()
    server.files[SKY] = sample("skypilot/lambda.csv").replace(b",53.52,", b",USD 53.52,")
    capsys.readouterr()
    server.files[SKY] = server.files[SKY].replace(b",6.99,us-east", b",USD 6.99,us-east")
    assert refresh(server, "prices", "--source", "skypilot", skypilot='"lambda"') == 2
    assert "3 of 4 rows cannot be used; its layout may have changed" in capsys.readouterr().out
    assert overlay() == before


def test_a_list_that_lost_all_its_rows_is_not_believed(
    server: SourceServer, capsys: pytest.CaptureFixture[str]
) -> None:
    refresh(server, "prices", "--source", "skypilot")
    before = overlay()
    server.files[SKY] = sample("skypilot/lambda.csv").partition(b"\n")[0] + b"\n"
    capsys.readouterr()
    assert refresh(server, "prices", "--source", "skypilot", skypilot='"lambda"') == 2
    assert "lists none of the catalog's accelerators any more" in capsys.readouterr().out
    assert overlay() == before


def test_an_outlier_is_kept_and_shown_and_only_used_once_confirmed(
    server: SourceServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.files[SKY] = sample("skypilot/lambda.csv").replace(b",53.52,", b",5.352,").replace(b",6.99,", b",0.699,")
    assert refresh(server, "prices", "--source", "skypilot", skypilot='"lambda"') == 0
    said = capsys.readouterr().out
    assert "3 prices kept but not used: under half or over double the median" in said
    today = date.today()
    bundled = load_catalog().rent_market("b200", "neocloud", "on_demand", today)
    market = load_catalog(user_overlay_dirs()).rent_market("b200", "neocloud", "on_demand", today)
    assert market.sellers == bundled.sellers
    flagged = [r for r in rows("prices/rent.csv") if "outlier" in r["flags"]]
    assert len(flagged) == 3
    assert set(dict(market.left_out)) >= {r["id"] for r in flagged}
    assert not (cache_dir() / "refreshed/prices/history.csv").exists()

    wanted = next(r["id"] for r in flagged if r["gpus_per_instance"] == "1")
    assert main(["refresh", "--confirm", wanted]) == 0
    market = load_catalog(user_overlay_dirs()).rent_market("b200", "neocloud", "on_demand", today)
    assert dict(market.sellers)["lambda"] == 0.699
    assert refresh(server, "prices", "--source", "skypilot", skypilot='"lambda"') == 0
    assert [r["id"] for r in rows("prices/rent.csv") if "confirmed" in r["flags"]] == [wanted]


def test_a_price_that_is_not_there_cannot_be_confirmed(
    server: SourceServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["refresh", "--confirm", "rf-0000000000"]) == 2
    assert "no refreshed price has that id" in capsys.readouterr().err


def test_offline_says_so(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    asked: list[object] = []

    def offline(host: object, *args: object, **more: object) -> object:
        asked.append(host)
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", offline)
    assert main(["refresh"]) == 2
    out, err = capsys.readouterr()
    assert out.count("FAILED") == len(SOURCES)
    assert "is this machine offline?" in err
    assert "the data at hand stay in use" in err
    assert len(asked) == len(set(asked))  # each host once
    assert not (cache_dir() / "refreshed").exists()


def test_a_file_at_hand_is_read_without_a_network(capsys: pytest.CaptureFixture[str]) -> None:
    summary = SAMPLES / "mlperf" / "summary.json"
    assert main(["refresh", "evidence", "--source", "mlperf", "--file", str(summary), "--no-calibrate"]) == 0
    assert "mlperf/v6.1              updated: 0 -> 2 rows" in capsys.readouterr().out
    assert main(["refresh", "prices", "--source", "skypilot", "--file", str(SAMPLES / "skypilot/verda.csv")]) == 2
    assert "--item: name the part of skypilot" in capsys.readouterr().err
    verda = ["--source", "skypilot", "--item", "verda", "--file", str(SAMPLES / "skypilot/verda.csv")]
    assert main(["refresh", "prices", *verda]) == 0
    assert {r["provider"] for r in rows("prices/rent.csv")} == {"verda"}
    assert main(["refresh", "--source", "mlperf", "--file", str(SAMPLES / "README.md")]) == 2
    assert "not JSON" in capsys.readouterr().err


def test_a_file_is_not_taken_for_another_part_of_its_source(capsys: pytest.CaptureFixture[str]) -> None:
    """Prices of H100 had been kept as those of the last part, and the next refresh of that one would have lost them."""
    h100 = ["--source", "azure", "--file", str(SAMPLES / "azure/h100.json")]
    assert main(["refresh", "prices", *h100]) == 2
    assert "--item: name the part of azure" in capsys.readouterr().err
    assert main(["refresh", "prices", *h100, "--item", "h100"]) == 0
    assert {r["source"] for r in rows("prices/rent.csv")} == {"refresh-azure-h100"}


def test_a_file_is_read_up_to_the_limit_of_a_transfer(
    tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.mkdir(parents=True, exist_ok=True)
    (config / "refresh.toml").write_text("[network]\nmax_decoded_mib = 1\n")
    large = tmp_path / "large.json"
    large.write_bytes(b" " * (2**20 + 1))
    assert main(["refresh", "--source", "mlperf", "--file", str(large)]) == 2
    assert f"--file {large}: holds more than 1 MiB" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--source", "skypilt"], 'no source is called "skypilt"; did you mean "skypilot"?'),
        (["prices", "--source", "mlperf"], 'the source "mlperf" holds evidence, not prices'),
        (["--file", "x.json"], "--file needs one --source"),
        (["--config", "absent.toml"], "absent.toml: cannot be read"),
        (["--confirm", "rf-0123456789", "--dry-run"], "--confirm takes no --dry-run: it asks no source and writes at"),
        (["--confirm", "rf-0123456789", "--source", "azure"], "--confirm takes no --source"),
        (["--source", "mlperf", "--item", "v6.1"], "--item goes with --file"),
    ],
)
def test_wrong_arguments(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    assert main(["refresh", *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[network]\nread_s = 0\n", "network.read_s"),
        ("[sources.skypilt]\nenabled = false\n", 'sources.skypilt: no source of that name; did you mean "skypilot"?'),
        ("[sources.azure]\nurl = 1\n", "sources.azure.url"),
        ("[sources.azure]\nitems = ['a100']\n", "there is no a100"),
        ("[sources.azure]\nitems = ['../../x']\n", "there is no ../../x"),
        ("[sources", "is not TOML"),
    ],
)
def test_wrong_settings_are_named(capsys: pytest.CaptureFixture[str], config: Path, content: str, message: str) -> None:
    config.mkdir(parents=True, exist_ok=True)
    (config / "refresh.toml").write_text(content)
    assert main(["refresh", "prices", "--source", "azure"]) == 2
    err = capsys.readouterr().err
    assert "refresh.toml" in err
    assert message in err


@pytest.mark.parametrize("base", ["https://[", "https://exa\u2100mple.com", "https://a..b", "https://"])
def test_a_mirror_whose_address_is_none_fails_by_name(
    capsys: pytest.CaptureFixture[str], config: Path, base: str
) -> None:
    config.mkdir(parents=True, exist_ok=True)
    (config / "refresh.toml").write_text(f'[sources.azure]\nbase = "{base}"\n', encoding="utf-8")
    assert main(["refresh", "prices", "--source", "azure"]) == 2
    out, err = capsys.readouterr()
    assert "azure" in out
    assert "9 files, nothing was there before" in out
    assert err.startswith("advisor: error: no source could be read: ")


def test_a_link_to_a_next_page_that_is_no_address_fails_by_name(
    server: SourceServer, capsys: pytest.CaptureFixture[str]
) -> None:
    page = "/azure/prices?api-version"
    server.files[page] = server.files[page].replace(f"{server.url}/azure/prices?page=2".encode(), b"https://[")
    assert refresh(server, "prices", "--source", "azure") == 2
    assert 'leads to "https://[", which is no address' in capsys.readouterr().out


def test_a_mirror_in_a_private_network_must_be_named_as_such(
    server: SourceServer, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = server.config(config)
    file.write_text(file.read_text().replace("allow_private = true\n", "").replace("http://", "https://"))
    assert main(["refresh", "prices", "--source", "skypilot"]) == 2
    assert "set allow_private = true" in capsys.readouterr().err
    assert not server.asked


def test_a_damaged_overlay_is_named_and_not_built_upon(
    server: SourceServer, capsys: pytest.CaptureFixture[str]
) -> None:
    refresh(server, "prices", "--source", "skypilot")
    (cache_dir() / "refreshed/prices/rent.csv").write_text("id,nonsense\n")
    assert refresh(server, "prices", "--source", "skypilot") == 2
    assert "remove" in capsys.readouterr().err


def test_without_its_state_everything_is_asked_for_again(
    server: SourceServer, capsys: pytest.CaptureFixture[str]
) -> None:
    refresh(server, "prices", "--source", "skypilot")
    (cache_dir() / "refreshed/state.json").write_text(json.dumps({"version": 0}))
    before = rows("prices/rent.csv")
    capsys.readouterr()
    assert refresh(server, "prices", "--source", "skypilot") == 0
    assert "2 updated" in capsys.readouterr().out
    assert rows("prices/rent.csv") == before


def _refresh_in_a_process(config: str, cache: str, source: str, start: object, codes: object) -> None:
    os.environ.update(ADVISOR_CONFIG_DIR=config, ADVISOR_CACHE_DIR=cache)
    start.wait()  # type: ignore[attr-defined]
    codes.put(main(["refresh", "--no-calibrate", "--source", source]))  # type: ignore[attr-defined]


def test_refreshes_at_once_do_not_lose_or_tear_anything(server: SourceServer, cache: Path, config: Path) -> None:
    server.config(config)
    context = multiprocessing.get_context("spawn")
    start, codes = context.Event(), context.Queue()
    names = ("skypilot", "gpuhunt", "vultr", "skypilot")
    workers = [
        context.Process(target=_refresh_in_a_process, args=(str(config), str(cache), name, start, codes))
        for name in names
    ]
    for worker in workers:
        worker.start()
    faults: list[str] = []
    done = threading.Event()

    def read_meanwhile() -> None:
        while not done.is_set():
            try:
                list(load_catalog(user_overlay_dirs()).rent_prices)
            except Exception as error:
                faults.append(str(error))

    reader = threading.Thread(target=read_meanwhile)
    reader.start()
    start.set()
    for worker in workers:
        worker.join(60)
    done.set()
    reader.join()
    assert [codes.get() for _ in names] == [0, 0, 0, 0]
    assert faults == []
    prices = rows("prices/rent.csv")
    assert {r["source"].split("-")[1] for r in prices} == {"skypilot", "gpuhunt", "vultr"}
    assert len({r["id"] for r in prices}) == len(prices) == 16
    assert len(list((cache / "refreshed.d").iterdir())) == 2
