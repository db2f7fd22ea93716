"""Keeping runs: one interface, the SQL of it, and what differs between databases left to the two stores."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC
from types import TracebackType
from typing import Any, Self

from pydantic import ValidationError

from advisor.domain.errors import EvidenceError, did_you_mean
from advisor.domain.evidence import Measurement
from advisor.evidence.runs import RUN_SCHEMA, Run, Step, measurements_from_run


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One line of `evidence list`."""

    id: str
    started_at: str
    outcome: str
    tool: str
    accelerator: str
    model: str
    steps: int


class EvidenceStore(ABC):
    """A store of runs. Each method is one transaction: it happens whole or not at all."""

    place: str
    """Where it is, without credentials."""

    @abstractmethod
    def transaction(self) -> AbstractContextManager[None]:
        """Everything inside is committed together, or nothing."""

    @abstractmethod
    def execute(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run one statement with `?` placeholders; its rows."""

    @abstractmethod
    def close(self) -> None:
        """Release the database."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def put(self, run: Run) -> None:
        """Keep a run with all its steps, in place of one of the same id."""
        with self.transaction():
            self._write_run(run)
            self.execute("DELETE FROM steps WHERE run_id = ?", (run.id,))
            for step in run.steps:
                self._write_step(run.id, step)

    def begin(self, run: Run) -> None:
        """Keep a run that has just started, or what has been learnt of it since; its steps stay."""
        with self.transaction():
            self._write_run(run)

    def add_step(self, run_id: str, step: Step) -> None:
        """Keep one finished step."""
        with self.transaction():
            self._write_step(run_id, step)

    def finish(self, run: Run) -> None:
        """Keep the end of a run."""
        self.put(run)

    def get(self, run_id: str) -> Run:
        """One run; a unique beginning of the id is enough."""
        return self._read(self.full_id(run_id))

    def remove(self, run_id: str) -> str:
        """Delete one run; its full id."""
        found = self.full_id(run_id)
        with self.transaction():
            self.execute("DELETE FROM steps WHERE run_id = ?", (found,))
            self.execute("DELETE FROM runs WHERE id = ?", (found,))
        return found

    def full_id(self, beginning: str) -> str:
        """The id of the run that begins like this, also where this version cannot read the run."""
        ids = [str(row[0]) for row in self.execute("SELECT id FROM runs")]
        if beginning in ids:
            return beginning
        matches = [name for name in ids if beginning and name.startswith(beginning)]
        if len(matches) == 1:
            return matches[0]
        if matches:
            raise EvidenceError(f'{self.place}: "{beginning}" could be {", ".join(sorted(matches)[:5])}; give more')
        raise EvidenceError(f'{self.place}: no run "{beginning}"{did_you_mean(beginning, ids)}')

    def summaries(self) -> list[RunSummary]:
        """All runs, newest first."""
        rows = self.execute(
            "SELECT r.id, r.started_at, r.outcome, r.tool, r.accelerator, r.model,"
            " (SELECT COUNT(*) FROM steps s WHERE s.run_id = r.id) FROM runs r ORDER BY r.started_at DESC, r.id"
        )
        return [RunSummary(*row) for row in rows]

    def runs(self) -> list[Run]:
        """All runs with their steps, oldest first."""
        return [self._read(str(row[0])) for row in self.execute("SELECT id FROM runs ORDER BY started_at, id")]

    def measurements(self) -> list[Measurement]:
        """Every operating point that can serve as evidence."""
        return [point for run in self.runs() for point in measurements_from_run(run)]

    def _write_run(self, run: Run) -> None:
        document = run.model_copy(update={"steps": ()}).model_dump_json()
        where = run.deployment
        started = run.started_at.astimezone(UTC) if run.started_at.tzinfo else run.started_at  # the order of runs
        values = (run.id, started.isoformat(), run.outcome, run.tool, where.accelerator, where.model, document)
        self.execute(
            "INSERT INTO runs (id, started_at, outcome, tool, accelerator, model, document)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET started_at = excluded.started_at,"
            " outcome = excluded.outcome, tool = excluded.tool, accelerator = excluded.accelerator,"
            " model = excluded.model, document = excluded.document",
            values,
        )

    def _write_step(self, run_id: str, step: Step) -> None:
        self.execute(
            "INSERT INTO steps (run_id, position, document) VALUES (?, ?, ?)"
            " ON CONFLICT (run_id, position) DO UPDATE SET document = excluded.document",
            (run_id, step.index, step.model_dump_json(exclude={"evidence"})),
        )

    def _read(self, run_id: str) -> Run:
        rows = self.execute("SELECT document FROM runs WHERE id = ?", (run_id,))
        if not rows:
            raise EvidenceError(f'{self.place}: no run "{run_id}"')
        steps = self.execute("SELECT document FROM steps WHERE run_id = ? ORDER BY position", (run_id,))
        try:
            run = Run.model_validate_json(rows[0][0])
            if run.schema_version > RUN_SCHEMA:
                raise self._newer(run_id)
            found = tuple(Step.model_validate_json(row[0]) for row in steps)
        except ValidationError as error:
            if _is_newer(rows[0][0]):
                raise self._newer(run_id) from None
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise EvidenceError(
                f'{self.place}: run "{run_id}" is not readable by this version ({where}: {first["msg"]});'
                " use the version of advisor that wrote it, remove it with `advisor evidence remove`, or leave own"
                " runs out with --no-user-data"
            ) from None
        return run.model_copy(update={"steps": found})

    def _newer(self, run_id: str) -> EvidenceError:
        return EvidenceError(
            f'{self.place}: run "{run_id}" was written by a newer version of advisor; upgrade, or leave own runs out'
            " with --no-user-data"
        )


def _is_newer(document: str) -> bool:
    """Whether a run that cannot be read says that it is of a newer form."""
    try:
        version = json.loads(document).get("schema_version")
    except (ValueError, AttributeError, RecursionError):
        return False
    return isinstance(version, int) and version > RUN_SCHEMA
