"""Everything that answering takes, loaded once: catalog, fit, evidence. The surfaces sit on top of it.

This is where files are read; the engine below gets values only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.catalog import Catalog, load_catalog
from advisor.catalog.resources import cache_dir, user_overlay_dirs
from advisor.catalog.sizing import read_sizing
from advisor.domain.errors import CatalogError, ProfileError, did_you_mean
from advisor.domain.evidence import Measurement
from advisor.domain.model import ModelSpec
from advisor.domain.model_names import model_called
from advisor.domain.profile import Model, Profile
from advisor.domain.provenance import Quantity
from advisor.domain.recommendation import DEFAULT_DRAWS, DEFAULT_SEED, BacktestSummary, ProbeCheck, Recommendation
from advisor.domain.text import in_a_row
from advisor.engine.deployments import MeasuredConfigs, index_configs
from advisor.engine.operating_point import MEAN_OVER_NOMINAL
from advisor.profiles.hf_config import model_by_hand, model_from_config

if TYPE_CHECKING:
    from advisor.domain.backtest import BacktestResult
    from advisor.domain.estimate import OperatingEstimate
    from advisor.engine.drafts import Inputs
    from advisor.engine.estimator import Estimator, Fit
    from advisor.evidence.runs import Run

FIT_FILES = ("parameters.json", "weights.csv")
BACKTEST_FILE = "backtest.json"


def own_evidence(as_of: date) -> list[Measurement]:
    """Measurements of the user's own store; none where there is no store yet.

    A judgement at an earlier day knows nothing of what was measured after it.
    """
    from advisor.evidence.place import store_exists

    if not store_exists():
        return []
    from advisor.evidence.store import open_store

    with open_store() as store:
        return [m for m in store.measurements() if m.known_on(as_of)]


class Workbench:
    """The loaded facts; build one and answer many profiles.

    Parameters
    ----------
    overlays
        Folders laid over the bundled catalog, beside the user's own.
    as_of
        Date at which rules, prices and evidence are judged.
    evidence
        The user's own measurements (grade A).
    """

    def __init__(
        self, overlays: Sequence[Path] = (), *, as_of: date, evidence: Sequence[Measurement] = (), bare: bool = False
    ) -> None:
        self.as_of = as_of
        self.evidence = tuple(evidence)
        self.overlays = (*(() if bare else user_overlay_dirs()), *overlays)

    @cached_property
    def catalog(self) -> Catalog:
        """The catalog with its overlays, as it was known on the day of judgement."""
        return load_catalog(self.overlays, known_by=self.as_of)

    @cached_property
    def parameters(self) -> dict[str, Quantity]:
        """Sizing parameters by name."""
        return read_sizing(self.catalog)

    @cached_property
    def configs(self) -> MeasuredConfigs:
        """Configurations that measurements had shown to work by the day of the judgement."""
        catalog = self.catalog
        known = [m for m in catalog.measurements if m.began_by(self.as_of)]
        return index_configs([*known, *self._own_rows], catalog.accelerators, catalog.software)

    @cached_property
    def fit(self) -> Fit:
        """The fit to the evidence: the user's own after `advisor calibrate`, else the bundled one."""
        return self._own_fit[1] if self._own_fit else self.bundled_fit

    @cached_property
    def bundled_fit(self) -> Fit:
        """The fit that comes with the catalog."""
        folder = self.catalog.layers[0].root / "fit"
        try:
            return _read_fit(folder)
        except OSError as error:
            raise CatalogError(f"cannot be read ({error.strerror})", file=str(folder / FIT_FILES[0])) from None
        except (KeyError, ValueError) as error:
            raise CatalogError(f"is no fit ({error!r})", file=str(folder)) from None

    def _fit_folder(self) -> Path:
        return self._own_fit[0] if self._own_fit else self.catalog.layers[0].root / "fit"

    @cached_property
    def _own_fit(self) -> tuple[Path, Fit] | None:
        """The fit of `advisor calibrate` with its folder, where it belongs to the evidence at hand."""
        from advisor.engine.estimator.fit import evidence_fingerprint

        own = (cache_dir() / "fit").resolve()  # one version for a whole run
        if not self.overlays or not all((own / name).is_file() for name in FIT_FILES):
            return None
        try:
            fit = _read_fit(own)
        except (OSError, ValueError, LookupError, TypeError):
            return None  # of another version of the program, or damaged: the bundled fit stands in
        rows = [*self.catalog.measurements, *self.catalog.vendor_ci]
        return (own, fit) if fit.fingerprint == evidence_fingerprint(rows) else None

    @cached_property
    def estimator(self) -> Estimator:
        """The throughput estimator over all evidence.

        Runs of others that the user brought in (rows of InferenceX) move no estimate, as the fit does not know them; so
        they may not grade one either, nor say which software is the newest.
        """
        from advisor.engine.estimator import Estimator

        catalog = self.catalog
        own = (m for m in self._own_rows if m.family == "own_probe")
        rows = [*catalog.measurements, *catalog.vendor_ci, *own]
        return Estimator(self.fit, rows, catalog.models, catalog.accelerators, self.as_of)

    @cached_property
    def _called_rows(self) -> list[Measurement]:
        """The user's measurements with models by catalog id, whatever the server called them."""
        models = self.catalog.models.values() if self.evidence else ()
        found = {name: model_called(name, models) for name in {row.model for row in self.evidence}}
        return [
            replace(row, model=spec.id) if (spec := found[row.model]) and row.model not in spec.measured_as else row
            for row in self.evidence
        ]

    @cached_property
    def _own_rows(self) -> list[Measurement]:
        """The user's measurements that stand, as the catalog states its own: models by measured name, lengths nominal.

        A probe states the lengths that it sent; the catalog's lengths are nominal, of which requests draw 0.9.
        """
        if not self.evidence:
            return []
        from advisor.engine.own_runs import standing

        measured = {m.model for m in self.catalog.measurements}
        out = []
        for row in self._called_rows:
            spec = self.catalog.models.get(row.model)
            names = [n for n in spec.measured_as if n in measured] if spec and row.model not in measured else []
            isl, osl = (max(1, round(n / MEAN_OVER_NOMINAL)) for n in (row.isl, row.osl))
            if row.family != "own_probe":
                isl, osl = row.isl, row.osl
            out.append(replace(row, model=names[0] if names else row.model, isl=isl, osl=osl))
        return standing(out)

    def own_use(self) -> tuple[int, int]:
        """How many of the user's measurements the estimates rest on, and how many the catalog cannot place."""
        own = [m for m in self._own_rows if m.family == "own_probe"]
        models = {*self.catalog.models, *(name for spec in self.catalog.models.values() for name in spec.measured_as)}
        placed = sum(m.accelerator in self.catalog.accelerators and m.model in models for m in own)
        return placed, len(own) - placed

    @cached_property
    def _prior(self) -> Estimator:
        """The estimator without the user's own measurements."""
        return Workbench(self.overlays, as_of=self.as_of, bare=True).estimator if self.evidence else self.estimator

    def predicted(self, run: Run) -> list[OperatingEstimate | str]:
        """What was predicted for each step of a run from the catalog alone, or why nothing was."""
        from advisor.engine.probe_checks import predicted_steps

        return predicted_steps(run, list(self.catalog.models.values()), self._prior.estimate)

    @cached_property
    def backtest(self) -> BacktestSummary | None:
        """How often advice of this kind has been right, in short; None where no stored backtest belongs to the fit."""
        from advisor.domain.backtest import summary_of

        stored = self._stored_backtest_text()
        # The whole result is long; only the decision scores are wanted here.
        body = json.loads(stored) if stored is not None else {}
        return summary_of(body) if body.get("fingerprint") == self.fit.fingerprint else None

    def stored_backtest(self) -> BacktestResult | None:
        """The stored backtest; None where it belongs to other evidence than the fit."""
        from advisor.domain.backtest import BacktestResult

        stored = self._stored_backtest_text()
        result = BacktestResult.model_validate_json(stored) if stored is not None else None
        return result if result is not None and result.fingerprint == self.fit.fingerprint else None

    def run_backtest(self, told: Callable[[str, float], None] = lambda _stage, _share: None) -> BacktestResult:
        """Leave everything out in turn, now; takes minutes. `told` hears the stage and the share that is done."""
        from advisor.engine.backtest import run_backtest

        catalog = self.catalog
        rows = [*catalog.measurements, *catalog.vendor_ci]
        return run_backtest(rows, catalog.models, catalog.accelerators, self.fit, self.backtest_prices(), told=told)[1]

    def backtest_prices(self) -> dict[str, float]:
        """Prices of the decision score [USD/GPU-h]: neocloud on demand, else the published three-year rental."""
        catalog = self.catalog
        out = {}
        for accelerator in catalog.accelerators:
            market = catalog.rent_market(accelerator, "neocloud", "on_demand", self.as_of)
            if market.typical is not None:
                out[accelerator] = market.typical
                continue
            for scope in (accelerator.upper(), f"{accelerator.upper()} NVL72"):
                rental = catalog.tco.get(("InferenceX rental, 3-yr contract 25% upfront", scope))
                if rental is not None and rental.typical is not None:
                    out[accelerator] = rental.typical
        return out

    def _stored_backtest_text(self) -> str | None:
        path = self._fit_folder() / BACKTEST_FILE
        try:
            return path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise CatalogError(f"cannot be read ({error.strerror})", file=str(path)) from None

    def find_model(self, section: Model, folder: Path | None = None) -> ModelSpec:
        """The dimensions of the model that a profile names, by its catalog id or as servers and measurements call it.

        Raises
        ------
        ProfileError
            When it is unknown or may be several, with suggestions, or its configuration cannot be read.
        """
        if section.custom is not None:
            return model_by_hand(section.custom)
        if section.config_json is not None:
            path = Path(section.config_json)
            return model_from_config(path if path.is_absolute() or folder is None else folder / path)
        assert section.id is not None
        found = self.catalog.models_called(section.id)
        if len(found) == 1:
            return found[0]
        if found:
            several = in_a_row([spec.id for spec in found])
            raise ProfileError(f'model.id: "{section.id}" stands for {several}; give the id you mean')
        reason = self.catalog.incomplete_models.get(section.id)
        if reason:
            raise ProfileError(f'model.id: "{section.id}" cannot be sized: {reason}')
        hint = did_you_mean(section.id, self.catalog.models) or "; `advisor catalog list models` names them"
        raise ProfileError(f'model.id: unknown model "{section.id}"{hint}')

    def check(self, profile: Profile, folder: Path | None = None) -> None:
        """Check every name that a profile uses against the catalog.

        Raises
        ------
        AdvisorError
            At the first name that is unknown, with suggestions.
        """
        from advisor.engine.advise import select_accelerators
        from advisor.engine.gates import evaluate_gates
        from advisor.engine.names import check_names

        check_names(profile, self.catalog)
        accelerators = select_accelerators(profile, self.catalog)
        for workload in profile.tiers:
            self.find_model(workload.model, folder)
        evaluate_gates(profile, accelerators[0], self.catalog, self.as_of, None)

    def inputs(
        self, profile: Profile, *, folder: Path | None = None, seed: int = DEFAULT_SEED, draws: int = DEFAULT_DRAWS,
        command: str = "", with_claims: bool = False,
    ) -> Inputs:  # fmt: skip
        """What the engine takes beside the profile."""
        from functools import partial

        from advisor.engine.drafts import Inputs
        from advisor.engine.estimator import Memo

        models = [self.find_model(w.model, folder) for w in profile.tiers]
        memo = Memo()
        return Inputs(
            catalog=self.catalog,
            estimate=partial(self.estimator.estimate, memo=memo),
            first_token=partial(self.estimator.first_token, memo=memo),
            configs=self.configs,
            models=models,
            parameters=self.parameters,
            as_of=self.as_of,
            seed=seed,
            draws=draws,
            backtest=self.backtest,
            command=command,
            own_evidence=self.evidence,
            probes=self._probe_checks(profile, models),
            with_claims=with_claims,
        )

    def _probe_checks(self, profile: Profile, models: Sequence[ModelSpec]) -> tuple[ProbeCheck, ...]:
        if not self.evidence:
            return ()
        from advisor.engine.advise import DEFAULT_CANDIDATES
        from advisor.engine.probe_checks import probe_checks

        candidates = profile.candidates or DEFAULT_CANDIDATES
        rows = [row for row in self._called_rows if row.family == "own_probe"]
        found = [probe_checks(rows, m, candidates, self._prior.estimate) for m in models]
        return tuple(check for checks in found for check in checks)

    def advise(
        self, profile: Profile, *, folder: Path | None = None, seed: int = DEFAULT_SEED, draws: int = DEFAULT_DRAWS,
        command: str = "", with_claims: bool = False,
    ) -> Recommendation:  # fmt: skip
        """Answer a profile; `folder` is where relative paths in it start."""
        from advisor.engine.advise import advise

        inputs = self.inputs(
            profile, folder=folder, seed=seed, draws=draws, command=command, with_claims=with_claims
        )
        return advise(profile, inputs)


def _read_fit(folder: Path) -> Fit:
    from advisor.engine.estimator import fit_from_text

    return fit_from_text(*((folder / name).read_text(encoding="utf-8") for name in FIT_FILES))
