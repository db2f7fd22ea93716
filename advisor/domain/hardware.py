"""Accelerators and the nodes they come in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from typing import Literal

from advisor.domain.provenance import Provenance
from advisor.domain.record import record

Vendor = Literal["AMD", "NVIDIA"]
Precision = Literal["bf16", "fp8", "fp4", "int4"]
PRECISIONS: tuple[Precision, ...] = ("bf16", "fp8", "fp4", "int4")


@record
class Accelerator:
    """One accelerator; every throughput is dense, every figure per GPU.

    Memory is counted in bytes (`memory_bytes`): marketed "GB" mixes 1e9 and 2**30.
    """

    id: str
    """Short id as in the measurements: mi355x, b200, ..."""
    part_id: str
    """Id of the specification row: b200_sxm, ..."""
    vendor: Vendor
    name: str
    architecture: str
    memory_bytes: float
    """Memory that the driver reports [bytes]."""
    memory_gb_marketed: float
    bandwidth_gbps: float
    """DRAM bandwidth [1e9 bytes/s]."""
    dense_tflops: dict[str, float]
    """Dense peak [1e12/s] by format: bf16, fp16, fp8, fp6, fp4, int8; an absent format is not supported."""
    tdp_w: float
    all_in_kw: float | None
    """IT power per GPU with its share of the node [kW]."""
    scale_up_gbps: float
    """Scale-up bandwidth per GPU, one direction [1e9 bytes/s]."""
    scale_up_domain: int
    """GPUs reachable over the scale-up fabric."""
    scale_up_switched: bool
    """True where any pair gets the full rate; False for point-to-point meshes."""
    cooling: tuple[str, ...]
    die_area_mm2: float | None
    formats: tuple[str, ...]
    """Number formats that the hardware executes natively."""
    release: str
    provenance: Provenance
    gpus_per_node: int = 8
    notes: str = ""
    extra: dict[str, str] = field(default_factory=dict)
    memory_provenance: Provenance | None = None
    """Of `memory_bytes`, where it is not that of the other figures."""

    def peak_flops(self, precision: Precision) -> float | None:
        """Dense peak for weights and activations of a precision [FLOP/s]; None where not native.

        int4 checkpoints are weight-only: the arithmetic runs at bf16.
        """
        key = "bf16" if precision == "int4" else precision
        tflops = self.dense_tflops.get(key)
        return None if tflops is None else tflops * 1e12

    @property
    def unit_gpus(self) -> int:
        """GPUs of the smallest unit that is bought: a node, or a rack-scale system as a whole."""
        return max(self.gpus_per_node, self.scale_up_domain)

    @property
    def by_rack(self) -> bool:
        """Whether it is bought as a rack-scale system of several nodes."""
        return self.unit_gpus > self.gpus_per_node

    @property
    def generation(self) -> str:
        """Hopper, Blackwell, CDNA3, ...: the architecture without its variant."""
        return self.architecture.split()[0] if self.architecture else self.id


def kindred(one: Accelerator, others: Iterable[Accelerator], *, any_node: bool = False) -> tuple[str, ...]:
    """Ids of the other accelerators of one's architecture in nodes of the same size: what runs on one runs on all.

    Parameters
    ----------
    any_node
        Whether nodes may be of another size, as those of GB200 beside B200.
    """

    def kind(a: Accelerator) -> tuple[str, str, int]:
        return a.vendor, a.generation, 0 if any_node else a.gpus_per_node

    return tuple(sorted(a.id for a in others if a.id != one.id and kind(a) == kind(one)))
