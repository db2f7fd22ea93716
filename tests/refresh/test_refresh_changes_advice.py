"""A refreshed price reaches the verdict, and every surface cites where it came from."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from source_server import SourceServer

from advisor.catalog import load_catalog
from advisor.cli.main import main

PROFILE = "renewal-100-gpus"
SELLERS = ("lambda", "runpod", "nebius", "verda", "hyperstack", "vast", "lium", "spheron", "daytona", "cudo", "yotta")
HEAD = "InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,Price,Region,GpuInfo,SpotPrice\n"


def answer(folder: Path, form: str = "json") -> str:
    file = folder / f"answer.{form}"
    code = main(["--profile", PROFILE, "--draws", "300", "--format", form, "--output", str(file)])
    assert code == 0
    return file.read_text(encoding="utf-8")


def ranked(tree: dict[str, Any]) -> list[dict[str, Any]]:
    return sorted((c for c in tree["candidates"] if c["rank"]), key=lambda c: c["rank"])


def test_cheaper_lists_of_the_runner_up_make_it_the_winner_and_are_cited(
    server: SourceServer, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = json.loads(answer(tmp_path))
    second = ranked(before)[1]["accelerator"]
    market = load_catalog().rent_market(second, "neocloud", "on_demand", date.today())
    assert market.typical is not None
    price = round(market.typical * 0.55, 2)
    for seller in SELLERS:
        row = f"8x_{second},{second.upper()},8.0,200,2000,{price * 8:.2f},US,,\n"
        server.files[f"/sky/catalogs/v8/{seller}/vms.csv"] = (HEAD + row).encode()
    server.config(config, skypilot=", ".join(f'"{seller}"' for seller in SELLERS))
    assert main(["refresh", "prices", "--source", "skypilot"]) == 0
    assert "kept but not used" not in capsys.readouterr().out

    after = json.loads(answer(tmp_path))
    assert before["verdict"]["choice"]["accelerator"] != second
    assert after["verdict"]["choice"]["accelerator"] == second
    cost = ranked(after)[0]["cost"]
    cited = {name for way in (cost, *cost.get("ways", ())) for name in (way.get("price") or {}).get("source_ids", ())}
    fresh = {f"refresh-skypilot-{seller}" for seller in SELLERS}
    assert cited & fresh
    assert cited & fresh <= {source["id"] for source in after["sources"]}
    assert cost["price"]["age_days"] == 0
    assert before["catalog_fingerprint"] != after["catalog_fingerprint"]
    pytest.importorskip("advisor.report.build")
    assert "SkyPilot catalog: " in answer(tmp_path, "markdown").partition("Sources")[2]


def test_without_user_data_the_answer_is_that_of_the_bundled_catalog(
    server: SourceServer, config: Path, tmp_path: Path
) -> None:
    before = answer(tmp_path)
    server.config(config)
    assert main(["refresh", "prices"]) == 0
    file = tmp_path / "bare.json"
    assert main(["--profile", PROFILE, "--draws", "300", "--format", "json", "--no-user-data", "-o", str(file)]) == 0
    bare = json.loads(file.read_text())
    was = json.loads(before)
    assert bare["verdict"] == was["verdict"]
    assert bare["catalog_fingerprint"] == was["catalog_fingerprint"]
