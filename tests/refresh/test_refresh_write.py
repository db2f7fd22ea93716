"""The overlay is replaced whole or not at all, whoever else is at work and whenever it is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from advisor.catalog.resources import user_overlay_dirs
from advisor.domain.errors import CatalogError, InputError
from advisor.refresh.overlay import check_overlay, read_overlay
from advisor.refresh.write import CURRENT, STATE, replace_folder, write_lock

FILES = {"prices/rent.csv": "a\n", STATE: "{}\n"}


def put(cache: Path, files: dict[str, str]) -> None:
    with write_lock(cache):
        replace_folder(cache, files, lambda _: None)


def content(cache: Path) -> str:
    return (cache / CURRENT / "prices/rent.csv").read_text()


def test_a_replacement_is_whole_and_the_one_before_stays_for_its_readers(tmp_path: Path) -> None:
    for text in ("one\n", "two\n", "three\n"):
        put(tmp_path, {**FILES, "prices/rent.csv": text})
        assert content(tmp_path) == text
    kept = sorted((tmp_path / f"{CURRENT}.d").iterdir())
    assert [(p / "prices/rent.csv").read_text() for p in kept] == ["two\n", "three\n"]


def test_a_reader_holds_on_to_the_generation_that_it_began_with(cache: Path) -> None:
    put(cache, {**FILES, "prices/rent.csv": "old\n"})
    (held,) = user_overlay_dirs()
    put(cache, {**FILES, "prices/rent.csv": "new\n"})
    assert (held / "prices/rent.csv").read_text() == "old\n"
    assert (user_overlay_dirs()[0] / "prices/rent.csv").read_text() == "new\n"


def test_files_that_the_catalog_would_refuse_change_nothing(tmp_path: Path) -> None:
    put(tmp_path, FILES)

    def refuse(folder: Path) -> None:
        raise CatalogError("is wrong", file="prices/rent.csv")

    with write_lock(tmp_path), pytest.raises(CatalogError):
        replace_folder(tmp_path, {**FILES, "prices/rent.csv": "bad\n"}, refuse)
    assert content(tmp_path) == "a\n"
    assert len(list((tmp_path / f"{CURRENT}.d").iterdir())) == 1


def test_a_price_that_cites_no_source_is_refused_before_it_is_in_force(tmp_path: Path) -> None:
    folder = tmp_path / "prices"
    folder.mkdir()
    head = "id,provider,seller_class,accelerator,commitment,usd_per_gpu_hour,gpus_per_instance,as_of,source,kind"
    (folder / "rent.csv").write_text(f"{head}\nrf-1,lambda,neocloud,b200,on_demand,5,8,2026-11-21,nobody,list price\n")
    with pytest.raises(CatalogError, match="names no source of this refresh"):
        check_overlay(tmp_path)
    (tmp_path / "sources.csv").write_text("id,reference,as_of,kind,attribution\nnobody,x,,list price,\n")
    check_overlay(tmp_path)
    assert read_overlay(tmp_path).tables["prices/rent.csv"][0]["provider"] == "lambda"


def test_a_full_disk_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, FILES)

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with write_lock(tmp_path), pytest.raises(InputError, match=r"No space left on device.; the old data stay"):
        replace_folder(tmp_path, {**FILES, "prices/rent.csv": "new\n"}, lambda _: None)
    assert content(tmp_path) == "a\n"
    assert len(list((tmp_path / f"{CURRENT}.d").iterdir())) == 1


def test_where_links_cannot_be_made_it_takes_two_steps_that_can_be_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(self: Path, *args: object, **more: object) -> None:
        raise OSError("links are not allowed")

    monkeypatch.setattr(Path, "symlink_to", no_links)
    for text in ("one\n", "two\n"):
        put(tmp_path, {**FILES, "prices/rent.csv": text})
        assert content(tmp_path) == text
        assert not (tmp_path / CURRENT).is_symlink()
    # killed between the two steps: the old one is aside, the new one not yet in place
    (tmp_path / CURRENT).rename(tmp_path / f"{CURRENT}.d" / "00000000000000000001-aa-old")
    with write_lock(tmp_path):
        pass
    assert content(tmp_path) == "two\n"


def test_a_folder_in_place_of_the_link_is_replaced(tmp_path: Path) -> None:
    (tmp_path / CURRENT / "prices").mkdir(parents=True)
    (tmp_path / CURRENT / "prices/rent.csv").write_text("by hand\n")
    put(tmp_path, FILES)
    assert content(tmp_path) == "a\n"


def test_another_writer_is_waited_for_but_not_for_ever(tmp_path: Path) -> None:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    with (
        write_lock(tmp_path),
        pytest.raises(InputError, match="another refresh is at work"),
        write_lock(tmp_path, wait_s=2.0, sleep=sleep, clock=lambda: now[0]),
    ):
        pass
    assert 2.0 <= now[0] < 2.2
    with write_lock(tmp_path, wait_s=0.0):
        pass


def test_the_lock_of_a_killed_writer_is_free_and_its_work_is_not_in_force(tmp_path: Path) -> None:
    put(tmp_path, FILES)
    program = (
        "import sys, time; from pathlib import Path\n"
        "from advisor.refresh.write import replace_folder, write_lock\n"
        "cache = Path(sys.argv[1])\n"
        "def check(folder): print('staged', flush=True); time.sleep(60)\n"
        "with write_lock(cache): replace_folder(cache, {'prices/rent.csv': 'half', 'state.json': '{}'}, check)\n"
    )
    writer = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    with writer:
        assert writer.stdout.readline() == "staged\n"
        writer.send_signal(signal.SIGKILL)
    start = time.monotonic()
    assert content(tmp_path) == "a\n"
    put(tmp_path, {**FILES, "prices/rent.csv": "next\n"})
    assert time.monotonic() - start < 5
    assert content(tmp_path) == "next\n"
    assert len(list((tmp_path / f"{CURRENT}.d").iterdir())) == 2


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="set ADVISOR_CACHE_DIR"), write_lock(tmp_path / "file" / "cache"):
        pass
