"""Keys one at a time: the next is passed on when all that the last one set going has been done.

The framework gives a key to what has the focus when it arrives, and runs its binding once it has bubbled to the top.
Keys that arrive together, as over a slow line, would all go to the first of them: of `/dy` the d would ask whether the
profile under the cursor may be deleted, and the y would say yes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual import events
from textual.app import App
from textual.message_pump import MessagePump
from textual.screen import Screen
from textual.timer import Timer

PATIENCE_S = 1.0
"""After which the next key is passed on whatever the last one waits for."""

if TYPE_CHECKING:
    Base = App[None]
else:
    Base = object


class Turns(Base):
    """Mixin of the app."""

    _key = 0
    """The key that was passed on last; they are counted from 1."""
    _under_way = False
    _on: Screen[object]
    """The screen that was in view when it was."""
    _patience: Timer | None = None

    async def on_event(self, event: events.Event) -> None:
        """Pass keys and pastes on in turn, all else at once."""
        if not isinstance(event, events.Key | events.Paste) or event.is_forwarded:
            await super().on_event(event)
        elif self._under_way:
            self._keys.append(event)
            if self._patience is None:
                self._patience = self.set_timer(PATIENCE_S, self._passed)
        else:
            await self._pass_on(event)

    @property
    def _keys(self) -> deque[events.Key | events.Paste]:
        """Those that wait."""
        waiting: deque[events.Key | events.Paste] = self.__dict__.setdefault("_keys_waiting", deque())
        return waiting

    async def _pass_on(self, event: events.Key | events.Paste) -> None:
        self._key += 1
        self._under_way, self._on = True, self.screen
        target = self.focused or self.screen
        way: list[MessagePump] = [target, *(node for node in target.ancestors if node is not self)]
        await super().on_event(event)
        # Behind the key on its way to the top, where its binding runs, and once more behind what that has posted.
        self._follow([*way, self, *way], self._key)

    def _follow(self, way: Sequence[MessagePump], key: int) -> None:
        """Wait in line at each of these in turn; those that are gone are passed by."""
        for i, pump in enumerate(way):
            if pump.call_later(self._follow, way[i + 1 :], key):
                return
        if self.screen is self._on:
            self.call_later(self._next, key)  # behind a change of focus that waits in the same line
        else:  # a window came or went: the next key is for what has the focus once it is drawn
            self.screen.call_after_refresh(self.call_later, self._next, key)

    def _passed(self) -> None:
        self.call_later(self._next, self._key)

    async def _next(self, key: int) -> None:
        """The key is done, or has waited long enough."""
        if key != self._key or not self._under_way:
            return
        self._under_way = False
        if self._patience is not None:
            self._patience.stop()
            self._patience = None
        if self._keys:
            await self._pass_on(self._keys.popleft())
            if self._keys:
                self._patience = self.set_timer(PATIENCE_S, self._passed)


__all__ = ["Turns"]
