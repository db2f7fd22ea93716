"""Throughput per GPU against speed per user, with measured points, the band of the estimate and the service level."""

from __future__ import annotations

from collections.abc import Sequence

from advisor.domain.recommendation import Candidate
from advisor.domain.sizing import CurvePoint
from advisor.report.charts import legend
from advisor.report.charts.canvas import GREY, INK, LOOKS, Canvas, SeriesLook
from advisor.report.charts.frame import Frame
from advisor.report.naming import short_name
from advisor.report.numbers import count

WIDTH, HEIGHT = 680.0, 400.0
BANDS = 2
"""Bands are drawn for the choice and the runner-up; more would hide each other."""
DRAWN = len(LOOKS)


def draw_pareto(candidates: Sequence[Candidate], slo_tps: float | None, slo_label: str, alt: str) -> str:
    """The chart of the first `DRAWN` candidates that have a curve.

    Parameters
    ----------
    slo_tps
        Speed per user that the service level asks for [tokens/s], if it asks for one.
    """
    shown = [c for c in candidates if estimates(c)][:DRAWN]
    points = [p for c in shown for p in c.curve]
    entries = [(short_name(c), _line_mark(LOOKS[i])) for i, c in enumerate(shown)]
    if any(measured(c) for c in shown):
        entries.append(("measured", _dot_mark(hollow=True)))
    if any(c.operating_point is not None for c in shown):
        entries.append(("where it would be run", _star_mark))
    names = [n for n, _ in entries]
    top = 30 + legend.height(names, 56, WIDTH - 16) + 14
    canvas = Canvas(WIDTH, HEIGHT, "Throughput per GPU against speed per user", alt)
    legend.draw(canvas, entries, 56, WIDTH - 16, 6)
    high = max([p.output_tps_per_gpu for p in points] + [max((p.output_tps_hi for p in estimates(c)), default=0)
                                                         for c in shown[:BANDS]] + [1.0])  # fmt: skip
    widest = max([p.interactivity_tps for p in points] + [slo_tps or 0.0, 1.0])
    frame = Frame.over((56, top, WIDTH - 16, HEIGHT - 44), (0.0, widest), (0.0, high))
    frame.draw_x(canvas, "output tokens/s per user (interactivity, 1/TPOT, median)", count)
    frame.draw_y(canvas, "output tokens/s per GPU", count)
    for i in reversed(range(len(shown))):
        _series(canvas, frame, shown[i], LOOKS[i], banded=i < BANDS)
    if slo_tps is not None and slo_tps <= frame.x_ticks[-1]:
        at = frame.x(slo_tps)
        canvas.line((at, frame.top), (at, frame.bottom), colour=INK, width=1.4, dash="3 2")
        right = at < (frame.left + frame.right) / 2
        canvas.text(at + (5 if right else -5), frame.top + 12, slo_label, anchor="start" if right else "end")
    return canvas.svg()


def estimates(candidate: Candidate) -> list[CurvePoint]:
    """The estimated curve, by speed per user."""
    return sorted((p for p in candidate.curve if p.kind == "estimate"), key=lambda p: p.interactivity_tps)


def measured(candidate: Candidate) -> list[CurvePoint]:
    """Measured points of the curve, by speed per user."""
    return sorted((p for p in candidate.curve if p.kind == "measured"), key=lambda p: p.interactivity_tps)


def _series(canvas: Canvas, frame: Frame, candidate: Candidate, look: SeriesLook, *, banded: bool) -> None:
    curve = estimates(candidate)
    if banded:
        upper = [(frame.x(p.interactivity_tps), frame.y(p.output_tps_hi)) for p in curve]
        lower = [(frame.x(p.interactivity_tps), frame.y(p.output_tps_lo)) for p in curve]
        canvas.area([*upper, *reversed(lower)], colour=look.colour, opacity=0.13)
    canvas.path(
        [(frame.x(p.interactivity_tps), frame.y(p.output_tps_per_gpu)) for p in curve],
        colour=look.colour, width=2.2 if banded else 1.5, dash=look.dash,
    )  # fmt: skip
    for p in measured(candidate):
        canvas.marker(
            frame.x(p.interactivity_tps), frame.y(p.output_tps_per_gpu), look.marker, look.colour, size=3, hollow=True
        )
    point = candidate.operating_point
    if point is not None:
        x, y = frame.x(point.interactivity_tps), frame.y(point.output_tps_per_gpu)
        canvas.marker(x, y, look.marker, look.colour, size=5.5)


def _line_mark(look: SeriesLook) -> legend.Mark:
    def mark(canvas: Canvas, x: float, y: float) -> None:
        canvas.path([(x, y), (x + 22, y)], colour=look.colour, dash=look.dash)
        canvas.marker(x + 11, y, look.marker, look.colour)

    return mark


def _dot_mark(*, hollow: bool) -> legend.Mark:
    def mark(canvas: Canvas, x: float, y: float) -> None:
        canvas.marker(x + 11, y, "circle", GREY, size=3, hollow=hollow)

    return mark


def _star_mark(canvas: Canvas, x: float, y: float) -> None:
    canvas.marker(x + 11, y, "circle", GREY, size=5.5)
