"""The report as PDF: blocks go to typst as data, so that nothing in them is read as markup."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from advisor.domain.errors import InputError
from advisor.domain.text import plain
from advisor.report.blocks import (
    Block,
    Cards,
    Chart,
    Columns,
    Contents,
    Heading,
    Inline,
    Items,
    PageBreak,
    Para,
    References,
    Report,
    Table,
)
from advisor.report.numbers import unbroken

LOG = logging.getLogger(__name__)
HERE = Path(__file__).resolve().parent
BASE_FONTS = ("Source Sans 3",)
WIDE_FONTS = ("DejaVu Sans", "Droid Sans Fallback")
MONO_FONTS = ("DejaVu Sans Mono",)
STANDARDS = ("ua-1", "a-2a")
"""Tagged PDF/UA-1 and PDF/A-2a, enforced by typst while it writes."""
WHOLE_ROWS, WHOLE_CHARS = 18, 1800
"""A table up to this size moves to the next page as a whole."""


def write_pdf(report: Report, *, paper: str = "a4") -> bytes:
    """The report as PDF; the same report gives the same bytes.

    Fonts of the machine are looked at only for a character that the bundled ones lack; where none has it, the
    accessibility standard cannot be kept, and the report is written without.

    Raises
    ------
    InputError
        Where no typst wheel exists for the platform; markdown and HTML need none.
    """
    try:
        import typst
    except ImportError:
        raise InputError(
            "a PDF needs the package typst, which has no build for this platform; use --format markdown or html"
        ) from None
    body = as_data(report, paper)
    options: dict[str, Any] = {
        "input": str(HERE / "pdf.typ"),
        "root": str(HERE),
        "sys_inputs": {"report": json.dumps(body, ensure_ascii=False)},
        "format": "pdf",
        "timestamp": 0,
    }
    wide = [str(HERE / "fonts" / name) for name in ("base", "wide")]
    bundled = [wide] if needs_wide_fonts(body) else [wide[:1], wide]
    for fonts, system in [*((f, False) for f in bundled), (wide, True)]:
        try:
            return _compile(
                {**options, "font_paths": fonts, "ignore_system_fonts": not system, "pdf_standards": list(STANDARDS)}
            )
        except typst.TypstError as error:
            # Under the standards a glyph that no font has is an error; anything else is a fault of ours.
            if not any(word in str(error) for word in ("glyph", "codepoint", "font")):
                raise
    LOG.warning(
        "a character of this report is in none of the fonts: it is a box in the PDF, which is not accessible (PDF/UA);"
        " --format html shows it"
    )
    return _compile({**options, "font_paths": wide, "ignore_system_fonts": False})


def _compile(options: dict[str, Any]) -> bytes:
    import typst

    compiled: Any = typst.compile(**options)
    assert isinstance(compiled, bytes)
    return compiled


def as_data(report: Report, paper: str) -> dict[str, Any]:
    """The report as plain data for the template."""
    return {
        "title": report.title,
        "short_title": plain(report.title, 80),
        "kicker": report.kicker,
        "headline": report.headline,
        "as_of": f"judged as of {report.as_of.isoformat()}",
        "date": [report.as_of.year, report.as_of.month, report.as_of.day],
        "footer": report.footer,
        "keywords": list(report.keywords),
        "paper": {"a4": "a4", "letter": "us-letter"}[paper],
        "fonts": [*BASE_FONTS, *WIDE_FONTS],
        "mono": [*MONO_FONTS, *BASE_FONTS, *WIDE_FONTS],
        "blocks": [
            {**_block(b), "leads": isinstance(after, Table | Chart)}
            for b, after in zip(report.blocks, [*report.blocks[1:], None], strict=True)
        ],
    }


def needs_wide_fonts(body: dict[str, Any]) -> bool:
    """Whether any text leaves what the base font covers (Latin, Greek, Cyrillic and common signs)."""
    text = json.dumps(body, ensure_ascii=False)
    return any(ord(c) > 0x24F and c not in _BASE_SIGNS and not 0x370 <= ord(c) <= 0x52F for c in text)


_BASE_SIGNS = frozenset("✓✗▲●■◆§†‡″′–—‘’“”„•…−×≤≥→←↑↓≈≠·€£°±½¼¾©®™")


def _inline(line: Inline) -> list[dict[str, str]]:
    return [{"t": unbroken(s.text), "s": s.style, "g": s.target} for s in line]


def _table(b: Table) -> dict[str, Any]:
    return {
        "kind": "table",
        "caption": b.caption,
        "columns": [{"title": c.title, "align": c.align, "width": c.width} for c in b.columns],
        "rows": [[_inline(cell) for cell in row] for row in b.rows],
        "strong_rows": sorted(b.strong_rows),
        "dense": b.dense,
        "whole": _fits_whole(b),
    }


def _fits_whole(b: Table) -> bool:
    """Whether the table is small enough to be kept on one page."""
    return len(b.rows) <= WHOLE_ROWS and sum(len(s.text) for row in b.rows for c in row for s in c) <= WHOLE_CHARS


def _block(b: Block) -> dict[str, Any]:
    match b:
        case Heading():
            return {"kind": "heading", "level": b.level, "text": _inline(b.text), "first": b.anchor == "verdict"}
        case Para():
            return {"kind": "para", "text": _inline(b.text), "note": b.note}
        case Items():
            return {"kind": "items", "items": [_inline(i) for i in b.items], "ordered": b.ordered}
        case Table():
            return _table(b)
        case Chart():
            return {
                "kind": "chart", "svg": b.svg, "alt": b.alt, "caption": b.caption, "show_table": b.show_table,
                "table": _table(b.table),
            }  # fmt: skip
        case Cards():
            return {"kind": "cards", "cards": [{"label": c.label, "value": c.value, "note": c.note} for c in b.cards]}
        case Columns():
            return {
                "kind": "columns", "titles": list(b.titles),
                "lists": [[_inline(i) for i in items] for items in b.lists],
            }  # fmt: skip
        case PageBreak():
            return {"kind": "pagebreak"}
        case Contents():
            return {"kind": "contents"}
        case References():
            return {"kind": "references", "entries": [{"number": e.number, "text": _inline(e.text)} for e in b.entries]}
