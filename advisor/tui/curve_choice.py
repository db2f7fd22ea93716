"""Which curve is in front: the workload or model, the precision, the engine; and the thread that works out the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from advisor.tui.curve_figure import Shown, other_curve, own_curve, workload_of
from advisor.tui.desk import Facts
from advisor.tui.widgets.chips import MORE, Group

if TYPE_CHECKING:
    from pathlib import Path

    from advisor.domain.recommendation import Candidate, Recommendation
    from advisor.domain.sizing import DeploymentCurve

Asked = tuple[str, str, str]
"""(accelerator, tier, another model or empty)."""


@dataclass(slots=True)
class CurveChoice:
    """What the user wants to see; whatever does not exist gives way to what does."""

    tier: str = ""
    model: str = ""
    """A model other than the tier's own; empty for that."""
    precision: str = ""
    engine: str = ""
    """Both empty for the deployment that the answer chose."""

    def pick_tier(self, tier: str, model: str = "") -> None:
        """Another workload, or another model at its load; its own choice first."""
        self.tier, self.model, self.precision, self.engine = tier, model, "", ""

    def shown(
        self, answer: Recommendation, candidate: Candidate, found: tuple[DeploymentCurve, ...]
    ) -> Shown:
        """The curve that meets the wish best."""
        own = own_curve(answer, candidate, self.tier)
        if not self.model and (not self.precision or _is(own, self.precision, self.engine)):
            return own
        fits = [c for c in found if c.deployment.precision == self.precision] or list(found)
        curve = next((c for c in fits if c.deployment.engine == self.engine), fits[0] if fits else None)
        if curve is not None:
            return other_curve(candidate, curve)
        return own if not self.model else Shown(candidate, self.tier, self.model, None, (), None, False)

    def groups(
        self, answer: Recommendation, shown: Shown, found: tuple[DeploymentCurve, ...]
    ) -> list[Group]:
        """The choices as they stand."""
        own = own_curve(answer, shown.candidate, self.tier)
        tiers = answer.profile.tiers
        names = [(w.name, w.model.id or "own") for w in tiers]
        if len(tiers) > 1:
            names = [(tier, f"{tier} · {model}") for tier, model in names]
        if self.model:
            names.append((self.model, self.model))
        names.append((MORE, "other…"))
        ways = [(c.deployment.precision, c.deployment.engine) for c in found]
        if own.deployment is not None and not self.model:
            ways.insert(0, (own.deployment.precision, own.deployment.engine))
        at = (shown.deployment.precision, shown.deployment.engine) if shown.deployment else ("", "")
        precisions = list(dict.fromkeys(p for p, _ in ways))
        engines = list(dict.fromkeys(e for p, e in ways if p == at[0]))
        return [
            Group("model", "Model", "t", tuple(names), self.model or workload_of(answer, self.tier).name),
            Group("precision", "Precision", "p", tuple((p, p) for p in precisions), at[0]),
            Group("engine", "Engine", "n", tuple((e, e) for e in engines), at[1]),
        ]


def _is(shown: Shown, precision: str, engine: str) -> bool:
    d = shown.deployment
    return d is not None and d.precision == precision and engine in ("", d.engine)


class OtherCurves:
    """The curves that the answer does not keep, worked out when somebody looks; the last question wins.

    Parameters
    ----------
    start, back
        Run a function in a thread, and on the program's own thread.
    changed
        Called on the program's own thread when an answer has come.
    """

    def __init__(
        self, start: Callable[[Callable[[], None]], Any], back: Callable[..., Any], changed: Callable[[], None]
    ) -> None:
        self._start, self._back, self._changed = start, back, changed
        self._answer: Recommendation | None = None
        self._found: dict[Asked, tuple[tuple[DeploymentCurve, ...], str]] = {}
        self._under_way: tuple[Recommendation, Asked] | None = None
        self._waiting: tuple[Facts, Path | None, Recommendation, Asked] | None = None

    def of(
        self, facts: Facts, folder: Path | None, answer: Recommendation, asked: Asked
    ) -> tuple[tuple[DeploymentCurve, ...], str]:
        """What is known, and a word on the rest: empty when all is."""
        if answer is not self._answer:
            self._answer = answer
            self._found.clear()
        if asked in self._found:
            return self._found[asked]
        wanted = (answer, asked)
        if self._under_way is None:
            self._begin(facts, folder, answer, asked)
        elif self._under_way != wanted:
            self._waiting = (facts, folder, answer, asked)
        return (), "◌ other precisions and engines are being worked out"

    def _begin(self, facts: Facts, folder: Path | None, answer: Recommendation, asked: Asked) -> None:
        self._under_way = (answer, asked)

        def work() -> None:
            self._back(self._landed, answer, asked, *facts.curves(answer, folder, *asked))

        self._start(work)

    def _landed(
        self, answer: Recommendation, asked: Asked, found: tuple[DeploymentCurve, ...], error: str
    ) -> None:
        self._under_way = None
        if answer is self._answer:
            self._found[asked] = (found, f"✗ {error}" if error else "")
        waiting, self._waiting = self._waiting, None
        if waiting is not None and waiting[2] is self._answer:
            self._begin(*waiting)
        self._changed()
