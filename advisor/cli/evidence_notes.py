"""What keeps a run from being evidence, and what its statement leaves open, in words."""

from __future__ import annotations

from advisor.catalog.resources import user_overlay_dirs
from advisor.catalog.store import load_catalog
from advisor.domain.errors import did_you_mean
from advisor.domain.model import model_called
from advisor.evidence.runs import Run, unstated
from advisor.probe.plausibility import Plausibility

OPTIONS = {"accelerator": "--accelerator", "gpus": "--gpus", "model": "--as-model", "precision": "--weights"}


def judged(run: Run) -> Run:
    """The run, its steps held to what the stated hardware can do."""
    catalog = load_catalog(user_overlay_dirs())
    check = Plausibility(catalog.accelerators, catalog.models)
    return run.model_copy(update={"steps": tuple(check.judged(run.deployment, step) for step in run.steps)})


def evidence_notes(run: Run) -> list[str]:
    """Sentences; none where the run counts for the very configuration that it measured, or is context only."""
    where = run.deployment
    if run.family not in ("own_probe", "single_run"):
        return []
    missing = [OPTIONS[name] for name in unstated(where)]
    if missing:
        listed = ", ".join(missing[:-1]) + " and " * (len(missing) > 1) + missing[-1]
        return [f"Not used as evidence yet: say what was measured with {listed}"]
    catalog = load_catalog(user_overlay_dirs())
    if where.accelerator not in catalog.accelerators:
        hint = did_you_mean(where.accelerator, catalog.accelerators)
        return [f'Not used as evidence: the catalog has no accelerator "{where.accelerator}"{hint}']
    if model_called(where.model, catalog.models.values()) is None:
        hint = did_you_mean(where.model, catalog.models) or "; `advisor catalog list models` names them"
        return [f'Not used as evidence: the catalog has no model "{where.model}"; name it with --as-model{hint}']
    doubt = Plausibility(catalog.accelerators, catalog.models).another_model(
        where, run.server_facts.get("asked_model", "")
    )
    notes = [doubt] if doubt and doubt not in run.flags else []
    if not where.engine:
        notes.append("Counts for its neighbours only: state --engine, so that it counts for the very configuration")
    return notes
