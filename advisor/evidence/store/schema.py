"""The store's tables, version by version; both databases run the same statements."""

from __future__ import annotations

APPLICATION_ID = 0x41445652
"""Marks our SQLite files ("ADVR"), so that no other program's database is taken for ours."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE runs (
            id TEXT PRIMARY KEY,
            started_at TEXT NOT NULL,
            outcome TEXT NOT NULL,
            tool TEXT NOT NULL,
            accelerator TEXT NOT NULL,
            model TEXT NOT NULL,
            document TEXT NOT NULL
        )""",
        """CREATE TABLE steps (
            run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
            position INTEGER NOT NULL,
            document TEXT NOT NULL,
            PRIMARY KEY (run_id, position)
        )""",
    ),
    (
        # Estimates ask by accelerator and model; a team's store grows past what a scan should read.
        "CREATE INDEX runs_by_subject ON runs (accelerator, model)",
        "CREATE INDEX runs_by_start ON runs (started_at)",
    ),
)
"""`MIGRATIONS[n]` leads from version n to n + 1; never edited once released, only appended to."""

VERSION = len(MIGRATIONS)
