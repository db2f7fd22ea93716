"""GPUs of a disaggregated deployment from its workers, where a source states no total."""

from __future__ import annotations

from dataclasses import dataclass

DERIVED = "gpus_from_workers"
"""Flag of a measurement whose total is not stated but follows from its workers."""


@dataclass(frozen=True, slots=True)
class Role:
    """Workers of one role and the width of each; None where the source does not state it."""

    workers: int | None
    tp: int | None
    ep: int | None

    @property
    def gpus(self) -> int | None:
        """GPUs of all workers: a worker spans its tensor-parallel group, or all GPUs among which experts are spread.

        Under DP attention the first may be 1 while the second says how wide a worker is. Where both are 1, DP
        attention may still spread a worker over GPUs that nothing states; the caller knows of it.
        """
        if self.workers is None or not self.tp:
            return None
        return self.workers * max(self.tp, self.ep or 1)


def total_gpus(prefill: Role, decode: Role, *, prefill_gpus: int | None, dp_attention: bool) -> int | None:
    """Prefill and decode GPUs together; None where that does not follow from what is stated.

    The rule meets the stated total in 583 of the 584 bundled measurements that state one and for which it answers. It
    answers only where the prefill GPUs are what their workers add up to: elsewhere a worker holds GPUs that it does not
    use.

    Parameters
    ----------
    prefill_gpus
        As stated.
    dp_attention
        Of the decode workers.

    >>> total_gpus(Role(1, 4, 4), Role(5, 8, 8), prefill_gpus=4, dp_attention=False)
    44
    >>> total_gpus(Role(1, 1, 8), Role(1, 1, 16), prefill_gpus=8, dp_attention=True)
    24
    >>> total_gpus(Role(1, 1, 1), Role(1, 1, 1), prefill_gpus=4, dp_attention=True)
    """
    if prefill.workers == 0 and decode.workers == 0:
        # Early rows put the whole deployment in either role and count no workers.
        return prefill_gpus if prefill_gpus and prefill_gpus == decode.tp else None
    if not prefill.workers or not decode.workers or prefill.gpus != prefill_gpus:
        return None
    if dp_attention and (decode.tp, decode.ep) == (1, 1):
        return None
    return None if decode.gpus is None or prefill_gpus is None else prefill_gpus + decode.gpus
