"""Results of other tools, read into the form that the store keeps."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from advisor.domain.errors import EvidenceError
from advisor.evidence.imports import aiperf, guidellm, inferencex, mlperf, nineshape, sglang, vllm
from advisor.evidence.imports.common import (
    Context,
    merged,
    placed_within_ramps,
    shares_a_prefix,
    without_shared_prompts,
)
from advisor.evidence.runs import RUN_SCHEMA, Deployment, Run

Reader = Callable[[Any, Context], list[Run]]
_OWN_FIELDS = {"schema_version", "steps", "tool"}
_MAX_BYTES = 256 * 1024 * 1024
_READERS = (nineshape, inferencex, sglang, vllm, guidellm, aiperf, mlperf)
_WITH_RAMPS = (sglang, vllm, guidellm, aiperf)
"""Tools that divide by the whole duration and tell what was held. Ours measures while the load is held; rows of
InferenceX do not tell, and count as those of the catalog do."""
KINDS = ("auto", "advisor", *(module.KIND for module in _READERS))


def read_runs(path: Path, *, kind: str = "auto", stated: Deployment | None = None) -> list[Run]:
    """Runs in a result file; the kind is recognised from its fields unless given.

    Raises
    ------
    EvidenceError
        With the file and the reason, where it is unreadable, of no known kind, or lacks what a result needs.
    """
    context = Context(path.name, datetime.fromtimestamp(_stamp(path), UTC).astimezone(), stated or Deployment())
    try:
        found = [run for document in _documents(path) for run in _read(document, kind, context)]
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise EvidenceError(f"{path.name}: {where}: {first['msg']}") from None
    except (AttributeError, KeyError, TypeError, IndexError) as error:
        raise EvidenceError(f"{path.name}: not laid out as expected ({type(error).__name__}: {error})") from None
    if not found:
        raise EvidenceError(f"{path.name}: holds no result that can be used")
    return found


def _read(document: Any, kind: str, context: Context) -> list[Run]:
    if kind in ("auto", "advisor"):
        own = document if isinstance(document, list) else [document]
        if own and all(isinstance(row, dict) and row.keys() >= _OWN_FIELDS for row in own):
            return [_own(row, context) for row in own]
    for module in _READERS:
        if kind in ("auto", module.KIND) and module.recognises(document):
            reader: Reader = module.read
            found = reader(document, context)
            if module in _WITH_RAMPS:
                found = [r.model_copy(update={"steps": tuple(map(placed_within_ramps, r.steps))}) for r in found]
                if shares_a_prefix(document):
                    found = [r.model_copy(update={"steps": tuple(map(without_shared_prompts, r.steps))}) for r in found]
            return found
    if kind != "auto":
        raise EvidenceError(
            f"{context.name}: does not look like a result of {kind}; leave out --kind to have it recognised"
        )
    raise EvidenceError(f"{context.name}: of no known kind; known are {', '.join(KINDS[1:])}")


def _own(document: dict[str, Any], context: Context) -> Run:
    version = document["schema_version"]
    if isinstance(version, int) and version > RUN_SCHEMA:
        raise EvidenceError(f"{context.name}: written by a newer version of advisor (schema {version}); upgrade")
    run = Run.model_validate(document)
    return run.model_copy(update={"deployment": merged(run.deployment, context.stated)})


def _stamp(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError as error:
        raise EvidenceError(f"{path}: {error.strerror}") from None


def _documents(path: Path) -> list[Any]:
    """JSON, JSON lines (one benchmark a line), or CSV with a header."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise EvidenceError(f"{path.name}: larger than 256 MiB")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise EvidenceError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise EvidenceError(f"{path.name}: not a text file") from None
    try:
        return [json.loads(text)]
    except RecursionError:
        raise EvidenceError(f"{path.name}: nested too deeply") from None
    except ValueError as error:
        whole = error
    if path.suffix.lower() == ".csv":
        csv.field_size_limit(min(sys.maxsize, 1_000_000))
        try:
            return [list(csv.DictReader(io.StringIO(text)))]
        except csv.Error as error:
            raise EvidenceError(f"{path.name}: not readable as CSV ({error})") from None
    documents = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                documents.append(json.loads(line))
            except (ValueError, RecursionError):
                raise EvidenceError(f"{path.name}: neither JSON ({whole}) nor JSON lines (line {number})") from None
    if not documents:
        raise EvidenceError(f"{path.name}: is empty")
    return documents
