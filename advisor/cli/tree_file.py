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
    from pydantic import ValidationError

    from advisor.domain.recommendation import SCHEMA_VERSION, Recommendation

    try:
        return Recommendation.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the top"
        version = _version_of(data)
        if version and version != SCHEMA_VERSION:
            raise InputError(
                f"{name}: written with schema {version}, this program reads {SCHEMA_VERSION} ({where}: {first['msg']});"
                " use the version of advisor that wrote it, or write it again"
            ) from None
        raise InputError(
            f"{name}: not a recommendation of schema {SCHEMA_VERSION}: {where}: {first['msg']}; write it again with"
            " `advisor --profile ... --format json`"
        ) from None


def _version_of(data: bytes) -> str:
    """The schema version that a file claims, or nothing."""
    import json

    try:
        version = json.loads(data).get("schema_version")
    except (ValueError, AttributeError, RecursionError):
        return ""
    return str(version)[:20] if version else ""
