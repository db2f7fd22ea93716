"""Operating points as table rows: what `advisor estimate --points` reads and writes."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

from advisor.domain.errors import did_you_mean
from advisor.domain.estimate import Interval, OperatingEstimate, OperatingQuery
from advisor.domain.model import ModelSpec
from advisor.domain.model_names import model_called
from advisor.engine.estimator.estimator import Estimator, Software

INPUT_COLUMNS = (
    "accelerator", "model", "precision", "engine", "spec_method", "disagg", "tp", "ep", "dp_attention", "gpus",
    "isl", "osl", "concurrency", "software_date",
)  # fmt: skip
METRICS = ("tpot_p50_s", "ttft_p50_s", "total_tps_per_gpu", "output_tps_per_gpu")
RESULT_COLUMNS = (*(m + end for m in METRICS for end in ("", "_lo", "_hi")), "evidence_grade", "basis", "error")
UNKNOWN_WORDS = frozenset({"", "unknown", "none given", "na", "n/a", "nan", "null", "?"})
TRUE_WORDS, FALSE_WORDS = frozenset({"true", "1", "yes"}), frozenset({"false", "0", "no"})
REQUIRED = ("accelerator", "model", "precision", "isl", "osl", "concurrency")
SIGNIFICANT = 6


def query_from_row(
    row: Mapping[str, str], models: Mapping[str, ModelSpec], lacking: Mapping[str, str]
) -> OperatingQuery:
    """One row as a query; ValueError says which cell is wrong.

    `models` holds them by id, by the names that measurements use, and by the names of their repositories in small
    letters; any other name is taken as one by which a server calls its model. `lacking` holds the reason why a part or
    a model of the catalog cannot be estimated, by id.
    """
    cells = {c: (row.get(c) or "").strip() for c in INPUT_COLUMNS}
    missing = [c for c in REQUIRED if cells[c].casefold() in UNKNOWN_WORDS]
    if missing:
        raise ValueError(f"{', '.join(missing)} not given")
    for name in ("accelerator", "model"):
        if cells[name].casefold() in lacking:
            raise ValueError(f'{name} "{cells[name]}" cannot be estimated: {lacking[cells[name].casefold()]}')
    name = cells["model"] if cells["model"] in models else cells["model"].casefold()
    spec = models.get(name)
    if spec is None and (spec := model_called(cells["model"], models.values())) is not None:
        name = spec.id
    if spec is None:
        raise ValueError(f'model "{cells["model"]}" is not in the catalog{did_you_mean(cells["model"], models)}')
    return OperatingQuery(
        accelerator=cells["accelerator"].casefold(),
        model=spec if name in (spec.id, spec.name.casefold()) else replace(spec, id=name),
        precision=cells["precision"].casefold(),
        isl=_size("isl", cells["isl"]),
        osl=_size("osl", cells["osl"]),
        concurrency=_count("concurrency", cells["concurrency"]) or 0,
        engine=_engine(cells["engine"]),
        spec_method=_word(cells["spec_method"]),
        disagg=_flag("disagg", cells["disagg"]),
        tp=_count("tp", cells["tp"]),
        ep=_count("ep", cells["ep"]),
        dp_attention=_flag("dp_attention", cells["dp_attention"]),
        gpus=_count("gpus", cells["gpus"]),
        software_date=_day(cells["software_date"]),
    )


def estimate_rows(
    estimator: Estimator,
    rows: Sequence[Mapping[str, str]],
    *,
    software: Software = "typical",
    lacking: Mapping[str, str] | None = None,
) -> list[dict[str, str]]:
    """Every input row with its result columns, in order; a row that cannot be estimated says why in `error`.

    Points that name no `software_date` are answered as medians over runs by default, the terms in which most rows of
    such tables are stated; recommendations are made on the newest software instead.

    Parameters
    ----------
    lacking
        Why parts and models that the catalog lists without their figures cannot be estimated, by id.
    """
    models = {**{m.name.casefold(): m for m in estimator.models.values()}, **estimator.models}
    queries: list[OperatingQuery] = []
    errors: dict[int, str] = {}
    places: list[int] = []
    for i, row in enumerate(rows):
        try:
            queries.append(query_from_row(row, models, lacking or {}))
            places.append(i)
        except ValueError as error:
            errors[i] = str(error)
    results = dict(zip(places, estimator.estimate(queries, software=software), strict=True))
    return [
        {**dict(row), **(_blank(errors[i]) if i in errors else result_cells(results[i]))} for i, row in enumerate(rows)
    ]


def result_cells(estimate: OperatingEstimate) -> dict[str, str]:
    """The result columns of one estimate as text."""
    if estimate.error:
        return _blank(estimate.error)
    out: dict[str, str] = {}
    for metric in METRICS:
        interval: Interval = getattr(estimate, metric)
        for end, value in (("", interval.mid), ("_lo", interval.lo), ("_hi", interval.hi)):
            out[metric + end] = f"{value:.{SIGNIFICANT}g}" if math.isfinite(value) else ""
    out["evidence_grade"] = estimate.evidence_grade
    out["basis"] = estimate.basis_text
    out["error"] = ""
    return out


def _blank(error: str) -> dict[str, str]:
    return {**dict.fromkeys(RESULT_COLUMNS, ""), "error": error}


def _word(cell: str) -> str | None:
    return None if cell.casefold() in UNKNOWN_WORDS else cell.casefold()


def _engine(cell: str) -> str | None:
    """An engine as measurements spell it: TensorRT-LLM and trtllm are trt, also behind dynamo."""
    word = _word(cell)
    return word and re.sub(r"(tensorrt|trt)([ _-]?llm)?", "trt", word)


def _flag(name: str, cell: str) -> bool | None:
    word = cell.casefold()
    if word in UNKNOWN_WORDS:
        return None
    if word in TRUE_WORDS:
        return True
    if word in FALSE_WORDS:
        return False
    raise ValueError(f'{name} "{cell}" is neither true nor false')


def _day(cell: str) -> date | None:
    if cell.casefold() in UNKNOWN_WORDS:
        return None
    try:
        return date.fromisoformat(cell)
    except ValueError:
        raise ValueError(f'software_date "{cell}" is not a day, YYYY-MM-DD') from None


def _size(name: str, cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        raise ValueError(f'{name} "{cell}" is not a number') from None
    if not math.isfinite(value) or value < 1:
        raise ValueError(f'{name} "{cell}" is not a positive number')
    return value


def _count(name: str, cell: str) -> int | None:
    """A whole number; files that passed through a spreadsheet write 8.0. Zero means not stated."""
    if cell.casefold() in UNKNOWN_WORDS:
        return None
    value = _size(name, cell) if cell not in ("0", "0.0") else 0.0
    if value != int(value):
        raise ValueError(f'{name} "{cell}" is not a whole number')
    return int(value) or None
