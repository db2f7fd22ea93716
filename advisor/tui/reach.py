"""Ways from anywhere to one fact, one field, one model: what the palette and the screens call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from advisor.tui.desk import Desk, Facts
from advisor.tui.document import Key
from advisor.tui.screens.pane import Pane

if TYPE_CHECKING:
    from advisor.domain.evidence import Measurement
    from advisor.workbench import Workbench


class Reach:
    """Mixin of the app."""

    if TYPE_CHECKING:
        desk: Desk

        @property
        def pane(self) -> Pane: ...
        async def go(self, pane: str) -> None: ...
        def edit(self, key: Key, value: Any) -> None: ...
        def in_thread(self, run: Callable[[], None]) -> None: ...
        def _load(self) -> None: ...

    async def show_fact(self, kind: str, fact: str) -> None:
        """Show one entry of the catalog."""
        await self.go("catalog")
        self.pane.show_entry(kind, fact)  # type: ignore[attr-defined]

    async def show_evidence(self, row_id: str) -> None:
        """Show one measurement."""
        await self.go("evidence")
        self.pane.show_row(row_id)  # type: ignore[attr-defined]

    def use_evidence(self, found: Sequence[Measurement]) -> None:
        """Answer from now on with measurements of one's own."""
        from advisor.workbench import Workbench

        bench = self.desk.facts.bench
        if bench is None:
            return
        # a run that was taken up again has measured some of its steps anew
        evidence = tuple({m.row_id: m for m in (*bench.evidence, *found)}.values())

        def opener() -> Workbench:
            fresh = Workbench(bench.overlays, as_of=bench.as_of, evidence=evidence, bare=True)
            fresh.__dict__["catalog"] = bench.catalog  # the catalog has not changed; reading it again takes a second
            return fresh

        self.desk.change_facts(Facts(opener))
        self.in_thread(self._load)

    def use_model(self, model: str) -> None:
        """Serve another model in the open profile."""
        tiers = self.desk.document.get(("workloads",)) if self.desk.document else None
        self.edit(("workloads", 0, "model", "id") if tiers else ("model", "id"), model)

    async def edit_field(self, key: Key) -> None:
        """Go to a field of the form."""
        await self.go("workload")
        self.pane.jump(key)  # type: ignore[attr-defined]
