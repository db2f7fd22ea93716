"""A history in one line of blocks, and a bar that fills."""

from __future__ import annotations

from collections.abc import Sequence

BLOCKS = "▁▂▃▄▅▆▇█"


def spark(values: Sequence[float], width: int) -> str:
    """The last values, scaled between their least and their most.

    >>> spark([1, 2, 3], 3), spark([5, 5], 4), spark([], 3)
    ('▁▅█', '▁▁', '')
    """
    shown = list(values[-width:]) if width > 0 else []
    if not shown:
        return ""
    least, most = min(shown), max(shown)
    span = most - least
    if span <= 0:
        return BLOCKS[0] * len(shown)
    return "".join(BLOCKS[min(7, int((v - least) / span * 7 + 0.5))] for v in shown)


def gauge(share: float, width: int) -> str:
    """A bar that is filled to a share.

    >>> gauge(0.5, 4), gauge(2, 2)
    ('██░░', '██')
    """
    full = round(max(0.0, min(1.0, share)) * width)
    return "█" * full + "░" * (width - full)
