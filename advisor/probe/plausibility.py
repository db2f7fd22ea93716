"""Holds a result to what the stated hardware can do at all: a wrong GPU count shows here first."""

from __future__ import annotations

from collections.abc import Callable

from advisor.domain.hardware import PRECISIONS, Accelerator, Precision
from advisor.domain.model import ModelSpec
from advisor.evidence.runs import Deployment, Step

_BYTES = {"bf16": 2.0, "fp8": 1.0, "fp4": 0.5, "int4": 0.5}
_SPECULATION = 4.0
"""Most tokens that one weight pass gives under speculative decoding, generously."""

Check = Callable[[Deployment, Step], list[str]]


def implausible(step: Step, where: Deployment, accelerator: Accelerator, model: ModelSpec) -> list[str]:
    """Contradictions between a step and the stated hardware; a roofline, so that only the impossible is named.

    Weights: each decoded token of a lone request reads the active weights once, so that
    TPOT >= active bytes / (GPUs x bandwidth). Arithmetic: tokens/s x 2 x active parameters <= GPUs x peak.
    """
    if where.gpus is None:
        return []
    precision: Precision = next((p for p in PRECISIONS if p == where.precision), "fp4")
    found = []
    active_bytes = model.params_active * _BYTES[precision]
    bandwidth = where.gpus * accelerator.bandwidth_gbps * 1e9
    floor_s = active_bytes / bandwidth / (_SPECULATION if where.spec_method != "none" else 1.0)
    if step.tpot.p50 is not None and step.tpot.p50 < floor_s:
        found.append(
            f"implausible: TPOT {step.tpot.p50 * 1e3:.2f} ms is below {floor_s * 1e3:.2f} ms, in which {where.gpus}x"
            f" {accelerator.id} can read the active weights at {precision}: check --gpus, --accelerator, --weights"
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


def plausibility_check(accelerator: str) -> Check | None:
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

    def check(where: Deployment, step: Step) -> list[str]:
        model = next((m for m in catalog.models.values() if where.model in (m.id, m.name, *m.measured_as)), None)
        return [] if model is None else implausible(step, where, catalog.accelerators[name], model)

    return check
