"""The fitted estimator as data: readable text, so that a change shows in a diff."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from advisor.domain.evidence import Measurement
from advisor.domain.hardware import Accelerator
from advisor.domain.provenance import Provenance
from advisor.engine.estimator.covariance import NAMES, Covariance, covariance_from
from advisor.engine.estimator.encode import Floats
from advisor.engine.estimator.tails import Tails

PART_FIELDS = (
    "id", "vendor", "name", "architecture", "memory_bytes", "bandwidth_gbps", "dense_tflops", "scale_up_gbps",
)  # fmt: skip
TARGETS = ("tpot", "share", "ttft")
APART = {"tpot": "tpot_disagg", "ttft": "ttft_disagg"}
"""Targets with a field of its own for disaggregated serving: what its rows leave open would blur the others."""
_SPOKEN_FOR = {apart: target for target, apart in APART.items()}
GPUS = "gpus"
"""Total of a disaggregated deployment, which a question may leave open; a target like the others."""
COLUMNS = (*TARGETS, *APART.values(), GPUS)
FIT_VERSION = 12
"""Raise when the form of the model changes, so that a stored backtest of the old form is stale."""


@dataclass(frozen=True, slots=True)
class Target:
    """One fitted quantity: physics coefficients, covariance and the weight of each measurement."""

    baseline: Floats
    covariance: Covariance
    weights: Mapping[str, float]
    level: Mapping[str, float] = field(default_factory=dict)
    """Log offset of what was measured far from all its kin, see `levels`."""


@dataclass(frozen=True, slots=True)
class Fit:
    """Everything that an estimate needs beside the measurements."""

    targets: Mapping[str, Target]
    fingerprint: str
    """Of the evidence that it was fitted to."""
    half_width: Mapping[str, Mapping[str, tuple[float, float]]]
    """By metric and grade or basis: log offsets of the ends of the 80 % interval."""
    parts: Mapping[str, Accelerator] = field(default_factory=dict)
    """Reference part of each generation, with the figures of the day of the fit."""
    tails: Tails = field(default_factory=dict)
    """Tails over requests, see `tails`."""
    scatter: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """By metric and kind of serving (`scatter_kind`): how far errors lie over what their spreads say of all; 1 for a
    kind that is not listed."""
    version: int = FIT_VERSION

    def field_name(self, target: str, disagg: bool) -> str:
        """Which of `targets` speaks for a quantity of aggregated or disaggregated serving."""
        apart = APART.get(target, "")
        return apart if disagg and apart in self.targets else target

    def parameters_json(self) -> str:
        """Coefficients, covariances and interval widths."""
        body: dict[str, Any] = {"version": self.version, "fingerprint": self.fingerprint, "coordinates": NAMES}
        for name, target in self.targets.items():
            c = target.covariance
            body[name] = {
                "baseline": [round(float(x), 6) for x in target.baseline],
                "scale": [round(float(x), 6) for x in c.scale],
                "rates": [[round(float(x), 6) for x in row] for row in c.rates],
                "load_gap": [round(float(x), 6) for x in c.load_gap],
                "load_square": [round(float(x), 6) for x in c.load_square],
                "noise": round(c.noise, 6),
                "shares": c.shares,
                "level": {key: round(value, 6) for key, value in sorted(target.level.items())},
            }
        body["parts"] = {
            group: {name: getattr(part, name) for name in PART_FIELDS} for group, part in self.parts.items()
        }
        body["tails"] = self.tails
        body["half_width"] = self.half_width
        body["scatter"] = self.scatter
        return json.dumps(body, indent=1) + "\n"

    def weights_csv(self) -> str:
        """One row a measurement: its weight in each target."""
        ids = sorted({row for target in self.targets.values() for row in target.weights})
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["row_id", *COLUMNS])
        for row in ids:
            cells = [self.targets[t].weights.get(row) if t in self.targets else None for t in COLUMNS]
            writer.writerow([row, *("" if w is None else f"{w:.6g}" for w in cells)])
        return out.getvalue()


def quantity(field_name: str) -> str:
    """The target for which a field speaks.

    >>> quantity("ttft_disagg"), quantity("share")
    ('ttft', 'share')
    """
    return _SPOKEN_FOR.get(field_name, field_name)


def evidence_fingerprint(rows: Sequence[Measurement]) -> str:
    """SHA-256 over the measurements and the version of the model's form, whatever the order of the rows."""
    digest = hashlib.sha256(f"fit {FIT_VERSION}\n".encode())
    for text in sorted(repr(row) for row in rows if row.family != "own_probe"):
        digest.update(text.encode())
    return digest.hexdigest()


def fit_from_text(parameters_json: str, weights_csv: str) -> Fit:
    """Read a fit back from its two files."""
    body = json.loads(parameters_json)
    rows = csv.reader(io.StringIO(weights_csv))  # row by row: thousands held at once take far longer in fresh memory
    _, *names = next(rows)
    weights: dict[str, dict[str, float]] = {name: {} for name in names}
    columns = list(weights.values())
    for row_id, *cells in rows:
        for column, cell in zip(columns, cells, strict=True):
            if cell:
                column[row_id] = float(cell)
    targets = {
        t: Target(np.array(body[t]["baseline"]), covariance_from(body[t]), weights[t], body[t]["level"])
        for t in COLUMNS
        if t in body
    }
    widths = {m: {k: (v[0], v[1]) for k, v in by.items()} for m, by in body["half_width"].items()}
    tails = {k: [(a, b) for a, b in v] for k, v in body["tails"].items()}
    parts = {group: _part(values) for group, values in body["parts"].items()}
    return Fit(targets, body["fingerprint"], widths, parts, tails, body.get("scatter", {}), body["version"])


def _part(values: Mapping[str, Any]) -> Accelerator:
    """An accelerator as far as the physics of a step needs it."""
    return Accelerator(
        **values, part_id=values["id"], memory_gb_marketed=values["memory_bytes"] / 1e9, tdp_w=0.0, all_in_kw=None,
        scale_up_domain=8, scale_up_switched=True, cooling=(), die_area_mm2=None, formats=(), release="",
        provenance=Provenance("fit", None, "derived"),
    )  # fmt: skip
