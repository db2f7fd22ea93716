"""What a widget stands in, where that scrolls: a table or a list may be taller than the screen leaves room for."""

from __future__ import annotations

from textual.geometry import Region
from textual.widget import Widget


def scrolled_around(widget: Widget) -> Widget | None:
    """The nearest container around a widget that can be scrolled up and down."""
    for node in widget.ancestors:
        if isinstance(node, Widget) and node.allow_vertical_scroll and node is not widget:
            return node
    return None


def show_line(widget: Widget, line: int, lines: int = 1) -> None:
    """Bring one line of a widget into sight, by scrolling what is around it."""
    around = scrolled_around(widget)
    if around is None:
        return
    top = line
    node: object = widget
    while isinstance(node, Widget) and node is not around:
        top += node.virtual_region.y
        node = node.parent
    around.scroll_to_region(Region(0, top, 1, lines), animate=False, force=True, x_axis=False)
