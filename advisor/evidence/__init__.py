"""Measurements: the table, matching, grading, the user's own store, imports of other tools' results."""
