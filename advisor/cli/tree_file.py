"""Read a recommendation back from its JSON."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from advisor.domain.errors import InputError

if TYPE_CHECKING:
    from advisor.domain.recommendation import Recommendation

MAX_BYTES = 64 * 1024 * 1024


def read_tree(name: str) -> Recommendation:
    """The recommendation in a JSON file; `-` is stdin.

    Raises
    ------
    InputError
        When it cannot be read, is too large, or is no recommendation.
    """
    import sys

    if name == "-":
        data = sys.stdin.buffer.read(MAX_BYTES + 1)
    else:
        path = Path(name)
        if not path.is_file():
            raise InputError(f"{name}: no such file; `advisor --profile ... --format json --output {name}` writes one")
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{name}: larger than {MAX_BYTES // 2**20} MiB; this is no recommendation")
        try:
            data = path.read_bytes()
        except OSError as error:
            raise InputError(f"{name}: cannot be read ({error.strerror})") from None
    from advisor.domain.stored import parse_answer

    return parse_answer(data, name)
