"""The probe that the answer suggests, as the form of the Probe screen holds it.

It is read off the command that the answer prints, so that form and command are one plan.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from advisor.tui.probing import Setup

if TYPE_CHECKING:
    from advisor.domain.recommendation import Recommendation

_VALUES: dict[str, tuple[str, Callable[[str], Any]]] = {
    "preset": ("preset", str), "accelerator": ("accelerator", str), "gpus": ("gpus", int),
    "as-model": ("as_model", str), "weights": ("weights", str), "engine": ("engine", str), "tp": ("tp", int),
    "ep": ("ep", int), "spec": ("spec", str), "isl": ("isl", int), "osl": ("osl", int),
    "concurrency": ("concurrency", str), "step-seconds": ("step_seconds", float),
    "max-tokens": ("max_tokens", int), "max-seconds": ("max_seconds", float),
    "usd-per-gpu-hour": ("usd_per_gpu_hour", float), "max-usd": ("max_usd", float),
}  # fmt: skip
_FLAGS = {"dp-attention": "dp_attention", "disagg": "disagg"}
OWN = ("url", "model", "plain_http")
"""Fields about the server itself, which no answer knows."""


def suggested(answer: Recommendation | None) -> dict[str, Any]:
    """What the form should hold for this answer; the blank form where it wants nothing measured."""
    found = {x.name: getattr(Setup(), x.name) for x in fields(Setup) if x.name not in OWN}
    information = answer.decision.information if answer and answer.decision else None
    if information is not None and information.plan is not None:
        found |= read_command(information.plan.command)
    return found


def read_command(command: str) -> dict[str, Any]:
    """The options of `advisor probe URL ...` as fields of the form.

    Raises
    ------
    KeyError
        For an option that the form does not have; tests hold every bundled profile to it.

    Examples
    --------
    >>> read_command("advisor probe URL --preset full --gpus 2 --disagg")
    {'preset': 'full', 'gpus': 2, 'disagg': True}
    """
    out: dict[str, Any] = {}
    words = iter(shlex.split(command)[3:])
    for word in words:
        name = word.removeprefix("--")
        if name in _FLAGS:
            out[_FLAGS[name]] = True
        else:
            field, read = _VALUES[name]
            out[field] = read(next(words))
    return out
