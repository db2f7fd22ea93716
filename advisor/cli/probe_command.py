"""`advisor probe URL`: measure an endpoint within a budget, keep the result as evidence."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from advisor.cli.measured_options import add_measured_options, measured_deployment

if TYPE_CHECKING:
    from advisor.evidence.runs import Deployment, Run
    from advisor.probe.plan import LengthSpec, Plan, Wishes
    from advisor.probe.resume import Resumption
    from advisor.probe.session import ProbeSession

EXAMPLES = """\
examples:
  advisor probe http://127.0.0.1:8000 --preset quick --accelerator mi300x --gpus 8 --weights fp8
  advisor probe https://gpu.example.com --key-env MY_KEY --profile mine.toml --preset full \\
      --usd-per-gpu-hour 2.40 --gpus 8 --accelerator mi355x --weights fp8 --max-usd 40
  advisor probe https://gpu.example.com --key-prompt --load poisson --rate 2,4,8
  advisor probe http://127.0.0.1:8000 --search --isl 2000 --osl 300
  advisor probe http://127.0.0.1:8000 --preset nine-shape --format csv --output nine.csv
  advisor probe http://127.0.0.1:8000 --preset nine-shape --resume last    what a stopped run has left

The key is read from an environment variable (--key-env NAME, else ADVISOR_API_KEY where set), a prompt, or the
system keyring; never from an argument. Nothing starts before the plan with its worst-case cost is confirmed.

exit codes: 0 measured (also where the budget ended it); 1 a fault of ours; 2 wrong input, the endpoint cannot be
probed, or nothing was measured (no step is valid); 130 interrupted (what was measured is kept)
"""


def add_probe_parser(subparsers: Any) -> None:
    """Arguments of `advisor probe`."""
    parser = subparsers.add_parser(
        "probe",
        help="measure an OpenAI-compatible endpoint and keep the result as evidence",
        description="Measure TTFT, ITL, TPOT, E2EL and throughput of an OpenAI-compatible endpoint, within a budget.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("url", metavar="URL", help="the server, e.g. https://host:8000 (with or without /v1)")
    what = parser.add_argument_group("what to send")
    what.add_argument("--model", metavar="NAME", help="model to ask for; default: the only one that is served")
    what.add_argument("--api", choices=("chat", "completions"), default="chat", help="endpoint (default chat)")
    what.add_argument("--profile", metavar="FILE|NAME", help="take lengths, concurrency and SLO from a profile")
    what.add_argument("--workload", metavar="NAME", help="tier of the profile (default its first)")
    what.add_argument("--isl", metavar="N[:P95]", help="input tokens: a length, or median:95th percentile")
    what.add_argument("--osl", metavar="N[:P95]", help="output tokens, likewise")
    what.add_argument(
        "--shared-prefix", type=float, default=0.0, metavar="SHARE",
        help="share of each prompt that is the same on purpose, and then no evidence (default 0: unique)",
    )  # fmt: skip
    what.add_argument("--tokenizer", metavar="PATH", help="tokenizer.json on disk, to check token counts (no download)")
    what.add_argument(
        "--seed", type=int, default=0,
        help="seed of lengths, arrivals and the rest of each prompt, whose beginning is new in every run (default 0)",
    )  # fmt: skip
    load = parser.add_argument_group("load")
    load.add_argument("--preset", choices=("quick", "full", "nine-shape"), default="quick", help="default quick")
    load.add_argument("--concurrency", metavar="N,N,...", help="closed loop at these numbers in flight")
    load.add_argument("--load", choices=("closed", "poisson", "constant"), default="closed", help="default closed")
    load.add_argument("--rate", metavar="R,R,...", help="open loop: arrivals per second")
    load.add_argument("--search", action="store_true", help="look for the concurrency where throughput saturates")
    load.add_argument("--requests", type=int, metavar="N", help="requests per step at most")
    load.add_argument("--step-seconds", type=float, metavar="S", help="time per step at most")
    load.add_argument(
        "--tolerance",
        type=float,
        metavar="PCT",
        help="end a step once medians are known to +-PCT %% (default 5; full 2)",
    )
    load.add_argument("--timeout", type=float, default=120.0, metavar="S", help="wait for a first token (default 120)")
    load.add_argument("--idle-timeout", type=float, default=30.0, metavar="S", help="wait between bytes (default 30)")
    money = parser.add_argument_group("budget: whichever is first ends the run")
    money.add_argument("--max-usd", type=float, metavar="USD", help="needs a price (default 5; full, nine-shape 50)")
    money.add_argument("--max-tokens", type=int, metavar="N", help="default 500 000; full, nine-shape 5 000 000")
    money.add_argument("--max-seconds", type=float, metavar="S", help="default 285; full 3600; nine-shape 7200")
    money.add_argument("--usd-per-gpu-hour", type=float, default=0.0, metavar="USD", help="rent, with --gpus")
    money.add_argument("--usd-per-mtok-input", type=float, default=0.0, metavar="USD", help="hosted API, input")
    money.add_argument("--usd-per-mtok-output", type=float, default=0.0, metavar="USD", help="hosted API, output")
    money.add_argument("--yes", action="store_true", help="start without asking")
    money.add_argument("--plan", action="store_true", help="show the plan and its worst-case cost, send nothing")
    subject = parser.add_argument_group("what is measured, as you know it (needed to use it as evidence)")
    add_measured_options(subject)
    access = parser.add_argument_group("access")
    access.add_argument("--key-env", metavar="NAME", help="environment variable that holds the key")
    access.add_argument("--key-prompt", action="store_true", help="ask for the key, without echo")
    access.add_argument("--key-keyring", metavar="SERVICE", help="take it from the system keyring (user: advisor)")
    access.add_argument("--allow-plain-http", action="store_true", help="speak http beyond this machine")
    access.add_argument("--ca-file", metavar="PATH", help="certificate authority to trust, besides the usual")
    access.add_argument("--proxy", metavar="URL", help="http proxy (default: HTTPS_PROXY, HTTP_PROXY, NO_PROXY)")
    out = parser.add_argument_group("result")
    out.add_argument("--format", choices=("text", "json", "csv"), default="text", help="default text")
    out.add_argument("--output", "-o", metavar="FILE", help="default stdout")
    out.add_argument("--store", metavar="PLACE", help="path or postgresql:// URL (default ADVISOR_STORE, else yours)")
    out.add_argument("--no-store", action="store_true", help="do not keep the run as evidence")
    out.add_argument(
        "--resume", metavar="RUN",
        help="take up a run that was stopped, with the rest of its command: its id, a unique beginning of it, or last;"
        " limits hold for all that it spends",
    )  # fmt: skip
    out.add_argument("--quiet", action="store_true", help="no progress")
    parser.set_defaults(func=run_probe)


def run_probe(args: argparse.Namespace) -> int:
    """Plan, confirm, measure, keep, print."""
    from advisor.cli.diagnostics import fail, say
    from advisor.cli.probe_text import confirm, plan_text, run_csv, run_json, run_text, use_notes, why_nothing
    from advisor.domain.errors import ExitCode
    from advisor.report.output import write_result

    plan, deployment = _plan(args), measured_deployment(args)
    resumed = _taken_up(args, plan, deployment)
    if args.plan:
        write_result(plan_text(plan, args.url_shown, resumed, deployment) + "\n", args.output)
        return int(ExitCode.OK)
    from advisor.probe.keys import find_key

    key = find_key(env_name=args.key_env, prompt=args.key_prompt, keyring_service=args.key_keyring)
    if not args.yes:
        confirm(plan, args.url_shown, resumed, deployment)
    run = _measure(args, plan, deployment, key, resumed)
    text = {"text": run_text, "json": run_json, "csv": run_csv}[args.format](run)
    if args.format == "text":
        from advisor.cli.probe_prediction import prediction_text

        text += prediction_text(run)
    write_result(text, args.output)
    if args.format != "text" and not args.quiet:
        for note in use_notes(run):
            say(note)
    if run.outcome == "interrupted":
        return int(ExitCode.INTERRUPTED)
    if any(step.valid for step in run.steps):
        return int(ExitCode.OK)
    fail(f"nothing was measured: no step is valid ({why_nothing(run)})")
    return int(ExitCode.WRONG_INPUT)


def _plan(args: argparse.Namespace) -> Plan:
    from pathlib import Path

    from advisor.domain.errors import InputError
    from advisor.probe.budget import Prices
    from advisor.probe.plan import make_plan
    from advisor.probe.target import parse_target

    if args.output not in (None, "-") and not Path(args.output).parent.is_dir():
        raise InputError(f"--output {args.output}: its folder does not exist; nothing was sent")
    for name in ("requests", "step_seconds", "tolerance", "max_usd", "max_tokens", "max_seconds", "gpus", "timeout"):
        value = getattr(args, name)
        if value is not None and not 0 < value < 1e12:
            raise InputError(f"--{name.replace('_', '-')} {value:g}: must be above 0")
    for name in ("usd_per_gpu_hour", "usd_per_mtok_input", "usd_per_mtok_output"):
        if not 0 <= getattr(args, name) < 1e6:
            raise InputError(f"--{name.replace('_', '-')} {getattr(args, name):g}: must be a price, 0 or more")
    if not 0 <= args.shared_prefix <= 1:
        raise InputError(f"--shared-prefix {args.shared_prefix:g}: must lie between 0 and 1")
    if args.usd_per_gpu_hour and not args.gpus:
        raise InputError("--usd-per-gpu-hour needs --gpus: how many GPUs are paid for")
    args.target = parse_target(args.url, args.api, allow_plain_http=args.allow_plain_http)
    args.url_shown = args.target.shown
    profile = None
    if args.profile:
        from advisor.profiles.locate import find_profile
        from advisor.profiles.read import read_profile

        profile = read_profile(find_profile(args.profile))
    prices = Prices(args.usd_per_gpu_hour, args.gpus or 1, args.usd_per_mtok_input, args.usd_per_mtok_output)
    return make_plan(_wishes(args), prices, profile, args.workload)


def _taken_up(args: argparse.Namespace, plan: Plan, deployment: Deployment) -> Resumption | None:
    """The run of --resume, held to what is asked now; None where none is named."""
    from advisor.domain.errors import InputError
    from advisor.evidence.store import open_store
    from advisor.probe.resume import asked_of, find_run, take_up

    args.asked = asked_of(plan, args.target, args.seed, args.shared_prefix)
    if args.resume is None:
        return None
    if args.no_store:
        raise InputError("--resume takes a run up from the store and keeps it there; leave --no-store out")
    with open_store(args.store, make=False) as store:
        run = find_run(store, args.resume, args.target)
    return take_up(run, plan, args.asked, deployment, args.target)


def _wishes(args: argparse.Namespace) -> Wishes:
    from advisor.probe.plan import Wishes

    return Wishes(
        preset=args.preset,
        concurrencies=tuple(int(n) for n in _numbers("--concurrency", args.concurrency, whole=True)),
        rates_rps=_numbers("--rate", args.rate),
        load=args.load,
        isl=_lengths("--isl", args.isl),
        osl=_lengths("--osl", args.osl),
        requests=args.requests,
        step_seconds=args.step_seconds,
        half_width=None if args.tolerance is None else args.tolerance / 100,
        search=args.search,
        max_usd=args.max_usd,
        max_tokens=args.max_tokens,
        max_seconds=args.max_seconds,
    )


def _numbers(option: str, text: str | None, *, whole: bool = False) -> tuple[float, ...]:
    from advisor.domain.errors import InputError

    if not text:
        return ()
    found = []
    for part in text.split(","):
        try:
            value = int(part) if whole else float(part)
        except ValueError:
            raise InputError(f'{option}: "{part.strip()[:40]}" is not a number') from None
        if not 0 < value <= 100_000:
            raise InputError(f"{option}: {value:g} must lie between 0 and 100000")
        found.append(float(value))
    return tuple(found)


def _lengths(option: str, text: str | None) -> LengthSpec | None:
    from math import log

    from advisor.domain.errors import InputError
    from advisor.domain.normal import P95
    from advisor.probe.plan import LengthSpec

    if text is None:
        return None
    median, _, high = text.partition(":")
    try:
        values = [float(median)] + ([float(high)] if high else [])
    except ValueError:
        raise InputError(f'{option} "{text[:40]}": give a number of tokens, or median:p95') from None
    if not all(1 <= value <= 10_000_000 for value in values) or values[-1] < values[0]:
        raise InputError(f"{option} {text[:40]}: lengths run from 1 to 10000000 tokens, the 95th percentile last")
    return LengthSpec(values[0], log(values[-1] / values[0]) / P95)


def _measure(
    args: argparse.Namespace, plan: Plan, deployment: Deployment, key: Any, resumed: Resumption | None
) -> Run:
    """Open the store, run the session in an event loop of its own, close both."""
    import asyncio
    import contextlib
    import gc

    from advisor.evidence.store import open_store

    with contextlib.ExitStack() as stack:
        store = None if args.no_store else stack.enter_context(open_store(args.store))
        # The selector loop takes plain readers on every platform; Windows' default does not.
        runner = stack.enter_context(asyncio.Runner(loop_factory=asyncio.SelectorEventLoop))
        gc.collect()
        gc.freeze()
        return runner.run(_session(args, plan, deployment, key, store, resumed))


async def _session(
    args: argparse.Namespace, plan: Plan, deployment: Deployment, key: Any, store: Any, resumed: Resumption | None
) -> Run:
    import secrets
    from datetime import UTC, datetime
    from pathlib import Path

    from advisor import __version__
    from advisor.cli.probe_text import ProgressLine
    from advisor.probe.client import ProbeClient
    from advisor.probe.exchange import Limits
    from advisor.probe.network import proxy_for
    from advisor.probe.plausibility import plausibility_check
    from advisor.probe.prompts import PromptMaker, load_tokenizer
    from advisor.probe.session import ProbeSession
    from advisor.probe.transport import StampedTransport
    from advisor.tls import tls_context

    count = load_tokenizer(Path(args.tokenizer)) if args.tokenizer else None
    transport = StampedTransport(tls_context(args.ca_file), proxy_for(args.target.base, args.proxy))
    limits = Limits(head_s=args.timeout, idle_s=args.idle_timeout)
    client = ProbeClient(args.target, key, model=args.model or "", transport=transport, limits=limits)
    session = ProbeSession(
        client,
        plan,
        run_id=f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}",
        deployment=deployment,
        seed=args.seed,
        prompts=PromptMaker(args.seed, args.shared_prefix, count),
        on_start=store.begin if store else None,
        on_step=store.add_step if store else None,
        on_end=store.finish if store else None,
        tool_version=__version__,
        plausibility=plausibility_check(args.accelerator),
        asked=args.asked,
        resumed=resumed,
    )
    _stop_on_interrupt(session)
    progress = ProgressLine(enabled=not args.quiet)
    run = None
    async for snapshot in session.snapshots():
        progress.show(snapshot)
        run = snapshot.run
    progress.clear()
    assert run is not None
    return run


def _stop_on_interrupt(session: ProbeSession) -> None:
    """The first Ctrl-C ends the run cleanly; a second one ends the program."""
    import asyncio
    import signal

    loop = asyncio.get_running_loop()

    def stop() -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        session.stop()

    for name in ("SIGINT", "SIGTERM"):
        number = getattr(signal, name)
        try:
            loop.add_signal_handler(number, stop)
        except NotImplementedError:
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop))
