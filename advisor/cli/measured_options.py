"""Options that say what was measured, for `advisor probe` and `advisor evidence import` alike."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from advisor.evidence.runs import Deployment

WHOLE = ("gpus", "tp", "ep")
"""Options that are whole numbers."""


def add_measured_options(group: argparse._ArgumentGroup) -> None:
    """Part, model and configuration."""
    group.add_argument("--accelerator", default="", metavar="ID", help="catalog id, e.g. mi355x")
    group.add_argument("--gpus", type=int, metavar="N", help="GPUs that serve the endpoint")
    group.add_argument("--as-model", default="", metavar="ID", help="catalog id of the model, where names differ")
    group.add_argument("--weights", default="", choices=("", "bf16", "fp8", "fp4", "int4"), help="weight precision")
    group.add_argument("--engine", default="", help="vllm, sglang, trt, ... (default: what the server or file says)")
    group.add_argument("--tp", type=int, metavar="N", help="tensor parallelism")
    group.add_argument("--ep", type=int, metavar="N", help="expert parallelism")
    group.add_argument("--dp-attention", action="store_true", help="attention is data-parallel")
    group.add_argument("--spec", default="none", metavar="METHOD", help="speculative decoding method (default none)")
    group.add_argument("--disagg", action="store_true", help="prefill and decode run on separate GPUs")


def measured_deployment(args: argparse.Namespace) -> Deployment:
    """What the options state.

    Raises
    ------
    InputError
        With the option that is out of its range.
    """
    from advisor.domain.errors import InputError
    from advisor.evidence.runs import Deployment

    for name in WHOLE:
        value = getattr(args, name)
        if value is not None and not 1 <= value <= 100_000:
            raise InputError(f"--{name} {value}: must lie between 1 and 100000")
    where = Deployment(
        accelerator=args.accelerator.strip().lower(), gpus=args.gpus, model=args.as_model, precision=args.weights,
        engine=args.engine, tp=args.tp, ep=args.ep, dp_attention=args.dp_attention, spec_method=args.spec,
        disagg=args.disagg,
    )  # fmt: skip
    for name, told in where.too_wide.items():
        raise InputError(f"--{name}, --gpus: {told}")
    return where
