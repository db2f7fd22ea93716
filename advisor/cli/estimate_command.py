"""`advisor estimate`: TTFT, TPOT and tokens/s per GPU at one point, or for a table of points."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from advisor.domain.errors import InputError
from advisor.domain.text import plain

if TYPE_CHECKING:
    from advisor.engine.estimator.estimator import Software
    from advisor.workbench import Workbench

SOFTWARE: dict[str, Software] = {"median": "typical", "newest": "current"}
"""Choices of --software, and what the estimator calls them."""
MAX_POINTS = 1_000_000
MAX_BYTES = 256 * 1024 * 1024
POINT_OPTIONS = (
    ("--accelerator", "accelerator id, e.g. mi355x"), ("--model", "catalog id or measured name, e.g. dsr1"),
    ("--precision", "bf16, fp8, fp4 or int4"), ("--engine", "vllm, sglang, trt, atom, ..."),
    ("--spec-method", "none, mtp, ..."), ("--disagg", "true or false"), ("--tp", "tensor-parallel degree"),
    ("--ep", "expert-parallel degree"), ("--dp-attention", "true or false"),
    ("--gpus", "GPUs in all; more than TP are copies that share the requests"),
    ("--isl", "input tokens (nominal)"), ("--osl", "output tokens (nominal)"),
    ("--concurrency", "requests in flight"),
    ("--software-date", "day whose software is asked for, YYYY-MM-DD; default: see --software"),
)  # fmt: skip


def add_estimate_parser(subparsers: Any) -> None:
    """`advisor estimate --points IN.csv [--output OUT.csv]`, or one point by options."""
    parser = subparsers.add_parser(
        "estimate", help="throughput and latency at operating points", allow_abbrev=False,
        description="Estimate TTFT, TPOT and tokens/s per GPU with 80 % intervals and the evidence behind them."
        " Lengths are nominal as in the measurements: requests draw 0.8 to 1.0 of them. Own probes overrule, as in an"
        " answer; with --no-user-data and --as-of the same points give the same bytes on any machine. Exit code 2 where"
        " no point of a table can be estimated.",
    )  # fmt: skip
    parser.add_argument("--points", metavar="IN.csv", help="table of points; - is stdin; columns as in serving.csv")
    parser.add_argument("--output", "-o", metavar="OUT.csv", help="result table; default stdout")
    for option, text in POINT_OPTIONS:
        parser.add_argument(option, metavar=option.strip("-").split("-")[-1].upper(), help=text)
    parser.add_argument(
        "--software", choices=tuple(SOFTWARE), default="median",
        help="what a point without a day is asked for: as a median over runs, as most rows are published (default), or"
        " on the newest software known, as recommendations are made",
    )  # fmt: skip
    from advisor.cli.recommend_command import add_catalog_options

    add_catalog_options(parser)
    parser.set_defaults(func=run_estimate)


def run_estimate(args: argparse.Namespace) -> int:
    """Estimate a table or a point."""
    point = {name: getattr(args, name) for name in (o.strip("-").replace("-", "_") for o, _ in POINT_OPTIONS)}
    given = {k: v for k, v in point.items() if v is not None}
    if (args.points is None) == (not given):
        raise InputError("give either --points IN.csv, or one point by --accelerator, --model, ...")
    from advisor.cli.recommend_command import open_workbench

    if args.points is not None:
        return _table(args, open_workbench)
    from advisor.engine.estimator import estimate_rows

    bench = open_workbench(args)
    _tell_own(bench)
    row = estimate_rows(
        bench.estimator, [{k: str(v) for k, v in given.items()}], software=SOFTWARE[args.software],
        lacking=bench.catalog.incomplete,
    )[0]  # fmt: skip
    if row["error"]:
        raise InputError(row["error"])
    _print_point(row)
    return 0


def _table(args: argparse.Namespace, open_workbench: Any) -> int:
    from advisor.cli.diagnostics import fail, say
    from advisor.domain.errors import ExitCode
    from advisor.engine.estimator import INPUT_COLUMNS, RESULT_COLUMNS, estimate_rows
    from advisor.report.output import write_result

    header, rows, faults = read_points(args.points)
    unknown = [c for c in header if c not in INPUT_COLUMNS]
    bench = open_workbench(args)
    _tell_own(bench)
    sound = [row for i, row in enumerate(rows) if i not in faults]
    software, lacking = SOFTWARE[args.software], bench.catalog.incomplete
    estimated = iter(estimate_rows(bench.estimator, sound, software=software, lacking=lacking))
    results = [{**row, "error": faults[i]} if i in faults else next(estimated) for i, row in enumerate(rows)]
    # Cells of the input that bear a result's name would contradict it; the result takes their place.
    columns = [*(c for c in header if c not in RESULT_COLUMNS), *RESULT_COLUMNS]
    write_result(to_csv(columns, results), args.output)
    failed = sum(1 for r in results if r["error"])
    if unknown:
        say(f"columns passed through unread: {', '.join(unknown[:8])}")
    if results and failed == len(results):
        first = next(r["error"] for r in results)
        fail(f"--points {args.points}: none of {len(results):,} points could be estimated; the first: {first}")
        return int(ExitCode.WRONG_INPUT)
    if failed:
        say(f"{failed:,} of {len(results):,} points could not be estimated; the column error says why")
    return 0


def _tell_own(bench: Workbench) -> None:
    """Say that own measurements count, without which the same points give other figures, and which cannot."""
    from advisor.cli.diagnostics import say

    counted, unplaced = bench.own_use()
    if counted:
        say(f"own measurements that count: {counted:,}; --no-user-data leaves them out")
    if unplaced:
        say(
            f"own measurements that do not count, for the catalog has no such model or part: {unplaced:,};"
            " `advisor evidence show RUN` says why"
        )


def read_points(place: str) -> tuple[list[str], list[dict[str, str]], dict[int, str]]:
    """Header and rows of a table of points, and what is wrong with rows that do not fit the header.

    Raises
    ------
    InputError
        When it is unreadable, empty, lacks every known column, or names one twice.
    """
    import csv
    import sys
    from io import StringIO
    from pathlib import Path

    from advisor.engine.estimator import INPUT_COLUMNS

    try:
        if place == "-":
            text = sys.stdin.read(MAX_BYTES + 1)
        else:
            path = Path(place)
            if path.stat().st_size > MAX_BYTES:
                raise InputError(f"--points {place}: larger than {MAX_BYTES // 2**20} MiB; split it")
            text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"--points {place}: not UTF-8 text; save it as CSV in UTF-8") from None
    except OSError as error:
        raise InputError(f"--points {place}: cannot be read ({error.strerror})") from None
    try:
        table = list(csv.reader(StringIO(text.replace("\0", ""), newline="")))
    except csv.Error as error:
        raise InputError(f"--points {place}: not a CSV table: {error}") from None
    table = [row for row in table if row]
    if not table:
        raise InputError(f"--points {place}: is empty; the first line must name columns such as accelerator,model,...")
    header = [name.strip() for name in table[0]]
    while header and not header[-1]:  # a spreadsheet's empty columns at the end
        header.pop()
    twice = list(dict.fromkeys(name for name in header if header.count(name) > 1))
    if twice:
        named = ", ".join(f'"{name}"' for name in twice)
        raise InputError(f"--points {place}: more than one column is named {named}; rename or remove all but one")
    if not set(header) & set(INPUT_COLUMNS):
        for mark, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
            if {cell.strip(' "') for cell in text.partition("\n")[0].split(mark)} & set(INPUT_COLUMNS):
                raise InputError(f"--points {place}: its columns are separated by {name}; separate them by commas")
        raise InputError(f"--points {place}: none of its columns is known; expected {', '.join(INPUT_COLUMNS)}")
    if len(table) > MAX_POINTS:
        raise InputError(f"--points {place}: {len(table) - 1:,} points; at most {MAX_POINTS:,} in one run")
    rows = [dict(zip(header, [*cells, *[""] * (len(header) - len(cells))], strict=False)) for cells in table[1:]]
    faults = {
        i: f"{len(cells)} cells for {len(header)} columns; quote cells that hold a comma"
        for i, cells in enumerate(table[1:])
        if any(cell.strip() for cell in cells[len(header) :])
    }
    return header, rows, faults


def to_csv(columns: list[str], rows: list[dict[str, str]]) -> str:
    """A CSV table with LF line ends."""
    import csv
    from io import StringIO

    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([[row.get(c, "") for c in columns] for row in rows])
    return out.getvalue()


def _print_point(row: dict[str, str]) -> None:
    from advisor.report.figures import count, seconds

    def line(name: str, key: str, show: Any) -> None:
        if row[key]:
            lo, mid, hi = (show(float(row[key + end])) for end in ("_lo", "", "_hi"))
            print(f"{name:<28} {mid:>10}   80 % interval {lo} to {hi}")

    line("TPOT, median", "tpot_p50_s", seconds)
    line("TTFT, median", "ttft_p50_s", seconds)
    line("input + output tok/s per GPU", "total_tps_per_gpu", count)
    line("output tok/s per GPU", "output_tps_per_gpu", count)
    print(f"{'evidence grade':<28} {row['evidence_grade']:>10}   {plain(row['basis'])}")
