"""The same batch on a Dask cluster of two workers; skipped where the extra is not installed."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from advisor.batch import Job, answer_one, run_dask
from advisor.catalog.resources import profiles_root

NAMES = ("startup-first-cluster", "regulated-rag-llama-70b", "llama-405b-chat")


@pytest.fixture
def cluster() -> Iterator[str]:
    """A cluster of two workers on the loopback address."""
    distributed = pytest.importorskip("distributed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        local = distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=False,
            protocol="tcp",
            dashboard_address=None,
            host="127.0.0.1",
        )
        try:
            yield local.scheduler_address
        finally:
            local.close()


@pytest.mark.filterwarnings("ignore")
def test_two_workers_give_the_rows_that_one_process_gives(cluster: str, tmp_path: Path) -> None:
    jobs = [
        Job(str(profiles_root() / f"{name}.toml"), str(tmp_path / f"{name}.json"), (), date(2026, 11, 21), 1, 200, True)
        for name in NAMES
    ]
    rows = {row.file: row for row in run_dask(jobs, cluster)}
    written = {name: (tmp_path / f"{name}.json").read_bytes() for name in NAMES}
    assert [rows[job.path] for job in jobs] == [answer_one(job) for job in jobs]
    assert all((tmp_path / f"{name}.json").read_bytes() == written[name] for name in NAMES)
