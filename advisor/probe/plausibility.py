"""Holds a result to what the stated hardware can do at all: a wrong GPU count shows here first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from advisor.domain.hardware import PRECISIONS, Accelerator, Precision
from advisor.domain.model import ModelSpec
from advisor.domain.model_names import model_called, weights_called
from advisor.engine.memory import keeps_four_bits
from advisor.evidence.runs import Deployment, Step

_BYTES = {"bf16": 2.0, "fp8": 1.0, "fp4": 0.5, "int4": 0.5}
_SPECULATION = 4.0
"""Most tokens that one weight pass gives under speculative decoding, generously."""
_LITTLE = 1.5
"""Factor by which a rate may be above what its load and its mean TPOT give."""


def implausible(step: Step, where: Deployment, accelerator: Accelerator, model: ModelSpec) -> list[str]:
    """Contradictions between a step and the stated hardware; a roofline, so that only the impossible is named.

    Layout: no more GPUs share a tensor, or the experts, than there are. Memory: the weights must fit into the GPUs.
    Weights: each decoded token of a lone request reads the active weights once, so that TPOT >= active bytes /
    (GPUs x bandwidth). Arithmetic: tokens/s x 2 x active parameters is at most GPUs x peak. Weights that stay at four
    bits under FP8 arithmetic count as four.
    """
    if where.gpus is None:
        return []
    precision: Precision = next((p for p in PRECISIONS if p == where.precision), "fp4")
    size = _BYTES["fp4" if keeps_four_bits(model, precision, accelerator) else precision]
    found = [f"implausible: {told}: check --gpus and --{name}" for name, told in where.too_wide.items()]
    weights_gb = model.params_total * size / 1e9
    memory_gb = where.gpus * accelerator.memory_bytes / 1e9
    if weights_gb > memory_gb:
        found.append(
            f"implausible: {weights_gb:,.0f} GB of weights at {precision} do not fit into the {memory_gb:,.0f} GB of"
            f" {where.gpus}x {accelerator.id}: check --gpus, --accelerator, --weights, --as-model"
        )
    active_bytes = model.params_active * size
    bandwidth = where.gpus * accelerator.bandwidth_gbps * 1e9
    floor_s = active_bytes / bandwidth / (_SPECULATION if where.spec_method != "none" else 1.0)
    if step.tpot.p50 is not None and step.tpot.p50 < floor_s:
        found.append(
            f"implausible: TPOT {step.tpot.p50 * 1e3:.2f} ms is below {floor_s * 1e3:.2f} ms, in which {where.gpus}x"
            f" {accelerator.id} can read the active weights at {precision}: check --gpus, --accelerator, --weights,"
            " --spec"
        )
    peak = accelerator.peak_flops(precision) or accelerator.peak_flops("bf16")
    if peak is not None and step.total_tps is not None:
        most_tps = where.gpus * peak / (2 * model.params_active)
        if step.total_tps > most_tps:
            found.append(
                f"implausible: {step.total_tps:,.0f} tok/s is more than {where.gpus}x {accelerator.id} can compute"
                f" ({most_tps:,.0f} at {precision}): check --gpus and --accelerator, or prompts were cached"
            )
    return found


def contradictory(step: Step) -> list[str]:
    """Where rate, TPOT and load of a step cannot be those of one run, by Little's law.

    Of N requests in flight each gives a token per TPOT at most, so that output tokens/s <= N / TPOT. The mean TPOT is
    over requests, which weigh by their length in the rate: half as much again is let pass.
    """
    in_flight = step.achieved_concurrency or step.concurrency
    if step.load == "closed" and step.concurrency:
        in_flight = step.concurrency
    tpot_s = step.tpot.mean or step.tpot.p50
    if not in_flight or not tpot_s or step.output_tps is None:
        return []
    most = in_flight / tpot_s
    if step.output_tps <= _LITTLE * most:
        return []
    return [
        f"implausible: {step.output_tps:,.0f} output tok/s from {in_flight:g} in flight at a TPOT of"
        f" {tpot_s * 1e3:.1f} ms, which give {most:,.0f} at most: one of the three is of another run, or in another"
        " unit"
    ]


@dataclass(frozen=True, slots=True)
class Plausibility:
    """What the catalog holds against a statement."""

    accelerators: Mapping[str, Accelerator]
    models: Mapping[str, ModelSpec]

    def judged(self, where: Deployment, step: Step) -> Step:
        """The step; invalid, with the reasons, where the stated hardware cannot have done it, or no run at all."""
        model, accelerator = model_called(where.model, self.models.values()), self.accelerators.get(where.accelerator)
        reasons = implausible(step, where, accelerator, model) if model and accelerator else []
        reasons += contradictory(step)
        reasons = [reason for reason in reasons if reason not in step.flags]
        if not reasons:
            return step
        return step.model_copy(update={"valid": False, "flags": (*reasons, *step.flags)})

    def doubt(self, where: Deployment, served: str) -> str:
        """That the name by which the server calls its model is that of another model, or of weights of another
        precision, than was stated, in words; empty where it is not.
        """
        stated, found = (model_called(name, self.models.values()) for name in (where.model, served))
        if stated is None or found is None:
            return ""
        called = f'the server calls its model "{served}", which is'
        if stated is not found and not {*stated.measured_as} & {*found.measured_as}:
            return f"{called} {found.id}; {stated.id} was stated: check --as-model"
        precision = weights_called(served)
        if where.precision and precision and precision != where.precision:
            return f"{called} one of {precision} weights; {where.precision} was stated: check --weights"
        return ""


def plausibility_check(accelerator: str) -> Plausibility | None:
    """A check against the catalog; None where the user named no accelerator.

    Raises
    ------
    InputError
        The catalog does not know the accelerator.
    """
    if not accelerator:
        return None
    from advisor.catalog.resources import user_overlay_dirs
    from advisor.catalog.store import load_catalog
    from advisor.domain.errors import InputError, did_you_mean

    catalog = load_catalog(user_overlay_dirs())
    name = accelerator.strip().lower()
    if name not in catalog.accelerators:
        raise InputError(f'--accelerator "{name}" is not in the catalog{did_you_mean(name, catalog.accelerators)}')
    return Plausibility(catalog.accelerators, catalog.models)
