"""What keeps a run from being evidence, and what its statement leaves open, in words."""

from __future__ import annotations

from typing import NamedTuple

from advisor.catalog.resources import user_overlay_dirs
from advisor.catalog.store import load_catalog
from advisor.domain.errors import did_you_mean
from advisor.domain.model_names import model_called
from advisor.domain.text import in_a_row
from advisor.evidence.runs import SPECULATION, Run, speculation, unstated
from advisor.probe.plausibility import Plausibility

OPTIONS = {"accelerator": "--accelerator", "gpus": "--gpus", "model": "--as-model", "precision": "--weights"}

PUBLISHED = (
    "Shows that its configuration works, and moves no estimate: published runs count through the catalog, which"
    " `advisor refresh` renews; runs of your own, as the result file of the tool that made them"
)


class Use(NamedTuple):
    """Whether the catalog can place a run, and what is to be said of it."""

    counts: bool
    notes: tuple[str, ...] = ()


def catalog_check() -> Plausibility:
    """The catalog, with the user's overlays, to hold statements against."""
    catalog = load_catalog(user_overlay_dirs())
    return Plausibility(catalog.accelerators, catalog.models)


def judged(run: Run, check: Plausibility) -> Run:
    """The run, its steps held to what the stated hardware can do."""
    return run.model_copy(update={"steps": tuple(check.judged(run.deployment, step) for step in run.steps)})


def evidence_use(run: Run, check: Plausibility | None = None) -> Use:
    """Nothing is to be said where the run counts for the very configuration that it measured, or is context only.

    Parameters
    ----------
    check
        See `catalog_check`, which is asked where it is needed and not given.
    """
    where = run.deployment
    if run.family == "single_run":
        return Use(False, (PUBLISHED,))
    if run.family != "own_probe":
        return Use(True)
    missing = [OPTIONS[name] for name in unstated(where)]
    if missing:
        return Use(False, (f"Not used as evidence yet: say what was measured with {in_a_row(missing)}",))
    check = check or catalog_check()
    if where.accelerator not in check.accelerators:
        hint = did_you_mean(where.accelerator, check.accelerators)
        return Use(False, (f'Not used as evidence: the catalog has no accelerator "{where.accelerator}"{hint}',))
    if model_called(where.model, check.models.values()) is None:
        hint = did_you_mean(where.model, check.models) or "; `advisor catalog list models` names them"
        told = f'Not used as evidence: the catalog has no model "{where.model}"; name it with --as-model{hint}'
        return Use(False, (told,))
    doubt = check.doubt(where, run.server_facts.get("asked_model", ""))
    notes = [doubt] if doubt and doubt not in run.flags else []
    if speculation(run) == SPECULATION:
        notes.append("Counts as speculative decoding, which the server's counters show: state its method with --spec")
    if not where.engine:
        notes.append("Counts for its neighbours only: state --engine, so that it counts for the very configuration")
    return Use(True, tuple(notes))
