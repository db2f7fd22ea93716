"""How one figure of a recommendation comes about."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from advisor.domain.provenance import Frozen, Quantity, Source


class Step(Frozen):
    """One step of the arithmetic."""

    name: str = Field(description="What the step yields.")
    formula: str = Field(description="The arithmetic with numbers.")
    value: float | None = Field(None, description="Its result, where it is a number.")
    path: str = Field("", description="Where the result stands in the tree, to go on asking.")


class Explanation(Frozen):
    """A figure, how it is reckoned from others of the tree, and what it rests on."""

    path: str = Field(description="Path in the tree, as it is spelled in the JSON.")
    what: str = Field(description="What the figure is, with its unit.")
    value: str = Field(description="The figure as the tree holds it.")
    number: float | None = Field(None, description="As a number, where it is one.")
    origin: Literal["", "reckoned", "given", "drawn", "estimated", "measured", "solved"] = Field(
        "",
        description="Of a number: reckoned from other fields, given by profile or catalog, drawn by the Monte Carlo,"
        " estimated from measurements, measured, or solved with the cost model.",
    )
    steps: tuple[Step, ...] = Field((), description="The arithmetic, step by step.")
    check: str = Field("", description="The figure reckoned again from the steps, and whether it agrees.")
    inputs: tuple[Quantity, ...] = Field((), description="Values that went in.")
    sources: tuple[Source, ...] = Field((), description="Sources of these values.")
    rows: tuple[str, ...] = Field((), description="Catalog rows.")
    notes: tuple[str, ...] = Field((), description="What to know beside.")
    children: tuple[str, ...] = Field((), description="Paths below, where the path names a branch.")
