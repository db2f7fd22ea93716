"""`advisor evidence`: what has been measured, kept, brought in and given out."""

from __future__ import annotations

import argparse
from typing import Any

from advisor.cli.measured_options import add_measured_options, measured_deployment

EXAMPLES = """\
examples:
  advisor evidence list
  advisor evidence show 20261121-10
  advisor evidence import result.json --accelerator mi355x --gpus 8 --as-model dsr1 --weights fp8
  advisor evidence export --format csv --output runs.csv
  ADVISOR_STORE=postgresql://team@db.example/advisor advisor evidence list

Runs of `advisor probe` and imported results count as your own measurements (grade A) once accelerator, GPUs, model
and weights are stated; results of InferenceX and MLPerf move no estimate.
"""


def add_evidence_parser(subparsers: Any) -> None:
    """Arguments of `advisor evidence`."""
    parser = subparsers.add_parser(
        "evidence", help="list, show, import, export and remove measurements", epilog=EXAMPLES,
        description="Your own measurements: probes, and results of other benchmarks.",
        formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False,
    )  # fmt: skip
    inner = parser.add_subparsers(title="actions", metavar="ACTION", required=True)

    def action(name: str, text: str, func: Any) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = inner.add_parser(name, help=text, description=text, allow_abbrev=False)
        made.add_argument(
            "--store", metavar="PLACE", help="path or postgresql:// URL (default ADVISOR_STORE, else yours)"
        )
        made.set_defaults(func=func)
        return made

    listed = action("list", "runs, newest first", run_list)
    listed.add_argument("--format", choices=("text", "json"), default="text", help="form (default text)")
    shown = action("show", "one run with all its steps", run_show)
    shown.add_argument("run", metavar="RUN", help="id, or a unique beginning of it")
    shown.add_argument("--format", choices=("text", "json", "csv"), default="text", help="form (default text)")
    out = action("export", "write runs to a file", run_export)
    out.add_argument("runs", nargs="*", metavar="RUN", help="ids (default all)")
    out.add_argument("--format", choices=("json", "csv"), default="json", help="form (default json)")
    out.add_argument("--output", "-o", metavar="FILE", help="default stdout")
    brought = action("import", "read results of other benchmarks, or an export", run_import)
    brought.add_argument("files", nargs="+", metavar="FILE")
    brought.add_argument(
        "--kind", default="auto",
        help="auto (default), advisor, vllm, sglang, guidellm, aiperf, inferencex, mlperf, nine-shape",
    )  # fmt: skip
    add_measured_options(brought.add_argument_group("what was measured, where the file does not say it"))
    removed = action("remove", "delete runs", run_remove)
    removed.add_argument("runs", nargs="+", metavar="RUN")
    removed.add_argument("--yes", action="store_true", help="do not ask")


def run_list(args: argparse.Namespace) -> int:
    """One line a run."""
    import json
    from dataclasses import asdict

    from advisor.domain.text import plain
    from advisor.evidence.store import open_store

    with open_store(args.store, make=False) as store:
        found = store.summaries()
        place = store.place
    if args.format == "json":
        print(json.dumps([asdict(summary) for summary in found], indent=2, ensure_ascii=False))
        return 0
    if not found:
        print(
            f"{plain(place)} holds no runs yet; `advisor probe URL` makes one, `advisor evidence import` brings one in"
        )
        return 0
    print(f"{'run':<26} {'started':<17} {'outcome':<12} {'steps':>5}  {'tool':<18} {'accelerator':<12} model")
    for s in found:
        outcome = "unfinished" if s.outcome == "running" else s.outcome
        line = f"{s.id:<26} {s.started_at[:16]:<17} {outcome:<12} {s.steps:>5}  {s.tool[:18]:<18} "
        line += f"{s.accelerator[:12]:<12} {s.model}"
        print(plain(line, 160))
    return 0


def run_show(args: argparse.Namespace) -> int:
    """One run."""
    from advisor.cli.probe_text import run_csv, run_json, run_text
    from advisor.evidence.store import open_store
    from advisor.report.output import write_result

    with open_store(args.store, make=False) as store:
        run = store.get(args.run)
    write_result({"text": run_text, "json": run_json, "csv": run_csv}[args.format](run), None)
    return 0


def run_export(args: argparse.Namespace) -> int:
    """Runs as JSON that `import` reads back, or as CSV, a line a step."""
    import json

    from advisor.cli.probe_text import runs_csv
    from advisor.evidence.store import open_store
    from advisor.report.output import write_result

    with open_store(args.store, make=False) as store:
        runs = [store.get(run_id) for run_id in args.runs] if args.runs else store.runs()
    if args.format == "csv":
        write_result(runs_csv(runs), args.output)
    else:
        documents = [run.model_dump(mode="json") for run in runs]
        write_result(json.dumps(documents, indent=2, ensure_ascii=False) + "\n", args.output)
    return 0


def run_import(args: argparse.Namespace) -> int:
    """All files are read before any is kept, so that a bad one changes nothing."""
    from pathlib import Path

    from advisor.cli.evidence_notes import catalog_check, evidence_use, judged
    from advisor.domain.errors import InputError, did_you_mean
    from advisor.domain.text import capital, plain
    from advisor.evidence.imports import KINDS, read_runs
    from advisor.evidence.runs import measurements_from_run
    from advisor.evidence.store import open_store
    from advisor.evidence.twins import Shelf
    from advisor.probe.plausibility import plausibility_check

    if args.kind not in KINDS:
        raise InputError(
            f'--kind "{args.kind}" is not known{did_you_mean(args.kind, KINDS)}; known are {", ".join(KINDS)}'
        )
    stated = measured_deployment(args)
    check = plausibility_check(stated.accelerator) or catalog_check()
    runs = [judged(run, check) for name in args.files for run in read_runs(Path(name), kind=args.kind, stated=stated)]
    with open_store(args.store) as store:
        shelf = Shelf(store, lambda run: judged(run, check))
        kept = [shelf.keep(run, stated) for run in runs]
    for run, told in kept:
        counts, notes = evidence_use(run, check)
        points = len(measurements_from_run(run)) if counts else 0
        use = f"{points} usable as evidence" if points else "none usable as evidence"
        print(plain(f"{run.id}: {run.tool}, {len(run.steps)} steps, {use}"))
        doubts = dict.fromkeys(f for step in run.steps for f in step.flags if f.startswith("implausible"))
        for note in (*([capital(told)] if told else []), *notes, *doubts):
            print(plain(f"  {note}"))
    return 0


def run_remove(args: argparse.Namespace) -> int:
    """Delete after a question."""
    import sys

    from advisor.domain.errors import InputError
    from advisor.domain.text import plain
    from advisor.evidence.store import open_store

    with open_store(args.store, make=False) as store:
        ids = [store.full_id(run_id) for run_id in args.runs]  # also of one that only another version can read
        if not args.yes:
            if not sys.stdin.isatty():
                raise InputError("nothing was removed: there is no terminal to confirm on; add --yes")
            print(
                f"Remove {', '.join(plain(i) for i in ids)} from {plain(store.place)}? [y/N] ",
                end="",
                file=sys.stderr,
                flush=True,
            )
            if sys.stdin.readline().strip().lower() not in ("y", "yes"):
                raise InputError("nothing was removed")
        for run_id in ids:
            store.remove(run_id)
            print(f"removed {plain(run_id)}")
    return 0
