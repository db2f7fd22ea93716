"""Evidence: every measurement, with filters, sources, flags and age."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from advisor.tui import format as f
from advisor.tui.actions import bindings
from advisor.tui.desk import Sight
from advisor.tui.screens.pane import Pane
from advisor.tui.widgets.grid import Column, Grid
from advisor.tui.widgets.tones import Piece, content

if TYPE_CHECKING:
    from advisor.domain.evidence import Measurement

FAMILY = {
    "own_probe": ("own probe", "good"), "single_run": ("single run", "plain"), "median": ("median", "plain"),
    "published_table": ("published", "dim"), "secondhand": ("second hand", "warn"), "vendor_ci": ("vendor CI", "warn"),
}  # fmt: skip
FACETS = ("family", "accelerator", "model", "precision", "engine", "shape", "conc", "date", "source")


class EvidencePane(Pane):
    """The evidence browser."""

    PANE_ID = "evidence"
    TEXT = ".side"
    HELP = (
        "All measurements in the catalog, AMD's own CI, and your own probes. Type words, or column:value, e.g."
        " `mi355x dsr1 fp4` or `engine:vllm conc:64`. f keeps only rows like the cell under the cursor, w only those"
        " that the answer on the desk rests on, Escape shows all. A value is meant as a whole where a row has it, else"
        " its beginning. Flags name doubts about a row; families are never"
        " mixed in silence."
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("evidence")]

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[Measurement] = []
        self._texts: dict[str, str] = {}
        self._loaded: object = None
        self._behind: frozenset[str] | None = None

    def compose(self) -> ComposeResult:
        """Filter, table, row."""
        with Horizontal(classes="filter"):
            yield Input(placeholder="/ to filter: words, or column:value", compact=True, id="evidence-search")
            yield Static("", id="evidence-count", markup=False)
        with Horizontal(classes="two", id="evidence-body"):
            yield Grid["Measurement"](columns(self._today()), empty="No measurement matches. Press Escape to see all.",
                              id="evidence-list")  # fmt: skip
            with VerticalScroll(classes="side", can_focus=False):
                yield Static("", id="evidence-text")
        yield Static("", id="evidence-credit", classes="note")

    def _today(self) -> date:
        return date.fromisoformat(self.program.as_of) if self.program.as_of else date.today()

    def first_focus(self) -> Widget:
        """The table."""
        return self.query_one("#evidence-list")

    def draw(self, sight: Sight) -> None:
        """Load the rows once the catalog is there; the filter stays."""
        del sight
        bench = self.bench
        if bench is None:
            self.query_one("#evidence-text", Static).update(content(("\n ◌ Reading the catalog …", "strong")))
            return
        if self._loaded is not bench:
            self._loaded = bench
            self._rows = [*bench.evidence, *bench.catalog.measurements, *bench.catalog.vendor_ci]
            self._texts = {}
            credit = "Data from InferenceX by SemiAnalysis; points of AMD's own CI are vendor measurements."
            self.query_one("#evidence-credit", Static).update(credit)
            self._filter()

    @on(Input.Changed, "#evidence-search")
    def _filter(self) -> None:
        words = self.query_one("#evidence-search", Input).value.casefold().split()
        rows = self._rows
        if self._behind is not None:
            rows = [m for m in rows if m.row_id in self._behind]
        words = [self._whole(word) for word in words]
        if words:
            rows = [m for m in rows if all(word in self._text(m) for word in words)]
            # A source is named after all that it compares: rows that it alone brings come last.
            rows.sort(key=lambda m: not all(word in self._text(m).partition(" source:")[0] for word in words))
        self.query_one("#evidence-list", Grid).show(rows, keep=lambda m: m.row_id)
        behind = " behind this answer" if self._behind is not None else ""
        self.query_one("#evidence-count", Static).update(f" {len(rows):,} of {len(self._rows):,}{behind} ")
        if not rows:
            self.query_one("#evidence-text", Static).update("")

    def _whole(self, word: str) -> str:
        """A `column:value` with its ends, where some row has just that value: conc:16 is not 160."""
        whole = f" {word} "
        named = word.partition(":")[0] in FACETS
        return whole if named and any(whole in self._text(m) for m in self._rows) else word

    def _text(self, m: Measurement) -> str:
        """What a search looks at, each value between blanks; made when first searched."""
        text = self._texts.get(m.row_id)
        if text is None:
            text = self._texts[m.row_id] = f" {haystack(m)} "
        return text

    @on(Input.Submitted, "#evidence-search")
    def _to_list(self) -> None:
        self.query_one("#evidence-list").focus()

    @on(Grid.Moved, "#evidence-list")
    def _moved(self, event: Grid.Moved) -> None:
        self.query_one("#evidence-text", Static).update(self._about(event.row))

    @on(Grid.Opened, "#evidence-list")
    def _opened(self, event: Grid.Opened) -> None:
        from advisor.tui.widgets.dialogs import Reader

        self.app.push_screen(Reader(event.row.row_id, self._about(event.row)))

    def _about(self, m: Measurement) -> Content:
        from dataclasses import fields

        bench = self.bench
        source = bench.catalog.sources.get(m.source_id) if bench else None
        word, tone = FAMILY.get(m.family, (m.family, "plain"))
        parts = [content((f"{m.row_id}\n", "head"), (word, tone), f", {f.age(m.date, self._today())} old\n")]
        parts += [content(("⚑ ", "warn"), f"{flag.replace('_', ' ').lower()}\n") for flag in m.flags]
        for field in fields(m):
            value = getattr(m, field.name)
            value = "yes" if value is True else value
            if value not in (None, "", (), False) and field.name not in ("row_id", "family", "flags"):
                parts.append(content((f"{field.name.replace('_', ' '):<22}", "dim"), f"{value}\n"))
        if source is not None:
            parts.append(
                content(("\nSource\n", "head"), f"{source.reference}\n", (f"{source.kind}, {source.as_of}\n", "dim"))
            )
            if source.attribution:
                parts.append(content((source.attribution, "dim")))
        return Content("").join(parts)

    # --------------------------------------------------------------- actions

    def show_row(self, row_id: str) -> None:
        """Put the cursor on one row."""
        self.action_clear()
        self.query_one("#evidence-list", Grid).select(lambda m: m.row_id == row_id)

    def action_search(self) -> None:
        """Type a filter."""
        self.query_one("#evidence-search").focus()

    def action_facet(self) -> None:
        """Only rows like the cell under the cursor."""
        grid: Grid[Measurement] = self.query_one("#evidence-list", Grid)
        column = grid.columns[grid.column]
        if grid.current is None:
            return
        if column.key not in FACETS:
            self.notify("Move over a family, part, model, precision, engine, shape or date first.", timeout=4)
            return
        cell = column.cell(grid.current)
        value = (cell if isinstance(cell, str) else cell.text).replace(" ", "_")
        box = self.query_one("#evidence-search", Input)
        box.value = f"{box.value} {column.key}:{value.casefold()}".strip()

    def action_clear(self) -> None:
        """All rows."""
        self._behind = None
        box = self.query_one("#evidence-search", Input)
        if box.value:
            box.value = ""
        else:
            self._filter()
        self.query_one("#evidence-list").focus()

    def action_mine(self) -> None:
        """Only the rows that the answer rests on."""
        answer = self.sight.answer
        if self._behind is not None:
            self._behind = None
        elif answer is None:
            self.notify("No answer is on the desk. Open a profile first.", timeout=4)
            return
        else:
            points = [c.operating_point for c in answer.candidates if c.operating_point]
            points += [t.operating_point for c in answer.candidates for t in c.tiers]
            curve = {p.row_id for c in answer.candidates for p in c.curve if p.row_id}
            self._behind = frozenset({r for p in points for r in p.evidence_rows} | curve)
        self._filter()


def haystack(m: Measurement) -> str:
    """What a search looks at: what the columns show, each also as column:value, the flags and the row's id.

    Not the container image: one that serves several parts names others than the row's own.
    """
    family = FAMILY.get(m.family, (m.family, ""))[0].replace(" ", "_")
    shape = f"{m.isl}/{m.osl}"
    return (
        f"{m.row_id} family:{family} accelerator:{m.accelerator} model:{m.model} precision:{m.precision}"
        f" engine:{m.engine} spec:{m.spec_method} shape:{shape} conc:{m.concurrency} tp:{m.tp} ep:{m.ep} date:{m.date}"
        f" {'disagg' if m.disagg else ''} {' '.join(f'flag:{x}' for x in m.flags)} source:{m.source_id}"
    ).casefold()


def columns(today: date) -> list[Column[Measurement]]:
    """The table."""

    def family(m: Measurement) -> Piece:
        return Piece(*FAMILY.get(m.family, (m.family, "plain")))

    def layout(m: Measurement) -> str:
        parts = [f"TP{m.tp}" if m.tp else ""] + ([f"EP{m.ep}"] if m.ep > 1 else []) + (["disagg"] if m.disagg else [])
        return " ".join(p for p in [*parts, m.spec_method if m.spec_method != "none" else ""] if p)

    return [
        Column("accelerator", "Part", lambda m: Piece(m.accelerator, "strong"), sort=lambda m: m.accelerator, width=8),
        Column("model", "Model", lambda m: m.model, sort=lambda m: m.model, width=13),
        Column("precision", "Prec.", lambda m: m.precision, sort=lambda m: m.precision, width=7),
        Column("engine", "Engine", lambda m: m.engine, sort=lambda m: m.engine, width=14),
        Column("shape", "In/out", lambda m: f"{m.isl}/{m.osl}", sort=lambda m: (m.isl, m.osl), right=True, width=10),
        Column("conc", "At once", lambda m: f"{m.concurrency}", sort=lambda m: m.concurrency, right=True, width=9),
        Column(
            "total",
            "total tok/s·GPU",  # input and output; elsewhere the output alone is shown
            lambda m: f.compact(m.total_tps_per_gpu),
            sort=lambda m: m.total_tps_per_gpu,
            right=True,
            best=True,
            width=17,
        ),
        Column(
            "tpot",
            "TPOT",
            lambda m: f.seconds(m.tpot_p50_s or m.tpot_mean_s),
            sort=lambda m: m.tpot_p50_s or m.tpot_mean_s,
            right=True,
            width=8,
        ),
        Column(
            "ttft",
            "TTFT",
            lambda m: f.seconds(m.ttft_p50_s or m.ttft_mean_s),
            sort=lambda m: m.ttft_p50_s or m.ttft_mean_s,
            right=True,
            width=8,
        ),
        Column("layout", "Layout", lambda m: Piece(layout(m), "dim"), sort=layout, width=15),
        Column("family", "Family", family, sort=lambda m: m.family, width=11),
        Column("date", "Date", lambda m: str(m.date or f.MISSING), sort=lambda m: m.date, width=10, best=True),
        Column(
            "age",
            "Age",
            lambda m: Piece(f.age(m.date, today), "warn" if m.date and (today - m.date).days > 180 else "plain"),
            sort=lambda m: m.date,
            right=True,
            width=6,
        ),
        Column(
            "flags",
            "⚑",
            lambda m: Piece(f"⚑ {len(m.flags)}" if m.flags else "", "warn"),
            sort=lambda m: len(m.flags),
            width=4,
            best=True,
        ),
        Column("source", "Source", lambda m: Piece(m.source_id, "dim"), sort=lambda m: m.source_id, most=40),
    ]
