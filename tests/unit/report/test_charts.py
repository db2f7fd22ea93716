"""Charts: well formed, the same bytes, told apart without colour, nothing outside the frame."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.domain.recommendation import Recommendation
from advisor.report.blocks import Chart
from advisor.report.build import build_report
from advisor.report.charts.bars import FILLS, Range, Stack, Swing, draw_ranges, draw_stacks, draw_tornado
from advisor.report.charts.canvas import LOOKS, Canvas, text_width, ticks
from advisor.report.charts.frame import Frame
from advisor.report.charts.months import draw_months

NAME = "{http://www.w3.org/2000/svg}"


def charts(tree: Recommendation) -> list[Chart]:
    return [b for b in build_report(tree).blocks if isinstance(b, Chart)]


@pytest.mark.parametrize("which", ["renewal", "operator"])
def test_nothing_is_drawn_or_written_outside(which: str, request: pytest.FixtureRequest) -> None:
    for chart in charts(request.getfixturevalue(which)):
        root = ElementTree.fromstring(chart.svg)
        _, _, width, height = map(float, root.attrib["viewBox"].split())
        for text in root.iter(f"{NAME}text"):
            x, y = float(text.attrib["x"]), float(text.attrib["y"])
            size = float(text.attrib["font-size"])
            length = text_width(text.text or "", size) * 0.9
            anchor = text.attrib.get("text-anchor", "start")
            left = {"start": x, "middle": x - length / 2, "end": x - length}[anchor]
            assert left >= -2, (chart.anchor, text.text)
            assert left + length <= width + 4, (chart.anchor, text.text)
            assert 0 < y <= height, (chart.anchor, text.text)
        for shape in root.iter(f"{NAME}circle"):
            assert 0 <= float(shape.attrib["cx"]) <= width
            assert 0 <= float(shape.attrib["cy"]) <= height


def test_alt_text_and_table_say_what_the_chart_shows(renewal: Recommendation) -> None:
    by_name = {c.anchor: c for c in charts(renewal)}
    assert set(by_name) == {"chart-range", "chart-pareto", "chart-cost", "chart-cash", "chart-tornado"}
    cost = renewal.candidates[0].cost
    assert cost is not None
    assert f"{cost.usd_per_month.p50:,.0f}" in by_name["chart-range"].alt
    assert len(by_name["chart-cash"].table.rows) == len(cost.flows)
    for chart in by_name.values():
        assert ElementTree.fromstring(chart.svg).find(f"{NAME}desc") is not None
        assert chart.table.rows


def test_series_differ_by_marker_and_by_dash_not_only_by_colour() -> None:
    assert len({x.marker for x in LOOKS}) == len(LOOKS)
    assert len({x.dash for x in LOOKS}) == len(LOOKS)
    assert len({x.colour for x in LOOKS}) == len(LOOKS)


def test_fills_differ_in_grey() -> None:
    def grey(colour: str) -> float:
        r, g, b = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    looks = [(hatch, grey(fill)) for fill, hatch, _ in FILLS.values()]
    for i, (hatch, shade) in enumerate(looks):
        for other_hatch, other in looks[i + 1 :]:
            assert hatch != other_hatch or abs(shade - other) > 0.1


@given(st.floats(-1e9, 1e9), st.floats(0, 1e9))
def test_ticks_cover_the_range_with_even_steps(low: float, width: float) -> None:
    high = low + width
    found = ticks(low, high)
    step = found[1] - found[0]
    assert found[0] <= low + abs(low) * 1e-9 + step * 1e-6
    assert found[-1] >= high - abs(high) * 1e-9 - step * 1e-6
    assert 2 <= len(found) <= 12


def test_places_on_the_frame_by_hand() -> None:
    frame = Frame((100), (10), (300), (110), (0.0, 50.0, 100.0), (0.0, 1.0))
    assert frame.x(25) == 150
    assert frame.y(0.25) == 85


def test_stack_puts_returns_left_of_zero() -> None:
    svg = draw_stacks([Stack("X", (("capital", 100.0), ("residual", -20.0)), 80.0)], "alt")
    boxes = [
        (float(m[1]), float(m[2]), m[3])
        for m in re.finditer(r'<rect x="([\d.-]+)" y="[\d.]+" width="([\d.]+)" height="18" fill="(#\w+)"', svg)
    ]
    capital = next(b for b in boxes if b[2] == FILLS["capital"][0])
    residual = next(b for b in boxes if b[2] == FILLS["residual"][0])
    assert residual[0] + residual[1] == pytest.approx(capital[0], abs=0.02)
    assert capital[1] == pytest.approx(5 * residual[1], rel=0.01)


def test_twenty_rows_or_one_and_hostile_names() -> None:
    for n in (1, 20):
        ranges = [Range(f"<X{i}> & “y”", 1.0 * i, 2.0 * i, 3.0 * i, None) for i in range(1, n + 1)]
        ElementTree.fromstring(draw_ranges(ranges, "t", "m", "a\x1b[0m<b>"))
    swing = Swing("an input with a very long name that would run out of the drawing to the left of it", 0, 0, "a", "b")
    ElementTree.fromstring(draw_tornado([swing], "t", "zero", "alt"))
    ElementTree.fromstring(draw_months(("x", [0.0]), None, "alt"))


def test_one_point_makes_no_line() -> None:
    canvas = Canvas(10, 10, "t", "d")
    canvas.path([(1, 1)], colour="#000000")
    assert "<path" not in canvas.svg()
