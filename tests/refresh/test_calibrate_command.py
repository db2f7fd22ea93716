"""The fit follows the evidence: renewed after new measurements, used only where it belongs, bundled as fallback."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from source_server import SourceServer

from advisor.catalog.resources import catalog_root
from advisor.cli.main import main
from advisor.domain.backtest import BacktestResult, Score
from advisor.engine.estimator import Fit
from advisor.engine.estimator.fit import evidence_fingerprint
from advisor.engine.estimator.learning import Plan
from advisor.workbench import Workbench

TODAY = date(2026, 11, 21)


def bench() -> Workbench:
    return Workbench(as_of=TODAY)


def stored() -> BacktestResult:
    return BacktestResult.model_validate_json((catalog_root() / "fit" / "backtest.json").read_text(encoding="utf-8"))


def with_error(result: BacktestResult, factor: float) -> BacktestResult:
    scores = tuple(s.model_copy(update={"median_ape": s.median_ape * factor}) for s in result.scores)
    return result.model_copy(update={"scores": scores})


@pytest.fixture
def fitted(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Stands in for the minutes of fitting: the bundled weights under the fingerprint of the rows at hand."""
    seen: dict[str, Any] = {"factor": 1.0, "calls": 0}

    def quick(
        rows: Any, models: Any, accelerators: Any, start: Fit, prices: Any, *, learn: Any
    ) -> tuple[Fit, BacktestResult]:
        seen["calls"] += 1
        seen["learn"] = learn
        seen["rows"] = len(rows)
        mark = evidence_fingerprint(rows)
        result = with_error(stored(), seen["factor"]).model_copy(update={"fingerprint": mark})
        return replace(start, fingerprint=mark), result

    monkeypatch.setattr("advisor.engine.backtest.calibrate_and_backtest", quick)
    return seen


def refresh_evidence(server: SourceServer, config: Path) -> int:
    server.config(config)
    return main(["refresh", "evidence", "--source", "inferencex"])


def test_where_nothing_is_new_nothing_is_done(fitted: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calibrate"]) == 0
    assert "belongs to the evidence at hand" in capsys.readouterr().out
    assert fitted["calls"] == 0


def test_new_measurements_renew_the_fit_and_the_backtest(
    server: SourceServer, config: Path, cache: Path, fitted: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert refresh_evidence(server, config) == 0
    said = capsys.readouterr().out
    assert "fit and backtest written to" in said
    assert "points left out" in said
    now = bench()
    rows = [*now.catalog.measurements, *now.catalog.vendor_ci]
    assert fitted["rows"] == len(rows)
    assert now.fit.fingerprint == evidence_fingerprint(rows) != now.bundled_fit.fingerprint
    result = now.stored_backtest()
    assert result is not None
    assert result.fingerprint == now.fit.fingerprint
    assert now.backtest is not None
    assert Workbench(as_of=TODAY, bare=True).fit.fingerprint == now.bundled_fit.fingerprint
    assert sorted(p.name for p in (cache / "fit").iterdir() if not p.name.startswith(".")) == [
        "backtest.json", "parameters.json", "weights.csv",
    ]  # fmt: skip


def test_prices_alone_leave_the_fit_as_it_is(
    server: SourceServer, config: Path, cache: Path, fitted: dict[str, Any]
) -> None:
    server.config(config)
    assert main(["refresh", "prices"]) == 0
    assert fitted["calls"] == 0
    assert not (cache / "fit").exists()
    assert bench().fit.fingerprint == bench().bundled_fit.fingerprint


def test_evidence_that_fits_much_worse_is_not_put_in_force_by_itself(
    server: SourceServer, config: Path, cache: Path, fitted: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    fitted["factor"] = 1.6
    assert refresh_evidence(server, config) == 2
    assert "the new evidence fits worse" in capsys.readouterr().err
    assert not (cache / "fit").exists()
    assert bench().fit.fingerprint == bench().bundled_fit.fingerprint
    assert main(["calibrate", "--force"]) == 0
    assert bench().fit.fingerprint != bench().bundled_fit.fingerprint
    assert fitted["learn"] is None


def test_all_is_learned_anew_where_that_is_asked_for(fitted: dict[str, Any], cache: Path) -> None:
    assert main(["calibrate", "--learn"]) == 0
    assert fitted["learn"] == Plan()
    assert (cache / "fit" / "parameters.json").exists()


def test_a_fit_of_other_evidence_or_of_another_version_gives_way_to_the_bundled_one(
    server: SourceServer, config: Path, cache: Path, fitted: dict[str, Any]
) -> None:
    refresh_evidence(server, config)
    bundled = bench().bundled_fit.fingerprint
    parameters = cache / "fit" / "parameters.json"
    good = parameters.read_text(encoding="utf-8")
    for damaged in ("", "{}", "[]", good[: len(good) // 2], json.dumps({"version": 0, "fingerprint": "x"})):
        parameters.write_text(damaged, encoding="utf-8")
        assert bench().fit.fingerprint == bundled
    parameters.write_text(good, encoding="utf-8")
    assert bench().fit.fingerprint != bundled
    # the measurements that it was fitted to are gone again, prices of the user's own stay
    (cache / "refreshed" / "evidence" / "serving.csv").unlink()
    assert bench().overlays
    assert bench().fit.fingerprint == bundled


def test_evidence_that_cannot_be_fitted_leaves_the_fit_in_use(
    server: SourceServer, config: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import numpy as np

    def fails(*args: object, **options: object) -> None:
        raise np.linalg.LinAlgError("Matrix is not positive definite")

    monkeypatch.setattr("advisor.engine.backtest.calibrate_and_backtest", fails)
    assert refresh_evidence(server, config) == 2
    assert "cannot be fitted (Matrix is not positive definite); the fit at hand stays" in capsys.readouterr().err
    assert not (cache / "fit").exists()


def test_the_error_that_is_compared_is_that_of_left_out_points() -> None:
    from advisor.cli.calibrate_command import median_error

    found = next(s for s in stored().scores if (s.scheme, s.metric, s.slice) == ("point", "total_tps_per_gpu", "all"))
    assert isinstance(found, Score)
    assert median_error(stored(), "point") == found.median_ape
    assert median_error(stored(), "no such scheme") is None
