"""`advisor calibrate`: fit the estimator to the evidence at hand, and test it by leaving out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from advisor.domain.errors import ExitCode, InputError
from advisor.domain.text import percent

if TYPE_CHECKING:
    from advisor.domain.backtest import BacktestResult
    from advisor.workbench import Workbench

WORSE = 1.25
"""Factor on the median error of left-out points beyond which a new fit is not put in force by itself."""

_EXAMPLES = """\
examples:
  advisor calibrate                  after new measurements: fit, backtest, put in force
  advisor calibrate --force          also where the fit at hand already belongs to the evidence
  advisor calibrate --learn          efficiencies and covariances from nothing too, as the bundled fit was made

`advisor refresh` does this by itself after new evidence. The fit lies in the cache folder and is used as long as it
belongs to the evidence at hand; else the bundled one is.
"""


def add_calibrate_parser(subparsers: Any) -> None:
    """`advisor calibrate`."""
    parser = subparsers.add_parser(
        "calibrate", help="fit the estimates to the evidence at hand", epilog=_EXAMPLES, allow_abbrev=False,
        description="Fit the estimator to the evidence at hand, the refreshed measurements and own files included, and"
        " redo the backtest that goes with it. Takes some minutes.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--force", action="store_true", help="also where nothing is new, or where it fits worse")
    parser.add_argument(
        "--learn", action="store_true",
        help="learn the efficiencies of physics and the covariances from nothing too, not the weights alone",
    )  # fmt: skip
    from advisor.cli.recommend_command import add_catalog_options

    add_catalog_options(parser)
    parser.set_defaults(func=run_calibrate)


def run_calibrate(args: argparse.Namespace) -> int:
    """Fit, test, and put the fit in force."""
    from advisor.cli.recommend_command import open_workbench

    return calibrate_bench(open_workbench(args), force=args.force, learn=args.learn)


def renew_fit() -> int:
    """Fit to the evidence after a refresh."""
    from datetime import date

    from advisor.workbench import Workbench

    return calibrate_bench(Workbench(as_of=date.today()), force=False)


def calibrate_bench(bench: Workbench, *, force: bool, learn: bool = False) -> int:
    """Fit to the evidence of a workbench and write the fit into the cache, whole or not at all.

    Parameters
    ----------
    force
        Also where the fit at hand belongs to the evidence, or fits better.
    learn
        Learn efficiencies and covariances anew; those of the bundled fit are kept otherwise.
    """
    from advisor.catalog.resources import cache_dir
    from advisor.cli.diagnostics import say
    from advisor.engine.backtest import calibrate_and_backtest
    from advisor.engine.estimator.fit import evidence_fingerprint
    from advisor.engine.estimator.learning import Plan

    catalog = bench.catalog
    rows = [*catalog.measurements, *catalog.vendor_ci]
    if not force and not learn and bench.fit.fingerprint == evidence_fingerprint(rows):
        print(f"the fit belongs to the evidence at hand ({len(rows):,} measurements); nothing to do")
        return int(ExitCode.OK)
    say(f"fitting to {len(rows):,} measurements and leaving them out in turn; this takes some minutes")
    before = bench.stored_backtest()
    try:
        fit, result = calibrate_and_backtest(
            rows, catalog.models, catalog.accelerators, bench.bundled_fit, bench.backtest_prices(),
            learn=Plan() if learn else None,
        )  # fmt: skip
    except (ArithmeticError, ValueError) as error:
        raise InputError(f"the evidence cannot be fitted ({error}); the fit at hand stays in use") from None
    print(f"measurements  {len(rows):,}")
    for name, scheme in (("points left out", "point"), ("model and shape left out", "model_shape")):
        now, then = median_error(result, scheme), median_error(before, scheme) if before else None
        if now is not None:
            was = "" if then is None else f" (before: {percent(then, 1)})"
            print(f"median error of tokens/s, {name}  {percent(now, 1)}{was}")
    if result.decisions:
        score = result.decisions[0]
        print(f"right accelerator named  {percent(score.right_share)} of {score.n} comparisons left out")
    now, then = median_error(result, "point"), median_error(before, "point") if before else None
    if not force and now is not None and then is not None and now > then * WORSE:
        raise InputError(
            f"the new evidence fits worse: the median error of left-out points would be {percent(now, 1)} instead of"
            f" {percent(then, 1)}; the fit at hand stays in use. `advisor calibrate --force` takes the new one"
        )
    files = {
        "parameters.json": fit.parameters_json(),
        "weights.csv": fit.weights_csv(),
        "backtest.json": result.model_dump_json(indent=1) + "\n",
    }
    write_fit(cache_dir(), files)
    print(f"fit and backtest written to {cache_dir() / 'fit'}")
    return int(ExitCode.OK)


def write_fit(cache: Path, files: dict[str, str]) -> None:
    """Put a fit in force after reading it back."""
    from advisor.engine.estimator import fit_from_text
    from advisor.refresh.write import FIT, replace_folder, write_lock

    def check(folder: Path) -> None:
        fit_from_text(*((folder / name).read_text(encoding="utf-8") for name in ("parameters.json", "weights.csv")))

    with write_lock(cache):
        replace_folder(cache, files, check, FIT)


def median_error(result: BacktestResult, scheme: str) -> float | None:
    """Median relative error of tokens/s per GPU over all rows left out under a scheme."""
    found = (
        s.median_ape for s in result.scores if (s.scheme, s.metric, s.slice) == (scheme, "total_tps_per_gpu", "all")
    )
    return next(found, None)
