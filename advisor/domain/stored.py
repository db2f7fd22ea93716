"""An answer read back from its JSON, with what is wrong said in a sentence."""

from __future__ import annotations

import json

from pydantic import ValidationError

from advisor.domain.errors import InputError
from advisor.domain.recommendation import READABLE, SCHEMA_VERSION, Recommendation
from advisor.domain.text import plain


def parse_answer(data: bytes, name: str) -> Recommendation:
    """The recommendation in some bytes; `name` is what messages call them.

    Raises
    ------
    InputError
        When it is no recommendation, or one of a schema that cannot be read any more.
    """
    try:
        answer = Recommendation.model_validate_json(data)
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
    if answer.schema_version not in READABLE:
        raise InputError(
            f"{name}: written with schema {plain(answer.schema_version, 20)}, this program reads {SCHEMA_VERSION}; use"
            " the version of advisor that wrote it, or write it again"
        )
    return answer


def _version_of(data: bytes) -> str:
    """The schema version that a file claims, or nothing."""
    try:
        version = json.loads(data).get("schema_version")
    except (ValueError, AttributeError, RecursionError):
        return ""
    return str(version)[:20] if version else ""
