"""Memory of a part as its driver reports it, where the drop has none or a round figure of the vendor's tools.

One reading for all parts: the total that `nvidia-smi`, or `amd-smi`, `rocm-smi` and `rocminfo`, print. A marketed
"GB" is no unit: on AMD's parts it stands for 2**30 bytes ("VRAM (GiB)" in AMD's own table [1]), on H100, H200 and
B200 for half a per cent less than that, on B300 for 1e9 bytes.

References
----------
[1] AMD GPU specifications, https://rocm.docs.amd.com/en/7.13.0-preview/reference/gpu-specs.html
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from advisor.domain.provenance import Kind

_GITHUB = "https://github.com"
_AMD_TABLE = "VRAM (GiB) of https://rocm.docs.amd.com/en/7.13.0-preview/reference/gpu-specs.html"


class Reported(NamedTuple):
    """What the driver says."""

    mib: int
    """Total memory [MiB]."""
    as_of: date
    reference: str
    kind: Kind = "measured"

    @property
    def memory_bytes(self) -> int:
        """Total memory [bytes].

        >>> REPORTED["mi300x"].memory_bytes, REPORTED["h100"].memory_bytes
        (206141652992, 85520809984)
        """
        return self.mib * 2**20


REPORTED: dict[str, Reported] = {
    "h100": Reported(
        81_559, date(2025, 1, 23), f"{_GITHUB}/modal-labs/modal-client/pull/2797 (nvidia-smi, and 85520809984 bytes)"
    ),
    "h200": Reported(143_771, date(2025, 1, 30), f"{_GITHUB}/sgl-project/sglang/issues/3196 (nvidia-smi)"),
    "h20": Reported(97_871, date(2026, 9, 21), f"{_GITHUB}/vllm-project/aibrix/issues/2770 (nvidia-smi)"),
    "b200": Reported(183_359, date(2025, 12, 24), f"{_GITHUB}/NVIDIA/TensorRT-LLM/issues/10278 (nvidia-smi)"),
    "mi300x": Reported(
        196_592, date(2025, 5, 21),
        f"{_GITHUB}/ROCm/legacy-rocm-build/issues/4750 (rocm-smi: 206141652992 bytes); 192 in {_AMD_TABLE}",
    ),
    "mi325x": Reported(
        262_128, date(2025, 10, 30),
        "ROCm/rocm-install-on-linux:docs/install/3rd-party/jax-install.rst of ROCm 7.1 (amd-smi);"
        f" 256 in {_AMD_TABLE}", "documentation",
    ),
    "mi350x": Reported(
        294_896, date(2026, 6, 17),
        f"{_GITHUB}/ROCm/rocm-libraries/pull/8527 (amd-smi in its tests); 288 in {_AMD_TABLE}",
        "documentation",
    ),
    "mi355x": Reported(
        294_896, date(2026, 1, 23),
        f"{_GITHUB}/ROCm/legacy-rocm-build/issues/5891 (rocminfo: 301973504 KB); 288 in {_AMD_TABLE}",
    ),
}  # fmt: skip
"""By id of the part; a part that is not here keeps what the drop says."""
