"""The store: whole or not at all, private, versioned, the same on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from probe_kit import Served, finish, make_session, step_plan

from advisor.cli.main import main
from advisor.domain.errors import EvidenceError
from advisor.evidence.runs import Deployment, Distribution, Run, Step
from advisor.evidence.store import EvidenceStore, default_path, open_store
from advisor.evidence.store.schema import APPLICATION_ID, MIGRATIONS, VERSION
from advisor.evidence.store.sqlite import SqliteStore

WHERE = Deployment(accelerator="mi355x", gpus=8, model="dsr1", precision="fp8", engine="sglang", tp=8)


def step(index: int, **more: object) -> Step:
    values: dict[str, object] = {
        "index": index, "concurrency": 2.0**index, "isl": 1000, "osl": 100, "requests": 10, "succeeded": 10,
        "output_tps": 100.0 * (index + 1), "total_tps": 1100.0, "ttft": Distribution(p50=0.1, p99=0.2),
    }  # fmt: skip
    return Step.model_validate(values | more)


def run(name: str = "run-a", steps: int = 2, day: int = 1, **more: object) -> Run:
    values: dict[str, object] = {
        "id": name, "tool": "advisor probe", "started_at": datetime(2026, 11, day, tzinfo=UTC), "deployment": WHERE,
        "steps": tuple(step(i) for i in range(steps)),
    }  # fmt: skip
    return Run.model_validate(values | more)


def binaries() -> Path | None:
    """Folder of PostgreSQL's server programs."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    places += sorted(Path("/opt/homebrew/opt").glob("postgresql*/bin"))
    found = shutil.which("initdb")
    places += [Path(found).parent] if found else []
    return next((place for place in places if (place / "initdb").exists() and (place / "pg_ctl").exists()), None)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A PostgreSQL of its own on loopback, with a password."""
    place = binaries()
    if place is None:
        pytest.skip("no PostgreSQL server programs (initdb, pg_ctl) on this machine")
    pytest.importorskip("psycopg")
    as_root = hasattr(os, "geteuid") and os.geteuid() == 0
    if as_root and shutil.which("runuser") is None:
        pytest.skip("PostgreSQL does not run as root, and there is no runuser")
    user = ["runuser", "-u", "postgres", "--"] if as_root else []
    with tempfile.TemporaryDirectory(prefix="pg") as name:
        folder = Path(name)
        if as_root:
            shutil.chown(folder, "postgres")
        secret = folder / "secret"
        secret.write_text("pw-1234567\n")
        if as_root:
            shutil.chown(secret, "postgres")

        def call(program: str, *arguments: str) -> None:
            subprocess.run(
                [*user, str(place / program), *arguments], check=True, capture_output=True, cwd="/", timeout=60
            )

        call("initdb", "-D", f"{folder}/data", "-U", "team", "-A", "scram-sha-256", f"--pwfile={secret}", "--no-sync")
        port = 20_000 + os.getpid() % 20_000
        options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c fsync=off"
        call("pg_ctl", "-D", f"{folder}/data", "-w", "-o", options, "-l", f"{folder}/log", "start")
        try:
            yield f"postgresql://team:pw-1234567@127.0.0.1:{port}/postgres"
        finally:
            call("pg_ctl", "-D", f"{folder}/data", "-m", "immediate", "stop")


Opener = Callable[[], EvidenceStore]


@pytest.fixture(params=["sqlite", "postgres"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """Opens the same empty store again and again."""
    if request.param == "sqlite":
        yield lambda: open_store(str(tmp_path / "sub" / "e.sqlite3"))
        return
    url = request.getfixturevalue("postgres")
    yield lambda: open_store(url)
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS steps, runs, advisor_schema")


def test_what_is_put_comes_back(opener: Opener) -> None:
    with opener() as store:
        store.put(run())
        store.put(run("run-b", 1, day=2))
    with opener() as store:
        assert store.get("run-a") == run()
        assert [(s.id, s.steps) for s in store.summaries()] == [("run-b", 1), ("run-a", 2)]
        assert [r.id for r in store.runs()] == ["run-a", "run-b"]
        assert [m.concurrency for m in store.measurements()] == [1, 2, 1]


def test_a_run_grows_step_by_step_and_ends(opener: Opener) -> None:
    with opener() as store:
        store.begin(run(steps=0, outcome="running"))
        store.add_step("run-a", step(0))
    with opener() as store:
        assert store.get("run-a").outcome == "running"
        assert store.get("run-a").steps == (step(0),)
        store.begin(run(steps=0, outcome="running", note="learnt more"))
        assert len(store.get("run-a").steps) == 1
        store.finish(run(outcome="complete"))
        assert store.get("run-a").outcome == "complete"
        assert len(store.get("run-a").steps) == 2


def test_a_failure_inside_a_transaction_leaves_nothing(opener: Opener) -> None:
    with opener() as store:
        store.put(run())

        def half() -> None:
            with store.transaction():
                store.execute("DELETE FROM steps")
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            half()
        assert len(store.get("run-a").steps) == 2
        with pytest.raises(EvidenceError):
            store.add_step("no-such-run", step(0))


def test_names_may_be_shortened_and_are_asked_back(opener: Opener) -> None:
    with opener() as store:
        store.put(run("20261101-aa"))
        store.put(run("20261101-bb"))
        assert store.get("20261101-a").id == "20261101-aa"
        with pytest.raises(EvidenceError, match="could be 20261101-aa, 20261101-bb"):
            store.get("2026")
        with pytest.raises(EvidenceError, match=r"no run .*did you mean"):
            store.get("20261101-ab")
        assert store.remove("20261101-b") == "20261101-bb"
        assert [s.id for s in store.summaries()] == ["20261101-aa"]
        assert store.execute("SELECT COUNT(*) FROM steps") == [(2,)]


def test_text_of_any_kind_is_kept_as_text(opener: Opener) -> None:
    odd = run("run-'; DROP TABLE runs; --", note="%s ? \x1b[31m 漢字 🙂", flags=("a'b",))
    with opener() as store:
        store.put(odd)
        assert store.get(odd.id) == odd


def test_invalid_and_unstated_runs_are_no_evidence(opener: Opener) -> None:
    with opener() as store:
        store.put(run("bad", steps=0).model_copy(update={"steps": (step(0, valid=False), step(1))}))
        store.put(run("unstated", deployment=Deployment(model="m")))
        for precision in ("", "fp16"):  # no estimate knows what to make of these
            where = WHERE.model_copy(update={"precision": precision})
            store.put(run(f"precision {precision}", deployment=where))
        assert [m.row_id for m in store.measurements()] == ["bad:1"]


def test_a_newer_schema_is_refused(opener: Opener) -> None:
    with opener() as store:
        if isinstance(store, SqliteStore):
            store.execute(f"PRAGMA user_version = {VERSION + 1}")
        else:
            store.execute("UPDATE advisor_schema SET version = ?", (VERSION + 1,))
    with pytest.raises(EvidenceError, match=f"schema version {VERSION + 1} is newer"):
        opener()


def test_postgres_errors_do_not_show_the_password(postgres: str) -> None:
    with pytest.raises(EvidenceError) as caught:
        open_store(postgres.replace("pw-1234567", "wrong-9876543"))
    assert "9876543" not in str(caught.value)
    with pytest.raises(EvidenceError) as caught:
        open_store("postgresql://team:pw-1234567@127.0.0.1:1/postgres")
    assert "pw-1234567" not in str(caught.value)
    with open_store(postgres) as store:
        assert "pw" not in store.place


def test_an_older_file_is_migrated_and_keeps_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite3"
    with sqlite3.connect(path) as old:
        for statement in MIGRATIONS[0]:
            old.execute(statement)
        old.execute(
            "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?)",
            ("run-a", "2026-11-01", "complete", "t", "", "", run(steps=0).model_dump_json()),
        )
        old.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        old.execute("PRAGMA user_version = 1")
    old.close()
    with open_store(str(path)) as store:
        assert store.get("run-a").deployment == WHERE
        assert store.execute("PRAGMA user_version") == [(VERSION,)]
        assert store.execute("SELECT COUNT(*) FROM sqlite_master WHERE name = 'runs_by_subject'") == [(1,)]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "e.sqlite3"
    previous = os.umask(0)
    try:
        with open_store(str(path)) as store:
            store.put(run())
            modes = {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    finally:
        os.umask(previous)
    assert modes == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    link = tmp_path / "link.sqlite3"
    link.symlink_to(path)
    with pytest.raises(EvidenceError, match="symbolic link"):
        open_store(str(link))


def test_files_that_are_not_ours_are_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "other.sqlite3"
    with sqlite3.connect(other) as database:
        database.execute("CREATE TABLE bookmarks (id INTEGER)")
    database.close()
    before = other.read_bytes()
    with pytest.raises(EvidenceError, match="another program"):
        open_store(str(other))
    assert other.read_bytes() == before
    noise = tmp_path / "noise.sqlite3"
    noise.write_bytes(b"this is not a database, " * 100)
    with pytest.raises(EvidenceError, match="not a readable evidence store"):
        open_store(str(noise))


def test_damage_is_found_on_opening(tmp_path: Path) -> None:
    path = tmp_path / "e.sqlite3"
    with open_store(str(path)) as store:
        for number in range(40):
            store.put(run(f"run-{number:03}", 4))
    data = bytearray(path.read_bytes())
    data[8192:20480] = b"\xaa" * 12288
    path.write_bytes(data)
    with pytest.raises(EvidenceError, match=r"damaged|not a readable"):
        open_store(str(path))


def test_two_writers_wait_for_each_other(tmp_path: Path) -> None:
    path = str(tmp_path / "e.sqlite3")
    code = (
        "import sys; from advisor.evidence.store import open_store; from advisor.evidence.runs import Run\n"
        "from datetime import datetime, UTC\n"
        "for n in range(25):\n"
        "    with open_store(sys.argv[1]) as s:\n"
        "        s.put(Run(id=f'{sys.argv[2]}-{n}', tool='t', started_at=datetime.now(UTC)))\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, path, name]) for name in ("a", "b")]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    with open_store(path) as store:
        assert len(store.summaries()) == 50


def test_places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert default_path().name == "evidence.sqlite3"
    monkeypatch.setenv("ADVISOR_STORE", f"sqlite:///{tmp_path}/x.db")
    with open_store() as store:
        assert store.place == f"{tmp_path}/x.db"
    with pytest.raises(EvidenceError, match='"mysql" is not known'):
        open_store("mysql://u:secret@h/d")
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(EvidenceError, match="needs psycopg"):
        open_store("postgresql://u:secret@h/d")


def test_the_commands_on_a_shared_store(
    postgres: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A team's store behind ADVISOR_STORE: the same commands, and no password in what they say."""
    from advisor.cli.main import main

    monkeypatch.setenv("ADVISOR_STORE", postgres)
    sample = Path(__file__).parent / "samples" / "vllm.json"
    subject = ["--accelerator", "mi300x", "--gpus", "8", "--as-model", "llama3.3-70b", "--weights", "fp8"]
    assert main(["evidence", "list"]) == 0
    assert main(["evidence", "import", str(sample), *subject]) == 0
    assert main(["evidence", "list"]) == 0
    assert main(["evidence", "show", "vllm"]) == 0
    exported = tmp_path / "all.json"
    assert main(["evidence", "export", "--output", str(exported)]) == 0
    assert main(["evidence", "remove", "vllm", "--yes"]) == 0
    assert main(["evidence", "import", str(exported)]) == 0
    assert main(["evidence", "remove", "vllm", "--yes"]) == 0
    streams = capsys.readouterr()
    assert "1 usable as evidence" in streams.out
    assert "pw-1234567" not in streams.out + streams.err


@pytest.mark.parametrize("asked", [["list"], ["export"], ["show", "run-a"], ["remove", "run-a"]])
def test_who_has_nothing_to_keep_makes_no_file(
    asked: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A home that cannot be written had ended `evidence list`, and any other had got an empty store by it."""
    place = tmp_path / "sub" / "e.sqlite3"
    code = main(["evidence", *asked, "--store", str(place)])
    said = capsys.readouterr()
    assert code == (2 if len(asked) > 1 else 0)
    assert "no run" in said.out + said.err or said.out == "[]\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("room_again", [False, True])
async def test_a_disk_that_is_full_costs_the_keeping_and_not_the_measurement(
    fault_server: Served, tmp_path: Path, room_again: bool
) -> None:
    """A commit that failed ended a probe as a fault of the program, after an hour of rented GPUs."""
    place = str(tmp_path / "e.sqlite3")
    steps = tuple(step_plan(concurrency=n) for n in (1, 2, 4))
    with open_store(place) as store:
        assert isinstance(store, SqliteStore)

        def pages(most: int) -> None:
            assert isinstance(store, SqliteStore)
            store._db.execute(f"PRAGMA max_page_count = {most}")

        def kept(run_id: str, step: Step) -> None:
            pages(1)  # as many as there are
            store.add_step(run_id, step)

        def ended(run: Run) -> None:
            pages(10_000 if room_again else 1)
            store.finish(run)

        whole = await finish(
            make_session(fault_server.url, "ok", steps=steps, on_start=store.begin, on_step=kept, on_end=ended)
        )
        assert [step.succeeded for step in whole.steps] == [24] * 3
        told = [flag for flag in whole.flags if flag.startswith("not kept as evidence: ")]
        if room_again:
            assert told == []
            assert store.get(whole.id) == whole
        else:
            assert len(told) == 1
            assert "cannot be written (database or disk is full); make room" in told[0]
            assert store.get(whole.id).outcome == "running"


def test_a_run_of_a_newer_version_is_told_and_can_be_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A field that this version does not know had been called an extra input, with nothing that one could do."""
    place = tmp_path / "e.sqlite3"
    monkeypatch.setenv("ADVISOR_STORE", str(place))
    with open_store() as store:
        store.put(run("r-new"))
        store.put(run("r-odd"))
    point = ["--accelerator", "b200", "--model", "dsr1", "--precision", "fp8", "--isl", "1000", "--osl", "1000"]
    estimate = ["estimate", *point, "--concurrency", "4"]
    odd = {"unheard_of": 1}
    for name, changes, told in (
        ("r-new", {"schema_version": 2, **odd}, "was written by a newer version of advisor; upgrade, or leave"),
        ("r-odd", odd, "is not readable by this version (unheard_of: Extra inputs are not permitted); use"),
    ):
        with sqlite3.connect(place) as db:
            (document,) = db.execute("SELECT document FROM runs WHERE id = ?", (name,)).fetchone()
            changed = json.dumps(json.loads(document) | changes)
            db.execute("UPDATE runs SET document = ? WHERE id = ?", (changed, name))
        db.close()
        assert main(estimate) == 2
        err = capsys.readouterr().err
        assert f'run "{name}" {told}' in err
        assert "--no-user-data" in err
        assert main([*estimate, "--no-user-data"]) == 0
        assert main(["evidence", "remove", name, "--yes"]) == 0
        capsys.readouterr()
    assert main(estimate) == 0
