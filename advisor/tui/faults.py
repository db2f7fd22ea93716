"""What happens when the program itself is at fault: the edits are kept, and no value of any variable is printed."""

from __future__ import annotations

import os
import traceback
from pathlib import Path
from typing import Any

from rich.text import Text

PASSES_ON = "turns.py"
"""Through which every event goes: a fault is never its own."""


class Faults:
    """Mixin of the app, before the framework's own class."""

    _exception: Exception | None
    _exit_renderables: list[Any]

    def keep_draft(self) -> str:
        """Write unsaved edits where a crash cannot reach them; why that cannot be done."""
        raise NotImplementedError

    def _fatal_error(self) -> None:
        """Leave with one line: the framework would print every local variable, and a key may be among them.

        `ADVISOR_DEBUG=1` lets it do so, for developers.
        """
        trouble = self.keep_draft()
        if os.environ.get("ADVISOR_DEBUG"):
            super()._fatal_error()  # type: ignore[misc]
            return
        self._exit_renderables.append(Text(f"advisor: error: {fault_text(self._exception, trouble)}"))
        self._close_messages_no_wait()  # type: ignore[attr-defined]


def fault_text(fault: BaseException | None, trouble: str = "") -> str:
    """What to say of a fault of the program: its kind and place, the way on; no value of any variable."""
    frames = traceback.extract_tb(fault.__traceback__) if fault is not None else []
    own = [f for f in frames if "advisor" in Path(f.filename).parts and Path(f.filename).name != PASSES_ON] or frames
    where = f" in {Path(own[-1].filename).name}, line {own[-1].lineno}" if own else ""
    kind = type(fault).__name__ if fault is not None else "unknown"
    edits = (
        f"Unsaved edits could not be kept: {trouble}."
        if trouble
        else "Unsaved edits are kept: start `advisor` again and open the profile."
    )
    return (
        f"this is a fault of the program, not of your input ({kind}{where}). {edits}"
        " Please report it with what you did last."
    )
